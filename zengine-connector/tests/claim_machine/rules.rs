//! The rules as two tables: what becomes of an operation, and what each field of the record holds after its write. The second is
//! sorted by field, not by operation, so that it says for each field who may change it, when, and to what.

use zengine_connector::{
    message::Idempotency,
    store::{
        At, AttemptsMade, ClaimOp, ClaimRecord, ClaimStatus, Decision, Effects, Evidence, Fingerprint, Lease, OwnerToken, StoredError,
        StoredReceipt, Terminal,
    },
};

/// Statuses name whole seconds (rule 27).
const WHOLE_SECOND_MS: i64 = 1_000;

/// The time of the oldest status that can be of the record's send (rule 27).
pub(crate) fn oldest_evidence_ms(record: &ClaimRecord, skew_ms: i64) -> i64 {
    let first_claimed_at_ms = record.first_claimed_at_ms;
    record.first_sent_at_ms.unwrap_or(first_claimed_at_ms).min(first_claimed_at_ms) - skew_ms - WHOLE_SECOND_MS
}

/// Compares a decision with the rules.
pub(crate) fn check(before: Option<&ClaimRecord>, operation: &ClaimOp, decision: &Decision<ClaimRecord>, at: At<'_>) {
    let made = match decision {
        Decision::Write(_) => Verdict::Write,
        Decision::Keep => Verdict::Keep,
        Decision::Refuse => Verdict::Refuse,
    };
    assert_eq!(made, verdict(before, operation, at), "{operation:?} on {before:?}");
    let Decision::Write(after) = decision else { return };
    assert_eq!(after.v, ClaimRecord::VERSION);
    assert_eq!(after.rev, before.map_or(0, |before| before.rev) + 1, "every write counts");
    assert_eq!(after.updated_at_ms, at.now_ms, "every write leaves its time");
    match before.filter(|before| !begins_anew(Some(before), operation, at)) {
        Some(before) => check_change(before, operation, after, at),
        None => check_begin(operation, after, at),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Write,
    Keep,
    Refuse,
}

/// Rules 13 and 29: a claim and a redrive begin where there is no record, or an expired one that is not in doubt and owes no letter.
fn begins_anew(before: Option<&ClaimRecord>, operation: &ClaimOp, at: At<'_>) -> bool {
    let is_absent = before.is_none_or(|before| before.is_expired(at.now_ms) && !before.is_in_doubt() && !before.effects_pending.dlq);
    is_absent && matches!(operation, ClaimOp::Claim { .. } | ClaimOp::Redrive { .. })
}

fn verdict(before: Option<&ClaimRecord>, operation: &ClaimOp, at: At<'_>) -> Verdict {
    use ClaimStatus::{Claimed, Failed, Released, Sending, Unknown};

    if begins_anew(before, operation, at) {
        return Verdict::Write;
    }
    let Some(record) = before else { return Verdict::Refuse };
    let status = record.status;
    let has = |expected: ClaimStatus, owner: &OwnerToken| status == expected && record.owner == *owner;
    let is_owned_by = |owner: &OwnerToken| status.is_owned() && record.owner == *owner;
    let is_over = |skew_ms: i64| record.lease_until_ms + skew_ms < at.now_ms || record.boot.as_deref() != at.boot;
    let is_message = |fingerprint: &Fingerprint| record.fingerprint.compare(fingerprint) == Some(true);
    let is_left = |seen: &OwnerToken, owner_gone: bool, skew_ms: i64| {
        let has_no_owner = status == Released || owner_gone || is_over(skew_ms) || record.is_expired(at.now_ms);
        record.is_in_doubt() && record.owner == *seen && has_no_owner
    };
    // Whether it is our own write (rule 14), and whether the rules allow it.
    let (is_done, is_allowed) = match operation {
        // Rules 13, 17 and 23.
        ClaimOp::Claim { lease, fingerprint, skew_ms, .. } => {
            let is_free = status == Released || (status == Claimed && is_over(*skew_ms));
            (has(Claimed, &lease.owner), is_free && !record.maybe_sent && is_message(fingerprint))
        }
        // Rules 19 and 24.
        ClaimOp::TakeOver { lease, seen, owner_gone, skew_ms } => (has(Claimed, &lease.owner), is_left(seen, *owner_gone, *skew_ms)),
        ClaimOp::GiveUp { claimant, seen, owner_gone, skew_ms, .. } => {
            (status.is_terminal() && record.owner == *claimant, is_left(seen, *owner_gone, *skew_ms))
        }
        // Rule 15.
        ClaimOp::Mark { owner, .. } => (has(Sending, owner), has(Claimed, owner)),
        ClaimOp::Renew { owner, .. } => (false, is_owned_by(owner)),
        ClaimOp::Release { owner, .. } => (has(Released, owner), is_owned_by(owner)),
        // Rules 15, 22 and 27.
        ClaimOp::Commit { owner, terminal, .. } => {
            let is_late = status.is_terminal() && record.last_owner == Some(*owner);
            let settles = is_late && status == Unknown && *terminal != Terminal::Unknown;
            (is_late && !settles, settles || is_owned_by(owner))
        }
        // Rule 27: only proof of delivery outweighs earlier proof.
        ClaimOp::Tell { key_generation, evidence, skew_ms, .. } => {
            let is_about = record.key_generation == *key_generation && evidence.at_ms >= oldest_evidence_ms(record, *skew_ms);
            // What is proved about the end: delivered outweighs failed, and either outweighs a failure that is not final.
            let weight = |proof: &Evidence| match proof.proves() {
                Terminal::Unknown => 1,
                Terminal::Failed => 2,
                Terminal::Delivered => 3,
            };
            let is_news = weight(evidence) > record.evidence.as_deref().map_or(0, weight);
            let (is_open, settles) = (!status.is_terminal(), status == Unknown && evidence.proves() != Terminal::Unknown);
            // Rule 71: the provider has the message, which a redrive must not take for not sent.
            let clears = status == Unknown && !settles && record.content_not_sent;
            (is_about && is_open && !is_news, is_about && (settles || clears || (is_open && is_news)))
        }
        // Rules 65 and 66.
        ClaimOp::ClearEffects { first_claimed_at_ms, generation, done } => {
            let is_theirs = (record.first_claimed_at_ms, record.generation) == (*first_claimed_at_ms, *generation);
            let changes = record.effects_pending.without(*done) != record.effects_pending;
            (status.is_terminal() && is_theirs && !changes, status.is_terminal() && is_theirs && changes)
        }
        // Rules 23, 27, 67, 70 and 71.
        ClaimOp::Redrive { lease, fingerprint, generation, first_claimed_at_ms, maybe_sent, .. } => {
            let is_failure =
                record.generation == *generation && first_claimed_at_ms.is_none_or(|first| first == record.first_claimed_at_ms);
            let is_open = match status {
                Failed => is_failure,
                Unknown => is_failure && (*maybe_sent || record.content_not_sent),
                Released => {
                    let proves_nothing = |proof: &Evidence| proof.proves() == Terminal::Unknown;
                    record.generation == *generation + 1 && record.evidence.as_deref().is_none_or(proves_nothing)
                }
                _ => false,
            };
            (has(Claimed, &lease.owner), is_open && is_message(fingerprint) && !record.effects_pending.pending())
        }
        other => panic!("no rule for {other:?}"),
    };
    match (is_done, is_allowed) {
        (true, _) => Verdict::Keep,
        (_, true) => Verdict::Write,
        _ => Verdict::Refuse,
    }
}

/// Compares fields of the record with what they are to be.
macro_rules! fields {
    ($record:ident: $($field:ident = $expected:expr, $rule:literal;)*) => {
        $(assert_eq!($record.$field, $expected, "{}: {}", stringify!($field), $rule);)*
    };
}

/// The record of a send that begins. A redrive's letter says the rest (rule 70).
fn check_begin(operation: &ClaimOp, after: &ClaimRecord, at: At<'_>) {
    let (lease, fingerprint, ttl_s, generations, doubt, told) = match operation {
        ClaimOp::Claim { lease, fingerprint, ttl_s, .. } => (lease, fingerprint, ttl_s, (0, 0), (false, None, None), None),
        ClaimOp::Redrive {
            lease,
            fingerprint,
            generation,
            key_generation,
            maybe_sent,
            first_sent_at_ms,
            last_attempt_at_ms,
            idempotency,
            ttl_s,
            ..
        } => {
            let doubt = if *maybe_sent { (true, *first_sent_at_ms, *last_attempt_at_ms) } else { (false, None, None) };
            (lease, fingerprint, ttl_s, (generation + 1, *key_generation), doubt, idempotency.filter(|_| *maybe_sent))
        }
        other => panic!("only a claim makes a record: {other:?}"),
    };
    fields! { after:
        status = ClaimStatus::Claimed, "rule 13";
        owner = lease.owner, "rule 15";
        last_owner = None, "rule 27";
        boot = lease.boot, "rule 17";
        lease_until_ms = lease.until_ms, "rule 17";
        expires_at_s = at.now_ms / 1000 + ttl_s, "rule 29";
        fingerprint = *fingerprint, "rule 23";
        maybe_sent = doubt.0, "rule 20";
        first_claimed_at_ms = at.now_ms, "rule 8";
        first_sent_at_ms = doubt.1, "rule 21";
        last_attempt_at_ms = doubt.2, "rule 19";
        attempts = 0, "rule 33";
        generation = generations.0, "rule 70";
        key_generation = generations.1, "rule 70";
        content_not_sent = false, "rule 71";
        idempotency = told, "rule 4";
        evidence = None, "rule 27";
        result = None, "rule 22";
        error = None, "rule 22";
        effects_pending = Effects::NONE, "rule 65";
    }
    assert!(after.history.is_empty(), "rule 33");
}

/// The end that an operation brings.
struct End {
    terminal: Terminal,
    result: Option<StoredReceipt>,
    error: Option<StoredError>,
    effects: Effects,
}

/// Rule 27: what is known as delivered is no failure, and what is known at all is not unknown. A settlement announces itself, and a
/// delivery owes neither letter nor event.
fn end(before: &ClaimRecord, operation: &ClaimOp) -> Option<End> {
    let mut end = match operation {
        ClaimOp::Commit { terminal, result, error, effects, .. } => {
            End { terminal: *terminal, result: result.clone(), error: error.clone(), effects: *effects }
        }
        ClaimOp::GiveUp { error, .. } => {
            End { terminal: Terminal::Unknown, result: None, error: Some(error.clone()), effects: Effects::BOTH }
        }
        ClaimOp::Tell { evidence, .. } if before.status == ClaimStatus::Unknown && evidence.proves() != Terminal::Unknown => {
            End { terminal: evidence.proves(), result: before.result.clone(), error: evidence.error.clone(), effects: Effects::NONE }
        }
        _ => return None,
    };
    if before.status == ClaimStatus::Unknown {
        end.effects = before.effects_pending;
        end.effects.settled = true;
        if end.terminal == Terminal::Delivered {
            (end.error, end.effects.dlq, end.effects.event) = (None, false, false);
        }
        if end.terminal == Terminal::Failed && end.error.is_none() {
            end.error = before.error.as_deref().cloned();
        }
        return Some(end);
    }
    match before.evidence.as_deref() {
        Some(proof) if proof.proves() == Terminal::Delivered && end.terminal != Terminal::Delivered => {
            Some(End { terminal: Terminal::Delivered, error: None, effects: Effects::NONE, ..end })
        }
        Some(proof) if proof.proves() == Terminal::Failed && end.terminal == Terminal::Unknown => {
            Some(End { terminal: Terminal::Failed, error: proof.error.clone().or(end.error), ..end })
        }
        _ => Some(end),
    }
}

/// The expiry after a write (rule 29): marks, ends and redrives set it anew, and a release unless it leaves an older doubt as it was.
fn expiry(before: &ClaimRecord, operation: &ClaimOp, ends: bool, now_ms: i64) -> i64 {
    let in_s = |from_ms: i64, ttl_s: &i64| from_ms / 1000 + ttl_s;
    match operation {
        ClaimOp::Release { made, ttl_s, .. } => {
            match (made.first_maybe_at_ms.is_some() || !before.maybe_sent, before.status, made.last_maybe_at_ms) {
                (false, ClaimStatus::Claimed, _) => before.expires_at_s,
                (false, _, Some(last_ms)) => in_s(last_ms, ttl_s),
                _ => in_s(now_ms, ttl_s),
            }
        }
        ClaimOp::Mark { ttl_s, .. } | ClaimOp::Redrive { ttl_s, .. } => in_s(now_ms, ttl_s),
        ClaimOp::Commit { ttl_s, .. } | ClaimOp::GiveUp { ttl_s, .. } | ClaimOp::Tell { ttl_s, .. } if ends => in_s(now_ms, ttl_s),
        _ => before.expires_at_s,
    }
}

/// Whether an attempt may have arrived, when the first such one began and the latest may still have been under way (rules 19 to 21).
fn doubt(before: &ClaimRecord, operation: &ClaimOp, now_ms: i64) -> (bool, Option<i64>, Option<i64>) {
    let known = (before.maybe_sent, before.first_sent_at_ms, before.last_attempt_at_ms);
    let with = |made: &AttemptsMade| {
        let first_ms = if before.maybe_sent { known.1 } else { made.first_maybe_at_ms.or(known.1) };
        (first_ms, made.last_maybe_at_ms.or(known.2))
    };
    match operation {
        ClaimOp::Mark { .. } => (known.0, known.1.or(Some(now_ms)), Some(now_ms)),
        ClaimOp::TakeOver { owner_gone, skew_ms, .. } | ClaimOp::GiveUp { owner_gone, skew_ms, .. } => {
            // Its owner may have sent until it was gone.
            let until_ms = if *owner_gone { now_ms } else { now_ms.min(before.lease_until_ms + skew_ms) };
            (true, known.1, if before.status == ClaimStatus::Sending { Some(until_ms) } else { known.2 })
        }
        ClaimOp::Commit { made, terminal, .. } => {
            let (first_ms, last_ms) = with(made);
            (known.0 || *terminal == Terminal::Unknown, first_ms, last_ms)
        }
        ClaimOp::Release { made, maybe_sent, .. } => {
            let (first_ms, last_ms) = with(made);
            if known.0 || *maybe_sent { (true, first_ms, last_ms) } else { (false, None, None) }
        }
        ClaimOp::Tell { .. } if !before.status.is_terminal() => (true, known.1, known.2),
        ClaimOp::Redrive { .. } if before.status == ClaimStatus::Failed || is_free(before, operation) => (false, None, None),
        _ => known,
    }
}

/// A redrive of an Unknown whose content was not sent (rule 71).
fn is_free(before: &ClaimRecord, operation: &ClaimOp) -> bool {
    before.status == ClaimStatus::Unknown && matches!(operation, ClaimOp::Redrive { maybe_sent: false, .. })
}

/// Whether none of what may have arrived carried content: known only of owners that said it of all their attempts (rule 71).
fn content_not_sent(before: &ClaimRecord, operation: &ClaimOp) -> bool {
    let known = before.content_not_sent;
    let with = |made: &AttemptsMade| match made.first_maybe_at_ms {
        None => known,
        Some(_) => made.content_not_sent && (known || !before.maybe_sent),
    };
    match operation {
        ClaimOp::Commit { made, .. } => with(made),
        ClaimOp::Release { made, maybe_sent, .. } => with(made) && (before.maybe_sent || *maybe_sent),
        ClaimOp::TakeOver { .. } | ClaimOp::GiveUp { .. } => known && before.status == ClaimStatus::Released,
        ClaimOp::Tell { evidence, .. } => known && before.status == ClaimStatus::Unknown && evidence.proves() != Terminal::Unknown,
        ClaimOp::Redrive { .. } => known && before.status != ClaimStatus::Failed && !is_free(before, operation),
        _ => known,
    }
}

/// The provider's protection for what may have arrived: the weakest of those that owners told before their attempts (rule 4).
fn idempotency(before: &ClaimRecord, operation: &ClaimOp, maybe_sent: bool) -> Option<Idempotency> {
    match operation {
        ClaimOp::Mark { idempotency, .. } if before.maybe_sent => match (before.idempotency, *idempotency) {
            (Some(one), Some(two)) => Some(one.weaker(two)),
            (_, told) => told,
        },
        ClaimOp::Mark { idempotency, .. } => *idempotency,
        ClaimOp::Release { .. } | ClaimOp::Redrive { .. } => before.idempotency.filter(|_| maybe_sent),
        _ => before.idempotency,
    }
}

/// The record of a send that goes on.
fn check_change(before: &ClaimRecord, operation: &ClaimOp, after: &ClaimRecord, at: At<'_>) {
    use ClaimOp::{Claim, ClearEffects, Commit, GiveUp, Mark, Redrive, Release, Renew, TakeOver, Tell};

    let lease: Option<&Lease> = match operation {
        Claim { lease, .. } | TakeOver { lease, .. } | Redrive { lease, .. } => Some(lease),
        _ => None,
    };
    let is_redrive = matches!(operation, Redrive { .. });
    let (is_retried, is_put_off) = (is_redrive && before.status == ClaimStatus::Failed, before.status == ClaimStatus::Released);
    let end = end(before, operation);
    let doubt = doubt(before, operation, at.now_ms);
    let mut history = before.history.clone();
    let mut attempts = before.attempts;
    if let Commit { made, .. } | Release { made, .. } = operation {
        attempts += made.count;
        made.failed.iter().for_each(|attempt| history.push(attempt.clone()));
    }
    if is_retried {
        (attempts, history) = Default::default();
    }
    fields! { after:
        status = match (operation, &end) {
            (_, Some(end)) => end.terminal.into(),
            (Mark { .. }, _) => ClaimStatus::Sending,
            (Release { .. }, _) => ClaimStatus::Released,
            (Renew { .. } | Tell { .. } | ClearEffects { .. }, _) => before.status,
            _ => ClaimStatus::Claimed,
        }, "the machine of \"Claims\"";
        owner = match operation {
            GiveUp { claimant, .. } => *claimant,
            _ => lease.map_or(before.owner, |lease| lease.owner),
        }, "rule 15";
        // Whom a late result is taken from (rule 27).
        last_owner = match operation {
            Commit { .. } if before.status.is_terminal() => before.last_owner,
            Commit { .. } | GiveUp { .. } => Some(before.owner),
            _ => lease.map_or(before.last_owner, |_| Some(before.owner)),
        }, "rule 27";
        boot = lease.map_or(&before.boot, |lease| &lease.boot).clone(), "rule 17";
        lease_until_ms = match operation {
            Renew { until_ms, .. } => before.lease_until_ms.max(*until_ms),
            Release { .. } => at.now_ms,
            _ => lease.map_or(before.lease_until_ms, |lease| lease.until_ms),
        }, "rule 17";
        expires_at_s = expiry(before, operation, end.is_some(), at.now_ms), "rule 29";
        fingerprint = before.fingerprint, "rule 23";
        maybe_sent = doubt.0, "rule 20";
        first_claimed_at_ms = if is_redrive && !is_put_off { at.now_ms } else { before.first_claimed_at_ms }, "rule 8";
        first_sent_at_ms = doubt.1, "rule 21";
        last_attempt_at_ms = doubt.2, "rule 19";
        attempts = attempts, "rule 33";
        history = history, "rule 64";
        generation = before.generation + u32::from(is_redrive && !is_put_off), "rule 70";
        content_not_sent = content_not_sent(before, operation), "rule 71";
        idempotency = idempotency(before, operation, doubt.0), "rule 4";
        key_generation = if is_retried || is_free(before, operation) { before.generation + 1 } else { before.key_generation }, "rule 70";
        evidence = match operation {
            Tell { evidence, .. } if before.status != ClaimStatus::Unknown || end.is_some() => Some(Box::new(evidence.clone())),
            Redrive { .. } => None,
            _ => before.evidence.clone(),
        }, "rule 27";
        result = end.as_ref().map_or(before.result.clone().filter(|_| !is_redrive), |end| end.result.clone()), "rules 22 and 27";
        error = end.as_ref().map_or(before.error.clone().filter(|_| !is_redrive), |end| end.error.clone().map(Box::new)), "rules 22 and 27";
        effects_pending = match (&end, operation) {
            (Some(end), _) => end.effects,
            (_, ClearEffects { done, .. }) => before.effects_pending.without(*done),
            _ => before.effects_pending,
        }, "rule 65";
    }
}
