//! The bounded tenant look-up for unauthenticated requests: it only reads the host's stores.

use std::{sync::Arc, time::SystemTime};

use crate::{
    error::Disposition,
    ids::RouteKey,
    pipeline::Engine,
    registry::{CacheUse, RegisteredStrategy},
    runtime::BoxFuture,
    secret::{Secret, SecretRef},
    strategy::{Found, TenantLookup, VerifyError},
};

/// Maximum number of tenants of one key that a request is verified against.
const MAX_CANDIDATES: usize = 64;

pub(crate) struct EngineLookup {
    pub(crate) engine: Arc<Engine>,
    pub(crate) entry: Arc<RegisteredStrategy>,
}

impl EngineLookup {
    /// The look-ups of a strategy's requests.
    pub(super) fn of(engine: &Arc<Engine>, entry: &Arc<RegisteredStrategy>) -> Arc<dyn TenantLookup> {
        Arc::new(Self { engine: Arc::clone(engine), entry: Arc::clone(entry) })
    }
}

impl TenantLookup for EngineLookup {
    fn now(&self) -> SystemTime {
        self.engine.clock.now()
    }

    fn find<'a>(&'a self, key: &'a RouteKey) -> BoxFuture<'a, Result<Vec<Found>, VerifyError>> {
        Box::pin(async move {
            let tenants = self
                .engine
                .tenants
                .route(&self.entry.name, key, CacheUse::AnswersAndFailures)
                .await
                .result
                .map_err(VerifyError::Unavailable)?;
            if tenants.is_empty() && self.entry.warned_of_route.is_due(self.engine.clock.monotonic()) {
                // Anyone can cause it. The value may authenticate its holder.
                tracing::warn!(strategy = %self.entry.name, route = key.kind(), authenticated = false, "inbound.unknown_route");
            }
            let mut found = Vec::with_capacity(tenants.len().min(MAX_CANDIDATES));
            for tenant in tenants.iter().take(MAX_CANDIDATES) {
                match self.engine.tenants.bind_unverified(&self.entry, tenant).await {
                    Ok(bound) => found.push(Found {
                        sessions: self.engine.tenants.sessions(tenant, &self.entry.name),
                        state: Arc::clone(&bound.state),
                        tenant: tenant.clone(),
                    }),
                    Err(error) if error.disposition() != Disposition::Reject => return Err(VerifyError::Unavailable(error)),
                    // A tenant with an invalid configuration cannot authenticate anything and must not block the others.
                    Err(error) => {
                        tracing::debug!(tenant_id = %tenant, strategy = %self.entry.name, error = %error, "inbound.tenant_skipped");
                    }
                }
            }
            Ok(found)
        })
    }

    fn secret<'a>(&'a self, reference: &'a SecretRef) -> BoxFuture<'a, Result<Vec<Secret<Vec<u8>>>, VerifyError>> {
        Box::pin(async move { self.engine.tenants.application_secret(&self.entry.name, reference).await.map_err(VerifyError::Unavailable) })
    }
}
