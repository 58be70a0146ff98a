//! The open file.

use std::{mem, path::Path, sync::Arc};

use redb::{
    Builder, ConcurrencyMode, Database, DatabaseError, ReadOnlyDatabase, ReadTransaction, ReadableDatabase as _, StorageBackend as _,
    StorageError, WriteTransaction,
};

use super::{
    fault::{Fault, catch_engine, damaged, read_only},
    limited::{GatedFile, SyncLimit},
};
use crate::{
    store::{StoreError, StoreErrorKind},
    sync::RwLock,
};

/// Size of the page cache, in bytes.
const CACHE: usize = 64 << 20;

/// Maximum syncs of a compaction. One of a whole file needs a few dozen; each moves up to 4 GiB.
const COMPACTION_SYNCS: u64 = 10_000;

/// A function that opens the file for writing, at first and after a failure.
pub(super) type Opener = Box<dyn Fn(&Arc<SyncLimit>) -> Result<Database, DatabaseError> + Send + Sync>;

/// The engine's settings: one writer, and readers in other processes.
pub(super) fn engine() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE).set_concurrency_mode(ConcurrencyMode::SingleWriter);
    builder
}

/// Opens a store's file for writing. An empty one is none.
pub(super) fn open(path: &Path, limit: &Arc<SyncLimit>) -> Result<Database, DatabaseError> {
    let file = GatedFile::open(path, Arc::clone(limit))?;
    if file.len()? == 0 {
        return Err(StorageError::Io(std::io::ErrorKind::InvalidData.into()).into());
    }
    engine().create_with_backend(file)
}

enum Open {
    Writing(Database),
    Reading(ReadOnlyDatabase),
    /// Closed between a failure and the next attempt to open the file, with the reason.
    Closed(StoreErrorKind, &'static str),
}

impl Open {
    /// The error of a call that the file, closed or read-only, cannot serve.
    fn refusal(&self) -> Fault {
        Fault::Said(match self {
            Self::Closed(kind, message) => StoreError::new(*kind, message),
            _ => read_only(),
        })
    }

    /// Closes the file and releases its lock. redb writes on close and may panic over damage; the panic is caught.
    fn close(&mut self) {
        let open = mem::replace(self, Self::Closed(StoreErrorKind::Unavailable, "the store is being opened again after a failure"));
        let _ = catch_engine(|| drop(open));
    }
}

/// The open file, shared by the writer and all readers.
pub(super) struct Shared {
    open: RwLock<Open>,
    opener: Option<Opener>,
    limit: Arc<SyncLimit>,
}

debug_fields!(Shared { open: |shared| shared.is_open() });

impl Shared {
    pub(super) fn writing(opener: Opener) -> Result<Self, Fault> {
        let limit = Arc::new(SyncLimit::none());
        let database = opener(&limit)?;
        Ok(Self { open: RwLock::new(Open::Writing(database)), opener: Some(opener), limit })
    }

    pub(super) fn reading(path: &Path) -> Result<Self, Fault> {
        let open = Open::Reading(engine().open_read_only(path)?);
        Ok(Self { open: RwLock::new(open), opener: None, limit: Arc::new(SyncLimit::none()) })
    }

    pub(super) fn is_open(&self) -> bool {
        !matches!(*self.open.read(), Open::Closed(..))
    }

    /// Reads from the last commit.
    pub(super) fn snapshot(&self) -> Result<ReadTransaction, Fault> {
        match &*self.open.read() {
            Open::Writing(database) => Ok(database.begin_read()?),
            Open::Reading(database) => database.begin_read().map_err(|error| match error.into() {
                // No writer opens the file of this handle again.
                redb::Error::PreviousIo => {
                    StoreError::new(StoreErrorKind::Unavailable, "an earlier read of the store failed: open it again").into()
                }
                error => Fault::Engine(error),
            }),
            closed @ Open::Closed(..) => Err(closed.refusal()),
        }
    }

    /// Runs one write transaction. Commits if the work returns `true`.
    pub(super) fn transaction(&self, work: impl FnOnce(&WriteTransaction) -> Result<bool, Fault>) -> Result<(), Fault> {
        let open = self.open.read();
        let Open::Writing(database) = &*open else { return Err(open.refusal()) };
        let mut transaction = database.begin_write()?;
        transaction.set_durability(redb::Durability::Immediate)?;
        transaction.set_quick_repair(true);
        if work(&transaction)? {
            transaction.commit()?;
        } else {
            transaction.abort()?;
        }
        Ok(())
    }

    /// Moves the content to the front of the file and cuts its end off.
    ///
    /// # Errors
    /// `Corrupt` if the engine panics or never ends, which damage causes. The file must then be reopened, as after any error
    /// but [`Fault::Said`] and a transaction in progress.
    pub(super) fn compact(&self) -> Result<bool, Fault> {
        match &mut *self.open.write() {
            Open::Writing(database) => {
                self.limit.allow(COMPACTION_SYNCS);
                let compacted = catch_engine(|| database.compact());
                let used_up = self.limit.lift();
                Ok(compacted.filter(|_| !used_up).ok_or_else(damaged)??)
            }
            open => Err(open.refusal()),
        }
    }

    /// Closes and reopens the file. Until it opens, every call gets the reason, for example a full disk.
    pub(super) fn reopen(&self) {
        let Some(opener) = &self.opener else { return };
        let mut open = self.open.write();
        // Close first: the new one needs the lock.
        open.close();
        *open = opener(&self.limit).map_or_else(
            |error| {
                let error = StoreError::from(Fault::from(error));
                Open::Closed(error.kind, error.message)
            },
            Open::Writing,
        );
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Catch the panic here; otherwise the caller that drops the last handle would get it.
        self.open.write().close();
    }
}
