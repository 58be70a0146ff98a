//! Every store against the contract, and what only the embedded one has.

#![allow(clippy::unwrap_used)] // helpers of tests

use zengine_connector::{
    store::{Embedded, Memory},
    testing::store_contract::Subject,
};

fn memory() -> Subject {
    let memory = Memory::new();
    Subject::new(&memory).with_directory(memory.directory())
}

fn embedded() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path().join("zengine.db")).unwrap();
    Subject::new(&store).with_directory(store.directory()).holding(folder)
}

zengine_connector::store_contract!(memory_stores, crate::memory);
zengine_connector::store_contract!(embedded_store, crate::embedded);
