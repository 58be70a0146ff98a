//! The record of one send.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{At, Fingerprint, OwnerToken, StoredReceipt};

use crate::{
    error::{Error, ErrorKind, Fault, Reach, SendError},
    ids::{ClientMessageId, StrategyName, TenantId},
    message::State,
};

/// The status of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimStatus {
    /// Owned; nothing was sent yet.
    Claimed,
    /// Owned; the message may have been sent.
    Sending,
    /// Not owned, to be sent later.
    Released,
    /// The provider accepted the message.
    Delivered,
    /// The provider refused the message, or it was definitely not sent.
    Failed,
    /// The message may have been delivered.
    Unknown,
}

impl ClaimStatus {
    /// Returns `true` for Delivered, Failed and Unknown, which are final and replayed (rule 22).
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Delivered | Self::Failed | Self::Unknown)
    }

    /// Returns `true` for Claimed and Sending.
    pub const fn is_owned(self) -> bool {
        matches!(self, Self::Claimed | Self::Sending)
    }
}

/// The end of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Terminal {
    /// The provider accepted the message.
    Delivered,
    /// The provider refused the message, or it was definitely not sent.
    Failed,
    /// The message may have been delivered.
    Unknown,
}

impl From<Terminal> for ClaimStatus {
    fn from(terminal: Terminal) -> Self {
        match terminal {
            Terminal::Delivered => Self::Delivered,
            Terminal::Failed => Self::Failed,
            Terminal::Unknown => Self::Unknown,
        }
    }
}

/// Evidence: a provider's status about a send (rule 27).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evidence {
    /// The reported state.
    pub state: State,
    /// Time of the status, in milliseconds UTC.
    pub at_ms: i64,
    /// The provider's id of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
}

impl Evidence {
    /// Evidence of a state at a time.
    pub fn new(state: State, at_ms: i64, provider_id: Option<String>) -> Self {
        Self { state, at_ms, provider_id }
    }

    /// The end of the send that this evidence proves.
    pub const fn verdict(&self) -> Terminal {
        if self.state.is_failure() { Terminal::Failed } else { Terminal::Delivered }
    }
}

/// An error in its stored form. Its text is one of our literals, its code the provider's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StoredError {
    /// Kind of the error.
    pub kind: ErrorKind,
    /// The party at fault.
    pub fault: Fault,
    /// Reach of the attempt.
    pub reach: Reach,
    /// The provider's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The message, one of our literals.
    #[serde(default)]
    pub message: String,
    /// Number of attempts made.
    #[serde(default)]
    pub attempts: u32,
}

impl StoredError {
    /// An error of a kind.
    pub fn new(kind: ErrorKind, reach: Reach, message: impl Into<String>) -> Self {
        Self { kind, fault: kind.fault(), reach, code: None, message: message.into(), attempts: 0 }
    }

    /// The stored form of an attempt's error.
    pub fn of(error: &SendError, attempts: u32) -> Self {
        Self {
            kind: error.kind(),
            fault: error.fault(),
            reach: error.reach(),
            code: error.provider_code().map(str::to_owned),
            message: error.error().message().to_owned(),
            attempts,
        }
    }

    /// Restores the error, without the parts that are not stored.
    pub fn to_error(&self) -> Error {
        let error = Error::restored(self.kind, self.message.clone());
        let error = match &self.code {
            Some(code) => error.with_code(code),
            None => error,
        };
        if self.attempts > 0 { error.with_context("attempts", self.attempts) } else { error }
    }
}

/// The pending effects of a terminal record (rules 65 to 69).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Effects {
    /// The dead letter is not stored yet.
    pub dlq: bool,
    /// The event is not published yet.
    pub event: bool,
    /// The event that an Unknown was settled is not published yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settled: bool,
}

impl Effects {
    /// No effects.
    pub const NONE: Self = Self { dlq: false, event: false, settled: false };
    /// A dead letter and an event.
    pub const BOTH: Self = Self { dlq: true, event: true, settled: false };
    /// An event.
    pub const EVENT: Self = Self { dlq: false, event: true, settled: false };

    /// Returns `true` if an effect is pending.
    pub const fn pending(self) -> bool {
        self.dlq || self.event || self.settled
    }
}

/// The record of one send, version 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClaimRecord {
    /// Version of this format: 1.
    pub v: u32,
    /// The status.
    pub status: ClaimStatus,
    /// Owner token of the current claim.
    pub owner: OwnerToken,
    /// Owner token of the claim that ended the send or was taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_owner: Option<OwnerToken>,
    /// Id of the store's opening that the owner belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<Arc<str>>,
    /// End of the lease, in milliseconds UTC.
    pub lease_until_ms: i64,
    /// Expiry of the record, in seconds UTC.
    pub expires_at_s: i64,
    /// Fingerprint of the message.
    pub fingerprint: Fingerprint,
    /// Whether an attempt may have reached the provider. Never reset (rule 20).
    #[serde(default)]
    pub maybe_sent: bool,
    /// Time of the first claim, in milliseconds UTC.
    pub first_claimed_at_ms: i64,
    /// Earliest time at which a byte may have left, in milliseconds UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_sent_at_ms: Option<i64>,
    /// Attempts made so far, by all owners.
    #[serde(default)]
    pub attempts: u32,
    /// Number of redrives.
    #[serde(default)]
    pub generation: u32,
    /// Generation in the provider key. Unchanged when an Unknown is redriven (rule 70).
    #[serde(default)]
    pub key_generation: u32,
    /// Evidence from the provider, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Box<Evidence>>,
    /// The receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<StoredReceipt>,
    /// The error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<StoredError>>,
    /// The pending effects.
    #[serde(default)]
    pub effects_pending: Effects,
    /// Time of the last write, in milliseconds UTC.
    pub updated_at_ms: i64,
}

impl ClaimRecord {
    /// Version of this format.
    pub const VERSION: u32 = 1;

    /// Returns `true` if the record is expired. Every check must use this comparison (rule 29).
    pub const fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_at_s.saturating_mul(1000) <= now_ms
    }

    /// Returns `true` if the message may have been sent and the send is not settled. Such a record never counts as absent
    /// (rule 29).
    pub const fn is_in_doubt(&self) -> bool {
        matches!(self.status, ClaimStatus::Sending)
            || (self.maybe_sent && matches!(self.status, ClaimStatus::Claimed | ClaimStatus::Released))
    }

    /// Returns `true` if the lease is over or the owner's process is gone (rule 17).
    pub(super) fn is_orphaned(&self, at: At<'_>, skew_ms: i64) -> bool {
        self.lease_until_ms.saturating_add(skew_ms) < at.now_ms || (at.boot.is_some() && self.boot.as_deref() != at.boot)
    }

    /// Returns `true` if the record is in doubt and its owner is gone.
    pub(crate) fn is_abandoned(&self, at: At<'_>, skew_ms: i64) -> bool {
        self.is_abandoned_by(at, self.owner, false, skew_ms)
    }

    /// The same for the owner that the caller read. `owner_gone` if its future was dropped.
    pub(super) fn is_abandoned_by(&self, at: At<'_>, seen: OwnerToken, owner_gone: bool, skew_ms: i64) -> bool {
        self.owner == seen
            && self.is_in_doubt()
            && (self.status == ClaimStatus::Released || owner_gone || self.is_orphaned(at, skew_ms) || self.is_expired(at.now_ms))
    }

    /// Returns `true` if a store may remove the record.
    pub const fn is_removable(&self, now_ms: i64) -> bool {
        self.is_expired(now_ms) && !self.is_in_doubt() && !self.effects_pending.pending()
    }
}

/// The send that a hashed provider key belongs to (`formats`: provider key).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reference {
    /// The tenant.
    pub tenant: TenantId,
    /// The registered name of the strategy.
    pub strategy: StrategyName,
    /// The caller's id.
    pub client_message_id: ClientMessageId,
    /// Expiry of the reference, in seconds UTC.
    pub expires_at_s: i64,
}

impl Reference {
    /// A reference to a send.
    pub fn new(tenant: TenantId, strategy: StrategyName, client_message_id: ClientMessageId, expires_at_s: i64) -> Self {
        Self { tenant, strategy, client_message_id, expires_at_s }
    }
}
