//! Settings of the limiter.

use std::time::Duration;

use crate::error::{Error, require, require_time};

/// The limiter of each tenant and strategy: waits for rates, and pauses (rule 45). The rates themselves are the strategy's.
///
/// ```
/// use std::time::Duration;
/// use zengine_connector::stage::Limits;
///
/// let impatient = Limits { max_wait: Duration::ZERO, ..Limits::default() };
/// assert!(impatient.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest wait for a rate within one attempt; a send that would have to wait longer is Deferred. Defaults to 5 seconds. It must fit
    /// into `dedup.lease` beside an attempt.
    pub max_wait: Duration,
    /// Length of a pause whose answer gives no time. Defaults to 1 second; at most 24 hours; zero is no pause.
    pub pause: Duration,
    /// Maximum number of scopes, most of them recipients, that are remembered per tenant and strategy, and of shared ones per strategy.
    /// Idle ones are forgotten first; while there is none, calls of a further scope with a rate are Deferred. Defaults to 65,536; 16 to
    /// 10 million.
    pub max_scopes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_wait: Duration::from_secs(5), pause: Duration::from_secs(1), max_scopes: 65_536 }
    }
}

impl Limits {
    /// Checks that the settings are possible.
    ///
    /// # Errors
    /// `Settings`, naming the field and the rule it breaks.
    pub fn check(&self) -> Result<(), Error> {
        require_time("limits.max_wait", self.max_wait, Duration::ZERO)?;
        let day = Duration::from_secs(24 * 3600);
        require(self.pause <= day, "limits.pause", "at most 24 hours (rule 45)", self.pause)?;
        require((16..=10_000_000).contains(&self.max_scopes), "limits.max_scopes", "from 16 to 10,000,000", self.max_scopes)
    }
}
