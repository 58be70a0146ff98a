//! One write transaction that serves many callers.

use redb::{ReadableTable as _, Table, WriteTransaction};

use super::{
    fault::Fault,
    tables::{CLAIMS, COUNTERS, DIRECTORY, EPOCHS, EVENTS, INBOUND, LETTERS, REFERENCES, ROUTES, SESSIONS},
};

type Text = &'static str;
type Bytes = &'static [u8];

/// The open tables of a transaction. Each is opened on first use.
pub(super) struct Batch<'t> {
    transaction: &'t WriteTransaction,
    slots: Slots<'t>,
}

macro_rules! tables {
    ($($name:ident: $table:ident, $key:ty => $value:ty;)*) => {
        #[derive(Default)]
        struct Slots<'t> {
            $($name: Option<Table<'t, $key, $value>>,)*
        }

        impl<'t> Batch<'t> {
            $(pub(super) fn $name(&mut self) -> Result<&mut Table<'t, $key, $value>, Fault> {
                match &mut self.slots.$name {
                    Some(table) => Ok(table),
                    slot => Ok(slot.insert(self.transaction.open_table($table)?)),
                }
            })*
        }
    };
}

tables! {
    counters: COUNTERS, Text => u64;
    claims: CLAIMS, Text => Bytes;
    inbound: INBOUND, Text => Bytes;
    references: REFERENCES, Text => Bytes;
    letters: LETTERS, Text => Bytes;
    events: EVENTS, u64 => Bytes;
    epochs: EPOCHS, (Text, u64) => Bytes;
    sessions: SESSIONS, (Text, Text) => (u64, i64, Bytes);
    directory: DIRECTORY, (Text, Text) => Bytes;
    routes: ROUTES, (Text, Text, Text, Text) => ();
}

impl<'t> Batch<'t> {
    pub(super) fn new(transaction: &'t WriteTransaction) -> Self {
        Self { transaction, slots: Slots::default() }
    }

    /// The next number of a counter. A number is never returned twice.
    pub(super) fn count(&mut self, counter: &str) -> Result<u64, Fault> {
        let counters = self.counters()?;
        let next = counters.get(counter)?.map_or(0, |last| last.value()) + 1;
        counters.insert(counter, next)?;
        Ok(next)
    }
}

/// An answer, and whether the transaction wrote anything for it.
#[derive(Debug)]
pub(super) struct WriteResult<T> {
    pub(super) value: T,
    pub(super) wrote: bool,
}

impl<T> WriteResult<T> {
    pub(super) fn wrote(value: T) -> Self {
        Self { value, wrote: true }
    }

    pub(super) fn read(value: T) -> Self {
        Self { value, wrote: false }
    }
}
