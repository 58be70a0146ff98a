//! The record of one inbound event (rule 84).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{OwnerToken, at::At, operation::Lease};

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

/// The record of one inbound event, version 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InboundRecord {
    /// Version of this format: 1.
    pub v: u32,
    /// The status.
    pub status: InboundStatus,
    /// Owner token of the current claim.
    pub owner: OwnerToken,
    /// Id of the store's opening that the owner belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<Arc<str>>,
    /// End of the lease, in milliseconds UTC.
    pub lease_until_ms: i64,
    /// Expiry of the record, in seconds UTC.
    pub expires_at_s: i64,
}

impl InboundRecord {
    /// Version of this format.
    pub const VERSION: u32 = 1;

    /// Returns `true` if the record is expired.
    pub const fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_at_s.saturating_mul(1000) <= now_ms
    }

    fn is_orphaned(&self, at: At<'_>) -> bool {
        self.lease_until_ms < at.now_ms || (at.boot.is_some() && self.boot.as_deref() != at.boot)
    }
}

/// The decision about a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InboundDecision {
    /// Write this record.
    Write(InboundRecord),
    /// Delete the record.
    Delete,
    /// The condition holds, and no write is needed.
    Keep,
    /// The condition does not hold.
    Refuse,
}

/// A conditional change of an inbound event's record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InboundOp {
    /// Claims an event that has no owner and is not settled.
    Claim {
        /// The new lease.
        lease: Lease,
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
}

impl InboundOp {
    /// Decides the operation on the current record. Pure; you must run it and the write as one atomic step.
    pub fn decide(&self, current: Option<&InboundRecord>, at: At<'_>) -> InboundDecision {
        match self {
            Self::Claim { lease, ttl_s } => match current {
                Some(record) if record.owner == lease.owner && record.status == InboundStatus::Claimed => InboundDecision::Keep,
                Some(record) if !record.is_expired(at.now_ms) && (record.status != InboundStatus::Claimed || !record.is_orphaned(at)) => {
                    InboundDecision::Refuse
                }
                _ => InboundDecision::Write(InboundRecord {
                    v: InboundRecord::VERSION,
                    status: InboundStatus::Claimed,
                    owner: lease.owner,
                    boot: lease.boot.clone(),
                    lease_until_ms: lease.until_ms,
                    expires_at_s: at.now_ms / 1000 + ttl_s,
                }),
            },
            Self::Renew { owner, until_ms } => match current {
                Some(record) if record.status == InboundStatus::Claimed && record.owner == *owner => {
                    InboundDecision::Write(InboundRecord { lease_until_ms: *until_ms, ..record.clone() })
                }
                _ => InboundDecision::Refuse,
            },
            Self::Settle { owner, status, ttl_s } => match current {
                Some(record) if record.owner == *owner && record.status == *status => InboundDecision::Keep,
                Some(record) if record.status == InboundStatus::Claimed && record.owner == *owner => {
                    InboundDecision::Write(InboundRecord { status: *status, expires_at_s: at.now_ms / 1000 + ttl_s, ..record.clone() })
                }
                _ => InboundDecision::Refuse,
            },
            Self::Release { owner } => match current {
                None => InboundDecision::Keep,
                Some(record) if record.status == InboundStatus::Claimed && record.owner == *owner => InboundDecision::Delete,
                Some(_) => InboundDecision::Refuse,
            },
        }
    }
}
