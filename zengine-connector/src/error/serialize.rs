//! The JSON form of an error: what `Display` may print, with a member for each fact.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::{Error, ErrorKind, Fault, Violation};

#[derive(Serialize)]
struct ErrorJson<'a> {
    kind: ErrorKind,
    fault: Fault,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    violations: &'a [Violation],
}

/// One object: `kind`, `fault`, `code` (the provider's), `message`, `http_status`, `provider_request_id`, `retry_after_ms`,
/// `violations`; those without a value are absent. Never a secret, a recipient or a body.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json = ErrorJson {
            kind: self.kind(),
            fault: self.fault(),
            code: self.provider_code(),
            message: self.message(),
            http_status: self.context("http_status").and_then(|status| status.parse().ok()),
            provider_request_id: self.context("provider_request_id"),
            retry_after_ms: self.retry_after().map(ms),
            violations: self.violations(),
        };
        json.serialize(serializer)
    }
}

/// Serializes a time as whole milliseconds.
pub(crate) fn as_ms<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(ms(*time))
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
