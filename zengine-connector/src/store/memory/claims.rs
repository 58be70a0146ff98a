//! Claims in memory.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use async_trait::async_trait;

use super::{
    Tables,
    table::{Change, Kept, Table},
};
use crate::store::{Applied, At, ClaimKey, ClaimOp, ClaimRecord, ClaimStore, Decision, InboundOp, InboundRecord, Reference, StoreError};

/// The tables of claims.
///
/// Later writes remove expired records, a few at a time. Records that are in doubt, have pending effects or are not expired
/// are never removed, regardless of their number (rule 29).
#[derive(Default)]
pub(super) struct Claims {
    outbound: Table<ClaimRecord>,
    inbound: Table<InboundRecord>,
    references: Table<Reference>,
    /// Time of a recent operation, to the second, for references, which are written without a time.
    recent_ms: AtomicI64,
}

impl Claims {
    /// Number of records of sends, including expired ones that are not removed yet.
    pub(super) fn len(&self) -> usize {
        self.outbound.len()
    }

    fn note(&self, now_ms: i64) {
        // Written once per second at most, because all shards share this value.
        if now_ms.saturating_sub(self.recent_ms.load(Ordering::Relaxed)) >= 1000 {
            self.recent_ms.store(now_ms, Ordering::Relaxed);
        }
    }
}

impl Kept for ClaimRecord {
    fn removable_at_ms(&self) -> i64 {
        self.removable_at_s().map_or(i64::MAX, |at_s| at_s.saturating_mul(1000))
    }
}

impl Kept for InboundRecord {
    fn removable_at_ms(&self) -> i64 {
        self.expires_at_s.saturating_mul(1000)
    }
}

impl Kept for Reference {
    fn removable_at_ms(&self) -> i64 {
        self.expires_at_s.saturating_mul(1000)
    }
}

/// The change of a record and the answer, as decided.
fn applied<R>(decision: Decision<R>, current: Option<&Arc<R>>) -> (Change<R>, Applied<R>) {
    match decision {
        Decision::Write(record) => {
            let record = Arc::new(record);
            (Change::Write(Arc::clone(&record)), Applied::done(Some(record)))
        }
        Decision::Keep => (Change::Keep, Applied::done(current.cloned())),
        Decision::Refuse => (Change::Keep, Applied::refused(current.cloned())),
    }
}

#[async_trait]
impl ClaimStore for Tables {
    async fn apply(
        &self,
        key: &ClaimKey,
        operation: &ClaimOp,
        _current: Option<&ClaimRecord>,
        now_ms: i64,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        self.claims.note(now_ms);
        let at = At { now_ms, boot: None };
        Ok(self
            .claims
            .outbound
            .change(key.shared(), now_ms, |current| applied(operation.decide(current.map(|record| &**record), at), current)))
    }

    async fn get(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        Ok(self.claims.outbound.read(key.as_str(), |record| ClaimRecord::clone(record)))
    }

    async fn apply_inbound(
        &self,
        key: &ClaimKey,
        operation: &InboundOp,
        _current: Option<&InboundRecord>,
        now_ms: i64,
    ) -> Result<Applied<InboundRecord>, StoreError> {
        let at = At { now_ms, boot: None };
        Ok(self
            .claims
            .inbound
            .change(key.shared(), now_ms, |current| applied(operation.decide(current.map(|record| &**record), at), current)))
    }

    async fn put_reference(&self, hash: &str, reference: &Reference) -> Result<(), StoreError> {
        let now_ms = self.claims.recent_ms.load(Ordering::Relaxed);
        self.claims.references.change(&hash.into(), now_ms, |_| (Change::Write(Arc::new(reference.clone())), ()));
        Ok(())
    }

    async fn reference(&self, hash: &str, now_ms: i64) -> Result<Option<Reference>, StoreError> {
        Ok(self.claims.references.read(hash, |reference| Reference::clone(reference)).filter(|reference| !reference.is_expired(now_ms)))
    }
}
