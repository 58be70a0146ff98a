//! Sends that their tenant cannot make: it cannot be bound, its channel cannot carry the message, or a file is not to be had (rules 8 and 85).

use std::time::Duration;

use super::{
    DeferredReason, Outcome,
    dedup::{Pending, give_up},
    ended::{EndError, Ended, How},
    job::Identified,
    settle, settled,
};
use crate::{
    error::{Disposition, Error, ErrorKind, Reach},
    runtime::{ms, seconds},
    store::{Applied, At, AttemptsMade, ClaimOp, ClaimRecord, ClaimStatus, Effects, Life, StoreErrorKind, StoredError, Terminal},
};

/// The `retry_after` if configuration or secrets cannot be resolved (rule 85).
const BIND_AGAIN: Duration = Duration::from_secs(30);

/// Answers a send that its tenant cannot make. A settled record is replayed. A message that comes again, for the reason `later` or after a
/// temporary error, is put off until it is too old. One that does not is refused with the error. If it may have arrived, or was accepted by
/// an earlier call, it ends now.
pub(crate) async fn unable(send: &Identified<'_>, error: Error, later: Option<DeferredReason>) -> Result<Outcome, Error> {
    let record = match send.record().await {
        // It says nothing against the message (rule 86).
        Err(error) if error.kind == StoreErrorKind::Corrupt => return Err(error.into()),
        record => record.map(|record| record.filter(|record| record.is_present(send.clock().ms()))),
    };
    if let Ok(Some(record)) = &record {
        send.refuse_mismatch(&record.fingerprint)?;
        if record.status.is_terminal() {
            return settle::replay(send, record).await.into_outcome(&send.key, None);
        }
    }
    let ended = match &record {
        // After a temporary error, such as a quota or a panic of the strategy, the message comes again and may be looked up.
        Ok(record) if later.is_some() || error.is_temporary() => expire(send, record.as_ref()).await,
        Ok(Some(record)) if record.is_in_doubt() => end_doubt(send, record).await,
        // It was accepted before, so the caller may not have it any more: it ends with a letter.
        Ok(Some(record)) if error.kind() != ErrorKind::UnknownTenant && matches!(error.disposition(), Disposition::Reject) => {
            let error = StoredError::new(error.kind(), Reach::NotSent, error.message().to_owned());
            // While its owner may be at work on it, it comes again.
            if is_free(send, record) { fail(send, Some(record), error).await } else { None }
        }
        Ok(_) => return Err(error),
        Err(_) => None,
    };
    match (ended, later) {
        (Some(ended), _) => ended.into_outcome(&send.key, None),
        // The error names what is wrong with the message, and when it may come again.
        (None, None) if record.is_ok() && error.is_temporary() => Err(error),
        (None, later) => defer(send, error, later.unwrap_or(DeferredReason::BindFailed)),
    }
}

fn defer(send: &Identified<'_>, error: Error, reason: DeferredReason) -> Result<Outcome, Error> {
    let retry_after = error.retry_after().unwrap_or(BIND_AGAIN);
    let stored = StoredError::new(error.kind(), Reach::NotSent, error.message().to_owned());
    let how = How::Deferred { reason, retry_after, error: Some(EndError::live(stored, error)) };
    Ended::new(how, 0, Life::default()).into_outcome(&send.key, None)
}

/// Ends a send in doubt whose owner is gone, as the evidence says or as Unknown. `None` if its owner is at work on it, or the store does
/// not answer.
async fn end_doubt(send: &Identified<'_>, record: &ClaimRecord) -> Option<Ended> {
    let dedup = &send.engine().stages.settings(&send.entry.name).dedup;
    let at = At { now_ms: send.clock().ms(), boot: send.engine().stores.boot() };
    if !record.is_abandoned(at, ms(dedup.clock_skew)) {
        return None;
    }
    let operation = give_up(record, send.engine().token(), false, dedup);
    end(send, Pending::new(send, operation.clone()), &operation, Some(record)).await
}

/// Whether no caller is at work on the send.
fn is_free(send: &Identified<'_>, record: &ClaimRecord) -> bool {
    let dedup = &send.engine().stages.settings(&send.entry.name).dedup;
    let at = At { now_ms: send.clock().ms(), boot: send.engine().stores.boot() };
    record.status == ClaimStatus::Released || record.is_orphaned(at, ms(dedup.clock_skew))
}

/// Ends a send that is older than `max_age`: as Failed, or like one in doubt. `None` if its age is not known, another caller is at work
/// on it, or the store does not answer.
async fn expire(send: &Identified<'_>, seen: Option<&ClaimRecord>) -> Option<Ended> {
    let settings = send.engine().stages.settings(&send.entry.name);
    if !send.is_too_old(settings.max_age, seen.map(|record| record.first_claimed_at_ms)) {
        return None;
    }
    if let Some(record) = seen.filter(|record| record.is_in_doubt()) {
        return end_doubt(send, record).await;
    }
    let error = StoredError::new(ErrorKind::Expired, Reach::NotSent, "the message is older than max_age, and its tenant cannot send it");
    fail(send, seen, error).await
}

/// Ends a send of which nothing may have arrived as Failed. `None` if another caller is at work on it, or the store does not answer.
async fn fail(send: &Identified<'_>, seen: Option<&ClaimRecord>, error: StoredError) -> Option<Ended> {
    let dedup = &send.engine().stages.settings(&send.entry.name).dedup;
    let owner = send.engine().token();
    let commit = ClaimOp::Commit {
        owner,
        terminal: Terminal::Failed,
        result: None,
        error: Some(StoredError { attempts: seen.map_or(0, |record| record.attempts), ..error }),
        made: AttemptsMade::default(),
        effects: Effects::BOTH,
        ttl_s: seconds(dedup.keep),
    };
    // Guards the claim too: it may have been made although its answer is lost.
    let pending = Pending::new(send, commit.clone());
    match send.apply(&send.claim(owner, dedup, seen), seen).await {
        Ok(claimed) if claimed.done => end(send, pending, &commit, claimed.record.as_deref()).await,
        _ => {
            pending.answered();
            None
        }
    }
}

/// Writes the end, and completes its effects. If the store does not take it, the caller is told to come again, and no task goes on.
async fn end(send: &Identified<'_>, pending: Pending<'_>, operation: &ClaimOp, current: Option<&ClaimRecord>) -> Option<Ended> {
    let ended = match send.apply_past_deadline(operation, current).await {
        Ok(Applied { done: true, record: Some(record), .. }) => Some(settled::finish(send, &record, None).await),
        _ => None,
    };
    pending.answered();
    ended
}
