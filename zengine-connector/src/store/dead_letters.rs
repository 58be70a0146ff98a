//! Dead letters: failed messages, stored until an operator acts on them.

use std::{
    fmt::{self, Debug},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    Attempts, Fingerprint, StoreError, StoreErrorKind, StoredError,
    cbor::{self, Record, Unread, cbor_codes, cbor_map},
};
use crate::ids::{ClientMessageId, FailureId, StrategyName, TenantId};

/// The direction of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterDirection {
    /// A send.
    Outbound,
    /// A received event.
    Inbound,
}

cbor_codes! {
    LetterDirection { 0 => Outbound, 1 => Inbound, }
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
    /// The failed attempts: the first and the latest nine.
    #[serde(default)]
    pub attempts: Attempts,
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
    /// Time of the send's first claim, in milliseconds UTC. With `generation`, it names the life of the send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_claimed_at_ms: Option<i64>,
    /// Earliest time at which a byte may have left under that key, in milliseconds UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_sent_at_ms: Option<i64>,
    /// Latest time at which an attempt that may have arrived may have begun, in milliseconds UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempt_at_ms: Option<i64>,
    /// Provider key of the send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_key: Option<String>,
    /// Time of storage, in milliseconds UTC.
    pub at_ms: i64,
    #[serde(skip)]
    pub(crate) unread: Unread,
}

cbor_map!(DeadLetter {
    1 => v: required,
    2 => direction: required,
    3 => failure_id: required,
    4 => tenant: required,
    5 => strategy: required,
    6 => client_message_id: optional,
    7 => generation: default,
    8 => key_generation: default,
    9 => fingerprint: optional,
    10 => body: required,
    11 => outcome: required,
    12 => redrivable: default,
    13 => attempts: default,
    14 => first_error: optional,
    15 => last_error: optional,
    16 => trace: default,
    17 => redrive_count: default,
    18 => first_claimed_at_ms: optional,
    19 => first_sent_at_ms: optional,
    20 => last_attempt_at_ms: optional,
    21 => provider_key: optional,
    22 => at_ms: required,
});

impl Record for DeadLetter {
    const VERSION: u32 = Self::VERSION;
}

impl DeadLetter {
    /// The letter in its stored form: a CBOR map with integer keys. Members that a newer release wrote are part of it.
    pub fn to_cbor(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// Reads a letter from its stored form.
    ///
    /// # Errors
    /// `Corrupt` if it is damaged or of another version.
    pub fn from_cbor(bytes: &[u8]) -> Result<Self, StoreError> {
        cbor::decode(bytes)
    }
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

/// A sink for dead letters, such as a queue: it takes letters and cannot be asked for them.
///
/// A consumer of the queue hands each letter to
/// [`Orchestrator::redrive_letter`](crate::Orchestrator::redrive_letter) or
/// [`Orchestrator::replay_letter`](crate::Orchestrator::replay_letter).
#[async_trait]
pub trait DeadLetterSink: Send + Sync + Debug + 'static {
    /// Stores a letter. One with the same failure id is the same letter: a store replaces it, a queue may hold it twice.
    async fn put(&self, letter: &DeadLetter) -> Result<(), StoreError>;
}

/// A store for dead letters.
#[async_trait]
pub trait DeadLetterStore: DeadLetterSink {
    /// Reads a letter. `None` if it does not exist.
    async fn get(&self, id: &FailureId) -> Result<Option<DeadLetter>, StoreError>;

    /// Reads a page of letters after an id, at most `limit`.
    async fn list(&self, after: Option<&FailureId>, limit: usize) -> Result<DeadLetterPage, StoreError>;

    /// Takes a letter for a redrive and increments its `redrive_count`. `None` if the letter does not exist or its count is
    /// not `seen`.
    async fn take(&self, id: &FailureId, seen: u32) -> Result<Option<DeadLetter>, StoreError>;

    /// Removes a letter. A missing letter is not an error.
    async fn remove(&self, id: &FailureId) -> Result<(), StoreError>;
}

/// The host's port for dead letters: a store, or a sink only.
///
/// Any [`DeadLetterStore`] converts into it. A sink is named as such, because a store is a sink too:
/// `DeadLetterPort::Sink(queue)`.
#[derive(Clone, Debug)]
pub enum DeadLetterPort {
    /// A sink: letters cannot be read back.
    Sink(Arc<dyn DeadLetterSink>),
    /// A store.
    Store(Arc<dyn DeadLetterStore>),
}

impl DeadLetterPort {
    /// The store.
    ///
    /// # Errors
    /// `Unsupported` if it is a sink.
    pub fn store(&self) -> Result<&Arc<dyn DeadLetterStore>, StoreError> {
        match self {
            Self::Store(store) => Ok(store),
            Self::Sink(_) => Err(StoreError::new(
                StoreErrorKind::Unsupported,
                "a sink of dead letters cannot be read; pass the letter itself to redrive_letter or replay_letter",
            )),
        }
    }
}

#[async_trait]
impl DeadLetterSink for DeadLetterPort {
    async fn put(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        match self {
            Self::Sink(sink) => sink.put(letter).await,
            Self::Store(store) => store.put(letter).await,
        }
    }
}

impl<S: DeadLetterStore> From<Arc<S>> for DeadLetterPort {
    fn from(store: Arc<S>) -> Self {
        Self::Store(store)
    }
}

impl From<Arc<dyn DeadLetterStore>> for DeadLetterPort {
    fn from(store: Arc<dyn DeadLetterStore>) -> Self {
        Self::Store(store)
    }
}

impl From<Arc<dyn DeadLetterSink>> for DeadLetterPort {
    fn from(sink: Arc<dyn DeadLetterSink>) -> Self {
        Self::Sink(sink)
    }
}
