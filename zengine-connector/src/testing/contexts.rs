//! Contexts for calling a strategy directly, without an orchestrator.

use std::{collections::HashMap, num::NonZeroU32, sync::Arc, time::Duration};

use crate::sync::Mutex;
use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    ids::{ClientMessageId, ConfigVersion, StrategyName, TenantId},
    keyring::StaticKeyRing,
    runtime::{Clock, SystemRng},
    store::{SessionStore, StoreError, StoreErrorKind},
    strategy::{Base, CallScope, ConfigureContext, EventContext, HealthContext, SendContext, SessionPorts, Sessions},
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
    sessions: Sessions,
    time_left: Duration,
}

impl Contexts {
    /// Creates the factory, with 30 seconds for every call.
    pub fn new(tenant: TenantId, strategy: StrategyName, clock: Arc<dyn Clock>) -> Self {
        let ports = SessionPorts {
            store: Arc::new(SessionsInMemory::default()),
            keys: Arc::new(StaticKeyRing::ephemeral(&SystemRng)),
            rng: Arc::new(SystemRng),
            clock: Arc::clone(&clock),
        };
        let sessions = Sessions::new(Arc::new(ports), &tenant, &strategy);
        Self { tenant, strategy, clock, sessions, time_left: Duration::from_secs(30) }
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

    fn base(&self) -> Base {
        Base {
            scope: Arc::new(CallScope::new(self.tenant.clone(), self.strategy.clone(), Arc::clone(&self.clock), self.sessions.clone())),
            deadline: self.clock.now() + self.time_left,
            correlation: None,
            traceparent: None,
        }
    }
}

/// Maps scope and key to version, value and expiry in milliseconds.
type Stored = HashMap<(String, String), (u64, Bytes, i64)>;

/// A session store in memory.
#[derive(Debug, Default)]
struct SessionsInMemory {
    stored: Mutex<Stored>,
}

impl SessionsInMemory {
    /// Checks the version and makes the change under one lock.
    fn change(&self, at: (&str, &str), expect: Option<u64>, now_ms: i64, new: Option<(Bytes, i64)>) -> Result<u64, StoreError> {
        let mut stored = self.stored.lock();
        let at = (at.0.to_owned(), at.1.to_owned());
        let version = stored.get(&at).filter(|(_, _, until)| *until > now_ms).map(|(version, ..)| *version);
        if version != expect {
            return Err(StoreError::new(StoreErrorKind::Conflict, "the session was changed meanwhile"));
        }
        let next = version.unwrap_or(0) + 1;
        match new {
            Some((value, until)) => drop(stored.insert(at, (next, value, until))),
            None => drop(stored.remove(&at)),
        }
        Ok(next)
    }
}

#[async_trait]
impl SessionStore for SessionsInMemory {
    async fn get(&self, scope: &str, key: &str, now_ms: i64) -> Result<Option<(u64, Bytes)>, StoreError> {
        let stored = self.stored.lock();
        let found = stored.get(&(scope.to_owned(), key.to_owned())).filter(|(_, _, until)| *until > now_ms);
        Ok(found.map(|(version, value, _)| (*version, value.clone())))
    }

    async fn put(&self, scope: &str, key: &str, value: Bytes, expect: Option<u64>, ttl: Duration, now_ms: i64) -> Result<u64, StoreError> {
        let until = now_ms.saturating_add(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
        self.change((scope, key), expect, now_ms, Some((value, until)))
    }

    async fn delete(&self, scope: &str, key: &str, expect: u64, now_ms: i64) -> Result<(), StoreError> {
        self.change((scope, key), Some(expect), now_ms, None).map(drop)
    }
}

#[cfg(all(test, feature = "tokio"))]
mod tests {
    use super::*;
    use crate::{runtime::to_ms, strategy::SessionErrorKind, testing::SimClock};

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
