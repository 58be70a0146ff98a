//! The times of a request whose answer is due.

use std::time::Duration;

/// Maximum time for `respond`.
pub(super) const RESPOND_TIMEOUT: Duration = Duration::from_secs(10);

/// Time to collect replies and to respond, where the deadline of a synchronous channel leaves less.
pub(super) const COLLECT: Duration = Duration::from_millis(500);

/// Longest time that is kept for `respond`, and as much for `finish`, where a channel's answer is due at a time.
pub(super) const KEPT: Duration = Duration::from_millis(250);

/// The monotonic times of a request whose answer is due at a time.
#[derive(Clone, Copy)]
pub(super) struct Due {
    /// The end of the work.
    pub(super) work: Duration,
    /// The end of `respond`.
    pub(super) respond: Duration,
    /// The end of the whole, `finish` included.
    pub(super) whole: Duration,
}

impl Due {
    /// An answer within this time. An eighth of it each, at most [`KEPT`], is kept for `respond` and for a `finish` that comes after it.
    pub(super) fn within(arrived: Duration, time: Duration, finishes: bool) -> Self {
        let (whole, kept) = (arrived.saturating_add(time), KEPT.min(time / 8));
        let respond = if finishes { whole.saturating_sub(kept) } else { whole };
        Self { work: respond.saturating_sub(kept), respond, whole }
    }
}
