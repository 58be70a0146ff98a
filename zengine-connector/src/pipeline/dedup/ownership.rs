//! A claim that this call owns, and its conditional writes.

use std::{sync::Arc, time::Duration};

use super::super::{job::SendJob, now::Now, single_flight::Leader};
use crate::{
    message::Receipt,
    runtime::{ms, seconds},
    store::{
        Applied, AttemptRecord, ClaimOp, ClaimRecord, ClaimStatus, Effects, OwnerToken, Ports, StoreError, StoredError, StoredReceipt,
        Terminal,
    },
};

/// Limit of the wait between two tries to end a claim: waits are 50, 200 and 800 ms, then the write fails.
const LONGEST_PATIENCE: Duration = Duration::from_secs(3);

/// A claim that this call owns. If it is dropped before anything was sent, it releases the claim (rule 31).
pub(crate) struct Ownership<'a> {
    job: &'a SendJob<'a>,
    owner: OwnerToken,
    lease_until_ms: i64,
    phase: Phase,
    /// An attempt of ours or of an earlier owner may have reached the provider (rule 20).
    pub(crate) maybe_sent: bool,
    /// Look up at the provider before sending.
    pub(crate) look_up_first: bool,
    /// Attempts made by earlier owners.
    earlier_attempts: u32,
    /// Generation in the provider key, the same for all attempts (rule 4).
    pub(crate) key_generation: u32,
    pub(crate) first_claimed_at_ms: i64,
    pub(crate) first_sent_at_ms: Option<i64>,
    /// Attempts made by this call.
    pub(crate) made: u32,
    /// The failed ones among them.
    pub(crate) failures: Vec<AttemptRecord>,
    pub(crate) first_error: Option<StoredError>,
}

/// The phase of the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing was sent.
    Quiet,
    /// Bytes may have been sent.
    Sending,
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
    /// The token of our claim.
    pub(crate) fn owner(&self) -> OwnerToken {
        self.owner
    }

    /// The ownership of a record that was just written under our token.
    pub(crate) fn of(job: &'a SendJob<'a>, record: &ClaimRecord) -> Self {
        Self {
            job,
            owner: record.owner,
            lease_until_ms: record.lease_until_ms,
            phase: if record.status == ClaimStatus::Sending { Phase::Sending } else { Phase::Quiet },
            maybe_sent: record.maybe_sent,
            look_up_first: false,
            earlier_attempts: record.attempts,
            key_generation: record.key_generation,
            first_claimed_at_ms: record.first_claimed_at_ms,
            first_sent_at_ms: record.first_sent_at_ms,
            made: 0,
            failures: Vec::new(),
            first_error: None,
        }
    }

    /// Makes the first claim of a send without waiting. `None` if a record exists or the store has to be waited for.
    pub(crate) fn plain(job: &'a SendJob<'a>, owner: OwnerToken) -> Option<Self> {
        let (engine, dedup) = (job.engine, &job.settings().dedup);
        let lease = job.lease(owner);
        let lease_until_ms = lease.until_ms;
        let fingerprint = job.fingerprint.clone();
        let operation = ClaimOp::Claim { lease, fingerprint, skew_ms: ms(dedup.clock_skew), ttl_s: seconds(dedup.keep) };
        engine.stores.step(&job.key, &operation, job.now.ms()).then(|| Self::first(job, owner, lease_until_ms))
    }

    fn first(job: &'a SendJob<'a>, owner: OwnerToken, lease_until_ms: i64) -> Self {
        Self {
            job,
            owner,
            lease_until_ms,
            phase: Phase::Quiet,
            maybe_sent: false,
            look_up_first: false,
            earlier_attempts: 0,
            key_generation: 0,
            first_claimed_at_ms: job.now.ms(),
            first_sent_at_ms: None,
            made: 0,
            failures: Vec::new(),
            first_error: None,
        }
    }

    /// A send without a record, for hosts that chose to send without dedup (rule 28).
    pub(crate) fn unprotected(job: &'a SendJob<'a>) -> Self {
        let mut own = Self::first(job, job.engine.token(), i64::MAX);
        own.phase = Phase::Sending;
        own
    }

    /// Attempts made so far, by all owners.
    #[inline]
    pub(crate) fn all_attempts(&self) -> u32 {
        self.earlier_attempts + self.made
    }

    async fn need(&self, operation: &ClaimOp) -> Result<(), Lost> {
        match self.job.engine.apply(self.job.now, &self.job.key, operation).await {
            Ok(applied) if applied.done => Ok(()),
            Ok(_) => Err(Lost::Lease),
            Err(error) => {
                tracing::warn!(%error, "dedup.store_unavailable");
                Err(Lost::Store)
            }
        }
    }

    /// Ends the claim, and retries within the lease: a delivered send should be recorded (rule 26), and an unsent one should
    /// not stay in doubt.
    async fn retry_within_lease(&mut self, operation: &ClaimOp) -> Result<Applied<ClaimRecord>, StoreError> {
        let mut wait = Duration::from_millis(50);
        let SendJob { engine, key, now, .. } = self.job;
        loop {
            match engine.apply(now, key, operation).await {
                Err(_) if wait < LONGEST_PATIENCE && now.ms() < self.lease_until_ms => {
                    engine.clock.sleep(wait).await;
                    now.refresh();
                    wait *= 4;
                }
                answer => {
                    self.phase = Phase::Done;
                    return answer;
                }
            }
        }
    }

    /// Returns `true` if the lease outlasts `time` and the slack and two thirds of it are left (rules 17 and 18).
    #[inline]
    pub(crate) fn outlasts(&self, time: Duration) -> bool {
        let dedup = &self.job.settings().dedup;
        let left = self.lease_until_ms.saturating_sub(self.job.now.ms());
        left > ms(time + dedup.commit_slack) && left > ms(dedup.lease) / 3 * 2
    }

    /// Returns `true` if an attempt of `time` and the slack fit into the lease.
    #[inline]
    pub(crate) fn covers(&self, time: Duration) -> bool {
        self.lease_until_ms.saturating_sub(self.job.now.ms()) >= ms(time + self.job.settings().dedup.commit_slack)
    }

    /// Renews the lease unless it outlasts `time`.
    pub(crate) async fn outlast(&mut self, time: Duration) -> Result<(), Lost> {
        if self.outlasts(time) { Ok(()) } else { self.renew(time).await }
    }

    /// Renews the lease for `time`, the slack, the skew, and the time that this call and one more may take at the store.
    pub(crate) async fn renew(&mut self, time: Duration) -> Result<(), Lost> {
        let dedup = &self.job.settings().dedup;
        let needed = time + dedup.commit_slack + dedup.clock_skew + 2 * Ports::STORE_TIMEOUT;
        let until_ms = self.job.now.ms() + ms(dedup.lease.max(needed));
        self.need(&ClaimOp::Renew { owner: self.owner, until_ms }).await?;
        self.lease_until_ms = until_ms;
        Ok(())
    }

    /// Marks the record as sending without waiting, if the store can. Returns `true` if it is marked.
    pub(crate) fn mark_plainly(&mut self) -> bool {
        let marked = self.phase == Phase::Sending || self.job.engine.stores.step(&self.job.key, &self.marking(), self.job.now.ms());
        if marked {
            self.marked();
        }
        marked
    }

    /// Marks the record as sending before the first byte, once per claim (rule 16).
    pub(crate) async fn mark(&mut self) -> Result<(), Lost> {
        if self.phase == Phase::Sending {
            return Ok(());
        }
        self.need(&self.marking()).await?;
        self.marked();
        Ok(())
    }

    fn marking(&self) -> ClaimOp {
        ClaimOp::Mark { owner: self.owner, ttl_s: seconds(self.job.settings().dedup.keep_in_doubt) }
    }

    fn marked(&mut self) {
        self.phase = Phase::Sending;
        self.first_sent_at_ms.get_or_insert(self.job.now.ms());
    }

    /// Commits the send as delivered without waiting, if the store can and the record is unchanged. Returns `true` if it is
    /// committed.
    pub(crate) fn deliver_plainly(&mut self, receipt: &Receipt) -> bool {
        if !self.job.engine.stores.claims_are_local() || !receipt.is_plain() {
            return false;
        }
        let operation = ClaimOp::Commit {
            owner: self.owner,
            terminal: Terminal::Delivered,
            result: Some(StoredReceipt::open(receipt)),
            error: None,
            attempts: self.all_attempts(),
            effects: Effects::NONE,
            ttl_s: seconds(self.job.settings().dedup.keep),
        };
        let delivered = self.job.engine.stores.step(&self.job.key, &operation, self.job.now.ms());
        if delivered {
            self.phase = Phase::Done;
        }
        delivered
    }

    /// Commits the end of the send. Returns the record as stored: evidence that arrived meanwhile may have decided otherwise.
    pub(crate) async fn commit(
        &mut self,
        terminal: Terminal,
        result: Option<StoredReceipt>,
        error: Option<StoredError>,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        let effects = if terminal == Terminal::Delivered { Effects::NONE } else { Effects::BOTH };
        let operation = ClaimOp::Commit {
            owner: self.owner,
            terminal,
            result,
            error,
            attempts: self.all_attempts(),
            effects,
            ttl_s: seconds(self.job.settings().dedup.keep),
        };
        self.retry_within_lease(&operation).await
    }

    /// Releases the claim, to send later (rule 21). If the store does not answer, the lease expires.
    pub(crate) async fn release(&mut self) -> Result<Applied<ClaimRecord>, StoreError> {
        let operation = self.release_operation();
        self.retry_within_lease(&operation).await
    }

    fn release_operation(&self) -> ClaimOp {
        let dedup = &self.job.settings().dedup;
        let ttl_s = seconds(if self.maybe_sent { dedup.keep_in_doubt } else { dedup.keep });
        ClaimOp::Release { owner: self.owner, maybe_sent: self.maybe_sent, attempts: self.all_attempts(), ttl_s }
    }

    /// Forgets the claim without releasing it.
    pub(crate) fn forget(&mut self) {
        self.phase = Phase::Done;
    }
}

impl Drop for Ownership<'_> {
    fn drop(&mut self) {
        // Once bytes may have been sent, the record stays in doubt for the next caller (rule 31).
        if self.phase != Phase::Quiet {
            return;
        }
        give_back(self.job, self.release_operation());
    }
}

/// A claim in progress. If its caller is dropped or the store does not answer, the write may still have happened, so the
/// claim is released (rule 31).
pub(super) struct Asking<'a> {
    job: &'a SendJob<'a>,
    release: Option<ClaimOp>,
}

impl<'a> Asking<'a> {
    pub(super) fn new(job: &'a SendJob<'a>, owner: OwnerToken, maybe_sent: bool) -> Self {
        let dedup = &job.settings().dedup;
        let ttl_s = seconds(if maybe_sent { dedup.keep_in_doubt } else { dedup.keep });
        let release = ClaimOp::Release { owner, maybe_sent, attempts: 0, ttl_s };
        Self { job, release: Some(release) }
    }

    /// Disarms the release after the store answered.
    pub(super) fn answered(mut self) {
        self.release = None;
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if let Some(release) = self.release.take() {
            give_back(self.job, release);
        }
    }
}

/// A token for the next try. Also tells the leader's followers.
pub(super) fn another_claim(job: &SendJob<'_>, leader: &Leader<'_>) -> OwnerToken {
    let owner = job.engine.token();
    leader.set_owner(owner);
    owner
}

/// Releases a claim in the background. If that fails, its lease expires.
fn give_back(job: &SendJob<'_>, release: ClaimOp) {
    let (engine, key) = (Arc::clone(job.engine), job.key.clone());
    Arc::clone(&engine.spawner).spawn(Box::pin(async move {
        let now = Now::read(&*engine.clock);
        if engine.apply(&now, &key, &release).await.is_err() {
            tracing::debug!("a dropped claim could not be released; its lease will expire");
        }
    }));
}
