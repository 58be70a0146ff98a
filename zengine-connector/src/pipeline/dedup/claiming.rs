//! Claiming a send, or waiting for the outcome of the current owner.

use std::time::Duration;

use super::{
    super::{ended::Ended, job::SendJob},
    Ownership,
    doubt::{self, Resolution},
    ownership::{Asking, another_claim},
};

use crate::{
    error::Error,
    pipeline::{DeferredReason, single_flight::Leader},
    runtime::{ms, seconds},
    stage::{Duplicates, StoreDown, backoff::scale},
    store::{At, ClaimOp, ClaimRecord, ClaimStatus, OwnerToken, StoreError, StoreErrorKind},
};

/// First and longest time between two reads of another owner's claim (rule 24).
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// The result of a claim.
pub(crate) enum Claimed<'a> {
    /// The claim is ours.
    Ours(Ownership<'a>),
    /// The send is settled. `fresh` if this call settled it just now.
    Settled { record: Box<ClaimRecord>, fresh: bool },
    /// The send is postponed.
    Deferred(Ended),
}

/// Claims the send. `gone` is the owner token of a caller of this process that was dropped.
pub(crate) async fn claim<'a>(
    job: &'a SendJob<'a>,
    leader: &Leader<'_>,
    owner: OwnerToken,
    gone: Option<OwnerToken>,
) -> Result<Claimed<'a>, Error> {
    let engine = job.engine;
    let dedup = &job.settings().dedup;
    let mut waiting = None;
    let mut owner = owner;
    loop {
        let lease = job.lease(owner);
        let operation =
            ClaimOp::Claim { lease, fingerprint: job.fingerprint.clone(), skew_ms: ms(dedup.clock_skew), ttl_s: seconds(dedup.keep) };
        let answer = if let Some(answer) = engine.apply_now(job.now, &job.key, &operation) {
            answer
        } else {
            let asking = Asking::new(job, owner, false);
            let answer = engine.apply_with_retry(job.now, &job.key, &operation).await;
            if answer.is_ok() {
                asking.answered();
            }
            answer
        };
        let applied = match answer {
            Ok(applied) => applied,
            Err(error) => return store_down(job, error),
        };
        let Some(record) = applied.record else {
            return store_down(job, StoreError::new(StoreErrorKind::Corrupt, "a claim was refused without a record"));
        };
        // If this errors, dropping `ours` releases the claim.
        let ours = applied.done.then(|| Ownership::of(job, &record));
        job.content().refuse_mismatch(&job.fingerprint, &record.fingerprint)?;
        if let Some(ours) = ours {
            return Ok(Claimed::Ours(ours));
        }
        if record.status.is_terminal() {
            return Ok(Claimed::Settled { record: Box::new(record), fresh: false });
        }
        let owner_gone = gone == Some(record.owner);
        let at = At { now_ms: job.now.ms(), boot: engine.stores.boot() };
        if record.is_in_doubt() && (owner_gone || record.is_abandoned(at, ms(dedup.clock_skew))) {
            match doubt::resolve(job, leader, &record, owner_gone).await {
                Ok(Resolution::Ours(ownership)) => return Ok(Claimed::Ours(ownership)),
                Ok(Resolution::Settled(record)) => return Ok(Claimed::Settled { record, fresh: true }),
                // Another caller was faster: read the record again.
                Ok(Resolution::Overtaken) => {
                    owner = another_claim(job, leader);
                    continue;
                }
                Err(error) => return store_down(job, error),
            }
        }
        if owner_gone && record.status == ClaimStatus::Claimed {
            // The caller that held the claim is gone and sent nothing: release it under its token.
            let release =
                ClaimOp::Release { owner: record.owner, maybe_sent: false, attempts: record.attempts, ttl_s: seconds(dedup.keep) };
            if let Err(error) = engine.apply(job.now, &job.key, &release).await {
                return store_down(job, error);
            }
            owner = another_claim(job, leader);
            continue;
        }
        if !waiting.get_or_insert_with(|| Waiting::new(job)).look_later(job).await {
            let lease_left = Duration::from_millis(record.lease_until_ms.saturating_sub(job.now.ms()).max(0).unsigned_abs());
            let retry_after = lease_left.clamp(Duration::from_secs(1), dedup.lease.max(Duration::from_secs(1)));
            return Ok(Claimed::Deferred(Ended::deferred(DeferredReason::InProgress, retry_after)));
        }
        owner = another_claim(job, leader);
    }
}

/// The time left to wait for another owner's send.
struct Waiting {
    /// End, by the monotonic clock: what the store takes counts too.
    until: Duration,
    next: Duration,
}

impl Waiting {
    fn new(job: &SendJob<'_>) -> Self {
        let time = match job.settings().dedup.duplicates {
            Duplicates::Wait(limit) => limit.min(job.remaining()),
            Duplicates::Reject => Duration::ZERO,
        };
        Self { until: job.now.monotonic() + time, next: FIRST_LOOK }
    }

    /// Waits until the next read. Returns `false` if the time is over.
    async fn look_later(&mut self, job: &SendJob<'_>) -> bool {
        let left = self.until.saturating_sub(job.now.monotonic());
        if left.is_zero() {
            return false;
        }
        let engine = job.engine;
        let wait = scale(self.next, 0.8 + 0.4 * engine.rng.unit()).min(left);
        self.next = scale(self.next, 1.5).min(LONGEST_LOOK);
        let goes_on = engine.pause(wait).await;
        job.now.refresh();
        goes_on
    }
}

/// Defers the send, unless the host chose to send without dedup (rule 28).
fn store_down<'a>(job: &'a SendJob<'a>, error: StoreError) -> Result<Claimed<'a>, Error> {
    if error.kind == StoreErrorKind::Corrupt {
        return Err(error.into());
    }
    match job.settings().store_down {
        StoreDown::SendUnprotected => {
            tracing::warn!(strategy = %job.entry.name, "dedup.send_unprotected");
            Ok(Claimed::Ours(Ownership::unprotected(job)))
        }
        StoreDown::Defer => {
            tracing::warn!(strategy = %job.entry.name, error = %error, "dedup.store_unavailable");
            Ok(Claimed::Deferred(Ended::deferred(DeferredReason::StoreUnavailable, Duration::from_secs(5))))
        }
    }
}
