//! Files in the embedded store, in sealed parts, so that no value and no transaction holds a large file.

use std::{ops::Range, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use redb::{ReadTransaction, ReadableTable as _, TableError};
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
    ids::TenantId,
    keyring,
    runtime::{SystemRng, ms},
    store::{
        MediaStore, NewFile, StoreError, StoreErrorKind, StoredFile,
        media::{cut, draw_id},
    },
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
pub(super) fn sealed_for<'a>(id: &'a str, part: &'a str) -> [&'a str; 3] {
    ["media", id, part]
}

/// The key of a part by its number; in order as texts.
fn part_key(n: u64) -> String {
    format!("{n:08x}")
}

impl Engine {
    fn sealed_part(&self, id: &str, part: &str, value: &[u8]) -> Result<(String, Bytes), StoreError> {
        let sealed = keyring::seal(&*self.keys, &SystemRng, &sealed_for(id, part), value);
        let sealed = sealed.map_err(|_| StoreError::new(StoreErrorKind::Unavailable, "a file could not be encrypted"))?;
        Ok((part.to_owned(), sealed))
    }

    fn opened_part(&self, snapshot: &ReadTransaction, id: &str, part: &str) -> Result<Vec<u8>, Fault> {
        let damaged = || StoreError::new(StoreErrorKind::Corrupt, "a stored file is damaged, or its key is missing");
        let sealed = snapshot.open_table(MEDIA_PARTS)?.get((id, part))?.ok_or_else(damaged)?;
        Ok(keyring::open(&*self.keys, &sealed_for(id, part), sealed.value()).map_err(|_| damaged())?)
    }

    /// Writes parts of a file, and its row: the size if it is whole, else none.
    async fn put_parts(
        &self,
        place: (&TenantId, &str),
        parts: Vec<(String, Bytes)>,
        size: Option<u64>,
        until_ms: i64,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let (tenant, id) = (place.0.clone(), place.1.to_owned());
        self.write(Some(now_ms), move |transaction| {
            let mut table = transaction.open_table(MEDIA_PARTS)?;
            for (part, sealed) in &parts {
                table.insert((&*id, &**part), &**sealed)?;
            }
            transaction.open_table(MEDIA)?.insert((tenant.as_str(), &*id), (until_ms, size))?;
            Ok(Done::Wrote(()))
        })
        .await
    }
}

/// The size and the end of a file that is whole and not expired.
fn row(snapshot: &ReadTransaction, tenant: &TenantId, id: &str, now_ms: i64) -> Result<Option<(u64, i64)>, Fault> {
    let files = match snapshot.open_table(MEDIA) {
        // A file that only an older release has written.
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        files => files?,
    };
    let row = files.get((tenant.as_str(), id))?.map(|row| row.value());
    Ok(row.filter(|(until_ms, _)| *until_ms > now_ms).and_then(|(until_ms, size)| Some((size?, until_ms))))
}

#[async_trait]
impl MediaStore for Engine {
    async fn put(&self, tenant: &TenantId, file: &NewFile, ttl: Duration, now_ms: i64) -> Result<StoredFile, StoreError> {
        file.check()?;
        let stored = file.stored(draw_id(&SystemRng), now_ms.saturating_add(ms(ttl)));
        let place = (tenant, &*stored.id);
        // If this is given up half-way, the sweep finds the row.
        let half_ms = stored.expires_at_ms.min(now_ms.saturating_add(ms(HALF_STORED)));
        let mut n = 0;
        for batch in file.bytes.chunks(PART * BATCH) {
            let sealed = batch.chunks(PART).zip(n..).map(|(part, n)| self.sealed_part(&stored.id, &part_key(n), part));
            self.put_parts(place, sealed.collect::<Result<_, _>>()?, None, half_ms, now_ms).await?;
            n += BATCH as u64;
        }
        let facts = document::encode(&Facts { mime: stored.mime.clone(), name: stored.name.clone() })?;
        let facts = self.sealed_part(&stored.id, FACTS, &facts)?;
        self.put_parts(place, vec![facts], Some(stored.bytes), stored.expires_at_ms, now_ms).await?;
        Ok(stored)
    }

    async fn info(&self, tenant: &TenantId, id: &str, now_ms: i64) -> Result<Option<StoredFile>, StoreError> {
        self.read(|snapshot| {
            let Some((bytes, expires_at_ms)) = row(snapshot, tenant, id, now_ms)? else { return Ok(None) };
            let Facts { mime, name } = document::decode(&self.opened_part(snapshot, id, FACTS)?)?;
            Ok(Some(StoredFile { id: id.to_owned(), bytes, mime, name, expires_at_ms }))
        })
    }

    async fn get(&self, tenant: &TenantId, id: &str, range: Range<u64>, now_ms: i64) -> Result<Option<Bytes>, StoreError> {
        self.read(|snapshot| {
            let Some((size, _)) = row(snapshot, tenant, id, now_ms)? else { return Ok(None) };
            let (range, part) = (cut(&range, size), PART as u64);
            let mut bytes = BytesMut::new();
            for n in range.start / part..range.end.div_ceil(part) {
                let opened = self.opened_part(snapshot, id, &part_key(n))?;
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
