//! Domain events in memory.

use std::{collections::VecDeque, fmt};

use async_trait::async_trait;

use crate::{
    store::{DomainEvent, EventBus, StoreError},
    sync::Mutex,
};

/// How many events are kept by default.
const KEPT: usize = 10_000;

/// Keeps the newest published events, for tests and for small programs that look at them themselves.
pub struct MemoryEvents {
    kept: usize,
    events: Mutex<VecDeque<DomainEvent>>,
}

impl MemoryEvents {
    /// Keeps the newest 10,000.
    pub fn new() -> Self {
        Self::keeping(KEPT)
    }

    /// Keeps so many, at least one.
    pub fn keeping(events: usize) -> Self {
        Self { kept: events.max(1), events: Mutex::default() }
    }

    /// What was published, the oldest first, repeated ids included.
    pub fn published(&self) -> Vec<DomainEvent> {
        self.events.lock().iter().cloned().collect()
    }

    /// Takes out what was published, the oldest first.
    pub fn take(&self) -> Vec<DomainEvent> {
        self.events.lock().drain(..).collect()
    }
}

impl Default for MemoryEvents {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryEvents").field("kept", &self.kept).finish_non_exhaustive()
    }
}

#[async_trait]
impl EventBus for MemoryEvents {
    async fn publish(&self, event: &DomainEvent) -> Result<(), StoreError> {
        let mut events = self.events.lock();
        if events.len() == self.kept {
            events.pop_front();
        }
        events.push_back(event.clone());
        Ok(())
    }
}
