//! The breakers' entries in the shared log (rule 49).

use serde::{Deserialize, Serialize};

use super::super::settings::Breaker;

/// Version of the document's format.
pub(super) const SCHEMA: u32 = 1;

words! {
    /// The state of a breaker. Exhaustive by design.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub enum State {
        /// All calls pass.
        Closed = "closed",
        /// No call passes.
        Open = "open",
        /// One call passes as a probe.
        HalfOpen = "half_open",
    }
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Document {
    pub(super) schema: u32,
    pub(super) n: u64,
    pub(super) state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) open_until_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) prober: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) probe_until_ms: Option<i64>,
    pub(super) trips: u32,
    pub(super) reason: String,
    pub(super) writer: String,
    pub(super) at_ms: i64,
}

/// Open time at the n-th trip, before jitter (rule 48).
pub(super) fn open_time(settings: &Breaker, trips: u32) -> std::time::Duration {
    let factor = 1_u32.checked_shl(trips.saturating_sub(1)).unwrap_or(u32::MAX);
    settings.open_time.saturating_mul(factor).min(settings.max_open_time)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn rule_48_open_time_doubles_up_to_five_minutes() {
        let times: Vec<_> = [1, 2, 3, 4, 5, 100].map(|trips| open_time(&Breaker::default(), trips).as_secs()).into();
        assert_eq!(times, [30, 60, 120, 240, 300, 300]);
        assert_eq!(open_time(&Breaker { open_time: Duration::from_secs(1), ..Breaker::default() }, 2), Duration::from_secs(2));
    }
}
