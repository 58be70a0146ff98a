//! Domain events in the embedded store.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{
    ascending::AscendingKeys,
    document::{decode, encode},
    engine::Engine,
    tables::EVENTS,
    work::{Done, count},
};
use crate::store::{DomainEvent, EventBus, StoreError};

/// Number of events kept, the newest.
const KEPT: u64 = 10_000;

#[derive(Serialize, Deserialize)]
struct Stored {
    event: DomainEvent,
}

impl Engine {
    /// A page of at most `limit` events with their numbers, after a number.
    pub(super) fn published(&self, after: u64, limit: usize) -> Result<Vec<(u64, DomainEvent)>, StoreError> {
        self.read(|snapshot| {
            let (mut events, mut order) = (Vec::new(), AscendingKeys::after(Some(&after)));
            for entry in snapshot.open_table(EVENTS)?.range(after.saturating_add(1)..)?.take(limit) {
                let (n, json) = entry?;
                order.check(&n.value())?;
                events.push((n.value(), decode::<Stored>(json.value())?.event));
            }
            Ok(events)
        })
    }
}

#[async_trait]
impl EventBus for Engine {
    async fn publish(&self, event: &DomainEvent) -> Result<(), StoreError> {
        let json = encode(&Stored { event: event.clone() })?;
        self.write(None, move |transaction| {
            let n = count(transaction, "event")?;
            let mut events = transaction.open_table(EVENTS)?;
            events.insert(n, &*json)?;
            if let Some(over) = n.checked_sub(KEPT) {
                events.remove(over)?;
            }
            Ok(Done::Wrote(()))
        })
        .await
    }
}
