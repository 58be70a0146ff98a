//! Operations on stores that compare and set.

use async_trait::async_trait;

use super::{At, ClaimKey, ClaimOp, ClaimRecord, Decision, InboundOp, InboundRecord, OwnerToken};
use crate::store::{Applied, StoreError, StoreErrorKind};

/// Maximum conditional writes for one operation.
const ROUNDS: usize = 5;

/// The state of a stored record that a conditional write requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its owner token.
    pub owner: OwnerToken,
    /// Its number of writes.
    pub rev: u64,
}

/// The result of a conditional write. Not `#[non_exhaustive]`: the three are all the answers that there can be.
#[derive(Clone, Debug, PartialEq)]
pub enum PutIf<R> {
    /// The record is written.
    Written,
    /// Another state is stored, and the store returned it: the record, or `None` if there is none.
    Found(Option<R>),
    /// Another state is stored, and the store did not return it.
    Refused,
}

/// A store that reads records, and writes them under a condition on the stored state. [`apply`] runs operations on it.
#[async_trait]
pub trait CompareAndSet<R>: Sync {
    /// Reads a record, with strong consistency.
    async fn get(&self, key: &ClaimKey) -> Result<Option<R>, StoreError>;

    /// Writes a record if the state of the stored one is `expected`; `None` means that there is none.
    async fn put_if(&self, key: &ClaimKey, expected: Option<Stored>, record: &R) -> Result<PutIf<R>, StoreError>;
}

/// An operation on a kind of record, as [`apply`] needs it.
pub trait Operation: Sync {
    /// The record.
    type Record: Clone + Send + Sync;

    /// Decides the operation.
    fn decide(&self, current: Option<&Self::Record>, at: At<'_>) -> Decision<Self::Record>;

    /// The state that a conditional write compares.
    fn state(record: &Self::Record) -> Stored;
}

macro_rules! operation {
    ($operation:ident on $record:ident) => {
        impl Operation for $operation {
            type Record = $record;

            fn decide(&self, current: Option<&$record>, at: At<'_>) -> Decision<$record> {
                Self::decide(self, current, at)
            }

            fn state(record: &$record) -> Stored {
                Stored { owner: record.owner, rev: record.rev }
            }
        }
    };
}
operation!(ClaimOp on ClaimRecord);
operation!(InboundOp on InboundRecord);

/// Runs an operation on a store that compares and sets. `current` is the record that the caller believes to be stored; if
/// it is right, the operation costs one conditional write and no read. A decision that writes nothing is made on a record
/// that was read.
///
/// # Errors
/// `Conflict` if the record changed in each of five rounds; any error of the store.
pub async fn apply<O: Operation>(
    store: &impl CompareAndSet<O::Record>,
    key: &ClaimKey,
    operation: &O,
    current: Option<&O::Record>,
    at: At<'_>,
) -> Result<Applied<O::Record>, StoreError> {
    let mut current = current.cloned();
    let mut is_read = false;
    let mut rounds = 0;
    loop {
        let record = match operation.decide(current.as_ref(), at) {
            Decision::Write(record) => record,
            Decision::Keep if is_read => return Ok(Applied::done(current)),
            Decision::Refuse if is_read => return Ok(Applied::refused(current)),
            Decision::Keep | Decision::Refuse => {
                (current, is_read) = (store.get(key).await?, true);
                continue;
            }
        };
        if rounds == ROUNDS {
            return Err(StoreError::new(StoreErrorKind::Conflict, "the record changed with every try to change it"));
        }
        rounds += 1;
        current = match store.put_if(key, current.as_ref().map(O::state), &record).await? {
            PutIf::Written => return Ok(Applied::done(Some(record))),
            PutIf::Found(found) => found,
            PutIf::Refused => store.get(key).await?,
        };
        is_read = true;
    }
}

#[cfg(test)]
mod tests;
