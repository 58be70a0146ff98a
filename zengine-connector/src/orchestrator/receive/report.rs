//! The end of a received request, told once: its span, its line and its metrics (rule 81).

use std::{
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tracing::{Instrument as _, Level, Span, field};

use super::{
    answer::{Ack, Received, refusal},
    finish::finish,
    lookup::EngineLookup,
    progress::{Counts, Progress},
};
use crate::{
    error::Error,
    ids::{CorrelationId, StrategyName, TenantId},
    pipeline::Engine,
    registry::RegisteredStrategy,
    runtime::{catch, ms},
    strategy::{CredentialFault, InboundRequest, Origin, RequestHead, TenantLookup},
    telemetry::{Dimensions, MetricName, Observers, TraceParent, UNKNOWN},
};

/// A received request or record until its end is told. Each way that one can take ends in [`end`](Self::end), or is dropped before it: then
/// the last copy tells that the caller went away. The tasks that handle events hold a copy, so that what they stored is counted.
pub(super) struct InboundReport {
    engine: Arc<Engine>,
    /// The registered name. `None` if there is none: the given text is a stranger's.
    strategy: Option<StrategyName>,
    pub(super) correlation: Option<CorrelationId>,
    pub(super) trace: Option<TraceParent>,
    arrived: Duration,
    /// `zengine.receive`, whose parent is the caller's span.
    span: Span,
    body_bytes: OnceLock<usize>,
    /// The monotonic time by which the answer is due.
    until: OnceLock<Duration>,
    /// The tenant whose credentials vouch for the events, and what became of them.
    work: OnceLock<(Option<TenantId>, Arc<Progress>)>,
    is_told: AtomicBool,
    lookup: OnceLock<Arc<dyn TenantLookup>>,
}

impl InboundReport {
    /// The report of a request that arrives now.
    pub(super) fn of(engine: &Arc<Engine>, strategy: &str, request: &InboundRequest) -> Arc<Self> {
        let strategy = engine.registry.entry(strategy).ok().map(|entry| entry.name.clone());
        let (correlation, trace) = (correlation(request), trace(request));
        let span = tracing::info_span!(
            "zengine.receive",
            strategy = strategy.as_ref().map_or(UNKNOWN, StrategyName::as_str),
            tenant_id = field::Empty,
            correlation_id = correlation.as_ref().map(CorrelationId::as_str),
            trace = trace.map(field::display),
            outcome = field::Empty,
        );
        let (engine, arrived) = (Arc::clone(engine), engine.clock.monotonic());
        let (body_bytes, until, work, lookup) = (OnceLock::new(), OnceLock::new(), OnceLock::new(), OnceLock::new());
        Arc::new(Self {
            engine,
            strategy,
            correlation,
            trace,
            arrived,
            span,
            body_bytes,
            until,
            work,
            is_told: AtomicBool::new(false),
            lookup,
        })
    }

    /// The look-ups of tenants that this request may make.
    pub(super) fn lookup(&self, entry: &Arc<RegisteredStrategy>) -> &Arc<dyn TenantLookup> {
        self.lookup.get_or_init(|| EngineLookup::of(&self.engine, entry))
    }

    /// Notes the size of the body, which has arrived.
    pub(super) fn body(&self, bytes: usize) {
        let _ = self.body_bytes.set(bytes);
    }

    /// Notes the monotonic time by which the answer is due.
    pub(super) fn is_due(&self, until: Duration) {
        let _ = self.until.set(until);
    }

    /// Notes the work on the request's events.
    pub(super) fn works(&self, tenant: Option<TenantId>, progress: Arc<Progress>) {
        let _ = self.work.set((tenant, progress));
    }

    /// Runs the request in its span. After a panic the provider must deliver again.
    pub(super) async fn run(&self, request: Pin<&mut impl Future<Output = Result<Received, Error>>>) -> Result<Received, Error> {
        catch(request.instrument(self.span.clone())).await.unwrap_or_else(|| Ok(Received::broken()))
    }

    /// Has the strategy look at the response, and tells the end of the request.
    pub(super) async fn end(&self, request: &RequestHead, received: &mut Result<Received, Error>) {
        if let Ok(received) = received {
            self.finish(request, received).instrument(self.span.clone()).await;
        }
        self.tell(&match &received {
            Ok(received) => End::of(received),
            Err(error) => {
                let http_status = Some(refusal(error).status().as_u16());
                End { outcome: Ack::Refused.as_str(), reason: Some(error.message()), http_status, ..End::default() }
            }
        });
    }

    async fn finish(&self, request: &RequestHead, received: &mut Received) {
        let entry = self.strategy.as_ref().and_then(|name| self.engine.registry.entry(name.as_str()).ok());
        if let Some(entry) = entry {
            finish(&self.engine, entry, request, self.lookup(entry), self.until.get().copied(), received).await;
        }
    }

    fn tell(&self, end: &End<'_>) {
        if self.is_told.swap(true, Ordering::Relaxed) {
            return;
        }
        let strategy = self.strategy.as_ref().map_or(UNKNOWN, StrategyName::as_str);
        self.span.record("outcome", end.outcome).record("tenant_id", end.tenant.map(TenantId::as_str));
        self.span.in_scope(|| self.log(strategy, end));
        end.count(&self.engine.observers, strategy);
    }

    /// Tells what became of the events that had no end when the request was answered.
    pub(super) fn tell_rest(&self, answered: Counts, ended: Counts) {
        let strategy = self.strategy.as_ref().map_or(UNKNOWN, StrategyName::as_str);
        let tenant = self.work.get().and_then(|(tenant, _)| tenant.as_ref());
        let now = |ended: usize, before: usize, answered: usize, answered_before: usize| {
            ended.saturating_sub(before).saturating_sub(answered.saturating_sub(answered_before))
        };
        let stored = now(ended.accepted, ended.accepted_before, answered.accepted, answered.accepted_before);
        let poisoned = now(ended.poisoned, ended.poisoned_before, answered.poisoned, answered.poisoned_before);
        self.span.in_scope(|| {
            tracing::info!(
                strategy,
                tenant_id = tenant.map(TenantId::as_str),
                stored,
                poisoned,
                unstored = ended.unstored,
                correlation_id = self.correlation.as_ref().map(CorrelationId::as_str),
                duration_ms = self.duration_ms(),
                "inbound.ended_late"
            );
        });
        let dimensions = Dimensions { tenant, strategy: Some(strategy), outcome: None, fault: None };
        let values = [(MetricName::InboundEvents, number(stored)), (MetricName::InboundPoisoned, number(poisoned))];
        self.engine.observers.record_together(values, dimensions);
    }

    fn duration_ms(&self) -> i64 {
        ms(self.engine.clock.monotonic().saturating_sub(self.arrived))
    }

    /// The monotonic time at which the request arrived.
    pub(super) fn arrived(&self) -> Duration {
        self.arrived
    }

    /// The event `inbound.completed`. WARN if the credentials were refused, else INFO. A fact without a value has no key.
    fn log(&self, strategy: &str, end: &End<'_>) {
        let Counts { accepted, poisoned, unstored, .. } = end.counts;
        macro_rules! event {
            ($level:ident) => {
                tracing::event!(
                    Level::$level,
                    strategy,
                    tenant_id = end.tenant.map(TenantId::as_str),
                    outcome = end.outcome,
                    reason = end.reason,
                    credentials = end.credentials.map(CredentialFault::as_str),
                    http_status = end.http_status,
                    accepted,
                    poisoned,
                    unstored,
                    conflicts = Some(end.counts.conflict).filter(|conflicts| *conflicts > 0),
                    duplicates = end.counts.duplicates(),
                    body_bytes = self.body_bytes.get().copied(),
                    correlation_id = self.correlation.as_ref().map(CorrelationId::as_str),
                    trace = self.trace.map(field::display),
                    duration_ms = self.duration_ms(),
                    "inbound.completed"
                )
            };
        }
        if end.is_forbidden() { event!(WARN) } else { event!(INFO) }
    }
}

impl Drop for InboundReport {
    fn drop(&mut self) {
        let work = self.work.get();
        let tenant = work.and_then(|(tenant, _)| tenant.as_ref());
        let counts = work.map_or_else(Counts::default, |(_, progress)| progress.unanswered());
        self.tell(&End { outcome: "dropped", tenant, counts, ..End::default() });
    }
}

/// The end of a request, as its span, line and metrics tell it.
#[derive(Default)]
struct End<'a> {
    /// `done`, `redeliver`, `refused` or `dropped`.
    outcome: &'static str,
    /// Only if one tenant's credentials authenticated the whole request.
    tenant: Option<&'a TenantId>,
    reason: Option<&'a str>,
    credentials: Option<CredentialFault>,
    /// The status of the answer, if there was one.
    http_status: Option<u16>,
    counts: Counts,
    /// Whether it was answered before its events were handled, and comes again.
    late: bool,
}

impl<'a> End<'a> {
    fn of(received: &'a Received) -> Self {
        let Received { ack, response, accepted, poisoned, unstored, counts, .. } = received;
        Self {
            outcome: ack.as_str(),
            tenant: received.tenant.as_ref(),
            reason: received.reason,
            credentials: received.credentials,
            http_status: Some(response.status().as_u16()),
            counts: Counts { accepted: *accepted, poisoned: *poisoned, unstored: *unstored, ..*counts },
            late: received.late,
        }
    }

    /// Whether a person should look at it: a request of a sender that cannot prove who it is.
    fn is_forbidden(&self) -> bool {
        self.outcome == Ack::Refused.as_str() && matches!(self.http_status, Some(401 | 403))
    }

    /// Counts a request and its events by what became of them. Events of an earlier delivery are duplicates and nothing else.
    fn count(&self, observers: &Observers, strategy: &str) {
        let Counts { accepted, poisoned, unstored, accepted_before, poisoned_before, .. } = self.counts;
        let dimensions = Dimensions { tenant: self.tenant, strategy: Some(strategy), outcome: Some(self.outcome), fault: None };
        let values = [
            (MetricName::InboundRequests, 1.0),
            (MetricName::InboundLate, f64::from(u8::from(self.late))),
            (MetricName::InboundEvents, number(accepted.saturating_sub(accepted_before))),
            (MetricName::InboundDuplicates, number(self.counts.duplicates())),
            (MetricName::InboundPoisoned, number(poisoned.saturating_sub(poisoned_before))),
            (MetricName::InboundUnstored, number(unstored)),
        ];
        observers.record_together(values, dimensions);
    }
}

fn number(number: usize) -> f64 {
    u32::try_from(number).unwrap_or(u32::MAX).into()
}

/// The correlation id: the one in the request's extensions, or the queue record's id.
fn correlation(request: &InboundRequest) -> Option<CorrelationId> {
    match request.origin() {
        Origin::Http { parts, .. } => parts.extensions.get().cloned(),
        Origin::Trusted { id, .. } => CorrelationId::new(id).ok(),
    }
}

/// The request's W3C trace parent, if it has a valid one.
fn trace(request: &InboundRequest) -> Option<TraceParent> {
    match request.origin() {
        Origin::Http { .. } => TraceParent::parse(request.header("traceparent")?),
        Origin::Trusted { attributes, .. } => {
            attributes.iter().find(|(name, _)| name == "traceparent").and_then(|(_, value)| TraceParent::parse(value))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::StatusCode;

    use super::*;
    use crate::telemetry::{Metric, Observer};

    #[derive(Debug, Default)]
    struct Kept(Mutex<Vec<(&'static str, f64)>>);

    impl Observer for Kept {
        fn record(&self, metric: &Metric<'_>) {
            self.0.lock().unwrap().push((metric.name.as_str(), metric.value));
        }
    }

    #[test]
    fn inbound_events_are_counted_by_what_became_of_them() {
        let kept = Arc::new(Kept::default());
        let counts = Counts { accepted: 5, poisoned: 2, accepted_before: 2, poisoned_before: 1, ..Counts::default() };
        let received = Received { accepted: 5, poisoned: 2, ..Received::plain(Ack::Done, StatusCode::OK, "ok") }.with(counts);
        End::of(&received).count(&Observers::new([Arc::clone(&kept) as Arc<dyn Observer>]), "demo");
        let kept = kept.0.lock().unwrap();
        assert_eq!(*kept, [("inbound_requests", 1.0), ("inbound_events", 3.0), ("inbound_duplicates", 3.0), ("inbound_poisoned", 1.0)]);
    }
}
