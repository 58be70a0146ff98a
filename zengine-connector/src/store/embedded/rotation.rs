//! Rotation of keys: what older keys encrypted is encrypted anew with the current one, a page per transaction.
//!
//! A kill at any point leaves each value whole, under its old key or the current one, and both keys are in the key file. The next
//! pass goes over everything again, and writes only what another key encrypted.

use std::{collections::BTreeSet, ops::Bound, sync::Arc};

use redb::{ReadTransaction, ReadableTable as _, StorageError, TableDefinition, TableHandle as _, WriteTransaction};

use super::{
    ascending::AscendingKeys,
    engine::Engine,
    fault::Fault,
    keys::EmbeddedKeys,
    media, secrets,
    tables::{self, CLAIMS, INBOUND, LETTERS, MEDIA_PARTS, SECRETS, SESSIONS},
    work::Done,
};
use crate::{
    keyring::{self, KeyRing as _},
    runtime::SystemRng,
    store::{
        ClaimRecord, DeadLetter, InboundRecord, StoreError, StoredReceipt,
        cbor::{Record, decode, encode},
        sessions,
    },
};

/// Entries that one transaction looks at: other writes wait meanwhile.
const PAGE: usize = 256;

/// The report of [`Embedded::reseal`](super::Embedded::reseal).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Resealed {
    /// Entries that were encrypted anew: records of sends, dead letters, sessions, secrets, parts of files.
    pub resealed: u64,
    /// Entries that could not be encrypted anew, or in part only: damaged ones, those whose key is missing, and members and tables of a
    /// newer release, which may hold encrypted values that this one does not know. They stay as they are.
    pub unreadable: u64,
    /// The ids of the keys that something stored needs: the current key; keys of values that could not be encrypted anew; and those of
    /// the fingerprints of sends and events until their records expire, because what a fingerprint was made of is not stored.
    pub in_use: BTreeSet<String>,
}

impl Resealed {
    /// Counts an entry that may need any key.
    fn keep_all(&mut self, keys: &EmbeddedKeys) {
        self.unreadable += 1;
        self.in_use.extend(keys.ids());
    }
}

/// The place of an entry: the two parts of its key, or its key and nothing.
type Place = (String, String);

/// Encrypts the values of one page of a table anew. Returns the last place, unless the table is at its end.
type Table = fn(&mut Pass, &WriteTransaction, Option<&Place>) -> Result<Option<Place>, Fault>;

/// Every table with encrypted values or fingerprints.
const SEALED: [Table; 6] = [
    |pass, transaction, after| texts(pass, transaction, CLAIMS, after, Pass::claim),
    |pass, transaction, after| texts(pass, transaction, LETTERS, after, Pass::letter),
    |pass, transaction, after| pairs(pass, transaction, SECRETS, after, secrets::sealed_for),
    |pass, transaction, after| pairs(pass, transaction, MEDIA_PARTS, after, media::sealed_for),
    sessions_page,
    // Nothing in it is encrypted, but its fingerprints need their keys.
    |pass, transaction, after| texts(pass, transaction, INBOUND, after, Pass::inbound),
];

/// Encrypts everything anew that the current key did not encrypt.
pub(super) async fn reseal(engine: &Engine) -> Result<Resealed, StoreError> {
    let mut all = Resealed::default();
    all.in_use.insert(engine.keys.current().id().to_owned());
    if engine.read(has_unknown_tables)? {
        all.keep_all(&engine.keys);
    }
    for n in 0..SEALED.len() {
        let mut after = None;
        loop {
            let page;
            (after, page) = reseal_page(engine, n, after).await?;
            all.resealed += page.resealed;
            all.unreadable += page.unreadable;
            all.in_use.extend(page.in_use);
            if after.is_none() {
                break;
            }
        }
    }
    Ok(all)
}

/// Whether a newer release has added tables, which may hold encrypted values.
fn has_unknown_tables(snapshot: &ReadTransaction) -> Result<bool, Fault> {
    macro_rules! names {
        ($($table:ident),*) => { [$(tables::$table.name()),*] };
    }
    let known = tables::each_table!(names);
    let has_unknown = snapshot.list_tables()?.any(|table| !known.contains(&table.name()));
    Ok(has_unknown || snapshot.list_multimap_tables()?.next().is_some())
}

/// One page of a table, in one transaction.
async fn reseal_page(engine: &Engine, table: usize, after: Option<Place>) -> Result<(Option<Place>, Resealed), StoreError> {
    let mut pass = Pass { keys: Arc::clone(&engine.keys), page: Resealed::default() };
    engine
        .write(None, move |transaction| {
            let next = SEALED[table](&mut pass, transaction, after.as_ref())?;
            let wrote = pass.page.resealed > 0;
            let answer = (next, pass.page);
            Ok(if wrote { Done::Wrote(answer) } else { Done::Looked(answer) })
        })
        .await
}

/// The work on one page.
struct Pass {
    keys: Arc<EmbeddedKeys>,
    page: Resealed,
}

impl Pass {
    /// The value under the current key. `None` if it is already, or cannot be opened.
    fn value(&mut self, place: &[impl AsRef<[u8]>], sealed: &[u8]) -> Option<bytes::Bytes> {
        keyring::reseal(&*self.keys, &SystemRng, place, sealed).unwrap_or_else(|_| {
            match keyring::key_id(sealed) {
                Some(id) => {
                    self.page.unreadable += 1;
                    self.page.in_use.insert(id.to_owned());
                }
                None => self.page.keep_all(&self.keys),
            }
            None
        })
    }

    /// The record. One that cannot be read, or not in full, may need any key.
    fn record<R: Record>(&mut self, bytes: &[u8]) -> Option<R> {
        let record = decode(bytes).ok();
        if record.as_ref().is_none_or(R::has_unread) {
            self.page.keep_all(&self.keys);
        }
        record
    }

    fn claim(&mut self, key: &str, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut record: ClaimRecord = self.record(bytes)?;
        self.page.in_use.insert(record.fingerprint.key_id.to_string());
        let told = record.evidence.as_mut().and_then(|evidence| evidence.receipt.as_mut());
        let mut changed = false;
        for receipt in record.result.as_mut().into_iter().chain(told).filter(|receipt| !receipt.as_sealed().is_empty()) {
            if let Some(sealed) = self.value(&StoredReceipt::place(key), receipt.as_sealed()) {
                (*receipt, changed) = (StoredReceipt::sealed(sealed), true);
            }
        }
        changed.then(|| encode(&record))
    }

    fn inbound(&mut self, _: &str, bytes: &[u8]) -> Option<Vec<u8>> {
        let record: InboundRecord = self.record(bytes)?;
        self.page.in_use.extend(record.fingerprint.map(|fingerprint| fingerprint.key_id.to_string()));
        None
    }

    fn letter(&mut self, _: &str, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut letter: DeadLetter = self.record(bytes)?;
        let body = self.value(&letter.bound(), &letter.body);
        let has_details = !letter.provider_details.is_empty();
        let details = if has_details { self.value(&letter.details_bound(), &letter.provider_details) } else { None };
        if body.is_none() && details.is_none() {
            return None;
        }
        letter.body = body.unwrap_or(letter.body);
        letter.provider_details = details.unwrap_or(letter.provider_details);
        Some(encode(&letter))
    }
}

/// One page of a table of records by a text.
fn texts(
    pass: &mut Pass,
    transaction: &WriteTransaction,
    table: TableDefinition<'_, &'static str, &'static [u8]>,
    after: Option<&Place>,
    change: fn(&mut Pass, &str, &[u8]) -> Option<Vec<u8>>,
) -> Result<Option<Place>, Fault> {
    let mut table = transaction.open_table(table)?;
    let from = after.map_or(Bound::Unbounded, |(key, _)| Bound::Excluded(&**key));
    let entries = table.range::<&str>((from, Bound::Unbounded))?;
    let owned = entries.map(|entry| entry.map(|(key, bytes)| ((key.value().to_owned(), String::new()), bytes.value().to_vec())));
    let (changed, next) = changes(owned, after, |(key, _), bytes| change(pass, key, bytes))?;
    for ((key, _), bytes) in &changed {
        table.insert(&**key, &**bytes)?;
    }
    pass.page.resealed += changed.len() as u64;
    Ok(next)
}

/// One page of a table of sealed values by two texts.
fn pairs(
    pass: &mut Pass,
    transaction: &WriteTransaction,
    table: TableDefinition<'_, (&'static str, &'static str), &'static [u8]>,
    after: Option<&Place>,
    sealed_for: for<'a> fn(&'a str, &'a str) -> [&'a str; 3],
) -> Result<Option<Place>, Fault> {
    let mut table = transaction.open_table(table)?;
    let from = after.map_or(Bound::Unbounded, |(first, second)| Bound::Excluded((&**first, &**second)));
    let owned = table.range::<(&str, &str)>((from, Bound::Unbounded))?.map(|entry| {
        entry.map(|(place, value)| {
            let (first, second) = place.value();
            ((first.to_owned(), second.to_owned()), value.value().to_vec())
        })
    });
    let (changed, next) = changes(owned, after, |(first, second), value| pass.value(&sealed_for(first, second), value).map(Into::into))?;
    for ((first, second), value) in &changed {
        table.insert((&**first, &**second), &**value)?;
    }
    pass.page.resealed += changed.len() as u64;
    Ok(next)
}

/// One page of sessions. Version and end stay: for the strategy it is the same value.
fn sessions_page(pass: &mut Pass, transaction: &WriteTransaction, after: Option<&Place>) -> Result<Option<Place>, Fault> {
    let mut table = transaction.open_table(SESSIONS)?;
    let from = after.map_or(Bound::Unbounded, |(scope, key)| Bound::Excluded((&**scope, &**key)));
    let owned = table.range::<(&str, &str)>((from, Bound::Unbounded))?.map(|entry| {
        entry.map(|(place, stored)| {
            let ((scope, key), (version, expires_at_ms, value)) = (place.value(), stored.value());
            ((scope.to_owned(), key.to_owned()), (version, expires_at_ms, value.to_vec()))
        })
    });
    let (changed, next) = changes(owned, after, |(scope, key), (version, expires_at_ms, value)| {
        pass.value(&sessions::place(scope, key), value).map(|sealed| (*version, *expires_at_ms, sealed.to_vec()))
    })?;
    for ((scope, key), (version, expires_at_ms, value)) in &changed {
        table.insert((&**scope, &**key), (*version, *expires_at_ms, &**value))?;
    }
    pass.page.resealed += changed.len() as u64;
    Ok(next)
}

/// The entries of a page that change, and its last place, unless no entries follow.
type Changes<V> = (Vec<(Place, V)>, Option<Place>);

fn changes<V>(
    mut entries: impl Iterator<Item = Result<(Place, V), StorageError>>,
    after: Option<&Place>,
    mut change: impl FnMut(&Place, &V) -> Option<V>,
) -> Result<Changes<V>, Fault> {
    let (mut changed, mut last, mut order) = (Vec::new(), None, AscendingKeys::after(after));
    for entry in entries.by_ref().take(PAGE) {
        let (place, value) = entry?;
        order.check(&place)?;
        if let Some(value) = change(&place, &value) {
            changed.push((place.clone(), value));
        }
        last = Some(place);
    }
    Ok((changed, last.filter(|_| entries.next().is_some())))
}

#[cfg(test)]
mod tests;
