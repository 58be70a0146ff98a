//! Errors as a health endpoint shows them.

use serde::Serialize;

use super::{Error, ErrorKind, Fault, Reach, SendError, beginning};

/// The error of the last call to a provider that failed, for a health endpoint. Holds no secret, recipient or body, and none of
/// the provider's own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LastError {
    /// The fine-grained class.
    pub kind: ErrorKind,
    /// The party at fault.
    pub fault: Fault,
    /// How far the request got.
    pub reach: Reach,
    /// The strategy's literal message.
    pub message: String,
    /// The provider's own code, at most 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The HTTP status of the provider's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// The provider's id of the call, at most 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_request_id: Option<String>,
    /// The wait that the provider asked for, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<i64>,
    /// The end of the call, in milliseconds since the Unix epoch.
    pub at_ms: i64,
}

impl LastError {
    pub(crate) fn new(failed: &SendError, at_ms: i64) -> Self {
        let error = failed.error();
        Self {
            kind: error.kind(),
            fault: error.fault(),
            reach: failed.reach(),
            message: error.message().to_owned(),
            code: error.provider_code().map(|code| beginning(code).to_owned()),
            http_status: error.http_status(),
            provider_request_id: error.provider_request_id().map(str::to_owned),
            retry_after_ms: error.retry_after().map(|wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)),
            at_ms,
        }
    }

    /// The end of the pause that the provider asked for, in milliseconds since the Unix epoch, if it asks for less traffic.
    pub(crate) fn paused_until_ms(&self) -> Option<i64> {
        self.retry_after_ms.filter(|_| self.fault == Fault::Throttled).map(|wait| self.at_ms.saturating_add(wait))
    }
}

/// The reason why a tenant is not bound, for a health endpoint. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NotBound {
    /// The fine-grained class: `unknown_tenant`, `config_invalid`, `secret`, `store` and others.
    pub kind: ErrorKind,
    /// The error in one line, with the pointers of what is wrong in the configuration.
    pub message: String,
    /// Whether it may end without a change, as while a store does not answer.
    pub temporary: bool,
}

impl NotBound {
    pub(crate) fn new(error: &Error) -> Self {
        Self { kind: error.kind(), message: error.to_string(), temporary: error.is_temporary() }
    }
}
