//! Claims: one record per send, which decides who may send it and remembers what became of it.
//!
//! [`ClaimRecord`] is what is stored, [`ClaimOp`] every way it may change. A store keeps records by key and runs
//! [`ClaimOp::decide`] on one atomically; it understands nothing else of them.

mod at;
mod fingerprint;
mod hash;
mod inbound;
mod key;
mod operation;
mod receipt;
mod record;
mod token;

use std::fmt::Debug;

use async_trait::async_trait;

pub use at::At;
pub use fingerprint::{Fingerprint, FingerprintValue};
pub use inbound::{InboundDecision, InboundOp, InboundRecord, InboundStatus};
pub use key::ClaimKey;
pub use operation::{ClaimOp, Decision, Lease};
pub use receipt::StoredReceipt;
pub use record::{ClaimRecord, ClaimStatus, Effects, Evidence, Reference, StoredError, Terminal};
pub use token::{NoToken, OwnerToken};

use super::StoreError;

/// What an operation did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Applied<R> {
    /// Whether its condition held.
    pub done: bool,
    /// The record as it stands now.
    pub record: Option<R>,
}

impl<R> Applied<R> {
    /// The condition held.
    pub fn done(record: Option<R>) -> Self {
        Self { done: true, record }
    }

    /// The condition did not hold.
    pub fn refused(record: Option<R>) -> Self {
        Self { done: false, record }
    }
}

/// Keeps claims.
///
/// # Contract
/// - `apply` reads the record, runs `decide`, and writes what it says, as one atomic step.
/// - What was written is durable when `apply` returns, and seen by every later call.
/// - Records whose time is over may be removed at any later time, except those in doubt (rule 29).
#[async_trait]
pub trait ClaimStore: Send + Sync + Debug + 'static {
    /// Where one process owns the store exclusively: a name of this opening. Claims of an earlier one count as expired,
    /// because their process is gone (rule 17).
    fn boot(&self) -> Option<&str> {
        None
    }

    /// Whether records never leave this process. Then receipts are kept as they are, else they are sealed first. Say so
    /// only of a store that is gone when the process is.
    fn is_local(&self) -> bool {
        false
    }

    /// [`apply`](Self::apply) at once, where the store need not wait for anything; `None` where it must be awaited. A store
    /// gives either always or never.
    fn apply_now(&self, key: &ClaimKey, operation: &ClaimOp, now_ms: i64) -> Option<Result<Applied<ClaimRecord>, StoreError>> {
        let _ = (key, operation, now_ms);
        None
    }

    /// Does one of the three steps of a send that meets nothing unusual: the first claim, its owner's mark, its owner's
    /// commit as Delivered. `false` where the store does not know such steps or the record is not as plain as that: then
    /// nothing was done. What it does is what [`apply`](Self::apply) would do.
    fn step(&self, key: &ClaimKey, operation: &ClaimOp, now_ms: i64) -> bool {
        let _ = (key, operation, now_ms);
        false
    }

    /// What became of a delivered send, where the store keeps records in this process and can tell at once; anything else
    /// is `None`, and the operation that follows will find out.
    fn delivered_now(&self, key: &ClaimKey, now_ms: i64) -> Option<ClaimRecord> {
        let _ = (key, now_ms);
        None
    }

    /// Runs an operation on a send's record.
    async fn apply(&self, key: &ClaimKey, operation: &ClaimOp, now_ms: i64) -> Result<Applied<ClaimRecord>, StoreError>;

    /// Reads a send's record, consistently.
    async fn get(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError>;

    /// Runs an operation on an inbound event's record.
    async fn apply_inbound(&self, key: &ClaimKey, operation: &InboundOp, now_ms: i64) -> Result<Applied<InboundRecord>, StoreError>;

    /// Remembers which send a hashed provider key belongs to.
    async fn put_reference(&self, hash: &str, reference: &Reference) -> Result<(), StoreError>;

    /// Which send a hashed provider key belongs to.
    async fn reference(&self, hash: &str, now_ms: i64) -> Result<Option<Reference>, StoreError>;
}
