//! Settings of deduplication.

use std::time::Duration;

use crate::error::{Error, require, require_time};

/// Deduplication: claims, leases, and what duplicates do.
///
/// ```
/// use std::time::Duration;
/// use zengine_connector::stage::{Dedup, Duplicates};
///
/// let dedup = Dedup { duplicates: Duplicates::Reject, ..Dedup::default() };
/// assert!(dedup.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dedup {
    /// Time that a settled send is remembered, from its end. Defaults to 24 hours (rule 29).
    pub keep: Duration,
    /// Time that a send in doubt is remembered. Defaults to 14 days, the longest retention of a queue (rule 29); at least
    /// `keep`.
    pub keep_in_doubt: Duration,
    /// Time that a claim is owned without being renewed. Defaults to 60 seconds; at least an attempt's timeout, the commit
    /// slack and the clock skew together (rule 17).
    pub lease: Duration,
    /// Difference that the clocks of processes may have. Defaults to 2 seconds.
    pub clock_skew: Duration,
    /// Time kept back at the end of a send for storing its result. Defaults to 2 seconds.
    pub commit_slack: Duration,
    /// The treatment of a duplicate while the same message is being sent elsewhere. Defaults to waiting for 5 seconds
    /// (rule 24).
    pub duplicates: Duplicates,
    /// Maximum number of delivered sends that this process remembers (rule 30). Strategies without settings of their own
    /// share one memory. Defaults to 10,000; at most 10 million; 0 remembers none.
    pub cached: usize,
}

/// The treatment of a duplicate while the same message is being sent elsewhere (rule 24).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Duplicates {
    /// Waits for the result, at most this long; then it is Deferred.
    Wait(Duration),
    /// Is Deferred at once.
    Reject,
}

impl Default for Dedup {
    fn default() -> Self {
        Self {
            keep: Duration::from_secs(24 * 3600),
            keep_in_doubt: Duration::from_secs(14 * 24 * 3600),
            lease: Duration::from_secs(60),
            clock_skew: Duration::from_secs(2),
            commit_slack: Duration::from_secs(2),
            duplicates: Duplicates::Wait(Duration::from_secs(5)),
            cached: 10_000,
        }
    }
}

impl Dedup {
    /// Checks that the settings can work together.
    ///
    /// # Errors
    /// `Settings`, naming the field and the rule it breaks.
    pub fn check(&self) -> Result<(), Error> {
        let second = Duration::from_secs(1);
        require_time("dedup.keep", self.keep, second)?;
        require_time("dedup.keep_in_doubt", self.keep_in_doubt, second)?;
        require_time("dedup.lease", self.lease, second)?;
        require_time("dedup.clock_skew", self.clock_skew, Duration::ZERO)?;
        require_time("dedup.commit_slack", self.commit_slack, Duration::ZERO)?;
        if let Duplicates::Wait(time) = self.duplicates {
            require_time("dedup.duplicates", time, Duration::ZERO)?;
        }
        let shortest = self.lease + self.clock_skew;
        require(
            self.keep >= shortest,
            "dedup.keep",
            format_args!("at least {shortest:?}: `lease` + `clock_skew` (rules 17 and 29)"),
            self.keep,
        )?;
        require(self.keep <= self.keep_in_doubt, "dedup.keep_in_doubt", "at least `keep` (rule 29)", self.keep_in_doubt)?;
        require(self.cached <= 10_000_000, "dedup.cached", "at most 10,000,000", self.cached)
    }
}
