//! A rate: calls per period, and how many may come at once.

use std::time::Duration;

const LEAST_PERIOD: Duration = Duration::from_millis(1);
const LONGEST_PERIOD: Duration = Duration::from_secs(366 * 86_400);

/// How many calls a scope takes: `calls` per `period`, of which `burst` may come at once.
///
/// Within any time `t`, at most `burst + calls × t / period` calls are made; a look-up that does not find the message and the attempt that
/// follows count as one. A provider that counts `n` calls per period, whatever their
/// distance, is never asked more with `Rate::per(n - b, period).burst(b)`.
///
/// ```
/// use std::time::Duration;
/// use zengine_connector::strategy::Rate;
///
/// let steady = Rate::per_second(80); // one call every 12.5 ms
/// let pair = Rate::per(1, Duration::from_secs(6)).burst(45);
/// assert_ne!(steady, pair);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    calls: u32,
    period: Duration,
    burst: u32,
}

impl Rate {
    /// A number of calls per period, evenly: one at a time. 0 calls count as 1; the period is from 1 millisecond to 366 days.
    pub fn per(calls: u32, period: Duration) -> Self {
        Self { calls: calls.max(1), period: period.clamp(LEAST_PERIOD, LONGEST_PERIOD), burst: 1 }
    }

    /// A number of calls per second.
    pub fn per_second(calls: u32) -> Self {
        Self::per(calls, Duration::from_secs(1))
    }

    /// A number of calls per minute.
    pub fn per_minute(calls: u32) -> Self {
        Self::per(calls, Duration::from_secs(60))
    }

    /// A number of calls per hour.
    pub fn per_hour(calls: u32) -> Self {
        Self::per(calls, Duration::from_secs(3600))
    }

    /// A number of calls per day of 24 hours.
    pub fn per_day(calls: u32) -> Self {
        Self::per(calls, Duration::from_secs(86_400))
    }

    /// Calls that may come at once after a quiet time. Defaults to 1; 0 counts as 1.
    #[must_use = "returns the rate with this burst"]
    pub fn burst(mut self, calls: u32) -> Self {
        self.burst = calls.max(1);
        self
    }

    /// Nanoseconds between two calls, rounded up.
    pub(super) fn interval(self) -> u64 {
        u64::try_from(self.period.as_nanos().div_ceil(self.calls.into())).unwrap_or(u64::MAX)
    }

    /// Nanoseconds by which a call may come before its turn.
    pub(super) fn tolerance(self) -> u64 {
        self.interval().saturating_mul(u64::from(self.burst - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_never_faster_than_it_says() {
        assert_eq!(Rate::per_second(3).interval(), 333_333_334);
        assert_eq!((Rate::per_second(80).interval(), Rate::per_second(80).tolerance()), (12_500_000, 0));
        assert_eq!(Rate::per_hour(100).burst(11).tolerance(), 360_000_000_000);
        assert_eq!(Rate::per_day(1).interval(), 86_400_000_000_000);
    }

    #[test]
    fn no_rate_overflows() {
        for rate in [Rate::per(0, Duration::ZERO).burst(0), Rate::per(1, Duration::MAX).burst(u32::MAX), Rate::per(u32::MAX, Duration::MAX)]
        {
            assert!(rate.interval() >= 1);
            let _: u64 = rate.tolerance();
        }
    }
}
