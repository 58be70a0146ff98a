//! The stages of each tenant and strategy.

use std::sync::Arc;

use super::{
    breaker::{Circuit, Circuits},
    bulkhead::{Bulkhead, Bulkheads},
};
use crate::ids::{StrategyName, TenantId};

/// The stages that belong to one tenant and strategy.
#[derive(Debug)]
pub(crate) struct Stages {
    pub(crate) circuit: Arc<Circuit>,
    pub(crate) bulkhead: Bulkhead,
}

/// The stages of all tenants and strategies.
#[derive(Debug)]
pub(crate) struct StageMap {
    circuits: Circuits,
    bulkheads: Bulkheads,
}

impl StageMap {
    pub(crate) fn new(circuits: Circuits, bulkhead: Option<u32>) -> Self {
        Self { circuits, bulkheads: Bulkheads::new(bulkhead) }
    }

    /// The stages of a tenant and strategy: the same ones for the same two.
    pub(crate) fn of(&self, tenant: &TenantId, strategy: &StrategyName) -> Stages {
        Stages { circuit: self.circuits.of(tenant, strategy), bulkhead: self.bulkheads.of(tenant, strategy) }
    }
}
