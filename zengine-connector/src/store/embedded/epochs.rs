//! Epoch logs in the embedded store.

use async_trait::async_trait;
use bytes::Bytes;
use redb::ReadableTable as _;

use super::{batch::WriteResult, engine::Engine, tables::EPOCHS};
use crate::store::{EpochEntry, EpochLog, StoreError};

#[async_trait]
impl EpochLog for Engine {
    async fn append(&self, log: &str, entry: EpochEntry) -> Result<bool, StoreError> {
        let log = log.to_owned();
        self.write(None, move |batch| {
            let epochs = batch.epochs()?;
            if epochs.get((&*log, entry.n))?.is_some() {
                return Ok(WriteResult::read(false));
            }
            epochs.insert((&*log, entry.n), &*entry.document)?;
            Ok(WriteResult::wrote(true))
        })
        .await
    }

    async fn read(&self, log: &str, from: u64, count: u32) -> Result<Vec<EpochEntry>, StoreError> {
        self.read(|snapshot| {
            let mut entries = Vec::new();
            for entry in snapshot.open_table(EPOCHS)?.range((log, from)..(log, from.saturating_add(count.into())))? {
                let (place, document) = entry?;
                entries.push(EpochEntry::new(place.value().1, Bytes::copy_from_slice(document.value())));
            }
            Ok(entries)
        })
    }

    async fn newest(&self, log: &str) -> Result<Option<EpochEntry>, StoreError> {
        self.read(|snapshot| match snapshot.open_table(EPOCHS)?.range((log, 0)..=(log, u64::MAX))?.next_back() {
            Some(entry) => {
                let (place, document) = entry?;
                Ok(Some(EpochEntry::new(place.value().1, Bytes::copy_from_slice(document.value()))))
            }
            None => Ok(None),
        })
    }

    async fn trim(&self, log: &str, below: u64) -> Result<(), StoreError> {
        let log = log.to_owned();
        self.write(None, move |batch| {
            batch.epochs()?.retain_in((&*log, 0)..(&*log, below), |_, _| false)?;
            Ok(WriteResult::wrote(()))
        })
        .await
    }
}
