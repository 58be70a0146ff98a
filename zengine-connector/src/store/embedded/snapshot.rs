//! Copies of the whole store.

use std::path::Path;

use redb::{ReadTransaction, ReadableTable as _};

use super::{
    fault::Fault,
    file::engine,
    new_file::create_whole,
    tables::{
        CLAIMS, COUNTERS, DIRECTORY, EPOCHS, EVENTS, INBOUND, LETTERS, MEDIA, MEDIA_PARTS, META, REFERENCES, ROUTES, SECRETS, SESSIONS,
        each_table,
    },
};
use crate::store::StoreError;

/// Copies every table of one commit into a new file.
pub(super) fn copy(from: &ReadTransaction, path: &Path) -> Result<(), StoreError> {
    create_whole(path, |aside| Ok(fill(from, aside)?))
}

fn fill(from: &ReadTransaction, path: &Path) -> Result<(), Fault> {
    let database = engine().create(path)?;
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    {
        macro_rules! copy {
            ($($table:ident),*) => {$({
                let mut to = transaction.open_table($table)?;
                match from.open_table($table) {
                    // A file that only an older release has written lacks the newer tables.
                    Err(redb::TableError::TableDoesNotExist(_)) => {}
                    table => {
                        for entry in table?.iter()? {
                            let (key, value) = entry?;
                            to.insert(key.value(), value.value())?;
                        }
                    }
                }
            })*};
        }
        each_table!(copy);
    }
    transaction.commit()?;
    Ok(database.close()?)
}
