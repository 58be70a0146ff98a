//! A claim that this call owns, and its conditional writes.

use std::{sync::Arc, time::Duration};

use super::super::job::SendJob;
use crate::{
    runtime::{ms, seconds},
    store::{
        Applied, At, AttemptRecord, AttemptsMade, ClaimOp, ClaimRecord, ClaimStatus, Decision, Effects, OwnerToken, Ports, StoreError,
        StoredError, StoredReceipt, Terminal,
    },
};

/// Waits between tries to end a claim: 50, 200 and 800 ms.
const FIRST_PATIENCE: Duration = Duration::from_millis(50);
const LONGEST_PATIENCE: Duration = Duration::from_secs(3);

/// A claim that this call owns. If it is dropped before anything was sent, it releases the claim (rule 31).
pub(crate) struct Ownership<'a> {
    job: &'a SendJob<'a>,
    /// The record as last written or read.
    record: Arc<ClaimRecord>,
    phase: Phase,
    /// The attempts of this call.
    made: AttemptsMade,
    /// Whether one of them may have reached the provider.
    maybe_sent: bool,
    /// Look up at the provider before sending.
    pub(crate) look_up_first: bool,
    /// A second delivery is accepted (rule 71).
    pub(crate) forced: bool,
}

/// The phase of the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing was sent.
    Quiet,
    /// Bytes may have been sent.
    Sending,
    /// Bytes may be sent, and no record is stored (rule 28).
    Unprotected,
    /// Committed, released, or lost.
    Done,
}

/// The reason for which a conditional write failed.
#[derive(Debug)]
pub(crate) enum Lost {
    /// Another owner holds the lease: nothing may be sent or stored.
    Lease,
    /// The store does not answer.
    Store,
}

impl<'a> Ownership<'a> {
    /// The ownership of a record that was just written under our token.
    pub(crate) fn of(job: &'a SendJob<'a>, record: Arc<ClaimRecord>) -> Self {
        let phase = if record.status == ClaimStatus::Sending { Phase::Sending } else { Phase::Quiet };
        // What earlier owners know of their attempts stays, unless we make one that may arrive.
        let made = AttemptsMade { last_maybe_at_ms: record.last_attempt_at_ms, ..AttemptsMade::default() };
        Self { job, record, phase, made, maybe_sent: false, look_up_first: false, forced: false }
    }

    /// A send without a stored record, for hosts that chose to send without dedup (rule 28).
    pub(crate) fn unprotected(job: &'a SendJob<'a>) -> Option<Self> {
        let mut lease = job.lease(job.engine().token());
        lease.until_ms = i64::MAX;
        let (owner, at) = (lease.owner, At { now_ms: job.clock().ms(), boot: None });
        let claim = ClaimOp::Claim { lease, fingerprint: job.fingerprint.clone(), skew_ms: 0, ttl_s: 0 };
        let Decision::Write(claimed) = claim.decide(None, at) else { return None };
        let Decision::Write(marked) = (ClaimOp::Mark { owner, ttl_s: 0 }).decide(Some(&claimed), at) else { return None };
        let mut own = Self::of(job, Arc::new(marked));
        own.phase = Phase::Unprotected;
        Some(own)
    }

    /// The record as last seen.
    pub(crate) fn record(&self) -> &ClaimRecord {
        &self.record
    }

    /// The token of our claim.
    pub(crate) fn owner(&self) -> OwnerToken {
        self.record.owner
    }

    /// Returns `true` if an attempt of ours or of an earlier owner may have reached the provider (rule 20).
    pub(crate) fn maybe_sent(&self) -> bool {
        self.maybe_sent || self.record.maybe_sent
    }

    /// Returns `true` if no record of the send is stored.
    pub(crate) fn is_unprotected(&self) -> bool {
        self.phase == Phase::Unprotected
    }

    /// Returns `true` if an attempt of this call may have reached the provider.
    pub(crate) fn made_maybe(&self) -> bool {
        self.maybe_sent
    }

    /// Returns `true` if the provider reported that the message arrived (rule 27).
    pub(crate) fn is_proven(&self) -> bool {
        self.record.evidence.as_ref().is_some_and(|evidence| evidence.verdict() == Terminal::Delivered)
    }

    /// Attempts made by this call.
    pub(crate) fn made(&self) -> u32 {
        self.made.count
    }

    /// Attempts made so far, by all owners.
    pub(crate) fn all_attempts(&self) -> u32 {
        self.record.attempts.saturating_add(self.made.count)
    }

    /// End of the latest attempt that may have arrived, in milliseconds UTC.
    pub(crate) fn last_maybe_at_ms(&self) -> Option<i64> {
        self.made.last_maybe_at_ms
    }

    /// Notes an attempt that was accepted.
    pub(crate) fn accepted(&mut self) {
        self.made.count += 1;
    }

    /// Notes an attempt that failed.
    pub(crate) fn failed(&mut self, attempt: AttemptRecord) {
        self.made.count += 1;
        if attempt.reach == crate::error::Reach::Maybe {
            self.maybe_sent = true;
            // Its bytes may have left, and arrived, as late as its end.
            self.made.last_maybe_at_ms = Some(attempt.started_at_ms.saturating_add_unsigned(attempt.duration_ms));
        }
        self.made.failed.push(attempt);
    }

    async fn write(&mut self, operation: &ClaimOp) -> Result<(), Lost> {
        match self.job.apply(operation, Some(&self.record)).await {
            Ok(Applied { done: true, record: Some(record), .. }) => {
                self.record = record;
                Ok(())
            }
            Ok(_) => Err(Lost::Lease),
            Err(error) => {
                tracing::warn!(%error, "dedup.store_unavailable");
                Err(Lost::Store)
            }
        }
    }

    /// Ends the claim, and retries within the lease: a delivered send should be recorded (rule 26), and an unsent one should
    /// not stay in doubt. If the caller goes away meanwhile, this goes on in the background.
    async fn end(&mut self, operation: ClaimOp) -> Result<Applied<ClaimRecord>, StoreError> {
        let mut wait = FIRST_PATIENCE;
        let asking = Asking { job: self.job, otherwise: operation, answered: false };
        // What is being ended is not released too.
        self.phase = Phase::Done;
        loop {
            match self.job.apply_past_deadline(&asking.otherwise, Some(&self.record)).await {
                Err(_) if wait < LONGEST_PATIENCE && self.job.clock().ms() < self.record.lease_until_ms => {
                    self.job.clock().sleep(wait).await;
                    wait *= 4;
                }
                answer => {
                    asking.answered();
                    return answer;
                }
            }
        }
    }

    /// Returns `true` if the lease outlasts `time` and the slack and two thirds of it are left (rules 17 and 18).
    fn outlasts(&self, time: Duration) -> bool {
        let dedup = &self.job.settings().dedup;
        let left = self.lease_left();
        left > ms(time + dedup.commit_slack) && left > ms(dedup.lease) / 3 * 2
    }

    /// Returns `true` if an attempt of `time` and the slack fit into the lease.
    pub(crate) fn covers(&self, time: Duration) -> bool {
        self.lease_left() >= ms(time + self.job.settings().dedup.commit_slack)
    }

    fn lease_left(&self) -> i64 {
        self.record.lease_until_ms.saturating_sub(self.job.clock().ms())
    }

    /// Renews the lease unless it outlasts `time`.
    pub(crate) async fn outlast(&mut self, time: Duration) -> Result<(), Lost> {
        if self.outlasts(time) { Ok(()) } else { self.renew(time).await }
    }

    /// Renews the lease for `time`, the slack, the skew, and the time that this call and one more may take at the store.
    pub(crate) async fn renew(&mut self, time: Duration) -> Result<(), Lost> {
        let dedup = &self.job.settings().dedup;
        let needed = time + dedup.commit_slack + dedup.clock_skew + 2 * Ports::STORE_TIMEOUT;
        let until_ms = self.job.clock().ms() + ms(dedup.lease.max(needed));
        self.write(&ClaimOp::Renew { owner: self.owner(), until_ms }).await
    }

    /// Marks the record as sending before the first byte, once per claim (rule 16).
    pub(crate) async fn mark(&mut self) -> Result<(), Lost> {
        if self.phase == Phase::Quiet {
            let ttl_s = seconds(self.job.settings().dedup.keep_in_doubt);
            self.write(&ClaimOp::Mark { owner: self.owner(), ttl_s }).await?;
            self.phase = Phase::Sending;
        }
        Ok(())
    }

    /// Commits the end of the send. The record as stored: evidence that arrived meanwhile may have decided otherwise. `None`
    /// if the end is not stored; the failure of an unprotected send counts all the same.
    pub(crate) async fn commit(
        &mut self,
        terminal: Terminal,
        result: Option<StoredReceipt>,
        error: Option<StoredError>,
    ) -> Option<Arc<ClaimRecord>> {
        let operation = ClaimOp::Commit {
            owner: self.owner(),
            terminal,
            result,
            error,
            made: self.made.clone(),
            effects: if terminal == Terminal::Delivered { Effects::NONE } else { Effects::BOTH },
            ttl_s: seconds(self.job.settings().dedup.keep),
        };
        if self.phase == Phase::Unprotected {
            self.phase = Phase::Done;
            let at = At { now_ms: self.job.clock().ms(), boot: None };
            return match operation.decide(Some(&self.record), at) {
                Decision::Write(record) if terminal != Terminal::Delivered => Some(Arc::new(record)),
                _ => None,
            };
        }
        match self.end(operation).await {
            Ok(applied) => applied.record.filter(|_| applied.done),
            Err(error) => {
                tracing::warn!(%error, strategy = %self.job.entry.name, "dedup.not_recorded");
                None
            }
        }
    }

    /// Releases the claim within the time of the send, to send later (rule 21). If the store does not answer or the caller goes
    /// away meanwhile, the release goes on in the background.
    pub(crate) async fn release(&mut self) {
        if std::mem::replace(&mut self.phase, Phase::Done) == Phase::Unprotected {
            return;
        }
        let asking = Asking { job: self.job, otherwise: self.release_operation(), answered: false };
        match self.job.apply(&asking.otherwise, Some(&self.record)).await {
            Ok(_) => asking.answered(),
            Err(error) => tracing::warn!(%error, strategy = %self.job.entry.name, "dedup.not_released"),
        }
    }

    fn release_operation(&self) -> ClaimOp {
        let (maybe_sent, made) = (self.maybe_sent(), self.made.clone());
        ClaimOp::Release { owner: self.owner(), maybe_sent, made, ttl_s: released_ttl_s(self.job, maybe_sent) }
    }

    /// Forgets the claim without releasing it.
    pub(crate) fn forget(&mut self) {
        self.phase = Phase::Done;
    }
}

impl Drop for Ownership<'_> {
    fn drop(&mut self) {
        // Once bytes may have been sent, the record stays in doubt for the next caller (rule 31).
        if self.phase == Phase::Quiet {
            give_back(self.job, self.release_operation());
        }
    }
}

/// A claim, a release or a commit in progress. If its caller is dropped or the store does not answer, the write may or may not
/// have happened, so the claim is ended in the background (rule 31).
pub(crate) struct Asking<'a> {
    job: &'a SendJob<'a>,
    /// The change to make unless the store answers.
    otherwise: ClaimOp,
    answered: bool,
}

impl<'a> Asking<'a> {
    /// A claim, which is otherwise released. `in_doubt` if its message may have arrived; its record says so.
    pub(crate) fn new(job: &'a SendJob<'a>, owner: OwnerToken, in_doubt: bool) -> Self {
        let ttl_s = released_ttl_s(job, in_doubt);
        let release = ClaimOp::Release { owner, maybe_sent: false, made: AttemptsMade::default(), ttl_s };
        Self { job, otherwise: release, answered: false }
    }

    /// Nothing is left to do: the store answered.
    pub(crate) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if !self.answered {
            give_back(self.job, self.otherwise.clone());
        }
    }
}

/// Lifetime of a record that nobody owns or that is new, in seconds (rule 29).
pub(crate) fn released_ttl_s(job: &SendJob<'_>, in_doubt: bool) -> i64 {
    let dedup = &job.settings().dedup;
    seconds(if in_doubt { dedup.keep_in_doubt } else { dedup.keep })
}

/// Ends a claim in the background, with a few tries. If they fail, its lease expires.
fn give_back(job: &SendJob<'_>, operation: ClaimOp) {
    let (engine, key) = (Arc::clone(job.engine()), job.key.clone());
    let taken = Arc::clone(&engine.spawner).spawn(Box::pin(async move {
        let mut wait = FIRST_PATIENCE;
        while engine.stores.apply(&key, &operation, None, engine.now_ms()).await.is_err() {
            if wait >= LONGEST_PATIENCE {
                tracing::warn!("a claim could not be ended; its lease will expire");
                return;
            }
            engine.clock.sleep(wait).await;
            wait *= 4;
        }
    }));
    if !taken {
        tracing::warn!("a claim could not be ended, because no task can be spawned; its lease will expire");
    }
}
