//! Claims in the embedded store.

use std::sync::Arc;

use async_trait::async_trait;
use redb::{ReadTransaction, ReadableTable as _};

use super::{
    batch::WriteResult,
    engine::Engine,
    fault::Fault,
    record::{Record, V1, decode, encode},
    tables::{CLAIMS, REFERENCES},
};
use crate::store::{
    Applied, At, ClaimKey, ClaimOp, ClaimRecord, ClaimStore, Decision, InboundDecision, InboundOp, InboundRecord, Reference, StoreError,
};

/// Claims in the embedded store.
#[derive(Clone, Debug)]
pub struct EmbeddedClaims(pub(super) Arc<Engine>);

fn read_claim(snapshot: &ReadTransaction, key: &str) -> Result<Option<ClaimRecord>, Fault> {
    read(snapshot.open_table(CLAIMS)?.get(key)?.as_ref())
}

fn read<R: Record>(stored: Option<&redb::AccessGuard<'_, &'static [u8]>>) -> Result<Option<R>, Fault> {
    Ok(stored.map(|json| decode(json.value())).transpose()?)
}

#[async_trait]
impl ClaimStore for EmbeddedClaims {
    fn boot(&self) -> Option<&str> {
        self.0.boot().map(|boot| &**boot)
    }

    async fn apply(&self, key: &ClaimKey, operation: &ClaimOp, now_ms: i64) -> Result<Applied<ClaimRecord>, StoreError> {
        if matches!(operation, ClaimOp::Claim { .. }) {
            // Most refused claims are duplicates, which need no write transaction.
            let current = self.0.read(|snapshot| read_claim(snapshot, key.as_str()))?;
            match operation.decide(current.as_ref(), At { now_ms, boot: self.boot() }) {
                Decision::Refuse => return Ok(Applied::refused(current)),
                Decision::Keep => return Ok(Applied::done(current)),
                Decision::Write(_) => {}
            }
        }
        let (key, operation, boot) = (key.clone(), operation.clone(), self.0.boot().cloned());
        self.0
            .write(Some(now_ms), move |batch| {
                let claims = batch.claims()?;
                let current = read(claims.get(key.as_str())?.as_ref())?;
                Ok(match operation.decide(current.as_ref(), At { now_ms, boot: boot.as_deref() }) {
                    Decision::Write(record) => {
                        claims.insert(key.as_str(), &*encode(&record)?)?;
                        WriteResult::wrote(Applied::done(Some(record)))
                    }
                    Decision::Keep => WriteResult::read(Applied::done(current)),
                    Decision::Refuse => WriteResult::read(Applied::refused(current)),
                })
            })
            .await
    }

    async fn get(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        self.0.read(|snapshot| read_claim(snapshot, key.as_str()))
    }

    async fn apply_inbound(&self, key: &ClaimKey, operation: &InboundOp, now_ms: i64) -> Result<Applied<InboundRecord>, StoreError> {
        let (key, operation, boot) = (key.clone(), operation.clone(), self.0.boot().cloned());
        self.0
            .write(Some(now_ms), move |batch| {
                let inbound = batch.inbound()?;
                let current = read(inbound.get(key.as_str())?.as_ref())?;
                Ok(match operation.decide(current.as_ref(), At { now_ms, boot: boot.as_deref() }) {
                    InboundDecision::Write(record) => {
                        inbound.insert(key.as_str(), &*encode(&record)?)?;
                        WriteResult::wrote(Applied::done(Some(record)))
                    }
                    InboundDecision::Delete => {
                        inbound.remove(key.as_str())?;
                        WriteResult::wrote(Applied::done(None))
                    }
                    InboundDecision::Keep => WriteResult::read(Applied::done(current)),
                    InboundDecision::Refuse => WriteResult::read(Applied::refused(current)),
                })
            })
            .await
    }

    async fn put_reference(&self, hash: &str, reference: &Reference) -> Result<(), StoreError> {
        let (hash, json) = (hash.to_owned(), encode(&V1::new(reference.clone()))?);
        self.0
            .write(None, move |batch| {
                batch.references()?.insert(&*hash, &*json)?;
                Ok(WriteResult::wrote(()))
            })
            .await
    }

    async fn reference(&self, hash: &str, now_ms: i64) -> Result<Option<Reference>, StoreError> {
        let stored: Option<V1<Reference>> = self.0.read(|snapshot| read(snapshot.open_table(REFERENCES)?.get(hash)?.as_ref()))?;
        Ok(stored.map(|stored| stored.record).filter(|reference| reference.expires_at_s.saturating_mul(1000) > now_ms))
    }
}
