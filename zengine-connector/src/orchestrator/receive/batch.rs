//! Handling of one request's events: claim → evidence → admit → handler → settle (rule 84).

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_channel::oneshot;
use futures_util::{StreamExt, stream};
use tracing::{Instrument as _, Span, field};

use super::{
    claim::{Claim, Taken},
    plan::InboundTask,
    poison::Poison,
    progress::{EventResult, Progress},
    report::InboundReport,
};
use crate::{
    error::{Disposition, Error, ErrorKind},
    ids::{ConversationId, CorrelationId, FailureId, TenantId},
    message::InboundEvent,
    orchestrator::{HandlerContext, HandlerError, Orchestrator, ReplyTo, handler::DynHandler},
    pipeline::{Engine, Running},
    registry::RegisteredStrategy,
    runtime::{catch, guard, within},
    store::{ClaimKey, DeadLetter, InboundStatus},
    strategy::{Admit, DynInbound, ErasedTenant, EventContext, ProviderKey},
    sync::{Limit, Permit},
};

/// Time without an answer after which a request begins no further event: a store that hangs costs it once, not once per
/// conversation.
const UNANSWERED: Duration = Duration::from_secs(5);

/// Age from which an ephemeral event is late, with the difference of two clocks in it.
const LATE_MS: i64 = 60_000;

/// Time after which the handler of an ephemeral event goes on without its request, whose other events and permit wait no longer.
const EPHEMERAL_WAIT: Duration = Duration::from_secs(2);

/// The part that all tasks of one request share.
pub(super) struct Batch {
    pub(super) orchestrator: Orchestrator,
    pub(super) entry: Arc<RegisteredStrategy>,
    /// The strategy that admits the events. `None` for those that it raised itself.
    pub(super) inbound: Option<Arc<dyn DynInbound>>,
    pub(super) handler: Arc<dyn DynHandler>,
    /// Whether the request may hold events of several tenants.
    pub(super) shared: bool,
    pub(super) reply_by: Option<SystemTime>,
    /// The conversation whose cursor the response of a synchronous channel holds.
    pub(super) conversation: Option<(TenantId, ConversationId)>,
    pub(super) correlation: Option<CorrelationId>,
    pub(super) traceparent: Option<String>,
    pub(super) progress: Arc<Progress>,
    pub(super) _permit: Permit<Arc<Limit>>,
    /// The request that the events came with, which is told as dropped if its caller went away before the work ends.
    pub(super) report: Option<Arc<InboundReport>>,
    /// Id of the dead letter that the events are from. Events that still can never be handled stay in it: no other is stored.
    pub(super) replay: Option<FailureId>,
}

impl Batch {
    fn engine(&self) -> &Arc<Engine> {
        &self.orchestrator.engine
    }

    /// Runs the partitions concurrently in a task of its own, which goes on if the caller is dropped. The receiver completes
    /// when all partitions are done, or when the task could not start: then all events are unstored.
    pub(super) fn start(self: &Arc<Self>, partitions: Vec<Vec<InboundTask>>) -> oneshot::Receiver<()> {
        let (done, wait) = oneshot::channel();
        let (batch, running) = (Arc::clone(self), Running::of(Arc::clone(self.engine())));
        let task = async move {
            // In this order: a shutdown that waits for the work flushes what the batch tells as its last holder.
            let (_running, batch) = (running, batch);
            let parallel = batch.orchestrator.inbound.settings.parallel;
            stream::iter(partitions).for_each_concurrent(parallel, |partition| batch.run(partition)).await;
            if let (Some((answered, ended)), Some(report)) = (batch.progress.finish(), &batch.report) {
                report.tell_rest(answered, ended);
            }
            let _ = done.send(());
        };
        let taken = self.engine().spawner.spawn(Box::pin(task.instrument(Span::current())));
        if !taken {
            tracing::warn!(strategy = %self.entry.name, "inbound.not_spawned");
        }
        wait
    }

    /// Runs the tasks of one partition in order. After an event that must be delivered again, so must all that follow.
    async fn run(&self, partition: Vec<InboundTask>) {
        let mut stopped = false;
        for task in partition {
            let (is_ephemeral, key) = (task.ephemeral().is_some(), task.kept());
            let span = if stopped { Span::none() } else { self.span(&task) };
            let mut result = EventResult::Unstored;
            if !stopped {
                result = catch(Box::pin(self.run_task(task)).instrument(span.clone())).await.unwrap_or(result);
            }
            if is_ephemeral && result == EventResult::Unstored {
                result = EventResult::Dropped;
            }
            span.record("outcome", result.as_str());
            // What follows an event that another request works on would overtake it.
            stopped |= matches!(result, EventResult::Unstored | EventResult::Pending);
            if is_ephemeral {
                self.progress.add_ephemeral(result);
            } else {
                self.progress.end(key, result);
            }
        }
    }

    /// The span of one event: `zengine.handle`. None for an element that cannot be handled.
    fn span(&self, task: &InboundTask) -> Span {
        let InboundTask::Handle { event, .. } = task else { return Span::none() };
        tracing::info_span!(
            "zengine.handle",
            tenant_id = event.tenant.as_str(),
            strategy = self.entry.name.as_str(),
            event_id = &*event.id,
            correlation_id = self.correlation.as_ref().map(CorrelationId::as_str),
            trace = self.traceparent.as_deref(),
            outcome = field::Empty,
        )
    }

    async fn run_task(&self, task: InboundTask) -> EventResult {
        let key = match &task {
            InboundTask::Handle { key, .. } => key.clone(),
            InboundTask::Keep(poison) if self.replay.is_some() => return self.keep(poison, self.now()).await,
            InboundTask::Keep(poison) => poison.key.clone(),
            InboundTask::Wait => return EventResult::Unstored,
        };
        // During shutdown, tasks in progress finish and no new one starts.
        if self.progress.is_spent() || self.engine().is_closing() {
            return EventResult::Unstored;
        }
        let began = self.now();
        if let Some(event) = task.ephemeral() {
            let late = event.occurred_at_ms.is_some_and(|at_ms| self.engine().now_ms().saturating_sub(at_ms) > LATE_MS);
            return if late || !self.progress.spend() { EventResult::Dropped } else { self.work(task, began).await };
        }
        let identity = match &task {
            InboundTask::Handle { event, identity: Some(identity), .. } => Some((&event.tenant, &**identity)),
            _ => None,
        };
        let claim = match self.or_stop(began, Claim::take(&self.orchestrator, key, self.replay.is_some(), identity).await) {
            Ok(Taken::Ours(claim)) => claim,
            Ok(Taken::Conflict) => return self.conflict(task).await,
            Ok(Taken::Settled(InboundStatus::Poison)) => return EventResult::KnownPoison,
            Ok(Taken::Settled(_)) => return EventResult::Settled,
            // The other request's work ends in the same conversation: a failure would make a person write again.
            Ok(Taken::Elsewhere) if self.may_wait(&task) => return EventResult::Pending,
            Ok(Taken::Elsewhere) => return EventResult::Unstored,
            Err(error) => {
                tracing::warn!(strategy = %self.entry.name, error = %error, "inbound.claim_unavailable");
                return EventResult::Unstored;
            }
        };
        if !self.progress.spend() {
            let _ = self.or_stop(began, claim.release().await);
            return EventResult::Unstored;
        }
        let result = catch(claim.hold(self.work(task, began))).await.unwrap_or(EventResult::Unstored);
        match result {
            EventResult::Accepted | EventResult::Settled | EventResult::Dropped => self.settle(&claim, InboundStatus::Stored).await,
            EventResult::Poisoned | EventResult::KnownPoison => self.settle(&claim, InboundStatus::Poison).await,
            EventResult::Unstored | EventResult::Conflict | EventResult::Pending => {
                drop(self.or_stop(self.now(), claim.release().await));
            }
        }
        result
    }

    /// Whether the other side can ask for what becomes of an event.
    fn may_wait(&self, task: &InboundTask) -> bool {
        let InboundTask::Handle { event, .. } = task else { return false };
        let known = self.conversation.as_ref();
        known.is_some_and(|(tenant, conversation)| *tenant == event.tenant && event.conversation.as_ref() == Some(conversation))
    }

    /// An event that came under the key of another one: told by the response of a synchronous channel, else kept as a letter under a key of
    /// its own.
    async fn conflict(&self, task: InboundTask) -> EventResult {
        let InboundTask::Handle { mut event, reference, identity: Some(identity), .. } = task else { return EventResult::Unstored };
        if self.reply_by.is_some() {
            tracing::warn!(tenant_id = %event.tenant, strategy = %self.entry.name, event_id = %event.id, "inbound.conflict");
            self.progress.note_conflict(identity.dedup, event.id);
            return EventResult::Conflict;
        }
        event.dedupe_key = identity.conflict_key(self.engine(), &event.tenant, &self.entry.name);
        event.id = event.dedupe_key.event_id();
        let key = ClaimKey::inbound(&event.tenant, &event.strategy, &event.dedupe_key);
        if self.replay.is_some() {
            // It is replayed on purpose: an event of its own, as the letter of a conflict is.
            return Box::pin(self.run_task(InboundTask::Handle { key, event, reference, identity: None })).await;
        }
        match Poison::handled(&event, key, ErrorKind::Mismatch, "another event came under the same key") {
            Ok(poison) => Box::pin(self.run_task(InboundTask::Keep(Box::new(poison)))).await,
            Err(error) => self.unstored(&event, "dead_letter", &error),
        }
    }

    async fn settle(&self, claim: &Claim, status: InboundStatus) {
        let _underway = self.progress.underway();
        let _ = self.or_stop(self.now(), claim.settle(status).await);
    }

    /// The result of a step. If it failed [`UNANSWERED`] after `began`, a store hangs, and the request begins no further event.
    fn or_stop<T, E>(&self, began: Duration, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() && self.now().saturating_sub(began) >= UNANSWERED {
            self.progress.stop();
        }
        result
    }

    fn now(&self) -> Duration {
        self.engine().clock.monotonic()
    }

    async fn work(&self, task: InboundTask, began: Duration) -> EventResult {
        match task {
            InboundTask::Handle { key, event, reference, .. } => self.handle(key, event, reference, began).await,
            InboundTask::Keep(poison) => self.keep(&poison, began).await,
            InboundTask::Wait => EventResult::Unstored,
        }
    }

    async fn keep(&self, poison: &Poison, began: Duration) -> EventResult {
        if let Some(letter) = &self.replay {
            tracing::warn!(
                tenant_id = DeadLetter::known_tenant(&poison.tenant),
                strategy = %self.entry.name,
                failure_id = %letter,
                record = %poison.key,
                reason = poison.reason,
                "inbound.still_poison"
            );
            return EventResult::Poisoned;
        }
        match self.or_stop(began, poison.keep(self.engine(), &self.entry.name).await) {
            Ok(()) => EventResult::Poisoned,
            Err(error) => {
                tracing::warn!(tenant_id = DeadLetter::known_tenant(&poison.tenant), strategy = %self.entry.name, error = %error, "inbound.dead_letter_unavailable");
                EventResult::Unstored
            }
        }
    }

    async fn handle(&self, key: ClaimKey, mut event: Box<InboundEvent>, reference: Option<ProviderKey>, began: Duration) -> EventResult {
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
        let (handler, kept) = (Arc::clone(&self.handler), event.clone());
        let (end, wait) = oneshot::channel();
        let is_ephemeral = kept.event.is_ephemeral();
        // What is ephemeral does not come again in any case.
        let underway = (!is_ephemeral).then(|| self.progress.underway());
        let task = async move {
            let _ = end.send(catch(async { handler.handle_event(*event, cx).await }).await);
        };
        let taken = self.engine().spawner.spawn(Box::pin(task.instrument(Span::current())));
        // The sender is gone if the task was not taken.
        let ended = if is_ephemeral {
            let Some(ended) = within(&*self.engine().clock, EPHEMERAL_WAIT, wait).await else { return EventResult::Dropped };
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

    fn unstored(&self, event: &InboundEvent, step: &'static str, error: &Error) -> EventResult {
        tracing::warn!(tenant_id = %event.tenant, strategy = %self.entry.name, event_id = %event.id, step, error = %error, "inbound.unstored");
        EventResult::Unstored
    }
}
