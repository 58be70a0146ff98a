//! A file backend with a limit on syncs. redb compacts until a pass makes no progress; over a damaged file that may never happen.

use std::{
    fmt::Debug,
    fs::OpenOptions,
    io,
    ops::Bound,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use redb::{BackendError, StorageBackend, backends::FileBackend};

/// Remaining syncs. Unlimited until `allow`.
#[derive(Debug)]
pub(super) struct SyncLimit(AtomicU64);

impl SyncLimit {
    const NONE: u64 = u64::MAX;

    pub(super) const fn none() -> Self {
        Self(AtomicU64::new(Self::NONE))
    }

    /// Allows a number of syncs.
    pub(super) fn allow(&self, syncs: u64) {
        self.0.store(syncs, Ordering::Relaxed);
    }

    /// Takes the limit away. Returns `true` if it was used up.
    pub(super) fn lift(&self) -> bool {
        self.0.swap(Self::NONE, Ordering::Relaxed) == 0
    }

    fn spend(&self) -> bool {
        let spent = |left| if left == Self::NONE { Some(left) } else { u64::checked_sub(left, 1) };
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spent).is_ok()
    }
}

impl Gate for Arc<SyncLimit> {
    fn sync(&self) -> io::Result<()> {
        if self.spend() { Ok(()) } else { Err(io::Error::other("too many syncs")) }
    }
}

/// Decides which changes of a file may go on.
pub(super) trait Gate: Debug + Send + Sync + 'static {
    /// Before a sync.
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// Before a write, or a change of the length.
    fn write(&self) -> io::Result<()> {
        Ok(())
    }
}

/// An open file behind a gate.
#[derive(Debug)]
pub(super) struct GatedFile<G> {
    file: FileBackend,
    gate: G,
}

impl<G: Gate> GatedFile<G> {
    /// Opens a file that exists.
    pub(super) fn open(path: &Path, gate: G) -> Result<Self, redb::DatabaseError> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self { file: FileBackend::new(file)?, gate })
    }
}

impl<G: Gate> StorageBackend for GatedFile<G> {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.gate.write()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.gate.sync()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.gate.write()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
