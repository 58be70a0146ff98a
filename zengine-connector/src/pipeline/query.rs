//! Read-only messages: no claim, no dead letter, no event; safe to repeat (rule 83).

use std::{pin::pin, sync::Arc, time::Duration};

use tracing::{Instrument as _, Span};

use super::{
    Engine, SendOptions, attempt,
    clock::CallClock,
    decision::cost,
    ended::{NO_BUDGET, NotAdmitted, because},
    job::{HostCall, SendJob},
    limits::Patience,
    report,
    trace::SendTrace,
};
use crate::{
    error::{Error, ErrorKind, Fault},
    ids::{ClientMessageId, TenantId},
    message::{Effect, MessageRef, Receipt},
    stage::{Withdrawal, backoff},
};

/// Maximum time for a query.
const TIME: Duration = Duration::from_secs(60);

/// Runs a read-only message through breaker, bulkhead, timeout and retry.
pub(crate) async fn query(engine: &Arc<Engine>, tenant: &TenantId, strategy: &str, message: MessageRef<'_>) -> Result<Receipt, Error> {
    let _running = engine.enter();
    let (id, options) = (ClientMessageId::new("query")?, SendOptions::new());
    let (clock, trace) = (CallClock::start(&*engine.clock, TIME), SendTrace::new(Span::none()));
    // A query takes no claim, so nothing is stored under its key.
    let query = HostCall { engine, tenant, strategy, id: &id, options: &options, clock: &clock, trace: &trace }.identify(message)?;
    if query.effect()? == Effect::Write {
        return Err(Error::new(ErrorKind::Unsupported, "a message with an effect must go through send").with_context("strategy", strategy));
    }
    if engine.is_closing() {
        return Err(Error::new(ErrorKind::Cancelled, "the host shuts down").with_context("strategy", strategy));
    }
    let bound = query.bind().await?;
    let fitted = query.for_tenant(bound, None)?;
    ask(&SendJob { sent: query, fitted }).await
}

async fn ask(job: &SendJob<'_>) -> Result<Receipt, Error> {
    let (settings, clock) = (job.settings(), job.clock());
    let (mut withdrawn, mut owns_pause): (Option<Withdrawal<'_>>, bool) = (None, false);
    for n in 1.. {
        if n == 1 && clock.remaining() < settings.retry.min_attempt {
            return Err(Error::new(ErrorKind::Timeout, "no time is left for a call").with_context("strategy", &job.entry.name));
        }
        let admitted = attempt::admit(job, Patience::new(owns_pause)).await.map_err(|NotAdmitted(reason, retry_after)| {
            Error::new(ErrorKind::Busy, "the breaker is open, the rate is used up, or too many calls run at once")
                .with_context("strategy", &job.entry.name)
                .with_context("reason", reason.as_str())
                .with_retry_after(retry_after)
        })?;
        let limit = settings.attempt_timeout.min(clock.remaining());
        withdrawn.as_mut().map(Withdrawal::begin);
        let span = report::attempt_span(job, n);
        let answer = pin!(attempt::call(job, admitted, 0, n, limit)).instrument(span.clone()).await;
        report::record_attempt(&span, answer.as_ref().err());
        let error = match answer {
            Ok(receipt) => {
                job.refund(withdrawn);
                return Ok(receipt);
            }
            Err(error) => error,
        };
        owns_pause = error.fault() == Fault::Throttled;
        let wait = backoff::delay(&settings.retry, n, error.retry_after(), &*job.engine().rng);
        let again = matches!(error.fault(), Fault::Provider | Fault::Throttled) && n < settings.retry.max_attempts;
        let in_time = wait <= settings.retry.max_wait && wait + settings.retry.min_attempt <= clock.remaining();
        withdrawn = if again && in_time { job.withdraw(cost(error.fault(), error.reach())) } else { None };
        let reason = (again && in_time && withdrawn.is_none()).then_some(NO_BUDGET);
        if withdrawn.is_none() || !job.pause(wait).await {
            let error = because(error.into_error().with_context("attempts", n), reason);
            return Err(if error.is_temporary() && error.retry_after().is_none() { error.with_retry_after(wait) } else { error });
        }
    }
    Err(Error::new(ErrorKind::Unexpected, "no attempt was made"))
}
