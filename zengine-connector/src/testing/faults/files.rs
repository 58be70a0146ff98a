//! Files that fail on demand.

use std::{ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::policy::{Faults, StoreCall};
use crate::{
    ids::TenantId,
    store::{FileUrl, MediaStore, NewFile, StoreError, StoredFile},
};

impl Faults {
    /// Wraps a media store with these faults.
    pub fn media(&self, store: Arc<dyn MediaStore>) -> Arc<FaultyFiles> {
        Arc::new(FaultyFiles { faults: self.clone(), store })
    }
}

/// A media store with injected faults, from [`Faults::media`].
#[derive(Debug)]
pub struct FaultyFiles {
    faults: Faults,
    store: Arc<dyn MediaStore>,
}

#[async_trait]
impl MediaStore for FaultyFiles {
    async fn put(&self, tenant: &TenantId, id: &str, file: &NewFile, ttl: Duration, now_ms: i64) -> Result<StoredFile, StoreError> {
        self.faults.run(StoreCall::PutFile, self.store.put(tenant, id, file, ttl, now_ms)).await
    }

    async fn extend(&self, tenant: &TenantId, id: &str, ttl: Duration, now_ms: i64) -> Result<Option<StoredFile>, StoreError> {
        self.faults.run(StoreCall::PutFile, self.store.extend(tenant, id, ttl, now_ms)).await
    }

    async fn info(&self, tenant: &TenantId, id: &str, now_ms: i64) -> Result<Option<StoredFile>, StoreError> {
        self.faults.run(StoreCall::FileInfo, self.store.info(tenant, id, now_ms)).await
    }

    async fn get(&self, tenant: &TenantId, id: &str, range: Range<u64>, now_ms: i64) -> Result<Option<Bytes>, StoreError> {
        self.faults.run(StoreCall::ReadFile, self.store.get(tenant, id, range, now_ms)).await
    }

    async fn url(&self, tenant: &TenantId, id: &str, now_ms: i64) -> Result<Option<FileUrl>, StoreError> {
        self.faults.run(StoreCall::FileInfo, self.store.url(tenant, id, now_ms)).await
    }

    async fn delete(&self, tenant: &TenantId, id: &str) -> Result<(), StoreError> {
        self.faults.run(StoreCall::DeleteFile, self.store.delete(tenant, id)).await
    }

    async fn erase(&self, tenant: &TenantId, limit: usize) -> Result<u64, StoreError> {
        self.faults.run(StoreCall::DeleteFile, self.store.erase(tenant, limit)).await
    }
}
