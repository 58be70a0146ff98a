//! Settings of the breaker.

use std::time::Duration;

use crate::error::{Error, require, require_time};

/// The circuit breaker of each tenant and strategy: when calls to a failing provider stop, and when they are tried again.
///
/// ```
/// use std::time::Duration;
/// use zengine_connector::stage::Breaker;
///
/// let short = Breaker { open_time: Duration::from_secs(5), ..Breaker::fast_fail() };
/// assert!(short.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Breaker {
    /// Whether it opens at all. Defaults to `true`.
    pub enabled: bool,
    /// Length of the sliding window in which calls are counted (rule 46). Defaults to 60 seconds; at least 1 second.
    pub window: Duration,
    /// Least calls in the window before `failure_rate` counts. Defaults to 10; at least 1.
    pub min_calls: u32,
    /// Part of failures in the window at which it opens. Defaults to 0.5; above 0, at most 1.
    pub failure_rate: f64,
    /// Failures in a row at which it opens. Defaults to 5; at least 1.
    pub consecutive_failures: u32,
    /// Time it stays open at first; each further trip doubles it (rule 48). Defaults to 30 seconds; at least 1 millisecond.
    pub open_time: Duration,
    /// Longest open time. Defaults to 5 minutes; at least `open_time`.
    pub max_open_time: Duration,
}

impl Default for Breaker {
    /// Opens at 50 % of at least 10 calls in 60 s, or 5 failures in a row, for 30 s (rules 46 and 48).
    fn default() -> Self {
        Self {
            enabled: true,
            window: Duration::from_secs(60),
            min_calls: 10,
            failure_rate: 0.5,
            consecutive_failures: 5,
            open_time: Duration::from_secs(30),
            max_open_time: Duration::from_secs(300),
        }
    }
}

impl Breaker {
    /// Opens after 3 failures in a row, for 10 s.
    pub fn fast_fail() -> Self {
        Self { consecutive_failures: 3, open_time: Duration::from_secs(10), ..Self::default() }
    }

    /// Never opens.
    pub fn off() -> Self {
        Self { enabled: false, ..Self::default() }
    }

    /// Checks that the settings can work together.
    ///
    /// # Errors
    /// `Settings`, naming the field and the rule it breaks.
    pub fn check(&self) -> Result<(), Error> {
        let rate = self.failure_rate > 0.0 && self.failure_rate <= 1.0;
        require_time("breaker.window", self.window, Duration::from_secs(1))?;
        require(self.min_calls >= 1, "breaker.min_calls", "at least 1 (rule 46)", self.min_calls)?;
        require(rate, "breaker.failure_rate", "above 0 and at most 1 (rule 46)", self.failure_rate)?;
        require(self.consecutive_failures >= 1, "breaker.consecutive_failures", "at least 1 (rule 46)", self.consecutive_failures)?;
        require_time("breaker.open_time", self.open_time, Duration::from_millis(1))?;
        require_time("breaker.max_open_time", self.max_open_time, Duration::from_millis(1))?;
        require(self.open_time <= self.max_open_time, "breaker.max_open_time", "at least `open_time` (rule 48)", self.max_open_time)
    }
}
