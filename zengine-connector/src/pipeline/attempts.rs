//! Attempts and the time between them: the retry stage.

use std::time::Duration;

use super::{
    attempt::{self, Attempted},
    decision::{Next, Protection, SendEnd, cost, decide},
    dedup::{Lost, Ownership},
    ended::{EndError, Ended, How, NO_BUDGET, NotAdmitted},
    job::SendJob,
    limits::{self, Patience},
    outcome::DeferredReason,
};
use crate::{
    error::{ErrorKind, Fault, Reach, SendError},
    message::{Idempotency, Receipt},
    stage::{Withdrawal, backoff},
    strategy::Lookup,
};

/// Makes attempts until one decides. The end is not recorded yet.
pub(crate) async fn run(job: &SendJob<'_>, own: &mut Ownership<'_>) -> Ended {
    let how = attempts(job, own).await;
    Ended::new(how, own.all_attempts(), own.record().life())
}

async fn attempts(job: &SendJob<'_>, own: &mut Ownership<'_>) -> How {
    let first_claimed_at_ms = own.record().first_claimed_at_ms;
    // Whether a look-up, which did not find the message, leaves its turn to the next attempt.
    let mut has_turn = own.look_up_first;
    let is_too_old = || job.is_too_old(job.settings().max_age, Some(first_claimed_at_ms));
    if own.look_up_first
        && let Some(end) = look_up(job, own, false).await
    {
        return match end {
            // A provider that never says whether the message arrived must not defer it for ever (rule 8).
            How::Deferred { error, .. } if is_too_old() => How::Unknown(error.unwrap_or_else(|| {
                let expired = SendError::of(ErrorKind::Expired, "the message may have arrived, and is older than max_age");
                EndError::of(expired.maybe(), own.all_attempts())
            })),
            end => end,
        };
    }
    let retry = &job.settings().retry;
    let mut last: Option<EndError> = None;
    // The tokens of the next attempt, if it is a retry. They go back unless that attempt fails or its caller goes away (rule 38).
    let mut withdrawn: Option<Withdrawal<'_>> = None;
    // Whether the last attempt was throttled: the send waits through the pause that it met (rule 45).
    let mut owns_pause = false;
    loop {
        if is_too_old() {
            let expired = || SendError::of(ErrorKind::Expired, "the message is older than max_age").not_sent();
            return How::Failed(last.unwrap_or_else(|| EndError::of(expired(), own.all_attempts())));
        }
        let patience = Patience::new(owns_pause).with_turn(std::mem::take(&mut has_turn));
        let error = match attempt::make(job, own, withdrawn.as_mut(), patience).await {
            Attempted::Accepted(receipt) => {
                job.refund(withdrawn);
                return accepted(receipt);
            }
            Attempted::Failed(error) => error,
            Attempted::Barred(why) => {
                let barred = || EndError::of(SendError::of(ErrorKind::Unexpected, why).maybe(), own.all_attempts());
                return How::Unknown(last.unwrap_or_else(barred));
            }
            Attempted::NotStarted(reason, retry_after) => return How::Deferred { reason, retry_after, error: last },
        };
        owns_pause = error.fault() == Fault::Throttled;
        let made = own.made();
        let protection = own.protection();
        let wait = backoff::delay(retry, made, error.retry_after(), &*job.engine().rng);
        let next = decide(error.fault(), error.reach(), protection);
        let (maybe, temporary, cancelled) =
            (error.reach() == Reach::Maybe, error.error().is_temporary(), error.kind() == ErrorKind::Cancelled);
        let cost = cost(error.fault(), error.reach());
        let error = EndError::of(error, own.all_attempts());
        let deferred = |reason, error| How::Deferred { reason, retry_after: wait, error: Some(error) };
        let exhausted = match next {
            Next::End(SendEnd::Failed) => return How::Failed(error),
            Next::End(SendEnd::Unknown) => return How::Unknown(error),
            // A permanent error does not go away by waiting.
            Next::End(SendEnd::Deferred) if !temporary => return How::Failed(error),
            Next::End(SendEnd::Deferred) if cancelled => return deferred(DeferredReason::Cancelled, error),
            Next::End(SendEnd::Deferred) => return deferred(DeferredReason::Busy, error),
            Next::LookUp => SendEnd::Unknown,
            Next::Retry(exhausted) => exhausted,
        };
        // Do not sleep past the deadline, nor longer than `max_wait` (rules 36 and 40).
        let too_long = wait > retry.max_wait || wait + retry.min_attempt > job.clock().remaining();
        if made < retry.max_attempts && too_long {
            return match exhausted {
                SendEnd::Deferred => deferred(DeferredReason::Throttled, error),
                SendEnd::Failed | SendEnd::Unknown if wait > retry.max_wait => deferred(DeferredReason::Unavailable, error),
                SendEnd::Failed | SendEnd::Unknown => deferred(DeferredReason::NoTimeLeft, error),
            };
        }
        withdrawn = if made < retry.max_attempts { job.withdraw(cost) } else { None };
        if withdrawn.is_none() {
            // Query the provider once more before reporting Unknown.
            if next == Next::LookUp
                && let Some(end @ How::Delivered { .. }) = look_up(job, own, owns_pause).await
            {
                return end;
            }
            let error = if made < retry.max_attempts { error.stopped_by(NO_BUDGET) } else { error };
            return match exhausted {
                SendEnd::Failed => How::Failed(error),
                SendEnd::Unknown => How::Unknown(error),
                SendEnd::Deferred => deferred(DeferredReason::Throttled, error),
            };
        }
        match own.outlast(wait + job.settings().attempt_timeout).await {
            Ok(()) => {}
            Err(Lost::Lease) => return deferred(DeferredReason::LeaseLost, error),
            Err(Lost::Store) => return deferred(DeferredReason::StoreUnavailable, error),
        }
        job.call.trace.with(|facts| facts.delay = wait);
        if !job.pause(wait).await {
            return deferred(DeferredReason::Cancelled, error);
        }
        if own.maybe_sent() && own.refresh().await.is_err() {
            return deferred(DeferredReason::LeaseLost, error);
        }
        if protection == Protection::Queryable && maybe {
            match look_up(job, own, owns_pause).await {
                // Nothing hides the attempt's error (rule 39).
                Some(How::Deferred { reason, retry_after, error: None }) => {
                    return How::Deferred { reason, retry_after, error: Some(error) };
                }
                Some(end) => return end,
                None => {}
            }
            has_turn = true;
        }
        last = Some(error);
    }
}

fn accepted(receipt: Receipt) -> How {
    How::Delivered { receipt, recorded: false }
}

/// Looks the send up at the provider. `None` means that the provider does not have it and it may be sent. The look-up
/// passes the bulkhead and the limiter but not the breaker (rules 21 and 83).
async fn look_up(job: &SendJob<'_>, own: &Ownership<'_>, owns_pause: bool) -> Option<How> {
    let later = |reason, retry_after| Some(How::Deferred { reason, retry_after, error: None });
    let (clock, second) = (job.clock(), Duration::from_secs(1));
    let (_slot, tokens) = match attempt::pass_limits(job, Patience::new(owns_pause)).await {
        Ok(passed) => passed,
        Err(NotAdmitted(reason, retry_after)) => return later(reason, retry_after),
    };
    let limit = job.settings().attempt_timeout.min(clock.remaining());
    if limit < job.settings().retry.min_attempt {
        return later(DeferredReason::NoTimeLeft, second);
    }
    let cx = job.context(own.record().key_generation, own.all_attempts().max(1), limit);
    limits::use_up(tokens);
    match clock.guard(limit, job.outbound.lookup(job.state(), job.message(), &cx)).await {
        Ok(Ok(Lookup::Found(receipt))) => Some(accepted(job.warned(receipt))),
        Ok(Ok(Lookup::NotFound)) => {
            let visible_after = match job.idempotency(own.idempotency_before()) {
                Idempotency::Queryable { visible_after_ms } => visible_after_ms,
                Idempotency::Native { .. } | Idempotency::None => 0,
            };
            // The provider may not show the latest attempt yet, so "not found" does not prove that it did not arrive (rule 19).
            let latest = own.last_maybe_at_ms().unwrap_or(own.record().first_claimed_at_ms);
            let left = latest.saturating_add_unsigned(visible_after).saturating_sub(clock.ms());
            if left > 0 { later(DeferredReason::LookupFailed, Duration::from_millis(left.unsigned_abs())) } else { None }
        }
        Ok(Ok(Lookup::Unsupported)) => {
            let unsupported = SendError::of(ErrorKind::Unexpected, "the provider cannot look the message up").maybe();
            Some(How::Unknown(EndError::of(unsupported, own.all_attempts())))
        }
        Ok(Err(mut error)) => {
            limits::answered(job, Some(&mut error));
            let retry_after = error.retry_after().unwrap_or(5 * second);
            let error = Some(EndError::of(error, own.all_attempts()));
            Some(How::Deferred { reason: DeferredReason::LookupFailed, retry_after, error })
        }
        Err(_) => later(DeferredReason::LookupFailed, 5 * second),
    }
}
