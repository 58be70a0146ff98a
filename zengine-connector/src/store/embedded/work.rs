//! Work in a write transaction that serves many callers.

use redb::{ReadableTable as _, WriteTransaction};

use super::{fault::Fault, tables::COUNTERS};

/// The answer of some work, and whether the transaction wrote anything for it.
#[derive(Debug)]
pub(super) enum Done<T> {
    Wrote(T),
    Looked(T),
}

/// The next number of a counter. A number is never returned twice.
pub(super) fn count(transaction: &WriteTransaction, counter: &str) -> Result<u64, Fault> {
    let mut counters = transaction.open_table(COUNTERS)?;
    let next = counters.get(counter)?.map_or(0, |last| last.value()) + 1;
    counters.insert(counter, next)?;
    Ok(next)
}
