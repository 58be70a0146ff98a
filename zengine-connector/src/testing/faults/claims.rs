//! A claim store that fails on demand.

use std::sync::Arc;

use async_trait::async_trait;

use super::policy::{Faults, StoreCall, StoreFault};
use crate::{
    store::{Applied, ClaimKey, ClaimOp, ClaimRecord, ClaimStore, InboundOp, InboundRecord, Reference, StoreError},
    sync::Mutex,
};

impl Faults {
    /// Wraps a claim store with these faults.
    pub fn claims(&self, store: Arc<dyn ClaimStore>) -> Arc<FaultyClaims> {
        Arc::new(FaultyClaims { faults: self.clone(), store, pending_fault: Mutex::default() })
    }
}

/// A claim store with injected faults, from [`Faults::claims`]. A call without a fault answers synchronously if the wrapped
/// store does.
#[derive(Debug)]
pub struct FaultyClaims {
    faults: Faults,
    store: Arc<dyn ClaimStore>,
    /// The fault already drawn for an operation that was tried synchronously and must be awaited.
    #[allow(clippy::option_option, reason = "not drawn yet, drawn without a fault, drawn with a fault")]
    pending_fault: Mutex<Option<Option<StoreFault>>>,
}

impl FaultyClaims {
    /// The fault of an operation: drawn once, synchronous or not.
    fn fault_of(&self, operation: &ClaimOp) -> Option<StoreFault> {
        let pending_fault = self.pending_fault.lock().take();
        pending_fault.unwrap_or_else(|| self.faults.next_fault(kind_of(operation)))
    }
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
        InboundOp::Claim { .. } => StoreCall::ClaimInbound,
        InboundOp::Renew { .. } => StoreCall::RenewInbound,
        InboundOp::Settle { .. } => StoreCall::SettleInbound,
        InboundOp::Release { .. } => StoreCall::ReleaseInbound,
    }
}

#[async_trait]
impl ClaimStore for FaultyClaims {
    fn boot(&self) -> Option<&str> {
        self.store.boot()
    }

    fn is_local(&self) -> bool {
        self.store.is_local()
    }

    fn step(&self, key: &ClaimKey, operation: &ClaimOp, now_ms: i64) -> bool {
        let fault = self.fault_of(operation);
        let stepped = fault.is_none() && self.store.step(key, operation, now_ms);
        if !stepped {
            *self.pending_fault.lock() = Some(fault);
        }
        stepped
    }

    fn apply_now(&self, key: &ClaimKey, operation: &ClaimOp, now_ms: i64) -> Option<Result<Applied<ClaimRecord>, StoreError>> {
        let fault = self.fault_of(operation);
        let answer = if fault.is_none() { self.store.apply_now(key, operation, now_ms) } else { None };
        if answer.is_none() {
            *self.pending_fault.lock() = Some(fault);
        }
        answer
    }

    fn delivered_now(&self, key: &ClaimKey, now_ms: i64) -> Option<ClaimRecord> {
        self.store.delivered_now(key, now_ms)
    }

    async fn apply(&self, key: &ClaimKey, operation: &ClaimOp, now_ms: i64) -> Result<Applied<ClaimRecord>, StoreError> {
        let fault = self.fault_of(operation);
        self.faults.run_with(fault, self.store.apply(key, operation, now_ms)).await
    }

    async fn get(&self, key: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        self.faults.run(StoreCall::GetClaim, self.store.get(key)).await
    }

    async fn apply_inbound(&self, key: &ClaimKey, operation: &InboundOp, now_ms: i64) -> Result<Applied<InboundRecord>, StoreError> {
        self.faults.run(inbound_kind_of(operation), self.store.apply_inbound(key, operation, now_ms)).await
    }

    async fn put_reference(&self, hash: &str, reference: &Reference) -> Result<(), StoreError> {
        self.faults.run(StoreCall::Reference, self.store.put_reference(hash, reference)).await
    }

    async fn reference(&self, hash: &str, now_ms: i64) -> Result<Option<Reference>, StoreError> {
        self.faults.run(StoreCall::Reference, self.store.reference(hash, now_ms)).await
    }
}
