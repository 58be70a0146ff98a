//! Domain events in the embedded store.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{
    batch::WriteResult,
    document::{decode, encode},
    engine::Engine,
    tables::EVENTS,
};
use crate::store::{DomainEvent, EventBus, StoreError};

/// Number of events kept.
const KEPT: u64 = 10_000;

/// Domain events in the embedded store: the newest 10,000, numbered in order of publication.
#[derive(Clone, Debug)]
pub struct EmbeddedEvents(pub(super) Arc<Engine>);

#[derive(Serialize, Deserialize)]
struct Stored {
    event: DomainEvent,
}

impl EmbeddedEvents {
    /// A page of at most `limit` events with their numbers, after a number. 0 starts at the oldest kept event.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn list(&self, after: u64, limit: usize) -> Result<Vec<(u64, DomainEvent)>, StoreError> {
        self.0.read(|snapshot| {
            let mut events = Vec::new();
            for entry in snapshot.open_table(EVENTS)?.range(after.saturating_add(1)..)?.take(limit) {
                let (n, json) = entry?;
                events.push((n.value(), decode::<Stored>(json.value())?.event));
            }
            Ok(events)
        })
    }
}

#[async_trait]
impl EventBus for EmbeddedEvents {
    async fn publish(&self, event: &DomainEvent) -> Result<(), StoreError> {
        let json = encode(&Stored { event: event.clone() })?;
        self.0
            .write(None, move |batch| {
                let n = batch.count("event")?;
                let events = batch.events()?;
                events.insert(n, &*json)?;
                if let Some(over) = n.checked_sub(KEPT) {
                    events.remove(over)?;
                }
                Ok(WriteResult::wrote(()))
            })
            .await
    }
}
