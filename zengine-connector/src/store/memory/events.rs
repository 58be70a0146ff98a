//! Domain events in memory.

use std::{collections::VecDeque, fmt};

use async_trait::async_trait;

use crate::{
    store::{DomainEvent, EventBus, StoreError},
    sync::Mutex,
};

/// Default number of events kept.
const KEPT: usize = 10_000;

/// An event bus that keeps the newest events in memory, for tests and for small programs that read them.
pub struct MemoryEvents {
    kept: usize,
    events: Mutex<VecDeque<DomainEvent>>,
}

impl MemoryEvents {
    /// A bus that keeps the newest 10,000 events.
    pub fn new() -> Self {
        Self::keeping(KEPT)
    }

    /// A bus that keeps the newest `events`, at least one.
    pub fn keeping(events: usize) -> Self {
        Self { kept: events.max(1), events: Mutex::default() }
    }

    /// The published events, oldest first, including repeated ids.
    pub fn published(&self) -> Vec<DomainEvent> {
        self.events.lock().iter().cloned().collect()
    }

    /// Removes and returns the published events, oldest first.
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
