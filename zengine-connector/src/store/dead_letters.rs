//! Dead letters: failed messages, stored until an operator acts on them.

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    Attempts, Fingerprint, StoreError, StoreErrorKind, StoredError,
    cbor::{cbor_codes, record},
};
use crate::{
    ids::{ClientMessageId, FailureId, StrategyName, TenantId},
    message::Idempotency,
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

cbor_codes! {
    LetterDirection { 0 => Outbound, 1 => Inbound, }
}

record! {
    /// A failed message with all that is needed to diagnose the failure and to redrive the message. The message is encrypted.
    pub struct DeadLetter version 1 {
        /// Direction of the message.
        2 required pub direction: LetterDirection,
        /// Id of the failure. The same for the same message and generation.
        3 required pub failure_id: FailureId,
        /// The tenant.
        4 required pub tenant: TenantId,
        /// The registered name of the strategy.
        5 required pub strategy: StrategyName,
        /// The caller's id, for a send.
        6 optional pub client_message_id: Option<ClientMessageId>,
        /// Generation of the send that failed: 0 for the first send of the message, 1 for its first redrive. It never changes.
        7 default pub generation: u32,
        /// Generation in the provider key of the send (rule 70).
        8 default pub key_generation: u32,
        /// The message's fingerprint.
        9 optional pub fingerprint: Option<Fingerprint>,
        /// The message or event, encrypted. Base64 in JSON.
        #[serde(with = "crate::message::base64_bytes")]
        10 required pub body: Bytes,
        /// `failed`, `unknown` or `poison`.
        11 required pub outcome: String,
        /// Whether a redrive may help.
        12 default pub redrivable: bool,
        /// The failed attempts: the first and the latest nine.
        13 default pub attempts: Attempts,
        /// The error of the first attempt.
        14 optional pub first_error: Option<StoredError>,
        /// The error of the last attempt.
        15 optional pub last_error: Option<StoredError>,
        /// The caller's correlation id and trace parent.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        16 default pub trace: Vec<String>,
        /// Number of redrives of the message that were begun: `generation` when the letter is stored, and one more with each
        /// [`take`](DeadLetterStore::take). Higher than `generation` if a redrive of this letter began and did not close it.
        17 default pub redrive_count: u32,
        /// Time of the send's first claim, in milliseconds UTC. With `generation`, it names the life of the send.
        18 optional pub first_claimed_at_ms: Option<i64>,
        /// Earliest time at which a byte may have left under that key, in milliseconds UTC.
        19 optional pub first_sent_at_ms: Option<i64>,
        /// Latest time at which an attempt that may have arrived may still have been under way, in milliseconds UTC.
        20 optional pub last_attempt_at_ms: Option<i64>,
        /// Provider key of the send.
        21 optional pub provider_key: Option<String>,
        /// Time of storage, in milliseconds UTC.
        22 required pub at_ms: i64,
        /// The provider's own words about the last error, encrypted. Base64 in JSON.
        #[serde(with = "crate::message::base64_bytes", skip_serializing_if = "Bytes::is_empty")]
        23 default pub provider_details: Bytes,
        /// Whether the content of an unknown send surely did not reach the provider, only calls before it. A redrive needs no force as long
        /// as the record of the send lives and says so too (rule 71).
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        24 default pub content_not_sent: bool,
        /// The provider's protection against duplicates for the attempts that may have arrived, as in the record of the send.
        25 optional pub idempotency: Option<Idempotency>,
    }
}

debug_fields!(DeadLetter { direction, failure_id, tenant, strategy, outcome, attempts: |letter| letter.attempts.len() });

/// A page of dead letters, in order of their ids.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct DeadLetterPage {
    /// The letters.
    pub letters: Vec<DeadLetter>,
    /// The last id of this page, of a readable letter or not, if there are more letters after it. `None` on the last page, also if it
    /// is full: read one letter beyond the limit to know.
    pub next: Option<FailureId>,
    /// Letters of this page that could not be read: [`get`](DeadLetterStore::get) says why.
    pub unreadable: Vec<FailureId>,
    /// Number of entries of this page whose key is not a failure id, which only damage causes. They can be neither read nor removed.
    pub without_id: usize,
}

impl DeadLetterPage {
    /// A page.
    pub fn new(letters: Vec<DeadLetter>, next: Option<FailureId>) -> Self {
        Self { letters, next, unreadable: vec![], without_id: 0 }
    }
}

/// A sink for dead letters, such as a queue. Accepts letters but cannot return them.
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

    /// Reads a page of letters after an id, in order of the bytes of their ids, at most `limit`. A letter that cannot be read does
    /// not hide the others: the page names it, and it counts towards `limit`.
    async fn list(&self, after: Option<&FailureId>, limit: usize) -> Result<DeadLetterPage, StoreError>;

    /// Takes a letter for a redrive, in one step: compares its `redrive_count` with `seen`, stores the count plus one, and returns the
    /// letter with it. `None` if the letter does not exist or its count is not `seen`. The letter stays in the store.
    async fn take(&self, id: &FailureId, seen: u32) -> Result<Option<DeadLetter>, StoreError>;

    /// Removes a letter. A missing letter is not an error.
    async fn remove(&self, id: &FailureId) -> Result<(), StoreError>;
}

/// The host's port for dead letters: a store, or a sink that cannot return them.
///
/// An `Arc` of a [`DeadLetterStore`] converts into `Store`. An `Arc` of a type that is only a [`DeadLetterSink`] does not
/// convert: write `DeadLetterPort::Sink(queue)`. The enum is exhaustive, because there is no third case.
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
