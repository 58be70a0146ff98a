//! Dead letters in the embedded store.

use std::ops::Bound;

use async_trait::async_trait;
use redb::ReadableTable as _;

use super::{ascending::AscendingKeys, engine::Engine, tables::LETTERS, work::Done};
use crate::{
    ids::FailureId,
    store::{
        DeadLetter, DeadLetterPage, DeadLetterSink, DeadLetterStore, StoreError, StoreErrorKind,
        cbor::{decode, encode},
    },
};

/// Reads the letter of an id. A letter of another id is damage: its redrive would be that of another message.
fn read(id: &str, bytes: &[u8]) -> Result<DeadLetter, StoreError> {
    let letter: DeadLetter = decode(bytes)?;
    if letter.failure_id.as_str() != id {
        return Err(StoreError::new(StoreErrorKind::Corrupt, "a dead letter is stored under the id of another"));
    }
    Ok(letter)
}

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
        self.read(|snapshot| {
            Ok(snapshot.open_table(LETTERS)?.get(id.as_str())?.map(|bytes| read(id.as_str(), bytes.value())).transpose()?)
        })
    }

    async fn list(&self, after: Option<&FailureId>, limit: usize) -> Result<DeadLetterPage, StoreError> {
        self.read(|snapshot| {
            let from = after.map_or(Bound::Unbounded, |id| Bound::Excluded(id.as_str()));
            let table = snapshot.open_table(LETTERS)?;
            let (mut page, mut order) = (DeadLetterPage::default(), AscendingKeys::after(after.map(FailureId::as_str)));
            let (mut left, mut without_id, mut last) = (limit.max(1), 0, None);
            for entry in table.range::<&str>((from, Bound::Unbounded))? {
                let (key, bytes) = entry?;
                order.check(key.value())?;
                let Ok(id) = FailureId::new(key.value()) else {
                    without_id += 1;
                    continue;
                };
                if left == 0 {
                    // The next page begins after the last id, so it counts the entries in between.
                    page.next = last;
                    return Ok(page);
                }
                match read(key.value(), bytes.value()) {
                    Ok(letter) => page.letters.push(letter),
                    Err(_) => page.unreadable.push(id.clone()),
                }
                (left, page.without_id, last) = (left - 1, without_id, Some(id));
            }
            page.without_id = without_id;
            Ok(page)
        })
    }

    async fn take(&self, id: &FailureId, seen: u32) -> Result<Option<DeadLetter>, StoreError> {
        let id = id.clone();
        self.write(None, move |transaction| {
            let mut table = transaction.open_table(LETTERS)?;
            let letter = table.get(id.as_str())?.map(|bytes| read(id.as_str(), bytes.value())).transpose()?;
            let Some(mut letter) = letter.filter(|letter| letter.redrive_count == seen) else { return Ok(Done::Looked(None)) };
            letter.redrive_count = letter.redrive_count.saturating_add(1);
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
