//! All changes of a send's record, as one pure function (rules 13 to 29).

mod transitions;

use std::sync::Arc;

use super::{
    At, AttemptRecord, Effects, Fingerprint, OwnerToken, StoredError, StoredReceipt,
    record::{ClaimRecord, Evidence, Life, Terminal},
};
use crate::message::Idempotency;
use transitions::{Case, TerminalEnd};

/// A lease: the owner of a record and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Owner token, new for each claim.
    pub owner: OwnerToken,
    /// Id of the store's opening that the owner belongs to.
    pub boot: Option<Arc<str>>,
    /// End of the lease, in milliseconds UTC.
    pub until_ms: i64,
}

/// The decision about a record.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once; a box would cost every send three allocations")]
pub enum Decision<R> {
    /// Write this record.
    Write(R),
    /// The condition holds and the record already has the change: our own write, whose answer was lost (rule 14).
    Keep,
    /// The condition does not hold.
    Refuse,
}

impl<R> Decision<R> {
    /// Changes what is written.
    pub(super) fn map(self, change: impl FnOnce(R) -> R) -> Self {
        match self {
            Self::Write(record) => Self::Write(change(record)),
            other => other,
        }
    }
}

/// The attempts that one owner made.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AttemptsMade {
    /// Their number.
    pub count: u32,
    /// The failed ones, oldest first.
    pub failed: Vec<AttemptRecord>,
    /// Start of the first one that may have arrived, in milliseconds UTC. `None` if there is none.
    pub first_maybe_at_ms: Option<i64>,
    /// End of the latest one of any owner that may have arrived, in milliseconds UTC. `None` if the owner knows of none.
    pub last_maybe_at_ms: Option<i64>,
    /// Whether each of them that may have arrived surely did not carry content (rule 71).
    pub content_not_sent: bool,
}

impl AttemptsMade {
    /// This many attempts, none of which failed.
    pub fn new(count: u32) -> Self {
        Self { count, ..Self::default() }
    }
}

/// A conditional change of a send's record. All but the first claim and evidence require the owner's token (rule 15).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClaimOp {
    /// Claims a record that has no owner and under which nothing was sent.
    Claim {
        /// The new lease.
        lease: Lease,
        /// Fingerprint of the message, under the key of the record's. Any other is refused.
        fingerprint: Fingerprint,
        /// Maximum difference between clocks, in milliseconds.
        skew_ms: i64,
        /// Lifetime of the record, in seconds.
        ttl_s: i64,
    },
    /// Takes a record in doubt, to send again with the same provider key or to look up first.
    TakeOver {
        /// The new lease.
        lease: Lease,
        /// Owner token that was read. If it differs, another caller was faster.
        seen: OwnerToken,
        /// Whether the owner's future was dropped, so that its lease need not end first (rule 24).
        owner_gone: bool,
        /// Maximum difference between clocks, in milliseconds.
        skew_ms: i64,
    },
    /// Marks that bytes may be sent from now on (rule 16).
    Mark {
        /// The owner's token.
        owner: OwnerToken,
        /// The provider's protection against duplicates, as the owner knows it. The weaker of this and an earlier owner's is stored.
        idempotency: Option<Idempotency>,
        /// Lifetime of a record in doubt, in seconds (rule 29).
        ttl_s: i64,
    },
    /// Extends the lease (rule 17).
    Renew {
        /// The owner's token.
        owner: OwnerToken,
        /// New end of the lease, in milliseconds UTC. An earlier one than the present end changes nothing.
        until_ms: i64,
    },
    /// Ends the send. Also lets a late owner settle an Unknown (rule 27).
    Commit {
        /// The owner's token.
        owner: OwnerToken,
        /// The end.
        terminal: Terminal,
        /// The receipt.
        result: Option<StoredReceipt>,
        /// The error.
        error: Option<StoredError>,
        /// The owner's attempts.
        made: AttemptsMade,
        /// The effects to complete.
        effects: Effects,
        /// Lifetime of the record from now, in seconds (rule 29).
        ttl_s: i64,
    },
    /// Releases the record, to send later (rule 21).
    Release {
        /// The owner's token.
        owner: OwnerToken,
        /// Whether an attempt may have reached the provider.
        maybe_sent: bool,
        /// The owner's attempts.
        made: AttemptsMade,
        /// Lifetime of the record from now, in seconds (rule 29).
        ttl_s: i64,
    },
    /// Ends a record in doubt as the evidence says, or as Unknown (rule 19).
    GiveUp {
        /// Token of the caller.
        claimant: OwnerToken,
        /// Owner token that was read.
        seen: OwnerToken,
        /// Whether the owner's future was dropped.
        owner_gone: bool,
        /// The error of an Unknown.
        error: StoredError,
        /// Maximum difference between clocks, in milliseconds.
        skew_ms: i64,
        /// Lifetime of the record from now, in seconds.
        ttl_s: i64,
    },
    /// Stores evidence from the provider, regardless of the owner, and settles an Unknown if it proves an end (rule 27). Refused if the
    /// evidence is older than the send.
    Tell {
        /// Generation in the provider key that the evidence is about. Another one is refused.
        key_generation: u32,
        /// The evidence.
        evidence: Evidence,
        /// Maximum difference between clocks, in milliseconds.
        skew_ms: i64,
        /// Lifetime of a settled record from now, in seconds.
        ttl_s: i64,
    },
    /// Clears the flags of completed effects (rule 65).
    ClearEffects {
        /// Time of the first claim of the send that owed them, in milliseconds UTC: another life of the id owes its own.
        first_claimed_at_ms: i64,
        /// Generation of the effects.
        generation: u32,
        /// The completed effects.
        done: Effects,
    },
    /// Claims a failed send again, under the next generation (rule 70). Refused while the failure has pending effects, which the
    /// new generation would overwrite (rule 67).
    Redrive {
        /// The new lease.
        lease: Lease,
        /// Fingerprint of the message, under the key of the record's. Any other is refused.
        fingerprint: Fingerprint,
        /// The generation that failed.
        generation: u32,
        /// Time of the first claim of the send that failed, if known: the send of another life of the id is not claimed.
        first_claimed_at_ms: Option<i64>,
        /// New generation in the provider key, unless the record knows better.
        key_generation: u32,
        /// Whether an attempt of an earlier generation may have reached the provider. An Unknown is claimed without it only if its record says
        /// that no content was sent.
        maybe_sent: bool,
        /// Time of the first such attempt from the dead letter, in milliseconds UTC, if known.
        first_sent_at_ms: Option<i64>,
        /// Time of the latest such attempt, in milliseconds UTC, if known.
        last_attempt_at_ms: Option<i64>,
        /// The provider's protection for such attempts, if known.
        idempotency: Option<Idempotency>,
        /// Lifetime of the record, in seconds.
        ttl_s: i64,
    },
}

impl ClaimOp {
    /// Decides the operation on the current record. Pure; you must run it and the write as one atomic step.
    pub fn decide(&self, current: Option<&ClaimRecord>, at: At<'_>) -> Decision<ClaimRecord> {
        let rev = current.map_or(0, |current| current.rev).saturating_add(1);
        self.change(Case { current, at }).map(|record| ClaimRecord { rev, ..record })
    }

    fn change(&self, case: Case<'_>) -> Decision<ClaimRecord> {
        match self {
            Self::Claim { lease, fingerprint, skew_ms, ttl_s } => case.claim(lease, fingerprint, *skew_ms, *ttl_s),
            Self::TakeOver { lease, seen, owner_gone, skew_ms } => case.take_over(lease, *seen, *owner_gone, *skew_ms),
            Self::Mark { owner, idempotency, ttl_s } => case.mark(*owner, *idempotency, *ttl_s),
            Self::Renew { owner, until_ms } => case.owned(*owner, |record| record.lease_until_ms = record.lease_until_ms.max(*until_ms)),
            Self::Commit { owner, terminal, result, error, made, effects, ttl_s } => {
                let end = TerminalEnd { terminal: *terminal, result: result.clone(), error: error.clone(), effects: *effects };
                case.commit(*owner, end, made, *ttl_s)
            }
            Self::Release { owner, maybe_sent, made, ttl_s } => case.release(*owner, *maybe_sent, made, *ttl_s),
            Self::GiveUp { claimant, seen, owner_gone, error, skew_ms, ttl_s } => {
                let end = TerminalEnd { terminal: Terminal::Unknown, result: None, error: Some(error.clone()), effects: Effects::BOTH };
                case.give_up(*claimant, *seen, *owner_gone, end, *skew_ms, *ttl_s)
            }
            Self::Tell { key_generation, evidence, skew_ms, ttl_s } => case.tell(*key_generation, evidence, *skew_ms, *ttl_s),
            Self::ClearEffects { first_claimed_at_ms, generation, done } => {
                case.clear_effects(Life { first_claimed_at_ms: *first_claimed_at_ms, generation: *generation }, *done)
            }
            Self::Redrive {
                lease,
                fingerprint,
                generation,
                first_claimed_at_ms,
                key_generation,
                maybe_sent,
                first_sent_at_ms,
                last_attempt_at_ms,
                idempotency,
                ttl_s,
            } => {
                let next = ClaimRecord {
                    generation: generation.saturating_add(1),
                    key_generation: *key_generation,
                    maybe_sent: *maybe_sent,
                    first_sent_at_ms: first_sent_at_ms.filter(|_| *maybe_sent),
                    last_attempt_at_ms: last_attempt_at_ms.filter(|_| *maybe_sent),
                    idempotency: idempotency.filter(|_| *maybe_sent),
                    ..case.fresh(lease, fingerprint, *ttl_s)
                };
                case.redrive(*first_claimed_at_ms, next)
            }
        }
    }
}
