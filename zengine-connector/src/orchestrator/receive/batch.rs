//! One request's events on their way to the handler: claim → evidence → admit → handler → settle (rule 84).

use std::{sync::Arc, time::SystemTime};

use futures_channel::oneshot;
use futures_util::{StreamExt, stream};

use super::{
    claim::{Claim, Taken},
    evidence,
    guard::caught,
    plan::Job,
    poison::Poison,
    tally::{Fate, Tally},
};
use crate::{
    error::{Error, ErrorKind},
    ids::CorrelationId,
    message::InboundEvent,
    orchestrator::{Core, DynHandler, HandlerContext, HandlerError, Orchestrator, ReplyTo},
    registry::Entry,
    runtime::within,
    store::{ClaimKey, InboundStatus},
    strategy::{Admit, DynInbound, ErasedTenant, EventContext, ProviderKey},
};

/// What the tasks of one request share.
pub(super) struct Batch {
    pub(super) orchestrator: Orchestrator,
    pub(super) entry: Arc<Entry>,
    pub(super) inbound: Arc<dyn DynInbound>,
    pub(super) handler: Arc<dyn DynHandler>,
    /// The request may hold events of several tenants.
    pub(super) shared: bool,
    pub(super) reply_by: Option<SystemTime>,
    pub(super) correlation: Option<CorrelationId>,
    pub(super) traceparent: Option<String>,
    pub(super) tally: Tally,
}

impl Batch {
    fn core(&self) -> &Arc<Core> {
        &self.orchestrator.core
    }

    /// Runs lanes side by side, in a task of its own: whoever waits may go away, the work goes on. The receiver hears
    /// when all is done.
    pub(super) fn start(self: &Arc<Self>, lanes: Vec<Vec<Job>>) -> oneshot::Receiver<()> {
        let (done, wait) = oneshot::channel();
        let (batch, running) = (Arc::clone(self), self.core().batches.enter());
        self.core().spawner.spawn(Box::pin(async move {
            let _running = running;
            let parallel = batch.core().inbound.parallel;
            stream::iter(lanes).for_each_concurrent(parallel, |lane| batch.run(lane)).await;
            let _ = done.send(());
        }));
        wait
    }

    /// Runs the jobs of one conversation in order. Once one must come again, so must all after it.
    async fn run(&self, lane: Vec<Job>) {
        let mut stopped = false;
        for job in lane {
            let fate = if stopped { Fate::Unstored } else { caught(Box::pin(self.job(job))).await.unwrap_or(Fate::Unstored) };
            stopped |= fate == Fate::Unstored;
            self.tally.add(fate);
        }
    }

    async fn job(&self, job: Job) -> Fate {
        let key = match &job {
            Job::Handle { key, .. } => key.clone(),
            Job::Keep(poison) => poison.key.clone(),
            Job::Wait => return Fate::Unstored,
        };
        // A host that shuts down finishes what runs and takes nothing new.
        if self.tally.is_spent() || self.core().pipeline.is_closing() {
            return Fate::Unstored;
        }
        let claim = match Claim::take(self.core(), key).await {
            Taken::Ours(claim) => claim,
            Taken::Settled(InboundStatus::Poison) => return Fate::Poisoned,
            Taken::Settled(_) => return Fate::Accepted,
            Taken::Elsewhere => return Fate::Unstored,
            Taken::NoAnswer(error) => {
                tracing::warn!(strategy = %self.entry.name, error = %error, "inbound.claim_unavailable");
                return Fate::Unstored;
            }
        };
        if !self.tally.spend() {
            claim.release().await;
            return Fate::Unstored;
        }
        let fate = caught(claim.hold(self.work(job))).await.unwrap_or(Fate::Unstored);
        match fate {
            Fate::Accepted => claim.settle(InboundStatus::Stored).await,
            Fate::Poisoned => claim.settle(InboundStatus::Poison).await,
            Fate::Unstored => claim.release().await,
        }
        fate
    }

    async fn work(&self, job: Job) -> Fate {
        match job {
            Job::Handle { key, event, reference } => self.handle(key, event, reference).await,
            Job::Keep(poison) => self.keep(&poison).await,
            Job::Wait => Fate::Unstored,
        }
    }

    async fn keep(&self, poison: &Poison) -> Fate {
        match poison.keep(self.core(), &self.entry.name).await {
            Ok(()) => Fate::Poisoned,
            Err(error) => {
                tracing::warn!(tenant_id = %poison.tenant, strategy = %self.entry.name, error = %error, "inbound.dead_letter_unavailable");
                Fate::Unstored
            }
        }
    }

    async fn handle(&self, key: ClaimKey, mut event: Box<InboundEvent>, reference: Option<ProviderKey>) -> Fate {
        if let Err(error) = evidence::apply(self.core(), &mut event, reference.as_ref()).await {
            return self.unstored(&event, "evidence", &error);
        }
        let tenant = match self.core().tenants.bind(&self.entry, &event.tenant).await {
            Ok(bound) => Arc::clone(&bound.state),
            // On an endpoint that tenants share, one whose set-up is broken for good must not make the provider redeliver
            // everybody's events for days.
            Err(error) if self.shared && !error.is_temporary() => {
                tracing::warn!(tenant_id = %event.tenant, strategy = %self.entry.name, error = %error, "inbound.tenant_broken");
                return self.poison(&event, key, error.kind(), "the tenant's configuration of the strategy is not usable").await;
            }
            Err(error) => return self.unstored(&event, "bind", &error),
        };
        match self.admit(&tenant, &mut event).await {
            Ok(Admit::Pass) => self.hand_over(key, event).await,
            Ok(Admit::Drop(reason)) => {
                tracing::debug!(tenant_id = %event.tenant, strategy = %self.entry.name, event_id = %event.id, reason, "inbound.dropped");
                Fate::Accepted
            }
            Err(error) => self.unstored(&event, "admit", &error),
        }
    }

    async fn admit(&self, tenant: &ErasedTenant, event: &mut InboundEvent) -> Result<Admit, Error> {
        let core = self.core();
        let (whose, id, dedupe_key) = (event.tenant.clone(), event.id.clone(), event.dedupe_key);
        let deadline = core.clock.now() + core.inbound.admit_time;
        let cx = EventContext { base: core.base(&whose, &self.entry.name, deadline, self.correlation.clone(), self.traceparent.clone()) };
        let admitted = within(&*core.clock, core.inbound.admit_time, caught(self.inbound.admit(tenant, event, &cx))).await;
        // The strategy may enrich an event; whose it is and how it is recognised stays.
        (event.tenant, event.strategy, event.id, event.dedupe_key) = (whose, self.entry.name.clone(), id, dedupe_key);
        match admitted {
            Some(Some(admitted)) => admitted,
            Some(None) => Err(Error::new(ErrorKind::Unexpected, "the strategy panicked in admit")),
            None => Err(Error::new(ErrorKind::Timeout, "admit took too long")),
        }
    }

    /// The handler runs in its own task: neither a deadline nor a caller that goes away ends it.
    async fn hand_over(&self, key: ClaimKey, event: Box<InboundEvent>) -> Fate {
        let reply_to = ReplyTo {
            tenant: event.tenant.clone(),
            strategy: event.strategy.clone(),
            to: event.from.clone(),
            conversation: event.conversation.clone(),
            event_id: event.id.clone(),
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
        self.core().spawner.spawn(Box::pin(async move {
            let _ = end.send(caught(async { handler.handle_event(*event, cx).await }).await);
        }));
        match wait.await {
            Ok(Some(Ok(()))) => Fate::Accepted,
            Ok(Some(Err(HandlerError::Poison(reason)))) => self.poison(&kept, key, ErrorKind::InvalidContent, reason).await,
            // The host's own error may hold anything; it is the host's to print.
            Ok(Some(Err(HandlerError::NotStored(_)))) => self.came_to_nothing(&kept, "the handler did not store the event"),
            Ok(None) => self.came_to_nothing(&kept, "the handler panicked"),
            Err(oneshot::Canceled) => self.came_to_nothing(&kept, "the handler's task was dropped"),
        }
    }

    async fn poison(&self, event: &InboundEvent, key: ClaimKey, kind: ErrorKind, reason: &'static str) -> Fate {
        match Poison::handled(event, key, kind, reason) {
            Ok(poison) => self.keep(&poison).await,
            Err(error) => self.unstored(event, "dead_letter", &error),
        }
    }

    fn unstored(&self, event: &InboundEvent, step: &'static str, error: &Error) -> Fate {
        tracing::warn!(tenant_id = %event.tenant, strategy = %self.entry.name, event_id = %event.id, step, error = %error, "inbound.unstored");
        Fate::Unstored
    }

    fn came_to_nothing(&self, event: &InboundEvent, reason: &'static str) -> Fate {
        tracing::warn!(tenant_id = %event.tenant, strategy = %self.entry.name, event_id = %event.id, reason, "inbound.unstored");
        Fate::Unstored
    }
}
