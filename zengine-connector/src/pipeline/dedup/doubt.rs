//! Sends in doubt: the owner is gone, and the message may have been sent (rule 19).

use std::sync::Arc;

use super::{
    super::{decision::Protection, job::SendJob, single_flight::Leader},
    Ownership,
    ownership::Asking,
};
use crate::{
    error::{ErrorKind, Reach},
    runtime::{ms, seconds},
    store::{Applied, ClaimOp, ClaimRecord, OwnerToken, StoreError, StoredError},
};

/// The resolution of a send whose owner may be gone.
pub(crate) enum Resolution<'a> {
    /// We own the claim, to send again with the same key or to look up first.
    Ours(Ownership<'a>),
    /// The send is settled.
    Settled(Arc<ClaimRecord>),
    /// The record is changed, by us or by a faster caller.
    Changed(Option<Arc<ClaimRecord>>),
    /// The owner is at work.
    Owned,
}

/// Takes the send over if the provider protects against duplicates. Otherwise ends it as the evidence says, or as Unknown.
pub(crate) async fn resolve<'a>(
    job: &'a SendJob<'a>,
    leader: &mut Leader<'_>,
    record: &ClaimRecord,
    owner_gone: bool,
) -> Result<Resolution<'a>, StoreError> {
    let dedup = &job.settings().dedup;
    let first_sent = record.first_sent_at_ms.or(Some(record.first_claimed_at_ms));
    let settled_already = record.evidence.is_some() || record.is_expired(job.clock().ms());
    let protection = if settled_already { Protection::None } else { job.protection(first_sent) };
    let (seen, skew_ms) = (record.owner, ms(dedup.clock_skew));
    if protection == Protection::None {
        let operation = give_up(job.engine().token(), seen, owner_gone, skew_ms, seconds(dedup.keep));
        return Ok(match job.apply_with_retry(&operation, Some(record)).await? {
            Applied { done: true, record: Some(record), .. } => Resolution::Settled(record),
            Applied { record, .. } => Resolution::Changed(record),
        });
    }
    leader.set_owner(job.engine().token());
    let lease = job.lease(leader.owner());
    let asking = Asking::new(job, lease.owner, true);
    let operation = ClaimOp::TakeOver { lease, seen, owner_gone, skew_ms };
    let applied = job.apply_with_retry(&operation, Some(record)).await?;
    asking.answered();
    Ok(match applied {
        Applied { done: true, record: Some(record), .. } => {
            let mut own = Ownership::of(job, record);
            own.look_up_first = protection == Protection::Queryable;
            Resolution::Ours(own)
        }
        Applied { record, .. } => Resolution::Changed(record),
    })
}

/// Ends a send in doubt whose owner `seen` is gone.
pub(crate) fn give_up(claimant: OwnerToken, seen: OwnerToken, owner_gone: bool, skew_ms: i64, ttl_s: i64) -> ClaimOp {
    let error = StoredError::new(ErrorKind::Unexpected, Reach::Maybe, "the sending process ended before it knew the result");
    ClaimOp::GiveUp { claimant, seen, owner_gone, error, skew_ms, ttl_s }
}
