//! What every call of an orchestrator shares.

use std::{sync::Arc, time::SystemTime};

use super::{Batches, DynHandler, InboundSettings};
use crate::{
    ids::{CorrelationId, StrategyName, TenantId},
    keyring::KeyRing,
    pipeline::Pipeline,
    registry::{StrategyRegistry, Tenants},
    runtime::{Clock, Rng, Spawner, to_ms},
    store::{ClaimStore, DeadLetters, EventBus},
    strategy::Base,
    telemetry::Observers,
};

/// 128 random bits in hex.
pub(crate) fn token(rng: &dyn Rng) -> String {
    let mut bytes = [0; 16];
    rng.fill(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes))
}

/// Ports, caches and settings.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) registry: StrategyRegistry,
    pub(crate) tenants: Tenants,
    pub(crate) claims: Arc<dyn ClaimStore>,
    pub(crate) dead_letters: Arc<dyn DeadLetters>,
    pub(crate) events: Arc<dyn EventBus>,
    pub(crate) keys: Arc<dyn KeyRing>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) spawner: Arc<dyn Spawner>,
    pub(crate) pipeline: Pipeline,
    pub(crate) handler: Option<Arc<dyn DynHandler>>,
    pub(crate) inbound: InboundSettings,
    pub(crate) batches: Batches,
    pub(crate) observers: Observers,
}

impl Core {
    /// The wall clock in milliseconds UTC.
    pub(crate) fn now_ms(&self) -> i64 {
        to_ms(self.clock.now())
    }

    /// 128 random bits in hex: the token of one claim.
    pub(crate) fn token(&self) -> String {
        token(&*self.rng)
    }

    /// What all contexts of one call share.
    pub(crate) fn base(
        &self,
        tenant: &TenantId,
        strategy: &StrategyName,
        deadline: SystemTime,
        correlation: Option<CorrelationId>,
        traceparent: Option<String>,
    ) -> Base {
        Base {
            tenant: tenant.clone(),
            strategy: strategy.clone(),
            clock: Arc::clone(&self.clock),
            deadline,
            sessions: self.tenants.sessions(tenant, strategy),
            correlation,
            traceparent,
        }
    }
}
