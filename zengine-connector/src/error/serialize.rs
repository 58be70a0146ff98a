//! The JSON form of an error: what `Display` may print, with a member for each fact.

use std::{collections::BTreeMap, time::Duration};

use serde::{Serialize, Serializer};

use super::{Error, ErrorKind, Fault, Violation, beginning};

#[derive(Serialize)]
struct ErrorJson<'a> {
    kind: ErrorKind,
    fault: Fault,
    temporary: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    management: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    context: BTreeMap<&'static str, &'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    violations: &'a [Violation],
}

/// One object: `kind`, `fault`, `temporary`, `management` (if [it is](super::Error::is_of_management)), `code` (the provider's), `message`,
/// `http_status`, `provider_request_id`, `retry_after_ms`, `context` (an object of texts: the other [`CONTEXT_KEYS`](super::CONTEXT_KEYS)) and
/// `violations`; those without a value are absent. What others wrote is cut to 256 characters. Never a secret, a recipient or a body.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let has_a_member = |key: &str| ["http_status", "provider_request_id"].contains(&key);
        // Of a key that was added twice, the first counts, as for `Error::context`.
        let context = self.0.context.iter().rev().filter(|(key, _)| !has_a_member(key));
        let json = ErrorJson {
            kind: self.kind(),
            fault: self.fault(),
            temporary: self.is_temporary(),
            management: self.is_of_management(),
            code: self.provider_code().map(beginning),
            message: self.message(),
            http_status: self.http_status(),
            provider_request_id: self.provider_request_id(),
            retry_after_ms: self.retry_after().map(ms),
            context: context.map(|(key, value)| (*key, beginning(value))).collect(),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_fact_of_the_text_has_a_member() {
        let error = Error::new(ErrorKind::UnknownStrategy, "no strategy has this name")
            .with_code("c".repeat(1_000))
            .with_context("known", "a, b")
            .with_context("did_you_mean", "a")
            .with_context("http_status", 404)
            .with_context("limit", 3)
            .with_context("limit", 4)
            .with_context("recipient", "canary")
            .with_retry_after(Duration::from_secs(2))
            .with_violations(vec![Violation::new("/a", "is required")]);
        let expected = json!({
            "kind": "unknown_strategy", "fault": "local", "temporary": false, "code": "c".repeat(256),
            "message": "no strategy has this name", "http_status": 404, "retry_after_ms": 2_000,
            "context": { "known": "a, b", "did_you_mean": "a", "limit": "3" },
            "violations": [{ "pointer": "/a", "message": "is required" }],
        });
        assert_eq!(serde_json::to_value(&error).unwrap(), expected);
    }
}
