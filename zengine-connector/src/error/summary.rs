//! The last error of a tenant, as a health endpoint shows it.

use serde::Serialize;

use super::{Error, Fault, Reach, SendError};

/// The last call to a provider that failed, for a health endpoint. Holds no secret, recipient or body. Serializes as its error, with
/// `reach` and `at_ms` beside the error's members.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct LastError {
    /// The error, without its cause and the provider's own words.
    #[serde(flatten)]
    pub error: Error,
    /// How far the request got.
    pub reach: Reach,
    /// The end of the call, in milliseconds since the Unix epoch.
    pub at_ms: i64,
}

impl LastError {
    pub(crate) fn new(failed: &SendError, at_ms: i64) -> Self {
        Self { error: failed.error().printed(), reach: failed.reach(), at_ms }
    }

    /// The end of the pause that the provider asked for, in milliseconds since the Unix epoch, if it asks for less traffic.
    pub(crate) fn paused_until_ms(&self) -> Option<i64> {
        let wait = self.error.retry_after().filter(|_| self.error.fault() == Fault::Throttled)?;
        Some(self.at_ms.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }
}
