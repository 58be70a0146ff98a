//! Log lines and metrics of the pipeline (rules 81 and 82).

use std::time::Duration;

use super::{
    Outcome, SendOptions,
    job::{HostCall, SendJob},
};
use crate::{
    error::{Error, SendError},
    telemetry::{self, AttemptLine, SendLine, TraceParent},
};

/// Writes one line per attempt.
pub(crate) fn attempt(job: &SendJob<'_>, n: u32, duration: Duration, error: Option<&SendError>) {
    // A first attempt that succeeds adds no facts to the send's line.
    let trace = job.call.trace;
    if !trace.is_enabled() && error.is_none() && n == 1 {
        return;
    }
    let (delay, breaker) = trace.with(|facts| {
        facts.reach = error.map(SendError::reach);
        (std::mem::take(&mut facts.delay), facts.breaker())
    });
    let mut line = AttemptLine::new(job.tenant(), job.entry.name.as_str(), job.id(), n);
    if let Some(error) = error {
        line.outcome = error.kind().as_str();
        line.fault = Some(error.fault());
        line.reach = Some(error.reach());
        line.code = error.provider_code();
    }
    line.delay = delay;
    (line.breaker_state, line.breaker_epoch) = breaker;
    line.correlation_id = job.call.options.correlation_id.as_ref();
    line.trace = trace_parent(job.call.options);
    line.duration = duration;
    line.emit();
}

/// Writes one line per send, whatever its outcome, and its metrics.
pub(crate) fn send(call: HostCall<'_>, started: Duration, result: &Result<Outcome, Error>) {
    let HostCall { engine, tenant, strategy, options, trace, .. } = call;
    if engine.observers.is_empty() && !telemetry::any_level_enabled() {
        return;
    }
    let facts = trace.with(|facts| facts.clone());
    let owner = facts.owner.map(|owner| owner.to_string());
    let mut line = SendLine::new(tenant, strategy, &options.client_message_id, result.as_ref().map_or("error", Outcome::as_str));
    let error = match result {
        Ok(Outcome::Delivered(end)) => {
            (line.attempts, line.dedup_recorded) = (end.attempts, end.dedup_recorded);
            None
        }
        Ok(Outcome::Failed(end)) => {
            (line.attempts, line.failure_id) = (end.attempts, Some(&end.failure_id));
            Some(&end.error)
        }
        Ok(Outcome::Unknown(end)) => {
            (line.attempts, line.failure_id) = (end.attempts, Some(&end.failure_id));
            Some(&end.error)
        }
        Ok(Outcome::Deferred(end)) => {
            line.reason = Some(end.reason.as_str());
            end.error.as_ref()
        }
        Err(error) => Some(error),
    };
    line.kind = error.map(Error::kind);
    line.code = error.and_then(Error::provider_code);
    line.replayed = result.as_ref().is_ok_and(Outcome::is_replayed);
    line.reach = facts.reach;
    line.waited = facts.waited;
    line.lease_owner = owner.as_deref();
    line.recipient_hmac = facts.recipient;
    (line.breaker_state, line.breaker_epoch) = facts.breaker();
    line.correlation_id = options.correlation_id.as_ref();
    line.trace = trace_parent(options);
    line.duration = engine.clock.monotonic().saturating_sub(started);
    line.emit();
    line.observe(&engine.observers);
}

/// The caller's trace parent, if it is valid.
fn trace_parent(options: &SendOptions) -> Option<TraceParent> {
    options.traceparent.as_deref().and_then(TraceParent::parse)
}

/// Reports a delivered send whose record could not be stored: sending it again may deliver it twice (rule 26).
pub(crate) fn not_recorded(job: &SendJob<'_>) {
    tracing::error!(tenant_id = %job.tenant(), strategy = %job.entry.name, client_message_id = %job.id(), "dedup.delivered_not_recorded");
}
