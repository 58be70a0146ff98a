//! Files in memory.

use std::{ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Tables, table::Table};
use crate::{
    ids::TenantId,
    runtime::ms,
    store::{MediaStore, NewFile, StoreError, StoredFile, claims::Kept, media::cut, sessions::cursor},
};

/// The files by tenant and id.
pub(super) type Files = Table<Stored>;

/// A file and its bytes.
pub(super) struct Stored(StoredFile, Bytes);

impl Stored {
    /// Moves the end of a file that stands, and returns its facts.
    fn extended(current: &mut Option<Arc<Self>>, until_ms: i64, now_ms: i64) -> Option<StoredFile> {
        let stands = current.as_mut().filter(|stored| stored.0.expires_at_ms > now_ms)?;
        if stands.0.expires_at_ms < until_ms {
            *stands = Arc::new(Self(StoredFile { expires_at_ms: until_ms, ..stands.0.clone() }, stands.1.clone()));
        }
        Some(stands.0.clone())
    }
}

impl Kept for Stored {
    fn removable_at_ms(&self) -> i64 {
        self.0.expires_at_ms
    }
}

impl Tables {
    fn file<T>(&self, tenant: &TenantId, id: &str, now_ms: i64, look: impl FnOnce(&Stored) -> T) -> Option<T> {
        let seen = |stored: &Arc<Stored>| (stored.0.expires_at_ms > now_ms).then(|| look(stored));
        self.media.read(&cursor(tenant.as_str(), id), seen).flatten()
    }
}

#[async_trait]
impl MediaStore for Tables {
    async fn put(&self, tenant: &TenantId, id: &str, file: &NewFile, ttl: Duration, now_ms: i64) -> Result<StoredFile, StoreError> {
        file.check()?;
        let until_ms = now_ms.saturating_add(ms(ttl));
        Ok(self.media.change(&cursor(tenant.as_str(), id).into(), now_ms, |current| {
            Stored::extended(current, until_ms, now_ms).unwrap_or_else(|| {
                let stored = file.stored(id, until_ms);
                *current = Some(Arc::new(Stored(stored.clone(), file.bytes.clone())));
                stored
            })
        }))
    }

    async fn extend(&self, tenant: &TenantId, id: &str, ttl: Duration, now_ms: i64) -> Result<Option<StoredFile>, StoreError> {
        let until_ms = now_ms.saturating_add(ms(ttl));
        let place = cursor(tenant.as_str(), id).into();
        Ok(self.media.change(&place, now_ms, |current| Stored::extended(current, until_ms, now_ms)))
    }

    async fn info(&self, tenant: &TenantId, id: &str, now_ms: i64) -> Result<Option<StoredFile>, StoreError> {
        Ok(self.file(tenant, id, now_ms, |stored| stored.0.clone()))
    }

    async fn get(&self, tenant: &TenantId, id: &str, range: Range<u64>, now_ms: i64) -> Result<Option<Bytes>, StoreError> {
        let place = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Ok(self.file(tenant, id, now_ms, |Stored(file, bytes)| {
            let range = cut(&range, file.bytes);
            bytes.slice(place(range.start)..place(range.end))
        }))
    }

    async fn delete(&self, tenant: &TenantId, id: &str) -> Result<(), StoreError> {
        self.media.change(&cursor(tenant.as_str(), id).into(), i64::MIN, |current| *current = None);
        Ok(())
    }

    /// Looks at all files.
    async fn erase(&self, tenant: &TenantId, limit: usize) -> Result<u64, StoreError> {
        let (mut found, of_tenant) = (Vec::new(), cursor(tenant.as_str(), ""));
        self.media.each(|place, _| {
            if place.starts_with(&of_tenant) && found.len() < limit {
                found.push(Arc::from(place));
            }
        });
        for place in &found {
            self.media.change(place, i64::MIN, |current| *current = None);
        }
        Ok(found.len() as u64)
    }
}
