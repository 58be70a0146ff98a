//! Ends of claims that are written without their caller (rule 31).

use std::{sync::Arc, time::Duration};

use super::super::{
    Engine, Running,
    abandoned::AbandonedSend,
    job::{Identified, SendJob},
    single_flight::Leader,
};
use crate::{
    runtime::seconds,
    store::{AttemptsMade, ClaimKey, ClaimOp, ClaimRecord, OwnerToken, Terminal},
};

/// Waits between tries of a caller to end its claim: 50, 200 and 800 ms.
pub(super) const FIRST_PATIENCE: Duration = Duration::from_millis(50);
pub(super) const LONGEST_PATIENCE: Duration = Duration::from_secs(3);
/// Time for which a task tries: it may be the last to hold the message.
const TASK_PATIENCE: Duration = Duration::from_secs(60);

/// The end of a claim that is not complete.
pub(super) enum Unfinished {
    /// This change is to be written.
    Change(ClaimOp),
    /// The send has no stored record, and ended with this one (rule 28).
    Unstored(Arc<ClaimRecord>),
}

/// Ends a claim in a task of its own. After an end of the send the task also completes its effects, reports it, and hands the result to
/// those that follow it. If no task can be spawned or the tries fail, the lease of the claim expires.
pub(super) fn end(send: &Identified<'_>, unfinished: Unfinished, leader: Option<Leader>) {
    let is_release = matches!(unfinished, Unfinished::Change(ClaimOp::Release { .. }));
    let abandoned = if is_release { None } else { AbandonedSend::of(send) };
    let is_sent = abandoned.is_some();
    let (engine, key) = (Arc::clone(send.engine()), send.key.clone());
    // Counted from now on: a shutdown waits for it.
    let (running, left) = (Running::of(Arc::clone(&engine)), Left(true));
    let taken = Arc::clone(&engine.spawner).spawn(Box::pin(async move {
        let (_running, mut left) = (running, left);
        let ended = match &unfinished {
            Unfinished::Unstored(record) => Written::Record(Arc::clone(record)),
            Unfinished::Change(operation) => write(&engine, &key, operation).await,
        };
        left.0 = matches!(ended, Written::Failed);
        let Some(abandoned) = abandoned else { return };
        let ended = match (ended, unfinished) {
            (Written::Record(record), _) => Some(abandoned.finish(&engine, &record).await),
            (_, Unfinished::Change(ClaimOp::Commit { terminal: Terminal::Delivered, result, made, .. })) => {
                Some(abandoned.not_recorded(&engine, result.as_ref(), made.count))
            }
            _ => {
                abandoned.postponed(&engine);
                None
            }
        };
        if let (Some(leader), Some(ended)) = (leader, ended) {
            leader.complete(&ended);
        }
    }));
    if taken && is_sent {
        send.call.trace.hand_over();
    }
}

/// Whether a claim is left to its lease: said when the task goes away, also if it never runs.
struct Left(bool);

impl Drop for Left {
    fn drop(&mut self) {
        if self.0 {
            tracing::warn!("dedup.claim_not_ended: its lease will expire");
        }
    }
}

/// The result of writing an end.
enum Written {
    Record(Arc<ClaimRecord>),
    /// Another owner has the record.
    Refused,
    /// The store did not answer.
    Failed,
}

/// Writes the end of a claim, for a minute.
async fn write(engine: &Engine, key: &ClaimKey, operation: &ClaimOp) -> Written {
    let until = engine.clock.monotonic() + TASK_PATIENCE;
    let mut wait = FIRST_PATIENCE;
    loop {
        match engine.stores.apply(key, operation, None, engine.now_ms()).await {
            Ok(applied) => return applied.record.filter(|_| applied.done).map_or(Written::Refused, Written::Record),
            Err(_) if engine.clock.monotonic() + wait < until && engine.pause(wait).await => wait = (wait * 4).min(LONGEST_PATIENCE),
            Err(_) => return Written::Failed,
        }
    }
}

/// An end that this call makes without owning the claim: of a send in doubt, or of one that cannot be sent. If the caller goes away, a
/// task goes on.
pub(crate) struct Ending<'a> {
    send: &'a Identified<'a>,
    operation: Option<ClaimOp>,
}

impl<'a> Ending<'a> {
    pub(crate) fn new(send: &'a Identified<'a>, operation: ClaimOp) -> Self {
        Self { send, operation: Some(operation) }
    }

    /// Nothing is left to do.
    pub(crate) fn done(mut self) {
        self.operation = None;
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if let Some(operation) = self.operation.take() {
            end(self.send, Unfinished::Change(operation), None);
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
