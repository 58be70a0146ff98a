//! The record of one send.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{At, Attempts, Effects, Fingerprint, OwnerToken, StoredError, StoredReceipt};
use crate::{
    message::State,
    store::{
        StoreError,
        cbor::{self, Record, Unread, cbor_codes, cbor_map},
    },
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

cbor_codes! {
    ClaimStatus { 0 => Claimed, 1 => Sending, 2 => Released, 3 => Delivered, 4 => Failed, 5 => Unknown, }
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
    #[serde(skip)]
    unread: Unread,
}

cbor_map!(Evidence {
    1 => state: required,
    2 => at_ms: required,
    3 => provider_id: optional,
});

impl Evidence {
    /// Evidence of a state at a time.
    pub fn new(state: State, at_ms: i64, provider_id: Option<String>) -> Self {
        Self { state, at_ms, provider_id, unread: Unread::default() }
    }

    /// The end of the send that this evidence proves.
    pub const fn verdict(&self) -> Terminal {
        if self.state.is_failure() { Terminal::Failed } else { Terminal::Delivered }
    }
}

/// The record of one send, version 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClaimRecord {
    /// Version of this format: 1.
    pub v: u32,
    /// Number of writes so far, this one included. With `owner`, which is new in every life of the record, it never repeats.
    pub rev: u64,
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
    /// Earliest time at which a byte that may have arrived may have left, in milliseconds UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_sent_at_ms: Option<i64>,
    /// Latest time at which an attempt that may have arrived may have begun, in milliseconds UTC (rule 19).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempt_at_ms: Option<i64>,
    /// Attempts made so far, by all owners.
    #[serde(default)]
    pub attempts: u32,
    /// The failed ones among them: the first and the latest nine.
    #[serde(default, skip_serializing_if = "Attempts::is_empty")]
    pub history: Attempts,
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
    #[serde(skip)]
    pub(super) unread: Unread,
}

cbor_map!(ClaimRecord {
    1 => v: required,
    2 => rev: required,
    3 => status: required,
    4 => owner: required,
    5 => last_owner: optional,
    6 => boot: optional,
    7 => lease_until_ms: required,
    8 => expires_at_s: required,
    9 => fingerprint: required,
    10 => maybe_sent: default,
    11 => first_claimed_at_ms: required,
    12 => first_sent_at_ms: optional,
    13 => last_attempt_at_ms: optional,
    14 => attempts: default,
    15 => history: default,
    16 => generation: default,
    17 => key_generation: default,
    18 => evidence: optional,
    19 => result: optional,
    20 => error: optional,
    21 => effects_pending: default,
    22 => updated_at_ms: required,
});

impl Record for ClaimRecord {
    const VERSION: u32 = Self::VERSION;
}

/// One life of a send: the first claim and the number of redrives. An id that is used again after its record is gone is
/// another life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) first_claimed_at_ms: i64,
    pub(crate) generation: u32,
}

impl ClaimRecord {
    /// Version of this format.
    pub const VERSION: u32 = 1;

    /// The record in its stored form: a CBOR map with integer keys. Members that a newer release wrote are part of it.
    pub fn to_cbor(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// Reads a record from its stored form.
    ///
    /// # Errors
    /// `Corrupt` if it is damaged or of another version.
    pub fn from_cbor(bytes: &[u8]) -> Result<Self, StoreError> {
        cbor::decode(bytes)
    }

    pub(crate) const fn life(&self) -> Life {
        Life { first_claimed_at_ms: self.first_claimed_at_ms, generation: self.generation }
    }

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

    /// The time from which a store may remove the record, in seconds UTC. `None` while the record is in doubt or has pending
    /// effects: it must then stay (rule 29). A store with an expiry of its own sets it to this value, or to nothing.
    pub const fn removable_at_s(&self) -> Option<i64> {
        if self.is_in_doubt() || self.effects_pending.pending() { None } else { Some(self.expires_at_s) }
    }

    /// Returns `true` if a store may remove the record.
    pub const fn is_removable(&self, now_ms: i64) -> bool {
        matches!(self.removable_at_s(), Some(at_s) if at_s.saturating_mul(1000) <= now_ms)
    }
}
