//! Every store against the contract, and what only the embedded one has.

#![allow(clippy::unwrap_used)] // helpers of tests

use zengine_connector::{
    store::{Embedded, Memory},
    testing::store_contract::Subject,
};

fn memory() -> Subject {
    Subject::new(Memory::new())
}

fn embedded() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path().join("zengine.db")).unwrap();
    Subject::new(store).holding(folder)
}

zengine_connector::store_contract!(memory_stores, crate::memory);
zengine_connector::store_contract!(embedded_store, crate::embedded);
