//! One attempt: breaker, bulkhead, lease and mark, timeout, provider call.

use std::{pin::pin, time::Duration};

use tracing::Instrument as _;

use super::{
    decision::Protection,
    dedup::{Lost, Ownership},
    ended::{NotAdmitted, STORE_AGAIN},
    job::SendJob,
    limits::{self, Patience, Tokens, Turn},
    outcome::DeferredReason,
    report,
};
use crate::{
    error::{ErrorKind, SendError},
    message::Receipt,
    runtime::Missed,
    stage::{
        BulkheadPermit, CallTime, Withdrawal, backoff,
        breaker::{Admission, Permit, Verdict},
    },
    telemetry::{Dimensions, MetricName},
};

/// The result of an attempt.
pub(crate) enum Attempted {
    Accepted(Receipt),
    Failed(SendError),
    /// The provider was not called. The time says when to try again.
    NotStarted(DeferredReason, Duration),
    /// The provider was not called, and must not be: the message may have arrived. The text says why.
    Barred(&'static str),
}

/// The permission for one call, held while it runs. Dropped before, it gives its tokens of the limiter back.
pub(crate) struct Admitted<'a> {
    permit: Permit<'a>,
    _slot: BulkheadPermit<'a>,
    tokens: Tokens<'a>,
}

impl From<NotAdmitted> for Attempted {
    fn from(NotAdmitted(reason, retry_after): NotAdmitted) -> Self {
        Self::NotStarted(reason, retry_after)
    }
}

impl From<Lost> for NotAdmitted {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Lease => Self(DeferredReason::LeaseLost, Duration::from_secs(1)),
            Lost::Store => Self(DeferredReason::StoreUnavailable, STORE_AGAIN),
        }
    }
}

const NO_TIME: NotAdmitted = NotAdmitted(DeferredReason::NoTimeLeft, Duration::from_secs(1));

/// Makes one attempt through the inner stages. A retry has its tokens of the budget.
pub(crate) async fn make(
    job: &SendJob<'_>,
    own: &mut Ownership<'_>,
    withdrawn: Option<&mut Withdrawal<'_>>,
    patience: Patience,
) -> Attempted {
    let (admitted, limit) = match start(job, own, patience).await {
        Ok(started) => started,
        Err(ended) => return ended,
    };
    if let Some(why) = barred(own) {
        return Attempted::Barred(why);
    }
    let (n, began) = (own.all_attempts() + 1, job.clock().monotonic());
    let span = report::attempt_span(job, n);
    own.calling(&span);
    withdrawn.map(Withdrawal::begin);
    let result = pin!(call(job, admitted, own.record().key_generation, n, limit)).instrument(span.clone()).await;
    let duration = job.clock().monotonic().saturating_sub(began);
    report::attempted(job, &span, n, duration, result.as_ref().err());
    match result {
        Ok(receipt) => {
            own.accepted();
            Attempted::Accepted(receipt)
        }
        Err(error) => {
            own.failed(duration, &error);
            Attempted::Failed(error)
        }
    }
}

/// Passes every stage before the call, and reads the files of the message once it is let in. Returns the time that the call may take.
///
/// # Errors
/// The end of the attempt, before anything is sent.
async fn start<'a>(job: &'a SendJob<'_>, own: &mut Ownership<'_>, patience: Patience) -> Result<(Admitted<'a>, Duration), Attempted> {
    if job.engine().is_closing() {
        return Err(Attempted::NotStarted(DeferredReason::Cancelled, Duration::from_secs(1)));
    }
    let mut limit = attempt_time(job)?;
    let lost = NotAdmitted::from;
    own.outlast(limit).await.map_err(lost)?;
    let admitted = admit(job, patience).await?;
    // The time of the attempt is that of the files and of the call.
    limit = job.load_files(limit).await?;
    own.mark().await.map_err(lost)?;
    // The renewal, the probe and the mark may have taken seconds of the lease and of the caller's time (rules 18 and 40).
    if !own.covers(limit) {
        own.renew(limit).await.map_err(lost)?;
        if !own.covers(limit) {
            return Err(lost(Lost::Store).into());
        }
    }
    Ok((admitted, attempt_time(job)?.min(limit)))
}

/// The reason for which the message must not be sent again. Asked right before each call: the record may know of a delivery only
/// now, and the waits before the call may have outlasted the provider's window (rules 21 and 27).
fn barred(own: &Ownership<'_>) -> Option<&'static str> {
    if own.is_proven() {
        Some("the provider reported an earlier attempt")
    } else if own.maybe_sent() && !own.forced && own.protection() == Protection::None {
        Some("the provider no longer recognises a second delivery")
    } else {
        None
    }
}

/// The time of an attempt that begins now, unless too little is left (rule 40).
fn attempt_time(job: &SendJob<'_>) -> Result<Duration, NotAdmitted> {
    let (settings, remaining) = (job.settings(), job.clock().remaining());
    let shortest = settings.retry.min_attempt;
    if remaining < shortest {
        return Err(NO_TIME);
    }
    Ok(settings.attempt_timeout.min(remaining.saturating_sub(settings.dedup.commit_slack)).max(shortest))
}

/// Passes breaker, bulkhead and limiter. A call that the breaker or the bulkhead refuses takes no token.
pub(crate) async fn admit<'a>(job: &'a SendJob<'_>, patience: Patience) -> Result<Admitted<'a>, NotAdmitted> {
    let mut entered = (enter_breaker(job)?, enter_bulkhead(job)?);
    let tokens = match limits::enter(job, patience)? {
        Turn::Now(tokens) => tokens,
        Turn::In(time, tokens) => {
            drop(entered);
            // Boxed to keep the future of sends small that need not wait.
            let tokens = Box::pin(limits::wait(job, patience, (time, tokens))).await?;
            entered = (enter_breaker(job)?, enter_bulkhead(job)?);
            tokens
        }
    };
    let (admission, slot) = entered;
    let asked = match admission {
        Admission::Pass(permit) => Ok(permit),
        Admission::Reject(wait) => Err(wait),
        Admission::Probe(permit) => job.clock().wait(job.stages().circuit.win_probe(permit)).await,
    };
    note_breaker(job, asked.as_ref().ok());
    let permit = asked.map_err(|wait| breaker_open(job, wait))?;
    Ok(Admitted { permit, _slot: slot, tokens })
}

/// Asks the breaker. A probe is still to be won.
fn enter_breaker<'a>(job: &'a SendJob<'_>) -> Result<Admission<'a>, NotAdmitted> {
    match job.stages().circuit.enter(job.clock().monotonic()) {
        Admission::Reject(wait) => {
            note_breaker(job, None);
            Err(breaker_open(job, wait))
        }
        admission => Ok(admission),
    }
}

fn note_breaker(job: &SendJob<'_>, permit: Option<&Permit<'_>>) {
    job.call.trace.note(|facts| facts.breaker = Some(permit.map_or_else(|| job.stages().circuit.state(), Permit::state)));
}

/// Up to 20 % later than the breaker, so that deferred sends do not return all at once (rule 7).
fn breaker_open(job: &SendJob<'_>, wait: Duration) -> NotAdmitted {
    let after = backoff::scale(wait, 1.0 + 0.2 * job.engine().rng.unit()).max(Duration::from_millis(100));
    NotAdmitted(DeferredReason::BreakerOpen, after)
}

/// Passes bulkhead and limiter alone, for a call that the breaker does not hold back.
pub(crate) async fn pass_limits<'a>(job: &'a SendJob<'_>, patience: Patience) -> Result<(BulkheadPermit<'a>, Tokens<'a>), NotAdmitted> {
    let slot = enter_bulkhead(job)?;
    match limits::enter(job, patience)? {
        Turn::Now(tokens) => Ok((slot, tokens)),
        Turn::In(time, tokens) => {
            drop(slot);
            let tokens = Box::pin(limits::wait(job, patience, (time, tokens))).await?;
            Ok((enter_bulkhead(job)?, tokens))
        }
    }
}

/// Passes the bulkhead.
fn enter_bulkhead<'a>(job: &'a SendJob<'_>) -> Result<BulkheadPermit<'a>, NotAdmitted> {
    job.stages().bulkhead.enter().ok_or_else(|| {
        let (tenant, strategy) = (Some(job.tenant()), Some(job.entry.name.as_str()));
        job.engine().observers.count(MetricName::BulkheadFull, 1, Dimensions { tenant, strategy, ..Dimensions::default() });
        NotAdmitted(DeferredReason::Busy, Duration::from_secs(1))
    })
}

/// Calls the provider within `limit`, and tells the breaker. A panic and a timeout both count as
/// [`Reach::Maybe`](crate::error::Reach::Maybe).
pub(crate) async fn call(
    job: &SendJob<'_>,
    admitted: Admitted<'_>,
    key_generation: u32,
    n: u32,
    limit: Duration,
) -> Result<Receipt, SendError> {
    let (cx, began) = (job.context(key_generation, n, limit), job.clock().monotonic());
    limits::use_up(admitted.tokens);
    let answer = job.clock().guard(limit, job.outbound.attempt(job.state(), job.message(), &cx)).await;
    let mut result = answer.unwrap_or_else(|missed| {
        Err(match missed {
            Missed::Panicked => SendError::of(ErrorKind::Unexpected, "the strategy panicked").maybe(),
            Missed::TimedOut => SendError::of(ErrorKind::Timeout, "the provider did not answer in time").maybe(),
        })
    });
    let manages = job.manages();
    result = result.map_err(|error| if manages { error.met_by_management() } else { error });
    limits::answered(job, result.as_mut().err());
    let ended = job.clock().monotonic();
    job.stages().called(manages, result.as_ref().err(), CallTime { began, ended, at_ms: job.clock().ms() });
    let verdict = result.as_ref().map_or_else(|error| Verdict::of(error.fault()), |_| Verdict::Success);
    admitted.permit.settle(verdict, ended);
    result.map(|receipt| job.warned(receipt))
}
