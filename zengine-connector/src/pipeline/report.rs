//! Log lines and metrics of the pipeline (rules 81 and 82).
//!
//! A line takes ids that are not personal by contract, and of a recipient only its keyed hash.

use std::time::Duration;

use tracing::{Level, Span, field};

use super::{
    Outcome, SendOptions,
    job::{HostCall, SendJob},
    outcome::{Deferred, DeferredReason, Failed, Unknown},
    refusal,
};
use crate::{
    error::{Error, ErrorKind, Fault, Reach, Scope, SendError, beginning},
    ids::{ClientMessageId, CorrelationId, FailureId, TenantId, is_printable},
    runtime::ms,
    telemetry::{self, Dimensions, MetricName, Observers, RecipientHmac, TraceParent, UNKNOWN},
};

/// The span of one send or redrive: `zengine.send`, whose parent is the caller's span. `outcome` is recorded at its end.
pub(crate) fn span(tenant: &TenantId, strategy: &str, id: &ClientMessageId, options: &SendOptions) -> Span {
    tracing::info_span!(
        "zengine.send",
        tenant_id = tenant.as_str(),
        strategy = shown(strategy),
        client_message_id = id.as_str(),
        correlation_id = options.correlation_id.as_ref().map(CorrelationId::as_str),
        trace = trace_parent(options).map(field::display),
        outcome = field::Empty,
    )
}

/// The name of a strategy as the host gave it, which may be registered or not: the longest that a registered one may have, on one line.
fn shown(strategy: &str) -> &str {
    let beginning = strategy.char_indices().nth(64).map_or(strategy, |(at, _)| &strategy[..at]);
    if is_printable(beginning) { beginning } else { UNKNOWN }
}

/// The span of one call to a provider: `zengine.attempt`.
pub(crate) fn attempt_span(job: &SendJob<'_>, n: u32) -> Span {
    tracing::info_span!(
        "zengine.attempt",
        tenant_id = job.tenant().as_str(),
        strategy = job.entry.name.as_str(),
        client_message_id = job.id().as_str(),
        attempt = n,
        outcome = field::Empty,
    )
}

/// Tells the end of an attempt of a send: its line, in its span, and the span's outcome.
pub(crate) fn attempted(job: &SendJob<'_>, span: &Span, n: u32, duration: Duration, error: Option<&SendError>) {
    span.in_scope(|| attempt(job, n, duration, error));
    record_attempt(span, error);
}

/// Records the end of an attempt in its span.
pub(crate) fn record_attempt(span: &Span, error: Option<&SendError>) {
    span.record("outcome", attempt_outcome(error));
}

fn attempt_outcome(error: Option<&SendError>) -> &'static str {
    error.map_or("accepted", |error| error.kind().as_str())
}

/// Writes one line per attempt: the event `send.attempt`. WARN if the provider or the tenant's set-up is at fault, else INFO. A fact
/// without a value has no key.
fn attempt(job: &SendJob<'_>, n: u32, duration: Duration, error: Option<&SendError>) {
    // A first attempt that succeeds adds no facts to the send's line.
    let HostCall { options, trace, .. } = job.call;
    if !trace.is_enabled() && error.is_none() && n == 1 {
        return;
    }
    let (delay, (breaker_state, breaker_epoch)) = trace.with(|facts| {
        facts.reach = error.map(SendError::reach);
        (std::mem::take(&mut facts.delay), facts.breaker())
    });
    let cause = error.map(SendError::error);
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(
                Level::$level,
                tenant_id = job.tenant().as_str(),
                strategy = job.entry.name.as_str(),
                client_message_id = job.id().as_str(),
                outcome = attempt_outcome(error),
                fault = error.map(|error| error.fault().as_str()),
                reach = error.map(|error| error.reach().as_str()),
                scope = error.and_then(SendError::scope).map(Scope::as_str),
                code = cause.and_then(code),
                http_status = cause.and_then(Error::http_status),
                provider_request_id = cause.and_then(Error::provider_request_id),
                attempt = n,
                delay_ms = ms(delay),
                breaker_state,
                breaker_epoch,
                correlation_id = options.correlation_id.as_ref().map(CorrelationId::as_str),
                trace = trace_parent(options).map(field::display),
                duration_ms = ms(duration),
                "send.attempt"
            )
        };
    }
    if cause.is_some_and(needs_attention) { event!(WARN) } else { event!(INFO) }
}

/// The provider's own code, as far as a line shows it.
fn code(error: &Error) -> Option<&str> {
    error.provider_code().map(beginning)
}

/// Whether something other than the message is at fault: the provider, the tenant's set-up or the host. A limit that passes by itself, and
/// a caller that went away, are no faults.
fn needs_attention(error: &Error) -> bool {
    match error.fault() {
        Fault::Provider | Fault::Auth => true,
        Fault::Local => error.kind() != ErrorKind::Busy,
        Fault::Domain | Fault::Throttled | Fault::Cancelled => false,
    }
}

/// A send whose end is not reported yet. Dropping it reports that the caller went away, unless a task took the send over.
pub(crate) struct Unreported<'a>(Option<HostCall<'a>>);

impl<'a> Unreported<'a> {
    pub(crate) fn new(call: HostCall<'a>) -> Self {
        Self(Some(call))
    }

    /// Reports the end, unless a task goes on with the send and reports that.
    pub(crate) fn end(mut self, result: &Result<Outcome, Error>) {
        if let Some(call) = self.0.take().filter(|call| !call.trace.is_handed_over()) {
            report(call, result);
        }
    }
}

impl Drop for Unreported<'_> {
    fn drop(&mut self) {
        if let Some(call) = self.0.filter(|call| !call.trace.is_handed_over()) {
            // A dropped future is in no span.
            let _entered = call.trace.span().enter();
            report(call, &Ok(Outcome::Deferred(Deferred::new(DeferredReason::Cancelled, Duration::from_secs(1)))));
        }
    }
}

/// Writes one line per send, whatever its outcome, and its metrics. Replays, rejections and panics have a line too.
pub(crate) fn report(call: HostCall<'_>, result: &Result<Outcome, Error>) {
    let HostCall { engine, tenant, strategy, .. } = call;
    if engine.observers.is_empty() && !telemetry::any_level_enabled() {
        return;
    }
    let (end, duration) = (SendReport::of(result), call.clock.elapsed());
    call.trace.span().record("outcome", end.outcome);
    end.log(call, duration);
    if engine.observers.is_empty() {
        return;
    }
    let (registered, unknown) = (engine.registry.entry(strategy).ok(), TenantId::new(UNKNOWN).ok());
    let is_bound = || registered.is_some_and(|entry| matches!(engine.tenants.bound(entry, tenant, engine.clock.monotonic()), Some(Ok(_))));
    // Before a send has a record, a tenant counts as known only if it is bound.
    let tenant = if result.is_ok() || is_bound() { Some(tenant) } else { unknown.as_ref() };
    let strategy = Some(registered.map_or(UNKNOWN, |entry| entry.name.as_str()));
    end.count(&engine.observers, duration, Dimensions { tenant, strategy, outcome: Some(end.outcome), fault: end.fault() });
}

/// The end of a send, as its line and metrics tell it.
#[derive(Default)]
struct SendReport<'a> {
    /// `delivered`, `failed`, `unknown`, `deferred`, or `error`.
    outcome: &'static str,
    /// The reason for a deferral, in snake case.
    reason: Option<&'static str>,
    retry_after: Option<Duration>,
    error: Option<&'a Error>,
    failure_id: Option<&'a FailureId>,
    attempts: u32,
    replayed: bool,
    /// Whether a delivered send's record is stored (rule 26). An ephemeral one has none.
    recorded: Option<bool>,
}

impl<'a> SendReport<'a> {
    fn of(result: &'a Result<Outcome, Error>) -> Self {
        let outcome = result.as_ref().map_or("error", Outcome::as_str);
        let end = Self { outcome, replayed: result.as_ref().is_ok_and(Outcome::is_replayed), ..Self::default() };
        match result {
            Ok(Outcome::Delivered(sent)) => {
                Self { attempts: sent.attempts, recorded: (!sent.ephemeral).then_some(sent.dedup_recorded), ..end }
            }
            Ok(
                Outcome::Failed(Failed { error, failure_id, attempts, ephemeral, .. })
                | Outcome::Unknown(Unknown { error, failure_id, attempts, ephemeral, .. }),
            ) => Self { error: Some(error), failure_id: (!ephemeral).then_some(failure_id), attempts: *attempts, ..end },
            Ok(Outcome::Deferred(later)) => {
                let retry_after = Some(later.retry_after);
                Self { reason: Some(later.reason.as_str()), retry_after, error: later.error.as_ref(), ..end }
            }
            Err(error) => Self { error: Some(error), ..end },
        }
    }

    /// The event `send.completed`. Almost free without a subscriber. A fact without a value has no key.
    fn log(&self, call: HostCall<'_>, duration: Duration) {
        let HostCall { tenant, strategy, id, options, trace, .. } = call;
        let facts = trace.with(|facts| facts.clone());
        let (breaker_state, breaker_epoch) = facts.breaker();
        macro_rules! event {
            ($level:ident) => {
                tracing::event!(
                    Level::$level,
                    tenant_id = tenant.as_str(),
                    strategy = shown(strategy),
                    client_message_id = id.as_str(),
                    outcome = self.outcome,
                    reason = self.reason,
                    retry_after_ms = self.retry_after.map(ms),
                    scope = facts.limited_by.map(Scope::as_str),
                    kind = self.error.map(|error| error.kind().as_str()),
                    error = self.error.map(Error::message),
                    violations = self.error.and_then(refusal::violations).as_deref(),
                    fault = self.fault().map(Fault::as_str),
                    reach = facts.reach.map(Reach::as_str),
                    code = self.error.and_then(code),
                    http_status = self.error.and_then(Error::http_status),
                    provider_request_id = self.error.and_then(Error::provider_request_id),
                    attempts = self.attempts,
                    replayed = self.replayed,
                    dedup_recorded = self.recorded,
                    waited_ms = ms(facts.waited),
                    lease_owner = facts.owner.map(|owner| owner.to_string()).as_deref(),
                    breaker_state,
                    breaker_epoch,
                    budget_left = facts.budget_left,
                    failure_id = self.failure_id.map(FailureId::as_str),
                    recipient_hmac = facts.recipient.as_ref().map(RecipientHmac::as_str),
                    correlation_id = options.correlation_id.as_ref().map(CorrelationId::as_str),
                    trace = trace_parent(options).map(field::display),
                    duration_ms = ms(duration),
                    "send.completed"
                )
            };
        }
        match self.level() {
            Level::ERROR => event!(ERROR),
            Level::WARN => event!(WARN),
            _ => event!(INFO),
        }
    }

    /// ERROR if the dead letter could not be stored; WARN if the outcome is unknown, a delivered send is not recorded, or the error needs
    /// attention; else INFO.
    fn level(&self) -> Level {
        match self.outcome {
            _ if self.lost_letter() => Level::ERROR,
            "unknown" => Level::WARN,
            _ if self.recorded == Some(false) || self.error.is_some_and(needs_attention) => Level::WARN,
            _ => Level::INFO,
        }
    }

    /// Passes the send's metrics to the observers (rule 82). A replay counts as a send and as nothing else.
    fn count(&self, observers: &Observers, duration: Duration, dimensions: Dimensions<'_>) {
        if self.replayed {
            return observers.count(MetricName::Sends, 1, dimensions);
        }
        let (outcome, delivered) = (|name| u32::from(self.outcome == name).into(), self.outcome == "delivered");
        #[allow(clippy::cast_precision_loss)] // exact up to 2^53 milliseconds
        let duration = ms(duration) as f64;
        let values = [
            (MetricName::Sends, 1.0),
            (MetricName::Duration, duration),
            (MetricName::Attempts, self.attempts.into()),
            (MetricName::FirstTrySuccess, u32::from(delivered && self.attempts <= 1).into()),
            (MetricName::RetriedSuccess, u32::from(delivered && self.attempts > 1).into()),
            (MetricName::Deferred, outcome("deferred")),
            (MetricName::Unknown, outcome("unknown")),
            (MetricName::DeadLetters, u32::from(self.failure_id.is_some()).into()),
            (MetricName::DeadLettersFailed, u32::from(self.lost_letter()).into()),
            (MetricName::DedupNotRecorded, u32::from(self.recorded == Some(false)).into()),
        ];
        observers.record_together(values, dimensions);
    }

    /// The party at fault for the last error.
    fn fault(&self) -> Option<Fault> {
        self.error.map(Error::fault)
    }

    fn lost_letter(&self) -> bool {
        self.error.is_some_and(|error| error.kind() == ErrorKind::DeadLetterFailed)
    }
}

/// The caller's trace parent, if it is valid.
fn trace_parent(options: &SendOptions) -> Option<TraceParent> {
    options.traceparent.as_deref().and_then(TraceParent::parse)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::{
        message::Receipt,
        pipeline::{Deferred, DeferredReason, Delivered},
        telemetry::{Metric, Observer},
    };

    #[derive(Debug, Default)]
    struct Kept(Mutex<Vec<(&'static str, f64)>>);

    impl Observer for Kept {
        fn record(&self, metric: &Metric<'_>) {
            self.0.lock().unwrap().push((metric.name.as_str(), metric.value));
        }
    }

    fn observed(result: &Result<Outcome, Error>) -> Vec<(&'static str, f64)> {
        let kept = Arc::new(Kept::default());
        SendReport::of(result).count(&Observers::new([Arc::clone(&kept) as Arc<dyn Observer>]), Duration::ZERO, Dimensions::default());
        kept.0.lock().unwrap().clone()
    }

    fn delivered() -> Delivered {
        Delivered { attempts: 1, ..Delivered::new(Receipt::unnumbered()) }
    }

    fn unknown() -> Unknown {
        Unknown::new(Error::new(ErrorKind::Timeout, "no answer"), FailureId::new("f1").unwrap())
    }

    fn failed(kind: ErrorKind) -> Outcome {
        Outcome::Failed(Failed::new(refused(kind), FailureId::new("f1").unwrap()))
    }

    fn deferred(kind: ErrorKind) -> Outcome {
        Outcome::Deferred(Deferred::new(DeferredReason::Unavailable, Duration::ZERO).with_error(refused(kind)))
    }

    fn refused(kind: ErrorKind) -> Error {
        Error::new(kind, "refused")
    }

    #[test]
    fn rule_82_success_at_once_and_after_a_retry_are_told_apart() {
        let common = |n| vec![("sends", 1.0), ("duration", 0.0), ("attempts", n)];
        assert_eq!(observed(&Ok(Outcome::Delivered(delivered()))), [common(1.0), vec![("first_try_success", 1.0)]].concat());
        let retried = Delivered { attempts: 3, ..delivered() };
        assert_eq!(observed(&Ok(Outcome::Delivered(retried))), [common(3.0), vec![("retried_success", 1.0)]].concat());
    }

    #[test]
    fn a_replay_is_a_send_and_no_success_of_the_provider() {
        assert_eq!(observed(&Ok(Outcome::Delivered(Delivered { replayed: true, ..delivered() }))), [("sends", 1.0)]);
    }

    #[test]
    fn trouble_has_metrics_of_its_own() {
        let names = |result| observed(&result).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(Ok(Outcome::Unknown(unknown()))), ["sends", "duration", "unknown", "dead_letters"]);
        let unrecorded = Delivered { attempts: 0, dedup_recorded: false, ..delivered() };
        assert_eq!(names(Ok(Outcome::Delivered(unrecorded))), ["sends", "duration", "first_try_success", "dedup_not_recorded"]);
        assert_eq!(names(Err(refused(ErrorKind::DeadLetterFailed))), ["sends", "duration", "dead_letters_failed"]);
        let deferred = Deferred::new(DeferredReason::Busy, Duration::ZERO);
        assert_eq!(names(Ok(Outcome::Deferred(deferred))), ["sends", "duration", "deferred"]);
    }

    #[test]
    fn the_level_of_a_send_follows_from_its_end() {
        let unrecorded = Delivered { dedup_recorded: false, ..delivered() };
        for (result, level) in [
            (Ok(Outcome::Delivered(delivered())), Level::INFO),
            (Ok(Outcome::Delivered(unrecorded)), Level::WARN),
            (Ok(Outcome::Unknown(unknown())), Level::WARN),
            (Err(refused(ErrorKind::Template)), Level::INFO),
            (Err(refused(ErrorKind::MessageInvalid)), Level::INFO),
            (Err(refused(ErrorKind::Media)), Level::INFO),
            (Err(refused(ErrorKind::Mismatch)), Level::WARN),
            (Err(refused(ErrorKind::Unsupported)), Level::WARN),
            (Ok(failed(ErrorKind::Expired)), Level::WARN),
            (Ok(deferred(ErrorKind::Busy)), Level::INFO),
            (Err(refused(ErrorKind::UnknownTenant)), Level::WARN),
            (Err(refused(ErrorKind::Settings)), Level::WARN),
            (Ok(deferred(ErrorKind::RateLimited)), Level::INFO),
            (Ok(deferred(ErrorKind::Unavailable)), Level::WARN),
            (Ok(deferred(ErrorKind::ConfigInvalid)), Level::WARN),
            (Ok(failed(ErrorKind::InvalidRecipient)), Level::INFO),
            (Ok(failed(ErrorKind::Unauthorized)), Level::WARN),
            (Ok(failed(ErrorKind::Protocol)), Level::WARN),
            (Err(refused(ErrorKind::DeadLetterFailed)), Level::ERROR),
        ] {
            assert_eq!(SendReport::of(&result).level(), level);
        }
    }
}
