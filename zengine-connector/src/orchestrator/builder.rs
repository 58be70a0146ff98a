//! The orchestrator's builder: named slots in any order, always assembled the same way (rule 10).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use hashbrown::HashMap;

use super::{
    HandlerContext, HandlerError, Inbound, InboundHandler, InboundSettings, Orchestrator,
    handler::{DynHandler, EventOnly},
    raised::{LocalEvents, RaisedQueue, sweep_all},
    receive::Polls,
};
#[cfg(feature = "tokio")]
use crate::runtime::{TokioClock, TokioSpawner};
use crate::{
    error::{Error, ErrorKind, require, require_time},
    keyring::KeyRing,
    message::InboundEvent,
    pipeline::{self, Engine, FileBytes, Parts},
    registry::{Caching, RegistryBuilder, StrategyRegistry, Tenants},
    runtime::{Clock, Rng, Spawner, SystemRng},
    stage::{Breaker, Dedup, Limits, Retry, Settings, StoreDown, StrategySettings},
    store::{
        ClaimStore, DeadLetterPort, DeadLetterSink, EpochLog, EventBus, MediaStore, Ports, SecretStore, SessionStore, Stores,
        StoresBuilder, TenantDirectory,
    },
    strategy::{SessionPorts, Strategy},
    sync::Limit,
    telemetry::{Observer, Observers},
};

/// Default interval of the sweeps in the background.
const SWEEP_EVERY: Duration = Duration::from_secs(300);

/// Default of `max_file_bytes`.
const MAX_FILE_BYTES: usize = 512 << 20;

/// Collects ports and settings.
#[must_use = "finish it with build()"]
pub struct OrchestratorBuilder {
    registry: RegistryBuilder,
    stores: StoresBuilder,
    clock: Option<Arc<dyn Clock>>,
    spawner: Option<Arc<dyn Spawner>>,
    rng: Arc<dyn Rng>,
    handler: Option<Arc<dyn DynHandler>>,
    observers: Vec<Arc<dyn Observer>>,
    inbound: InboundSettings,
    settings: StrategySettings,
    named: BTreeMap<String, StrategySettings>,
    caching: Caching,
    sweep_every: Option<Duration>,
    local_refs: bool,
    max_file_bytes: usize,
}

macro_rules! stores {
    ($($(#[$doc:meta])* $name:ident: $port:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(mut self, port: Arc<dyn $port>) -> Self {
            self.stores = self.stores.$name(port);
            self
        }
    )*};
}

impl OrchestratorBuilder {
    pub(super) fn new() -> Self {
        let builder = Self {
            registry: StrategyRegistry::builder(),
            stores: StoresBuilder::default(),
            clock: None,
            spawner: None,
            rng: Arc::new(SystemRng),
            handler: None,
            observers: vec![],
            inbound: InboundSettings::default(),
            settings: StrategySettings::default(),
            named: BTreeMap::new(),
            caching: Caching::default(),
            sweep_every: Some(SWEEP_EVERY),
            local_refs: false,
            max_file_bytes: MAX_FILE_BYTES,
        };
        #[cfg(feature = "tokio")]
        let builder = builder.clock(Arc::new(TokioClock::new())).spawner(Arc::new(TokioSpawner));
        builder
    }

    /// Adds a strategy under its own name.
    pub fn strategy<S: Strategy>(mut self, strategy: S) -> Self {
        self.registry = self.registry.register(strategy);
        self
    }

    /// Adds a strategy under another name, for example for a second Meta app or AWS account.
    pub fn strategy_as<S: Strategy>(mut self, name: &str, strategy: S) -> Self {
        self.registry = self.registry.register_as(name, strategy);
        self
    }

    /// Adds the strategies of a registry that was built before, for a host that needs it besides.
    pub fn registry(mut self, registry: &StrategyRegistry) -> Self {
        self.registry = self.registry.include(registry);
        self
    }

    stores! {
        /// The store of claims.
        claims: ClaimStore;
        /// The bus of domain events.
        events: EventBus;
        /// The log of breaker transitions.
        epochs: EpochLog;
        /// The store of strategies' sessions.
        sessions: SessionStore;
        /// The tenants and their configurations.
        directory: TenantDirectory;
        /// The secrets of tenants and of the application.
        secrets: SecretStore;
        /// Files for messages.
        media: MediaStore;
        /// Keys for encryption and fingerprints. Over [`Memory`](crate::store::Memory) you must name them once claims, dead letters
        /// or sessions are your own: the memory's key is lost with the process.
        keys: KeyRing;
    }

    /// The store of dead letters, or a sink.
    pub fn dead_letters(mut self, port: impl Into<DeadLetterPort>) -> Self {
        self.stores = self.stores.dead_letters(port);
        self
    }

    /// A sink of dead letters in place of a store, such as a queue. Its consumer passes the letters to
    /// [`redrive_letter`](Orchestrator::redrive_letter) and [`replay_letter`](Orchestrator::replay_letter).
    pub fn dead_letter_sink(self, sink: Arc<dyn DeadLetterSink>) -> Self {
        self.dead_letters(DeadLetterPort::Sink(sink))
    }

    /// The ports of a bundle: those of [`Memory`](crate::store::Memory), of the embedded store, or any [`Stores`]. A port named beside
    /// it takes its place.
    pub fn stores(mut self, stores: impl Into<Stores>) -> Self {
        self.stores = self.stores.base(stores);
        self
    }

    /// Adds an observer of metrics. If it panics, no send is affected.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// All settings of one strategy, by its registered name. They take the place of the default ones, which the calls below
    /// set.
    ///
    /// ```
    /// use zengine_connector::{Orchestrator, stage::{Retry, StrategySettings}};
    ///
    /// let once = StrategySettings { retry: Retry::none(), ..StrategySettings::default() };
    /// let error = Orchestrator::builder().strategy_settings("ses-email", once).build().unwrap_err();
    /// assert_eq!(error.context("strategy"), Some("ses-email")); // it is not registered
    /// ```
    pub fn strategy_settings(mut self, strategy: impl Into<String>, settings: StrategySettings) -> Self {
        self.named.insert(strategy.into(), settings);
        self
    }

    setters! {
        /// Deduplication, by default.
        dedup(settings: Dedup) => settings.dedup = settings;
        /// Attempts and the delays between them, by default.
        retry(settings: Retry) => settings.retry = settings;
        /// The circuit breaker, by default.
        breaker(settings: Breaker) => settings.breaker = settings;
        /// The limiter, by default.
        limits(settings: Limits) => settings.limits = settings;
        /// Longest time of one call to a provider, by default. Defaults to 10 seconds; at least
        /// `retry.min_attempt`.
        attempt_timeout(time: Duration) => settings.attempt_timeout = time;
        /// Maximum calls of one tenant and strategy that run at once, by default. Defaults to 512; at least 1. `None` is no limit.
        bulkhead(calls: impl Into<Option<u32>>) => settings.bulkhead = calls.into();
        /// Age at which a message is no longer sent, by default (rule 8). Defaults to 6 hours; less than `dedup.keep`.
        max_age(time: Duration) => settings.max_age = time;
        /// The treatment of a send while the claim store does not answer, by default (rule 28). Defaults to deferring it.
        store_down(choice: StoreDown) => settings.store_down = choice;
        /// The host's handler of events that arrive, as a type of its own. Takes the place of an earlier handler.
        inbound_handler(handler: impl InboundHandler) => handler = Some(Arc::new(handler));
        /// Settings of the inbound path.
        inbound(settings: InboundSettings) => inbound = settings;
        /// The caches of tenants' configurations, secrets and routes (rule 85).
        caching(caching: Caching) => caching = caching;
        /// Interval of the sweeps in the background, for a claim store that this process owns exclusively, as the embedded one: each
        /// does what [`Orchestrator::sweep`] does. `None` or zero for none. Defaults to 5 minutes; at least 1 second. With any
        /// other store it has no effect.
        ///
        /// The spawner starts them in [`build`](Self::build), which you must then call inside the runtime.
        sweep_every(interval: impl Into<Option<Duration>>) => sweep_every = interval.into().filter(|interval| !interval.is_zero());
        /// Maximum bytes of files in memory at the same time in this process: those of stored files that are being sent, and of files of
        /// events that [`media`](Orchestrator::media) and [`keep_media`](Orchestrator::keep_media) fetch, which count with the size
        /// that the event names, or the most that they may have, 100 MiB by default, until they are here. One tenant takes at most half while
        /// others have some. A send that finds no room is Deferred as `Busy`; a message whose files exceed a limit passes alone. Defaults to 512 MiB; at least 1.
        max_file_bytes(bytes: usize) => max_file_bytes = bytes;
        /// Whether tenants' configurations may refer to the host's environment and files. Defaults to `false`: anyone who can
        /// edit a tenant's configuration could read them. The host's own settings always may.
        allow_local_refs(allow: bool) => local_refs = allow;
        /// The clock. Defaults to tokio's with the feature `tokio`.
        clock(clock: Arc<dyn Clock>) => clock = Some(clock);
        /// The spawner of background tasks. Defaults to tokio's with the feature `tokio`.
        spawner(spawner: Arc<dyn Spawner>) => spawner = Some(spawner);
        /// The source of random bytes. Defaults to the operating system's generator.
        rng(rng: Arc<dyn Rng>) => rng = rng;
    }

    /// The host's handler of events that arrive: a closure or function that takes the event and its [`HandlerContext`]. A type that
    /// implements [`InboundHandler`] is given to [`inbound_handler`](Self::inbound_handler).
    ///
    /// ```
    /// # use zengine_connector::{Content, InboundEvent, Orchestrator};
    /// # async fn save(_: &InboundEvent) -> Result<(), std::io::Error> { Ok(()) }
    /// let builder = Orchestrator::builder().on_inbound(|event, cx| async move {
    ///     save(&event).await?; // an error has the event delivered again
    ///     if event.is_answerable() {
    ///         cx.reply(0, Content::text("Thank you")).await?;
    ///     }
    ///     Ok(())
    /// });
    /// # drop(builder);
    /// ```
    pub fn on_inbound<F, Fut>(self, handler: F) -> Self
    where
        F: Fn(InboundEvent, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        self.inbound_handler(handler)
    }

    /// The host's handler of events that arrive, for one that needs no [`HandlerContext`].
    ///
    /// ```
    /// # use zengine_connector::{InboundEvent, Orchestrator};
    /// # async fn save(_: &InboundEvent) -> Result<(), std::io::Error> { Ok(()) }
    /// let builder = Orchestrator::builder().on_event(|event| async move {
    ///     save(&event).await?; // an error has the event delivered again
    ///     Ok(())
    /// });
    /// # drop(builder);
    /// ```
    pub fn on_event<F, Fut>(self, handler: F) -> Self
    where
        F: Fn(InboundEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        self.inbound_handler(EventOnly(handler))
    }

    /// Builds the orchestrator.
    ///
    /// With tokio's spawner and a claim store that this process owns exclusively, such as the embedded one, you must call this
    /// inside the runtime. Otherwise the sweeps in the background do not start, and the line `sweep.not_started` says so. With
    /// any other store, and for all other calls of the builder, the runtime does not matter. Await the methods of the
    /// [`Orchestrator`] inside it.
    ///
    /// # Errors
    /// `Settings` if a strategy's name is invalid or given twice; if ports are missing, with the call for each of them in the context `missing`; if
    /// your claims, dead letters or sessions stand beside the keys of `Memory`, as in [`StoresBuilder::build`]; or if a setting is impossible, naming
    /// the field and the rule it breaks; `UnknownStrategy` if settings name a strategy that is not registered.
    pub fn build(self) -> Result<Orchestrator, Error> {
        let registry = self.registry.build()?;
        self.inbound.check()?;
        self.caching.check()?;
        self.settings.check()?;
        require(self.max_file_bytes > 0, "max_file_bytes", "at least 1", self.max_file_bytes)?;
        if let Some(interval) = self.sweep_every {
            require_time("sweep_every", interval, Duration::from_secs(1))?;
        }
        let mut named = HashMap::new();
        for (name, settings) in self.named {
            let of_strategy = |error: Error| error.with_context("strategy", &name);
            let strategy = registry.entry(&name)?;
            settings.check().map_err(of_strategy)?;
            named.insert(strategy.name.clone(), Arc::new(settings));
        }
        let mut missing = self.stores.missing();
        let also = [
            (self.stores.directory.is_none(), ".directory(..)"),
            (self.stores.secrets.is_none(), ".secrets(..)"),
            (self.clock.is_none(), ".clock(..)"),
            (self.spawner.is_none(), ".spawner(..)"),
        ];
        missing.extend(also.into_iter().filter_map(|(missing, call)| missing.then_some(call)));
        let (directory, secrets) = (self.stores.directory.clone(), self.stores.secrets.clone());
        let (true, Some(directory), Some(secrets), Some(clock), Some(spawner)) =
            (missing.is_empty(), directory, secrets, self.clock, self.spawner)
        else {
            let error = Error::new(ErrorKind::Settings, "ports are missing: add them with these calls, or all stores with stores(..)");
            return Err(error.with_context("missing", missing.join(", ")));
        };
        let stores = self.stores.build()?;
        let keys = Arc::clone(&stores.keys);
        let stores = Arc::new(Ports::new(stores, directory, secrets, Arc::clone(&clock)));
        let sessions = SessionPorts::new(Arc::clone(&stores), Arc::clone(&keys), Arc::clone(&self.rng), Arc::clone(&clock));
        let sessions = Arc::new(sessions);
        let parts = Parts {
            registry,
            tenants: Tenants::new(Arc::clone(&sessions), self.caching, self.local_refs),
            stores,
            keys,
            clock,
            rng: self.rng,
            spawner,
            observers: Observers::new(self.observers),
            file_bytes: Arc::new(FileBytes::new(self.max_file_bytes)),
        };
        let engine = Arc::new(Engine::new(parts, Settings { default: Arc::new(self.settings), named }));
        let requests = Arc::new(Limit::new(self.inbound.max_requests));
        let ephemeral = Arc::new(Limit::new(self.inbound.max_ephemeral));
        let polls = Polls::new(self.inbound.max_polls);
        let inbound = Inbound { handler: self.handler, settings: self.inbound, requests, ephemeral, polls, raised: RaisedQueue::default() };
        let orchestrator = Orchestrator { engine, inbound: Arc::new(inbound) };
        let events = LocalEvents::of(&orchestrator);
        if let Some(interval) = self.sweep_every.filter(|_| orchestrator.engine.stores.boot().is_some()) {
            let events = Arc::clone(&events);
            pipeline::sweep_every(&orchestrator.engine, interval, move || Box::pin(sweep_all(Arc::clone(&events))));
        }
        let _ = sessions.raise.set(events);
        Ok(orchestrator)
    }
}

debug_fields!(OrchestratorBuilder { registry });
