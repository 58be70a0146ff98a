//! Claims in memory.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use async_trait::async_trait;

use super::{
    Tables,
    table::{Place, Table},
};
use crate::store::{
    Applied, At, ClaimKey, ClaimOp, ClaimRecord, ClaimStore, Decision, DuePage, InboundOp, InboundRecord, Reference, StoreError,
    StoreErrorKind,
    claims::{Kept, compare_and_set::Operation},
};

/// Maximum buckets that one page of due records looks at.
const EXAMINED: usize = 1024;

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

fn read_place(text: &str) -> Option<Place> {
    let (shard, bucket) = text.split_once('/')?;
    Some((shard.parse().ok()?, bucket.parse().ok()?))
}

/// Changes the record of a key as decided.
fn change<O: Operation<Record: Kept>>(records: &Table<O::Record>, key: &ClaimKey, operation: &O, now_ms: i64) -> Applied<O::Record> {
    records.change(key.shared(), now_ms, |stored| match operation.decide(stored.as_deref(), At { now_ms, boot: None }) {
        Decision::Write(record) => {
            *stored = Some(Arc::new(record));
            Applied::done(stored.clone())
        }
        Decision::Keep => Applied::done(stored.clone()),
        Decision::Refuse => Applied::refused(stored.clone()),
    })
}

#[async_trait]
impl ClaimStore for Tables {
    async fn apply(
        &self,
        key: &ClaimKey,
        operation: &ClaimOp,
        _: Option<&ClaimRecord>,
        now_ms: i64,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        self.claims.note(now_ms);
        Ok(change(&self.claims.outbound, key, operation, now_ms))
    }

    async fn get(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        Ok(self.claims.outbound.read(key.as_str(), |record| ClaimRecord::clone(record)))
    }

    async fn apply_inbound(
        &self,
        key: &ClaimKey,
        operation: &InboundOp,
        _: Option<&InboundRecord>,
        now_ms: i64,
    ) -> Result<Applied<InboundRecord>, StoreError> {
        Ok(change(&self.claims.inbound, key, operation, now_ms))
    }

    async fn put_reference(&self, hash: &str, reference: &Reference) -> Result<(), StoreError> {
        let now_ms = self.claims.recent_ms.load(Ordering::Relaxed);
        self.claims.references.change(&hash.into(), now_ms, |stored| *stored = Some(Arc::new(reference.clone())));
        Ok(())
    }

    async fn reference(&self, hash: &str, now_ms: i64) -> Result<Option<Reference>, StoreError> {
        Ok(self.claims.references.read(hash, |reference| Reference::clone(reference)).filter(|reference| !reference.is_expired(now_ms)))
    }

    async fn due(&self, before_ms: i64, after: Option<&str>, limit: usize) -> Result<DuePage, StoreError> {
        let from = after.map_or(Some(Place::default()), read_place);
        let from = from.ok_or_else(|| StoreError::new(StoreErrorKind::Corrupt, "this is no place in the memory's claims"))?;
        let mut records = Vec::new();
        let next = self.claims.outbound.scan(from, EXAMINED, |key, record| {
            if record.is_due(before_ms)
                && let Ok(key) = ClaimKey::parse(key)
            {
                records.push((key, ClaimRecord::clone(record)));
            }
            records.len() < limit.max(1)
        });
        Ok(DuePage::new(records, next.map(|(shard, bucket)| format!("{shard}/{bucket}"))))
    }
}
