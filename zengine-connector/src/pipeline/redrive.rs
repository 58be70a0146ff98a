//! Sending a failed message again, when somebody asks for it (rules 70 to 72).

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;

use super::{
    breaker,
    dedup::{Ownership, fingerprint, seconds},
    ended::Ended,
    job::Job,
    report::Facts,
    send::{check_same, lead_send},
};
use crate::{
    error::{Error, ErrorKind},
    ids::FailureId,
    message::{Idempotency, MessageRef},
    orchestrator::{Core, DeferredReason, Outcome, RedriveOptions, SendOptions},
    store::{ClaimKey, ClaimOp, ClaimStatus, DeadLetter, LetterDirection},
};

/// How often a message is redriven before it stays where it is (rule 70).
const MOST: u32 = 3;

/// Sends the message of a dead letter again, one generation on.
pub(crate) async fn redrive(core: &Arc<Core>, id: &FailureId, redrive: &RedriveOptions) -> Result<Outcome, Error> {
    let _running = core.pipeline.enter();
    let letter = core
        .dead_letters
        .get(id)
        .await?
        .ok_or_else(|| Error::new(ErrorKind::MessageInvalid, "there is no dead letter of this id").with_context("reason", id))?;
    let client_message_id = match (&letter.direction, &letter.client_message_id) {
        (LetterDirection::Outbound, Some(id)) => id.clone(),
        _ => return Err(Error::new(ErrorKind::Unsupported, "only messages that were to be sent can be redriven")),
    };
    if letter.redrive_count >= MOST {
        return Err(Error::new(ErrorKind::Unsupported, "the message was redriven too often and stays parked")
            .with_context("limit", MOST)
            .with_context("actual", letter.redrive_count));
    }
    let entry = core.registry.entry(letter.strategy.as_str())?;
    let outbound = entry.sends()?;
    let json = letter.open(&*core.keys)?;
    let json: Box<RawValue> = serde_json::from_slice(&json)
        .map_err(|error| Error::from_json(ErrorKind::Corrupt, "the dead letter's message cannot be read", &error))?;
    let message = outbound.prepare(MessageRef::from(&json))?;
    let bound = core.tenants.bind(entry, &letter.tenant).await?;
    let seen = outbound.inspect(&bound.state, &message, entry.descriptor.capabilities, redrive.degrade)?;
    if !seen.violations.is_empty() {
        return Err(Error::new(ErrorKind::MessageInvalid, "the message does not fit the channel").with_violations(seen.violations));
    }
    let idempotency = seen.idempotency.unwrap_or(entry.descriptor.idempotency);
    let unknown = letter.outcome == "unknown";
    allow_double(&letter, idempotency, unknown, redrive)?;
    let circuit = core.pipeline.circuits.of(&letter.tenant, &letter.strategy);
    if circuit.state().0 != breaker::State::Closed {
        return Err(Error::new(ErrorKind::Busy, "the breaker is not closed").with_retry_after(Duration::from_secs(30)));
    }
    let mut options = SendOptions::new(client_message_id);
    options.time = redrive.time;
    // Its age starts anew: somebody asked for it now.
    let (degraded, loss) = match seen.degraded {
        Some((message, loss)) => (Some(message), Some(loss)),
        None => (None, None),
    };
    let facts = Facts::default();
    let job = Job {
        core,
        entry,
        outbound: &**outbound,
        bound: &bound,
        key: ClaimKey::outbound(&letter.tenant, &letter.strategy, &options.client_message_id),
        fingerprint: fingerprint(&core.keys.current(), &letter.tenant, &**outbound, &message)?,
        original: &message,
        message: degraded.as_ref().unwrap_or(&message),
        idempotency,
        options: &options,
        deadline: core.clock.now() + options.time.unwrap_or(Duration::from_secs(60)),
        redrive_count: letter.redrive_count + 1,
        facts: &facts,
    };
    // Two who redrive at once: one takes the letter, the other finds it taken.
    if core.dead_letters.take(id, letter.redrive_count).await?.is_none() {
        return Ended::deferred(DeferredReason::InProgress, Duration::from_secs(5)).into_outcome(false, None, None);
    }
    again(&job, &letter, unknown).await?.into_outcome(loss)
}

struct Again {
    ended: Ended,
    replayed: bool,
    error: Option<Error>,
}

impl Again {
    fn into_outcome(self, loss: Option<crate::LossReport>) -> Result<Outcome, Error> {
        self.ended.into_outcome(self.replayed, self.error, loss)
    }
}

/// Sending an Unknown again without the provider's protection may double it: only by force, and on record (rule 71).
fn allow_double(letter: &DeadLetter, idempotency: Idempotency, unknown: bool, redrive: &RedriveOptions) -> Result<(), Error> {
    if !unknown || idempotency != Idempotency::None {
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

async fn again(job: &Job<'_>, letter: &DeadLetter, unknown: bool) -> Result<Again, Error> {
    let core = job.core;
    let settings = &core.pipeline.settings;
    let key_generation = if unknown { letter.key_generation } else { letter.generation + 1 };
    let operation = ClaimOp::Redrive {
        lease: job.lease(),
        fingerprint: job.fingerprint.clone(),
        generation: letter.generation,
        key_generation,
        maybe_sent: unknown,
        ttl_s: seconds(settings.dedup.keep),
    };
    let applied = core.claims.apply(&job.key, &operation, core.now_ms()).await?;
    let Some(record) = applied.record else {
        return Err(Error::new(ErrorKind::Corrupt, "a redrive was refused without a record"));
    };
    if !applied.done {
        check_same(job, &record)?;
        let delivered = record.status == ClaimStatus::Delivered;
        let Some(ended) = Ended::of(core, &job.key, &record) else {
            return Ok(Again { ended: Ended::deferred(DeferredReason::InProgress, Duration::from_secs(5)), replayed: false, error: None });
        };
        // It arrived after all: the letter is closed (rule 27).
        if delivered {
            core.dead_letters.remove(&letter.failure_id).await?;
        }
        return Ok(Again { ended, replayed: true, error: None });
    }
    let mut own = Ownership::of(job, &record);
    // An Unknown at a provider that can be asked is asked first.
    own.look_up_first = unknown && matches!(job.idempotency, Idempotency::Queryable { .. });
    let settled = lead_send(job, own).await;
    let closed = match &settled.ended {
        Ended::Delivered { .. } => true,
        // A letter of the new generation has taken this one's place.
        Ended::Failed { failure_id: new, .. } | Ended::Unknown { failure_id: new, .. } => {
            *new == FailureId::of_send(&job.key, letter.generation + 1)
        }
        Ended::Deferred { .. } | Ended::LetterLost { .. } => false,
    };
    if closed {
        core.dead_letters.remove(&letter.failure_id).await?;
    }
    Ok(Again { ended: settled.ended, replayed: settled.replayed, error: settled.error })
}
