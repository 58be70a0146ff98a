//! Settings of the stages: public fields, a default, presets, and a check.

mod breaker;
mod dedup;
mod limits;
mod retry;

use std::time::Duration;

pub use breaker::Breaker;
pub use dedup::{Dedup, Duplicates};
pub use limits::Limits;
pub use retry::Retry;

use crate::error::{Error, require, require_time};

/// All settings that the pipeline reads for one strategy.
///
/// ```
/// use std::time::Duration;
/// use zengine_connector::stage::{Retry, StrategySettings};
///
/// let settings = StrategySettings { retry: Retry::none(), attempt_timeout: Duration::from_secs(5), ..Default::default() };
/// assert!(settings.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StrategySettings {
    /// Deduplication.
    pub dedup: Dedup,
    /// Attempts and the delays between them.
    pub retry: Retry,
    /// The circuit breaker.
    pub breaker: Breaker,
    /// The limiter.
    pub limits: Limits,
    /// Longest time of one call to the provider. Defaults to 10 seconds; at least `retry.min_attempt`.
    pub attempt_timeout: Duration,
    /// Maximum calls of one tenant that run at once; `None` is no limit. Defaults to 512; at least 1.
    pub bulkhead: Option<u32>,
    /// Age at which a message is no longer sent (rule 8). Defaults to 6 hours; less than `dedup.keep`.
    pub max_age: Duration,
    /// The treatment of a send while the claim store does not answer. Defaults to deferring it (rule 28).
    pub store_down: StoreDown,
}

/// The treatment of a send while the claim store does not answer (rule 28).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreDown {
    /// The send is Deferred, because without its claim it could be sent twice.
    Defer,
    /// The send goes out without dedup, with a warning. For channels on which a message sent twice is better than none.
    SendUnprotected,
}

impl Default for StrategySettings {
    fn default() -> Self {
        Self {
            dedup: Dedup::default(),
            retry: Retry::default(),
            breaker: Breaker::default(),
            limits: Limits::default(),
            attempt_timeout: Duration::from_secs(10),
            bulkhead: Some(512),
            max_age: Duration::from_secs(6 * 3600),
            store_down: StoreDown::Defer,
        }
    }
}

impl StrategySettings {
    /// Checks that the settings can work together.
    ///
    /// # Errors
    /// `Settings`, naming the field and the rule it breaks.
    pub fn check(&self) -> Result<(), Error> {
        self.dedup.check()?;
        self.retry.check()?;
        self.breaker.check()?;
        self.limits.check()?;
        require_time("attempt_timeout", self.attempt_timeout, Duration::from_millis(1))?;
        require(
            self.attempt_timeout >= self.retry.min_attempt,
            "attempt_timeout",
            "at least `retry.min_attempt` (rule 40)",
            self.attempt_timeout,
        )?;
        require(self.bulkhead != Some(0), "bulkhead", "at least 1", self.bulkhead)?;
        require_time("max_age", self.max_age, Duration::ZERO)?;
        // Records expire by whole seconds.
        let oldest = self.dedup.keep.saturating_sub(Duration::from_secs(1));
        require(self.max_age <= oldest, "max_age", "at least a second less than `dedup.keep` (rule 8)", self.max_age)?;
        let shortest = self.attempt_timeout + self.dedup.commit_slack + self.dedup.clock_skew;
        require(
            self.dedup.lease >= shortest,
            "dedup.lease",
            format_args!("at least {shortest:?}: `attempt_timeout` + `commit_slack` + `clock_skew` (rule 17)"),
            self.dedup.lease,
        )?;
        // A send that waits keeps its claim: the lease is renewed at the latest when two thirds of it are left.
        let longest = self.dedup.lease / 3 * 2;
        require(self.limits.max_wait <= longest, "limits.max_wait", "at most two thirds of `dedup.lease` (rule 18)", self.limits.max_wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(change: impl FnOnce(&mut StrategySettings)) -> String {
        let mut settings = StrategySettings::default();
        change(&mut settings);
        let error = settings.check().expect_err("an impossible setting");
        assert!(error.context("rule").is_some());
        error.context("field").expect("the field").to_owned()
    }

    #[test]
    fn presets_are_possible() {
        for breaker in [Breaker::default(), Breaker::fast_fail(), Breaker::off()] {
            StrategySettings { breaker, retry: Retry::none(), ..StrategySettings::default() }.check().unwrap();
        }
        StrategySettings::default().check().unwrap();
    }

    #[test]
    fn an_impossible_setting_is_named() {
        let day = Duration::from_secs(86_400);
        assert_eq!(field(|s| s.dedup.lease = Duration::from_secs(5)), "dedup.lease");
        assert_eq!(field(|s| s.attempt_timeout = Duration::from_secs(57)), "dedup.lease");
        assert_eq!(field(|s| s.dedup.keep_in_doubt = Duration::from_secs(86_399)), "dedup.keep_in_doubt");
        assert_eq!(field(|s| s.dedup.cached = usize::MAX), "dedup.cached");
        assert_eq!(field(|s| s.max_age = day), "max_age");
        assert_eq!(field(|s| s.dedup.lease = day), "dedup.keep");
        assert_eq!(field(|s| s.attempt_timeout = Duration::from_millis(999)), "attempt_timeout");
        assert_eq!(field(|s| s.bulkhead = Some(0)), "bulkhead");
        assert_eq!(field(|s| s.limits.max_wait = Duration::from_secs(41)), "limits.max_wait");
        assert_eq!(field(|s| s.limits.pause = day + Duration::from_secs(1)), "limits.pause");
        assert_eq!(field(|s| s.limits.max_scopes = 0), "limits.max_scopes");
        assert_eq!(field(|s| s.retry.max_attempts = u32::MAX), "retry.max_attempts");
        assert_eq!(field(|s| s.retry.base_delay = Duration::from_secs(21)), "retry.max_delay");
        assert_eq!(field(|s| s.retry.budget = Some(4)), "retry.budget");
        assert_eq!(field(|s| s.retry.jitter = f64::NAN), "retry.jitter");
        assert_eq!(field(|s| s.breaker.min_calls = 0), "breaker.min_calls");
        assert_eq!(field(|s| s.breaker.consecutive_failures = 0), "breaker.consecutive_failures");
        assert_eq!(field(|s| s.breaker.failure_rate = f64::NAN), "breaker.failure_rate");
        assert_eq!(field(|s| s.breaker.failure_rate = 0.0), "breaker.failure_rate");
        assert_eq!(field(|s| s.breaker.open_time = Duration::from_secs(301)), "breaker.max_open_time");
    }

    #[test]
    fn no_time_overflows() {
        type Time = fn(&mut StrategySettings) -> &mut Duration;
        let times: [(&str, Time); 14] = [
            ("dedup.keep", |s| &mut s.dedup.keep),
            ("dedup.keep_in_doubt", |s| &mut s.dedup.keep_in_doubt),
            ("dedup.lease", |s| &mut s.dedup.lease),
            ("dedup.clock_skew", |s| &mut s.dedup.clock_skew),
            ("dedup.commit_slack", |s| &mut s.dedup.commit_slack),
            ("retry.base_delay", |s| &mut s.retry.base_delay),
            ("retry.max_delay", |s| &mut s.retry.max_delay),
            ("retry.max_wait", |s| &mut s.retry.max_wait),
            ("retry.min_attempt", |s| &mut s.retry.min_attempt),
            ("limits.max_wait", |s| &mut s.limits.max_wait),
            ("limits.pause", |s| &mut s.limits.pause),
            ("breaker.window", |s| &mut s.breaker.window),
            ("attempt_timeout", |s| &mut s.attempt_timeout),
            ("max_age", |s| &mut s.max_age),
        ];
        for (name, time) in times {
            assert_eq!(field(|settings| *time(settings) = Duration::MAX), name);
        }
        assert_eq!(field(|s| s.dedup.duplicates = Duplicates::Wait(Duration::MAX)), "dedup.duplicates");
        assert_eq!(field(|s| s.breaker.open_time = Duration::MAX), "breaker.open_time");
        assert_eq!(field(|s| s.breaker.max_open_time = Duration::MAX), "breaker.max_open_time");
    }
}
