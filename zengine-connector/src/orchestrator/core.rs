//! What every call of an orchestrator shares.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use super::{Batches, DynHandler, InboundSettings};
use crate::{
    ids::{CorrelationId, StrategyName, TenantId},
    keyring::KeyRing,
    pipeline::Pipeline,
    registry::{StrategyRegistry, Tenants},
    runtime::{Clock, Rng, Spawner, to_ms},
    store::{ClaimStore, DeadLetters, EventBus, OwnerToken},
    strategy::{Base, CallScope},
    telemetry::Observers,
};

/// 128 random bits in hex.
pub(crate) fn token(rng: &dyn Rng) -> String {
    let mut bytes = [0; 16];
    rng.fill(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes))
}

/// Makes the tokens of claims.
#[derive(Debug)]
pub(crate) enum Tokens {
    /// Drawn from the operating system, one by one: the store outlives the process, and a copy of it, restored from a
    /// snapshot of the machine, must not draw the same.
    Random,
    /// Counted under a random beginning: the claims are copied with the process, or gone with it.
    Counted { start: [u8; 8], next: AtomicU64 },
}

impl Tokens {
    pub(super) fn of(claims: &dyn ClaimStore, rng: &dyn Rng) -> Self {
        if !claims.is_local() {
            return Self::Random;
        }
        let mut start = [0; 8];
        rng.fill(&mut start);
        Self::Counted { start, next: AtomicU64::new(0) }
    }

    fn next(&self, rng: &dyn Rng) -> OwnerToken {
        let mut bits = [0; 16];
        match self {
            Self::Random => rng.fill(&mut bits),
            Self::Counted { start, next } => {
                bits[..8].copy_from_slice(start);
                bits[8..].copy_from_slice(&next.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            }
        }
        OwnerToken::new(bits)
    }
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
    pub(crate) tokens: Tokens,
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

    /// The token of one claim.
    pub(crate) fn token(&self) -> OwnerToken {
        self.tokens.next(&*self.rng)
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
        let sessions = self.tenants.sessions(tenant, strategy);
        let scope = CallScope::new(tenant.clone(), strategy.clone(), Arc::clone(&self.clock), sessions);
        Base { scope: Arc::new(scope), deadline, correlation, traceparent }
    }
}
