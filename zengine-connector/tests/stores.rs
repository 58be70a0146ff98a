//! Every store against the contract, and what only the embedded one has.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::sync::Arc;

use zengine_connector::{
    async_trait,
    store::{
        Applied, At, ClaimKey, ClaimOp, ClaimRecord, ClaimStore, Decision, Embedded, InboundOp, InboundRecord, Memory, Reference,
        StoreError, Stores,
    },
    testing::{
        CasStore,
        store_contract::{self, Subject},
    },
};

fn memory() -> Subject {
    Subject::new(Memory::new())
}

fn embedded() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path().join("zengine.db")).unwrap();
    Subject::new(store).holding(folder)
}

fn with_claims(claims: CasStore) -> Subject {
    let mut stores = Stores::from(Memory::new());
    stores.claims = Arc::new(claims);
    Subject::new(stores)
}

fn found() -> Subject {
    with_claims(CasStore::new())
}

/// A store that connects first, and returns nothing with a refused write.
async fn refused() -> Subject {
    tokio::task::yield_now().await;
    with_claims(CasStore::without_found())
}

zengine_connector::store_contract!(memory_stores, crate::memory);
zengine_connector::store_contract!(embedded_store, crate::embedded);
zengine_connector::store_contract!(compare_and_set_that_returns_the_record, crate::found, ports = [claims]);
zengine_connector::store_contract!(compare_and_set_that_returns_nothing, crate::refused, ports = [claims]);

/// A store that refuses and keeps by the record that its caller believes to be stored.
#[derive(Debug)]
struct Trusting(Arc<dyn ClaimStore>);

#[async_trait]
impl ClaimStore for Trusting {
    async fn apply(
        &self,
        key: &ClaimKey,
        operation: &ClaimOp,
        current: Option<&ClaimRecord>,
        now_ms: i64,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        match operation.decide(current, At { now_ms, boot: None }) {
            Decision::Write(_) => self.0.apply(key, operation, current, now_ms).await,
            Decision::Keep => Ok(Applied::done(current.cloned())),
            Decision::Refuse => Ok(Applied::refused(current.cloned())),
        }
    }

    async fn get(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        self.0.get(key).await
    }

    async fn apply_inbound(
        &self,
        key: &ClaimKey,
        operation: &InboundOp,
        current: Option<&InboundRecord>,
        now_ms: i64,
    ) -> Result<Applied<InboundRecord>, StoreError> {
        self.0.apply_inbound(key, operation, current, now_ms).await
    }

    async fn put_reference(&self, hash: &str, reference: &Reference) -> Result<(), StoreError> {
        self.0.put_reference(hash, reference).await
    }

    async fn reference(&self, hash: &str, now_ms: i64) -> Result<Option<Reference>, StoreError> {
        self.0.reference(hash, now_ms).await
    }
}

#[tokio::test]
#[should_panic(expected = "the returned record is the stored one")]
async fn a_store_that_trusts_its_callers_record_breaks_the_contract() {
    let mut stores = Stores::from(Memory::new());
    stores.claims = Arc::new(Trusting(stores.claims));
    store_contract::a_wrong_current_record_changes_no_result_of_a_send(&Subject::new(stores)).await;
}
