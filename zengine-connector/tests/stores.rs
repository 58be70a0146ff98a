//! Every store against the contract, and what only the embedded one has.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::sync::Arc;

use zengine_connector::{
    store::{Embedded, Memory, Stores},
    testing::{CasStore, store_contract::Subject},
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
