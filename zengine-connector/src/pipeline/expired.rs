//! Sends that grow too old while their tenant cannot be bound (rules 8 and 85).

use std::sync::Arc;

use super::{dedup::give_up, ended::Ended, job::Identified, settle};
use crate::{
    error::{ErrorKind, Reach},
    runtime::{ms, seconds},
    store::{Applied, At, AttemptsMade, ClaimOp, ClaimRecord, Effects, StoreError, StoredError, Terminal},
};

/// Ends a send that is older than `max_age` as Failed, or as Unknown if it may have arrived. `None` if its age is not known, another
/// caller is at work on it, or the store does not answer.
pub(crate) async fn expire(send: &Identified<'_>, seen: Option<&ClaimRecord>) -> Option<Ended> {
    let settings = send.engine().stages.settings(&send.entry.name);
    if !send.is_too_old(settings.max_age, None) {
        return None;
    }
    let (dedup, owner) = (&settings.dedup, send.engine().token());
    let at = At { now_ms: send.clock().ms(), boot: send.engine().stores.boot() };
    let (skew_ms, ttl_s) = (ms(dedup.clock_skew), seconds(dedup.keep));
    let claim = match seen {
        Some(record) if record.is_abandoned(at, skew_ms) => give_up(record, owner, false, skew_ms, ttl_s),
        _ => send.claim(owner, dedup, seen),
    };
    let record = written(send.apply(&claim, seen).await)?;
    if record.status.is_terminal() {
        return Some(settle::finish(send, &record, None).await);
    }
    let error = StoredError::new(ErrorKind::Expired, Reach::NotSent, "the message is older than max_age, and its tenant cannot be bound");
    let commit = ClaimOp::Commit {
        owner,
        terminal: Terminal::Failed,
        result: None,
        error: Some(StoredError { attempts: record.attempts, ..error }),
        made: AttemptsMade::default(),
        effects: Effects::BOTH,
        ttl_s,
    };
    let record = written(send.apply_past_deadline(&commit, Some(&record)).await)?;
    Some(settle::finish(send, &record, None).await)
}

fn written(applied: Result<Applied<ClaimRecord>, StoreError>) -> Option<Arc<ClaimRecord>> {
    applied.ok().filter(|applied| applied.done)?.record
}
