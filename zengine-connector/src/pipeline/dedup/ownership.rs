//! A claim that is ours, and what we may do with it.

use std::{sync::Arc, time::Duration};

use super::super::{job::SendJob, now::Now, single_flight::Leader};
use crate::{
    message::Receipt,
    runtime::ms,
    store::{
        Applied, AttemptRecord, ClaimOp, ClaimRecord, ClaimStatus, Effects, OwnerToken, StoreError, StoredError, StoredReceipt, Terminal,
    },
};

/// The wait between two tries to end a claim at which patience ends: after 50, 200 and 800 ms.
const LONGEST_PATIENCE: Duration = Duration::from_secs(3);

/// A claim that is ours. Dropped before anything was sent, it gives the claim back (rule 31).
pub(crate) struct Ownership<'a> {
    job: &'a SendJob<'a>,
    owner: OwnerToken,
    lease_until_ms: i64,
    phase: Phase,
    /// Some attempt, ours or an earlier owner's, may have reached the provider (rule 20).
    pub(crate) maybe_sent: bool,
    /// The provider must be asked before anything is sent.
    pub(crate) look_up_first: bool,
    /// Attempts made before, by others.
    earlier_attempts: u32,
    /// The generation in the key at the provider: one for all attempts (rule 4).
    pub(crate) key_generation: u32,
    pub(crate) first_claimed_at_ms: i64,
    pub(crate) first_sent_at_ms: Option<i64>,
    /// Attempts made by us.
    pub(crate) made: u32,
    /// Those of them that failed.
    pub(crate) failures: Vec<AttemptRecord>,
    pub(crate) first_error: Option<StoredError>,
}

/// How far we are with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing has gone out.
    Quiet,
    /// Bytes may have gone out.
    Sending,
    /// Committed, given back, or lost.
    Done,
}

/// Why a conditional write did not happen.
#[derive(Debug)]
pub(crate) enum Lost {
    /// The lease is another's now: nothing may be sent or stored.
    Lease,
    /// The store does not answer.
    Store,
}

impl<'a> Ownership<'a> {
    /// The token of our claim.
    pub(crate) fn owner(&self) -> OwnerToken {
        self.owner
    }

    /// Ours, by a record that was just written in our name.
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

    /// Ours by a first claim that met nothing, where the store can say so at once.
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

    /// A send without any record, where the host prefers doubles to silence (rule 28).
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

    /// How the claim ends is worth some patience within the lease: what was sent cannot be unsent (rule 26), and what
    /// was not should not stay in doubt.
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

    /// Whether the lease outlasts `time` and the slack, and two thirds of it are left (rules 17 and 18).
    #[inline]
    pub(crate) fn outlasts(&self, time: Duration) -> bool {
        let dedup = &self.job.settings().dedup;
        let left = self.lease_until_ms.saturating_sub(self.job.now.ms());
        left > ms(time + dedup.commit_slack) && left > ms(dedup.lease) / 3 * 2
    }

    /// Makes sure that it does; renews it where it does not.
    pub(crate) async fn outlast(&mut self, time: Duration) -> Result<(), Lost> {
        if self.outlasts(time) {
            return Ok(());
        }
        let dedup = &self.job.settings().dedup;
        let now_ms = self.job.now.ms();
        let (needed, lease) = (ms(time + dedup.commit_slack), ms(dedup.lease));
        let until_ms = now_ms + lease.max(needed + ms(dedup.clock_skew));
        self.need(&ClaimOp::Renew { owner: self.owner, until_ms }).await?;
        self.lease_until_ms = until_ms;
        Ok(())
    }

    /// Says that bytes may go out from now on, where the store can be told at once; `true` where it is said.
    pub(crate) fn mark_plainly(&mut self) -> bool {
        let marked = self.phase == Phase::Sending || self.job.engine.stores.step(&self.job.key, &self.marking(), self.job.now.ms());
        if marked {
            self.marked();
        }
        marked
    }

    /// Says that bytes may go out from now on; once per claim (rule 16).
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

    /// Ends the send as delivered, where the store can be told at once and nothing else has come up; `true` where it is
    /// said.
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

    /// Ends the send. Gives the record as it stands then: what the provider told meanwhile may have decided otherwise.
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

    /// Gives the claim back, to be sent later (rule 21). Where the store does not answer, the lease ends by itself.
    pub(crate) async fn release(&mut self) -> Result<Applied<ClaimRecord>, StoreError> {
        let operation = self.release_operation();
        self.retry_within_lease(&operation).await
    }

    fn release_operation(&self) -> ClaimOp {
        let dedup = &self.job.settings().dedup;
        let ttl_s = seconds(if self.maybe_sent { dedup.keep_in_doubt } else { dedup.keep });
        ClaimOp::Release { owner: self.owner, maybe_sent: self.maybe_sent, attempts: self.all_attempts(), ttl_s }
    }

    /// The claim is another's: nothing is given back.
    pub(crate) fn forget(&mut self) {
        self.phase = Phase::Done;
    }
}

impl Drop for Ownership<'_> {
    fn drop(&mut self) {
        // Once bytes may have gone out, the record stays in doubt for whoever comes next (rule 31).
        if self.phase != Phase::Quiet {
            return;
        }
        give_back(self.job, self.release_operation());
    }
}

/// A claim under way. Where its caller goes away or the store does not answer, it may have been made all the same: it is
/// given back like one that is ours (rule 31).
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

    /// The store answered.
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

/// A token for the next try, which the attached ones must know of.
pub(super) fn another_claim(job: &SendJob<'_>, leader: &Leader<'_>) -> OwnerToken {
    let owner = job.engine.token();
    leader.set_owner(owner);
    owner
}

/// Gives a claim back in the background. Where that fails, its lease ends by itself.
fn give_back(job: &SendJob<'_>, release: ClaimOp) {
    let (engine, key) = (Arc::clone(job.engine), job.key.clone());
    Arc::clone(&engine.spawner).spawn(Box::pin(async move {
        let now = Now::read(&*engine.clock);
        if engine.apply(&now, &key, &release).await.is_err() {
            tracing::debug!("a dropped claim could not be given back; its lease ends by itself");
        }
    }));
}

/// Whole seconds, as records count their time.
pub(crate) fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
