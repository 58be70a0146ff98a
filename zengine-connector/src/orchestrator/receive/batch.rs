//! The tasks of one request: which run beside each other, and what they share (rule 84).

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, SystemTime},
};

use futures_channel::oneshot;
use futures_util::{StreamExt, stream};
use tracing::{Instrument as _, Span, field};

use super::{
    plan::InboundTask,
    progress::{EventResult, Progress},
    report::InboundReport,
};
use crate::{
    ids::{ConversationId, CorrelationId, FailureId, TenantId},
    orchestrator::{Orchestrator, handler::DynHandler},
    pipeline::{Engine, Running},
    registry::RegisteredStrategy,
    runtime::catch,
    strategy::DynInbound,
    sync::{Limit, Permit},
};

/// Time without an answer after which a request begins no further event: a store that hangs costs it once, not once per
/// conversation.
const UNANSWERED: Duration = Duration::from_secs(5);

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
    /// Nanoseconds that it waited for the handlers of its ephemeral events.
    pub(super) ephemeral_waited: AtomicU64,
    /// The request that the events came with, which is told as dropped if its caller went away before the work ends.
    pub(super) report: Option<Arc<InboundReport>>,
    /// Id of the dead letter that the events are from. Events that still can never be handled stay in it: no other is stored.
    pub(super) replay: Option<FailureId>,
}

impl Batch {
    /// Events of a strategy that come with no request and whose strategy does not admit them.
    pub(super) fn new(
        orchestrator: &Orchestrator,
        entry: &Arc<RegisteredStrategy>,
        handler: &Arc<dyn DynHandler>,
        progress: Progress,
        permit: Permit<Arc<Limit>>,
    ) -> Self {
        Self {
            orchestrator: orchestrator.clone(),
            entry: Arc::clone(entry),
            inbound: None,
            handler: Arc::clone(handler),
            shared: false,
            reply_by: None,
            conversation: None,
            correlation: None,
            traceparent: None,
            progress: Arc::new(progress),
            _permit: permit,
            ephemeral_waited: AtomicU64::new(0),
            report: None,
            replay: None,
        }
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
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

    /// The result of a step. If it failed [`UNANSWERED`] after `began`, a store hangs, and the request begins no further event.
    pub(super) fn or_stop<T, E>(&self, began: Duration, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() && self.now().saturating_sub(began) >= UNANSWERED {
            self.progress.stop();
        }
        result
    }

    pub(super) fn now(&self) -> Duration {
        self.engine().clock.monotonic()
    }
}
