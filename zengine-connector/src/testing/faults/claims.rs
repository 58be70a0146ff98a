//! A claim store that fails on demand.

use std::sync::Arc;

use async_trait::async_trait;

use super::policy::{Faults, StoreCall};
use crate::store::{Applied, ClaimKey, ClaimOp, ClaimRecord, ClaimStore, DuePage, InboundOp, InboundRecord, Reference, StoreError};

impl Faults {
    /// Wraps a claim store with these faults.
    pub fn claims(&self, store: Arc<dyn ClaimStore>) -> Arc<FaultyClaims> {
        Arc::new(FaultyClaims { faults: self.clone(), store })
    }
}

/// A claim store with injected faults, from [`Faults::claims`].
#[derive(Debug)]
pub struct FaultyClaims {
    faults: Faults,
    store: Arc<dyn ClaimStore>,
}

fn kind_of(operation: &ClaimOp) -> StoreCall {
    match operation {
        ClaimOp::Claim { .. } => StoreCall::Claim,
        ClaimOp::TakeOver { .. } => StoreCall::TakeOver,
        ClaimOp::Mark { .. } => StoreCall::Mark,
        ClaimOp::Renew { .. } => StoreCall::Renew,
        ClaimOp::Commit { .. } => StoreCall::Commit,
        ClaimOp::Release { .. } => StoreCall::Release,
        ClaimOp::GiveUp { .. } => StoreCall::GiveUp,
        ClaimOp::Tell { .. } => StoreCall::Tell,
        ClaimOp::ClearEffects { .. } => StoreCall::ClearEffects,
        ClaimOp::Redrive { .. } => StoreCall::Redrive,
    }
}

fn inbound_kind_of(operation: &InboundOp) -> StoreCall {
    match operation {
        InboundOp::Claim { .. } | InboundOp::Replay { .. } => StoreCall::ClaimInbound,
        InboundOp::Renew { .. } => StoreCall::RenewInbound,
        InboundOp::Settle { .. } => StoreCall::SettleInbound,
        InboundOp::Release { .. } => StoreCall::ReleaseInbound,
        InboundOp::Read => StoreCall::ReadInbound,
    }
}

#[async_trait]
impl ClaimStore for FaultyClaims {
    fn boot(&self) -> Option<&str> {
        self.store.boot()
    }

    async fn apply(
        &self,
        key: &ClaimKey,
        operation: &ClaimOp,
        current: Option<&ClaimRecord>,
        now_ms: i64,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        self.faults.run(kind_of(operation), self.store.apply(key, operation, current, now_ms)).await
    }

    async fn get(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        self.faults.run(StoreCall::GetClaim, self.store.get(key)).await
    }

    async fn apply_inbound(
        &self,
        key: &ClaimKey,
        operation: &InboundOp,
        current: Option<&InboundRecord>,
        now_ms: i64,
    ) -> Result<Applied<InboundRecord>, StoreError> {
        self.faults.run(inbound_kind_of(operation), self.store.apply_inbound(key, operation, current, now_ms)).await
    }

    async fn put_reference(&self, hash: &str, reference: &Reference) -> Result<(), StoreError> {
        self.faults.run(StoreCall::Reference, self.store.put_reference(hash, reference)).await
    }

    async fn reference(&self, hash: &str, now_ms: i64) -> Result<Option<Reference>, StoreError> {
        self.faults.run(StoreCall::Reference, self.store.reference(hash, now_ms)).await
    }

    async fn due(&self, before_ms: i64, after: Option<&str>, limit: usize) -> Result<DuePage, StoreError> {
        self.faults.run(StoreCall::Due, self.store.due(before_ms, after, limit)).await
    }
}
