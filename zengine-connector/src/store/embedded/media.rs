//! Files in the embedded store, in sealed parts, so that no value and no transaction holds a large file.

use std::{ops::Range, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use redb::{ReadTransaction, ReadableTable as _, TableError, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::{
    document,
    engine::Engine,
    fault::Fault,
    sweep::{MOST_PARTS, REMOVED, remove_file},
    tables::{MEDIA, MEDIA_PARTS},
    work::Done,
};
use crate::{
    hex::hex,
    ids::TenantId,
    keyring,
    runtime::{Rng as _, SystemRng, ms},
    store::{MediaStore, NewFile, StoreError, StoreErrorKind, StoredFile, media::cut},
};

/// Bytes of a file in one part. With key and seal it fits the engine's pages of 64 KiB.
const PART: usize = 60 << 10;
/// Parts that one transaction writes.
const BATCH: usize = 64;
/// Time after which a file that was not stored whole is removed.
const HALF_STORED: Duration = Duration::from_secs(3600);
/// The part that holds the [`Facts`]; the others are numbers.
const FACTS: &str = "facts";

/// The facts, sealed: some may be personal, and the row of a file must not name the content of another one, or a part of its own.
#[derive(Serialize, Deserialize)]
struct Facts {
    tenant: String,
    id: String,
    /// Size of the file in bytes, from which the number of its parts follows.
    bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mime: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// The place that a part is sealed for: it cannot be moved to another file or another place in it.
pub(super) fn sealed_for<'a>(content: &'a str, part: &'a str) -> [&'a str; 3] {
    ["media", content, part]
}

/// A name for the parts of one `put`, so that those of two that meet do not mix: 128 random bits.
fn draw_content() -> String {
    let mut bits = [0; 16];
    SystemRng.fill(&mut bits);
    hex(&bits)
}

/// The key of a part by its number; in order as texts.
fn part_key(n: u64) -> String {
    format!("{n:08x}")
}

impl Engine {
    fn sealed_part(&self, content: &str, part: &str, value: &[u8]) -> Result<(String, Bytes), StoreError> {
        let sealed = keyring::seal(&*self.keys, &SystemRng, &sealed_for(content, part), value);
        let sealed = sealed.map_err(|_| StoreError::new(StoreErrorKind::Unavailable, "a file could not be encrypted"))?;
        Ok((part.to_owned(), sealed))
    }

    fn opened_part(&self, snapshot: &ReadTransaction, content: &str, part: &str) -> Result<Vec<u8>, Fault> {
        let damaged = || StoreError::new(StoreErrorKind::Corrupt, "a stored file is damaged, or its key is missing");
        let sealed = snapshot.open_table(MEDIA_PARTS)?.get((content, part))?.ok_or_else(damaged)?;
        Ok(keyring::open(&*self.keys, &sealed_for(content, part), sealed.value()).map_err(|_| damaged())?)
    }

    /// The facts of a file, if its row is of this file.
    fn facts(&self, snapshot: &ReadTransaction, tenant: &TenantId, id: &str, row: &Row) -> Result<Facts, Fault> {
        let facts: Facts = document::decode(&self.opened_part(snapshot, &row.content, FACTS)?)?;
        if facts.tenant != tenant.as_str() || facts.id != id || facts.bytes != row.size {
            return Err(StoreError::new(StoreErrorKind::Corrupt, "the row of a stored file is of another file").into());
        }
        Ok(facts)
    }

    /// Writes parts of a file that is not whole yet, under its content's name. Returns `false` if the parts before them were erased. If it is
    /// given up half-way, the sweep finds the row.
    async fn put_parts(
        &self,
        tenant: &TenantId,
        content: &str,
        parts: Vec<(String, Bytes)>,
        is_first: bool,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let (tenant, content) = (tenant.clone(), content.to_owned());
        self.write(Some(now_ms), move |transaction| {
            if !is_first && !stands(transaction, tenant.as_str(), &content)? {
                return Ok(Done::Looked(false));
            }
            write_parts(transaction, &content, &parts)?;
            let half_ms = now_ms.saturating_add(ms(HALF_STORED));
            transaction.open_table(MEDIA)?.insert((tenant.as_str(), &*content), (half_ms, None, &*content))?;
            Ok(Done::Wrote(true))
        })
        .await
    }

    /// Makes the file whole with its facts, unless a file stands under its id by now, or its parts were erased meanwhile. Returns whether it
    /// did.
    async fn finish(&self, tenant: &TenantId, file: &StoredFile, content: String, now_ms: i64) -> Result<bool, StoreError> {
        let (mime, name) = (file.mime.clone(), file.name.clone());
        let facts = document::encode(&Facts { tenant: tenant.as_str().to_owned(), id: file.id.clone(), bytes: file.bytes, mime, name })?;
        let facts = [self.sealed_part(&content, FACTS, &facts)?];
        let (tenant, id, until_ms, size) = (tenant.clone(), file.id.clone(), file.expires_at_ms, file.bytes);
        self.write(Some(now_ms), move |transaction| {
            let (tenant, mut room) = (tenant.as_str(), MOST_PARTS);
            if extend(transaction, (tenant, &id), until_ms, now_ms)? {
                remove_file(transaction, tenant, &content, &mut room)?;
                return Ok(Done::Wrote(false));
            }
            if size > 0 && !stands(transaction, tenant, &content)? {
                return Ok(Done::Wrote(false));
            }
            remove_file(transaction, tenant, &id, &mut room)?;
            write_parts(transaction, &content, &facts)?;
            let mut files = transaction.open_table(MEDIA)?;
            files.remove((tenant, &*content))?;
            files.insert((tenant, &*id), (until_ms, Some(size), &*content))?;
            Ok(Done::Wrote(true))
        })
        .await
    }
}

fn write_parts(transaction: &WriteTransaction, content: &str, parts: &[(String, Bytes)]) -> Result<(), Fault> {
    let mut table = transaction.open_table(MEDIA_PARTS)?;
    for (part, sealed) in parts {
        table.insert((content, &**part), &**sealed)?;
    }
    Ok(())
}

/// Whether the parts of a file that is being stored are there, and not erased with their tenant.
fn stands(transaction: &WriteTransaction, tenant: &str, content: &str) -> Result<bool, Fault> {
    let end_ms = transaction.open_table(MEDIA)?.get((tenant, content))?.map(|row| row.value().0);
    Ok(end_ms.is_some_and(|end_ms| end_ms != REMOVED))
}

/// Moves the end of a file that stands, unless it ends later anyway. Returns whether one stands.
fn extend(transaction: &WriteTransaction, place: (&str, &str), until_ms: i64, now_ms: i64) -> Result<bool, Fault> {
    let mut files = transaction.open_table(MEDIA)?;
    let row = files.get(place)?.map(|row| {
        let (end_ms, size, content) = row.value();
        (end_ms, size, content.to_owned())
    });
    let Some((end_ms, size @ Some(_), content)) = row.filter(|(end_ms, ..)| *end_ms > now_ms) else { return Ok(false) };
    if end_ms < until_ms {
        files.insert(place, (until_ms, size, &*content))?;
    }
    Ok(true)
}

/// The row of a file that is whole.
struct Row {
    size: u64,
    end_ms: i64,
    content: String,
}

/// The row of a file that is whole and not expired.
fn row(snapshot: &ReadTransaction, tenant: &TenantId, id: &str, now_ms: i64) -> Result<Option<Row>, Fault> {
    let files = match snapshot.open_table(MEDIA) {
        // A file that only an older release has written.
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        files => files?,
    };
    let Some(row) = files.get((tenant.as_str(), id))? else { return Ok(None) };
    let (end_ms, size, content) = row.value();
    Ok(size.filter(|_| end_ms > now_ms).map(|size| Row { size, end_ms, content: content.to_owned() }))
}

/// Removes files of a tenant, at most `limit` and [`MOST_PARTS`]. Returns how many are gone with all their parts, and whether none is left.
pub(super) fn erase(transaction: &WriteTransaction, tenant: &str, limit: usize) -> Result<(u64, bool), Fault> {
    let found = {
        let files = transaction.open_table(MEDIA)?;
        let ids = files.range::<(&str, &str)>((tenant, "")..)?.take(limit).map(|entry| {
            let (place, _) = entry?;
            let (of, id) = place.value();
            Ok((of == tenant).then(|| id.to_owned()))
        });
        ids.filter_map(Result::transpose).collect::<Result<Vec<_>, redb::StorageError>>()?
    };
    let (mut erased, mut room) = (0, MOST_PARTS);
    for id in &found {
        if room == 0 {
            break;
        }
        erased += u64::from(remove_file(transaction, tenant, id, &mut room)?.is_none());
    }
    Ok((erased, found.is_empty()))
}

#[async_trait]
impl MediaStore for Engine {
    async fn put(&self, tenant: &TenantId, id: &str, file: &NewFile, ttl: Duration, now_ms: i64) -> Result<StoredFile, StoreError> {
        file.check()?;
        'anew: loop {
            if let Some(stands) = self.extend(tenant, id, ttl, now_ms).await? {
                return Ok(stands);
            }
            let (content, mut n) = (draw_content(), 0);
            for batch in file.bytes.chunks(PART * BATCH) {
                let sealed = batch.chunks(PART).zip(n..).map(|(part, n)| self.sealed_part(&content, &part_key(n), part));
                if !self.put_parts(tenant, &content, sealed.collect::<Result<_, _>>()?, n == 0, now_ms).await? {
                    continue 'anew;
                }
                n += BATCH as u64;
            }
            let stored = file.stored(id, now_ms.saturating_add(ms(ttl)));
            if self.finish(tenant, &stored, content, now_ms).await? {
                return Ok(stored);
            }
        }
    }

    async fn extend(&self, tenant: &TenantId, id: &str, ttl: Duration, now_ms: i64) -> Result<Option<StoredFile>, StoreError> {
        if self.info(tenant, id, now_ms).await?.is_none() {
            return Ok(None);
        }
        let (of, file, until_ms) = (tenant.clone(), id.to_owned(), now_ms.saturating_add(ms(ttl)));
        let stands =
            self.write(Some(now_ms), move |transaction| Ok(Done::Wrote(extend(transaction, (of.as_str(), &file), until_ms, now_ms)?)));
        if stands.await? { self.info(tenant, id, now_ms).await } else { Ok(None) }
    }

    async fn info(&self, tenant: &TenantId, id: &str, now_ms: i64) -> Result<Option<StoredFile>, StoreError> {
        self.read(|snapshot| {
            let Some(row) = row(snapshot, tenant, id, now_ms)? else { return Ok(None) };
            let Facts { id, bytes, mime, name, .. } = self.facts(snapshot, tenant, id, &row)?;
            Ok(Some(StoredFile { id, bytes, mime, name, expires_at_ms: row.end_ms }))
        })
    }

    async fn get(&self, tenant: &TenantId, id: &str, range: Range<u64>, now_ms: i64) -> Result<Option<Bytes>, StoreError> {
        self.read(|snapshot| {
            let Some(row) = row(snapshot, tenant, id, now_ms)? else { return Ok(None) };
            self.facts(snapshot, tenant, id, &row)?;
            let (range, part) = (cut(&range, row.size), PART as u64);
            let mut bytes = BytesMut::new();
            for n in range.start / part..range.end.div_ceil(part) {
                let opened = self.opened_part(snapshot, &row.content, &part_key(n))?;
                let within = |at: u64| usize::try_from(at.saturating_sub(n * part)).unwrap_or(usize::MAX).min(opened.len());
                bytes.extend_from_slice(&opened[within(range.start)..within(range.end)]);
            }
            Ok(Some(bytes.freeze()))
        })
    }

    async fn delete(&self, tenant: &TenantId, id: &str) -> Result<(), StoreError> {
        let mut rest = Some(id.to_owned());
        while let Some(id) = rest {
            let tenant = tenant.clone();
            let step =
                move |transaction: &WriteTransaction| Ok(Done::Wrote(remove_file(transaction, tenant.as_str(), &id, &mut { MOST_PARTS })?));
            rest = self.write(None, step).await?;
        }
        Ok(())
    }

    async fn erase(&self, tenant: &TenantId, limit: usize) -> Result<u64, StoreError> {
        loop {
            let tenant = tenant.clone();
            let (erased, is_done) =
                self.write(None, move |transaction| Ok(Done::Wrote(erase(transaction, tenant.as_str(), limit)?))).await?;
            // A large file takes several transactions.
            if erased > 0 || is_done {
                return Ok(erased);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The forms of version 1. If they change, the version does.
    #[test]
    fn case_30_the_facts_and_the_parts_of_a_file_are_named_as_in_version_1() {
        let facts = |mime: Option<&str>, name: Option<&str>| {
            let (tenant, id, mime, name) = ("acme".to_owned(), "1".to_owned(), mime.map(str::to_owned), name.map(str::to_owned));
            Facts { tenant, id, bytes: 7, mime, name }
        };
        let json = |facts: &Facts| String::from_utf8(document::encode(facts).unwrap()).unwrap();
        assert_eq!(
            json(&facts(Some("image/png"), Some("me.png"))),
            r#"{"v":1,"tenant":"acme","id":"1","bytes":7,"mime":"image/png","name":"me.png"}"#
        );
        assert_eq!(json(&facts(None, None)), r#"{"v":1,"tenant":"acme","id":"1","bytes":7}"#);
        assert!(document::decode::<Facts>(br#"{"v":2}"#).is_err());
        assert_eq!((part_key(0), part_key(1700)), ("00000000".to_owned(), "000006a4".to_owned()));
    }
}
