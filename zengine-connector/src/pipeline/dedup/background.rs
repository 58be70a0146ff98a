//! Ends of claims that are written without their caller (rule 31).

use std::{sync::Arc, time::Duration};

use tracing::Instrument as _;

use super::super::{
    Engine, Running,
    dropped::DroppedSend,
    ended::EndError,
    job::{Identified, SendJob},
    single_flight::Leader,
};
use crate::{
    runtime::seconds,
    store::{AttemptsMade, ClaimKey, ClaimOp, ClaimRecord, ClaimStatus, OwnerToken, Terminal},
};

/// Waits between tries of a caller to end its claim: 50, 200 and 800 ms.
pub(super) const FIRST_PATIENCE: Duration = Duration::from_millis(50);
pub(super) const LONGEST_PATIENCE: Duration = Duration::from_secs(3);
/// Time for which a task retries an end. It may hold the only copy of the message.
pub(super) const TASK_PATIENCE: Duration = Duration::from_secs(60);
/// Time for which a task retries the release of a claim without a mark. Without it the lease ends the claim, and the caller has the
/// message. A marked one would end as Unknown.
pub(super) const RELEASE_PATIENCE: Duration = Duration::from_secs(2);
/// Maximum late writes in progress per process. A store that does not answer must not gather one for every send.
const MAX_LATE_WRITES: usize = 1024;

/// An end that is not written, or whose effects are pending.
pub(super) enum Unfinished {
    /// This change is to be written.
    Change(ClaimOp),
    /// This release is to be written, with retries for a time.
    Release(ClaimOp, Duration),
    /// The send has no stored record, and ended with this one (rule 28).
    Unstored(Arc<ClaimRecord>),
}

/// Ends a claim in a task of its own, because its caller went away. After an end of the send the task also completes its effects, reports
/// it, and hands the result to those that follow it. If no task can be spawned or the tries fail, the lease of the claim expires. `error` is
/// the one that ended the send, if this call made it.
pub(super) fn end(send: &Identified<'_>, unfinished: Unfinished, leader: Option<Leader>, error: Option<EndError>) {
    // A dropped future is in no span.
    let _entered = send.call.trace.span().enter();
    let unfinished = match unfinished {
        Unfinished::Release(release, patience) => return write_later(send, release, patience, leader),
        unfinished => unfinished,
    };
    // An end that another call made: this one completes what it owes.
    let is_replay = matches!(unfinished, Unfinished::Change(ClaimOp::ClearEffects { .. }));
    let dropped = match (DroppedSend::of(send, error, is_replay), unfinished) {
        (Some(dropped), unfinished) => (dropped, unfinished),
        (None, Unfinished::Change(operation)) => return write_later(send, operation, TASK_PATIENCE, leader),
        (None, _) => return,
    };
    let (engine, key) = (Arc::clone(send.engine()), send.key.clone());
    // Count the task before it starts, so that a shutdown waits for it.
    let (running, warning) = (Running::of(Arc::clone(&engine)), LeaseWarning(Some(key.clone())));
    // The copy reports the send, also if no task takes it.
    send.call.trace.hand_over();
    let spawner = Arc::clone(&engine.spawner);
    let task = async move {
        let (_running, mut warning, (dropped, unfinished)) = (running, warning, dropped);
        let ended = match &unfinished {
            Unfinished::Unstored(record) => Written::Record(Arc::clone(record)),
            Unfinished::Change(operation) | Unfinished::Release(operation, _) => write(&engine, &key, operation, TASK_PATIENCE).await,
        };
        warning.disarm_unless_failed(&ended);
        let ended = match (ended, unfinished) {
            // A delivery is told as one, whatever a record says that another caller ended (rule 26).
            (ended, Unfinished::Change(ClaimOp::Commit { terminal: Terminal::Delivered, result, made, .. })) if !matches!(&ended, Written::Record(record) if record.status == ClaimStatus::Delivered) => {
                Some(dropped.not_recorded(result.as_ref(), made.count))
            }
            // So is one without a record.
            (Written::Record(record), Unfinished::Unstored(_)) if record.status == ClaimStatus::Delivered => {
                Some(dropped.not_recorded(record.result.as_ref(), record.attempts))
            }
            (Written::Record(record), _) => Some(dropped.finish(&record).await),
            _ => {
                dropped.postponed();
                None
            }
        };
        if let (Some(leader), Some(ended)) = (leader, ended) {
            leader.complete(&ended);
        }
    };
    let _taken = spawner.spawn(Box::pin(task.instrument(send.call.trace.span().clone())));
}

/// Writes a change in a task of its own that reports nothing: a release, or an end that its caller reported. The callers that follow the
/// leader wait for it. Only releases of claims without a mark are limited: the others were marked while the store answered.
pub(super) fn write_later(send: &Identified<'_>, operation: ClaimOp, patience: Duration, leader: Option<Leader>) {
    let (engine, key) = (Arc::clone(send.engine()), send.key.clone());
    let mut warning = LeaseWarning(Some(key.clone()));
    let count = (patience == RELEASE_PATIENCE).then(|| Arc::clone(&engine.late_writes));
    if count.as_ref().is_some_and(|count| Arc::strong_count(count) > MAX_LATE_WRITES + 1) {
        return;
    }
    let running = Running::of(Arc::clone(&engine));
    let spawner = Arc::clone(&engine.spawner);
    let task = async move {
        let _held = (running, count, leader);
        warning.disarm_unless_failed(&write(&engine, &key, &operation, patience).await);
    };
    // If it is not taken, the warning says so.
    let _taken = spawner.spawn(Box::pin(task.instrument(send.call.trace.span().clone())));
}

/// Warns on drop if the claim is left to its lease, also if the task never ran.
struct LeaseWarning(Option<ClaimKey>);

impl LeaseWarning {
    fn disarm_unless_failed(&mut self, written: &Written) {
        if !matches!(written, Written::Failed) {
            self.0 = None;
        }
    }
}

impl Drop for LeaseWarning {
    fn drop(&mut self) {
        if let Some((tenant, strategy, id)) = self.0.as_ref().and_then(ClaimKey::send) {
            tracing::warn!(tenant_id = %tenant, %strategy, client_message_id = %id, "dedup.claim_not_ended");
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

/// Writes the end of a claim, with retries for `patience`.
async fn write(engine: &Engine, key: &ClaimKey, operation: &ClaimOp, patience: Duration) -> Written {
    let until = engine.clock.monotonic() + patience;
    let mut wait = FIRST_PATIENCE;
    loop {
        match engine.stores.apply(key, operation, None, engine.now_ms()).await {
            Ok(applied) => return applied.record.filter(|_| applied.done).map_or(Written::Refused, Written::Record),
            // A shutdown that does not wait so long says so by its own limit.
            Err(_) if engine.clock.monotonic() + wait < until => {
                engine.clock.sleep(wait).await;
                wait = (wait * 4).min(LONGEST_PATIENCE);
            }
            Err(_) => return Written::Failed,
        }
    }
}

/// A change whose answer is pending, by a call that does not own the claim. If its caller is dropped or the store does not answer, a task
/// writes what must follow.
pub(crate) struct Pending<'a> {
    send: &'a Identified<'a>,
    then: Option<Unfinished>,
}

impl<'a> Pending<'a> {
    /// An end of the send: of one in doubt, or of one that cannot be sent. The task writes it.
    pub(crate) fn new(send: &'a Identified<'a>, end: ClaimOp) -> Self {
        Self { send, then: Some(Unfinished::Change(end)) }
    }

    /// A claim. It may have been made, so the task releases it. `in_doubt` if its message may have arrived; the record says so.
    pub(crate) fn claim(job: &'a SendJob<'a>, owner: OwnerToken, in_doubt: bool) -> Self {
        let ttl_s = released_ttl_s(job, in_doubt);
        let release = ClaimOp::Release { owner, maybe_sent: false, made: AttemptsMade::default(), ttl_s };
        Self { send: job, then: Some(Unfinished::Release(release, RELEASE_PATIENCE)) }
    }

    /// Disarms the guard.
    pub(crate) fn answered(mut self) {
        self.then = None;
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Some(unfinished) = self.then.take() {
            end(self.send, unfinished, None, None);
        }
    }
}

/// Lifetime of a released or new record, in seconds (rule 29).
pub(crate) fn released_ttl_s(job: &SendJob<'_>, in_doubt: bool) -> i64 {
    let dedup = &job.settings().dedup;
    seconds(if in_doubt { dedup.keep_in_doubt } else { dedup.keep })
}
