//! What the pipeline tells logs and metrics (rules 81 and 82).

use std::{sync::Arc, time::Duration};

use super::{breaker::Circuit, job::Job};
use crate::{
    error::{Error, SendError},
    ids::TenantId,
    orchestrator::{Core, Outcome, SendOptions},
};

/// One line per attempt.
pub(crate) fn attempt(job: &Job<'_>, n: u32, duration: Duration, error: Option<&SendError>, circuit: &Circuit) {
    let (state, epoch) = circuit.state();
    tracing::info!(
        tenant_id = %job.tenant(),
        strategy = %job.entry.name,
        client_message_id = %job.id(),
        attempt = n,
        duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        fault = error.map(|error| format!("{:?}", error.fault())),
        reach = error.map(|error| format!("{:?}", error.reach())),
        code = error.and_then(SendError::provider_code),
        breaker_state = state.as_str(),
        breaker_epoch = epoch,
        "send.attempt"
    );
}

/// One line per send, whatever became of it.
pub(crate) fn send(
    core: &Arc<Core>,
    tenant: &TenantId,
    strategy: &str,
    options: &SendOptions,
    started: Duration,
    result: &Result<Outcome, Error>,
) {
    let duration = core.clock.monotonic().saturating_sub(started);
    tracing::info!(
        tenant_id = %tenant,
        strategy,
        client_message_id = %options.client_message_id,
        correlation_id = options.correlation_id.as_ref().map(crate::CorrelationId::as_str),
        outcome = result.as_ref().map_or("error", Outcome::as_str),
        replayed = result.as_ref().is_ok_and(Outcome::is_replayed),
        kind = result.as_ref().err().map(|error| error.kind().as_str()),
        duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        "send.completed"
    );
}

/// A delivered send whose record could not be stored: the one case in which a double is possible (rule 26).
pub(crate) fn not_recorded(job: &Job<'_>) {
    tracing::error!(tenant_id = %job.tenant(), strategy = %job.entry.name, client_message_id = %job.id(), "dedup.delivered_not_recorded");
}
