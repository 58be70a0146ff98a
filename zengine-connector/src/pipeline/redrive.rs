//! Explicit redrive of failed messages (rules 70 to 72).

use std::{pin::pin, sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tracing::Instrument as _;

use super::{
    DeferredReason, Engine, Outcome, RedriveOptions, SendOptions,
    clock::CallClock,
    dedup::{Ownership, Pending, released_ttl_s},
    effects::{self, LetterLost},
    ended::{Ended, How},
    job::{HostCall, SendJob},
    options::DEFAULT_TIME,
    report::{self, Unreported},
    settle,
    trace::SendTrace,
};
use crate::{
    error::{Error, ErrorKind},
    ids::{ClientMessageId, FailureId},
    message::{Idempotency, MessageRef},
    store::{Applied, ClaimKey, ClaimOp, ClaimRecord, ClaimStatus, DeadLetter, Doubt, LetterDirection, Life},
};

/// The outcome in a letter whose message surely did not arrive, and in one whose message may have.
const FAILED: &str = "failed";
const UNKNOWN: &str = "unknown";

/// Sends the message of a dead letter in the store again. The letter is taken first, and removed once the send is settled.
pub(crate) async fn redrive(engine: &Arc<Engine>, id: &FailureId, redrive: &RedriveOptions) -> Result<Outcome, Error> {
    let _running = engine.enter();
    let letter = engine.stores.known_letter(id).await?;
    Box::pin(run(engine, &letter, redrive, true)).await
}

/// Sends the message of a dead letter that the caller holds again. Reads and changes no store of dead letters: of two callers with the same
/// letter, the claim decides.
pub(crate) async fn redrive_letter(engine: &Arc<Engine>, letter: &DeadLetter, redrive: &RedriveOptions) -> Result<Outcome, Error> {
    let _running = engine.enter();
    letter.check_version()?;
    Box::pin(run(engine, letter, redrive, false)).await
}

/// Sends the message of a letter under the next generation, unless its send is settled. The letter is the
/// store's, or the caller holds it.
async fn run(engine: &Arc<Engine>, letter: &DeadLetter, redrive: &RedriveOptions, in_store: bool) -> Result<Outcome, Error> {
    let (id, failed) = failure(letter)?;
    let json = letter.open(&*engine.keys)?;
    let json: Box<RawValue> = serde_json::from_slice(&json)
        .map_err(|error| Error::from_json(ErrorKind::Corrupt, "the dead letter's message cannot be read", &error))?;
    // `created_at` stays unset: the age of a redriven message counts from now.
    let options = SendOptions { time: redrive.time, degrade: redrive.degrade, ..SendOptions::new() };
    let (tenant, strategy) = (&letter.tenant, letter.strategy.as_str());
    let clock = CallClock::start(&*engine.clock, options.time.unwrap_or(DEFAULT_TIME));
    let trace = SendTrace::new(report::span(tenant, strategy, &id, &options));
    let call = HostCall { engine, tenant, strategy, id: &id, options: &options, clock: &clock, trace: &trace };
    let sent = pin!(async {
        let unreported = Unreported::new(call);
        let redriven = redriven(call, MessageRef::stored(&json), letter, failed, redrive, in_store).await;
        let (result, closed) = redriven.unwrap_or_else(|error| (Err(error), false));
        // The end has its line before its letter is closed, for which the caller may not wait (rule 81).
        unreported.end(&result);
        let failure_id = &letter.failure_id;
        if in_store && closed && clock.wait(engine.stores.remove_letter(failure_id)).await.is_err() {
            // The letter stays. Another redrive finds the send settled and closes it.
            tracing::warn!(%failure_id, "redrive.letter_not_closed");
        }
        result
    });
    sent.instrument(trace.span().clone()).await
}

/// The redrive without its line: checks what is settled, permits, takes the letter, sends. Returns the end, and whether it closes the
/// letter.
async fn redriven(
    call: HostCall<'_>,
    message: MessageRef<'_>,
    letter: &DeadLetter,
    failed: Life,
    redrive: &RedriveOptions,
    in_store: bool,
) -> Result<(Result<Outcome, Error>, bool), Error> {
    let HostCall { engine, clock, .. } = call;
    let id = &letter.failure_id;
    let send = call.identify(message)?;
    let bound = send.bind().await?;
    let fitted = send.fit(bound).await.map_err(|(_, error)| error)?;
    let job = SendJob { sent: send, fitted };
    let current = job.record().await?;
    let known = current.as_ref().filter(|record| record.is_present(clock.ms()));
    if let Some(record) = known {
        job.refuse_mismatch(&record.fingerprint)?;
    }
    let doubt = known.map_or_else(|| Doubt::of_letter(letter), |record| Doubt::of_record(record, letter, failed));
    let (now, end_ms) = (job.idempotency(None), job.attempt_end_ms());
    let (free, needs_force) = (doubt.is_content_free(now, end_ms), doubt.needs_force(now, end_ms));
    let ended = match known {
        // The failure is settled by now, or a later one has taken its place (rules 27 and 72).
        Some(record) if record.status.is_terminal() && (record.status == ClaimStatus::Delivered || record.life() != failed) => {
            settle::replay(&job, record).await
        }
        _ => {
            permit(&job, letter, needs_force, redrive)?;
            // Of two concurrent redrives, one takes the letter and the other finds it taken.
            if in_store && clock.wait(engine.stores.take_letter(id, letter.redrive_count)).await?.is_none() {
                let taken = Ended::deferred(DeferredReason::InProgress, Duration::from_secs(5));
                return Ok((taken.into_outcome(&job.key, None), false));
            }
            again(&job, letter, failed, current.as_ref(), free, redrive.force).await?
        }
    };
    let closed = match &ended.how {
        How::Delivered { .. } => true,
        // The letter of the later failure replaces this one.
        How::Failed(_) | How::Unknown(_) => ended.life != failed,
        How::Deferred { .. } | How::LetterLost => false,
    };
    Ok((ended.into_outcome(&job.key, job.loss()), closed))
}

/// The message's id, and the life of the send that failed.
fn failure(letter: &DeadLetter) -> Result<(ClientMessageId, Life), Error> {
    let (LetterDirection::Outbound, Some(id)) = (&letter.direction, &letter.client_message_id) else {
        return Err(Error::new(ErrorKind::Unsupported, "only messages that were to be sent can be redriven; an event is replayed"));
    };
    let life = letter.first_claimed_at_ms.map(|first_claimed_at_ms| Life { first_claimed_at_ms, generation: letter.generation });
    let key = ClaimKey::outbound(&letter.tenant, &letter.strategy, id);
    match life.filter(|life| letter.failure_id == FailureId::of_send(&key, *life)) {
        Some(life) if [FAILED, UNKNOWN].contains(&letter.outcome.as_str()) => Ok((id.clone(), life)),
        _ => Err(Error::new(ErrorKind::Corrupt, "the dead letter does not name a failure that this build knows")),
    }
}

/// Permits another send.
///
/// # Errors
/// If the message was redriven too often, the breaker is not closed, or a second delivery is possible and not accepted. Once
/// the breaker's open time is over, the redrive passes as a probe: with no other traffic, the breaker would never close.
fn permit(job: &SendJob<'_>, letter: &DeadLetter, needs_force: bool, redrive: &RedriveOptions) -> Result<(), Error> {
    if letter.generation >= DeadLetter::MAX_REDRIVES {
        return Err(Error::new(ErrorKind::Unsupported, "the message was redriven too often and stays parked")
            .with_context("limit", DeadLetter::MAX_REDRIVES)
            .with_context("actual", letter.generation));
    }
    let wait = job.stages().circuit.wait();
    if !wait.is_zero() {
        return Err(Error::new(ErrorKind::Busy, "the breaker is not closed").with_retry_after(wait));
    }
    if !letter.redrivable {
        allow(
            letter,
            redrive,
            "the provider refused the message for good; sending it again needs force: RedriveOptions::force(reason), or --force \"why\"",
            34,
        )?;
    }
    if needs_force {
        allow(
            letter,
            redrive,
            "the message may have arrived; sending it again needs force: RedriveOptions::force(reason), or --force \"why\"",
            71,
        )?;
    }
    Ok(())
}

/// Requires `force` to send the message again, and logs it: an Unknown that the provider does not protect, or no longer (rule 71), and
/// a message that was refused (rule 34).
fn allow(letter: &DeadLetter, redrive: &RedriveOptions, why: &'static str, rule: u32) -> Result<(), Error> {
    if !redrive.force {
        return Err(Error::new(ErrorKind::Unsupported, why).with_context("rule", rule));
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

/// Claims the send again and makes it, or settles it like any send if the record is not that of the failure.
async fn again(
    job: &SendJob<'_>,
    letter: &DeadLetter,
    failed: Life,
    current: Option<&ClaimRecord>,
    free: bool,
    forced: bool,
) -> Result<Ended, Error> {
    // The new generation overwrites the record, so what the failure still owes comes first (rule 67).
    if let Some(record) = current.filter(|record| record.life() == failed && record.status.is_terminal()) {
        match effects::finish(job, record, None).await {
            Ok(left) if left.pending() => return Ok(Ended::store_unavailable()),
            Ok(_) => {}
            Err(LetterLost) => return Ok(Ended::new(How::LetterLost, record.attempts, failed).replayed()),
        }
    }
    let unknown = letter.outcome == UNKNOWN && !free;
    let in_doubt = unknown || (letter.was_begun() && !free);
    let lease = job.lease(job.engine().token(), &job.settings().dedup);
    let pending = Pending::claim(job, lease.owner, in_doubt);
    let operation = ClaimOp::Redrive {
        lease,
        fingerprint: job.fingerprint_on(current),
        generation: letter.generation,
        first_claimed_at_ms: letter.first_claimed_at_ms,
        key_generation: if unknown { letter.key_generation } else { letter.generation + 1 },
        maybe_sent: in_doubt,
        first_sent_at_ms: letter.first_sent_at_ms,
        last_attempt_at_ms: letter.last_attempt_at_ms,
        idempotency: letter.idempotency,
        ttl_s: released_ttl_s(job, in_doubt || current.is_some_and(|record| record.maybe_sent && !free)),
    };
    let applied = job.apply_with_retry(&operation, current).await?;
    pending.answered();
    match applied {
        Applied { done: true, record: Some(record), .. } => {
            let mut own = Ownership::of(job, record);
            own.forced = forced;
            // Look up a message that may have arrived first, if the provider supports it.
            own.look_up_first = own.maybe_sent() && matches!(job.idempotency(own.idempotency_before()), Idempotency::Queryable { .. });
            Ok(settle::lead(job, own).await)
        }
        // The failure owes something anew.
        Applied { record: Some(record), .. } if record.life() == failed && record.status != ClaimStatus::Delivered => {
            Ok(Ended::store_unavailable())
        }
        // The send is settled, or an earlier redrive was dropped: continue like any send (rule 72).
        _ => settle::settle(job).await,
    }
}
