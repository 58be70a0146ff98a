//! The last error of a tenant, as a health endpoint shows it.

use serde::Serialize;

use super::{Error, Reach, SendError};

/// The last call to a provider that failed, for a health endpoint. Holds no secret, recipient or body. Serializes as its error, with
/// `reach`, `at_ms` and `recovered_at_ms` beside the error's members.
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
    /// The end of the first call after it that the provider accepted, in milliseconds since the Unix epoch: the error is past. `None` while
    /// no call succeeded since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovered_at_ms: Option<i64>,
}

impl LastError {
    pub(crate) fn new(failed: &SendError, at_ms: i64) -> Self {
        Self { error: failed.error().printed(), reach: failed.reach(), at_ms, recovered_at_ms: None }
    }
}
