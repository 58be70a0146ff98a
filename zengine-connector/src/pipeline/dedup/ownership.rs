//! A claim that this call owns, and its conditional writes.

use std::{sync::Arc, time::Duration};

use tracing::Span;

use super::{
    super::{
        decision::Protection,
        ended::{EndError, Ended},
        job::SendJob,
        report,
        single_flight::Leader,
    },
    background::{self, FIRST_PATIENCE, LONGEST_PATIENCE, RELEASE_PATIENCE, TASK_PATIENCE, Unfinished, released_ttl_s},
};
use crate::{
    error::{ErrorKind, Reach, SendError},
    message::Idempotency,
    runtime::{ms, seconds},
    store::{
        Applied, At, AttemptRecord, AttemptsMade, ClaimOp, ClaimRecord, ClaimStatus, Decision, Effects, OwnerToken, Ports, StepRecord,
        StoreError, StoreErrorKind, StoredError, StoredReceipt, Terminal,
    },
};

/// Warns that the claim was not written. A store whose writes collide is not down (rule 28).
pub(super) fn warn_not_written(job: &SendJob<'_>, error: &StoreError) {
    let (tenant, strategy, id) = (job.tenant(), &job.entry.name, job.id());
    if error.kind == StoreErrorKind::Conflict {
        tracing::warn!(tenant_id = %tenant, %strategy, client_message_id = %id, %error, "dedup.store_conflict");
    } else {
        tracing::warn!(tenant_id = %tenant, %strategy, client_message_id = %id, %error, "dedup.store_unavailable");
    }
}

/// A claim that this call owns. If it is dropped, a task ends it (rule 31).
pub(crate) struct Ownership<'a> {
    job: &'a SendJob<'a>,
    /// The callers that wait for the send.
    leader: Option<Leader>,
    /// The record as last written or read.
    record: Arc<ClaimRecord>,
    phase: Phase,
    /// The attempts of this call.
    made: AttemptsMade,
    /// The start of the attempt in progress, in milliseconds UTC, and its span.
    calling: Option<(i64, Span)>,
    /// The provider accepted an attempt of this call.
    accepted: bool,
    /// The error with which this call ends the send.
    error: Option<EndError>,
    /// Look up at the provider before sending.
    pub(crate) look_up_first: bool,
    /// A second delivery is accepted (rule 71).
    pub(crate) forced: bool,
}

/// The phase of the claim.
#[allow(clippy::large_enum_variant, reason = "it stands in the claim's owner; a box would cost every send an allocation")]
enum Phase {
    /// Nothing was sent.
    Quiet,
    /// Bytes may have been sent.
    Sending,
    /// Bytes may be sent, and no record is stored (rule 28).
    Unprotected,
    /// This end is being written, and its effects completed.
    Ending(Unfinished),
    /// Complete, or lost.
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
        Self { job, leader: None, record, phase, made, calling: None, accepted: false, error: None, look_up_first: false, forced: false }
    }

    /// A send without a stored record, for hosts that chose to send without dedup (rule 28).
    pub(crate) fn unprotected(job: &'a SendJob<'a>) -> Option<Self> {
        let mut lease = job.lease(job.engine().token(), &job.settings().dedup);
        lease.until_ms = i64::MAX;
        let (owner, at) = (lease.owner, At { now_ms: job.clock().ms(), boot: None });
        let claim = ClaimOp::Claim { lease, fingerprint: job.fingerprint.clone(), skew_ms: 0, ttl_s: 0 };
        let Decision::Write(claimed) = claim.decide(None, at) else { return None };
        let Decision::Write(marked) =
            (ClaimOp::Mark { owner, idempotency: Some(job.idempotency(None)), ttl_s: 0 }).decide(Some(&claimed), at)
        else {
            return None;
        };
        let mut own = Self::of(job, Arc::new(marked));
        own.phase = Phase::Unprotected;
        Some(own)
    }

    /// The same, for the callers that follow this leader.
    pub(crate) fn led_by(self, leader: Leader) -> Self {
        let mut own = self;
        own.leader = Some(leader);
        own
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
        self.made_maybe() || self.record.maybe_sent
    }

    /// Returns `true` if an attempt of this call may have reached the provider.
    fn made_maybe(&self) -> bool {
        self.made.first_maybe_at_ms.is_some()
    }

    /// The start of the first attempt of any owner that may have arrived, in milliseconds UTC.
    pub(crate) fn first_maybe_at_ms(&self) -> Option<i64> {
        if self.record.maybe_sent {
            self.record.first_sent_at_ms.or(Some(self.record.first_claimed_at_ms))
        } else {
            self.made.first_maybe_at_ms
        }
    }

    /// The provider's protection against another delivery.
    pub(crate) fn protection(&self) -> Protection {
        self.job.protection(self.idempotency_before(), self.first_maybe_at_ms())
    }

    /// The provider's protection for the attempts of earlier owners that may have arrived, as they stored it.
    pub(crate) fn idempotency_before(&self) -> Option<Idempotency> {
        self.record.idempotency.filter(|_| self.maybe_sent())
    }

    /// Returns `true` if a release would allow a second delivery (rule 21), or if no record exists that a duplicate could find.
    pub(crate) fn must_end(&self) -> bool {
        let is_unprotected = || matches!(self.phase, Phase::Unprotected) || self.protection() == Protection::None;
        self.made_maybe() && is_unprotected()
    }

    /// Returns `true` if the provider reported that the message arrived (rule 27).
    pub(crate) fn is_proven(&self) -> bool {
        self.record.evidence.as_ref().is_some_and(|evidence| evidence.proves() == Terminal::Delivered)
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

    /// Notes that an attempt begins.
    pub(crate) fn calling(&mut self, span: &Span) {
        self.calling = Some((self.job.clock().ms(), span.clone()));
    }

    /// Notes that the attempt was accepted: from now on the send is delivered, even if its receipt cannot be kept.
    pub(crate) fn accepted(&mut self) {
        (self.calling, self.accepted) = (None, true);
        self.made.count += 1;
    }

    /// Notes that the attempt failed.
    pub(crate) fn failed(&mut self, duration: Duration, error: &SendError) {
        let Some((started_at_ms, _)) = self.calling.take() else { return };
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.made.count += 1;
        let n = self.all_attempts();
        let mut attempt = AttemptRecord::new(n, started_at_ms, millis(duration), &StoredError::of(error, n));
        attempt.steps = error.steps().iter().map(StepRecord::of).collect();
        attempt.retry_after_ms = error.retry_after().map(millis);
        if attempt.reach == Reach::Maybe {
            // Without a stored record, nothing says that this was the only send.
            let is_known = !matches!(self.phase, Phase::Unprotected) && (self.made.content_not_sent || !self.made_maybe());
            self.made.content_not_sent = is_known && error.is_content_not_sent();
            self.made.first_maybe_at_ms.get_or_insert(started_at_ms);
            // Its bytes may have left, and arrived, as late as its end: by the wall clock, which a process that froze has not counted.
            let ended_at_ms = started_at_ms.saturating_add_unsigned(attempt.duration_ms);
            self.made.last_maybe_at_ms = Some(ended_at_ms.max(self.job.clock().ms()));
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
                warn_not_written(self.job, &error);
                Err(Lost::Store)
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

    /// Reads the record before another attempt: a status may have told meanwhile that an earlier one arrived (rule 27). If the store does
    /// not answer, what is known stays.
    pub(crate) async fn refresh(&mut self) -> Result<(), Lost> {
        if matches!(self.phase, Phase::Unprotected) {
            return Ok(());
        }
        match self.job.record().await {
            Ok(Some(record)) if record.owner == self.owner() => {
                self.record = Arc::new(record);
                Ok(())
            }
            Ok(_) => Err(Lost::Lease),
            Err(_) => Ok(()),
        }
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
        if matches!(self.phase, Phase::Quiet) {
            let ttl_s = seconds(self.job.settings().dedup.keep_in_doubt);
            let idempotency = Some(self.job.idempotency(None));
            self.write(&ClaimOp::Mark { owner: self.owner(), idempotency, ttl_s }).await?;
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
        error: Option<&EndError>,
    ) -> Option<Arc<ClaimRecord>> {
        self.error = error.cloned();
        self.phase = Phase::Ending(self.end(terminal, result));
        match &self.phase {
            Phase::Ending(Unfinished::Change(operation)) => self.write_end(operation).await,
            Phase::Ending(Unfinished::Unstored(record)) if terminal != Terminal::Delivered => Some(Arc::clone(record)),
            _ => None,
        }
    }

    /// Writes the end, and retries for a second within the lease.
    async fn write_end(&self, operation: &ClaimOp) -> Option<Arc<ClaimRecord>> {
        let clock = self.job.clock();
        let mut wait = FIRST_PATIENCE;
        loop {
            match self.job.apply_past_deadline(operation, Some(&self.record)).await {
                Ok(applied) => return applied.record.filter(|_| applied.done),
                Err(_) if wait < LONGEST_PATIENCE && clock.ms() < self.record.lease_until_ms => {
                    clock.sleep(wait).await;
                    wait *= 4;
                }
                Err(error) => {
                    tracing::warn!(%error, strategy = %self.job.entry.name, "dedup.not_recorded");
                    // A delivered send should be recorded, also when its caller knows (rule 26).
                    if matches!(operation, ClaimOp::Commit { terminal: Terminal::Delivered, .. }) {
                        background::write_later(self.job, operation.clone(), TASK_PATIENCE, None);
                    }
                    return None;
                }
            }
        }
    }

    /// The change that ends the send, or its result if no record is stored.
    fn end(&self, terminal: Terminal, result: Option<StoredReceipt>) -> Unfinished {
        let operation = ClaimOp::Commit {
            owner: self.owner(),
            terminal,
            result,
            error: self.error.as_ref().map(|error| error.stored.clone()),
            made: self.made.clone(),
            effects: if terminal == Terminal::Delivered { Effects::NONE } else { Effects::BOTH },
            ttl_s: seconds(self.job.settings().dedup.keep),
        };
        let at = At { now_ms: self.job.clock().ms(), boot: None };
        match self.phase {
            Phase::Unprotected if let Decision::Write(record) = operation.decide(Some(&self.record), at) => {
                Unfinished::Unstored(record.into())
            }
            _ => Unfinished::Change(operation),
        }
    }

    /// Releases the claim within the time of the send, to send later (rule 21). If the store does not answer, the release goes on in
    /// the background.
    pub(crate) async fn release(&mut self) {
        if matches!(self.phase, Phase::Unprotected) {
            return;
        }
        if let Err(error) = self.job.apply(&self.release_operation(), Some(&self.record)).await {
            tracing::warn!(%error, strategy = %self.job.entry.name, "dedup.not_released");
            background::end(self.job, self.unreleased(), None, None);
        }
    }

    /// The release, which a task writes.
    fn unreleased(&self) -> Unfinished {
        let patience = if matches!(self.phase, Phase::Sending) { TASK_PATIENCE } else { RELEASE_PATIENCE };
        Unfinished::Release(self.release_operation(), patience)
    }

    fn release_operation(&self) -> ClaimOp {
        let (maybe_sent, made) = (self.maybe_sent(), self.made.clone());
        ClaimOp::Release { owner: self.owner(), maybe_sent, made, ttl_s: released_ttl_s(self.job, maybe_sent) }
    }

    /// Completes the claim: passes the end to the callers that wait for it.
    pub(crate) fn complete(mut self, ended: &Ended) {
        self.phase = Phase::Done;
        if let Some(leader) = self.leader.take() {
            leader.complete(ended);
        }
    }

    /// The end to write after the caller was dropped (rule 31). The attempt in progress counts as one that may have arrived.
    fn cancelled(&mut self) -> Option<Unfinished> {
        if self.accepted {
            return Some(self.end(Terminal::Delivered, None));
        }
        self.job.clock().read();
        let error = SendError::of(ErrorKind::Cancelled, "the caller went away before the provider answered").maybe();
        if let Some((started_at_ms, span)) = &self.calling {
            let duration = Duration::from_millis(self.job.clock().ms().saturating_sub(*started_at_ms).max(0).unsigned_abs());
            report::attempted(self.job, span, self.all_attempts() + 1, duration, Some(&error));
            self.failed(duration, &error);
        }
        if self.must_end() {
            self.error = Some(EndError::of(error, self.all_attempts()));
            Some(self.end(Terminal::Unknown, None))
        } else {
            (!matches!(self.phase, Phase::Unprotected)).then(|| self.unreleased())
        }
    }
}

impl Drop for Ownership<'_> {
    fn drop(&mut self) {
        let unfinished = match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Done => None,
            Phase::Ending(unfinished) => Some(unfinished),
            phase => {
                self.phase = phase;
                self.cancelled()
            }
        };
        if let Some(unfinished) = unfinished {
            background::end(self.job, unfinished, self.leader.take(), self.error.take());
        }
    }
}
