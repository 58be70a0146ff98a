//! Dead letters, events, epochs and sessions that fail on demand.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::policy::{Faults, StoreCall};
use crate::{
    ids::FailureId,
    store::{
        DeadLetter, DeadLetterPage, DeadLetterSink, DeadLetterStore, DomainEvent, EpochEntry, EpochLog, EventBus, SessionPage,
        SessionStore, StoreError,
    },
};

impl Faults {
    /// Wraps a dead-letter store with these faults.
    pub fn dead_letters(&self, store: Arc<dyn DeadLetterStore>) -> Arc<FaultyLetters> {
        Arc::new(FaultyLetters { faults: self.clone(), store })
    }

    /// Wraps a sink of dead letters with these faults.
    pub fn dead_letter_sink(&self, sink: Arc<dyn DeadLetterSink>) -> Arc<FaultyLetterSink> {
        Arc::new(FaultyLetterSink { faults: self.clone(), sink })
    }

    /// Wraps an event bus with these faults.
    pub fn events(&self, bus: Arc<dyn EventBus>) -> Arc<FaultyEvents> {
        Arc::new(FaultyEvents { faults: self.clone(), bus })
    }

    /// Wraps an epoch log with these faults.
    pub fn epochs(&self, log: Arc<dyn EpochLog>) -> Arc<FaultyEpochs> {
        Arc::new(FaultyEpochs { faults: self.clone(), log })
    }

    /// Wraps a session store with these faults.
    pub fn sessions(&self, store: Arc<dyn SessionStore>) -> Arc<FaultySessions> {
        Arc::new(FaultySessions { faults: self.clone(), store })
    }
}

/// A dead-letter store with injected faults, from [`Faults::dead_letters`].
#[derive(Debug)]
pub struct FaultyLetters {
    faults: Faults,
    store: Arc<dyn DeadLetterStore>,
}

#[async_trait]
impl DeadLetterSink for FaultyLetters {
    async fn put(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.faults.run(StoreCall::PutLetter, self.store.put(letter)).await
    }
}

#[async_trait]
impl DeadLetterStore for FaultyLetters {
    async fn get(&self, id: &FailureId) -> Result<Option<DeadLetter>, StoreError> {
        self.faults.run(StoreCall::ReadLetter, self.store.get(id)).await
    }

    async fn list(&self, after: Option<&FailureId>, limit: usize) -> Result<DeadLetterPage, StoreError> {
        self.faults.run(StoreCall::ReadLetter, self.store.list(after, limit)).await
    }

    async fn take(&self, id: &FailureId, seen: u32) -> Result<Option<DeadLetter>, StoreError> {
        self.faults.run(StoreCall::TakeLetter, self.store.take(id, seen)).await
    }

    async fn remove(&self, id: &FailureId) -> Result<(), StoreError> {
        self.faults.run(StoreCall::RemoveLetter, self.store.remove(id)).await
    }
}

/// A sink of dead letters with injected faults, from [`Faults::dead_letter_sink`].
#[derive(Debug)]
pub struct FaultyLetterSink {
    faults: Faults,
    sink: Arc<dyn DeadLetterSink>,
}

#[async_trait]
impl DeadLetterSink for FaultyLetterSink {
    async fn put(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.faults.run(StoreCall::PutLetter, self.sink.put(letter)).await
    }
}

/// An event bus with injected faults, from [`Faults::events`].
#[derive(Debug)]
pub struct FaultyEvents {
    faults: Faults,
    bus: Arc<dyn EventBus>,
}

#[async_trait]
impl EventBus for FaultyEvents {
    async fn publish(&self, event: &DomainEvent) -> Result<(), StoreError> {
        self.faults.run(StoreCall::Publish, self.bus.publish(event)).await
    }
}

/// An epoch log with injected faults, from [`Faults::epochs`].
#[derive(Debug)]
pub struct FaultyEpochs {
    faults: Faults,
    log: Arc<dyn EpochLog>,
}

#[async_trait]
impl EpochLog for FaultyEpochs {
    async fn append(&self, log: &str, entry: EpochEntry) -> Result<bool, StoreError> {
        self.faults.run(StoreCall::AppendEpoch, self.log.append(log, entry)).await
    }

    async fn read(&self, log: &str, from: u64, count: u32) -> Result<Vec<EpochEntry>, StoreError> {
        self.faults.run(StoreCall::ReadEpoch, self.log.read(log, from, count)).await
    }

    async fn newest(&self, log: &str) -> Result<Option<EpochEntry>, StoreError> {
        self.faults.run(StoreCall::ReadEpoch, self.log.newest(log)).await
    }

    async fn trim(&self, log: &str, below: u64) -> Result<(), StoreError> {
        self.log.trim(log, below).await
    }
}

/// A session store with injected faults, from [`Faults::sessions`].
#[derive(Debug)]
pub struct FaultySessions {
    faults: Faults,
    store: Arc<dyn SessionStore>,
}

#[async_trait]
impl SessionStore for FaultySessions {
    async fn get(&self, scope: &str, key: &str, now_ms: i64) -> Result<Option<(u64, Bytes)>, StoreError> {
        self.faults.run(StoreCall::ReadSession, self.store.get(scope, key, now_ms)).await
    }

    async fn put(&self, scope: &str, key: &str, value: Bytes, expect: Option<u64>, ttl: Duration, now_ms: i64) -> Result<u64, StoreError> {
        self.faults.run(StoreCall::PutSession, self.store.put(scope, key, value, expect, ttl, now_ms)).await
    }

    async fn delete(&self, scope: &str, key: &str, expect: u64, now_ms: i64) -> Result<(), StoreError> {
        self.faults.run(StoreCall::DeleteSession, self.store.delete(scope, key, expect, now_ms)).await
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<SessionPage, StoreError> {
        self.faults.run(StoreCall::ReadSession, self.store.list(after, limit)).await
    }

    async fn list_scope(
        &self,
        scope: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now_ms: i64,
    ) -> Result<SessionPage, StoreError> {
        self.faults.run(StoreCall::ReadSession, self.store.list_scope(scope, prefix, after, limit, now_ms)).await
    }
}
