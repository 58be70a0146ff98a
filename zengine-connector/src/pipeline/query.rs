//! Read-only messages: no claim, no dead letter, no event; safe to repeat (rule 83).

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;

use super::{Engine, SendOptions, job::SendJob, now::Now, trace::SendTrace};
use crate::{
    error::{Error, ErrorKind, Fault, SendError},
    ids::{ClientMessageId, TenantId},
    message::{Degrade, Effect, Idempotency, MessageRef, Receipt},
    runtime::within,
    stage::{backoff, breaker::Verdict},
    store::{ClaimKey, Fingerprint},
};

/// Maximum time for a query.
const TIME: Duration = Duration::from_secs(60);

/// Runs a read-only message through breaker, bulkhead, timeout and retry.
pub(crate) async fn query(engine: &Arc<Engine>, tenant: &TenantId, strategy: &str, message: MessageRef<'_>) -> Result<Receipt, Error> {
    let _running = engine.enter();
    let entry = engine.registry.entry(strategy)?;
    let outbound = entry.sends()?;
    let message = outbound.prepare(message)?;
    if outbound.effect(&message)? == Effect::Write {
        return Err(Error::new(ErrorKind::Unsupported, "a message with an effect must go through send").with_context("strategy", strategy));
    }
    if engine.is_closing() {
        return Err(Error::new(ErrorKind::Cancelled, "the host shuts down").with_context("strategy", strategy));
    }
    let bound = engine.tenants.bind(entry, tenant).await?;
    entry.inspect(&bound.state, &message, Degrade::Refuse)?;
    let options = SendOptions::new(ClientMessageId::new("query")?);
    let now = Now::read(&*engine.clock);
    let job = SendJob {
        engine,
        entry,
        outbound: &**outbound,
        bound: &bound,
        stages: engine.stages(&bound),
        key: ClaimKey::outbound(tenant, &entry.name, &options.client_message_id),
        fingerprint: Fingerprint::new([0; 16], 0, ""),
        original: &message,
        message: &message,
        idempotency: Idempotency::None,
        options: &options,
        deadline: now.after(TIME),
        now: &now,
        trace: &SendTrace::new(),
    };
    ask(&job).await
}

async fn ask(job: &SendJob<'_>) -> Result<Receipt, Error> {
    let (engine, settings) = (job.engine, job.settings());
    let stages = job.stages;
    for n in 1.. {
        let limit = settings.attempt_timeout.min(job.remaining());
        let permit = stages.circuit.acquire().await.map_err(|rejected| {
            Error::new(ErrorKind::Busy, "the breaker is open")
                .with_context("strategy", &job.entry.name)
                .with_retry_after(rejected.retry_after)
        })?;
        let Some(_permit) = stages.bulkhead.enter() else {
            return Err(Error::new(ErrorKind::Busy, "too many calls run at once").with_retry_after(Duration::from_secs(1)));
        };
        let cx = job.context(0, n, limit);
        let call = AssertUnwindSafe(job.outbound.attempt(&job.bound.state, job.message, &cx)).catch_unwind();
        let answer = within(&*engine.clock, limit, call).await;
        job.now.refresh();
        let error = match answer {
            Some(Ok(Ok(receipt))) => {
                permit.settle(Verdict::Success);
                return Ok(receipt);
            }
            Some(Ok(Err(error))) => error,
            Some(Err(_panic)) => SendError::of(ErrorKind::Unexpected, "the strategy panicked").maybe(),
            None => SendError::of(ErrorKind::Timeout, "the provider did not answer in time").maybe(),
        };
        permit.settle(Verdict::of(error.fault()));
        let wait = backoff::delay(&settings.retry, n, error.retry_after(), &*engine.rng);
        let again = matches!(error.fault(), Fault::Provider | Fault::Throttled) && n < settings.retry.max_attempts;
        let in_time = wait <= settings.retry.max_wait && wait + settings.retry.min_attempt <= job.remaining();
        let goes_on = again && in_time && engine.pause(wait).await;
        job.now.refresh();
        if !goes_on {
            let error = error.into_error().with_context("attempts", n);
            return Err(if error.is_temporary() && error.retry_after().is_none() { error.with_retry_after(wait) } else { error });
        }
    }
    Err(Error::new(ErrorKind::Unexpected, "no attempt was made"))
}
