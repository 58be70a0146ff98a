//! Dead letters: failed messages, stored until an operator acts on them.

use std::fmt::{self, Debug};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Fingerprint, StoreError, StoredError};
use crate::{
    error::{Fault, Reach},
    ids::{ClientMessageId, FailureId, StrategyName, TenantId},
};

/// The direction of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterDirection {
    /// A send.
    Outbound,
    /// A received event.
    Inbound,
}

/// One attempt in a dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AttemptRecord {
    /// Number of the attempt, from 1.
    pub n: u32,
    /// Start time, in milliseconds UTC.
    pub started_at_ms: i64,
    /// Duration in milliseconds.
    pub duration_ms: u64,
    /// The party at fault.
    pub fault: Fault,
    /// Reach of the attempt.
    pub reach: Reach,
    /// The provider's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The provider's `Retry-After`, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl AttemptRecord {
    /// A failed attempt.
    pub fn new(n: u32, started_at_ms: i64, duration_ms: u64, fault: Fault, reach: Reach) -> Self {
        Self { n, started_at_ms, duration_ms, fault, reach, code: None, retry_after_ms: None }
    }
}

/// A failed message with all that is needed to diagnose the failure and to redrive the message. The message is encrypted.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Version of this format: 1.
    pub v: u32,
    /// Direction of the message.
    pub direction: LetterDirection,
    /// Id of the failure. The same for the same message and generation.
    pub failure_id: FailureId,
    /// The tenant.
    pub tenant: TenantId,
    /// The registered name of the strategy.
    pub strategy: StrategyName,
    /// The caller's id, for a send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
    /// Number of earlier redrives.
    #[serde(default)]
    pub generation: u32,
    /// Generation in the provider key of the send (rule 70).
    #[serde(default)]
    pub key_generation: u32,
    /// The message's fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// The message or event, encrypted. Base64 in JSON.
    #[serde(with = "crate::message::base64_bytes")]
    pub body: Bytes,
    /// `failed`, `unknown` or `poison`.
    pub outcome: String,
    /// Whether a redrive may help.
    pub redrivable: bool,
    /// All attempts.
    #[serde(default)]
    pub attempts: Vec<AttemptRecord>,
    /// The error of the first attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_error: Option<StoredError>,
    /// The error of the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<StoredError>,
    /// The caller's correlation id and trace parent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<String>,
    /// Number of redrives of the message, this letter's included.
    #[serde(default)]
    pub redrive_count: u32,
    /// Earliest time at which a byte may have left under that key, in milliseconds UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_sent_at_ms: Option<i64>,
    /// Provider key of the send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_key: Option<String>,
    /// Time of storage, in milliseconds UTC.
    pub at_ms: i64,
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("direction", &self.direction)
            .field("failure_id", &self.failure_id)
            .field("tenant", &self.tenant)
            .field("strategy", &self.strategy)
            .field("outcome", &self.outcome)
            .field("attempts", &self.attempts.len())
            .finish_non_exhaustive()
    }
}

/// A page of dead letters, in order of their ids.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct DeadLetterPage {
    /// The letters.
    pub letters: Vec<DeadLetter>,
    /// The last id of this page, if there may be more.
    pub next: Option<FailureId>,
}

impl DeadLetterPage {
    /// A page.
    pub fn new(letters: Vec<DeadLetter>, next: Option<FailureId>) -> Self {
        Self { letters, next }
    }
}

/// A store for dead letters.
#[async_trait]
pub trait DeadLetters: Send + Sync + Debug + 'static {
    /// Stores a letter. Replaces one with the same failure id.
    async fn put(&self, letter: &DeadLetter) -> Result<(), StoreError>;

    /// Reads a letter. `None` if it does not exist.
    async fn get(&self, id: &FailureId) -> Result<Option<DeadLetter>, StoreError>;

    /// Reads a page of letters after an id, at most `limit`.
    ///
    /// # Errors
    /// `Unsupported` if the store is a queue.
    async fn list(&self, after: Option<&FailureId>, limit: usize) -> Result<DeadLetterPage, StoreError>;

    /// Takes a letter for a redrive and increments its `redrive_count`. `None` if the letter does not exist or its count is
    /// not `seen`.
    async fn take(&self, id: &FailureId, seen: u32) -> Result<Option<DeadLetter>, StoreError>;

    /// Removes a letter. A missing letter is not an error.
    async fn remove(&self, id: &FailureId) -> Result<(), StoreError>;
}
