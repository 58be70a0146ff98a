//! All changes of a send's record, as one pure function (rules 13 to 29).

use std::sync::Arc;

use super::{
    At, AttemptRecord, Attempts, Effects, Fingerprint, OwnerToken, StoredError, StoredReceipt,
    record::{ClaimRecord, ClaimStatus, Evidence, Life, Terminal},
};
use crate::store::cbor::Unread;

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

/// The attempts that one owner made.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AttemptsMade {
    /// Their number.
    pub count: u32,
    /// The failed ones, oldest first.
    pub failed: Vec<AttemptRecord>,
    /// End of the latest one of any owner that may have arrived, in milliseconds UTC. `None` if the owner knows of none.
    pub last_maybe_at_ms: Option<i64>,
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
        /// Fingerprint of the message. A different one is refused.
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
    /// Stores evidence from the provider, regardless of the owner, and settles an Unknown (rule 27).
    Tell {
        /// Generation in the provider key that the evidence is about. Another one is refused.
        key_generation: u32,
        /// The evidence.
        evidence: Evidence,
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
        /// Fingerprint of the message.
        fingerprint: Fingerprint,
        /// The generation that failed.
        generation: u32,
        /// Time of the first claim of the send that failed, if known: the send of another life of the id is not claimed.
        first_claimed_at_ms: Option<i64>,
        /// New generation in the provider key, unless the record knows better.
        key_generation: u32,
        /// Whether an attempt of an earlier generation may have reached the provider.
        maybe_sent: bool,
        /// Time of the first such attempt from the dead letter, in milliseconds UTC, if known.
        first_sent_at_ms: Option<i64>,
        /// Time of the latest such attempt, in milliseconds UTC, if known.
        last_attempt_at_ms: Option<i64>,
        /// Lifetime of the record, in seconds.
        ttl_s: i64,
    },
}

impl ClaimOp {
    /// Decides the operation on the current record. Pure; you must run it and the write as one atomic step.
    pub fn decide(&self, current: Option<&ClaimRecord>, at: At<'_>) -> Decision<ClaimRecord> {
        match self.change(current, at) {
            Decision::Write(mut record) => {
                record.rev = current.map_or(0, |current| current.rev).saturating_add(1);
                Decision::Write(record)
            }
            decision => decision,
        }
    }

    fn change(&self, current: Option<&ClaimRecord>, at: At<'_>) -> Decision<ClaimRecord> {
        match self {
            Self::Claim { lease, fingerprint, skew_ms, ttl_s } => claim(current, at, lease, fingerprint, *skew_ms, *ttl_s),
            Self::TakeOver { lease, seen, owner_gone, skew_ms } => take_over(current, at, lease, *seen, *owner_gone, *skew_ms),
            Self::Mark { owner, ttl_s } => mark(current, at, *owner, *ttl_s),
            Self::Renew { owner, until_ms } => {
                owned(current, *owner, at, |record| record.lease_until_ms = record.lease_until_ms.max(*until_ms))
            }
            Self::Commit { owner, terminal, result, error, made, effects, ttl_s } => {
                let end = TerminalEnd { terminal: *terminal, result: result.clone(), error: error.clone(), effects: *effects };
                commit(current, at, *owner, end, made, *ttl_s)
            }
            Self::Release { owner, maybe_sent, made, ttl_s } => release(current, at, *owner, *maybe_sent, made, *ttl_s),
            Self::GiveUp { claimant, seen, owner_gone, error, skew_ms, ttl_s } => {
                give_up(current, at, *claimant, *seen, *owner_gone, error, *skew_ms, *ttl_s)
            }
            Self::Tell { key_generation, evidence, ttl_s } => tell(current, at, *key_generation, evidence, *ttl_s),
            Self::ClearEffects { first_claimed_at_ms, generation, done } => {
                let life = Life { first_claimed_at_ms: *first_claimed_at_ms, generation: *generation };
                clear_effects(current, at, life, *done)
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
                ttl_s,
            } => {
                let next = ClaimRecord {
                    generation: generation + 1,
                    key_generation: *key_generation,
                    maybe_sent: *maybe_sent,
                    first_sent_at_ms: first_sent_at_ms.filter(|_| *maybe_sent),
                    last_attempt_at_ms: last_attempt_at_ms.filter(|_| *maybe_sent),
                    ..fresh(at, lease, fingerprint, *ttl_s)
                };
                redrive(current, at, *first_claimed_at_ms, next)
            }
        }
    }
}

fn write(record: ClaimRecord) -> Decision<ClaimRecord> {
    Decision::Write(record)
}

/// The record of a first claim.
fn fresh(at: At<'_>, lease: &Lease, fingerprint: &Fingerprint, ttl_s: i64) -> ClaimRecord {
    ClaimRecord {
        v: ClaimRecord::VERSION,
        rev: 0,
        status: ClaimStatus::Claimed,
        owner: lease.owner,
        last_owner: None,
        boot: lease.boot.clone(),
        lease_until_ms: lease.until_ms,
        expires_at_s: at.now_ms / 1000 + ttl_s,
        fingerprint: fingerprint.clone(),
        maybe_sent: false,
        first_claimed_at_ms: at.now_ms,
        first_sent_at_ms: None,
        last_attempt_at_ms: None,
        attempts: 0,
        history: Attempts::new(),
        generation: 0,
        key_generation: 0,
        evidence: None,
        result: None,
        error: None,
        effects_pending: Effects::NONE,
        updated_at_ms: at.now_ms,
        unread: Unread::default(),
    }
}

/// The record under a new owner.
fn under(record: &ClaimRecord, at: At<'_>, lease: &Lease) -> ClaimRecord {
    ClaimRecord {
        status: ClaimStatus::Claimed,
        last_owner: Some(record.owner),
        owner: lease.owner,
        boot: lease.boot.clone(),
        lease_until_ms: lease.until_ms,
        updated_at_ms: at.now_ms,
        ..record.clone()
    }
}

/// Returns `true` if a new send may start: there is no record, or an expired one that owes no dead letter. An event that is
/// still to publish does not hold a send back (rule 69).
fn is_absent(current: Option<&ClaimRecord>, now_ms: i64) -> bool {
    current.is_none_or(|record| record.is_expired(now_ms) && !record.is_in_doubt() && !record.effects_pending.dlq)
}

fn claim(
    current: Option<&ClaimRecord>,
    at: At<'_>,
    lease: &Lease,
    fingerprint: &Fingerprint,
    skew_ms: i64,
    ttl_s: i64,
) -> Decision<ClaimRecord> {
    if is_absent(current, at.now_ms) {
        return write(fresh(at, lease, fingerprint, ttl_s));
    }
    let Some(record) = current else { return Decision::Refuse };
    if record.owner == lease.owner && record.status == ClaimStatus::Claimed {
        return Decision::Keep;
    }
    let free = match record.status {
        ClaimStatus::Released => !record.maybe_sent,
        ClaimStatus::Claimed => !record.maybe_sent && record.is_orphaned(at, skew_ms),
        _ => false,
    };
    if !free || record.fingerprint.differs(fingerprint) {
        return Decision::Refuse;
    }
    write(under(record, at, lease))
}

fn take_over(
    current: Option<&ClaimRecord>,
    at: At<'_>,
    lease: &Lease,
    seen: OwnerToken,
    owner_gone: bool,
    skew_ms: i64,
) -> Decision<ClaimRecord> {
    match current {
        Some(record) if record.owner == lease.owner && record.status == ClaimStatus::Claimed => Decision::Keep,
        Some(record) if record.is_abandoned_by(at, seen, owner_gone, skew_ms) => {
            let last_attempt_at_ms = latest_attempt(record, at, owner_gone, skew_ms);
            write(ClaimRecord { maybe_sent: true, last_attempt_at_ms, ..under(record, at, lease) })
        }
        _ => Decision::Refuse,
    }
}

/// The latest moment at which an attempt of a gone owner may have been under way: before its lease ended, or just now if its future
/// was dropped (rule 19).
fn latest_attempt(record: &ClaimRecord, at: At<'_>, owner_gone: bool, skew_ms: i64) -> Option<i64> {
    match record.status {
        ClaimStatus::Sending if owner_gone => Some(at.now_ms),
        ClaimStatus::Sending => Some(record.lease_until_ms.saturating_add(skew_ms).min(at.now_ms)),
        _ => record.last_attempt_at_ms,
    }
}

/// A change that only the current owner may make.
fn owned(current: Option<&ClaimRecord>, owner: OwnerToken, at: At<'_>, change: impl FnOnce(&mut ClaimRecord)) -> Decision<ClaimRecord> {
    match current {
        Some(record) if record.status.is_owned() && record.owner == owner => {
            let mut next = ClaimRecord { updated_at_ms: at.now_ms, ..record.clone() };
            change(&mut next);
            write(next)
        }
        _ => Decision::Refuse,
    }
}

fn mark(current: Option<&ClaimRecord>, at: At<'_>, owner: OwnerToken, ttl_s: i64) -> Decision<ClaimRecord> {
    if current.is_some_and(|record| record.status == ClaimStatus::Sending && record.owner == owner) {
        return Decision::Keep;
    }
    owned(current, owner, at, |record| {
        record.status = ClaimStatus::Sending;
        record.first_sent_at_ms.get_or_insert(at.now_ms);
        record.last_attempt_at_ms = Some(at.now_ms);
        record.expires_at_s = at.now_ms / 1000 + ttl_s;
    })
}

/// Adds an owner's attempts.
fn add(record: &mut ClaimRecord, made: &AttemptsMade) {
    record.attempts = record.attempts.saturating_add(made.count);
    for attempt in &made.failed {
        record.history.push(attempt.clone());
    }
    record.last_attempt_at_ms = made.last_maybe_at_ms.or(record.last_attempt_at_ms);
}

struct TerminalEnd {
    terminal: Terminal,
    result: Option<StoredReceipt>,
    error: Option<StoredError>,
    effects: Effects,
}

/// Applies evidence to an end: proof of delivery overrides any failure, and any evidence overrides Unknown.
fn with_evidence(end: TerminalEnd, evidence: Option<&Evidence>) -> TerminalEnd {
    let verdict = evidence.map(Evidence::verdict);
    match (end.terminal, verdict) {
        (Terminal::Unknown | Terminal::Failed, Some(Terminal::Delivered)) => {
            TerminalEnd { terminal: Terminal::Delivered, result: end.result, error: None, effects: Effects::NONE }
        }
        (Terminal::Unknown, Some(Terminal::Failed)) => {
            let told = evidence.and_then(|evidence| evidence.error.clone());
            TerminalEnd { terminal: Terminal::Failed, error: told.or(end.error), ..end }
        }
        _ => end,
    }
}

fn ended(record: &ClaimRecord, at: At<'_>, end: TerminalEnd, ttl_s: i64) -> ClaimRecord {
    let end = with_evidence(end, record.evidence.as_deref());
    ClaimRecord {
        status: end.terminal.into(),
        last_owner: Some(record.owner),
        result: end.result,
        error: end.error.map(Box::new),
        effects_pending: end.effects,
        expires_at_s: at.now_ms / 1000 + ttl_s,
        updated_at_ms: at.now_ms,
        ..record.clone()
    }
}

fn commit(
    current: Option<&ClaimRecord>,
    at: At<'_>,
    owner: OwnerToken,
    end: TerminalEnd,
    made: &AttemptsMade,
    ttl_s: i64,
) -> Decision<ClaimRecord> {
    let Some(record) = current else { return Decision::Refuse };
    if record.status.is_owned() && record.owner == owner {
        let mut record = ClaimRecord { maybe_sent: record.maybe_sent || end.terminal == Terminal::Unknown, ..record.clone() };
        add(&mut record, made);
        return write(ended(&record, at, end, ttl_s));
    }
    if !record.status.is_terminal() || record.last_owner != Some(owner) {
        return Decision::Refuse;
    }
    if record.status == ClaimStatus::Unknown && end.terminal != Terminal::Unknown {
        return write(settled(record, at, end.terminal, end.result, end.error, ttl_s));
    }
    Decision::Keep
}

/// An Unknown that evidence or its late owner settled.
fn settled(
    record: &ClaimRecord,
    at: At<'_>,
    terminal: Terminal,
    result: Option<StoredReceipt>,
    error: Option<StoredError>,
    ttl_s: i64,
) -> ClaimRecord {
    let delivered = terminal == Terminal::Delivered;
    ClaimRecord {
        status: terminal.into(),
        result,
        error: if delivered { None } else { error.map(Box::new).or_else(|| record.error.clone()) },
        effects_pending: Effects { settled: true, ..record.effects_pending.without(if delivered { Effects::BOTH } else { Effects::NONE }) },
        expires_at_s: at.now_ms / 1000 + ttl_s,
        updated_at_ms: at.now_ms,
        ..record.clone()
    }
}

fn release(
    current: Option<&ClaimRecord>,
    at: At<'_>,
    owner: OwnerToken,
    maybe_sent: bool,
    made: &AttemptsMade,
    ttl_s: i64,
) -> Decision<ClaimRecord> {
    if current.is_some_and(|record| record.status == ClaimStatus::Released && record.owner == owner) {
        return Decision::Keep;
    }
    owned(current, owner, at, |record| {
        record.status = ClaimStatus::Released;
        record.maybe_sent |= maybe_sent;
        add(record, made);
        if !record.maybe_sent {
            (record.first_sent_at_ms, record.last_attempt_at_ms) = (None, None);
        }
        record.lease_until_ms = at.now_ms;
        record.expires_at_s = at.now_ms / 1000 + ttl_s;
    })
}

#[allow(clippy::too_many_arguments)] // one field of the operation each
fn give_up(
    current: Option<&ClaimRecord>,
    at: At<'_>,
    claimant: OwnerToken,
    seen: OwnerToken,
    owner_gone: bool,
    error: &StoredError,
    skew_ms: i64,
    ttl_s: i64,
) -> Decision<ClaimRecord> {
    match current {
        Some(record) if record.status.is_terminal() && record.owner == claimant => Decision::Keep,
        Some(record) if record.is_abandoned_by(at, seen, owner_gone, skew_ms) => {
            let end = TerminalEnd { terminal: Terminal::Unknown, result: None, error: Some(error.clone()), effects: Effects::BOTH };
            // Keep the last owner: it may still return with the result (rule 27).
            let last_attempt_at_ms = latest_attempt(record, at, owner_gone, skew_ms);
            write(ClaimRecord { owner: claimant, maybe_sent: true, last_attempt_at_ms, ..ended(record, at, end, ttl_s) })
        }
        _ => Decision::Refuse,
    }
}

fn tell(current: Option<&ClaimRecord>, at: At<'_>, key_generation: u32, evidence: &Evidence, ttl_s: i64) -> Decision<ClaimRecord> {
    let Some(record) = current.filter(|record| record.key_generation == key_generation) else { return Decision::Refuse };
    match record.status {
        ClaimStatus::Delivered | ClaimStatus::Failed => Decision::Refuse,
        ClaimStatus::Unknown => {
            let record = ClaimRecord { evidence: Some(Box::new(evidence.clone())), ..record.clone() };
            write(settled(&record, at, evidence.verdict(), record.result.clone(), evidence.error.clone(), ttl_s))
        }
        ClaimStatus::Claimed | ClaimStatus::Sending | ClaimStatus::Released => {
            // Evidence of a failure does not override evidence of delivery.
            let news =
                record.evidence.as_ref().is_none_or(|old| old.verdict() == Terminal::Failed && evidence.verdict() == Terminal::Delivered);
            if !news {
                return Decision::Keep;
            }
            // The provider has seen the message, so it must not be sent as if it were new.
            write(ClaimRecord { evidence: Some(Box::new(evidence.clone())), maybe_sent: true, updated_at_ms: at.now_ms, ..record.clone() })
        }
    }
}

fn clear_effects(current: Option<&ClaimRecord>, at: At<'_>, life: Life, done: Effects) -> Decision<ClaimRecord> {
    match current {
        Some(record) if record.status.is_terminal() && record.life() == life => {
            let left = record.effects_pending.without(done);
            if left == record.effects_pending {
                return Decision::Keep;
            }
            write(ClaimRecord { effects_pending: left, updated_at_ms: at.now_ms, ..record.clone() })
        }
        _ => Decision::Refuse,
    }
}

fn redrive(current: Option<&ClaimRecord>, at: At<'_>, life: Option<i64>, next: ClaimRecord) -> Decision<ClaimRecord> {
    if is_absent(current, at.now_ms) {
        return write(next);
    }
    let Some(record) = current else { return Decision::Refuse };
    if record.owner == next.owner && record.status == ClaimStatus::Claimed {
        return Decision::Keep;
    }
    if record.fingerprint.differs(&next.fingerprint) {
        return Decision::Refuse;
    }
    let is_the_failure = record.generation + 1 == next.generation && life.is_none_or(|life| life == record.first_claimed_at_ms);
    let next = ClaimRecord { last_owner: Some(record.owner), unread: record.unread.clone(), ..next };
    match record.status {
        ClaimStatus::Unknown | ClaimStatus::Failed if record.effects_pending.pending() => Decision::Refuse,
        // A message that may have arrived is sent again only as such.
        ClaimStatus::Unknown if is_the_failure && next.maybe_sent => write(with_doubt_of(record, next)),
        // A new key, because under the old one the provider may repeat its refusal, also a late one (rule 70).
        ClaimStatus::Failed if is_the_failure => write(ClaimRecord {
            key_generation: next.generation,
            maybe_sent: false,
            first_sent_at_ms: None,
            last_attempt_at_ms: None,
            ..next
        }),
        // An earlier redrive of this generation was put off.
        ClaimStatus::Released if record.generation == next.generation && record.evidence.is_none() => write(with_doubt_of(record, next)),
        _ => Decision::Refuse,
    }
}

/// The next record with the key of the present one, and what that knows of attempts that may have arrived.
fn with_doubt_of(record: &ClaimRecord, next: ClaimRecord) -> ClaimRecord {
    ClaimRecord {
        key_generation: record.key_generation,
        maybe_sent: record.maybe_sent,
        first_sent_at_ms: record.first_sent_at_ms,
        last_attempt_at_ms: record.last_attempt_at_ms,
        ..next
    }
}
