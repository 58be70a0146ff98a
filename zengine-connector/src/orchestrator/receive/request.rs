//! One request, from arrival to answer.

use std::{collections::HashSet, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Response, StatusCode};
use tracing::{Instrument as _, Level, Span, field};

use super::{
    answer::{Ack, Received},
    batch::Batch,
    bounds,
    lookup::EngineLookup,
    plan::Plan,
    progress::Progress,
    report,
    route::Router,
    synchronous::{ConversationReader, before},
};
use crate::{
    error::{Error, ErrorKind},
    ids::{ConversationId, CorrelationId, IntoId, StrategyName, TenantId},
    orchestrator::Orchestrator,
    pipeline::Engine,
    registry::RegisteredStrategy,
    runtime::{Missed, guard, ms, to_ms},
    strategy::{
        CredentialFault, DynInbound, Handled, InboundRequest, Origin, Principal, RawPayload, Reply, ReplyCursor, Step, Verified,
        VerifyError,
    },
    sync::Permit,
    telemetry::{Dimensions, MetricName, TraceParent},
};

/// Maximum time for `respond`.
const RESPOND_TIMEOUT: Duration = Duration::from_secs(10);

/// The `Retry-After` while too many requests are under work.
const BUSY: Duration = Duration::from_secs(5);

/// Time to collect replies, where the deadline leaves less.
const COLLECT: Duration = Duration::from_millis(500);

impl Orchestrator {
    /// Receives a provider's delivery: an HTTP request or a queue record. Verifies it, normalizes it into events, and passes
    /// each new event to the handler.
    ///
    /// On a channel that acknowledges, it returns when all handlers are done. On a synchronous channel it waits for handlers
    /// until the strategy's deadline, counted from the end of `verify`, or half a second longer if the store of the replies
    /// hangs; handlers go on. Dropping the future stops the waiting, never the work.
    ///
    /// A body larger than [`max_body_bytes`](crate::orchestrator::InboundSettings::max_body_bytes) is refused unread. Without a
    /// handler, events are answered with 503, so that none is lost; so are those of a request beyond
    /// [`max_requests`](crate::orchestrator::InboundSettings::max_requests).
    ///
    /// # Errors
    /// `UnknownStrategy` if the name is not registered, `Unsupported` if the strategy only sends. A refused request is not an
    /// error but a [`Received`] with its response.
    pub async fn receive(&self, strategy: impl IntoId<StrategyName>, request: InboundRequest) -> Result<Received, Error> {
        self.receive_by(strategy.as_ref(), request).await
    }

    pub(super) async fn receive_by(&self, strategy: &str, request: InboundRequest) -> Result<Received, Error> {
        let (entry, inbound) = self.receives(strategy)?;
        let arrived = self.engine.clock.monotonic();
        let call = InboundCall { orchestrator: self, entry, inbound, request: &request };
        let span = call.span();
        let received = pin!(call.receive()).instrument(span.clone()).await;
        span.in_scope(|| call.log(&received, self.engine.clock.monotonic().saturating_sub(arrived)));
        span.record("outcome", received.ack.as_str()).record("tenant_id", received.tenant.as_ref().map(TenantId::as_str));
        report::count(&self.engine.observers, entry.name.as_str(), &received);
        Ok(received)
    }

    /// The registered strategy and its inbound half.
    pub(super) fn receives(&self, strategy: &str) -> Result<(&Arc<RegisteredStrategy>, &Arc<dyn DynInbound>), Error> {
        let entry = self.engine.registry.entry(strategy)?;
        let only_sends = || Error::new(ErrorKind::Unsupported, "the strategy only sends").with_context("strategy", &entry.name);
        Ok((entry, entry.inbound.as_ref().ok_or_else(only_sends)?))
    }
}

/// A request with its strategy and engine.
pub(super) struct InboundCall<'a> {
    pub(super) orchestrator: &'a Orchestrator,
    pub(super) entry: &'a Arc<RegisteredStrategy>,
    pub(super) inbound: &'a Arc<dyn DynInbound>,
    pub(super) request: &'a InboundRequest,
}

impl InboundCall<'_> {
    fn engine(&self) -> &Arc<Engine> {
        &self.orchestrator.engine
    }

    /// The span of the request: `zengine.receive`, whose parent is the caller's span. `outcome` is recorded at its end.
    pub(super) fn span(&self) -> Span {
        tracing::info_span!(
            "zengine.receive",
            strategy = self.entry.name.as_str(),
            tenant_id = field::Empty,
            correlation_id = correlation(self.request).as_ref().map(CorrelationId::as_str),
            trace = trace(self.request).map(field::display),
            outcome = field::Empty,
        )
    }

    /// The event `inbound.completed` of a request or record (rule 81). WARN if its credentials were refused, else INFO. A fact without a
    /// value has no key.
    pub(super) fn log(&self, received: &Received, duration: Duration) {
        // Only if one tenant's credentials authenticated the whole request.
        let tenant = received.tenant.as_ref().map(TenantId::as_str);
        macro_rules! event {
            ($level:ident) => {
                tracing::event!(
                    Level::$level,
                    strategy = self.entry.name.as_str(),
                    tenant_id = tenant,
                    outcome = received.ack.as_str(),
                    reason = received.reason,
                    credentials = received.credentials.map(CredentialFault::as_str),
                    http_status = received.response.status().as_u16(),
                    accepted = received.accepted,
                    poisoned = received.poisoned,
                    unstored = received.unstored,
                    duplicates = received.duplicates,
                    body_bytes = self.request.body().len(),
                    correlation_id = correlation(self.request).as_ref().map(CorrelationId::as_str),
                    trace = trace(self.request).map(field::display),
                    duration_ms = ms(duration),
                    "inbound.completed"
                )
            };
        }
        if received.is_forbidden() { event!(WARN) } else { event!(INFO) }
    }

    async fn receive(&self) -> Received {
        if self.engine().is_closing() {
            return Received::refused(&VerifyError::Unavailable(Error::new(ErrorKind::Busy, "the host shuts down")));
        }
        if self.request.body().len() > self.orchestrator.inbound.settings.max_body_bytes {
            return Received::refused(&VerifyError::TooLarge);
        }
        match self.verify().await {
            Err(Some(refused)) => Received::refused(&refused),
            Err(None) => broken(),
            Ok(Verified { principal, step: Step::Events(payload) }) => self.events(principal, payload).await,
            Ok(Verified { step: Step::Reply(response), .. }) => Received::new(ack_of(&response), response),
            Ok(Verified { principal, step: Step::Poll { conversation, after } }) => {
                let Principal::Tenant(tenant) = &principal else { return broken() };
                match after.as_deref().map_or(Ok(0), str::parse) {
                    Ok(after) => {
                        let reader = ConversationReader { after, ..self.reader(tenant, &conversation) };
                        self.poll(principal, reader).await
                    }
                    Err(_) => Received::refused(&VerifyError::Malformed("invalid cursor")),
                }
            }
        }
    }

    /// Authenticates the request. The inner error is `None` if the strategy panicked.
    pub(super) async fn verify(&self) -> Result<Verified, Option<VerifyError>> {
        let lookup = Arc::new(EngineLookup { engine: Arc::clone(self.engine()), entry: Arc::clone(self.entry) });
        let verify = self.inbound.verify(self.request, lookup);
        match guard(&*self.engine().clock, self.orchestrator.inbound.settings.verify_timeout, verify).await {
            Ok(Ok(verified)) => Ok(verified),
            Ok(Err(error)) => {
                if let VerifyError::Unavailable(cause) = &error {
                    if self.entry.warned.is_due(self.engine().clock.monotonic()) {
                        tracing::warn!(strategy = %self.entry.name, error = %cause, "inbound.verify_unavailable");
                    }
                    return Err(Some(error));
                }
                let bounded = bounds::check(&self.orchestrator.inbound.settings, &**self.inbound, self.request.body()).is_ok();
                Err(Some(if bounded { error } else { VerifyError::TooLarge }))
            }
            Err(Missed::Panicked) => {
                tracing::error!(strategy = %self.entry.name, "inbound.verify_panicked");
                Err(None)
            }
            Err(Missed::TimedOut) => Err(Some(VerifyError::Unavailable(Error::new(ErrorKind::Timeout, "verify did not finish in time")))),
        }
    }

    async fn events(&self, principal: Principal, payload: RawPayload) -> Received {
        let Some(permit) = Permit::of(Arc::clone(&self.orchestrator.inbound.requests)) else {
            let strategy = Some(self.entry.name.as_str());
            self.engine().observers.count(MetricName::InboundBusy, 1, Dimensions { strategy, ..Dimensions::default() });
            let busy = Error::new(ErrorKind::Busy, "too many requests are under work").with_retry_after(BUSY);
            return Received::refused(&VerifyError::Unavailable(busy)).of(&principal);
        };
        let (arrived, began) = (self.engine().clock.now(), self.engine().clock.monotonic());
        let deadline = match self.entry.descriptor.reply {
            Reply::Acknowledge => None,
            Reply::Synchronous { deadline_ms } => Some(Duration::from_millis(deadline_ms)),
        };
        let until = deadline.map(|time| began + time);
        let planned = Box::pin(async {
            let mut router = Router::new(self.engine(), self.entry, &principal, to_ms(arrived));
            let elements = router.read(&self.orchestrator.inbound.settings, &**self.inbound, &payload).await;
            Plan::of(&router, &payload, elements)
        });
        let Some(plan) = before(&*self.engine().clock, until, planned).await else {
            let error = Error::new(ErrorKind::Timeout, "the tenant directory did not answer before the deadline of the channel");
            return Received::refused(&VerifyError::Unavailable(error)).of(&principal);
        };
        let cursor = payload.note::<ReplyCursor>().map(|cursor| cursor.0.clone());
        let mut handled = Handled::new(principal);
        (handled.unstored, handled.payload) = (plan.tasks, Some(payload));

        let Some(handler) = &self.orchestrator.inbound.handler else {
            if plan.tasks > 0 {
                tracing::error!(strategy = %self.entry.name, events = plan.tasks, "inbound.no_handler");
            }
            return self.respond(handled, until).await;
        };

        // Read the start of the response before a handler can reply.
        let conversation = plan.conversation.as_ref().filter(|_| deadline.is_some());
        let mut reader = conversation.map(|(tenant, conversation)| self.reader(tenant, conversation));
        if let Some(reader) = &mut reader
            && let Err(error) = reader.begin(cursor.as_deref(), until).await
        {
            tracing::warn!(strategy = %self.entry.name, error = %error, "inbound.outbox_unavailable");
            return self.respond(handled, until).await;
        }
        let batch = Arc::new(Batch {
            orchestrator: self.orchestrator.clone(),
            entry: Arc::clone(self.entry),
            inbound: Arc::clone(self.inbound),
            handler: Arc::clone(handler),
            shared: handled.principal == Principal::Shared,
            reply_by: deadline.map(|time| arrived + time),
            correlation: correlation(self.request),
            traceparent: trace(self.request).map(|trace| trace.to_string()),
            progress: Progress::new(plan.tasks, self.orchestrator.inbound.settings.max_events),
            _permit: permit,
            replay: None,
        });
        // A dropped task ends the wait too. Events that it did not count must be delivered again.
        let done = before(&*self.engine().clock, until, batch.start(plan.partitions)).await.is_some();
        let counts = if done { batch.progress.at_the_end() } else { batch.progress.so_far() };
        (handled.accepted, handled.poisoned, handled.unstored) = (counts.accepted, counts.poisoned, counts.unstored);
        handled.pending = !done;
        let until = until.map(|until| until.max(self.engine().clock.monotonic() + COLLECT));
        match &reader {
            // The sender drops this response and asks again; replies in it would be lost.
            Some(reader) if handled.unstored > 0 => reader.put_off(&mut handled),
            Some(reader) => {
                if let Err(error) = reader.collect(&plan.events, &mut handled, until).await {
                    tracing::warn!(strategy = %self.entry.name, error = %error, "inbound.outbox_unavailable");
                    reader.put_off(&mut handled);
                }
            }
            None => {}
        }
        self.respond(handled, until).await.with(counts)
    }

    fn reader(&self, tenant: &TenantId, conversation: &ConversationId) -> ConversationReader<'_> {
        let outbox = self.orchestrator.outbox(tenant, &self.entry.name, conversation);
        ConversationReader { outbox, after: 0 }
    }

    async fn poll(&self, principal: Principal, reader: ConversationReader<'_>) -> Received {
        let mut handled = Handled::new(principal);
        match reader.collect(&HashSet::new(), &mut handled, None).await {
            Ok(()) => self.respond(handled, None).await,
            Err(error) => Received::refused(&VerifyError::Unavailable(error)).of(&handled.principal),
        }
    }

    /// The strategy's response. Replaced by the default one if the strategy panics, or if it reports success although an event
    /// must be delivered again.
    async fn respond(&self, handled: Handled, until: Option<Duration>) -> Received {
        let until = until.unwrap_or_else(|| self.engine().clock.monotonic() + RESPOND_TIMEOUT);
        let tenant = match &handled.principal {
            Principal::Tenant(tenant) => before(&*self.engine().clock, Some(until), self.engine().tenants.bind(self.entry, tenant)).await,
            Principal::Shared => None,
        };
        let tenant = tenant.and_then(Result::ok).map(|bound| Arc::clone(&bound.state));
        let respond = self.inbound.respond(self.request, &handled, tenant.as_ref());
        let response = match guard(&*self.engine().clock, RESPOND_TIMEOUT, respond).await {
            Ok(response) if handled.unstored == 0 || !response.status().is_success() => response,
            failed => {
                match failed {
                    Ok(_) => tracing::error!(strategy = %self.entry.name, unstored = handled.unstored, "inbound.premature_acknowledgement"),
                    Err(Missed::Panicked) => tracing::error!(strategy = %self.entry.name, "inbound.respond_panicked"),
                    Err(Missed::TimedOut) => tracing::error!(strategy = %self.entry.name, "inbound.respond_timed_out"),
                }
                handled.acknowledge()
            }
        };
        let Handled { principal, accepted, poisoned, unstored, .. } = handled;
        let ack = if unstored > 0 { Ack::Redeliver } else { Ack::Done };
        Received { accepted, poisoned, unstored, ..Received::new(ack, response) }.of(&principal)
    }
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

fn ack_of(response: &Response<Bytes>) -> Ack {
    match response.status() {
        status if status.is_server_error() => Ack::Redeliver,
        status if status.is_client_error() => Ack::Refused,
        _ => Ack::Done,
    }
}

/// The answer after a strategy panicked: 500, so that the provider delivers again.
fn broken() -> Received {
    Received::plain(Ack::Redeliver, StatusCode::INTERNAL_SERVER_ERROR, "internal error")
}
