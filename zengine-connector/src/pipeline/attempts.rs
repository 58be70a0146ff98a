//! Attempts and the time between them: the retry stage, and below it breaker, bulkhead, timeout and the provider call.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;

use super::{
    DeferredReason,
    decision::{Exhausted, Next, Protection, SendEnd, decide},
    dedup::{Lost, Ownership},
    job::SendJob,
    report,
};
use crate::{
    error::{ErrorKind, Reach, SendError},
    message::{Idempotency, Receipt},
    runtime::{ms, within, within_noting},
    stage::{
        backoff,
        breaker::{Admission, Permit, Verdict},
    },
    store::{AttemptRecord, StoredError},
    strategy::Lookup,
};

/// The end of one owner's attempts.
#[derive(Debug)]
pub(crate) enum Run {
    Delivered(Receipt),
    Failed(SendError),
    Unknown(SendError),
    Deferred {
        reason: DeferredReason,
        retry_after: Duration,
        error: Option<SendError>,
    },
    /// Another owner holds the claim.
    LeaseLost,
}

impl Run {
    fn deferred(reason: DeferredReason, retry_after: Duration) -> Self {
        Self::Deferred { reason, retry_after, error: None }
    }
}

/// Makes attempts until one decides.
pub(crate) async fn run(job: &SendJob<'_>, own: &mut Ownership<'_>) -> Run {
    if own.look_up_first
        && let Some(end) = look_up(job, own).await
    {
        return end;
    }
    let retry = &job.settings().retry;
    let mut last: Option<SendError> = None;
    loop {
        if let Some(expired) = too_old(job, own) {
            return Run::Failed(last.unwrap_or(expired));
        }
        let error = match attempt(job, own).await {
            Attempted::Accepted(receipt) => return Run::Delivered(receipt),
            Attempted::Error(error) => error,
            Attempted::NotStarted(Run::Deferred { reason, retry_after, .. }) => return Run::Deferred { reason, retry_after, error: last },
            Attempted::NotStarted(end) => return end,
        };
        let made = own.made;
        let protection = job.protection(own.first_sent_at_ms);
        let wait = backoff::delay(retry, made, error.retry_after(), &*job.engine.rng);
        let next = decide(error.fault(), error.reach(), protection);
        let exhausted = match next {
            Next::SendEnd(SendEnd::Failed { .. }) => return Run::Failed(error),
            Next::SendEnd(SendEnd::Unknown) => return Run::Unknown(error),
            Next::SendEnd(SendEnd::Deferred) => {
                let reason = if error.kind() == ErrorKind::Cancelled { DeferredReason::Cancelled } else { DeferredReason::Busy };
                // A permanent error does not go away by waiting.
                if !error.error().is_temporary() {
                    return Run::Failed(error);
                }
                return Run::Deferred { reason, retry_after: wait, error: Some(error) };
            }
            Next::LookUp => Exhausted::Unknown,
            Next::Retry(exhausted) => exhausted,
        };
        if made >= retry.max_attempts {
            // Query the provider once more before reporting Unknown.
            if next == Next::LookUp
                && let Some(Run::Delivered(receipt)) = look_up(job, own).await
            {
                return Run::Delivered(receipt);
            }
            return match exhausted {
                Exhausted::Failed => Run::Failed(error),
                Exhausted::Unknown => Run::Unknown(error),
                Exhausted::Deferred => Run::Deferred { reason: DeferredReason::Throttled, retry_after: wait, error: Some(error) },
            };
        }
        // Do not sleep past the deadline, nor longer than `max_wait` (rules 36 and 40).
        let worth = wait <= retry.max_wait && wait + retry.min_attempt <= job.remaining();
        if !worth {
            let reason = match exhausted {
                Exhausted::Deferred => DeferredReason::Throttled,
                Exhausted::Failed | Exhausted::Unknown if wait > retry.max_wait => DeferredReason::Unavailable,
                Exhausted::Failed | Exhausted::Unknown => DeferredReason::NoTimeLeft,
            };
            return Run::Deferred { reason, retry_after: wait, error: Some(error) };
        }
        match own.outlast(wait + job.settings().attempt_timeout).await {
            Ok(()) => {}
            Err(Lost::Lease) => return Run::LeaseLost,
            Err(Lost::Store) => {
                return Run::Deferred { reason: DeferredReason::StoreUnavailable, retry_after: wait, error: Some(error) };
            }
        }
        job.trace.delay(wait);
        let goes_on = job.engine.pause(wait).await;
        job.now.refresh();
        if !goes_on {
            return Run::Deferred { reason: DeferredReason::Cancelled, retry_after: wait, error: Some(error) };
        }
        if protection == Protection::Queryable
            && error.reach() == Reach::Maybe
            && let Some(end) = look_up(job, own).await
        {
            return end;
        }
        last = Some(error);
    }
}

/// The error for a message older than `max_age`, which is no longer sent (rule 8).
fn too_old(job: &SendJob<'_>, own: &Ownership<'_>) -> Option<SendError> {
    let max_age = ms(job.settings().max_age);
    let born = job.options.created_at.map_or(own.first_claimed_at_ms, crate::runtime::to_ms).min(own.first_claimed_at_ms);
    (job.now.ms().saturating_sub(born) > max_age).then(|| SendError::of(ErrorKind::Expired, "the message is older than max_age").not_sent())
}

enum Attempted {
    Accepted(Receipt),
    Error(SendError),
    NotStarted(Run),
}

/// The time of an attempt that begins now. `None` if too little is left (rule 40).
fn attempt_time(job: &SendJob<'_>) -> Option<Duration> {
    let (settings, remaining) = (job.settings(), job.remaining());
    let shortest = settings.retry.min_attempt;
    let time = settings.attempt_timeout.min(remaining.saturating_sub(settings.dedup.commit_slack)).max(shortest);
    (remaining >= shortest).then_some(time)
}

/// Makes one attempt through the inner stages.
async fn attempt(job: &SendJob<'_>, own: &mut Ownership<'_>) -> Attempted {
    let not_started = |reason, after| Attempted::NotStarted(Run::deferred(reason, after));
    if job.engine.is_closing() {
        return not_started(DeferredReason::Cancelled, Duration::from_secs(1));
    }
    let Some(limit) = attempt_time(job) else {
        return not_started(DeferredReason::NoTimeLeft, Duration::from_secs(1));
    };
    let lost = |lost| match lost {
        Lost::Lease => Attempted::NotStarted(Run::LeaseLost),
        Lost::Store => Attempted::NotStarted(Run::deferred(DeferredReason::StoreUnavailable, Duration::from_secs(5))),
    };
    if !own.outlasts(limit)
        && let Err(error) = own.outlast(limit).await
    {
        return lost(error);
    }
    let stages = job.stages;
    let asked = match stages.circuit.enter(job.now.monotonic()) {
        Admission::Pass(permit) => Ok(permit),
        Admission::Reject(rejected) => Err(rejected),
        Admission::Probe(permit) => {
            let won = stages.circuit.win_probe(permit).await;
            job.now.refresh();
            won
        }
    };
    job.trace.breaker(|| asked.as_ref().map_or_else(|_| stages.circuit.state(), Permit::state));
    let permit = match asked {
        Ok(permit) => permit,
        Err(rejected) => {
            // Up to 20 % later than the breaker, so that deferred sends do not return all at once (rule 7).
            let after = backoff::scale(rejected.retry_after, 1.0 + 0.2 * job.engine.rng.unit()).max(Duration::from_millis(100));
            return not_started(DeferredReason::BreakerOpen, after);
        }
    };
    let Some(_permit) = stages.bulkhead.enter() else {
        return not_started(DeferredReason::Busy, Duration::from_secs(1));
    };
    if !own.mark_plainly()
        && let Err(error) = own.mark().await
    {
        return lost(error);
    }
    // The renewal, the probe and the mark may have taken seconds of the lease and of the caller's time (rules 18 and 40).
    if !own.covers(limit) {
        if let Err(error) = own.renew(limit).await {
            return lost(error);
        }
        if !own.covers(limit) {
            return not_started(DeferredReason::StoreUnavailable, Duration::from_secs(5));
        }
    }
    let Some(limit) = attempt_time(job).map(|left| left.min(limit)) else {
        return not_started(DeferredReason::NoTimeLeft, Duration::from_secs(1));
    };

    let n = own.all_attempts() + 1;
    let started = (job.now.ms(), job.now.monotonic());
    let result = call(job, own, n, limit).await;
    let duration = job.now.monotonic().saturating_sub(started.1);
    own.made += 1;
    match result {
        Ok(receipt) => {
            permit.settle_at(Verdict::Success, job.now.monotonic());
            report::attempt(job, n, duration, None);
            Attempted::Accepted(receipt)
        }
        Err(error) => {
            permit.settle_at(Verdict::of(error.fault()), job.now.monotonic());
            report::attempt(job, n, duration, Some(&error));
            own.maybe_sent |= error.reach() == Reach::Maybe;
            let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            let mut record = AttemptRecord::new(n, started.0, duration_ms, error.fault(), error.reach());
            record.code = error.provider_code().map(str::to_owned);
            record.retry_after_ms = error.retry_after().map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
            own.failures.push(record);
            own.first_error.get_or_insert_with(|| StoredError::of(&error, n));
            Attempted::Error(error)
        }
    }
}

/// Calls the provider within `limit`. A panic and a timeout both count as [`Reach::Maybe`].
async fn call(job: &SendJob<'_>, own: &Ownership<'_>, n: u32, limit: Duration) -> Result<Receipt, SendError> {
    let cx = job.context(own.key_generation, n, limit);
    let call = AssertUnwindSafe(job.outbound.attempt(&job.bound.state, job.message, &cx)).catch_unwind();
    let mut waited = false;
    let answer = within_noting(&*job.engine.clock, limit, call, &mut waited).await;
    if waited {
        job.now.refresh();
    } else {
        job.now.tick();
    }
    match answer {
        Some(Ok(result)) => result,
        Some(Err(_panic)) => Err(SendError::of(ErrorKind::Unexpected, "the strategy panicked").maybe()),
        None => Err(SendError::of(ErrorKind::Timeout, "the provider did not answer in time").maybe()),
    }
}

/// Looks the send up at the provider. `None` means that the provider does not have it and it may be sent. The look-up
/// passes the bulkhead but not the breaker (rule 21).
async fn look_up(job: &SendJob<'_>, own: &mut Ownership<'_>) -> Option<Run> {
    let later = |after| Some(Run::deferred(DeferredReason::LookupFailed, after));
    let limit = job.settings().attempt_timeout.min(job.remaining());
    if limit < job.settings().retry.min_attempt {
        return Some(Run::deferred(DeferredReason::NoTimeLeft, Duration::from_secs(1)));
    }
    let Some(_permit) = job.stages.bulkhead.enter() else {
        return Some(Run::deferred(DeferredReason::Busy, Duration::from_secs(1)));
    };
    let cx = job.context(own.key_generation, own.all_attempts().max(1), limit);
    let question = AssertUnwindSafe(job.outbound.lookup(&job.bound.state, job.message, &cx)).catch_unwind();
    let answer = within(&*job.engine.clock, limit, question).await;
    job.now.refresh();
    match answer {
        Some(Ok(Ok(Lookup::Found(receipt)))) => Some(Run::Delivered(receipt)),
        Some(Ok(Ok(Lookup::NotFound))) => {
            let visible_after = match job.idempotency {
                Idempotency::Queryable { visible_after_ms } => visible_after_ms,
                Idempotency::Native { .. } | Idempotency::None => 0,
            };
            let visible = own.first_sent_at_ms.unwrap_or(own.first_claimed_at_ms).saturating_add_unsigned(visible_after);
            let left = visible.saturating_sub(job.now.ms());
            // The provider may not show the message yet, so "not found" does not prove that it was not sent (rule 19).
            if left > 0 { later(Duration::from_millis(left.unsigned_abs())) } else { None }
        }
        Some(Ok(Ok(Lookup::Unsupported))) => {
            Some(Run::Unknown(SendError::of(ErrorKind::Unexpected, "the provider cannot look the message up").maybe()))
        }
        Some(Ok(Err(error))) => {
            let retry_after = error.retry_after().unwrap_or(Duration::from_secs(5));
            Some(Run::Deferred { reason: DeferredReason::LookupFailed, retry_after, error: Some(error) })
        }
        Some(Err(_)) | None => later(Duration::from_secs(5)),
    }
}
