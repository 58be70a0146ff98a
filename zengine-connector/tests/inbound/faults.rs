//! Stores that fail when a test says so.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use zengine_connector::{
    FailureId, StrategyName, TenantId, async_trait, delegate_claims,
    ids::RouteKey,
    runtime::{BoxFuture, Spawner, TokioSpawner},
    store::{
        Applied, ClaimKey, ClaimOp, ClaimRecord, ClaimStore, DeadLetter, DeadLetterPage, DeadLetterSink, DeadLetterStore, DomainEvent,
        DuePage, EventBus, InboundOp, InboundRecord, Reference, SessionPage, SessionStore, StoreError, StoreErrorKind, TenantConfig,
        TenantDirectory,
    },
};

/// The fault.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// The claim store answers nothing about inbound events.
    pub(crate) claims_down: AtomicBool,
    /// Inbound claims are written, but so many answers are lost.
    pub(crate) lose_claim_answers: AtomicUsize,
    /// The claim store answers nothing about sends.
    pub(crate) sends_down: AtomicBool,
    /// Settling is not answered.
    pub(crate) settle_down: AtomicBool,
    pub(crate) dead_letters_down: AtomicBool,
    pub(crate) bus_down: AtomicBool,
    pub(crate) routes_down: AtomicBool,
    pub(crate) configs_down: AtomicBool,
    pub(crate) configs_damaged: AtomicBool,
    pub(crate) sessions_down: AtomicBool,
    /// Sessions are never read.
    pub(crate) sessions_hang: AtomicBool,
    /// Session writes are never answered.
    pub(crate) session_writes_hang: AtomicBool,
    /// Sessions are not listed.
    pub(crate) session_lists_down: AtomicBool,
    /// So many session writes lose their race.
    pub(crate) lose_races: AtomicUsize,
    /// The task that cannot be spawned, counted from 1; 0 if all can, the highest number if none can.
    pub(crate) refused_task: AtomicUsize,
    /// How often the directory was asked for a route.
    pub(crate) routes_read: AtomicUsize,
    /// How often a store was written.
    pub(crate) writes: AtomicUsize,
}

fn down() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "down on purpose")
}

fn check(flag: &AtomicBool) -> Result<(), StoreError> {
    if flag.load(SeqCst) { Err(down()) } else { Ok(()) }
}

fn draw(counter: &AtomicUsize) -> bool {
    counter.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok()
}

/// A spawner that refuses one task.
#[derive(Debug)]
pub(crate) struct FaultySpawner(pub(crate) Arc<Faults>);

impl Spawner for FaultySpawner {
    fn spawn(&self, future: BoxFuture<'static, ()>) -> bool {
        let next = |left: usize| if left == usize::MAX { Some(left) } else { left.checked_sub(1) };
        let refused = matches!(self.0.refused_task.fetch_update(SeqCst, SeqCst, next), Ok(1 | usize::MAX));
        !refused && TokioSpawner.spawn(future)
    }
}

/// A store under faults.
#[derive(Debug)]
pub(crate) struct Under<S: ?Sized>(pub(crate) Arc<S>, pub(crate) Arc<Faults>);

#[async_trait]
impl ClaimStore for Under<dyn ClaimStore> {
    delegate_claims!(0: put_reference);

    async fn due(&self, before_ms: i64, after: Option<&str>, limit: usize) -> Result<DuePage, StoreError> {
        self.0.due(before_ms, after, limit).await
    }

    async fn apply(
        &self,
        key: &ClaimKey,
        operation: &ClaimOp,
        current: Option<&ClaimRecord>,
        now_ms: i64,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        check(&self.1.sends_down)?;
        self.1.writes.fetch_add(1, SeqCst);
        self.0.apply(key, operation, current, now_ms).await
    }

    async fn get(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        check(&self.1.sends_down)?;
        self.0.get(key).await
    }

    async fn apply_inbound(
        &self,
        key: &ClaimKey,
        operation: &InboundOp,
        current: Option<&InboundRecord>,
        now_ms: i64,
    ) -> Result<Applied<InboundRecord>, StoreError> {
        check(&self.1.claims_down)?;
        if matches!(operation, InboundOp::Settle { .. }) {
            check(&self.1.settle_down)?;
        }
        self.1.writes.fetch_add(1, SeqCst);
        let applied = self.0.apply_inbound(key, operation, current, now_ms).await?;
        if matches!(operation, InboundOp::Claim { .. } | InboundOp::Replay { .. }) && draw(&self.1.lose_claim_answers) {
            Err(down())
        } else {
            Ok(applied)
        }
    }

    async fn reference(&self, hash: &str, now_ms: i64) -> Result<Option<Reference>, StoreError> {
        check(&self.1.sends_down)?;
        self.0.reference(hash, now_ms).await
    }
}

#[async_trait]
impl DeadLetterSink for Under<dyn DeadLetterStore> {
    async fn put(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        check(&self.1.dead_letters_down)?;
        self.1.writes.fetch_add(1, SeqCst);
        self.0.put(letter).await
    }
}

#[async_trait]
impl DeadLetterStore for Under<dyn DeadLetterStore> {
    async fn get(&self, id: &FailureId) -> Result<Option<DeadLetter>, StoreError> {
        self.0.get(id).await
    }

    async fn list(&self, after: Option<&FailureId>, limit: usize) -> Result<DeadLetterPage, StoreError> {
        self.0.list(after, limit).await
    }

    async fn take(&self, id: &FailureId, seen: u32) -> Result<Option<DeadLetter>, StoreError> {
        self.0.take(id, seen).await
    }

    async fn remove(&self, id: &FailureId) -> Result<(), StoreError> {
        self.0.remove(id).await
    }
}

#[async_trait]
impl EventBus for Under<dyn EventBus> {
    async fn publish(&self, event: &DomainEvent) -> Result<(), StoreError> {
        check(&self.1.bus_down)?;
        self.0.publish(event).await
    }
}

#[async_trait]
impl TenantDirectory for Under<dyn TenantDirectory> {
    async fn config(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantConfig>, StoreError> {
        check(&self.1.configs_down)?;
        if self.1.configs_damaged.load(SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Corrupt, "the table is damaged"));
        }
        self.0.config(tenant, strategy).await
    }

    async fn route(&self, strategy: &StrategyName, key: &RouteKey) -> Result<Vec<TenantId>, StoreError> {
        self.1.routes_read.fetch_add(1, SeqCst);
        check(&self.1.routes_down)?;
        self.0.route(strategy, key).await
    }

    async fn tenants(&self, strategy: &StrategyName, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        self.0.tenants(strategy, after, limit).await
    }
}

#[async_trait]
impl SessionStore for Under<dyn SessionStore> {
    async fn get(&self, scope: &str, key: &str, now_ms: i64) -> Result<Option<(u64, Bytes)>, StoreError> {
        check(&self.1.sessions_down)?;
        if self.1.sessions_hang.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        self.0.get(scope, key, now_ms).await
    }

    async fn put(&self, scope: &str, key: &str, value: Bytes, expect: Option<u64>, ttl: Duration, now_ms: i64) -> Result<u64, StoreError> {
        check(&self.1.sessions_down)?;
        if draw(&self.1.lose_races) {
            return Err(StoreError::new(StoreErrorKind::Conflict, "lost on purpose"));
        }
        if self.1.session_writes_hang.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        self.1.writes.fetch_add(1, SeqCst);
        self.0.put(scope, key, value, expect, ttl, now_ms).await
    }

    async fn delete(&self, scope: &str, key: &str, expect: u64, now_ms: i64) -> Result<(), StoreError> {
        self.0.delete(scope, key, expect, now_ms).await
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<SessionPage, StoreError> {
        check(&self.1.session_lists_down)?;
        self.0.list(after, limit).await
    }

    async fn list_scope(
        &self,
        scope: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now_ms: i64,
    ) -> Result<SessionPage, StoreError> {
        self.0.list_scope(scope, prefix, after, limit, now_ms).await
    }
}
