//! The tenant directory in memory.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    ops::Bound,
};

use async_trait::async_trait;

use crate::{
    error::{Error, ErrorKind},
    ids::{ConfigVersion, RouteKey, StrategyName, TenantId},
    store::{StoreError, TenantConfig, TenantDirectory},
    sync::RwLock,
};

/// The tenant directory in memory, with the writes that the port does not have.
///
/// ```
/// use zengine_connector::{StrategyName, TenantId, ids::RouteKey, store::MemoryDirectory};
///
/// let directory = MemoryDirectory::new();
/// let (acme, whatsapp) = (TenantId::new("acme")?, StrategyName::new("whatsapp-meta-cloud")?);
/// directory.put(&acme, &whatsapp, serde_json::json!({ "phone_number_id": "1550001" }));
/// directory.set_routes(&acme, &whatsapp, [RouteKey::new("phone_number_id", "1550001")]);
/// # Ok::<(), zengine_connector::Error>(())
/// ```
#[derive(Default)]
pub struct MemoryDirectory(RwLock<Rows>);

#[derive(Default)]
struct Rows {
    /// The last version that `put` returned.
    version: u64,
    configs: BTreeMap<StrategyName, BTreeMap<TenantId, TenantConfig>>,
    routes: HashMap<StrategyName, HashMap<RouteKey, BTreeSet<TenantId>>>,
}

impl MemoryDirectory {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores a tenant's configuration under a new version, enabled. Replaces an earlier one and keeps the routes.
    pub fn put(&self, tenant: &TenantId, strategy: &StrategyName, config: serde_json::Value) -> ConfigVersion {
        let mut rows = self.0.write();
        rows.version += 1;
        let version = ConfigVersion::number(rows.version);
        rows.insert(tenant, strategy, TenantConfig::new(version.clone(), config));
        version
    }

    /// Stores a tenant's configuration under its own version.
    pub fn put_config(&self, tenant: &TenantId, strategy: &StrategyName, config: TenantConfig) {
        self.0.write().insert(tenant, strategy, config);
    }

    /// Removes a tenant's configuration and routes. Returns `true` if there was a configuration.
    pub fn remove(&self, tenant: &TenantId, strategy: &StrategyName) -> bool {
        let mut rows = self.0.write();
        rows.drop_routes(tenant, strategy);
        rows.configs.get_mut(strategy).is_some_and(|tenants| tenants.remove(tenant).is_some())
    }

    /// Enables or disables a tenant's strategy.
    ///
    /// # Errors
    /// `ConfigInvalid` if the tenant has no configuration of the strategy.
    pub fn set_enabled(&self, tenant: &TenantId, strategy: &StrategyName, enabled: bool) -> Result<(), Error> {
        let mut rows = self.0.write();
        match rows.configs.get_mut(strategy).and_then(|tenants| tenants.get_mut(tenant)) {
            Some(config) => {
                config.enabled = enabled;
                Ok(())
            }
            None => Err(Error::new(ErrorKind::ConfigInvalid, "the tenant has no configuration of this strategy")),
        }
    }

    /// Sets the provider's keys of a tenant. Replaces earlier ones.
    pub fn set_routes(&self, tenant: &TenantId, strategy: &StrategyName, keys: impl IntoIterator<Item = RouteKey>) {
        let mut rows = self.0.write();
        rows.drop_routes(tenant, strategy);
        let routes = rows.routes.entry(strategy.clone()).or_default();
        for key in keys {
            routes.entry(key).or_default().insert(tenant.clone());
        }
    }

    /// The provider's keys of a tenant, in order.
    pub fn routes(&self, tenant: &TenantId, strategy: &StrategyName) -> Vec<RouteKey> {
        let rows = self.0.read();
        let Some(routes) = rows.routes.get(strategy) else { return Vec::new() };
        let mut keys: Vec<_> = routes.iter().filter(|(_, tenants)| tenants.contains(tenant)).map(|(key, _)| key.clone()).collect();
        keys.sort();
        keys
    }
}

impl Rows {
    fn insert(&mut self, tenant: &TenantId, strategy: &StrategyName, config: TenantConfig) {
        self.configs.entry(strategy.clone()).or_default().insert(tenant.clone(), config);
    }

    fn drop_routes(&mut self, tenant: &TenantId, strategy: &StrategyName) {
        if let Some(routes) = self.routes.get_mut(strategy) {
            routes.retain(|_, tenants| {
                tenants.remove(tenant);
                !tenants.is_empty()
            });
        }
    }
}

impl fmt::Debug for MemoryDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDirectory").finish_non_exhaustive()
    }
}

#[async_trait]
impl TenantDirectory for MemoryDirectory {
    async fn config(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantConfig>, StoreError> {
        Ok(self.0.read().configs.get(strategy).and_then(|tenants| tenants.get(tenant)).cloned())
    }

    async fn route(&self, strategy: &StrategyName, key: &RouteKey) -> Result<Vec<TenantId>, StoreError> {
        let rows = self.0.read();
        Ok(rows.routes.get(strategy).and_then(|routes| routes.get(key)).map_or_else(Vec::new, |tenants| tenants.iter().cloned().collect()))
    }

    async fn tenants(&self, strategy: &StrategyName, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        let rows = self.0.read();
        let Some(tenants) = rows.configs.get(strategy) else { return Ok(Vec::new()) };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(tenants.range((from, Bound::Unbounded)).take(limit).map(|(tenant, _)| tenant.clone()).collect())
    }
}
