//! Ends of sends whose tenant cannot be bound (rules 8 and 85).

use std::sync::Arc;

use super::{
    dedup::{Ending, give_up},
    ended::Ended,
    job::Identified,
    settled,
};
use crate::{
    error::{ErrorKind, Reach},
    runtime::{ms, seconds},
    store::{At, AttemptsMade, ClaimOp, ClaimRecord, Effects, StoredError, Terminal},
};

/// Ends a send in doubt whose owner is gone, as the evidence says or as Unknown. `None` if its owner is at work on it, or the store does
/// not answer.
pub(crate) async fn end_doubt(send: &Identified<'_>, record: &ClaimRecord) -> Option<Ended> {
    let dedup = &send.engine().stages.settings(&send.entry.name).dedup;
    let at = At { now_ms: send.clock().ms(), boot: send.engine().stores.boot() };
    let (skew_ms, ttl_s) = (ms(dedup.clock_skew), seconds(dedup.keep));
    if !record.is_abandoned(at, skew_ms) {
        return None;
    }
    let operation = give_up(record, send.engine().token(), false, skew_ms, ttl_s);
    end(send, Ending::new(send, operation.clone()), &operation, Some(record)).await
}

/// Ends a send that is older than `max_age`: as Failed, or like one in doubt. `None` if its age is not known, another caller is at work
/// on it, or the store does not answer.
pub(crate) async fn expire(send: &Identified<'_>, seen: Option<&ClaimRecord>) -> Option<Ended> {
    let settings = send.engine().stages.settings(&send.entry.name);
    if !send.is_too_old(settings.max_age, None) {
        return None;
    }
    if let Some(record) = seen.filter(|record| record.is_in_doubt()) {
        return end_doubt(send, record).await;
    }
    let (dedup, owner) = (&settings.dedup, send.engine().token());
    let error = StoredError::new(ErrorKind::Expired, Reach::NotSent, "the message is older than max_age, and its tenant cannot be bound");
    let commit = ClaimOp::Commit {
        owner,
        terminal: Terminal::Failed,
        result: None,
        error: Some(StoredError { attempts: seen.map_or(0, |record| record.attempts), ..error }),
        made: AttemptsMade::default(),
        effects: Effects::BOTH,
        ttl_s: seconds(dedup.keep),
    };
    // From here on: the claim may have been made although its answer is lost.
    let ending = Ending::new(send, commit.clone());
    let claimed = send.apply(&send.claim(owner, dedup, seen), seen).await.ok()?;
    if !claimed.done {
        ending.done();
        return None;
    }
    end(send, ending, &commit, claimed.record.as_deref()).await
}

/// Writes the end, and completes its effects.
async fn end(send: &Identified<'_>, ending: Ending<'_>, operation: &ClaimOp, current: Option<&ClaimRecord>) -> Option<Ended> {
    let applied = send.apply_past_deadline(operation, current).await.ok()?;
    let record: Option<Arc<ClaimRecord>> = applied.record.filter(|_| applied.done);
    let ended = match &record {
        Some(record) => Some(settled::finish(send, record, None).await),
        None => None,
    };
    ending.done();
    ended
}
