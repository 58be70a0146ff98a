//! Claims: one record per send, which determines the owner and stores the outcome.
//!
//! [`ClaimRecord`] is the stored record, and [`ClaimOp`] holds all its possible changes. A store keeps records by key and
//! runs [`ClaimOp::decide`] on one of them atomically. It needs to know nothing else about them.

mod attempts;
pub mod compare_and_set;
mod due;
mod effects;
mod error;
mod fingerprint;
mod inbound;
mod key;
mod operation;
mod receipt;
mod record;
mod reference;
mod step;
mod time;
mod token;

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;

pub use attempts::{AttemptRecord, Attempts};
pub(crate) use due::Due;
pub use due::DuePage;
pub use effects::Effects;
pub use error::StoredError;
pub use fingerprint::Fingerprint;
pub use inbound::{InboundOp, InboundRecord, InboundStatus};
pub use key::ClaimKey;
pub use operation::{AttemptsMade, ClaimOp, Decision, Lease};
pub use receipt::StoredReceipt;
pub(crate) use record::Life;
pub use record::{ClaimRecord, ClaimStatus, Evidence, Terminal};
pub use reference::Reference;
pub use step::StepRecord;
pub use time::At;
pub(in crate::store) use time::Kept;
pub use token::OwnerToken;

use super::{StoreError, StoreErrorKind};

/// The result of an operation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Applied<R> {
    /// Whether its condition held.
    pub done: bool,
    /// The current record.
    pub record: Option<Arc<R>>,
}

impl<R> Applied<R> {
    /// The condition held.
    pub fn done(record: Option<impl Into<Arc<R>>>) -> Self {
        Self { done: true, record: record.map(Into::into) }
    }

    /// The condition did not hold.
    pub fn refused(record: Option<impl Into<Arc<R>>>) -> Self {
        Self { done: false, record: record.map(Into::into) }
    }
}

/// A store of claims.
///
/// # Contract
/// - `apply` reads the record, runs `decide`, and writes its result, as one atomic step. A store that has no such step, but
///   compares and sets, runs [`compare_and_set::apply`].
/// - `current` is the record that the caller believes to be stored; `None` means that it believes there is none. It may be
///   out of date. Only a write under the condition that this record is stored may rest on it; before a refusal the store
///   reads. A store with an atomic step of its own ignores it.
/// - A write is durable when `apply` returns, and visible to every later call.
/// - The store removes expired records, itself or by its back end's expiry: from
///   [`removable_at_s`](ClaimRecord::removable_at_s) on, and never before (rule 29). An inbound record or a reference may be
///   removed from its `expires_at_s` on.
/// - A call that takes longer than 5 seconds is dropped and counts as failed; it may have been done.
///
/// [`store_contract!`](crate::store_contract) tests an implementation, and [writing a
/// store](https://github.com/zengine/zengine-connector/blob/main/zengine-connector/guide/writing-a-store.md) explains how to make one.
///
/// ```
/// # use zengine_connector::{ClientMessageId, Error, StrategyName, TenantId};
/// use zengine_connector::store::{ClaimKey, ClaimOp, Fingerprint, Lease, Memory, OwnerToken};
/// # smol::block_on(async {
/// let (claims, fingerprint) = (Memory::new().claims(), Fingerprint::new([0; 16], 1, "k1"));
/// let key = ClaimKey::outbound(&TenantId::new("acme")?, &StrategyName::new("sns-sms")?, &ClientMessageId::new("order-17")?);
/// let lease = Lease { owner: OwnerToken::new([1; 16]), boot: None, until_ms: 60_000 };
/// let claim = ClaimOp::Claim { lease, fingerprint, skew_ms: 2_000, ttl_s: 86_400 };
/// assert!(claims.apply(&key, &claim, None, 0).await?.done);
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait ClaimStore: Send + Sync + Debug + 'static {
    /// Id of this opening, if one process owns the store exclusively. Claims of an earlier opening count as expired, because
    /// their process is gone (rule 17). Defaults to `None`.
    fn boot(&self) -> Option<&str> {
        None
    }

    /// Runs an operation on a send's record.
    async fn apply(
        &self,
        key: &ClaimKey,
        operation: &ClaimOp,
        current: Option<&ClaimRecord>,
        now_ms: i64,
    ) -> Result<Applied<ClaimRecord>, StoreError>;

    /// Reads a send's record, with strong consistency.
    async fn get(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError>;

    /// Runs an operation on an inbound event's record.
    async fn apply_inbound(
        &self,
        key: &ClaimKey,
        operation: &InboundOp,
        current: Option<&InboundRecord>,
        now_ms: i64,
    ) -> Result<Applied<InboundRecord>, StoreError>;

    /// Stores the send that a hashed provider key belongs to.
    async fn put_reference(&self, hash: &str, reference: &Reference) -> Result<(), StoreError>;

    /// Reads the send that a hashed provider key belongs to; `None` once its reference has expired.
    async fn reference(&self, hash: &str, now_ms: i64) -> Result<Option<Reference>, StoreError>;

    /// A page of the sends whose record [is due](ClaimRecord::is_due), at most `limit` and at least one if there is one.
    /// `after` is the [`next`](DuePage::next) of the page before. A call must examine a bounded number of records: a page may
    /// be empty although more follow, and each begins after the one before, so that they end. A record that is written between two
    /// pages may be missing; the next sweep finds it. Leave out keys of events. Count in [`unreadable`](DuePage::unreadable) the
    /// records that cannot be decoded: one must not keep the others from being swept.
    ///
    /// The default returns `Unsupported`: such a store is not swept, and keeps what no duplicate resolves.
    ///
    /// # Errors
    /// `Unsupported` if the store cannot find them. A store that cannot read `after` returns `Corrupt`; a record that is corrupt
    /// is no error.
    async fn due(&self, before_ms: i64, after: Option<&str>, limit: usize) -> Result<DuePage, StoreError> {
        let _ = (before_ms, after, limit);
        Err(StoreError::new(StoreErrorKind::Unsupported, "the claim store cannot find the records that are due"))
    }
}
