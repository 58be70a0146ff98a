//! Explicit redrive of failed messages (rules 70 to 72).

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;

use super::{
    DeferredReason, Engine, Outcome, RedriveOptions, SendOptions,
    dead_letter::History,
    decision::Protection,
    dedup::Ownership,
    ended::Ended,
    fingerprint::Content,
    job::SendJob,
    now::Now,
    send::{DEFAULT_TIME, Settled, finish, lead_send, settle},
    trace::SendTrace,
};
use crate::{
    error::{Error, ErrorKind},
    ids::FailureId,
    message::{Idempotency, MessageRef},
    runtime::seconds,
    store::{Applied, ClaimKey, ClaimOp, DeadLetter, LetterDirection},
};

/// Maximum redrives of a message before it is parked (rule 70).
const MOST: u32 = 3;
/// The outcome in a letter whose message may have arrived.
const UNKNOWN: &str = "unknown";

/// Sends the message of a dead letter again, under the next generation.
pub(crate) async fn redrive(engine: &Arc<Engine>, id: &FailureId, redrive: &RedriveOptions) -> Result<Outcome, Error> {
    let _running = engine.enter();
    let letter = engine
        .stores
        .letter(id)
        .await?
        .ok_or_else(|| Error::new(ErrorKind::MessageInvalid, "there is no dead letter of this id").with_context("actual", id))?;
    let client_message_id = match (&letter.direction, &letter.client_message_id) {
        (LetterDirection::Outbound, Some(id)) => id.clone(),
        _ => return Err(Error::new(ErrorKind::Unsupported, "only messages that were to be sent can be redriven")),
    };
    if letter.generation >= MOST {
        return Err(Error::new(ErrorKind::Unsupported, "the message was redriven too often and stays parked")
            .with_context("limit", MOST)
            .with_context("actual", letter.generation));
    }
    let entry = engine.registry.entry(letter.strategy.as_str())?;
    let outbound = entry.sends()?;
    let json = letter.open(&*engine.keys)?;
    let json: Box<RawValue> = serde_json::from_slice(&json)
        .map_err(|error| Error::from_json(ErrorKind::Corrupt, "the dead letter's message cannot be read", &error))?;
    let message = outbound.prepare(MessageRef::from(&json))?;
    let bound = engine.tenants.bind(entry, &letter.tenant).await?;
    let seen = entry.inspect(&bound.state, &message, redrive.degrade)?;
    let idempotency = seen.idempotency.unwrap_or(entry.descriptor.idempotency);
    // An open breaker refuses the redrive. Once its open time is over, the redrive passes as a probe: with no other
    // traffic, the breaker would never close.
    let wait = engine.stages(&bound).circuit.wait();
    if !wait.is_zero() {
        return Err(Error::new(ErrorKind::Busy, "the breaker is not closed").with_retry_after(wait));
    }
    let mut options = SendOptions::new(client_message_id);
    options.time = redrive.time;
    // `created_at` stays unset: the age of a redriven message counts from now.
    let (degraded, loss) = seen.degraded.unzip();
    let (now, trace) = (Now::read(&*engine.clock), SendTrace::new());
    let content = Content { keys: &*engine.keys, tenant: &letter.tenant, strategy: &entry.name, outbound: &**outbound, message: &message };
    let job = SendJob {
        engine,
        entry,
        outbound: &**outbound,
        bound: &bound,
        stages: engine.stages(&bound),
        key: ClaimKey::outbound(&letter.tenant, &letter.strategy, &options.client_message_id),
        fingerprint: content.fingerprint()?,
        original: &message,
        message: degraded.as_ref().unwrap_or(&message),
        idempotency,
        options: &options,
        deadline: now.after(options.time.unwrap_or(DEFAULT_TIME)),
        now: &now,
        trace: &trace,
    };
    allow_double(&job, &letter, redrive)?;
    // Of two concurrent redrives, one takes the letter and the other finds it taken.
    if engine.stores.take_letter(id, letter.redrive_count).await?.is_none() {
        return Ended::deferred(DeferredReason::InProgress, Duration::from_secs(5)).into_outcome(false, None, None);
    }
    now.refresh();
    let settled = again(&job, &letter).await?;
    let closed = match &settled.ended {
        Ended::Delivered { .. } => true,
        // The letter of a later generation replaces this one.
        Ended::Failed { failure_id: now, .. } | Ended::Unknown { failure_id: now, .. } => now != id,
        Ended::Deferred { .. } | Ended::LetterLost { .. } => false,
    };
    if closed && engine.stores.remove_letter(id).await.is_err() {
        // The letter stays. Another redrive finds the send settled and closes it.
        tracing::warn!(failure_id = %id, "redrive.letter_not_closed");
    }
    settled.ended.into_outcome(settled.replayed, settled.error, loss)
}

/// Requires `force`, and logs it, to send an Unknown again when the provider offers no protection or its window is over
/// (rule 71).
fn allow_double(job: &SendJob<'_>, letter: &DeadLetter, redrive: &RedriveOptions) -> Result<(), Error> {
    let first_sent_ms = letter.first_sent_at_ms.or(letter.attempts.first().map(|attempt| attempt.started_at_ms)).unwrap_or(letter.at_ms);
    if letter.outcome != UNKNOWN || job.protection(Some(first_sent_ms)) != Protection::None {
        return Ok(());
    }
    if !redrive.force {
        return Err(
            Error::new(ErrorKind::Unsupported, "the message may have arrived; sending it again needs force").with_context("rule", 71)
        );
    }
    tracing::warn!(
        tenant_id = %letter.tenant,
        strategy = %letter.strategy,
        failure_id = %letter.failure_id,
        reason = redrive.reason.as_deref().unwrap_or(""),
        "redrive.forced"
    );
    Ok(())
}

async fn again<'a>(job: &'a SendJob<'a>, letter: &DeadLetter) -> Result<Settled, Error> {
    let engine = job.engine;
    // Finish the failure's pending effects first: the new generation overwrites the record (rule 67).
    if let Some(record) = engine.stores.record(&job.key).await?
        && record.status.is_terminal()
        && record.effects_pending.pending()
        && let ended @ Ended::LetterLost { .. } = finish(job, &record, &History::default()).await
    {
        return Ok(Settled { ended, replayed: true, error: None });
    }
    let unknown = letter.outcome == UNKNOWN;
    let operation = ClaimOp::Redrive {
        lease: job.lease(engine.token()),
        fingerprint: job.fingerprint.clone(),
        generation: letter.generation,
        key_generation: if unknown { letter.key_generation } else { letter.generation + 1 },
        maybe_sent: unknown,
        first_sent_at_ms: letter.first_sent_at_ms,
        ttl_s: seconds(job.settings().dedup.keep),
    };
    match engine.apply_with_retry(job.now, &job.key, &operation).await? {
        Applied { done: true, record: Some(record), .. } => {
            let mut own = Ownership::of(job, &record);
            // Look up a message that may have arrived first, if the provider supports it.
            own.look_up_first = own.maybe_sent && matches!(job.idempotency, Idempotency::Queryable { .. });
            Ok(lead_send(job, own).await)
        }
        // The send is settled, or an earlier redrive was deferred or dropped: continue like any send (rule 72).
        _ => settle(job).await,
    }
}
