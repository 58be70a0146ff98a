//! Dead letters in memory.

use std::{collections::BTreeMap, fmt, ops::Bound};

use async_trait::async_trait;

use crate::{
    ids::FailureId,
    store::{DeadLetter, DeadLetterPage, DeadLetters, StoreError},
    sync::Mutex,
};

/// Dead letters in memory.
#[derive(Default)]
pub struct MemoryDeadLetters(Mutex<BTreeMap<FailureId, DeadLetter>>);

impl MemoryDeadLetters {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of letters.
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Returns `true` if there are no letters.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for MemoryDeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDeadLetters").finish_non_exhaustive()
    }
}

#[async_trait]
impl DeadLetters for MemoryDeadLetters {
    async fn put(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.0.lock().insert(letter.failure_id.clone(), letter.clone());
        Ok(())
    }

    async fn get(&self, id: &FailureId) -> Result<Option<DeadLetter>, StoreError> {
        Ok(self.0.lock().get(id).cloned())
    }

    async fn list(&self, after: Option<&FailureId>, limit: usize) -> Result<DeadLetterPage, StoreError> {
        let letters = self.0.lock();
        let mut rest = letters.range((after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)).map(|(_, letter)| letter);
        let page: Vec<_> = rest.by_ref().take(limit.max(1)).cloned().collect();
        let more = rest.next().is_some();
        let next = page.last().filter(|_| more).map(|letter| letter.failure_id.clone());
        Ok(DeadLetterPage::new(page, next))
    }

    async fn take(&self, id: &FailureId, seen: u32) -> Result<Option<DeadLetter>, StoreError> {
        Ok(self.0.lock().get_mut(id).filter(|letter| letter.redrive_count == seen).map(|letter| {
            letter.redrive_count += 1;
            letter.clone()
        }))
    }

    async fn remove(&self, id: &FailureId) -> Result<(), StoreError> {
        self.0.lock().remove(id);
        Ok(())
    }
}
