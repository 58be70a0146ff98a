//! The engine behind every orchestrator: ports, caches, the state of the stages.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use futures_channel::oneshot;
use futures_util::{FutureExt as _, future::Shared};

use super::{delivered::DeliveredSends, file_bytes::FileBytes, single_flight::SingleFlight};
use crate::{
    ids::{CorrelationId, StrategyName, TenantId},
    keyring::KeyRing,
    registry::{BoundTenant, StrategyRegistry, Tenants},
    runtime::{Clock, Rng, Spawner, to_ms},
    stage::{Settings, StageMap, Stages, StrategySettings, breaker},
    store::{OwnerToken, Ports},
    strategy::{Base, CallScope},
    sync::Mutex,
    telemetry::Observers,
};

/// The parts that an engine is built from.
pub(crate) struct Parts {
    pub(crate) registry: StrategyRegistry,
    pub(crate) tenants: Tenants,
    pub(crate) stores: Arc<Ports>,
    pub(crate) keys: Arc<dyn KeyRing>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) spawner: Arc<dyn Spawner>,
    pub(crate) observers: Observers,
    /// The bytes of files in memory.
    pub(crate) file_bytes: Arc<FileBytes>,
}

/// The engine for sending, and the parts that sending shares with receiving. It does not depend on the orchestrator or on
/// handlers.
pub(crate) struct Engine {
    parts: Parts,
    pub(super) stages: StageMap,
    pub(super) single_flight: SingleFlight,
    pub(super) delivered: DeliveredSends,
    /// Cloned by each late write of a claim, to count them.
    pub(super) late_writes: Arc<()>,
    /// Cloned by each detached send, to count them.
    pub(super) detached: Arc<()>,
    running: AtomicUsize,
    closing: AtomicBool,
    closed: Mutex<Option<oneshot::Sender<()>>>,
    on_close: Shared<oneshot::Receiver<()>>,
}

/// The parts are read through the engine: `engine.clock`.
impl Deref for Engine {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

debug_fields!(Engine { parts, running, single_flight });
debug_fields!(Parts { registry });

impl Engine {
    pub(crate) fn new(parts: Parts, settings: Settings) -> Self {
        let circuit_ports = breaker::CircuitPorts {
            stores: Arc::clone(&parts.stores),
            clock: Arc::clone(&parts.clock),
            rng: Arc::clone(&parts.rng),
            spawner: Arc::clone(&parts.spawner),
            observers: parts.observers.clone(),
            writer: draw(&*parts.rng).to_string().into(),
        };
        let (closed, on_close) = oneshot::channel();
        Self {
            delivered: DeliveredSends::new(&settings),
            stages: StageMap::new(settings, circuit_ports),
            single_flight: SingleFlight::default(),
            late_writes: Arc::default(),
            detached: Arc::default(),
            running: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            closed: Mutex::new(Some(closed)),
            on_close: on_close.shared(),
            parts,
        }
    }

    /// The wall clock in milliseconds UTC.
    pub(crate) fn now_ms(&self) -> i64 {
        to_ms(self.clock.now())
    }

    /// A new owner token for one claim.
    pub(crate) fn token(&self) -> OwnerToken {
        draw(&*self.rng)
    }

    /// The part that all contexts of one call share.
    pub(crate) fn base(
        &self,
        tenant: &TenantId,
        strategy: &StrategyName,
        deadline: SystemTime,
        correlation: Option<CorrelationId>,
        traceparent: Option<String>,
    ) -> Base {
        let sessions = self.tenants.sessions(tenant, strategy);
        let scope = CallScope::new(tenant.clone(), strategy.clone(), Arc::clone(&self.clock), sessions);
        Base { scope: Arc::new(scope), deadline, correlation, traceparent }
    }

    /// Begins the shutdown: no further attempt starts.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        drop(self.closed.lock().take());
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Completes when the engine is closed or dropped.
    pub(crate) fn on_close(&self) -> Shared<oneshot::Receiver<()>> {
        self.on_close.clone()
    }

    /// The number of sends, sweeps and received requests in progress.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    /// Counts a send, query, redrive or sweep while the returned guard lives.
    pub(super) fn enter(&self) -> Running<&Self> {
        Running::of(self)
    }

    /// Waits. Returns `false` if the host shuts down meanwhile.
    pub(crate) async fn pause(&self, time: Duration) -> bool {
        if self.is_closing() {
            return false;
        }
        futures_util::future::select(self.clock.sleep(time), self.on_close()).await;
        !self.is_closing()
    }

    /// The stages of a tenant and strategy, if calls made them.
    pub(crate) fn known_stages(&self, tenant: &TenantId, strategy: &StrategyName) -> Option<Stages> {
        self.stages.known(tenant, strategy)
    }

    /// The settings of a strategy.
    pub(crate) fn settings(&self, strategy: &StrategyName) -> &StrategySettings {
        self.stages.settings(strategy)
    }

    /// The stages of a tenant's instance. Looked up once per instance.
    pub(super) fn stages<'a>(&self, bound: &'a BoundTenant) -> &'a Stages {
        bound.stages.get_or_init(|| self.stages.of(&bound.scope.tenant, &bound.scope.strategy))
    }
}

/// 128 random bits: a process restored from a snapshot must not draw the same token as its copy.
fn draw(rng: &dyn Rng) -> OwnerToken {
    let mut bits = [0; 16];
    rng.fill(&mut bits);
    OwnerToken::new(bits)
}

/// Counts one piece of work in progress until it is dropped.
pub(crate) struct Running<E: Deref<Target = Engine>>(E);

impl Running<Arc<Engine>> {
    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.0
    }
}

impl<E: Deref<Target = Engine>> Running<E> {
    pub(crate) fn of(engine: E) -> Self {
        engine.running.fetch_add(1, Ordering::AcqRel);
        Self(engine)
    }
}

impl<E: Deref<Target = Engine>> Drop for Running<E> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}
