//! Epoch logs in the embedded store.

use async_trait::async_trait;
use bytes::Bytes;
use redb::{AccessGuard, ReadableTable as _, StorageError};

use super::{engine::Engine, fault::Fault, tables::EPOCHS, work::Done};
use crate::store::{EpochEntry, EpochLog, StoreError};

#[async_trait]
impl EpochLog for Engine {
    async fn append(&self, log: &str, entry: EpochEntry) -> Result<bool, StoreError> {
        let log = log.to_owned();
        self.write(None, move |transaction| {
            let mut epochs = transaction.open_table(EPOCHS)?;
            if epochs.get((&*log, entry.n))?.is_some() {
                return Ok(Done::Looked(false));
            }
            epochs.insert((&*log, entry.n), &*entry.document)?;
            Ok(Done::Wrote(true))
        })
        .await
    }

    async fn read(&self, log: &str, from: u64, count: u32) -> Result<Vec<EpochEntry>, StoreError> {
        let to = from.saturating_add(count.into());
        self.read(|snapshot| snapshot.open_table(EPOCHS)?.range((log, from)..(log, to))?.map(entry).collect())
    }

    async fn newest(&self, log: &str) -> Result<Option<EpochEntry>, StoreError> {
        self.read(|snapshot| snapshot.open_table(EPOCHS)?.range((log, 0)..=(log, u64::MAX))?.next_back().map(entry).transpose())
    }

    async fn trim(&self, log: &str, below: u64) -> Result<(), StoreError> {
        let log = log.to_owned();
        self.write(None, move |transaction| {
            transaction.open_table(EPOCHS)?.retain_in((&*log, 0)..(&*log, below), |_, _| false)?;
            Ok(Done::Wrote(()))
        })
        .await
    }
}

/// An entry as it is stored.
type Stored<'a> = (AccessGuard<'a, (&'static str, u64)>, AccessGuard<'a, &'static [u8]>);

fn entry(stored: Result<Stored<'_>, StorageError>) -> Result<EpochEntry, Fault> {
    let (place, document) = stored?;
    Ok(EpochEntry::new(place.value().1, Bytes::copy_from_slice(document.value())))
}
