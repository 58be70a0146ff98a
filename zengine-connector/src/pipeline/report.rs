//! What the pipeline tells logs and metrics (rules 81 and 82).

use std::{sync::Arc, time::Duration};

use super::job::Job;
use crate::{
    error::{Error, Reach, SendError},
    ids::TenantId,
    orchestrator::{Core, Outcome, SendOptions},
    stage::breaker::State,
    store::OwnerToken,
    sync::Mutex,
    telemetry::{self, AttemptLine, RecipientHmac, SendLine, TraceParent},
};

/// What the stages of one send learn that its outcome does not say.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Facts that cost something are collected only where somebody listens.
    heard: bool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    waited: Duration,
    delay: Duration,
    owner: Option<OwnerToken>,
    recipient: Option<RecipientHmac>,
    reach: Option<Reach>,
    breaker: Option<(State, u64)>,
}

impl Known {
    fn breaker(&self) -> (Option<&'static str>, Option<u64>) {
        self.breaker.map(|(state, epoch)| (state.as_str(), epoch)).unzip()
    }
}

impl Facts {
    pub(crate) fn new() -> Self {
        Self { heard: telemetry::is_heard(), known: Mutex::default() }
    }

    pub(crate) fn know_recipient(&self, job: &Job<'_>) {
        if self.heard {
            self.known.lock().recipient = job.outbound.recipient(job.message, &job.core.keys.current(), job.tenant());
        }
    }

    #[inline]
    pub(crate) fn own(&self, token: OwnerToken) {
        if self.heard {
            self.known.lock().owner = Some(token);
        }
    }

    #[inline]
    pub(crate) fn waited_since(&self, job: &Job<'_>, asked: Duration) {
        if self.heard {
            self.known.lock().waited = job.now.monotonic().saturating_sub(asked);
        }
    }

    /// What the breaker stood at when a permit was asked for.
    #[inline]
    pub(crate) fn asked(&self, breaker: impl FnOnce() -> (State, u64)) {
        if self.heard {
            self.known.lock().breaker = Some(breaker());
        }
    }

    pub(crate) fn delayed(&self, wait: Duration) {
        self.known.lock().delay = wait;
    }
}

/// One line per attempt.
pub(crate) fn attempt(job: &Job<'_>, n: u32, duration: Duration, error: Option<&SendError>) {
    // A first attempt that succeeds leaves nothing to tell but its line.
    if !job.facts.heard && error.is_none() && n == 1 {
        return;
    }
    let mut known = job.facts.known.lock();
    known.reach = error.map(SendError::reach);
    let mut line = AttemptLine::new(job.tenant(), job.entry.name.as_str(), job.id(), n);
    if let Some(error) = error {
        line.outcome = error.kind().as_str();
        line.fault = Some(error.fault());
        line.reach = Some(error.reach());
        line.code = error.provider_code();
    }
    line.delay = std::mem::take(&mut known.delay);
    (line.breaker_state, line.breaker_epoch) = known.breaker();
    line.correlation_id = job.options.correlation_id.as_ref();
    line.trace = trace(job.options);
    line.duration = duration;
    drop(known);
    line.emit();
}

/// One line per send, whatever became of it.
pub(crate) fn send(
    core: &Arc<Core>,
    tenant: &TenantId,
    strategy: &str,
    options: &SendOptions,
    facts: &Facts,
    started: Duration,
    result: &Result<Outcome, Error>,
) {
    if core.observers.is_empty() && !telemetry::is_anybody_there() {
        return;
    }
    let known = facts.known.lock();
    let owner = known.owner.map(|owner| owner.to_string());
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
    line.reach = known.reach;
    line.waited = known.waited;
    line.lease_owner = owner.as_deref();
    line.recipient_hmac = known.recipient;
    (line.breaker_state, line.breaker_epoch) = known.breaker();
    line.correlation_id = options.correlation_id.as_ref();
    line.trace = trace(options);
    line.duration = core.clock.monotonic().saturating_sub(started);
    line.emit();
    line.observe(&core.observers);
}

/// The caller's trace, where it is a valid one.
fn trace(options: &SendOptions) -> Option<TraceParent> {
    options.traceparent.as_deref().and_then(TraceParent::parse)
}

/// A delivered send whose record could not be stored: the one case in which a double is possible (rule 26).
pub(crate) fn not_recorded(job: &Job<'_>) {
    tracing::error!(tenant_id = %job.tenant(), strategy = %job.entry.name, client_message_id = %job.id(), "dedup.delivered_not_recorded");
}
