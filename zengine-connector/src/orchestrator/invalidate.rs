//! Removal of a tenant from the caches.

use super::Orchestrator;
use crate::ids::TenantId;

impl Orchestrator {
    /// Removes a tenant's configuration, secrets and routes from the caches, so that the next call reads them anew instead of
    /// within the times of rule 85. Calls in progress keep the configuration they began with.
    ///
    /// Affects this process only. Other processes follow within the times of rule 85.
    #[allow(clippy::unused_async)] // a shared cache would be told here
    pub async fn invalidate(&self, tenant: &TenantId) {
        self.engine.tenants.invalidate(tenant);
    }
}
