//! Claiming a send, or waiting for the outcome of the current owner.

use std::{sync::Arc, time::Duration};

use super::{
    super::{ended::Ended, job::SendJob, outcome::DeferredReason, single_flight::Leader},
    Ownership,
    background::Pending,
    doubt::{self, Resolution},
    ownership::warn_not_written,
};
use crate::{
    error::Error,
    runtime::{ms, seconds},
    stage::{Duplicates, StoreDown, backoff::scale},
    store::{Applied, At, AttemptsMade, ClaimOp, ClaimRecord, ClaimStatus, Decision, StoreError, StoreErrorKind},
};

/// First and longest time between two reads of another owner's claim (rule 24).
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// The result of a claim.
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once; a box would cost every send an allocation")]
pub(crate) enum Claimed<'a> {
    /// The claim is ours.
    Ours(Ownership<'a>),
    /// The send is settled: by this call just now, whose effects are to complete, or before.
    Settled { record: Arc<ClaimRecord>, ending: Option<Pending<'a>> },
    /// The send is postponed.
    Deferred(Ended),
}

/// Claims the send.
pub(crate) async fn claim<'a>(job: &'a SendJob<'a>, leader: &mut Leader) -> Result<Claimed<'a>, Error> {
    let mut seen = None;
    match try_claim(job, leader, &mut seen).await {
        Ok(claimed) => Ok(claimed),
        Err(NotClaimed::Refused(error)) => Err(error),
        Err(NotClaimed::Store(error)) => store_down(job, error, seen.is_some()),
    }
}

/// The reason for which neither a claim nor a record was obtained.
enum NotClaimed {
    /// The record is of another message.
    Refused(Error),
    Store(StoreError),
}

impl From<StoreError> for NotClaimed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// `seen` is the record as last seen.
async fn try_claim<'a>(job: &'a SendJob<'a>, leader: &mut Leader, seen: &mut Option<Arc<ClaimRecord>>) -> Result<Claimed<'a>, NotClaimed> {
    let mut waiting = None;
    loop {
        let claim = job.claim(leader.owner(), &job.settings().dedup, seen.as_deref());
        let before = seen.as_ref().map(|record| (record.owner, record.rev));
        if is_free(job, &claim, seen.as_deref()) {
            let pending = Pending::claim(job, leader.owner(), false);
            let Applied { done, record, .. } = job.apply_with_retry(&claim, seen.as_deref()).await?;
            pending.answered();
            let record = record.ok_or_else(|| StoreError::new(StoreErrorKind::Corrupt, "a claim was refused without a record"))?;
            if done {
                return Ok(Claimed::Ours(Ownership::of(job, record)));
            }
            *seen = Some(record);
        }
        if let Some(record) = seen {
            job.refuse_mismatch(&record.fingerprint).map_err(NotClaimed::Refused)?;
            if record.status.is_terminal() {
                return Ok(Claimed::Settled { record: Arc::clone(record), ending: None });
            }
            match without_owner(job, leader, record).await? {
                Resolution::Ours(ownership) => return Ok(Claimed::Ours(ownership)),
                Resolution::Settled(record, ending) => return Ok(Claimed::Settled { record, ending: Some(ending) }),
                Resolution::Changed(record) => *seen = record,
                Resolution::Owned => {}
            }
        }
        // A round that changed nothing waits: the owner of the claim is at work.
        if seen.as_ref().map(|record| (record.owner, record.rev)) != before {
            continue;
        }
        let asked = job.clock().monotonic();
        let again = waiting.get_or_insert_with(|| Waiting::new(job)).look_later(job).await;
        job.call.trace.waited_since(asked, job.clock());
        if !again {
            return Ok(Claimed::Deferred(in_progress(job, seen.as_deref())));
        }
        *seen = job.record().await?.map(Arc::new);
    }
}

/// Resolves a claim whose owner is gone.
async fn without_owner<'a>(job: &'a SendJob<'a>, leader: &mut Leader, record: &ClaimRecord) -> Result<Resolution<'a>, StoreError> {
    let dedup = &job.settings().dedup;
    let owner_gone = leader.is_gone(record.owner);
    let at = At { now_ms: job.clock().ms(), boot: job.engine().stores.boot() };
    if record.is_in_doubt() && (owner_gone || record.is_abandoned(at, ms(dedup.clock_skew))) {
        return doubt::resolve(job, leader, record, owner_gone).await;
    }
    if owner_gone && record.status == ClaimStatus::Claimed {
        // The caller that held the claim is gone and sent nothing: release it under its token.
        let made = AttemptsMade::default();
        let release = ClaimOp::Release { owner: record.owner, maybe_sent: false, made, ttl_s: seconds(dedup.keep) };
        return Ok(Resolution::Changed(job.apply(&release, Some(record)).await?.record));
    }
    Ok(Resolution::Owned)
}

/// Returns `true` if the claim may succeed on the record as last seen.
fn is_free(job: &SendJob<'_>, claim: &ClaimOp, seen: Option<&ClaimRecord>) -> bool {
    let at = At { now_ms: job.clock().ms(), boot: job.engine().stores.boot() };
    seen.is_none_or(|record| claim.decide(Some(record), at) != Decision::Refuse)
}

fn in_progress(job: &SendJob<'_>, record: Option<&ClaimRecord>) -> Ended {
    let left = record.map_or(0, |record| record.lease_until_ms.saturating_sub(job.clock().ms()));
    let lease_left = Duration::from_millis(left.max(0).unsigned_abs());
    let second = Duration::from_secs(1);
    Ended::deferred(DeferredReason::InProgress, lease_left.clamp(second, job.settings().dedup.lease.max(second)))
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
            Duplicates::Wait(limit) => limit.min(job.clock().remaining()),
            Duplicates::Reject => Duration::ZERO,
        };
        Self { until: job.clock().monotonic() + time, next: FIRST_LOOK }
    }

    /// Waits until the next read. Returns `false` if the time is over.
    async fn look_later(&mut self, job: &SendJob<'_>) -> bool {
        let left = self.until.saturating_sub(job.clock().monotonic());
        if left.is_zero() {
            return false;
        }
        let wait = scale(self.next, 0.8 + 0.4 * job.engine().rng.unit()).min(left);
        self.next = scale(self.next, 1.5).min(LONGEST_LOOK);
        job.pause(wait).await
    }
}

/// Defers the send, unless the host chose to send without dedup (rule 28) and the store is down: where another claim of the
/// send was seen, or writes collide, another caller is sending it.
fn store_down<'a>(job: &'a SendJob<'a>, error: StoreError, is_known: bool) -> Result<Claimed<'a>, Error> {
    if error.kind == StoreErrorKind::Corrupt {
        return Err(error.into());
    }
    match job.settings().store_down {
        StoreDown::SendUnprotected
            if !is_known
                && error.kind != StoreErrorKind::Conflict
                && let Some(own) = Ownership::unprotected(job) =>
        {
            tracing::warn!(strategy = %job.entry.name, "dedup.send_unprotected");
            Ok(Claimed::Ours(own))
        }
        StoreDown::SendUnprotected | StoreDown::Defer => {
            warn_not_written(job, &error);
            Ok(Claimed::Deferred(Ended::store_unavailable()))
        }
    }
}
