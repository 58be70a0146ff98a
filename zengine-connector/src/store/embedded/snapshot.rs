//! Copies of the whole store.

use std::{fs, io, path::Path};

use redb::{ReadTransaction, ReadableTable as _};

use super::{
    fault::{Fault, io_error},
    file::engine,
    key_file::create_private,
    tables::{CLAIMS, COUNTERS, DIRECTORY, EPOCHS, EVENTS, INBOUND, LETTERS, META, REFERENCES, ROUTES, SESSIONS, each_table},
};
use crate::store::{StoreError, StoreErrorKind};

/// Copies every table of one commit into a new file. Removes the file if the copy fails.
pub(super) fn copy(from: &ReadTransaction, path: &Path) -> Result<(), Fault> {
    create_private(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => StoreError::new(StoreErrorKind::Conflict, "there is a file at the copy's path: name another one"),
        _ => io_error(error),
    })?;
    let copied = fill(from, path);
    if copied.is_err() {
        // Report the first error.
        let _ = fs::remove_file(path);
    }
    copied
}

fn fill(from: &ReadTransaction, path: &Path) -> Result<(), Fault> {
    let database = engine().create(path)?;
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    {
        macro_rules! copy {
            ($($table:ident),*) => {$({
                let mut to = transaction.open_table($table)?;
                for entry in from.open_table($table)?.iter()? {
                    let (key, value) = entry?;
                    to.insert(key.value(), value.value())?;
                }
            })*};
        }
        each_table!(copy);
    }
    transaction.commit()?;
    Ok(database.close()?)
}
