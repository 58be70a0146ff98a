//! Claims: one record per send, which decides who may send it and remembers what became of it.
//!
//! [`ClaimRecord`] is what is stored, [`ClaimOp`] every way it may change. A store keeps records by key and runs
//! [`ClaimOp::decide`] on one atomically; it understands nothing else of them.

mod inbound;
mod key;
mod operation;
mod record;

use std::fmt::Debug;

use async_trait::async_trait;

pub use inbound::{InboundDecision, InboundOp, InboundRecord, InboundStatus};
pub use key::ClaimKey;
pub use operation::{At, ClaimOp, Decision, Lease};
pub use record::{ClaimRecord, ClaimStatus, Effects, Evidence, Fingerprint, Reference, StoredError, Terminal};

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
