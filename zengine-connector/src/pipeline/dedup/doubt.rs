//! Sends in doubt: the owner is gone, and the message may have been sent (rule 19).

use std::sync::Arc;

use super::{
    super::{decision::Protection, job::SendJob, single_flight::Leader},
    Ownership,
    background::Pending,
};
use crate::{
    error::{ErrorKind, Reach},
    runtime::{ms, seconds},
    stage::Dedup,
    store::{Applied, AttemptRecord, ClaimOp, ClaimRecord, ClaimStatus, OwnerToken, StoreError, StoredError},
};

/// The resolution of a send whose owner may be gone.
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once; a box would cost every send an allocation")]
pub(crate) enum Resolution<'a> {
    /// We own the claim, to send again with the same key or to look up first.
    Ours(Ownership<'a>),
    /// The send is settled, and its effects are to complete.
    Settled(Arc<ClaimRecord>, Pending<'a>),
    /// The record is changed, by us or by a faster caller.
    Changed(Option<Arc<ClaimRecord>>),
    /// The owner is at work.
    Owned,
}

/// Takes the send over if the provider protects against duplicates. Otherwise ends it as the evidence says, or as Unknown.
pub(crate) async fn resolve<'a>(
    job: &'a SendJob<'a>,
    leader: &mut Leader,
    record: &ClaimRecord,
    owner_gone: bool,
) -> Result<Resolution<'a>, StoreError> {
    let dedup = &job.settings().dedup;
    let first_sent = record.first_sent_at_ms.or(Some(record.first_claimed_at_ms));
    let settled_already = record.is_decided() || record.is_expired(job.clock().ms());
    let protection = if settled_already { Protection::None } else { job.protection(record.idempotency, first_sent) };
    if protection == Protection::None {
        let operation = give_up(record, job.engine().token(), owner_gone, dedup);
        let pending = Pending::new(job, operation.clone());
        return match job.apply_with_retry(&operation, Some(record)).await {
            Ok(Applied { done: true, record: Some(record), .. }) => Ok(Resolution::Settled(record, pending)),
            // This caller is told to come again, so no task goes on for it.
            answer => {
                pending.answered();
                answer.map(|applied| Resolution::Changed(applied.record))
            }
        };
    }
    leader.set_owner(job.engine().token());
    let lease = job.lease(leader.owner(), &job.settings().dedup);
    let pending = Pending::claim(job, lease.owner, true);
    let operation = ClaimOp::TakeOver { lease, seen: record.owner, owner_gone, skew_ms: ms(dedup.clock_skew) };
    let applied = job.apply_with_retry(&operation, Some(record)).await?;
    pending.answered();
    Ok(match applied {
        Applied { done: true, record: Some(record), .. } => {
            let mut own = Ownership::of(job, record);
            own.look_up_first = protection == Protection::Queryable;
            Resolution::Ours(own)
        }
        Applied { record, .. } => Resolution::Changed(record),
    })
}

/// Ends the send of a record in doubt whose owner is gone.
pub(crate) fn give_up(record: &ClaimRecord, claimant: OwnerToken, owner_gone: bool, dedup: &Dedup) -> ClaimOp {
    let (skew_ms, ttl_s) = (ms(dedup.clock_skew), seconds(dedup.keep));
    ClaimOp::GiveUp { claimant, seen: record.owner, owner_gone, error: doubt(record), skew_ms, ttl_s }
}

/// The error of a send that ends in doubt: of its latest attempt that may have arrived, or of a process that ended in the middle of one.
fn doubt(record: &ClaimRecord) -> StoredError {
    let known = record.history.iter().rev().find(|attempt| attempt.reach == Reach::Maybe).and_then(AttemptRecord::error);
    known.filter(|_| record.status == ClaimStatus::Released).unwrap_or_else(|| {
        let error = StoredError::new(ErrorKind::Cancelled, Reach::Maybe, "the sending process ended before it knew the result");
        StoredError { attempts: record.attempts, ..error }
    })
}
