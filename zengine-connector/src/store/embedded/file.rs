//! The open file.

use std::path::Path;

use redb::{Builder, ConcurrencyMode, Database, DatabaseError, ReadOnlyDatabase, ReadTransaction, ReadableDatabase as _, WriteTransaction};

use super::fault::{Fault, read_only};
use crate::{
    store::{StoreError, StoreErrorKind},
    sync::RwLock,
};

/// Size of the page cache, in bytes.
const CACHE: usize = 64 << 20;

/// A function that opens the file for writing, at first and after a failure.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

/// The engine's settings: one writer, and readers in other processes.
pub(super) fn engine() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE).set_concurrency_mode(ConcurrencyMode::SingleWriter);
    builder
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
}

/// The open file, shared by the writer and all readers.
pub(super) struct Shared {
    open: RwLock<Open>,
    opener: Option<Opener>,
}

debug_fields!(Shared { open: |shared| shared.is_open() });

impl Shared {
    pub(super) fn writing(opener: Opener) -> Result<Self, Fault> {
        let database = opener()?;
        Ok(Self { open: RwLock::new(Open::Writing(database)), opener: Some(opener) })
    }

    pub(super) fn reading(path: &Path) -> Result<Self, Fault> {
        Ok(Self { open: RwLock::new(Open::Reading(engine().open_read_only(path)?)), opener: None })
    }

    pub(super) fn is_open(&self) -> bool {
        !matches!(*self.open.read(), Open::Closed(..))
    }

    /// Reads from the last commit.
    pub(super) fn snapshot(&self) -> Result<ReadTransaction, Fault> {
        match &*self.open.read() {
            Open::Writing(database) => Ok(database.begin_read()?),
            Open::Reading(database) => Ok(database.begin_read()?),
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

    pub(super) fn compact(&self) -> Result<bool, Fault> {
        match &mut *self.open.write() {
            Open::Writing(database) => Ok(database.compact()?),
            open => Err(open.refusal()),
        }
    }

    /// Closes and reopens the file. Until it opens, every call gets the reason, for example a full disk.
    pub(super) fn reopen(&self) {
        let Some(opener) = &self.opener else { return };
        let mut open = self.open.write();
        // Close first: the new one needs the lock.
        *open = Open::Closed(StoreErrorKind::Unavailable, "the store is being opened again after a failure");
        *open = opener().map_or_else(
            |error| {
                let error = StoreError::from(Fault::from(error));
                Open::Closed(error.kind, error.message)
            },
            Open::Writing,
        );
    }
}
