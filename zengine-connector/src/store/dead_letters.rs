//! What failed for good, kept until somebody decides.

use std::fmt::{self, Debug};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Fingerprint, StoreError, StoredError};
use crate::{
    error::{Fault, Reach},
    ids::{ClientMessageId, FailureId, StrategyName, TenantId},
};

/// Which way the message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterDirection {
    /// A send.
    Outbound,
    /// A received event.
    Inbound,
}

/// One attempt, as a dead letter remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AttemptRecord {
    /// From 1.
    pub n: u32,
    /// When it began, in milliseconds UTC.
    pub started_at_ms: i64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Whose fault its end was.
    pub fault: Fault,
    /// How far it got.
    pub reach: Reach,
    /// The provider's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The provider's hint, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl AttemptRecord {
    /// An attempt and its end.
    pub fn new(n: u32, started_at_ms: i64, duration_ms: u64, fault: Fault, reach: Reach) -> Self {
        Self { n, started_at_ms, duration_ms, fault, reach, code: None, retry_after_ms: None }
    }
}

/// A failed message with everything needed to look into it and to send it again. The message is encrypted.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The version of this form: 1.
    pub v: u32,
    /// Which way the message went.
    pub direction: LetterDirection,
    /// Names the failure; the same for the same message and generation.
    pub failure_id: FailureId,
    /// Whose message.
    pub tenant: TenantId,
    /// The registered name of the strategy.
    pub strategy: StrategyName,
    /// The caller's id, for a send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
    /// How often it was redriven before.
    #[serde(default)]
    pub generation: u32,
    /// The generation in the provider key it was sent with (rule 70).
    #[serde(default)]
    pub key_generation: u32,
    /// The message's fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// The message or event, encrypted, base64 in JSON.
    #[serde(with = "crate::message::base64_bytes")]
    pub body: Bytes,
    /// `failed`, `unknown` or `poison`.
    pub outcome: String,
    /// Whether sending it again may help.
    pub redrivable: bool,
    /// Every attempt.
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
    /// How often it was redriven from this letter.
    #[serde(default)]
    pub redrive_count: u32,
    /// When the first byte may first have gone out under that key, in milliseconds UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_sent_at_ms: Option<i64>,
    /// The provider key it was sent with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_key: Option<String>,
    /// When it was stored, in milliseconds UTC.
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

/// Some dead letters, in order of their ids, and where the next page starts.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct DeadLetterPage {
    /// The letters.
    pub letters: Vec<DeadLetter>,
    /// The last id of this page, where there may be more.
    pub next: Option<FailureId>,
}

impl DeadLetterPage {
    /// A page.
    pub fn new(letters: Vec<DeadLetter>, next: Option<FailureId>) -> Self {
        Self { letters, next }
    }
}

/// Keeps dead letters.
#[async_trait]
pub trait DeadLetters: Send + Sync + Debug + 'static {
    /// Stores a letter; one with the same failure id is replaced.
    async fn put(&self, letter: &DeadLetter) -> Result<(), StoreError>;

    /// One letter.
    async fn get(&self, id: &FailureId) -> Result<Option<DeadLetter>, StoreError>;

    /// A page of letters after an id.
    ///
    /// # Errors
    /// `Unsupported` where the store is a queue.
    async fn list(&self, after: Option<&FailureId>, limit: usize) -> Result<DeadLetterPage, StoreError>;

    /// Takes a letter for a redrive: its `redrive_count` is one higher from now on. `None` where it is gone or was taken
    /// since its count was `seen`.
    async fn take(&self, id: &FailureId, seen: u32) -> Result<Option<DeadLetter>, StoreError>;

    /// Removes a letter; one that is not there is no error.
    async fn remove(&self, id: &FailureId) -> Result<(), StoreError>;
}
