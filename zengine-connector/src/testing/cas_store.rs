//! A claim store that reads and compares and sets, and counts what that takes.

use std::{
    collections::HashMap,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;

use crate::{
    runtime::yield_now,
    store::{
        Applied, At, ClaimKey, ClaimOp, ClaimRecord, ClaimStore, InboundOp, InboundRecord, Reference, StoreError,
        compare_and_set::{self, CompareAndSet, Operation, PutIf, Stored},
    },
    sync::Mutex,
};

/// A claim store made of two calls, a read and a conditional write, as a database has them. It holds encoded records in
/// memory and removes none.
///
/// Use it to count the calls of a pipeline, and as a model of your own store. It never blocks: each call yields once first, so
/// that concurrent callers race.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use zengine_connector::{
///     Error,
///     store::{ClaimKey, ClaimOp, ClaimStore, OwnerToken},
///     testing::CasStore,
/// };
/// # use zengine_connector::{ClientMessageId, StrategyName, TenantId};
///
/// let claims = CasStore::new();
/// let key = ClaimKey::outbound(&TenantId::new("acme")?, &StrategyName::new("sns-sms")?, &ClientMessageId::new("1")?);
/// let mark = ClaimOp::Mark { owner: OwnerToken::named("a"), idempotency: None, ttl_s: 60 };
/// assert!(!claims.apply(&key, &mark, None, 0).await?.done);
/// assert_eq!((claims.trips().reads, claims.trips().writes), (1, 0));
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
pub struct CasStore {
    rows: Mutex<HashMap<ClaimKey, Row>>,
    references: Mutex<HashMap<String, Vec<u8>>>,
    returns_found: bool,
    reads: AtomicU64,
    writes: AtomicU64,
    refused: AtomicU64,
}

/// An encoded record, beside the state that a conditional write compares.
struct Row {
    state: Stored,
    record: Vec<u8>,
}

/// The calls that a [`CasStore`] answered. Those for references are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trips {
    /// Reads of records.
    pub reads: u64,
    /// Conditional writes, the refused ones included.
    pub writes: u64,
    /// Refused conditional writes.
    pub refused: u64,
}

impl CasStore {
    /// An empty store whose refused writes return the record that they found.
    pub fn new() -> Self {
        Self::of(true)
    }

    /// An empty store whose refused writes return nothing, so that a caller has to read.
    pub fn without_found() -> Self {
        Self::of(false)
    }

    fn of(returns_found: bool) -> Self {
        Self {
            rows: Mutex::default(),
            references: Mutex::default(),
            returns_found,
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// The calls since the start, or since [`reset_trips`](Self::reset_trips).
    pub fn trips(&self) -> Trips {
        let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        Trips { reads: count(&self.reads), writes: count(&self.writes), refused: count(&self.refused) }
    }

    /// Counts from zero again.
    pub fn reset_trips(&self) {
        for counter in [&self.reads, &self.writes, &self.refused] {
            counter.store(0, Ordering::SeqCst);
        }
    }
}

impl Default for CasStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CasStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CasStore").field("returns_found", &self.returns_found).field("trips", &self.trips()).finish_non_exhaustive()
    }
}

/// A record and its encoding.
trait Encoded: Sized + Send + Sync {
    type Operation: Operation<Record = Self>;

    fn encode(&self) -> Vec<u8>;
    fn decode(bytes: &[u8]) -> Result<Self, StoreError>;
}

impl Encoded for ClaimRecord {
    type Operation = ClaimOp;

    fn encode(&self) -> Vec<u8> {
        self.to_cbor()
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        Self::from_cbor(bytes)
    }
}

impl Encoded for InboundRecord {
    type Operation = InboundOp;

    fn encode(&self) -> Vec<u8> {
        self.to_cbor()
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        Self::from_cbor(bytes)
    }
}

#[async_trait]
impl<R: Encoded> CompareAndSet<R> for CasStore {
    async fn get(&self, key: &ClaimKey) -> Result<Option<R>, StoreError> {
        yield_now().await;
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.rows.lock().get(key).map(|row| R::decode(&row.record)).transpose()
    }

    async fn put_if(&self, key: &ClaimKey, expected: Option<Stored>, record: &R) -> Result<PutIf<R>, StoreError> {
        yield_now().await;
        self.writes.fetch_add(1, Ordering::SeqCst);
        let mut rows = self.rows.lock();
        let found = rows.get(key);
        if found.map(|row| row.state) == expected {
            rows.insert(key.clone(), Row { state: R::Operation::state(record), record: record.encode() });
            return Ok(PutIf::Written);
        }
        self.refused.fetch_add(1, Ordering::SeqCst);
        if self.returns_found { Ok(PutIf::Found(found.map(|row| R::decode(&row.record)).transpose()?)) } else { Ok(PutIf::Refused) }
    }
}

#[async_trait]
impl ClaimStore for CasStore {
    async fn apply(
        &self,
        key: &ClaimKey,
        operation: &ClaimOp,
        current: Option<&ClaimRecord>,
        now_ms: i64,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        compare_and_set::apply(self, key, operation, current, At { now_ms, boot: None }).await
    }

    async fn get(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        CompareAndSet::get(self, key).await
    }

    async fn apply_inbound(
        &self,
        key: &ClaimKey,
        operation: &InboundOp,
        current: Option<&InboundRecord>,
        now_ms: i64,
    ) -> Result<Applied<InboundRecord>, StoreError> {
        compare_and_set::apply(self, key, operation, current, At { now_ms, boot: None }).await
    }

    async fn put_reference(&self, hash: &str, reference: &Reference) -> Result<(), StoreError> {
        yield_now().await;
        self.references.lock().insert(hash.to_owned(), reference.to_cbor());
        Ok(())
    }

    async fn reference(&self, hash: &str, now_ms: i64) -> Result<Option<Reference>, StoreError> {
        yield_now().await;
        let stored = self.references.lock().get(hash).map(|bytes| Reference::from_cbor(bytes)).transpose()?;
        Ok(stored.filter(|reference| !reference.is_expired(now_ms)))
    }
}
