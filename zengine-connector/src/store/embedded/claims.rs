//! Claims in the embedded store.

use std::ops::Bound;

use async_trait::async_trait;
use redb::{ReadableTable, TableDefinition};

use super::{
    ascending::AscendingKeys,
    engine::Engine,
    fault::Fault,
    tables::{CLAIMS, INBOUND, REFERENCES},
    work::Done,
};
use crate::store::{
    Applied, At, ClaimKey, ClaimOp, ClaimRecord, ClaimStore, Decision, DuePage, InboundOp, InboundRecord, Reference, StoreError,
    cbor::{Record, decode, encode},
    claims::compare_and_set::Operation,
};

/// Maximum records that one page of due records reads: a read blocks its thread.
const EXAMINED: usize = 256;

type Records = TableDefinition<'static, &'static str, &'static [u8]>;

fn read<R: Record>(table: &impl ReadableTable<&'static str, &'static [u8]>, key: &str) -> Result<Option<R>, Fault> {
    Ok(table.get(key)?.map(|bytes| decode(bytes.value())).transpose()?)
}

impl Engine {
    /// Changes the record of a key as decided.
    async fn change<O>(&self, table: Records, key: &ClaimKey, operation: &O, now_ms: i64) -> Result<Applied<O::Record>, StoreError>
    where
        O: Operation<Record: Record> + Clone + Send + 'static,
    {
        let (key, operation, boot) = (key.clone(), operation.clone(), self.boot.clone());
        self.write(Some(now_ms), move |transaction| {
            let mut table = transaction.open_table(table)?;
            let current = read(&table, key.as_str())?;
            Ok(match operation.decide(current.as_ref(), At { now_ms, boot: boot.as_deref() }) {
                Decision::Write(record) => {
                    table.insert(key.as_str(), &*encode(&record))?;
                    Done::Wrote(Applied::done(Some(record)))
                }
                Decision::Keep => Done::Looked(Applied::done(current)),
                Decision::Refuse => Done::Looked(Applied::refused(current)),
            })
        })
        .await
    }
}

#[async_trait]
impl ClaimStore for Engine {
    fn boot(&self) -> Option<&str> {
        self.boot.as_deref()
    }

    async fn apply(
        &self,
        key: &ClaimKey,
        operation: &ClaimOp,
        _: Option<&ClaimRecord>,
        now_ms: i64,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        if matches!(operation, ClaimOp::Claim { .. }) {
            // Most refused claims are duplicates, which need no write transaction.
            let current = self.get(key).await?;
            match operation.decide(current.as_ref(), At { now_ms, boot: self.boot() }) {
                Decision::Refuse => return Ok(Applied::refused(current)),
                Decision::Keep => return Ok(Applied::done(current)),
                Decision::Write(_) => {}
            }
        }
        self.change(CLAIMS, key, operation, now_ms).await
    }

    async fn get(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        self.read(|snapshot| read(&snapshot.open_table(CLAIMS)?, key.as_str()))
    }

    async fn apply_inbound(
        &self,
        key: &ClaimKey,
        operation: &InboundOp,
        _: Option<&InboundRecord>,
        now_ms: i64,
    ) -> Result<Applied<InboundRecord>, StoreError> {
        self.change(INBOUND, key, operation, now_ms).await
    }

    async fn put_reference(&self, hash: &str, reference: &Reference) -> Result<(), StoreError> {
        let (hash, bytes) = (hash.to_owned(), encode(reference));
        self.write(None, move |transaction| {
            transaction.open_table(REFERENCES)?.insert(&*hash, &*bytes)?;
            Ok(Done::Wrote(()))
        })
        .await
    }

    async fn reference(&self, hash: &str, now_ms: i64) -> Result<Option<Reference>, StoreError> {
        let stored = self.read(|snapshot| read::<Reference>(&snapshot.open_table(REFERENCES)?, hash))?;
        Ok(stored.filter(|reference| !reference.is_expired(now_ms)))
    }

    /// In order of keys.
    async fn due(&self, before_ms: i64, after: Option<&str>, limit: usize) -> Result<DuePage, StoreError> {
        self.read(|snapshot| {
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let table = snapshot.open_table(CLAIMS)?;
            let (mut page, mut order) = (DuePage::default(), AscendingKeys::after(after));
            let mut last = None;
            for (n, entry) in table.range::<&str>((from, Bound::Unbounded))?.enumerate() {
                if n == EXAMINED || page.records.len() == limit.max(1) {
                    page.next = last.map(|key: redb::AccessGuard<'_, &str>| key.value().to_owned());
                    break;
                }
                let (key, bytes) = entry?;
                order.check(key.value())?;
                match (ClaimKey::parse(key.value()), decode::<ClaimRecord>(bytes.value())) {
                    (Ok(key), Ok(record)) if record.is_due(before_ms) => page.records.push((key, record)),
                    (Ok(_), Ok(_)) => {}
                    _ => page.unreadable += 1,
                }
                last = Some(key);
            }
            Ok(page)
        })
    }
}
