//! Ends of claims that are written without their caller (rule 31).

use std::{sync::Arc, time::Duration};

use super::super::{Engine, Running, abandoned::AbandonedSend, job::SendJob, single_flight::Leader};
use crate::{
    runtime::seconds,
    store::{AttemptsMade, ClaimKey, ClaimOp, ClaimRecord, OwnerToken},
};

/// Waits between tries to end a claim: 50, 200 and 800 ms.
pub(super) const FIRST_PATIENCE: Duration = Duration::from_millis(50);
pub(super) const LONGEST_PATIENCE: Duration = Duration::from_secs(3);

/// The end of a claim that is not complete.
pub(super) enum Unfinished {
    /// This change is to be written.
    Change(ClaimOp),
    /// The send has no stored record, and ended with this one (rule 28).
    Unstored(Arc<ClaimRecord>),
}

/// Ends a claim in a task of its own. After a commit the task also completes the effects of the send, reports it, and hands the result
/// to those that follow it. If no task can be spawned or the tries fail, the lease of the claim expires.
pub(super) fn end(job: &SendJob<'_>, unfinished: Unfinished, leader: Option<Leader>) {
    let is_release = matches!(unfinished, Unfinished::Change(ClaimOp::Release { .. }));
    let send = if is_release { None } else { AbandonedSend::of(job) };
    let is_sent = send.is_some();
    let (engine, key) = (Arc::clone(job.engine()), job.key.clone());
    // Counted from now on: a shutdown waits for it.
    let running = Running::of(Arc::clone(&engine));
    let taken = Arc::clone(&engine.spawner).spawn(Box::pin(async move {
        let _running = running;
        let record = match unfinished {
            Unfinished::Change(operation) => write(&engine, &key, &operation).await,
            Unfinished::Unstored(record) => Some(record),
        };
        let Some(send) = send else { return };
        let ended = send.finish(&engine, record.as_deref()).await;
        if let (Some(leader), Some(_)) = (leader, record) {
            leader.complete(&ended);
        }
    }));
    if !taken {
        tracing::warn!("a claim could not be ended, because no task can be spawned; its lease will expire");
    } else if is_sent {
        job.call.trace.hand_over();
    }
}

/// Writes the end of a claim, with a few tries. `None` if it is not written.
async fn write(engine: &Engine, key: &ClaimKey, operation: &ClaimOp) -> Option<Arc<ClaimRecord>> {
    let mut wait = FIRST_PATIENCE;
    loop {
        match engine.stores.apply(key, operation, None, engine.now_ms()).await {
            Ok(applied) => return applied.record.filter(|_| applied.done),
            Err(_) if wait < LONGEST_PATIENCE => {
                engine.clock.sleep(wait).await;
                wait *= 4;
            }
            Err(_) => {
                tracing::warn!("a claim could not be ended; its lease will expire");
                return None;
            }
        }
    }
}

/// A claim in progress. If its caller is dropped or the store does not answer, the claim may or may not have been made, so it is
/// released in the background.
pub(crate) struct Asking<'a> {
    job: &'a SendJob<'a>,
    owner: OwnerToken,
    in_doubt: bool,
    answered: bool,
}

impl<'a> Asking<'a> {
    /// A claim of this owner. `in_doubt` if its message may have arrived; its record says so.
    pub(crate) fn new(job: &'a SendJob<'a>, owner: OwnerToken, in_doubt: bool) -> Self {
        Self { job, owner, in_doubt, answered: false }
    }

    /// Nothing is left to do: the store answered.
    pub(crate) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if !self.answered {
            let ttl_s = released_ttl_s(self.job, self.in_doubt);
            let release = ClaimOp::Release { owner: self.owner, maybe_sent: false, made: AttemptsMade::default(), ttl_s };
            end(self.job, Unfinished::Change(release), None);
        }
    }
}

/// Lifetime of a record that nobody owns or that is new, in seconds (rule 29).
pub(crate) fn released_ttl_s(job: &SendJob<'_>, in_doubt: bool) -> i64 {
    let dedup = &job.settings().dedup;
    seconds(if in_doubt { dedup.keep_in_doubt } else { dedup.keep })
}
