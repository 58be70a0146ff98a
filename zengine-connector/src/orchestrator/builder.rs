//! Named slots in any order; the pipeline is always assembled the same way (rule 10).

use std::{fmt, sync::Arc};

use super::{Core, DynHandler, InboundHandler, InboundSettings, Orchestrator};
use crate::{
    error::{Error, ErrorKind},
    keyring::KeyRing,
    registry::{StrategyRegistry, Tenants},
    runtime::{Clock, Rng, Spawner, SystemRng},
    store::{ClaimStore, DeadLetters, EpochLog, EventBus, SecretStore, SessionStore, TenantDirectory},
    strategy::SessionPorts,
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
    inbound: InboundSettings,
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
            clock: None,
            spawner: None,
            rng: Arc::new(SystemRng),
            handler: None,
            inbound: InboundSettings::default(),
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
        /// Time.
        clock: Clock;
        /// Tasks.
        spawner: Spawner;
    }

    /// Chance; the operating system's generator where nothing is said.
    pub fn rng(mut self, rng: Arc<dyn Rng>) -> Self {
        self.rng = rng;
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

    /// The orchestrator.
    ///
    /// # Errors
    /// `Settings` where a port is missing or a setting is impossible; says which rule it breaks.
    pub fn build(self) -> Result<Orchestrator, Error> {
        fn need<T>(port: Option<T>, name: &'static str) -> Result<T, Error> {
            port.ok_or_else(|| Error::new(ErrorKind::Settings, "a port is missing").with_context("missing", name))
        }
        self.inbound.check()?;
        let (keys, clock) = (need(self.keys, "keys")?, need(self.clock, "clock")?);
        let sessions = Arc::new(SessionPorts {
            store: need(self.sessions, "sessions")?,
            keys: Arc::clone(&keys),
            rng: Arc::clone(&self.rng),
            clock: Arc::clone(&clock),
        });
        let core = Core {
            registry: self.registry,
            tenants: Tenants::new(need(self.directory, "directory")?, need(self.secrets, "secrets")?, sessions),
            claims: need(self.claims, "claims")?,
            dead_letters: need(self.dead_letters, "dead_letters")?,
            events: need(self.events, "events")?,
            epochs: need(self.epochs, "epochs")?,
            keys,
            clock,
            rng: self.rng,
            spawner: need(self.spawner, "spawner")?,
            handler: self.handler,
            inbound: self.inbound,
        };
        Ok(Orchestrator { core: Arc::new(core) })
    }
}

impl fmt::Debug for OrchestratorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrchestratorBuilder").field("registry", &self.registry).finish_non_exhaustive()
    }
}
