//! The effects of a failed or unknown send: a dead letter, then an event (rules 63 to 69).

use std::time::Duration;

use super::{ended::EndError, engine::Engine, job::Identified};
use crate::{
    error::{Error, Fault},
    ids::{ClientMessageId, FailureId, StrategyName, TenantId},
    store::{
        AttemptRecord, ClaimKey, ClaimOp, ClaimRecord, ClaimStatus, DeadLetter, DomainEvent, Effects, LetterDirection, Life, OutboundFailed,
    },
    strategy::ProviderKey,
};

/// Maximum tries in a row to store a dead letter (rule 68).
const TRIES: u32 = 3;

/// The dead letter could not be stored.
#[derive(Debug)]
pub(crate) struct LetterLost;

/// Completes a terminal record's pending effects: the letter, then the events, then the flags are cleared (rule 65). Returns
/// the effects that are still pending. `own` is the error that ended the send, if this call got it.
pub(crate) async fn finish(send: &Identified<'_>, record: &ClaimRecord, own: Option<&EndError>) -> Result<Effects, LetterLost> {
    let pending = record.effects_pending;
    if !pending.pending() {
        return Ok(Effects::NONE);
    }
    let mut done = Effects::NONE;
    if pending.dlq {
        let letter = letter(send, record, own).map_err(|error| report_lost(&error))?;
        put(send, &letter).await?;
        done.dlq = true;
    }
    let published = send.clock().wait(publish(send.engine(), SendIds::of(send), record, pending)).await;
    (done.event, done.settled) = (published.event, published.settled);
    let clear = clear(record, done);
    if send.apply_past_deadline(&clear, Some(record)).await.is_err() {
        // Letter and event have deterministic ids, so repeating them is harmless.
        tracing::warn!(strategy = %send.entry.name, "dead_letter.flags_not_cleared");
    }
    Ok(pending.without(done))
}

/// The change that clears the flags of a record's completed effects.
pub(super) fn clear(record: &ClaimRecord, done: Effects) -> ClaimOp {
    let Life { first_claimed_at_ms, generation } = record.life();
    ClaimOp::ClearEffects { first_claimed_at_ms, generation, done }
}

async fn put(send: &Identified<'_>, letter: &DeadLetter) -> Result<(), LetterLost> {
    let mut wait = Duration::from_millis(100);
    for n in 1..=TRIES {
        match send.clock().wait(send.engine().stores.put_letter(letter)).await {
            Ok(()) => return Ok(()),
            Err(error) if n == TRIES => return Err(report_lost(&error)),
            Err(_) => {
                send.clock().sleep(wait).await;
                wait *= 3;
            }
        }
    }
    Err(LetterLost)
}

fn report_lost(error: &dyn std::error::Error) -> LetterLost {
    tracing::error!(%error, "dead_letter.not_stored");
    LetterLost
}

/// The parts of a send's key.
#[derive(Clone, Copy)]
pub(crate) struct SendIds<'a> {
    pub(super) key: &'a ClaimKey,
    pub(super) tenant: &'a TenantId,
    pub(super) strategy: &'a StrategyName,
    pub(super) id: &'a ClientMessageId,
}

impl<'a> SendIds<'a> {
    fn of(send: &'a Identified<'_>) -> Self {
        Self { key: &send.key, tenant: send.tenant(), strategy: &send.entry.name, id: send.id() }
    }

    pub(super) fn failure_id(&self, record: &ClaimRecord) -> FailureId {
        FailureId::of_send(self.key, record.life())
    }
}

/// Publishes these events of a record. Returns those that the bus accepted. The others stay pending for the next duplicate or
/// sweep (rule 69).
pub(crate) async fn publish(engine: &Engine, send: SendIds<'_>, record: &ClaimRecord, pending: Effects) -> Effects {
    let mut done = Effects::NONE;
    if pending.event {
        done.event = publish_one(engine, &DomainEvent::OutboundFailed(about(send, record))).await;
    }
    // Publish `Outbound.Settled` only after `Outbound.Failed`.
    if pending.settled && done.event == pending.event {
        done.settled = publish_one(engine, &DomainEvent::OutboundSettled(about(send, record))).await;
    }
    done
}

async fn publish_one(engine: &Engine, event: &DomainEvent) -> bool {
    match engine.stores.publish(event).await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, event = event.name(), "event.not_published");
            false
        }
    }
}

/// The outcome of a settled send, as events and log lines name it.
pub(super) fn outcome(status: ClaimStatus) -> &'static str {
    match status {
        ClaimStatus::Delivered => "delivered",
        ClaimStatus::Failed => "failed",
        _ => "unknown",
    }
}

fn about(send: SendIds<'_>, record: &ClaimRecord) -> OutboundFailed {
    let SendIds { tenant, strategy, id, .. } = send;
    let failure_id = send.failure_id(record);
    let mut event =
        OutboundFailed::new(failure_id, tenant.clone(), strategy.clone(), id.clone(), outcome(record.status), record.updated_at_ms);
    event.generation = record.generation;
    if let Some(error) = &record.error {
        (event.kind, event.reach, event.code) = (Some(error.kind), Some(error.reach), error.code.clone());
    }
    event
}

/// Builds the letter with all that is needed to diagnose the failure and to redrive the message (rule 64).
fn letter(send: &Identified<'_>, record: &ClaimRecord, own: Option<&EndError>) -> Result<DeadLetter, Error> {
    let (engine, options) = (send.engine(), send.call.options);
    let failure_id = FailureId::of_send(&send.key, record.life());
    let json = send.outbound.to_json(&send.message)?;
    let whose = (send.tenant(), &send.entry.name, failure_id);
    let outcome = if record.status == ClaimStatus::Failed { "failed" } else { "unknown" };
    let letter = DeadLetter::new(LetterDirection::Outbound, whose, outcome, send.clock().ms());
    let last_error = record.error.as_deref().cloned();
    let redrivable = match (record.status, &last_error) {
        _ if record.generation >= DeadLetter::MAX_REDRIVES => false,
        (ClaimStatus::Unknown, _) | (_, None) => true,
        (_, Some(error)) => error.fault != Fault::Domain || error.kind.is_temporary() || error.redrivable,
    };
    let trace = [options.correlation_id.as_ref().map(ToString::to_string), options.traceparent.clone()];
    let letter = DeadLetter {
        client_message_id: Some(send.id().clone()),
        generation: record.generation,
        key_generation: record.key_generation,
        fingerprint: Some(record.fingerprint.clone()),
        redrivable,
        content_not_sent: record.status == ClaimStatus::Unknown && record.content_not_sent,
        first_error: record.history.first().and_then(AttemptRecord::error).or_else(|| last_error.clone()),
        attempts: record.history.clone(),
        last_error,
        trace: trace.into_iter().flatten().collect(),
        redrive_count: record.generation,
        first_claimed_at_ms: Some(record.first_claimed_at_ms),
        first_sent_at_ms: record.first_sent_at_ms,
        last_attempt_at_ms: record.last_attempt_at_ms,
        idempotency: record.idempotency,
        provider_key: Some(ProviderKey::derive(send.tenant(), &send.entry.name, send.id(), record.key_generation).as_str().to_owned()),
        ..letter
    };
    let letter = letter.seal(&*engine.keys, &*engine.rng, &json)?;
    match own {
        Some(own) => letter.seal_details(&*engine.keys, &*engine.rng, own.provider_details(), &own.steps),
        None => Ok(letter),
    }
}
