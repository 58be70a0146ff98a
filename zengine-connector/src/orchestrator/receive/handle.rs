//! One claimed event on its way to the handler: evidence → bind → admit → handler.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_channel::oneshot;
use tracing::{Instrument as _, Span};

use super::{batch::Batch, poison::Poison, progress::EventResult};
use crate::{
    error::{Disposition, Error, ErrorKind},
    message::InboundEvent,
    orchestrator::{HandlerContext, HandlerError, ReplyTo},
    pipeline::Running,
    runtime::{catch, guard, within},
    store::ClaimKey,
    strategy::{Admit, ErasedTenant, EventContext, ProviderKey},
    sync::Permit,
};

/// Time that a request waits for the handlers of its ephemeral events, all together. Then they go on by themselves.
const EPHEMERAL_WAIT: Duration = Duration::from_secs(2);

impl Batch {
    pub(super) async fn handle(
        &self,
        key: ClaimKey,
        mut event: Box<InboundEvent>,
        reference: Option<ProviderKey>,
        began: Duration,
    ) -> EventResult {
        if let Err(error) = self.or_stop(began, self.engine().take_evidence(&mut event, reference.as_ref()).await) {
            return self.unstored(&event, "evidence", &error);
        }
        let tenant = match self.or_stop(began, self.engine().tenants.bind_or_ask_again(&self.entry, &event.tenant).await) {
            Ok(bound) => Arc::clone(&bound.state),
            // On an endpoint that tenants share, one tenant with an invalid configuration must not make the provider redeliver
            // the events of all tenants for days. One whose secrets are away for a moment may.
            Err(error)
                if self.shared
                    && error.disposition() == Disposition::Reject
                    && !self.engine().tenants.may_recover(&self.entry, &event.tenant, self.age(&event)) =>
            {
                tracing::warn!(tenant_id = %event.tenant, strategy = %self.entry.name, error = %error, "inbound.tenant_broken");
                return self.poison(&event, key, error.kind(), "the tenant's configuration for this strategy is invalid").await;
            }
            Err(error) => return self.unstored(&event, "bind", &error),
        };
        match self.or_stop(began, self.admit(&tenant, &mut event).await) {
            Ok(Admit::Pass) => self.hand_over(key, event).await,
            Ok(Admit::Drop(reason)) => {
                tracing::debug!(tenant_id = %event.tenant, strategy = %self.entry.name, event_id = %event.id, reason, "inbound.dropped");
                EventResult::Accepted
            }
            Err(error) => self.unstored(&event, "admit", &error),
        }
    }

    /// The time since an event happened, if the provider tells when.
    fn age(&self, event: &InboundEvent) -> Option<Duration> {
        let age_ms = self.engine().now_ms().saturating_sub(event.occurred_at_ms?);
        Some(Duration::from_millis(u64::try_from(age_ms).unwrap_or(0)))
    }

    async fn admit(&self, tenant: &ErasedTenant, event: &mut InboundEvent) -> Result<Admit, Error> {
        let Some(inbound) = &self.inbound else { return Ok(Admit::Pass) };
        let engine = self.engine();
        let (whose, id, dedupe_key) = (event.tenant.clone(), event.id.clone(), event.dedupe_key);
        let admit_timeout = self.orchestrator.inbound.settings.admit_timeout;
        let deadline = engine.clock.now() + admit_timeout;
        let cx = EventContext { base: engine.base(&whose, &self.entry.name, deadline, self.correlation.clone(), self.traceparent.clone()) };
        let admitted = guard(&*engine.clock, admit_timeout, inbound.admit(tenant, event, &cx)).await;
        // The strategy may enrich an event, but not change its tenant, strategy, id or dedupe key.
        (event.tenant, event.strategy, event.id, event.dedupe_key) = (whose, self.entry.name.clone(), id, dedupe_key);
        admitted.unwrap_or_else(|missed| Err(missed.error("the strategy panicked in admit", "admit did not finish in time")))
    }

    /// Runs the handler in its own task, which neither a deadline nor a dropped caller ends.
    async fn hand_over(&self, key: ClaimKey, event: Box<InboundEvent>) -> EventResult {
        let reply_to = ReplyTo {
            tenant: event.tenant.clone(),
            strategy: event.strategy.clone(),
            to: event.from.clone(),
            conversation: event.conversation.clone(),
            event_id: event.id.clone(),
            message: event.provider_ids.first().cloned(),
            closed: !event.is_answerable(),
        };
        let cx = HandlerContext {
            orchestrator: self.orchestrator.clone(),
            reply_to: Arc::new(reply_to),
            reply_by: self.reply_by,
            correlation: self.correlation.clone(),
            traceparent: self.traceparent.clone(),
        };
        let is_ephemeral = event.event.is_ephemeral();
        // It may outlast the request and its permit.
        let room = if is_ephemeral {
            let Some(permit) = Permit::of(Arc::clone(&self.orchestrator.inbound.ephemeral)) else {
                tracing::debug!(tenant_id = %event.tenant, strategy = %self.entry.name, event_id = %event.id, "inbound.ephemeral_full");
                return EventResult::Dropped;
            };
            Some((permit, Running::of(Arc::clone(self.engine()))))
        } else {
            None
        };
        let (handler, kept) = (Arc::clone(&self.handler), event.clone());
        let (end, wait) = oneshot::channel();
        // What is ephemeral does not come again in any case.
        let underway = (!is_ephemeral).then(|| self.progress.underway());
        let task = async move {
            let _room = room;
            let _ = end.send(catch(async { handler.handle_event(*event, cx).await }).await);
        };
        let taken = self.engine().spawner.spawn(Box::pin(task.instrument(Span::current())));
        // The sender is gone if the task was not taken.
        let ended = if is_ephemeral {
            let (clock, began) = (&*self.engine().clock, self.now());
            let left = EPHEMERAL_WAIT.saturating_sub(Duration::from_nanos(self.ephemeral_waited.load(Ordering::Relaxed)));
            let ended = within(clock, left, wait).await;
            let waited = u64::try_from(self.now().saturating_sub(began).as_nanos()).unwrap_or(u64::MAX);
            self.ephemeral_waited.fetch_add(waited, Ordering::Relaxed);
            let Some(ended) = ended else { return EventResult::Dropped };
            ended
        } else {
            wait.await
        };
        drop(underway);
        let mut told = None;
        let reason = match ended {
            Ok(Some(Ok(()))) => return EventResult::Accepted,
            Ok(Some(Err(HandlerError::Poison(reason)))) => return self.poison(&kept, key, ErrorKind::InvalidContent, reason).await,
            Ok(Some(Err(refused @ HandlerError::NotStored { .. }))) => {
                told = refused.described();
                "the handler did not store the event"
            }
            Ok(None) => "the handler panicked",
            Err(oneshot::Canceled) if !taken => "the handler's task could not be spawned",
            Err(oneshot::Canceled) => "the handler's task was dropped",
        };
        let (error, error_type) = told.unzip();
        // The host's own text, which it may choose to keep out of its log.
        let error = error.filter(|_| self.orchestrator.inbound.settings.log_handler_errors);
        tracing::warn!(tenant_id = %kept.tenant, strategy = %self.entry.name, event_id = %kept.id, reason, error, error_type, "inbound.unstored");
        if self.progress.is_acknowledged() {
            return self.poison(&kept, key, ErrorKind::Unexpected, reason).await;
        }
        EventResult::Unstored
    }

    async fn poison(&self, event: &InboundEvent, key: ClaimKey, kind: ErrorKind, reason: &'static str) -> EventResult {
        if event.event.is_ephemeral() {
            return EventResult::Dropped;
        }
        match Poison::handled(event, key, kind, reason) {
            Ok(poison) => self.keep(&poison, self.now()).await,
            Err(error) => self.unstored(event, "dead_letter", &error),
        }
    }

    pub(super) fn unstored(&self, event: &InboundEvent, step: &'static str, error: &Error) -> EventResult {
        tracing::warn!(tenant_id = %event.tenant, strategy = %self.entry.name, event_id = %event.id, step, error = %error, "inbound.unstored");
        EventResult::Unstored
    }
}
