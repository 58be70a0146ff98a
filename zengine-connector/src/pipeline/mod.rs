//! The pipeline: a fixed stack of stages around one provider call (rule 10).
//!
//! | # | stage | room |
//! |---|---|---|
//! | 1 | telemetry, tenant context, deadline | `report`, `send` |
//! | 2 | fingerprint, degradation, validation | `send` |
//! | 3 | dedup | `dedup` |
//! | 4 | dead letter and `Outbound.Failed` | `dead_letter` |
//! | 5 | retry | `attempts`, `decision`, `backoff` |
//! | 6 | breaker | `breaker` |
//! | 7 | bulkhead | `bulkhead` |
//! | 8 | timeout of one attempt | `attempts`, with `runtime::within` |
//! | 10 | provider call | the strategy |
//!
//! It runs in the caller's future, so that messages are borrowed. It knows no channel.

mod attempts;
mod dead_letter;
mod decision;
mod dedup;
mod ended;
mod job;
mod now;
mod query;
mod redrive;
mod report;
mod send;
mod stores;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_channel::oneshot;
use futures_util::{FutureExt, future::Shared};
use quick_cache::sync::Cache;

pub(crate) use query::query;
pub(crate) use redrive::redrive;
pub(crate) use send::{outcome, send};

use crate::{
    registry::BoundTenant,
    runtime::{Clock, Rng, Spawner},
    stage::{Settings, StageMap, Stages, breaker},
    store::{ClaimKey, ClaimRecord, EpochLog},
    sync::Mutex,
    telemetry::Observers,
};

/// State of the stages that outlives a send.
pub(crate) struct Pipeline {
    pub(crate) settings: Settings,
    stages: StageMap,
    flights: dedup::Flights,
    /// Delivered sends only: nothing ever changes them (rule 30).
    /// Their receipts are open. Empty where the claims are in this process anyway.
    delivered: Cache<ClaimKey, Arc<ClaimRecord>>,
    running: AtomicUsize,
    closing: AtomicBool,
    closed: Mutex<Option<oneshot::Sender<()>>>,
    on_close: Shared<oneshot::Receiver<()>>,
}

impl Pipeline {
    pub(crate) fn new(
        settings: Settings,
        epochs: Arc<dyn EpochLog>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        spawner: Arc<dyn Spawner>,
        observers: Observers,
        writer: &str,
    ) -> Self {
        let (closed, on_close) = oneshot::channel();
        let circuits = breaker::Circuits::new(breaker::Ports {
            log: epochs,
            clock,
            rng,
            spawner,
            observers,
            settings: Arc::new(settings.breaker.clone()),
            attempt_timeout: settings.attempt_timeout.0,
            writer: writer.into(),
        });
        Self {
            stages: StageMap::new(circuits, settings.bulkhead),
            flights: dedup::Flights::default(),
            delivered: Cache::new(settings.dedup.cached.max(1)),
            settings,
            running: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            closed: Mutex::new(Some(closed)),
            on_close: on_close.shared(),
        }
    }

    /// No further attempt starts from now on.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        drop(self.closed.lock().take());
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Sends under way.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    /// Waits; `false` where the host shuts down meanwhile.
    async fn pause(&self, clock: &dyn Clock, time: Duration) -> bool {
        if self.is_closing() {
            return false;
        }
        let closing = self.on_close.clone();
        futures_util::future::select(clock.sleep(time), closing).await;
        !self.is_closing()
    }

    /// The stages of a tenant's instance, looked up once.
    fn stages<'a>(&self, bound: &'a BoundTenant) -> &'a Stages {
        bound.stages.get_or_init(|| self.stages.of(&bound.scope.tenant, &bound.scope.strategy))
    }

    fn enter(&self) -> Running<'_> {
        self.running.fetch_add(1, Ordering::AcqRel);
        Running(&self.running)
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("settings", &self.settings).field("running", &self.running()).finish_non_exhaustive()
    }
}

/// Counts a send while it is under way.
struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
