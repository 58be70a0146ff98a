//! Claims in the embedded store.

use std::ops::Bound;

use async_trait::async_trait;
use redb::{ReadTransaction, ReadableTable as _, Table};

use super::{
    batch::WriteResult,
    engine::Engine,
    fault::Fault,
    tables::{CLAIMS, REFERENCES},
};
use crate::store::{
    Applied, At, ClaimKey, ClaimOp, ClaimRecord, ClaimStore, Decision, DuePage, InboundOp, InboundRecord, Reference, StoreError,
    cbor::{Record, decode, encode},
};

/// Maximum records that one page of due records reads: a read blocks its thread.
const EXAMINED: usize = 256;

fn read_claim(snapshot: &ReadTransaction, key: &str) -> Result<Option<ClaimRecord>, Fault> {
    read(snapshot.open_table(CLAIMS)?.get(key)?.as_ref())
}

fn read<R: Record>(stored: Option<&redb::AccessGuard<'_, &'static [u8]>>) -> Result<Option<R>, Fault> {
    Ok(stored.map(|bytes| decode(bytes.value())).transpose()?)
}

/// Changes the record of a key as decided.
fn change<R: Record + Clone>(
    table: &mut Table<'_, &'static str, &'static [u8]>,
    key: &str,
    decide: impl FnOnce(Option<&R>) -> Decision<R>,
) -> Result<WriteResult<Applied<R>>, Fault> {
    let current = read(table.get(key)?.as_ref())?;
    Ok(match decide(current.as_ref()) {
        Decision::Write(record) => {
            table.insert(key, &*encode(&record))?;
            WriteResult::wrote(Applied::done(Some(record)))
        }
        Decision::Keep => WriteResult::read(Applied::done(current)),
        Decision::Refuse => WriteResult::read(Applied::refused(current)),
    })
}

#[async_trait]
impl ClaimStore for Engine {
    fn boot(&self) -> Option<&str> {
        self.boot_id().map(|boot| &**boot)
    }

    async fn apply(
        &self,
        key: &ClaimKey,
        operation: &ClaimOp,
        _current: Option<&ClaimRecord>,
        now_ms: i64,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        if matches!(operation, ClaimOp::Claim { .. }) {
            // Most refused claims are duplicates, which need no write transaction.
            let current = self.read(|snapshot| read_claim(snapshot, key.as_str()))?;
            match operation.decide(current.as_ref(), At { now_ms, boot: self.boot() }) {
                Decision::Refuse => return Ok(Applied::refused(current)),
                Decision::Keep => return Ok(Applied::done(current)),
                Decision::Write(_) => {}
            }
        }
        let (key, operation, boot) = (key.clone(), operation.clone(), self.boot_id().cloned());
        self.write(Some(now_ms), move |batch| {
            change(batch.claims()?, key.as_str(), |current| operation.decide(current, At { now_ms, boot: boot.as_deref() }))
        })
        .await
    }

    async fn get(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        self.read(|snapshot| read_claim(snapshot, key.as_str()))
    }

    async fn apply_inbound(
        &self,
        key: &ClaimKey,
        operation: &InboundOp,
        _current: Option<&InboundRecord>,
        now_ms: i64,
    ) -> Result<Applied<InboundRecord>, StoreError> {
        let (key, operation, boot) = (key.clone(), operation.clone(), self.boot_id().cloned());
        self.write(Some(now_ms), move |batch| {
            change(batch.inbound()?, key.as_str(), |current| operation.decide(current, At { now_ms, boot: boot.as_deref() }))
        })
        .await
    }

    async fn put_reference(&self, hash: &str, reference: &Reference) -> Result<(), StoreError> {
        let (hash, bytes) = (hash.to_owned(), encode(reference));
        self.write(None, move |batch| {
            batch.references()?.insert(&*hash, &*bytes)?;
            Ok(WriteResult::wrote(()))
        })
        .await
    }

    async fn reference(&self, hash: &str, now_ms: i64) -> Result<Option<Reference>, StoreError> {
        let stored: Option<Reference> = self.read(|snapshot| read(snapshot.open_table(REFERENCES)?.get(hash)?.as_ref()))?;
        Ok(stored.filter(|reference| !reference.is_expired(now_ms)))
    }

    /// In order of keys.
    async fn due(&self, before_ms: i64, after: Option<&str>, limit: usize) -> Result<DuePage, StoreError> {
        self.read(|snapshot| {
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let table = snapshot.open_table(CLAIMS)?;
            let (mut page, mut last) = (DuePage::default(), None);
            for (n, entry) in table.range::<&str>((from, Bound::Unbounded))?.enumerate() {
                if n == EXAMINED || page.records.len() == limit.max(1) {
                    page.next = last.map(|key: redb::AccessGuard<'_, &str>| key.value().to_owned());
                    break;
                }
                let (key, bytes) = entry?;
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
