//! Failures below the ports.

use std::{cell::Cell, io};

use crate::{
    runtime::catch_in,
    store::{StoreError, StoreErrorKind},
};

const DAMAGED: &str = "the store's file is damaged: put a backup in its place";

/// The reason for which work on the file stopped.
#[derive(Debug)]
pub(super) enum Fault {
    /// The engine failed, and the transaction is void.
    Engine(redb::Error),
    /// The answer is an error, and the transaction continues.
    Said(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Said(error)
    }
}

impl<E: Into<redb::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Engine(error.into())
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Said(error) => error,
            Fault::Engine(error) => {
                let (kind, message) = reason(&error);
                Self::new(kind, message).with_source(error)
            }
        }
    }
}

fn reason(error: &redb::Error) -> (StoreErrorKind, &'static str) {
    use redb::Error as E;
    match error {
        E::Io(error) => return_kind(error),
        E::DatabaseAlreadyOpen | E::LockProtocolMismatch => (
            StoreErrorKind::StoreBusy,
            "another process, or another handle of this one, has the store open for writing: one host writes at a time",
        ),
        E::RepairAborted => {
            (StoreErrorKind::Unavailable, "the store was not closed properly: open it once for writing, then it can be read again")
        }
        E::UpgradeRequired(_) => (StoreErrorKind::Corrupt, "the store's file has an older format: open it with the release that wrote it"),
        E::Corrupted(_) => (StoreErrorKind::Corrupt, DAMAGED),
        E::ValueTooLarge(_) => (StoreErrorKind::TooLarge, "the value is larger than the store accepts"),
        E::TransactionInProgress => (StoreErrorKind::Unavailable, "the store is being read: try again"),
        E::PreviousIo | E::DatabaseClosed => (StoreErrorKind::Unavailable, "the store is being opened again after a failure"),
        _ => (StoreErrorKind::Unavailable, "the store failed"),
    }
}

fn return_kind(error: &io::Error) -> (StoreErrorKind, &'static str) {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (StoreErrorKind::Full, "no space is left for the store"),
        io::ErrorKind::InvalidData => (StoreErrorKind::Corrupt, "the file is not a store: name another one"),
        // The file is shorter than what it says of itself. No reader meets that beside a compaction, which waits for readers.
        io::ErrorKind::UnexpectedEof => (StoreErrorKind::Corrupt, DAMAGED),
        io::ErrorKind::NotFound => (StoreErrorKind::Unavailable, "there is no store at this path"),
        io::ErrorKind::PermissionDenied => (StoreErrorKind::Unavailable, "the store's file may not be opened"),
        _ => (StoreErrorKind::Unavailable, "the store's file could not be read or written"),
    }
}

/// The result of the work. A panic of the engine is damage: it trusts what it reads from the file.
pub(super) fn unless_damaged<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_engine(work).unwrap_or_else(|| Err(damaged().into()))
}

thread_local! {
    /// Number of [`catch_engine`] that this thread is in.
    static CATCHING: Cell<usize> = const { Cell::new(0) };
}

/// The result of work on the engine. `None` if it panics, which the engine does over some damage.
pub(super) fn catch_engine<T>(work: impl FnOnce() -> T) -> Option<T> {
    CATCHING.set(CATCHING.get() + 1);
    let result = catch_in(work);
    CATCHING.set(CATCHING.get() - 1);
    result
}

/// Whether a panic of this thread is caught and becomes an error of the store.
pub(crate) fn catches_panics() -> bool {
    CATCHING.get() > 0
}

/// The fault of a damaged file.
pub(super) fn damaged() -> Fault {
    Fault::Engine(redb::Error::Corrupted(String::new()))
}

/// Converts an error of the file system from outside the engine.
pub(super) fn io_error(error: io::Error) -> StoreError {
    Fault::Engine(redb::Error::Io(error)).into()
}

pub(super) fn read_only() -> StoreError {
    StoreError::new(StoreErrorKind::Unsupported, "the store is open for reading only")
}
