//! Dead letters in the embedded store.

use std::ops::Bound;

use async_trait::async_trait;
use redb::ReadableTable as _;

use super::{engine::Engine, tables::LETTERS, work::Done};
use crate::{
    ids::FailureId,
    store::{
        DeadLetter, DeadLetterPage, DeadLetterSink, DeadLetterStore, StoreError, StoreErrorKind,
        cbor::{decode, encode},
    },
};

#[async_trait]
impl DeadLetterSink for Engine {
    async fn put(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        let (id, bytes) = (letter.failure_id.clone(), encode(letter));
        self.write(None, move |transaction| {
            transaction.open_table(LETTERS)?.insert(id.as_str(), &*bytes)?;
            Ok(Done::Wrote(()))
        })
        .await
    }
}

#[async_trait]
impl DeadLetterStore for Engine {
    async fn get(&self, id: &FailureId) -> Result<Option<DeadLetter>, StoreError> {
        self.read(|snapshot| Ok(snapshot.open_table(LETTERS)?.get(id.as_str())?.map(|bytes| decode(bytes.value())).transpose()?))
    }

    async fn list(&self, after: Option<&FailureId>, limit: usize) -> Result<DeadLetterPage, StoreError> {
        self.read(|snapshot| {
            let from = after.map_or(Bound::Unbounded, |id| Bound::Excluded(id.as_str()));
            let table = snapshot.open_table(LETTERS)?;
            let mut rest = table.range::<&str>((from, Bound::Unbounded))?;
            let mut page = DeadLetterPage::default();
            let mut last = None;
            for entry in rest.by_ref().take(limit.max(1)) {
                let (key, bytes) = entry?;
                let id = FailureId::new(key.value()).map_err(|_| StoreError::new(StoreErrorKind::Corrupt, "a dead letter has no id"))?;
                match decode(bytes.value()) {
                    Ok(letter) => page.letters.push(letter),
                    Err(_) => page.unreadable.push(id.clone()),
                }
                last = Some(id);
            }
            page.next = rest.next().transpose()?.and(last);
            Ok(page)
        })
    }

    async fn take(&self, id: &FailureId, seen: u32) -> Result<Option<DeadLetter>, StoreError> {
        let id = id.clone();
        self.write(None, move |transaction| {
            let mut table = transaction.open_table(LETTERS)?;
            let letter = table.get(id.as_str())?.map(|bytes| decode::<DeadLetter>(bytes.value())).transpose()?;
            let Some(mut letter) = letter.filter(|letter| letter.redrive_count == seen) else { return Ok(Done::Looked(None)) };
            letter.redrive_count += 1;
            table.insert(id.as_str(), &*encode(&letter))?;
            Ok(Done::Wrote(Some(letter)))
        })
        .await
    }

    async fn remove(&self, id: &FailureId) -> Result<(), StoreError> {
        let id = id.clone();
        self.write(None, move |transaction| {
            let removed = transaction.open_table(LETTERS)?.remove(id.as_str())?.is_some();
            Ok(if removed { Done::Wrote(()) } else { Done::Looked(()) })
        })
        .await
    }
}
