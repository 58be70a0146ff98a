//! Settings of webhooks without faults.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::sandbox::provider::ms;

/// The webhooks of an accepted message, and the delivery of all webhooks.
///
/// ```
/// use std::time::Duration;
/// use zengine_strategies::sandbox::meta_cloud::Webhooks;
///
/// let chaotic = Webhooks::new().reversed().with_copies(2).batched(50, Duration::from_millis(20));
/// let never_read = Webhooks::new().with_statuses([("sent", Duration::ZERO), ("delivered", Duration::from_millis(10))]);
/// # drop((chaotic, never_read));
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
#[must_use = "it does nothing until it is given to the settings or the emulator"]
pub struct Webhooks {
    pub(in crate::sandbox) statuses: Vec<StatusStep>,
    /// Number of deliveries of every POST.
    pub(in crate::sandbox) copies: u32,
    pub(in crate::sandbox) batch: Option<Batch>,
    /// The pauses before redeliveries, by the emulator's clock.
    pub(in crate::sandbox) redelivery_ms: Vec<u64>,
    /// Maximum time for the callback to respond, in real time.
    pub(in crate::sandbox) timeout_ms: u64,
}

/// A status of an accepted message, and the pause before it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in crate::sandbox) struct StatusStep {
    pub(in crate::sandbox) status: String,
    #[serde(default)]
    pub(in crate::sandbox) ms: u64,
}

/// Maximum updates in one POST, and maximum time to collect them.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in crate::sandbox) struct Batch {
    pub(in crate::sandbox) most: usize,
    pub(in crate::sandbox) ms: u64,
}

impl Webhooks {
    /// Creates the default: `sent`, `delivered` and `read` within 50 ms, one POST each; after any response but 200 an immediate
    /// redelivery and three more with growing pauses.
    pub fn new() -> Self {
        let step = |(status, ms): (&str, u64)| StatusStep { status: status.to_owned(), ms };
        Self {
            statuses: [("sent", 5), ("delivered", 15), ("read", 25)].map(step).into(),
            copies: 1,
            batch: None,
            redelivery_ms: vec![0, 400, 1_600, 5_000],
            timeout_ms: 10_000,
        }
    }

    /// Sends no status webhooks; inbound messages are still delivered.
    pub fn off() -> Self {
        Self { statuses: Vec::new(), ..Self::new() }
    }

    /// Sets the statuses of a message in the order of sending, each with the pause before it.
    pub fn with_statuses<S: Into<String>>(mut self, statuses: impl IntoIterator<Item = (S, Duration)>) -> Self {
        self.statuses = statuses.into_iter().map(|(status, pause)| StatusStep { status: status.into(), ms: ms(pause) }).collect();
        self
    }

    /// Reverses the order of the statuses, so that `read` comes before `sent`.
    pub fn reversed(mut self) -> Self {
        self.statuses.reverse();
        self
    }

    setters! {
        /// Sets the number of deliveries of every POST, as Meta sometimes repeats them. Defaults to 1; at least 1.
        pub with_copies(copies: u32) => copies = copies.max(1);
        /// Collects up to `most` changes of all numbers in one POST, 1 to 1,000, for at most `within`. Defaults to no batches.
        pub batched(most: usize, within: Duration) => batch = Some(Batch { most: most.clamp(1, 1_000), ms: ms(within) });
        /// Redelivers for seven days, as Meta documents: at once, after a minute, then with growing pauses. Advance the emulator's
        /// clock to trigger the redeliveries; until then such a webhook does not [settle](crate::sandbox::Emulator::settle).
        pub redelivered_for_a_week() => redelivery_ms = decreasing(7 * 86_400_000);
        /// Sets the pauses, by the emulator's clock, before redeliveries after a response other than 200; empty for no redelivery.
        pub with_redelivery(pauses: impl IntoIterator<Item = Duration>) => redelivery_ms = pauses.into_iter().map(ms).collect();
        /// Sets the maximum time for the callback to respond. Defaults to 10 seconds.
        pub with_timeout(timeout: Duration) => timeout_ms = ms(timeout);
    }

    /// The settings within their ranges.
    pub(in crate::sandbox) fn in_range(self) -> Self {
        let batch = self.batch.map(|batch| Batch { most: batch.most.clamp(1, 1_000), ..batch });
        Self { copies: self.copies.max(1), batch, ..self }
    }
}

impl Default for Webhooks {
    fn default() -> Self {
        Self::new()
    }
}

/// Pauses of redeliveries for `total`: none, a minute, then double the pause each time, at most 12 hours.
fn decreasing(total: u64) -> Vec<u64> {
    let (mut pauses, mut pause, mut spent) = (vec![0], 60_000, 0);
    while spent + pause <= total {
        pauses.push(pause);
        spent += pause;
        pause = (pause * 2).min(12 * 3_600_000);
    }
    pauses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redeliveries_get_rarer_and_end() {
        let week = 7 * 86_400_000;
        let pauses = decreasing(week);
        assert_eq!(pauses[..3], [0, 60_000, 120_000]);
        assert!(pauses.iter().sum::<u64>() <= week && pauses.len() < 40, "{}", pauses.len());
    }
}
