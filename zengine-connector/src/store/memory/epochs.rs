//! Epoch logs in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;

use super::Tables;
use crate::{
    store::{EpochEntry, EpochLog, StoreError},
    sync::Mutex,
};

/// The documents of all logs, by log and number.
pub(super) type Logs = Mutex<BTreeMap<(String, u64), Bytes>>;

#[async_trait]
impl EpochLog for Tables {
    async fn append(&self, log: &str, entry: EpochEntry) -> Result<bool, StoreError> {
        let mut is_new = false;
        self.epochs.lock().entry((log.to_owned(), entry.n)).or_insert_with(|| {
            is_new = true;
            entry.document
        });
        Ok(is_new)
    }

    async fn read(&self, log: &str, from: u64, count: u32) -> Result<Vec<EpochEntry>, StoreError> {
        let range = (log.to_owned(), from)..(log.to_owned(), from.saturating_add(count.into()));
        Ok(self.epochs.lock().range(range).map(entry).collect())
    }

    async fn newest(&self, log: &str) -> Result<Option<EpochEntry>, StoreError> {
        Ok(self.epochs.lock().range((log.to_owned(), 0)..=(log.to_owned(), u64::MAX)).next_back().map(entry))
    }

    async fn trim(&self, log: &str, below: u64) -> Result<(), StoreError> {
        self.epochs.lock().retain(|(of, n), _| of != log || *n >= below);
        Ok(())
    }
}

fn entry(((_, n), document): (&(String, u64), &Bytes)) -> EpochEntry {
    EpochEntry::new(*n, document.clone())
}
