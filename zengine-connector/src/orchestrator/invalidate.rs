//! Forgetting what is known of a tenant.

use super::Orchestrator;
use crate::ids::TenantId;

impl Orchestrator {
    /// Forgets a tenant's cached configuration, secrets and routes now: the next call reads them anew, without waiting for
    /// the times of rule 85. What is under way finishes on what it began with.
    ///
    /// Of this process only; others find out within the times of rule 85.
    #[allow(clippy::unused_async)] // a shared cache would be told here
    pub async fn invalidate(&self, tenant: &TenantId) {
        self.engine.tenants.invalidate(tenant);
    }
}
