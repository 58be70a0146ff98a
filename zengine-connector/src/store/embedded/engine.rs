//! Reads and writes for the ports.

use std::sync::Arc;

use redb::{ReadTransaction, WriteTransaction};

use super::{
    fault::{Fault, read_only, unless_damaged},
    file::Shared,
    keys::EmbeddedKeys,
    work::Done,
    writer::Writer,
};
use crate::store::StoreError;

/// The open store, which implements the ports.
#[derive(Debug)]
pub(super) struct Engine {
    // Must be dropped before the file, because the thread's last transaction needs the file.
    writer: Option<Writer>,
    shared: Arc<Shared>,
    /// The keys of the secrets.
    pub(super) keys: Arc<EmbeddedKeys>,
    /// The id of this opening; absent if it only reads.
    pub(super) boot: Option<Arc<str>>,
}

impl Engine {
    pub(super) fn writing(shared: Shared, keys: Arc<EmbeddedKeys>, boot: Arc<str>) -> Result<Self, StoreError> {
        let shared = Arc::new(shared);
        Ok(Self { writer: Some(Writer::start(Arc::clone(&shared))?), shared, keys, boot: Some(boot) })
    }

    pub(super) fn reading(shared: Shared, keys: Arc<EmbeddedKeys>) -> Self {
        Self { writer: None, shared: Arc::new(shared), keys, boot: None }
    }

    /// The thread that writes.
    pub(super) fn writer(&self) -> Result<&Writer, StoreError> {
        self.writer.as_ref().ok_or_else(read_only)
    }

    /// Reads from the last commit.
    pub(super) fn read<T>(&self, look: impl FnOnce(&ReadTransaction) -> Result<T, Fault>) -> Result<T, StoreError> {
        unless_damaged(|| Ok(look(&self.shared.snapshot()?)?))
    }

    /// Runs work in a write transaction in the calling thread.
    pub(super) fn write_here(&self, work: impl FnOnce(&WriteTransaction) -> Result<(), Fault>) -> Result<(), StoreError> {
        self.writer()?;
        unless_damaged(|| Ok(self.shared.transaction(|transaction| work(transaction).map(|()| true))?))
    }

    /// Runs work in the next write transaction and waits until it is on disk.
    pub(super) async fn write<T, F>(&self, now_ms: Option<i64>, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&WriteTransaction) -> Result<Done<T>, Fault> + Send + 'static,
    {
        self.writer()?.write(now_ms, work).await
    }
}
