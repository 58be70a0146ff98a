//! A session store with a fault of its n-th call.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::{host::TestHost, kit::SharedKit};
use crate::{
    store::{Memory, SessionStore, StoreError, StoreErrorKind},
    sync::Mutex,
};

/// A fault of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionFault {
    /// The store does not answer.
    Unavailable,
    /// Another caller wrote first.
    Conflict,
    /// A session that is read cannot be opened.
    Corrupt,
}

/// The calls so far, and the call that fails with its fault.
type FaultState = (usize, Option<(usize, SessionFault)>);

/// The store. A clone shares it.
#[derive(Clone, Debug)]
pub(crate) struct FaultySessionStore {
    store: Arc<dyn SessionStore>,
    state: Arc<Mutex<FaultState>>,
}

impl FaultySessionStore {
    /// Sets the fault of the n-th call from now, from 0.
    pub(crate) fn fail(&self, n: usize, fault: SessionFault) {
        *self.state.lock() = (0, Some((n, fault)));
    }

    pub(crate) fn heal(&self) {
        self.state.lock().1 = None;
    }

    /// The number of calls since the last fault was set.
    pub(crate) fn calls(&self) -> usize {
        self.state.lock().0
    }

    fn next(&self) -> Result<bool, StoreError> {
        let mut state = self.state.lock();
        let (n, fault) = *state;
        state.0 += 1;
        match fault.filter(|(at, _)| *at == n).map(|(_, fault)| fault) {
            None => Ok(false),
            Some(SessionFault::Corrupt) => Ok(true),
            Some(SessionFault::Conflict) => Err(StoreError::new(StoreErrorKind::Conflict, "injected by the kit")),
            Some(SessionFault::Unavailable) => Err(StoreError::new(StoreErrorKind::Unavailable, "injected by the kit")),
        }
    }
}

#[async_trait]
impl SessionStore for FaultySessionStore {
    async fn get(&self, scope: &str, key: &str, now_ms: i64) -> Result<Option<(u64, Bytes)>, StoreError> {
        if self.next()? { Ok(Some((1, Bytes::from_static(b"unreadable")))) } else { self.store.get(scope, key, now_ms).await }
    }

    async fn put(&self, scope: &str, key: &str, value: Bytes, expect: Option<u64>, ttl: Duration, now_ms: i64) -> Result<u64, StoreError> {
        self.next()?;
        self.store.put(scope, key, value, expect, ttl, now_ms).await
    }

    async fn delete(&self, scope: &str, key: &str, expect: u64, now_ms: i64) -> Result<(), StoreError> {
        self.next()?;
        self.store.delete(scope, key, expect, now_ms).await
    }
}

impl FaultySessionStore {
    /// A store and its memory, whose keys belong to it.
    pub(crate) fn new() -> (Self, Memory) {
        let memory = Memory::new();
        (Self { store: memory.sessions(), state: Arc::default() }, memory)
    }
}

impl TestHost {
    /// Creates a host whose session store can fail.
    pub(crate) fn with_sessions(kit: &SharedKit) -> (Self, FaultySessionStore) {
        let (store, memory) = FaultySessionStore::new();
        let host = Self::with(kit, |builder| builder.sessions(Arc::new(store.clone()) as Arc<dyn SessionStore>).keys(memory.keys()));
        (host, store)
    }
}
