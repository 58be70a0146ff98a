//! The record of one send.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{At, Fingerprint, OwnerToken, StoredReceipt};

use crate::{
    error::{Error, ErrorKind, Fault, Reach, SendError},
    ids::{ClientMessageId, StrategyName, TenantId},
    message::State,
};

/// Where a send stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimStatus {
    /// Somebody owns it and has sent nothing yet.
    Claimed,
    /// Somebody owns it and may have sent something.
    Sending,
    /// Nobody owns it; it is to be sent later.
    Released,
    /// The provider accepted it.
    Delivered,
    /// Refused, or surely not sent.
    Failed,
    /// May have been delivered.
    Unknown,
}

impl ClaimStatus {
    /// Delivered, Failed or Unknown: stored for good and replayed (rule 22).
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Delivered | Self::Failed | Self::Unknown)
    }

    /// Claimed or Sending: somebody owns it.
    pub const fn is_owned(self) -> bool {
        matches!(self, Self::Claimed | Self::Sending)
    }
}

/// How a send ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Terminal {
    /// The provider accepted it.
    Delivered,
    /// Refused, or surely not sent.
    Failed,
    /// May have been delivered.
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

/// What a provider told about a send while it was under way (rule 27).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evidence {
    /// The state it told.
    pub state: State,
    /// When, in milliseconds UTC.
    pub at_ms: i64,
    /// The provider's id of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
}

impl Evidence {
    /// A state told at a time.
    pub fn new(state: State, at_ms: i64, provider_id: Option<String>) -> Self {
        Self { state, at_ms, provider_id }
    }

    /// How the send ended, by this evidence.
    pub const fn verdict(&self) -> Terminal {
        if self.state.is_failure() { Terminal::Failed } else { Terminal::Delivered }
    }
}

/// An error as records keep it: its text is one of our literals, its code the provider's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StoredError {
    /// The class.
    pub kind: ErrorKind,
    /// Whose fault.
    pub fault: Fault,
    /// How far the attempt got.
    pub reach: Reach,
    /// The provider's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Our literal.
    #[serde(default)]
    pub message: String,
    /// How many attempts were made.
    #[serde(default)]
    pub attempts: u32,
}

impl StoredError {
    /// An error of a class.
    pub fn new(kind: ErrorKind, reach: Reach, message: impl Into<String>) -> Self {
        Self { kind, fault: kind.fault(), reach, code: None, message: message.into(), attempts: 0 }
    }

    /// An attempt's error.
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

    /// The error it was made from, as far as it is kept.
    pub fn to_error(&self) -> Error {
        let error = Error::restored(self.kind, self.message.clone());
        let error = match &self.code {
            Some(code) => error.with_code(code),
            None => error,
        };
        if self.attempts > 0 { error.with_context("attempts", self.attempts) } else { error }
    }
}

/// What is still to be done about a terminal record (rules 65 to 69).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Effects {
    /// The dead letter is not stored yet.
    pub dlq: bool,
    /// The event is not published yet.
    pub event: bool,
    /// The event that an Unknown became known is not published yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settled: bool,
}

impl Effects {
    /// Nothing.
    pub const NONE: Self = Self { dlq: false, event: false, settled: false };
    /// A dead letter and an event.
    pub const BOTH: Self = Self { dlq: true, event: true, settled: false };
    /// An event.
    pub const EVENT: Self = Self { dlq: false, event: true, settled: false };

    /// Whether anything is left to do.
    pub const fn pending(self) -> bool {
        self.dlq || self.event || self.settled
    }
}

/// The record of one send, version 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClaimRecord {
    /// The version of this form: 1.
    pub v: u32,
    /// Where the send stands.
    pub status: ClaimStatus,
    /// The claim that owns it.
    pub owner: OwnerToken,
    /// The claim that owned it when it became terminal or was taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_owner: Option<OwnerToken>,
    /// The opening of the store that the owner belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<Arc<str>>,
    /// Until when the owner owns it, in milliseconds UTC.
    pub lease_until_ms: i64,
    /// When the record may go, in seconds UTC.
    pub expires_at_s: i64,
    /// What was to be sent.
    pub fingerprint: Fingerprint,
    /// Some attempt may have reached the provider. Sticky (rule 20).
    #[serde(default)]
    pub maybe_sent: bool,
    /// When it was first claimed, in milliseconds UTC.
    pub first_claimed_at_ms: i64,
    /// When the first byte may first have gone out, in milliseconds UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_sent_at_ms: Option<i64>,
    /// Attempts made so far, by all owners.
    #[serde(default)]
    pub attempts: u32,
    /// How often it was redriven.
    #[serde(default)]
    pub generation: u32,
    /// The generation in the provider key: stays when an Unknown is redriven (rule 70).
    #[serde(default)]
    pub key_generation: u32,
    /// What the provider told meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Box<Evidence>>,
    /// The receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<StoredReceipt>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<StoredError>>,
    /// What is still to be done about it.
    #[serde(default)]
    pub effects_pending: Effects,
    /// When it was last written, in milliseconds UTC.
    pub updated_at_ms: i64,
}

impl ClaimRecord {
    /// The version of this form.
    pub const VERSION: u32 = 1;

    /// Its time is over. One comparator everywhere (rule 29).
    pub const fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_at_s.saturating_mul(1000) <= now_ms
    }

    /// Something may have been sent and nobody has settled it: never becomes absent (rule 29).
    pub const fn is_in_doubt(&self) -> bool {
        matches!(self.status, ClaimStatus::Sending)
            || (self.maybe_sent && matches!(self.status, ClaimStatus::Claimed | ClaimStatus::Released))
    }

    /// Its lease is over, or its owner's process is gone (rule 17).
    pub(super) fn is_orphaned(&self, at: At<'_>, skew_ms: i64) -> bool {
        self.lease_until_ms.saturating_add(skew_ms) < at.now_ms || (at.boot.is_some() && self.boot.as_deref() != at.boot)
    }

    /// It is in doubt and its owner no longer works on it.
    pub(crate) fn is_abandoned(&self, at: At<'_>, skew_ms: i64) -> bool {
        self.is_abandoned_by(at, self.owner, false, skew_ms)
    }

    /// The same for the owner that the caller saw, which may be known to be gone.
    pub(super) fn is_abandoned_by(&self, at: At<'_>, seen: OwnerToken, owner_gone: bool, skew_ms: i64) -> bool {
        self.owner == seen
            && self.is_in_doubt()
            && (self.status == ClaimStatus::Released || owner_gone || self.is_orphaned(at, skew_ms) || self.is_expired(at.now_ms))
    }

    /// Whether a store may remove it.
    pub const fn is_removable(&self, now_ms: i64) -> bool {
        self.is_expired(now_ms) && !self.is_in_doubt() && !self.effects_pending.pending()
    }
}

/// Which send a hashed provider key belongs to (`formats`: provider key).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reference {
    /// Whose send.
    pub tenant: TenantId,
    /// The registered name of the strategy.
    pub strategy: StrategyName,
    /// The caller's id.
    pub client_message_id: ClientMessageId,
    /// When it may go, in seconds UTC.
    pub expires_at_s: i64,
}

impl Reference {
    /// A send.
    pub fn new(tenant: TenantId, strategy: StrategyName, client_message_id: ClientMessageId, expires_at_s: i64) -> Self {
        Self { tenant, strategy, client_message_id, expires_at_s }
    }
}
