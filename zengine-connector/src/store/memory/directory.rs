//! The tenant directory in memory.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
};

use async_trait::async_trait;

use super::Tables;
use crate::{
    ids::{ConfigVersion, RouteKey, StrategyName, TenantId},
    secret::Secret,
    store::{SecretScope, StoreError, TenantConfig, TenantDirectory, TenantRow, TenantWriter},
};

/// The tenants' rows. One lock holds configurations and routes, so that they change together.
#[derive(Default)]
pub(super) struct Rows {
    /// The last version of any row.
    version: u64,
    configs: BTreeMap<StrategyName, BTreeMap<TenantId, TenantConfig>>,
    routes: HashMap<StrategyName, HashMap<RouteKey, BTreeSet<TenantId>>>,
}

impl Rows {
    pub(super) fn put(&mut self, tenant: &TenantId, strategy: &StrategyName, row: TenantRow) -> ConfigVersion {
        self.version += 1;
        let version = ConfigVersion::number(self.version);
        let config = TenantConfig { version: version.clone(), config: row.config, enabled: row.enabled };
        self.configs.entry(strategy.clone()).or_default().insert(tenant.clone(), config);
        self.drop_routes(tenant, strategy);
        let routes = self.routes.entry(strategy.clone()).or_default();
        for key in row.routes {
            routes.entry(key).or_default().insert(tenant.clone());
        }
        version
    }

    fn config(&self, tenant: &TenantId, strategy: &StrategyName) -> Option<&TenantConfig> {
        self.configs.get(strategy)?.get(tenant)
    }

    /// The provider's keys of a tenant, in order.
    fn routes(&self, tenant: &TenantId, strategy: &StrategyName) -> Vec<RouteKey> {
        let Some(routes) = self.routes.get(strategy) else { return Vec::new() };
        let mut keys: Vec<_> = routes.iter().filter(|(_, tenants)| tenants.contains(tenant)).map(|(key, _)| key.clone()).collect();
        keys.sort();
        keys
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

#[async_trait]
impl TenantDirectory for Tables {
    async fn config(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantConfig>, StoreError> {
        Ok(self.directory.read().config(tenant, strategy).cloned())
    }

    async fn route(&self, strategy: &StrategyName, key: &RouteKey) -> Result<Vec<TenantId>, StoreError> {
        let rows = self.directory.read();
        Ok(rows.routes.get(strategy).and_then(|routes| routes.get(key)).map_or_else(Vec::new, |tenants| tenants.iter().cloned().collect()))
    }

    async fn tenants(&self, strategy: &StrategyName, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        let rows = self.directory.read();
        let Some(tenants) = rows.configs.get(strategy) else { return Ok(Vec::new()) };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(tenants.range((from, Bound::Unbounded)).take(limit).map(|(tenant, _)| tenant.clone()).collect())
    }
}

#[async_trait]
impl TenantWriter for Tables {
    async fn put(&self, tenant: &TenantId, strategy: &StrategyName, row: TenantRow) -> Result<ConfigVersion, StoreError> {
        Ok(self.directory.write().put(tenant, strategy, row))
    }

    async fn row(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantRow>, StoreError> {
        let rows = self.directory.read();
        let row = |stored: &TenantConfig| {
            let TenantConfig { config, enabled, .. } = stored.clone();
            TenantRow { config, routes: rows.routes(tenant, strategy), enabled }
        };
        Ok(rows.config(tenant, strategy).map(row))
    }

    async fn set_enabled(&self, tenant: &TenantId, strategy: &StrategyName, enabled: bool) -> Result<bool, StoreError> {
        let mut rows = self.directory.write();
        let Some(config) = rows.configs.get_mut(strategy).and_then(|tenants| tenants.get_mut(tenant)) else { return Ok(false) };
        config.enabled = enabled;
        Ok(true)
    }

    async fn remove(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<bool, StoreError> {
        let mut rows = self.directory.write();
        rows.drop_routes(tenant, strategy);
        Ok(rows.configs.get_mut(strategy).is_some_and(|tenants| tenants.remove(tenant).is_some()))
    }

    async fn put_secret(&self, scope: &SecretScope, name: &str, values: Vec<Secret<Vec<u8>>>) -> Result<(), StoreError> {
        self.set_secret(scope, name, values);
        Ok(())
    }
}
