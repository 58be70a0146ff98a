//! Settings of retries.

use std::time::Duration;

use crate::error::{Error, require, require_time};

/// Attempts and the delays between them.
///
/// ```
/// use zengine_connector::stage::Retry;
///
/// let patient = Retry { max_attempts: 5, ..Retry::default() };
/// assert!(patient.check().is_ok());
/// assert_eq!(Retry::none().max_attempts, 1);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// Maximum attempts per send, the first included (rule 33). Defaults to 3; 1 to 100.
    pub max_attempts: u32,
    /// Delay before the second attempt; each further one doubles it (rule 35). Defaults to 500 milliseconds.
    pub base_delay: Duration,
    /// Longest delay, before jitter. Defaults to 20 seconds; at least `base_delay`.
    pub max_delay: Duration,
    /// Spread of a delay to both sides, as a part of it: 0.2 is ±20 %. Defaults to 0.2; 0 to 1.
    pub jitter: f64,
    /// Longest wait between two attempts within one send; a send that has to wait longer is Deferred (rule 36). Defaults to
    /// 5 seconds.
    pub max_wait: Duration,
    /// Least time that an attempt is started with (rule 40). Defaults to 1 second; at most 30 seconds and `attempt_timeout`.
    pub min_attempt: Duration,
    /// Tokens of the retry budget of each tenant and strategy in this process (rule 38): a retry after a failure of the provider costs 5,
    /// one after a throttled answer 2; a retry that succeeds gets its cost back, a first attempt that succeeds adds 1. Without enough
    /// tokens a send ends as if its attempts were used up. A budget that nothing changed for a minute is full. Defaults to 100; 5 to
    /// 1,000,000. `None` is no budget.
    pub budget: Option<u32>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            base_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(20),
            jitter: 0.2,
            max_wait: Duration::from_secs(5),
            min_attempt: Duration::from_secs(1),
            budget: Some(100),
        }
    }
}

impl Retry {
    /// One attempt.
    pub fn none() -> Self {
        Self { max_attempts: 1, ..Self::default() }
    }

    /// Checks that the settings can work together.
    ///
    /// # Errors
    /// `Settings`, naming the field and the rule it breaks.
    pub fn check(&self) -> Result<(), Error> {
        require((1..=100).contains(&self.max_attempts), "retry.max_attempts", "from 1 to 100 (rule 33)", self.max_attempts)?;
        require_time("retry.base_delay", self.base_delay, Duration::ZERO)?;
        require_time("retry.max_delay", self.max_delay, Duration::ZERO)?;
        require(self.base_delay <= self.max_delay, "retry.max_delay", "at least `base_delay` (rule 35)", self.max_delay)?;
        require((0.0..=1.0).contains(&self.jitter), "retry.jitter", "from 0 to 1 (rule 35)", self.jitter)?;
        require_time("retry.max_wait", self.max_wait, Duration::ZERO)?;
        require_time("retry.min_attempt", self.min_attempt, Duration::ZERO)?;
        let budget = self.budget.is_none_or(|tokens| (5..=1_000_000).contains(&tokens));
        require(budget, "retry.budget", "from 5 to 1,000,000, or none (rule 38)", format_args!("{:?}", self.budget))?;
        let most = Duration::from_secs(30);
        require(
            self.min_attempt <= most,
            "retry.min_attempt",
            "at most 30 s, half of the time that a send has by default",
            self.min_attempt,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_33_attempts_count_the_first_call() {
        assert_eq!((Retry::default().max_attempts, Retry::none().max_attempts), (3, 1));
        assert!(Retry { max_attempts: 0, ..Retry::default() }.check().is_err());
    }
}
