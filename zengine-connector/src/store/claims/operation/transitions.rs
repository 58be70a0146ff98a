//! The transitions of a send's record, one per operation.

use super::{AttemptsMade, Decision, Lease};
use crate::{
    message::Idempotency,
    store::{
        cbor::Unread,
        claims::{
            At, Attempts, Effects, Fingerprint, OwnerToken, StoredError, StoredReceipt,
            record::{ClaimRecord, ClaimStatus, Evidence, Life, Terminal},
        },
    },
};

/// Statuses name their time in whole seconds: up to so many milliseconds before they happened.
const WHOLE_SECOND_MS: i64 = 1_000;
/// The end of a send.
pub(super) struct TerminalEnd {
    pub(super) terminal: Terminal,
    pub(super) result: Option<StoredReceipt>,
    pub(super) error: Option<StoredError>,
    pub(super) effects: Effects,
}

impl TerminalEnd {
    /// Applies evidence: proof of delivery overrides any failure, and any evidence overrides Unknown.
    fn with_evidence(self, evidence: Option<&Evidence>) -> Self {
        match (self.terminal, evidence.map(Evidence::proves)) {
            (Terminal::Unknown | Terminal::Failed, Some(Terminal::Delivered)) => {
                Self { terminal: Terminal::Delivered, result: self.result, error: None, effects: Effects::NONE }
            }
            (Terminal::Unknown, Some(Terminal::Failed)) => {
                let told = evidence.and_then(|evidence| evidence.error.clone());
                Self { terminal: Terminal::Failed, error: told.or(self.error), ..self }
            }
            _ => self,
        }
    }
}

/// The input of a decision: the current record and the time.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) current: Option<&'a ClaimRecord>,
    pub(super) at: At<'a>,
}

/// The operations.
impl Case<'_> {
    pub(super) fn claim(self, lease: &Lease, fingerprint: &Fingerprint, skew_ms: i64, ttl_s: i64) -> Decision<ClaimRecord> {
        let Some(record) = self.present() else { return Decision::Write(self.fresh(lease, fingerprint, ttl_s)) };
        let free = match record.status {
            ClaimStatus::Claimed if record.owner == lease.owner => return Decision::Keep,
            ClaimStatus::Claimed => !record.maybe_sent && record.is_orphaned(self.at, skew_ms),
            ClaimStatus::Released => !record.maybe_sent,
            _ => false,
        };
        if free && record.fingerprint.compare(fingerprint) == Some(true) {
            Decision::Write(self.under(record, lease))
        } else {
            Decision::Refuse
        }
    }

    pub(super) fn take_over(self, lease: &Lease, seen: OwnerToken, owner_gone: bool, skew_ms: i64) -> Decision<ClaimRecord> {
        match self.current {
            Some(record) if record.owner == lease.owner && record.status == ClaimStatus::Claimed => Decision::Keep,
            Some(record) if record.is_abandoned_by(self.at, seen, owner_gone, skew_ms) => {
                let last_attempt_at_ms = self.latest_attempt(record, owner_gone, skew_ms);
                let content_not_sent = record.knows_all_attempts() && record.content_not_sent;
                Decision::Write(ClaimRecord { maybe_sent: true, content_not_sent, last_attempt_at_ms, ..self.under(record, lease) })
            }
            _ => Decision::Refuse,
        }
    }

    pub(super) fn mark(self, owner: OwnerToken, idempotency: Option<Idempotency>, ttl_s: i64) -> Decision<ClaimRecord> {
        if self.is(ClaimStatus::Sending, owner) {
            return Decision::Keep;
        }
        self.owned(owner, |record| {
            record.status = ClaimStatus::Sending;
            record.idempotency = match record.idempotency.filter(|_| record.maybe_sent).zip(idempotency) {
                Some((before, now)) => Some(before.weaker(now)),
                // Of an attempt before it, an earlier release knew no more than this one.
                None => idempotency,
            };
            record.first_sent_at_ms.get_or_insert(self.at.now_ms);
            record.last_attempt_at_ms = Some(self.at.now_ms);
            record.expires_at_s = self.at.expiry(ttl_s);
        })
    }

    pub(super) fn commit(self, owner: OwnerToken, end: TerminalEnd, made: &AttemptsMade, ttl_s: i64) -> Decision<ClaimRecord> {
        match self.current {
            Some(record) if record.status.is_owned() && record.owner == owner => {
                let mut record = with_attempts(record, made);
                record.maybe_sent |= end.terminal == Terminal::Unknown;
                Decision::Write(self.finished(record, end, ttl_s))
            }
            Some(record) if record.status.is_terminal() && record.last_owner == Some(owner) => {
                if record.status != ClaimStatus::Unknown || end.terminal == Terminal::Unknown {
                    return Decision::Keep;
                }
                Decision::Write(self.settled(with_attempts(record, made), end, ttl_s))
            }
            _ => Decision::Refuse,
        }
    }

    pub(super) fn release(self, owner: OwnerToken, maybe_sent: bool, made: &AttemptsMade, ttl_s: i64) -> Decision<ClaimRecord> {
        if self.is(ClaimStatus::Released, owner) {
            return Decision::Keep;
        }
        self.owned(owner, |record| {
            // A doubt that is not renewed ends in its time, however often its duplicates come (rule 29). A mark renewed it for an attempt
            // that may not have left: then its time counts from the latest that may have.
            if made.first_maybe_at_ms.is_some() || !record.maybe_sent {
                record.expires_at_s = self.at.expiry(ttl_s);
            } else if record.status == ClaimStatus::Sending {
                // A clock may have been ahead.
                let latest_ms = made.last_maybe_at_ms.unwrap_or(self.at.now_ms).min(self.at.now_ms);
                record.expires_at_s = At { now_ms: latest_ms, ..self.at }.expiry(ttl_s);
            }
            record.status = ClaimStatus::Released;
            add(record, made);
            record.maybe_sent |= maybe_sent;
            if !record.maybe_sent {
                (record.first_sent_at_ms, record.last_attempt_at_ms) = (None, None);
                (record.content_not_sent, record.idempotency) = (false, None);
            }
            record.lease_until_ms = self.at.now_ms;
        })
    }

    pub(super) fn give_up(
        self,
        claimant: OwnerToken,
        seen: OwnerToken,
        gone: bool,
        end: TerminalEnd,
        skew_ms: i64,
        ttl_s: i64,
    ) -> Decision<ClaimRecord> {
        match self.current {
            Some(record) if record.status.is_terminal() && record.owner == claimant => Decision::Keep,
            Some(record) if record.is_abandoned_by(self.at, seen, gone, skew_ms) => {
                // Keep the last owner: it may still return with the result (rule 27).
                let last_attempt_at_ms = self.latest_attempt(record, gone, skew_ms);
                Decision::Write(ClaimRecord {
                    owner: claimant,
                    maybe_sent: true,
                    content_not_sent: record.knows_all_attempts() && record.content_not_sent,
                    last_attempt_at_ms,
                    ..self.finished(record.clone(), end, ttl_s)
                })
            }
            _ => Decision::Refuse,
        }
    }

    pub(super) fn tell(self, key_generation: u32, evidence: &Evidence, skew_ms: i64, ttl_s: i64) -> Decision<ClaimRecord> {
        // An id that is used again after its record is gone has the same provider key: a status of its earlier life says nothing.
        let is_about = |record: &&ClaimRecord| {
            let since = record.first_sent_at_ms.map_or(record.first_claimed_at_ms, |sent| sent.min(record.first_claimed_at_ms));
            record.key_generation == key_generation && evidence.at_ms.saturating_add(skew_ms + WHOLE_SECOND_MS) >= since
        };
        let Some(record) = self.current.filter(is_about) else { return Decision::Refuse };
        let told = ClaimRecord { evidence: Some(Box::new(evidence.clone())), updated_at_ms: self.at.now_ms, ..record.clone() };
        match record.status {
            ClaimStatus::Delivered | ClaimStatus::Failed => Decision::Refuse,
            // A failure that is not final proves nothing about an end, and only proof changes one. But it says that the provider has the
            // message: a redrive that counts on the opposite needs force from now on.
            ClaimStatus::Unknown if evidence.proves() == Terminal::Unknown && record.content_not_sent => {
                Decision::Write(ClaimRecord { content_not_sent: false, updated_at_ms: self.at.now_ms, ..record.clone() })
            }
            ClaimStatus::Unknown if evidence.proves() == Terminal::Unknown => Decision::Refuse,
            ClaimStatus::Unknown => {
                let (result, error) = (record.result.clone(), evidence.error.clone());
                let end = TerminalEnd { terminal: evidence.proves(), result, error, effects: Effects::NONE };
                Decision::Write(self.settled(told, end, ttl_s))
            }
            ClaimStatus::Claimed | ClaimStatus::Sending | ClaimStatus::Released if !evidence.outweighs(record.evidence.as_deref()) => {
                Decision::Keep
            }
            // The provider has seen the message, so it must not be sent as if it were new.
            ClaimStatus::Claimed | ClaimStatus::Sending | ClaimStatus::Released => {
                Decision::Write(ClaimRecord { maybe_sent: true, content_not_sent: false, ..told })
            }
        }
    }

    pub(super) fn clear_effects(self, life: Life, done: Effects) -> Decision<ClaimRecord> {
        let owing = self.current.filter(|record| record.status.is_terminal() && record.life() == life);
        let Some(record) = owing else { return Decision::Refuse };
        let left = record.effects_pending.without(done);
        if left == record.effects_pending {
            return Decision::Keep;
        }
        Decision::Write(ClaimRecord { effects_pending: left, updated_at_ms: self.at.now_ms, ..record.clone() })
    }

    pub(super) fn redrive(self, life: Option<i64>, next: ClaimRecord) -> Decision<ClaimRecord> {
        let Some(record) = self.present() else { return Decision::Write(next) };
        if record.owner == next.owner && record.status == ClaimStatus::Claimed {
            return Decision::Keep;
        }
        if record.fingerprint.compare(&next.fingerprint) != Some(true) {
            return Decision::Refuse;
        }
        let is_the_failure =
            record.generation.saturating_add(1) == next.generation && life.is_none_or(|life| life == record.first_claimed_at_ms);
        let next = ClaimRecord { last_owner: Some(record.owner), unread: record.unread.clone(), ..next };
        match record.status {
            ClaimStatus::Unknown | ClaimStatus::Failed if record.effects_pending.pending() => Decision::Refuse,
            // No content was sent: under a new key, which no late status of the old one can settle (rule 71).
            ClaimStatus::Unknown if is_the_failure && !next.maybe_sent && record.content_not_sent => Decision::Write(ClaimRecord {
                key_generation: next.generation,
                maybe_sent: false,
                content_not_sent: false,
                first_sent_at_ms: None,
                last_attempt_at_ms: None,
                idempotency: None,
                ..with_doubt_of(record, next)
            }),
            // A message that may have arrived is sent again only as such.
            ClaimStatus::Unknown if is_the_failure && next.maybe_sent => Decision::Write(with_doubt_of(record, next)),
            // A new key, because under the old one the provider may repeat its refusal, also a late one (rule 70).
            ClaimStatus::Failed if is_the_failure => Decision::Write(ClaimRecord {
                key_generation: next.generation,
                maybe_sent: false,
                first_sent_at_ms: None,
                last_attempt_at_ms: None,
                idempotency: None,
                ..next
            }),
            // An earlier redrive of this generation was put off.
            ClaimStatus::Released if record.generation == next.generation && !record.is_decided() => {
                Decision::Write(with_doubt_of(record, next))
            }
            _ => Decision::Refuse,
        }
    }
}

/// The records that operations write.
impl<'a> Case<'a> {
    /// The current record, unless a new send may start.
    fn present(self) -> Option<&'a ClaimRecord> {
        self.current.filter(|record| record.is_present(self.at.now_ms))
    }

    fn is(self, status: ClaimStatus, owner: OwnerToken) -> bool {
        self.current.is_some_and(|record| record.status == status && record.owner == owner)
    }

    /// A change that only the current owner may make.
    pub(super) fn owned(self, owner: OwnerToken, change: impl FnOnce(&mut ClaimRecord)) -> Decision<ClaimRecord> {
        let owned = self.current.filter(|record| record.status.is_owned() && record.owner == owner);
        let Some(record) = owned else { return Decision::Refuse };
        let mut next = ClaimRecord { updated_at_ms: self.at.now_ms, ..record.clone() };
        change(&mut next);
        Decision::Write(next)
    }

    /// The record of a first claim.
    pub(super) fn fresh(self, lease: &Lease, fingerprint: &Fingerprint, ttl_s: i64) -> ClaimRecord {
        ClaimRecord {
            v: ClaimRecord::VERSION,
            rev: 0,
            status: ClaimStatus::Claimed,
            owner: lease.owner,
            last_owner: None,
            boot: lease.boot.clone(),
            lease_until_ms: lease.until_ms,
            expires_at_s: self.at.expiry(ttl_s),
            fingerprint: fingerprint.clone(),
            maybe_sent: false,
            first_claimed_at_ms: self.at.now_ms,
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
            updated_at_ms: self.at.now_ms,
            content_not_sent: false,
            idempotency: None,
            unread: Unread::default(),
        }
    }

    /// The record under a new owner.
    fn under(self, record: &ClaimRecord, lease: &Lease) -> ClaimRecord {
        ClaimRecord {
            status: ClaimStatus::Claimed,
            last_owner: Some(record.owner),
            owner: lease.owner,
            boot: lease.boot.clone(),
            lease_until_ms: lease.until_ms,
            updated_at_ms: self.at.now_ms,
            ..record.clone()
        }
    }

    /// The latest moment at which an attempt of a gone owner may have been under way: before its lease ended, or just now if its future
    /// was dropped (rule 19).
    fn latest_attempt(self, record: &ClaimRecord, owner_gone: bool, skew_ms: i64) -> Option<i64> {
        match record.status {
            ClaimStatus::Sending if owner_gone => Some(self.at.now_ms),
            ClaimStatus::Sending => Some(record.lease_until_ms.saturating_add(skew_ms).min(self.at.now_ms)),
            _ => record.last_attempt_at_ms,
        }
    }

    fn ended(self, record: ClaimRecord, end: TerminalEnd, ttl_s: i64) -> ClaimRecord {
        ClaimRecord {
            status: end.terminal.into(),
            result: end.result,
            error: end.error.map(Box::new),
            effects_pending: end.effects,
            expires_at_s: self.at.expiry(ttl_s),
            updated_at_ms: self.at.now_ms,
            ..record
        }
    }

    /// A send that its owner ended, or that was given up.
    fn finished(self, record: ClaimRecord, end: TerminalEnd, ttl_s: i64) -> ClaimRecord {
        let end = end.with_evidence(record.evidence.as_deref());
        ClaimRecord { last_owner: Some(record.owner), ..self.ended(record, end, ttl_s) }
    }

    /// An Unknown that evidence or its late owner settled. Its pending effects stay, but a delivery needs neither letter nor event.
    fn settled(self, record: ClaimRecord, end: TerminalEnd, ttl_s: i64) -> ClaimRecord {
        let pending = record.effects_pending;
        let (error, left) = match end.terminal {
            Terminal::Delivered => (None, pending.without(Effects::BOTH)),
            _ => (end.error.or_else(|| record.error.as_deref().cloned()), pending),
        };
        self.ended(record, TerminalEnd { error, effects: Effects { settled: true, ..left }, ..end }, ttl_s)
    }
}

/// The record with its owner's attempts.
fn with_attempts(record: &ClaimRecord, made: &AttemptsMade) -> ClaimRecord {
    let mut record = record.clone();
    add(&mut record, made);
    record
}

/// Adds an owner's attempts.
fn add(record: &mut ClaimRecord, made: &AttemptsMade) {
    if made.first_maybe_at_ms.is_some() {
        record.content_not_sent = made.content_not_sent && (record.content_not_sent || !record.maybe_sent);
    }
    if !record.maybe_sent {
        // The mark was written before an attempt that left nothing; the provider's window begins with the first that may have (rule 21).
        record.first_sent_at_ms = made.first_maybe_at_ms.or(record.first_sent_at_ms);
    }
    record.attempts = record.attempts.saturating_add(made.count);
    for attempt in &made.failed {
        record.history.push(attempt.clone());
    }
    record.last_attempt_at_ms = made.last_maybe_at_ms.or(record.last_attempt_at_ms);
}

/// The next record with the key of the present one, and what that knows of attempts that may have arrived. A redrive that was put off goes
/// on: its age counts from its first claim (rule 8).
fn with_doubt_of(record: &ClaimRecord, next: ClaimRecord) -> ClaimRecord {
    let first_claimed_at_ms = if record.generation == next.generation { record.first_claimed_at_ms } else { next.first_claimed_at_ms };
    ClaimRecord {
        first_claimed_at_ms,
        key_generation: record.key_generation,
        maybe_sent: record.maybe_sent,
        content_not_sent: record.content_not_sent,
        first_sent_at_ms: record.first_sent_at_ms,
        last_attempt_at_ms: record.last_attempt_at_ms,
        idempotency: record.idempotency,
        attempts: record.attempts,
        history: record.history.clone(),
        ..next
    }
}
