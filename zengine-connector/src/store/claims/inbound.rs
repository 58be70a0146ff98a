//! The record of one inbound event (rule 84).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{OwnerToken, at::At, operation::Lease};

/// Where an inbound event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InboundStatus {
    /// A handler works on it.
    Claimed,
    /// The host has stored it.
    Stored,
    /// It can never be handled; it is kept as a dead letter.
    Poison,
}

/// The record of one inbound event, version 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InboundRecord {
    /// The version of this form: 1.
    pub v: u32,
    /// Where it stands.
    pub status: InboundStatus,
    /// The claim that works on it.
    pub owner: OwnerToken,
    /// The opening of the store that the owner belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<Arc<str>>,
    /// Until when the owner owns it, in milliseconds UTC.
    pub lease_until_ms: i64,
    /// When the record may go, in seconds UTC.
    pub expires_at_s: i64,
}

impl InboundRecord {
    /// The version of this form.
    pub const VERSION: u32 = 1;

    /// Its time is over.
    pub const fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_at_s.saturating_mul(1000) <= now_ms
    }

    fn is_orphaned(&self, at: At<'_>) -> bool {
        self.lease_until_ms < at.now_ms || (at.boot.is_some() && self.boot.as_deref() != at.boot)
    }
}

/// What is to be done with the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InboundDecision {
    /// This record takes the old one's place.
    Write(InboundRecord),
    /// The record goes.
    Delete,
    /// The condition holds and nothing needs writing.
    Keep,
    /// The condition does not hold.
    Refuse,
}

/// A conditional change of an inbound event's record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InboundOp {
    /// Takes an event that nobody works on and that is not settled.
    Claim {
        /// Who.
        lease: Lease,
        /// How long the record lives, in seconds.
        ttl_s: i64,
    },
    /// Lengthens the lease.
    Renew {
        /// Who.
        owner: OwnerToken,
        /// In milliseconds UTC.
        until_ms: i64,
    },
    /// Says that the event is stored, or can never be handled.
    Settle {
        /// Who.
        owner: OwnerToken,
        /// Which.
        status: InboundStatus,
        /// How long the record lives from now, in seconds.
        ttl_s: i64,
    },
    /// Gives the event back: a redelivery handles it.
    Release {
        /// Who.
        owner: OwnerToken,
    },
}

impl InboundOp {
    /// Decides on the record as it stands. Pure; stores run it inside one atomic step.
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
