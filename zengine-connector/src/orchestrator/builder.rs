//! Named slots in any order; the pipeline is always assembled the same way (rule 10).

use std::{fmt, sync::Arc, time::Duration};

use super::{
    Batches, Core, DynHandler, InboundHandler, InboundSettings, Orchestrator,
    core::{Tokens, token},
};
#[cfg(feature = "tokio")]
use crate::runtime::{TokioClock, TokioSpawner};
use crate::{
    error::{Error, ErrorKind},
    keyring::KeyRing,
    pipeline::Pipeline,
    registry::{Caching, StrategyRegistry, Tenants},
    runtime::{Clock, Rng, Spawner, SystemRng},
    stage::{AttemptTimeout, Breaker, Dedup, Retry, Settings},
    store::{ClaimStore, DeadLetters, EpochLog, EventBus, SecretStore, SessionStore, Stores, TenantDirectory},
    strategy::SessionPorts,
    telemetry::{Observer, Observers},
};

/// Collects ports and settings.
#[must_use = "finish it with build()"]
pub struct OrchestratorBuilder {
    registry: StrategyRegistry,
    claims: Option<Arc<dyn ClaimStore>>,
    dead_letters: Option<Arc<dyn DeadLetters>>,
    events: Option<Arc<dyn EventBus>>,
    epochs: Option<Arc<dyn EpochLog>>,
    sessions: Option<Arc<dyn SessionStore>>,
    directory: Option<Arc<dyn TenantDirectory>>,
    secrets: Option<Arc<dyn SecretStore>>,
    keys: Option<Arc<dyn KeyRing>>,
    clock: Option<Arc<dyn Clock>>,
    spawner: Option<Arc<dyn Spawner>>,
    rng: Arc<dyn Rng>,
    handler: Option<Arc<dyn DynHandler>>,
    observers: Vec<Arc<dyn Observer>>,
    inbound: InboundSettings,
    settings: Settings,
    caching: Caching,
    local_refs: bool,
}

macro_rules! ports {
    ($($(#[$doc:meta])* $name:ident: $port:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(mut self, port: Arc<dyn $port>) -> Self {
            self.$name = Some(port);
            self
        }
    )*};
}

impl OrchestratorBuilder {
    pub(super) fn new(registry: StrategyRegistry) -> Self {
        Self {
            registry,
            claims: None,
            dead_letters: None,
            events: None,
            epochs: None,
            sessions: None,
            directory: None,
            secrets: None,
            keys: None,
            #[cfg(feature = "tokio")]
            clock: Some(Arc::new(TokioClock::new())),
            #[cfg(not(feature = "tokio"))]
            clock: None,
            #[cfg(feature = "tokio")]
            spawner: Some(Arc::new(TokioSpawner)),
            #[cfg(not(feature = "tokio"))]
            spawner: None,
            rng: Arc::new(SystemRng),
            handler: None,
            observers: vec![],
            inbound: InboundSettings::default(),
            settings: Settings::default(),
            caching: Caching::default(),
            local_refs: false,
        }
    }

    ports! {
        /// Where claims are kept.
        claims: ClaimStore;
        /// Where dead letters are kept.
        dead_letters: DeadLetters;
        /// Where domain events go.
        events: EventBus;
        /// Where breaker transitions are shared.
        epochs: EpochLog;
        /// Where strategies' state is kept.
        sessions: SessionStore;
        /// Who the tenants are.
        directory: TenantDirectory;
        /// Where secrets come from.
        secrets: SecretStore;
        /// Keys for encryption and fingerprints.
        keys: KeyRing;
        /// Time; tokio's where nothing is said and the `tokio` feature is on.
        clock: Clock;
        /// Tasks; tokio's where nothing is said and the `tokio` feature is on.
        spawner: Spawner;
    }

    /// All stores in one line: [`Memory`](crate::store::Memory), the embedded store, or any [`Stores`]. A port named beside
    /// it takes its place.
    pub fn stores(mut self, stores: impl Into<Stores>) -> Self {
        let stores = stores.into();
        self.claims.get_or_insert(stores.claims);
        self.dead_letters.get_or_insert(stores.dead_letters);
        self.events.get_or_insert(stores.events);
        self.epochs.get_or_insert(stores.epochs);
        self.sessions.get_or_insert(stores.sessions);
        self.keys.get_or_insert(stores.keys);
        self.directory = self.directory.or(stores.directory);
        self.secrets = self.secrets.or(stores.secrets);
        self
    }

    /// Chance; the operating system's generator where nothing is said.
    pub fn rng(mut self, rng: Arc<dyn Rng>) -> Self {
        self.rng = rng;
        self
    }

    /// Takes the metrics; may be called for several. One that panics harms no send.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// The host's callback for what arrives.
    pub fn on_inbound(mut self, handler: impl InboundHandler) -> Self {
        self.handler = Some(Arc::new(handler));
        self
    }

    /// Settings of the inbound path; defaults where nothing is said.
    pub fn inbound(mut self, settings: InboundSettings) -> Self {
        self.inbound = settings;
        self
    }

    /// Deduplication: claims, leases, waiting.
    pub fn dedup(mut self, settings: Dedup) -> Self {
        self.settings.dedup = settings;
        self
    }

    /// Attempts and the time between them.
    pub fn retry(mut self, settings: Retry) -> Self {
        self.settings.retry = settings;
        self
    }

    /// When calls to a failing provider stop.
    pub fn breaker(mut self, settings: Breaker) -> Self {
        self.settings.breaker = settings;
        self
    }

    /// How long one call to a provider may take; 10 s where nothing is said.
    pub fn attempt_timeout(mut self, time: Duration) -> Self {
        self.settings.attempt_timeout = AttemptTimeout(time);
        self
    }

    /// How many calls of one tenant and strategy may run at once; no limit where nothing is said.
    pub fn bulkhead(mut self, calls: u32) -> Self {
        self.settings.bulkhead = Some(calls);
        self
    }

    /// How long what is known of tenants is used without asking again (rule 85).
    pub fn caching(mut self, caching: Caching) -> Self {
        self.caching = caching;
        self
    }

    /// Whether tenants' configurations may refer to the host's environment and files. No where nothing is said: whoever
    /// may edit a configuration could otherwise read them. The host's own settings always may.
    pub fn allow_local_refs(mut self, allow: bool) -> Self {
        self.local_refs = allow;
        self
    }

    /// The orchestrator.
    ///
    /// # Errors
    /// `Settings` where a port is missing or a setting is impossible; says which rule it breaks.
    pub fn build(self) -> Result<Orchestrator, Error> {
        fn need<T>(port: Option<T>, name: &'static str) -> Result<T, Error> {
            port.ok_or_else(|| Error::new(ErrorKind::Settings, "a port is missing").with_context("missing", name))
        }
        self.inbound.check()?;
        self.settings.check()?;
        self.caching.check()?;
        let (keys, clock) = (need(self.keys, "keys")?, need(self.clock, "clock")?);
        let sessions = Arc::new(SessionPorts {
            store: need(self.sessions, "sessions")?,
            keys: Arc::clone(&keys),
            rng: Arc::clone(&self.rng),
            clock: Arc::clone(&clock),
        });
        let (epochs, spawner) = (need(self.epochs, "epochs")?, need(self.spawner, "spawner")?);
        let claims = need(self.claims, "claims")?;
        let writer = token(&*self.rng);
        let observers = Observers::new(self.observers);
        let (clock_of_breakers, rng, tasks) = (Arc::clone(&clock), Arc::clone(&self.rng), Arc::clone(&spawner));
        let pipeline = Pipeline::new(self.settings, epochs, clock_of_breakers, rng, tasks, observers.clone(), &writer);
        let core = Core {
            registry: self.registry,
            tenants: Tenants::new(
                need(self.directory, "directory")?,
                need(self.secrets, "secrets")?,
                sessions,
                self.caching,
                self.local_refs,
            ),
            tokens: Tokens::of(&*claims, &*self.rng),
            claims,
            dead_letters: need(self.dead_letters, "dead_letters")?,
            events: need(self.events, "events")?,
            keys,
            clock,
            rng: self.rng,
            spawner,
            pipeline,
            handler: self.handler,
            inbound: self.inbound,
            batches: Batches::default(),
            observers,
        };
        Ok(Orchestrator { core: Arc::new(core) })
    }
}

impl fmt::Debug for OrchestratorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrchestratorBuilder").field("registry", &self.registry).finish_non_exhaustive()
    }
}
