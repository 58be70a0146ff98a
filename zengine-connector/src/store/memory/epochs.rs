//! Epoch logs in memory.

use std::collections::{BTreeMap, HashMap, btree_map::Entry};

use async_trait::async_trait;
use bytes::Bytes;

use super::Tables;
use crate::{
    store::{EpochEntry, EpochLog, StoreError},
    sync::Mutex,
};

/// The entries of each log, by number.
pub(super) type Logs = Mutex<HashMap<String, BTreeMap<u64, Bytes>>>;

#[async_trait]
impl EpochLog for Tables {
    async fn append(&self, log: &str, entry: EpochEntry) -> Result<bool, StoreError> {
        Ok(match self.epochs.lock().entry(log.to_owned()).or_default().entry(entry.n) {
            Entry::Occupied(_) => false,
            Entry::Vacant(slot) => {
                slot.insert(entry.document);
                true
            }
        })
    }

    async fn read(&self, log: &str, from: u64, count: u32) -> Result<Vec<EpochEntry>, StoreError> {
        let logs = self.epochs.lock();
        let Some(log) = logs.get(log) else { return Ok(Vec::new()) };
        let to = from.saturating_add(count.into());
        Ok(log.range(from..to).map(|(n, document)| EpochEntry::new(*n, document.clone())).collect())
    }

    async fn newest(&self, log: &str) -> Result<Option<EpochEntry>, StoreError> {
        let logs = self.epochs.lock();
        Ok(logs.get(log).and_then(BTreeMap::last_key_value).map(|(n, document)| EpochEntry::new(*n, document.clone())))
    }

    async fn trim(&self, log: &str, below: u64) -> Result<(), StoreError> {
        let mut logs = self.epochs.lock();
        if let Some(entries) = logs.get_mut(log) {
            entries.retain(|n, _| *n >= below);
            if entries.is_empty() {
                logs.remove(log);
            }
        }
        Ok(())
    }
}
