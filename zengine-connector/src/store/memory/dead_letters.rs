//! Dead letters in memory.

use std::{collections::BTreeMap, ops::Bound};

use async_trait::async_trait;

use super::Tables;
use crate::{
    ids::FailureId,
    store::{DeadLetter, DeadLetterPage, DeadLetterSink, DeadLetterStore, StoreError},
    sync::Mutex,
};

/// The letters by failure id.
pub(super) type Letters = Mutex<BTreeMap<FailureId, DeadLetter>>;

#[async_trait]
impl DeadLetterSink for Tables {
    async fn put(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.dead_letters.lock().insert(letter.failure_id.clone(), letter.clone());
        Ok(())
    }
}

#[async_trait]
impl DeadLetterStore for Tables {
    async fn get(&self, id: &FailureId) -> Result<Option<DeadLetter>, StoreError> {
        Ok(self.dead_letters.lock().get(id).cloned())
    }

    async fn list(&self, after: Option<&FailureId>, limit: usize) -> Result<DeadLetterPage, StoreError> {
        let letters = self.dead_letters.lock();
        let mut rest = letters.range((after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)).map(|(_, letter)| letter);
        let page: Vec<_> = rest.by_ref().take(limit.max(1)).cloned().collect();
        let more = rest.next().is_some();
        let next = page.last().filter(|_| more).map(|letter| letter.failure_id.clone());
        Ok(DeadLetterPage::new(page, next))
    }

    async fn take(&self, id: &FailureId, seen: u32) -> Result<Option<DeadLetter>, StoreError> {
        Ok(self.dead_letters.lock().get_mut(id).filter(|letter| letter.redrive_count == seen).map(|letter| {
            letter.redrive_count = letter.redrive_count.saturating_add(1);
            letter.clone()
        }))
    }

    async fn remove(&self, id: &FailureId) -> Result<(), StoreError> {
        self.dead_letters.lock().remove(id);
        Ok(())
    }
}
