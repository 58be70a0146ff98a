//! One line of a journal.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an entry tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryKind {
    /// A request that the emulator got, and its answer.
    #[default]
    Request,
    /// A webhook POST that the emulator made, and its answer.
    Webhook,
}

/// One request that an emulator got, or one webhook POST that it made. As a JSON line its keys stand in the order of the fields.
///
/// Secrets (tokens, app secret, proofs, codes) are written as `***`, in the query, in bodies and in answers.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JournalEntry {
    /// When the request had been read, or the webhook's answer had come, in milliseconds since 1970 by the emulator's clock.
    pub at_ms: u64,
    /// Number of the entry in this run, from 1. Requests and webhooks share one count.
    #[serde(default)]
    pub number: u64,
    /// What it tells of.
    #[serde(default)]
    pub kind: EntryKind,
    /// HTTP method.
    pub method: String,
    /// Path without the query; for a webhook, the address without its query.
    pub path: String,
    /// The query, secrets masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// What the path means to this provider, as faults name it: `messages`, `media_upload`, `oauth`, ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<String>,
    /// HTTP status of the answer; 0 where there was none (hang, reset, no connection, timeout).
    pub status: u16,
    /// True exactly when the provider took the message of this request for delivery, whatever it answered. Requests that carry
    /// no message (read receipts, uploads, look-ups) are never accepted, nor are webhooks.
    pub accepted: bool,
    /// The sending number or account, where the path names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number_id: Option<String>,
    /// The provider's id of an accepted message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wamid: Option<String>,
    /// The fault that was played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Of a webhook: the number of the POST and which attempt at it this was, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<(u64, u32)>,
    /// The JSON of the request or webhook; text where it is no JSON, `{"bytes": n}` for an upload, null where it was not read.
    pub body: Value,
    /// The answer's body, in the same form; null where there was none.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub answer: Value,
}

impl fmt::Debug for JournalEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The bodies hold what people write to each other.
        formatter
            .debug_struct("JournalEntry")
            .field("number", &self.number)
            .field("kind", &self.kind)
            .field("at_ms", &self.at_ms)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("status", &self.status)
            .field("accepted", &self.accepted)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

/// Longest body or answer that is kept whole, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// A body as an entry shows it.
pub(in crate::sandbox) fn body_value(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    if body.len() > MAX_BODY {
        return serde_json::json!({"bytes": body.len()});
    }
    match (serde_json::from_slice(body), std::str::from_utf8(body)) {
        (Ok(json), _) => json,
        (Err(_), Ok(text)) => text.into(),
        (Err(_), Err(_)) => serde_json::json!({"bytes": body.len()}),
    }
}
