//! Dedup, attempts and effects of one send.

use super::{
    attempts,
    dedup::{Claimed, Joined, Ownership, Pending, claim, join},
    delivered::DeliveredSend,
    effects,
    ended::{EndError, Ended, How, STORE_AGAIN},
    job::{Identified, SendJob},
    outcome::DeferredReason,
    settled::{finish, warn_not_recorded},
};
use crate::{
    error::{Error, ErrorKind, SendError},
    message::Receipt,
    runtime::seconds,
    store::{ClaimRecord, ClaimStatus, Effects, Reference, Terminal},
    strategy::ProviderKey,
};

/// Settles the send: leads it, follows the caller that leads it, or replays it (rule 24).
pub(crate) async fn settle(job: &SendJob<'_>) -> Result<Ended, Error> {
    let mut leader = match join(job).await? {
        Joined::Ended(ended) => return Ok(ended),
        Joined::Leader(leader) => leader,
    };
    let claimed = claim(job, &mut leader).await?;
    let ended = match claimed {
        Claimed::Ours(own) => return Ok(lead(job, own.led_by(leader)).await),
        Claimed::Settled { record, ending: Some(ending) } => {
            let ended = finish(job, &record, None).await;
            ending.answered();
            ended
        }
        Claimed::Settled { record, ending: None } => {
            let ended = replay(job, &record).await;
            remember(job, &record, &ended);
            ended
        }
        Claimed::Deferred(ended) => ended,
    };
    leader.complete(&ended);
    Ok(ended)
}

/// Replays a settled send. A task completes what it still owes if the caller goes away (rules 31 and 67).
pub(crate) async fn replay(send: &Identified<'_>, record: &ClaimRecord) -> Ended {
    let pending = record.effects_pending.pending().then(|| Pending::new(send, effects::clear(record, Effects::NONE)));
    let ended = finish(send, record, None).await.replayed();
    if let Some(pending) = pending {
        pending.answered();
    }
    ended
}

/// Makes the send under our own claim: attempts, then the record of their end, then its effects.
pub(crate) async fn lead<'a>(job: &'a SendJob<'a>, mut own: Ownership<'a>) -> Ended {
    job.call.trace.note(|facts| facts.owner = Some(own.owner()));
    if ProviderKey::is_hashed(job.id(), own.record().key_generation) {
        put_reference(job, &own).await;
    }
    let ended = attempts::run(job, &mut own).await;
    let ended = match ended.how {
        How::Delivered { receipt, .. } => delivered(job, &mut own, receipt).await,
        // A refusal proves nothing about an earlier attempt that may have arrived (rule 20).
        How::Failed(error) if own.maybe_sent() => failed(job, &mut own, Terminal::Unknown, error).await,
        How::Failed(error) => failed(job, &mut own, Terminal::Failed, error).await,
        How::Unknown(error) => failed(job, &mut own, Terminal::Unknown, error).await,
        How::Deferred { reason: DeferredReason::LeaseLost, .. } => ended,
        How::Deferred { error, .. } if own.must_end() => {
            let doubt = || SendError::of(ErrorKind::Unexpected, "an attempt may have arrived").maybe();
            let error = error.unwrap_or_else(|| EndError::of(doubt(), own.all_attempts()));
            failed(job, &mut own, Terminal::Unknown, error).await
        }
        How::Deferred { .. } | How::LetterLost => {
            own.release().await;
            ended
        }
    };
    own.complete(&ended);
    ended
}

/// Records a delivery. A record that cannot be stored never turns it into an error (rule 26).
async fn delivered(job: &SendJob<'_>, own: &mut Ownership<'_>, receipt: Receipt) -> Ended {
    let result = job.engine().seal_receipt(&job.key, &receipt);
    let record = own.commit(Terminal::Delivered, result, None).await.filter(|record| record.status == ClaimStatus::Delivered);
    let ended = Ended::new(How::Delivered { receipt, recorded: record.is_some() }, own.all_attempts(), own.record().life());
    match record {
        Some(record) => {
            // The record may have been Unknown before; then its settled event is still to publish (rule 27).
            if effects::finish(job, &record, None).await.is_err() {
                tracing::warn!(strategy = %job.entry.name, "dead_letter.not_stored_for_a_delivery");
            }
            remember(job, &record, &ended);
        }
        None => warn_not_recorded(job.tenant(), &job.entry.name, job.id()),
    }
    ended
}

/// Records a failure, and completes its effects.
async fn failed(job: &SendJob<'_>, own: &mut Ownership<'_>, terminal: Terminal, error: EndError) -> Ended {
    if let Some(record) = own.commit(terminal, None, Some(&error)).await {
        let ended = finish(job, &record, Some(&error)).await;
        return ended.with_live(Some(error));
    }
    // The record stays in doubt until the caller's redelivery resolves it (rule 19).
    let (reason, retry_after) = (DeferredReason::StoreUnavailable, STORE_AGAIN);
    Ended::new(How::Deferred { reason, retry_after, error: Some(error) }, own.all_attempts(), own.record().life())
}

/// Remembers a delivered send in this process, with its receipt open (rule 30).
fn remember(job: &SendJob<'_>, record: &ClaimRecord, ended: &Ended) {
    if let Some(delivered) = DeliveredSend::of(record, ended) {
        job.engine().delivered.insert(&job.entry.name, job.key.clone(), delivered);
    }
}

/// Maps a hashed provider key to its send.
async fn put_reference(job: &SendJob<'_>, own: &Ownership<'_>) {
    let provider_key = job.provider_key(own.record().key_generation);
    let (Some(hash), clock) = (provider_key.hash(), job.clock()) else { return };
    let expires_at_s = clock.ms() / 1000 + seconds(job.settings().dedup.keep_in_doubt);
    let reference = Reference::new(job.tenant().clone(), job.entry.name.clone(), job.id().clone(), expires_at_s);
    let stored = clock.guard(clock.remaining(), job.engine().stores.put_reference(hash, &reference)).await;
    if !matches!(stored, Ok(Ok(()))) {
        tracing::warn!(strategy = %job.entry.name, "dedup.reference_not_stored");
    }
}
