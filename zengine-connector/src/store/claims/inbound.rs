//! The record of one inbound event (rule 84).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Fingerprint, OwnerToken,
    operation::{Decision, Lease},
    time::{At, Kept, as_ms, is_reached},
};
use crate::store::cbor::{Unread, cbor_codes, record};

/// The status of an inbound event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InboundStatus {
    /// A handler is working on the event.
    Claimed,
    /// The host stored the event.
    Stored,
    /// The event can never be handled and is stored as a dead letter.
    Poison,
}

cbor_codes! {
    InboundStatus { 0 => Claimed, 1 => Stored, 2 => Poison, }
}

record! {
    /// The record of one inbound event, version 1.
    #[derive(Debug)]
    pub struct InboundRecord version 1 {
        /// Number of writes so far, this one included. With `owner`, it never repeats.
        2 required pub rev: u64,
        /// The status.
        3 required pub status: InboundStatus,
        /// Owner token of the current claim.
        4 required pub owner: OwnerToken,
        /// Id of the store's opening that the owner belongs to.
        5 optional pub boot: Option<Arc<str>>,
        /// End of the lease, clock skew included, in milliseconds UTC.
        6 required pub lease_until_ms: i64,
        /// Expiry of the record, in seconds UTC.
        7 required pub expires_at_s: i64,
        /// Fingerprint of the event, if its strategy tells events of one dedup key apart. Compared as that of a message (rule 23).
        8 optional pub fingerprint: Option<Fingerprint>,
    }
}

impl InboundRecord {
    /// Owner token of a released event.
    const NO_OWNER: OwnerToken = OwnerToken::new([0; 16]);

    /// Returns `true` if the record is expired.
    pub const fn is_expired(&self, now_ms: i64) -> bool {
        is_reached(self.expires_at_s, now_ms)
    }

    /// Returns `true` if an owner that is alive works on the event.
    pub fn is_under_work(&self, at: At<'_>) -> bool {
        self.status == InboundStatus::Claimed && !self.is_expired(at.now_ms) && !at.is_over(self.lease_until_ms, self.boot.as_deref())
    }

    /// Returns `true` if the two are known to be of different events.
    fn is_of_another(&self, fingerprint: Option<&Fingerprint>) -> bool {
        self.fingerprint.as_ref().zip(fingerprint).is_some_and(|(ours, other)| ours.compare(other) == Some(false))
    }
}

impl Kept for InboundRecord {
    fn removable_at_ms(&self) -> i64 {
        as_ms(self.expires_at_s)
    }
}

/// A conditional change of an inbound event's record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InboundOp {
    /// Claims an event that has no owner and is not settled. Refused if the record is known to be of another event.
    Claim {
        /// The new lease.
        lease: Lease,
        /// Fingerprint of the event.
        fingerprint: Option<Fingerprint>,
        /// Lifetime of the record, in seconds.
        ttl_s: i64,
    },
    /// Claims an event for the replay of its dead letter: like `Claim`, and also an event that is poison.
    Replay {
        /// The new lease.
        lease: Lease,
        /// Fingerprint of the event.
        fingerprint: Option<Fingerprint>,
        /// Lifetime of the record, in seconds.
        ttl_s: i64,
    },
    /// Extends the lease.
    Renew {
        /// Owner token of the claim.
        owner: OwnerToken,
        /// New end of the lease, in milliseconds UTC.
        until_ms: i64,
    },
    /// Marks the event as stored or poison.
    Settle {
        /// Owner token of the claim.
        owner: OwnerToken,
        /// The final status.
        status: InboundStatus,
        /// Lifetime of the record from now, in seconds.
        ttl_s: i64,
    },
    /// Releases the event: a redelivery handles it.
    Release {
        /// Owner token of the claim.
        owner: OwnerToken,
    },
    /// Changes nothing, and is done: the result has the record.
    Read,
}

impl InboundOp {
    /// Decides the operation on the current record. Pure; you must run it and the write as one atomic step.
    pub fn decide(&self, current: Option<&InboundRecord>, at: At<'_>) -> Decision<InboundRecord> {
        let rev = current.map_or(0, |current| current.rev).saturating_add(1);
        self.change(current, at).map(|record| InboundRecord { rev, ..record })
    }

    fn change(&self, current: Option<&InboundRecord>, at: At<'_>) -> Decision<InboundRecord> {
        let held = |owner: &OwnerToken| current.filter(|record| record.owner == *owner);
        match self {
            Self::Read => Decision::Keep,
            Self::Claim { lease, fingerprint, ttl_s } => claim(current, at, (lease, fingerprint.as_ref()), *ttl_s, false),
            Self::Replay { lease, fingerprint, ttl_s } => claim(current, at, (lease, fingerprint.as_ref()), *ttl_s, true),
            Self::Renew { owner, until_ms } => match held(owner) {
                Some(record) if record.status == InboundStatus::Claimed => {
                    let expires_at_s = record.expires_at_s.max(outlasting(*until_ms));
                    Decision::Write(InboundRecord { lease_until_ms: *until_ms, expires_at_s, ..record.clone() })
                }
                _ => Decision::Refuse,
            },
            Self::Settle { owner, status, ttl_s } => match held(owner) {
                Some(record) if record.status == *status => Decision::Keep,
                Some(record) if record.status == InboundStatus::Claimed => {
                    Decision::Write(InboundRecord { status: *status, expires_at_s: at.expiry(*ttl_s), ..record.clone() })
                }
                _ => Decision::Refuse,
            },
            Self::Release { owner } => match current {
                None => Decision::Keep,
                // An expired record without an owner counts as absent; a store removes it when it removes expired ones.
                Some(record) if record.owner == *owner && record.status == InboundStatus::Claimed => Decision::Write(InboundRecord {
                    owner: InboundRecord::NO_OWNER,
                    lease_until_ms: at.now_ms,
                    expires_at_s: at.expiry(0),
                    // It was never stored, so another event may take its key.
                    fingerprint: None,
                    ..record.clone()
                }),
                Some(record) if record.owner == InboundRecord::NO_OWNER => Decision::Keep,
                Some(_) => Decision::Refuse,
            },
        }
    }
}

/// An expiry after the end of a lease: an expired record counts as absent, and a second handler would begin.
const fn outlasting(until_ms: i64) -> i64 {
    until_ms / 1000 + 1
}

fn claim(
    current: Option<&InboundRecord>,
    at: At<'_>,
    (lease, fingerprint): (&Lease, Option<&Fingerprint>),
    ttl_s: i64,
    poison_too: bool,
) -> Decision<InboundRecord> {
    let next = InboundRecord {
        v: InboundRecord::VERSION,
        rev: 0,
        status: InboundStatus::Claimed,
        owner: lease.owner,
        boot: lease.boot.clone(),
        lease_until_ms: lease.until_ms,
        expires_at_s: at.expiry(ttl_s).max(outlasting(lease.until_ms)),
        fingerprint: fingerprint.cloned(),
        unread: Unread::default(),
    };
    let is_free = |record: &InboundRecord| match record.status {
        InboundStatus::Claimed => at.is_over(record.lease_until_ms, record.boot.as_deref()),
        InboundStatus::Poison => poison_too,
        InboundStatus::Stored => false,
    };
    match current {
        Some(record) if record.owner == lease.owner && record.status == InboundStatus::Claimed => Decision::Keep,
        Some(record) if record.is_expired(at.now_ms) => Decision::Write(next),
        Some(record) if is_free(record) && !record.is_of_another(fingerprint) => {
            let fingerprint = next.fingerprint.clone().or_else(|| record.fingerprint.clone());
            Decision::Write(InboundRecord { unread: record.unread.clone(), fingerprint, ..next })
        }
        Some(_) => Decision::Refuse,
        None => Decision::Write(next),
    }
}
