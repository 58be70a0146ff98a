//! Domain events in memory.

use std::collections::VecDeque;

use async_trait::async_trait;

use super::Tables;
use crate::{
    store::{DomainEvent, EventBus, StoreError},
    sync::Mutex,
};

/// Number of events kept.
const KEPT: usize = 10_000;

/// The newest events, oldest first.
pub(super) type Published = Mutex<VecDeque<DomainEvent>>;

#[async_trait]
impl EventBus for Tables {
    async fn publish(&self, event: &DomainEvent) -> Result<(), StoreError> {
        let mut events = self.events.lock();
        if events.len() == KEPT {
            events.pop_front();
        }
        events.push_back(event.clone());
        Ok(())
    }
}
