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
    sweep::remove_file,
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

/// The facts that may be personal.
#[derive(Serialize, Deserialize)]
struct Facts {
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

    /// Writes parts of a file that is not whole yet, under its content's name. If it is given up half-way, the sweep finds the row.
    async fn put_parts(&self, tenant: &TenantId, content: &str, parts: Vec<(String, Bytes)>, now_ms: i64) -> Result<(), StoreError> {
        let (tenant, content) = (tenant.clone(), content.to_owned());
        self.write(Some(now_ms), move |transaction| {
            write_parts(transaction, &content, &parts)?;
            let half_ms = now_ms.saturating_add(ms(HALF_STORED));
            transaction.open_table(MEDIA)?.insert((tenant.as_str(), &*content), (half_ms, None, &*content))?;
            Ok(Done::Wrote(()))
        })
        .await
    }

    /// Makes the file whole with its facts, unless a file stands under its id by now, or its parts were erased meanwhile. Returns whether it
    /// did.
    async fn finish(&self, tenant: &TenantId, file: &StoredFile, content: String, now_ms: i64) -> Result<bool, StoreError> {
        let facts = document::encode(&Facts { mime: file.mime.clone(), name: file.name.clone() })?;
        let facts = [self.sealed_part(&content, FACTS, &facts)?];
        let (tenant, id, until_ms, size) = (tenant.clone(), file.id.clone(), file.expires_at_ms, file.bytes);
        self.write(Some(now_ms), move |transaction| {
            let tenant = tenant.as_str();
            if extend(transaction, (tenant, &id), until_ms, now_ms)? {
                remove_file(transaction, tenant, &content)?;
                return Ok(Done::Wrote(false));
            }
            let has_parts = size == 0 || transaction.open_table(MEDIA)?.get((tenant, &*content))?.is_some();
            if !has_parts {
                return Ok(Done::Wrote(false));
            }
            remove_file(transaction, tenant, &id)?;
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

/// The size, the end and the content of a file that is whole and not expired.
fn row(snapshot: &ReadTransaction, tenant: &TenantId, id: &str, now_ms: i64) -> Result<Option<(u64, i64, String)>, Fault> {
    let files = match snapshot.open_table(MEDIA) {
        // A file that only an older release has written.
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        files => files?,
    };
    let Some(row) = files.get((tenant.as_str(), id))? else { return Ok(None) };
    let (end_ms, size, content) = row.value();
    Ok(size.filter(|_| end_ms > now_ms).map(|size| (size, end_ms, content.to_owned())))
}

#[async_trait]
impl MediaStore for Engine {
    async fn put(&self, tenant: &TenantId, id: &str, file: &NewFile, ttl: Duration, now_ms: i64) -> Result<StoredFile, StoreError> {
        file.check()?;
        loop {
            if let Some(stands) = self.extend(tenant, id, ttl, now_ms).await? {
                return Ok(stands);
            }
            let (content, mut n) = (draw_content(), 0);
            for batch in file.bytes.chunks(PART * BATCH) {
                let sealed = batch.chunks(PART).zip(n..).map(|(part, n)| self.sealed_part(&content, &part_key(n), part));
                self.put_parts(tenant, &content, sealed.collect::<Result<_, _>>()?, now_ms).await?;
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
            let Some((bytes, expires_at_ms, content)) = row(snapshot, tenant, id, now_ms)? else { return Ok(None) };
            let Facts { mime, name } = document::decode(&self.opened_part(snapshot, &content, FACTS)?)?;
            Ok(Some(StoredFile { id: id.to_owned(), bytes, mime, name, expires_at_ms }))
        })
    }

    async fn get(&self, tenant: &TenantId, id: &str, range: Range<u64>, now_ms: i64) -> Result<Option<Bytes>, StoreError> {
        self.read(|snapshot| {
            let Some((size, _, content)) = row(snapshot, tenant, id, now_ms)? else { return Ok(None) };
            let (range, part) = (cut(&range, size), PART as u64);
            let mut bytes = BytesMut::new();
            for n in range.start / part..range.end.div_ceil(part) {
                let opened = self.opened_part(snapshot, &content, &part_key(n))?;
                let within = |at: u64| usize::try_from(at.saturating_sub(n * part)).unwrap_or(usize::MAX).min(opened.len());
                bytes.extend_from_slice(&opened[within(range.start)..within(range.end)]);
            }
            Ok(Some(bytes.freeze()))
        })
    }

    async fn delete(&self, tenant: &TenantId, id: &str) -> Result<(), StoreError> {
        let (tenant, id) = (tenant.clone(), id.to_owned());
        self.write(None, move |transaction| {
            remove_file(transaction, tenant.as_str(), &id)?;
            Ok(Done::Wrote(()))
        })
        .await
    }

    async fn erase(&self, tenant: &TenantId, limit: usize) -> Result<u64, StoreError> {
        let tenant = tenant.clone();
        self.write(None, move |transaction| {
            let found = {
                let files = transaction.open_table(MEDIA)?;
                let from = files.range::<(&str, &str)>((tenant.as_str(), "")..)?;
                let ids = from.take(limit).map(|entry| {
                    let (place, _) = entry?;
                    let (of, id) = place.value();
                    Ok((of == tenant.as_str()).then(|| id.to_owned()))
                });
                ids.collect::<Result<Vec<_>, redb::StorageError>>()?
            };
            let mut erased = 0;
            for id in found.into_iter().flatten() {
                remove_file(transaction, tenant.as_str(), &id)?;
                erased += 1;
            }
            Ok(Done::Wrote(erased))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The forms of version 1. If they change, the version does.
    #[test]
    fn case_30_the_facts_and_the_parts_of_a_file_are_named_as_in_version_1() {
        let facts = |mime: Option<&str>, name: Option<&str>| Facts { mime: mime.map(str::to_owned), name: name.map(str::to_owned) };
        let json = |facts: &Facts| String::from_utf8(document::encode(facts).unwrap()).unwrap();
        assert_eq!(json(&facts(Some("image/png"), Some("me.png"))), r#"{"v":1,"mime":"image/png","name":"me.png"}"#);
        assert_eq!(json(&facts(None, None)), r#"{"v":1}"#);
        assert!(document::decode::<Facts>(br#"{"v":2}"#).is_err());
        assert_eq!((part_key(0), part_key(1700)), ("00000000".to_owned(), "000006a4".to_owned()));
    }
}
