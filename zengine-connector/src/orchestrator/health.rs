//! Health checks of a tenant's channel.

use super::Orchestrator;
use crate::{
    error::{Error, ErrorKind},
    ids::TenantId,
    strategy::{HealthContext, HealthStatus},
};

impl Orchestrator {
    /// Runs a strategy's health check for a tenant once, without breaker or debounce (rule 80). A check that takes longer than
    /// 30 seconds is inconclusive (rule 75).
    ///
    /// # Errors
    /// If the tenant cannot be bound, or the strategy panics.
    pub async fn health(&self, tenant: &TenantId, strategy: &str) -> Result<HealthStatus, Error> {
        let engine = &self.engine;
        let entry = engine.registry.entry(strategy)?;
        let bound = engine.tenants.bind(entry, tenant).await?;
        let cx = HealthContext { base: engine.call_base(tenant, &entry.name, super::call::TIME) };
        match engine.call(entry.strategy.healthcheck(&bound.state, &cx)).await {
            Ok(status) => status,
            Err(error) if error.kind() == ErrorKind::Timeout => Ok(HealthStatus::inconclusive("the check did not end in time")),
            Err(error) => Err(error.with_context("strategy", strategy)),
        }
    }
}
