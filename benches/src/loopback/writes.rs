//! The count of writes that reach a store.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use zengine_connector::{
    Stores, async_trait,
    store::{
        Applied, ClaimKey, ClaimOp, ClaimRecord, ClaimStore, DomainEvent, EpochEntry, EpochLog, EventBus, InboundOp, InboundRecord,
        Reference, SessionStore, StoreError,
    },
};

/// Hands on to stores and counts calls that write, whatever becomes of them. Dead letters are not counted: sends that fail end the
/// measurement.
#[derive(Debug)]
pub(super) struct Writes {
    inner: Stores,
    count: AtomicU32,
}

impl Writes {
    /// The counter, and the stores that it counts the writes of.
    pub(super) fn counted(inner: Stores) -> (Arc<Self>, Stores) {
        let mut stores = inner.clone();
        let writes = Arc::new(Self { inner, count: AtomicU32::new(0) });
        stores.claims = Arc::<Self>::clone(&writes);
        stores.sessions = Arc::<Self>::clone(&writes);
        stores.epochs = Arc::<Self>::clone(&writes);
        stores.events = Arc::<Self>::clone(&writes);
        (writes, stores)
    }

    /// Writes so far.
    pub(super) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts a write and gives the stores for it.
    fn write(&self) -> &Stores {
        self.count.fetch_add(1, Ordering::Relaxed);
        &self.inner
    }
}

#[async_trait]
impl ClaimStore for Writes {
    fn boot(&self) -> Option<&str> {
        self.inner.claims.boot()
    }

    async fn apply(
        &self,
        key: &ClaimKey,
        operation: &ClaimOp,
        current: Option<&ClaimRecord>,
        now_ms: i64,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        self.write().claims.apply(key, operation, current, now_ms).await
    }

    async fn get(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        self.inner.claims.get(key).await
    }

    async fn apply_inbound(
        &self,
        key: &ClaimKey,
        operation: &InboundOp,
        current: Option<&InboundRecord>,
        now_ms: i64,
    ) -> Result<Applied<InboundRecord>, StoreError> {
        self.write().claims.apply_inbound(key, operation, current, now_ms).await
    }

    async fn put_reference(&self, hash: &str, reference: &Reference) -> Result<(), StoreError> {
        self.write().claims.put_reference(hash, reference).await
    }

    async fn reference(&self, hash: &str, now_ms: i64) -> Result<Option<Reference>, StoreError> {
        self.inner.claims.reference(hash, now_ms).await
    }
}

#[async_trait]
impl SessionStore for Writes {
    async fn get(&self, scope: &str, key: &str, now_ms: i64) -> Result<Option<(u64, Bytes)>, StoreError> {
        self.inner.sessions.get(scope, key, now_ms).await
    }

    async fn put(&self, scope: &str, key: &str, value: Bytes, expect: Option<u64>, ttl: Duration, now_ms: i64) -> Result<u64, StoreError> {
        self.write().sessions.put(scope, key, value, expect, ttl, now_ms).await
    }

    async fn delete(&self, scope: &str, key: &str, expect: u64, now_ms: i64) -> Result<(), StoreError> {
        self.write().sessions.delete(scope, key, expect, now_ms).await
    }
}

#[async_trait]
impl EpochLog for Writes {
    async fn append(&self, log: &str, entry: EpochEntry) -> Result<bool, StoreError> {
        self.write().epochs.append(log, entry).await
    }

    async fn read(&self, log: &str, from: u64, count: u32) -> Result<Vec<EpochEntry>, StoreError> {
        self.inner.epochs.read(log, from, count).await
    }

    async fn newest(&self, log: &str) -> Result<Option<EpochEntry>, StoreError> {
        self.inner.epochs.newest(log).await
    }

    async fn trim(&self, log: &str, below: u64) -> Result<(), StoreError> {
        self.write().epochs.trim(log, below).await
    }
}

#[async_trait]
impl EventBus for Writes {
    async fn publish(&self, event: &DomainEvent) -> Result<(), StoreError> {
        self.write().events.publish(event).await
    }
}
