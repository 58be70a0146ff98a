//! Settings of the stages. Presets first, then what differs.

use std::{ops::RangeInclusive, time::Duration};

use crate::error::{Error, ErrorKind};

/// What a duplicate does while the same message is being sent elsewhere (rule 24).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Duplicates {
    /// Waits for the result, at most this long; then it is Deferred.
    Wait(Duration),
    /// Is Deferred at once.
    Reject,
}

/// What happens where the claim store does not answer (rule 28).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreDown {
    /// The send is Deferred: a lost claim costs doubles.
    Defer,
    /// The send goes out without dedup, with a warning. Only where doubles cost less than silence.
    SendUnprotected,
}

/// Deduplication: claims, leases, waiting.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "hand it to OrchestratorBuilder::dedup"]
pub struct Dedup {
    pub(crate) keep: Duration,
    pub(crate) keep_in_doubt: Duration,
    pub(crate) lease: Duration,
    pub(crate) skew: Duration,
    pub(crate) commit_slack: Duration,
    pub(crate) duplicates: Duplicates,
    pub(crate) store_down: StoreDown,
    pub(crate) max_age: Duration,
    pub(crate) cached: usize,
}

impl Default for Dedup {
    fn default() -> Self {
        Self::keep(Duration::from_secs(24 * 3600))
    }
}

impl Dedup {
    /// Keeps settled sends this long (rule 29: 24 hours unless there is a reason).
    pub fn keep(time: Duration) -> Self {
        Self {
            keep: time,
            keep_in_doubt: Duration::from_secs(14 * 24 * 3600),
            lease: Duration::from_secs(60),
            skew: Duration::from_secs(2),
            commit_slack: Duration::from_secs(2),
            duplicates: Duplicates::Wait(Duration::from_secs(5)),
            store_down: StoreDown::Defer,
            max_age: Duration::from_secs(6 * 3600),
            cached: 10_000,
        }
    }

    /// How long a claim is owned without being renewed (rule 17).
    pub fn lease(mut self, time: Duration) -> Self {
        self.lease = time;
        self
    }

    /// How far the clocks of processes may differ.
    pub fn clock_skew(mut self, time: Duration) -> Self {
        self.skew = time;
        self
    }

    /// Time kept back at the end for storing the result.
    pub fn commit_slack(mut self, time: Duration) -> Self {
        self.commit_slack = time;
        self
    }

    /// What a duplicate does while the same message is being sent elsewhere.
    pub fn duplicates(mut self, choice: Duplicates) -> Self {
        self.duplicates = choice;
        self
    }

    /// What happens where the claim store does not answer.
    pub fn store_down(mut self, choice: StoreDown) -> Self {
        self.store_down = choice;
        self
    }

    /// How old a message may get before it is no longer sent (rule 8).
    pub fn max_age(mut self, time: Duration) -> Self {
        self.max_age = time;
        self
    }

    /// How many delivered sends are remembered in memory (rule 30).
    pub fn cached(mut self, records: usize) -> Self {
        self.cached = records;
        self
    }
}

/// Attempts and the time between them.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "hand it to OrchestratorBuilder::retry"]
pub struct Retry {
    pub(crate) attempts: u32,
    pub(crate) base: Duration,
    pub(crate) cap: Duration,
    pub(crate) jitter: f64,
    pub(crate) longest_wait: Duration,
    pub(crate) min_attempt: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self::attempts(3)
    }
}

impl Retry {
    /// At most this many calls, the first one counted (rule 33).
    pub fn attempts(attempts: u32) -> Self {
        Self {
            attempts,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(20),
            jitter: 0.2,
            longest_wait: Duration::from_secs(5),
            min_attempt: Duration::from_secs(1),
        }
    }

    /// One call.
    pub fn none() -> Self {
        Self::attempts(1)
    }

    /// The first delay, doubled each time, and the longest one (rule 35).
    pub fn backoff(mut self, range: RangeInclusive<Duration>) -> Self {
        (self.base, self.cap) = range.into_inner();
        self
    }

    /// How far a delay is spread, as a part of it: 0.2 is ±20 %.
    pub fn jitter(mut self, part: f64) -> Self {
        self.jitter = part;
        self
    }

    /// The longest wait between two attempts of one call; what must wait longer is Deferred (rule 36).
    pub fn longest_wait(mut self, time: Duration) -> Self {
        self.longest_wait = time;
        self
    }

    /// The least time an attempt is worth starting with (rule 40).
    pub fn min_attempt(mut self, time: Duration) -> Self {
        self.min_attempt = time;
        self
    }
}

/// When calls to a failing provider stop, and when they are tried again.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "hand it to OrchestratorBuilder::breaker"]
pub struct Breaker {
    pub(crate) enabled: bool,
    pub(crate) window: Duration,
    pub(crate) min_calls: u32,
    pub(crate) failure_rate: f64,
    pub(crate) consecutive: u32,
    pub(crate) open: Duration,
    pub(crate) max_open: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self::standard()
    }
}

impl Breaker {
    /// Opens at 50 % of at least 10 calls in 60 s, or 5 failures in a row, for 30 s (rules 46 and 48).
    pub fn standard() -> Self {
        Self {
            enabled: true,
            window: Duration::from_secs(60),
            min_calls: 10,
            failure_rate: 0.5,
            consecutive: 5,
            open: Duration::from_secs(30),
            max_open: Duration::from_secs(300),
        }
    }

    /// Opens after 3 failures in a row, for 10 s.
    pub fn fast_fail() -> Self {
        Self { consecutive: 3, open: Duration::from_secs(10), ..Self::standard() }
    }

    /// Opens at 80 % of at least 50 calls, or 20 failures in a row.
    pub fn tolerant() -> Self {
        Self { min_calls: 50, failure_rate: 0.8, consecutive: 20, ..Self::standard() }
    }

    /// Never opens.
    pub fn off() -> Self {
        Self { enabled: false, ..Self::standard() }
    }

    /// How long it stays open the first time; each further trip doubles it.
    pub fn open_time(mut self, time: Duration) -> Self {
        self.open = time;
        self.max_open = self.max_open.max(time);
        self
    }

    /// The longest open time.
    pub fn max_open_time(mut self, time: Duration) -> Self {
        self.max_open = time;
        self
    }

    /// Opens after this many failures in a row.
    pub fn consecutive_failures(mut self, failures: u32) -> Self {
        self.consecutive = failures;
        self
    }

    /// Opens at this part of failures among at least so many calls.
    pub fn failure_rate(mut self, part: f64, min_calls: u32) -> Self {
        (self.failure_rate, self.min_calls) = (part, min_calls);
        self
    }
}

/// All stages' settings.
#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct Settings {
    pub(crate) dedup: Dedup,
    pub(crate) retry: Retry,
    pub(crate) breaker: Breaker,
    pub(crate) attempt_timeout: AttemptTimeout,
    pub(crate) bulkhead: Option<u32>,
}

/// How long one call may take; 10 s where nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AttemptTimeout(pub(crate) Duration);

impl Default for AttemptTimeout {
    fn default() -> Self {
        Self(Duration::from_secs(10))
    }
}

impl Settings {
    /// Refuses what cannot work, and says which rule it breaks.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |fine: bool, rule: u8, message: &'static str| {
            if fine { Ok(()) } else { Err(Error::new(ErrorKind::Settings, message).with_context("rule", rule)) }
        };
        let (dedup, retry, breaker) = (&self.dedup, &self.retry, &self.breaker);
        let shortest_lease = self.attempt_timeout.0 + dedup.commit_slack + dedup.skew;
        refuse(dedup.lease >= shortest_lease, 17, "the lease must outlast an attempt, the commit slack and the clock skew")?;
        refuse(dedup.max_age < dedup.keep, 8, "the greatest age of a message must be less than the time settled sends are kept")?;
        refuse(dedup.keep <= dedup.keep_in_doubt, 29, "settled sends must not be kept longer than sends in doubt")?;
        refuse(retry.attempts >= 1, 33, "there must be at least one attempt")?;
        refuse(retry.base <= retry.cap, 35, "the first delay must not be longer than the longest one")?;
        refuse((0.0..=1.0).contains(&retry.jitter), 35, "jitter must be between 0 and 1")?;
        refuse(!self.attempt_timeout.0.is_zero(), 40, "an attempt needs time")?;
        refuse(breaker.consecutive >= 1 && breaker.min_calls >= 1, 46, "a breaker needs at least one failure to open")?;
        refuse(breaker.failure_rate > 0.0 && breaker.failure_rate <= 1.0, 46, "the failure rate must be above 0 and at most 1")?;
        refuse(
            !breaker.open.is_zero() && breaker.open <= breaker.max_open,
            48,
            "the open time must be above 0 and at most the longest one",
        )?;
        refuse(self.bulkhead != Some(0), 10, "a bulkhead must let somebody through")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_settings_name_the_rule_they_break() {
        assert!(Settings::default().check().is_ok());
        let rule = |settings: Settings| settings.check().unwrap_err().context("rule").map(str::to_owned);
        let short_lease = Settings { dedup: Dedup::default().lease(Duration::from_secs(5)), ..Settings::default() };
        assert_eq!(rule(short_lease).as_deref(), Some("17"));
        let old = Settings { dedup: Dedup::default().max_age(Duration::from_secs(24 * 3600)), ..Settings::default() };
        assert_eq!(rule(old).as_deref(), Some("8"));
        let backwards =
            Settings { retry: Retry::attempts(3).backoff(Duration::from_secs(9)..=Duration::from_secs(1)), ..Settings::default() };
        assert_eq!(rule(backwards).as_deref(), Some("35"));
    }

    #[test]
    fn rule_33_attempts_count_the_first_call() {
        assert_eq!((Retry::default().attempts, Retry::none().attempts), (3, 1));
        assert!(Settings { retry: Retry::attempts(0), ..Settings::default() }.check().is_err());
    }
}
