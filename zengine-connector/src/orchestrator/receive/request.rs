//! One request, from arrival to answer.

use std::{pin::pin, sync::Arc, time::Duration};

use super::{
    answer::{Ack, Received},
    batch::Batch,
    cursor::AWAITED,
    due::{COLLECT, KEPT},
    plan::Plan,
    progress::Progress,
    report::InboundReport,
    route::Router,
    synchronous::before,
};
use crate::{
    error::{Error, ErrorKind},
    ids::{IntoId, StrategyName},
    orchestrator::Orchestrator,
    pipeline::Engine,
    registry::RegisteredStrategy,
    runtime::to_ms,
    strategy::{DynInbound, Handled, InboundRequest, Principal, RawPayload, Reply, ReplyCursor, Step, Verified, VerifyError},
    sync::Permit,
    telemetry::{Dimensions, MetricName},
};
/// The `Retry-After` while too many requests are under work.
const BUSY: Duration = Duration::from_secs(5);

impl Orchestrator {
    /// Receives a provider's delivery: an HTTP request or a queue record. Verifies it, normalizes it into events, and passes
    /// each new event to the handler.
    ///
    /// On a channel that acknowledges, it returns when all handlers are done, or with 503 when the time for that has passed
    /// ([`Reply::Acknowledge`]); handlers go on. On a synchronous channel it waits for handlers
    /// until the strategy's deadline, counted from the end of `verify`, or half a second longer if the store of the replies
    /// hangs; handlers go on. Dropping the future stops the waiting, never the work; the line and the metrics of the request come when
    /// the work ends, with the outcome `dropped`.
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
        let report = InboundReport::of(&self.engine, strategy, &request);
        let mut received = report.run(pin!(self.work(&report, strategy, &request))).await;
        report.end(request.head(), &mut received).await;
        received
    }

    /// Works on a request whose body has arrived.
    pub(super) async fn work(&self, report: &Arc<InboundReport>, strategy: &str, request: &InboundRequest) -> Result<Received, Error> {
        report.body(request.body().len());
        let (entry, inbound) = self.receives(strategy)?;
        Ok(InboundCall { orchestrator: self, entry, inbound, request, report }.receive().await)
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
    pub(super) report: &'a Arc<InboundReport>,
}

impl InboundCall<'_> {
    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.orchestrator.engine
    }

    async fn receive(&self) -> Received {
        let due = self.due();
        if let Some(due) = due {
            self.report.is_due(due.whole);
        }
        if self.engine().is_closing() {
            return Received::refused(&VerifyError::Unavailable(Error::new(ErrorKind::Busy, "the host shuts down")));
        }
        if self.request.body().len() > self.orchestrator.inbound.settings.max_body_bytes {
            return Received::refused(&VerifyError::TooLarge);
        }
        let lookup = Arc::clone(self.report.lookup(self.entry));
        let rest = due.map_or(Duration::MAX, |due| due.work.saturating_sub(self.engine().clock.monotonic()));
        let time = self.orchestrator.inbound.settings.verify_timeout.min(rest);
        match self.orchestrator.verify(self.entry, &**self.inbound, self.request, lookup, time).await {
            Err(Some(refused)) => Received::refused(&refused),
            Err(None) => Received::broken(),
            Ok(Verified { principal, step: Step::Events(payload) }) => self.events(principal, payload).await,
            Ok(Verified { step: Step::Reply(response), .. }) => Received::new(Ack::of(&response), response),
            Ok(Verified { principal, step: Step::Poll { conversation, after } }) => {
                let Principal::Tenant(tenant) = &principal else { return Received::broken() };
                self.poll(self.reader(tenant, &conversation), principal.clone(), after.as_deref()).await
            }
        }
    }

    /// Refuses a request for which there is no room.
    pub(super) fn busy(&self, why: &'static str, principal: &Principal) -> Received {
        let strategy = Some(self.entry.name.as_str());
        self.engine().observers.count(MetricName::InboundBusy, 1, Dimensions { strategy, ..Dimensions::default() });
        let busy = Error::new(ErrorKind::Busy, why).with_retry_after(BUSY);
        Received::refused(&VerifyError::Unavailable(busy)).of(principal)
    }

    async fn events(&self, principal: Principal, payload: RawPayload) -> Received {
        let Some(permit) = Permit::of(Arc::clone(&self.orchestrator.inbound.requests)) else {
            return self.busy("too many requests are under work", &principal);
        };
        let (arrived, began) = (self.engine().clock.now(), self.engine().clock.monotonic());
        let deadline = match self.entry.descriptor.reply {
            Reply::Acknowledge { .. } => None,
            Reply::Synchronous { deadline_ms } => Some(Duration::from_millis(deadline_ms)),
        };
        let due = self.due();
        let until = deadline.map(|time| began + time).or(due.map(|due| due.work));
        let respond_by = due.map(|due| due.respond).or(until);
        let planned = Box::pin(async {
            let mut router = Router::new(self.engine(), self.entry, &principal, to_ms(arrived));
            let elements = router.read(&self.orchestrator.inbound.settings, &**self.inbound, &payload).await;
            Plan::of(&router, &payload, elements)
        });
        let Some(mut plan) = before(&*self.engine().clock, until, planned).await else {
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
            return self.respond(handled, respond_by).await;
        };

        // Read the start of the response before a handler can reply.
        let conversation = plan.conversation.as_ref().filter(|_| deadline.is_some());
        let mut reader = conversation.map(|(tenant, conversation)| self.reader(tenant, conversation));
        if let Some(reader) = &mut reader
            && let Err(error) = reader.begin(cursor.as_deref(), &plan.keys, until).await
        {
            tracing::warn!(strategy = %self.entry.name, error = %error, "inbound.outbox_unavailable");
            return self.respond(handled, respond_by).await;
        }
        let mut progress = Progress::new(plan.tasks, self.orchestrator.inbound.settings.max_events).with_ephemeral(plan.ephemeral);
        if deadline.is_some() {
            let room = reader.as_ref().map_or(0, |reader| AWAITED.saturating_sub(reader.cursor.awaited.len()));
            progress = progress.with_awaited(std::mem::take(&mut plan.keys), room);
        }
        let batch = Arc::new(Batch {
            inbound: Some(Arc::clone(self.inbound)),
            shared: handled.principal == Principal::Shared,
            reply_by: deadline.map(|time| arrived + time),
            conversation: conversation.cloned(),
            correlation: self.report.correlation.clone(),
            traceparent: self.report.trace.map(|trace| trace.to_string()),
            report: Some(Arc::clone(self.report)),
            ..Batch::new(self.orchestrator, self.entry, handler, progress, permit)
        });
        self.report.works(handled.principal.tenant().cloned(), Arc::clone(&batch.progress));
        // A dropped task ends the wait too. Events that it did not count must be delivered again.
        let done = before(&*self.engine().clock, until, batch.start(plan.partitions)).await.is_some();
        let counts = match (done, deadline) {
            (true, _) => batch.progress.at_the_end(),
            (false, Some(_)) => batch.progress.so_far(),
            // The provider waits no longer: what is not stored by now comes again, and meets its record.
            (false, None) => batch.progress.stored_so_far(),
        };
        let late = !done && deadline.is_none() && counts.unstored > 0;
        (handled.accepted, handled.poisoned, handled.unstored) = (counts.accepted, counts.poisoned, counts.unstored);
        handled.pending = (!done && deadline.is_some()) || counts.pending > 0;
        for (dedup, id) in batch.progress.conflicts() {
            // The replies are those of the other event.
            plan.events.remove(&id);
            handled.conflict.push(dedup);
        }
        let until = match due {
            Some(due) => Some(due.respond),
            None => until.map(|until| until.max(self.engine().clock.monotonic() + COLLECT)),
        };
        if let Some(until) = until.filter(|_| due.is_none()) {
            self.report.is_due(until.saturating_add(KEPT));
        }
        match &mut reader {
            // The sender drops this response and asks again; replies in it would be lost.
            Some(reader) if handled.unstored > 0 => reader.put_off(&mut handled),
            Some(reader) => {
                // What an earlier response left under work. If that cannot be read, this cursor still names it.
                let _ = self.look_after(reader, &mut handled, until).await;
                // What has ended by now has its replies in this response.
                reader.cursor.awaited.extend(batch.progress.awaited());
                handled.pending = !reader.cursor.awaited.is_empty();
                if let Err(error) = reader.collect(&plan.events, &mut handled, until).await {
                    tracing::warn!(strategy = %self.entry.name, error = %error, "inbound.outbox_unavailable");
                    reader.put_off(&mut handled);
                }
            }
            None => {}
        }
        let mut received = self.respond(handled, until).await.with(counts);
        if late {
            (received.late, received.reason) = (true, Some("answered before the events were handled"));
        }
        received
    }
}
