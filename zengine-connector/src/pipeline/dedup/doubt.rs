//! Sends in doubt: the owner is gone, and the message may have been sent (rule 19).

use super::{
    super::{decision::Protection, job::SendJob},
    Ownership,
    ownership::{Asking, another_claim},
};
use crate::{
    error::{ErrorKind, Reach},
    pipeline::single_flight::Leader,
    runtime::{ms, seconds},
    store::{Applied, ClaimOp, ClaimRecord, StoreError, StoredError},
};

/// The resolution of a send in doubt.
pub(crate) enum Resolution<'a> {
    /// We own the claim, to send again with the same key or to look up first.
    Ours(Ownership<'a>),
    /// The send is settled.
    Settled(Box<ClaimRecord>),
    /// Another caller was faster.
    Overtaken,
}

/// Takes the send over if the provider protects against duplicates. Otherwise ends it as the evidence says, or as Unknown.
pub(crate) async fn resolve<'a>(
    job: &'a SendJob<'a>,
    leader: &Leader<'_>,
    record: &ClaimRecord,
    owner_gone: bool,
) -> Result<Resolution<'a>, StoreError> {
    let engine = job.engine;
    let dedup = &job.settings().dedup;
    let first_sent = record.first_sent_at_ms.or(Some(record.first_claimed_at_ms));
    let settled_already = record.evidence.is_some() || record.is_expired(job.now.ms());
    let protection = if settled_already { Protection::None } else { job.protection(first_sent) };
    let (seen, skew_ms) = (record.owner, ms(dedup.clock_skew));
    if protection == Protection::None {
        let error = StoredError::new(ErrorKind::Unexpected, Reach::Maybe, "the sending process ended before it knew the result");
        let operation = ClaimOp::GiveUp { claimant: engine.token(), seen, owner_gone, error, skew_ms, ttl_s: seconds(dedup.keep) };
        return Ok(match engine.apply_with_retry(job.now, &job.key, &operation).await? {
            Applied { done: true, record: Some(record), .. } => Resolution::Settled(Box::new(record)),
            _ => Resolution::Overtaken,
        });
    }
    let lease = job.lease(another_claim(job, leader));
    let asking = Asking::new(job, lease.owner, true);
    let operation = ClaimOp::TakeOver { lease, seen, owner_gone, skew_ms };
    let applied = engine.apply_with_retry(job.now, &job.key, &operation).await?;
    asking.answered();
    Ok(match applied {
        Applied { done: true, record: Some(record), .. } => {
            let mut ownership = Ownership::of(job, &record);
            ownership.look_up_first = protection == Protection::Queryable;
            Resolution::Ours(ownership)
        }
        _ => Resolution::Overtaken,
    })
}
