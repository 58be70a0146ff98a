//! Epoch logs in memory.

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    fmt,
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    store::{EpochEntry, EpochLog, StoreError},
    sync::Mutex,
};

/// Epoch logs in memory.
#[derive(Default)]
pub struct MemoryEpochs(Mutex<HashMap<String, BTreeMap<u64, Bytes>>>);

impl MemoryEpochs {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl fmt::Debug for MemoryEpochs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryEpochs").finish_non_exhaustive()
    }
}

#[async_trait]
impl EpochLog for MemoryEpochs {
    async fn append(&self, log: &str, entry: EpochEntry) -> Result<bool, StoreError> {
        Ok(match self.0.lock().entry(log.to_owned()).or_default().entry(entry.n) {
            Entry::Occupied(_) => false,
            Entry::Vacant(slot) => {
                slot.insert(entry.document);
                true
            }
        })
    }

    async fn read(&self, log: &str, from: u64, count: u32) -> Result<Vec<EpochEntry>, StoreError> {
        let logs = self.0.lock();
        let Some(log) = logs.get(log) else { return Ok(Vec::new()) };
        let to = from.saturating_add(count.into());
        Ok(log.range(from..to).map(|(n, document)| EpochEntry::new(*n, document.clone())).collect())
    }

    async fn newest(&self, log: &str) -> Result<Option<EpochEntry>, StoreError> {
        let logs = self.0.lock();
        Ok(logs.get(log).and_then(BTreeMap::last_key_value).map(|(n, document)| EpochEntry::new(*n, document.clone())))
    }

    async fn trim(&self, log: &str, below: u64) -> Result<(), StoreError> {
        let mut logs = self.0.lock();
        if let Some(entries) = logs.get_mut(log) {
            entries.retain(|n, _| *n >= below);
            if entries.is_empty() {
                logs.remove(log);
            }
        }
        Ok(())
    }
}
