//! Contexts for calling a strategy directly, without an orchestrator.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    ids::{ClientMessageId, ConfigVersion, StrategyName, TenantId},
    runtime::{Clock, SystemRng},
    store::{Memory, Ports, SessionStore, Stores},
    strategy::{
        Base, CallScope, ConfigureContext, EventContext, HealthContext, SendContext, SessionError, SessionPorts, Sessions, Versioned,
    },
};

/// A factory of the contexts that a strategy's methods take, for one tenant and strategy. All contexts share their
/// sessions, kept in memory.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// use std::{sync::Arc, time::Duration};
/// use zengine_connector::{ClientMessageId, StrategyName, TenantId, testing::{Contexts, SimClock}};
///
/// let contexts = Contexts::new(TenantId::new("acme")?, StrategyName::new("ses-email")?, Arc::new(SimClock::new()));
/// let cx = contexts.send(ClientMessageId::new("order-17")?);
/// assert_eq!(cx.remaining(), Duration::from_secs(30));
/// # Ok::<(), zengine_connector::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Contexts {
    tenant: TenantId,
    strategy: StrategyName,
    clock: Arc<dyn Clock>,
    stores: Stores,
    sessions: Sessions,
    time_left: Duration,
}

impl Contexts {
    /// Creates the factory, with 30 seconds for every call.
    pub fn new(tenant: TenantId, strategy: StrategyName, clock: Arc<dyn Clock>) -> Self {
        Self::of(tenant, strategy, clock, Memory::new().into())
    }

    fn of(tenant: TenantId, strategy: StrategyName, clock: Arc<dyn Clock>, stores: Stores) -> Self {
        let memory = Memory::new();
        let ports = Ports::new(stores.clone(), memory.directory(), memory.secrets(), Arc::clone(&clock));
        let ports = SessionPorts::new(Arc::new(ports), Arc::clone(&stores.keys), Arc::new(SystemRng), Arc::clone(&clock));
        let sessions = Sessions::new(Arc::new(ports), &tenant, &strategy);
        Self { tenant, strategy, clock, stores, sessions, time_left: Duration::from_secs(30) }
    }

    /// The contexts of another process on the same stores: it shares the sessions, and no memory.
    #[must_use = "returns the other process's contexts"]
    pub fn other_process(&self) -> Self {
        let (tenant, strategy, clock) = (self.tenant.clone(), self.strategy.clone(), Arc::clone(&self.clock));
        Self { time_left: self.time_left, ..Self::of(tenant, strategy, clock, self.stores.clone()) }
    }

    /// The contexts with other stores, such as those of an orchestrator.
    #[must_use = "returns the contexts with the stores"]
    pub fn with_stores(mut self, stores: impl Into<Stores>) -> Self {
        self.stores = stores.into();
        self.other_process()
    }

    /// The contexts with another session store, such as one with [`Faults`](super::Faults).
    #[must_use = "returns the contexts with the store"]
    pub fn with_session_store(mut self, store: Arc<dyn SessionStore>) -> Self {
        self.stores.sessions = store;
        self.other_process()
    }

    /// Sets the time of every call, counted from the creation of its context. Defaults to 30 seconds.
    #[must_use = "returns the contexts with the time"]
    pub fn with_time_left(mut self, time: Duration) -> Self {
        self.time_left = time;
        self
    }

    /// A context for [`Configure::configure`](crate::Configure::configure).
    pub fn configure(&self, version: ConfigVersion) -> ConfigureContext {
        ConfigureContext { base: self.base(), version }
    }

    /// A context for [`Configure::healthcheck`](crate::Configure::healthcheck).
    pub fn health(&self) -> HealthContext {
        HealthContext { base: self.base() }
    }

    /// A context for the first attempt of [`OutboundStrategy::send`](crate::OutboundStrategy::send).
    pub fn send(&self, id: ClientMessageId) -> SendContext {
        self.attempt(id, NonZeroU32::MIN)
    }

    /// A context for any attempt, counted from 1.
    pub fn attempt(&self, id: ClientMessageId, attempt: NonZeroU32) -> SendContext {
        SendContext::new(self.base(), id, 0, attempt)
    }

    /// A context for [`InboundStrategy::admit`](crate::InboundStrategy::admit) and
    /// [`media`](crate::InboundStrategy::media).
    pub fn event(&self) -> EventContext {
        EventContext { base: self.base() }
    }

    /// The sessions that all contexts share.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Reads any session, also one under a key of the core.
    ///
    /// # Errors
    /// As [`Sessions::get`].
    pub async fn read_session<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Versioned<T>>, SessionError> {
        self.sessions.get_any(key).await
    }

    /// Writes any session, also one under a key of the core.
    ///
    /// # Errors
    /// As [`Sessions::put`].
    pub async fn write_session<T: Serialize + Sync>(
        &self,
        key: &str,
        value: &T,
        expect: Option<u64>,
        ttl: Duration,
    ) -> Result<u64, SessionError> {
        self.sessions.put_any(key, value, expect, ttl).await
    }

    /// Returns `true` if no call waits for a session, as a send does whose conversation another one opens.
    pub fn is_idle(&self) -> bool {
        self.sessions.is_idle()
    }

    fn base(&self) -> Base {
        Base {
            scope: Arc::new(CallScope::new(self.tenant.clone(), self.strategy.clone(), Arc::clone(&self.clock), self.sessions.clone())),
            deadline: self.clock.now() + self.time_left,
            correlation: None,
            traceparent: None,
        }
    }
}

#[cfg(all(test, feature = "tokio"))]
mod tests {
    use super::*;
    use crate::testing::SimClock;
    use crate::{runtime::to_ms, strategy::SessionErrorKind};

    #[tokio::test(start_paused = true)]
    async fn contexts_of_one_factory_share_sessions_and_expire() {
        let clock = Arc::new(SimClock::new());
        let contexts = Contexts::new(TenantId::new("acme").unwrap(), StrategyName::new("x").unwrap(), Arc::clone(&clock) as _);
        let cx = contexts.send(ClientMessageId::new("1").unwrap());
        let minute = Duration::from_secs(60);
        assert_eq!(cx.sessions().put("k", &7, None, minute).await.unwrap(), 1);
        assert_eq!(contexts.event().sessions().get::<i32>("k").await.unwrap().unwrap().value, 7);
        let lost = contexts.sessions().put("k", &8, None, minute).await.unwrap_err();
        assert_eq!(lost.kind, SessionErrorKind::Conflict);
        clock.advance(minute).await;
        assert_eq!(contexts.sessions().get::<i32>("k").await.unwrap(), None);
        assert_eq!(cx.remaining(), Duration::ZERO);
        assert!(to_ms(cx.now()) > SimClock::EPOCH_MS);
    }
}
