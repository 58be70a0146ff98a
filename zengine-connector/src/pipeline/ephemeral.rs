//! Ephemeral messages: no record, no dead letter, no event; dropped when late (rule 87).

use std::{pin::pin, time::Duration};

use tracing::Instrument as _;

use super::{
    Outcome, attempt,
    decision::cost,
    ended::{NO_BUDGET, NotAdmitted, because},
    job::{Identified, SendJob},
    limits::Patience,
    outcome::{DeferredReason, Delivered, Failed, Unknown},
    report,
};
use crate::{
    error::{Error, ErrorKind, Fault, Reach, SendError},
    ids::FailureId,
    stage::{Withdrawal, backoff},
    store::Life,
};

/// Time within which an ephemeral message is worth sending, if the caller sets none.
const TIME: Duration = Duration::from_secs(10);

/// Makes a send of an ephemeral message. It is never Deferred.
///
/// # Errors
/// If the tenant or its channel cannot send the message at all.
pub(crate) async fn send(send: Identified<'_>) -> Result<Outcome, Error> {
    let time = send.call.options.time.unwrap_or(TIME);
    if send.engine().is_closing() {
        return Ok(dropped(&send, DeferredReason::Cancelled));
    }
    if send.is_too_old(time, None) {
        return Ok(dropped(&send, DeferredReason::NoTimeLeft));
    }
    let time = time.saturating_sub(send.age().unwrap_or_default());
    let bound = match send.bind().await {
        Ok(bound) => bound,
        Err(error) if error.is_temporary() => return Ok(dropped(&send, DeferredReason::BindFailed)),
        Err(error) => return Err(error),
    };
    let fitted = match send.for_tenant(bound, None) {
        Ok(fitted) => fitted,
        Err(error) if error.is_temporary() => return Ok(dropped(&send, DeferredReason::Busy)),
        Err(error) => return Err(error),
    };
    Ok(make(&SendJob { sent: send, fitted }, time).await)
}

/// Makes attempts while the message surely did not leave and its time lasts.
async fn make(job: &SendJob<'_>, time: Duration) -> Outcome {
    let retry = &job.settings().retry;
    let left = || time.saturating_sub(job.clock().elapsed());
    let mut n = 1;
    let mut withdrawn: Option<Withdrawal<'_>> = None;
    // The error of the last call, which nothing hides (rule 39).
    let mut last: Option<SendError> = None;
    loop {
        if left() < retry.min_attempt {
            return given_up(job, last, n - 1, DeferredReason::NoTimeLeft);
        }
        let admitted = match attempt::admit(job, Patience::NONE).await {
            // A probe may have taken a while.
            Ok(_) if left() < retry.min_attempt => return given_up(job, last, n - 1, DeferredReason::NoTimeLeft),
            Ok(admitted) => admitted,
            Err(NotAdmitted(reason, _)) => return given_up(job, last, n - 1, reason),
        };
        let (span, began) = (report::attempt_span(job, n), job.clock().monotonic());
        let limit = job.settings().attempt_timeout.min(left());
        withdrawn.as_mut().map(Withdrawal::begin);
        let result = pin!(attempt::call(job, admitted, 0, n, limit)).instrument(span.clone()).await;
        report::attempted(job, &span, n, job.clock().monotonic().saturating_sub(began), result.as_ref().err());
        let error = match result {
            Ok(receipt) => {
                job.refund(withdrawn);
                return Outcome::Delivered(Delivered {
                    attempts: n,
                    dedup_recorded: false,
                    ephemeral: true,
                    loss: job.loss(),
                    ..Delivered::new(receipt)
                });
            }
            Err(error) => error,
        };
        let wait = backoff::delay(retry, n, error.retry_after(), &*job.engine().rng);
        let may_pass = error.error().is_temporary() && error.fault() != Fault::Domain;
        let again = error.reach() == Reach::NotSent && may_pass && n < retry.max_attempts && wait + retry.min_attempt <= left();
        withdrawn = if again { job.withdraw(cost(error.fault(), error.reach())) } else { None };
        let reason = (again && withdrawn.is_none()).then_some(NO_BUDGET);
        if withdrawn.is_none() || !job.pause(wait).await {
            return failed(job, error, n, reason);
        }
        job.call.trace.with(|facts| facts.delay = wait);
        last = Some(error);
        n += 1;
    }
}

/// The end of a message for which no further call is made.
fn given_up(job: &SendJob<'_>, last: Option<SendError>, attempts: u32, reason: DeferredReason) -> Outcome {
    match last {
        Some(error) => failed(job, error, attempts, Some(reason.as_str())),
        None => dropped(job, reason),
    }
}

/// The end after a call that failed.
fn failed(job: &SendJob<'_>, error: SendError, attempts: u32, reason: Option<&'static str>) -> Outcome {
    let (reach, id) = (error.reach(), failure_id(job));
    let error = because(error.into_error().with_context("attempts", attempts), reason);
    match reach {
        Reach::Maybe => Outcome::Unknown(Unknown { attempts, ephemeral: true, ..Unknown::new(error, id) }),
        _ => Outcome::Failed(Failed { reach, attempts, ephemeral: true, ..Failed::new(error, id) }),
    }
}

/// The end of a message that no call was made for in its time.
fn dropped(send: &Identified<'_>, reason: DeferredReason) -> Outcome {
    let error = Error::new(ErrorKind::Expired, "the message is ephemeral and could not be sent in its time")
        .with_context("reason", reason.as_str());
    Outcome::Failed(Failed { ephemeral: true, ..Failed::new(error, failure_id(send)) })
}

/// Names the end; nothing is stored under it.
fn failure_id(send: &Identified<'_>) -> FailureId {
    FailureId::of_send(&send.key, Life::default())
}
