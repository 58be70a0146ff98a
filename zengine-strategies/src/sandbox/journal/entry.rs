//! A journal entry.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The kind of a journal entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryKind {
    /// A request to the emulator, and its response.
    #[default]
    Request,
    /// A webhook POST by the emulator, and its response.
    Webhook,
}

/// One request to an emulator, or one webhook POST by it. As a JSON line, its keys have the order of the fields.
///
/// Secrets (tokens, app secret, proofs, codes) are masked as `***` in the query, in bodies and in responses.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JournalEntry {
    /// Time of the end of the request or of the webhook's response, in milliseconds since 1970 by the emulator's clock.
    pub at_ms: u64,
    /// Number of the entry in this run, from 1; requests and webhooks share one sequence.
    #[serde(default)]
    pub number: u64,
    /// The kind of the entry.
    #[serde(default)]
    pub kind: EntryKind,
    /// HTTP method.
    pub method: String,
    /// Path without the query; of a webhook, the address without the query.
    pub path: String,
    /// The query, with secrets masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The kind of request, as in faults: `messages`, `media_upload`, `oauth`, ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<String>,
    /// HTTP status of the response; 0 if there was none (hang, reset, no connection, timeout).
    pub status: u16,
    /// Whether the provider accepted the request's message for delivery, regardless of its response. Always false for requests
    /// without a message (read receipts, uploads, look-ups) and for webhooks.
    pub accepted: bool,
    /// The sending number or account, if the path names one; of a webhook, the one that its first update is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// The provider's id of the accepted message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The provider's error code in the response, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The kind of fault that was applied, as in the JSON of faults; of a webhook also `copy`, for a planned one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Of a webhook: the number of the POST and the number of the attempt, both from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<(u64, u32)>,
    /// The body: JSON, or text if it is not JSON, `{"bytes": n}` for an upload, null if it was not read.
    pub body: Value,
    /// The body of the response, in the same form; null if there was none.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub answer: Value,
}

// The bodies contain personal messages.
redacted!(JournalEntry { number, kind, at_ms, method, path, status, accepted, fault });

/// Maximum length of a body that is kept whole, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// A body in a journal entry.
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
