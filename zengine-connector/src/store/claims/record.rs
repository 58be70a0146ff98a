//! The record of one send.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    At, AttemptRecord, Attempts, Effects, Fingerprint, OwnerToken, StepRecord, StoredError, StoredReceipt,
    time::{Kept, as_ms, is_reached},
};
use crate::{
    message::{Idempotency, Standing, State},
    store::cbor::{Unread, cbor_codes, record},
};

words! {
    /// The status of a send.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub enum ClaimStatus {
        /// Owned; nothing was sent yet.
        Claimed = "claimed",
        /// Owned; the message may have been sent.
        Sending = "sending",
        /// Not owned, to be sent later.
        Released = "released",
        /// The provider accepted the message.
        Delivered = "delivered",
        /// The provider refused the message, or it was definitely not sent.
        Failed = "failed",
        /// The message may have been delivered.
        Unknown = "unknown",
    }
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

record! {
    /// Evidence: a provider's status about a send (rule 27).
    pub struct Evidence {
        /// The reported state.
        1 required pub state: State,
        /// Time of the status, in milliseconds UTC.
        2 required pub at_ms: i64,
        /// The provider's id of the message as a receipt, encrypted: an id may hold the recipient (rule 32).
        3 optional pub receipt: Option<StoredReceipt>,
        /// The provider's error, if it reported a failure.
        4 optional pub error: Option<StoredError>,
        /// Whether a failure is final; absent if the provider does not tell.
        5 optional pub permanent: Option<bool>,
        /// Whether the provider did not deliver because of its suppression list.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        6 default pub suppressed: bool,
    }
}

// The provider's id may hold a phone number.
debug_fields!(Evidence { state, at_ms, error, permanent, suppressed });

impl Evidence {
    /// Evidence of a standing at a time, without an error.
    pub fn new(standing: impl Into<Standing>, at_ms: i64, receipt: Option<StoredReceipt>) -> Self {
        let Standing { state, permanent, suppressed } = standing.into();
        Self { state, at_ms, receipt, error: None, permanent, suppressed, unread: Unread::default() }
    }

    /// The end of the send that this evidence proves. Unknown for a failure that is not final: the provider has the message, and it may
    /// or may not arrive; and for a state of a newer release.
    pub const fn proves(&self) -> Terminal {
        let standing = Standing { state: self.state, permanent: self.permanent, suppressed: self.suppressed };
        let is_known = standing.suppressed || !matches!(standing.state, State::Newer(_));
        if standing.is_soft_failure() || !is_known {
            Terminal::Unknown
        } else if standing.is_failure() {
            Terminal::Failed
        } else {
            Terminal::Delivered
        }
    }

    /// Whether this evidence proves more than what is known.
    pub(super) fn outweighs(&self, known: Option<&Self>) -> bool {
        match known.map(Self::proves) {
            None => true,
            // A failure does not override a delivery.
            Some(Terminal::Delivered) => false,
            Some(Terminal::Failed) => self.proves() == Terminal::Delivered,
            Some(Terminal::Unknown) => self.proves() != Terminal::Unknown,
        }
    }
}

record! {
    /// The record of one send, version 1.
    #[derive(Debug)]
    pub struct ClaimRecord version 1 {
        /// Number of writes so far, this one included. With `owner`, which is new in every life of the record, it never repeats.
        2 required pub rev: u64,
        /// The status.
        3 required pub status: ClaimStatus,
        /// Owner token of the current claim.
        4 required pub owner: OwnerToken,
        /// Owner token of the claim that ended the send or was taken over.
        5 optional pub last_owner: Option<OwnerToken>,
        /// Id of the store's opening that the owner belongs to.
        6 optional pub boot: Option<Arc<str>>,
        /// End of the lease, in milliseconds UTC.
        7 required pub lease_until_ms: i64,
        /// Expiry of the record, in seconds UTC.
        8 required pub expires_at_s: i64,
        /// Fingerprint of the message.
        9 required pub fingerprint: Fingerprint,
        /// Whether an attempt may have reached the provider. Never reset (rule 20).
        10 default pub maybe_sent: bool,
        /// Time of the first claim, in milliseconds UTC.
        11 required pub first_claimed_at_ms: i64,
        /// Earliest time at which a byte that may have arrived may have left, in milliseconds UTC.
        12 optional pub first_sent_at_ms: Option<i64>,
        /// Latest time at which an attempt that may have arrived may still have been under way, in milliseconds UTC (rule 19).
        13 optional pub last_attempt_at_ms: Option<i64>,
        /// Attempts made so far, by all owners.
        14 default pub attempts: u32,
        /// The failed ones among them: the first and the latest nine.
        #[serde(skip_serializing_if = "Attempts::is_empty")]
        15 default pub history: Attempts,
        /// Number of redrives.
        16 default pub generation: u32,
        /// Generation in the provider key. Unchanged when an Unknown is redriven (rule 70).
        17 default pub key_generation: u32,
        /// Evidence from the provider, if any.
        18 optional pub evidence: Option<Box<Evidence>>,
        /// The receipt.
        19 optional pub result: Option<StoredReceipt>,
        /// The error.
        20 optional pub error: Option<Box<StoredError>>,
        /// The pending effects.
        21 default pub effects_pending: Effects,
        /// Time of the last write, in milliseconds UTC.
        22 required pub updated_at_ms: i64,
        /// Whether none of what may have reached the provider carried content of the message, only calls before it, such as the opening of a
        /// conversation. Says something only together with `maybe_sent` (rule 71).
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        23 default pub content_not_sent: bool,
        /// The provider's protection against duplicates, as known before the attempts that may have arrived: the weakest of their owners'.
        /// Absent before the first mark, and in records of releases that did not know it.
        24 optional pub idempotency: Option<Idempotency>,
    }
}

/// One life of a send: the first claim and the number of redrives. An id that is used again after its record is gone is
/// another life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) first_claimed_at_ms: i64,
    pub(crate) generation: u32,
}

impl ClaimRecord {
    pub(crate) const fn life(&self) -> Life {
        Life { first_claimed_at_ms: self.first_claimed_at_ms, generation: self.generation }
    }

    /// Returns `true` if the record is expired (rule 29).
    pub const fn is_expired(&self, now_ms: i64) -> bool {
        is_reached(self.expires_at_s, now_ms)
    }

    /// Returns `true` unless a new send may start: the record is expired and owes no dead letter. An event that is still to publish
    /// does not hold a send back (rule 69).
    pub(crate) const fn is_present(&self, now_ms: i64) -> bool {
        !self.is_expired(now_ms) || self.is_in_doubt() || self.effects_pending.dlq
    }

    /// Returns `true` if the message may have been sent and the send is not settled. Such a record never counts as absent
    /// (rule 29).
    pub const fn is_in_doubt(&self) -> bool {
        matches!(self.status, ClaimStatus::Sending)
            || (self.maybe_sent && matches!(self.status, ClaimStatus::Claimed | ClaimStatus::Released))
    }

    /// Returns `true` if evidence proves how the send ended.
    pub(crate) fn is_decided(&self) -> bool {
        self.evidence.as_ref().is_some_and(|evidence| evidence.proves() != Terminal::Unknown)
    }

    /// Returns `true` if the record holds what became of every attempt that was made: its owner gave it back. One that is gone may have made
    /// more.
    pub(super) fn knows_all_attempts(&self) -> bool {
        self.status == ClaimStatus::Released
    }

    /// Returns `true` if the lease is over or the owner's process is gone (rule 17).
    pub(crate) fn is_orphaned(&self, at: At<'_>, skew_ms: i64) -> bool {
        at.is_over(self.lease_until_ms.saturating_add(skew_ms), self.boot.as_deref())
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

    /// The calls of the attempt that ended the send, if it made several.
    pub(crate) fn last_steps(&self) -> &[StepRecord] {
        let ended_by = |attempt: &&AttemptRecord| self.error.as_ref().is_some_and(|error| error.attempts == attempt.n);
        self.history.iter().rev().find(ended_by).map_or(&[], |attempt| &attempt.steps)
    }

    /// The time from which a store may remove the record, in seconds UTC. `None` while the record is in doubt or has pending
    /// effects: it must then stay (rule 29). If the back end has a TTL, set it to this
    /// value; leave it unset for `None`.
    pub const fn removable_at_s(&self) -> Option<i64> {
        if self.is_in_doubt() || self.effects_pending.pending() { None } else { Some(self.expires_at_s) }
    }

    /// Returns `true` if a store may remove the record.
    pub const fn is_removable(&self, now_ms: i64) -> bool {
        matches!(self.removable_at_s(), Some(at_s) if is_reached(at_s, now_ms))
    }
}

impl Kept for ClaimRecord {
    fn removable_at_ms(&self) -> i64 {
        self.removable_at_s().map_or(i64::MAX, as_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        message::NewerWord,
        store::{At, ClaimOp, Decision, Lease, cbor::Cbor},
    };

    #[test]
    fn rule_27_a_state_of_a_newer_release_proves_nothing_and_is_written_back() {
        // `{1: "aloud", 2: 7}`
        let newer = [0xa2, 1, 0x65, b'a', b'l', b'o', b'u', b'd', 2, 7];
        let evidence = Evidence::read(&mut minicbor::Decoder::new(&newer)).unwrap();
        let state = State::Newer(NewerWord::new("aloud").unwrap());
        assert_eq!((evidence.state, evidence.proves()), (state, Terminal::Unknown));
        let delivered = Evidence::new(State::Delivered, 8, None);
        assert!(delivered.outweighs(Some(&evidence)) && !evidence.outweighs(Some(&delivered)));
        let mut to = minicbor::Encoder::new(Vec::new());
        evidence.write(&mut to);
        assert_eq!(to.into_writer(), newer);
    }

    #[test]
    fn rule_28_a_protection_of_a_newer_release_is_not_written_back_for_an_attempt_of_this_one() {
        let owner = OwnerToken::named("owner");
        let (lease, at) = (Lease { owner, boot: None, until_ms: 60_000 }, At { now_ms: 1, boot: None });
        let decided = |record: Option<&ClaimRecord>, operation: ClaimOp| match operation.decide(record, at) {
            Decision::Write(record) => record,
            other => panic!("{other:?}"),
        };
        let fingerprint = Fingerprint::new([1; 16], 1, "k");
        let claimed = decided(None, ClaimOp::Claim { lease, fingerprint, skew_ms: 0, ttl_s: 60 });
        let known = ClaimRecord { maybe_sent: true, idempotency: Some(Idempotency::Native { window_ms: 7 }), ..claimed };
        // Member 24: an array of a kind and a time.
        let (native, newer, none) = ([0x18, 24, 0x82, 1, 7], [0x18, 24, 0x82, 3, 7], [0x18, 24, 0x82, 0, 0]);
        let mut stored = known.to_cbor();
        let place = stored.windows(5).position(|bytes| bytes == native).unwrap();
        stored[place..place + 5].copy_from_slice(&newer);
        let read = ClaimRecord::from_cbor(&stored).unwrap();
        assert_eq!(read.idempotency, Some(Idempotency::None));
        let now = Some(Idempotency::Native { window_ms: 7 });
        let marked = decided(Some(&read), ClaimOp::Mark { owner, idempotency: now, ttl_s: 60 }).to_cbor();
        assert!(marked.windows(5).any(|bytes| bytes == none) && !marked.windows(5).any(|bytes| bytes == newer), "{marked:?}");
    }
}
