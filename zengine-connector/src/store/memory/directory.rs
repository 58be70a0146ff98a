//! The tenant directory in memory.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry},
    ops::Bound,
};

use async_trait::async_trait;

use super::Tables;
use crate::{
    ids::{ConfigVersion, RouteKey, StrategyName, TenantId},
    secret::Secret,
    store::{SecretScope, StoreError, TenantConfig, TenantDirectory, TenantRow, TenantWriter},
};

/// The tenants' rows. One lock holds them and the routes, so that they change together.
#[derive(Default)]
pub(super) struct Rows {
    /// The last version of any row.
    version: u64,
    tenants: BTreeMap<StrategyName, BTreeMap<TenantId, (ConfigVersion, TenantRow)>>,
    routes: HashMap<(StrategyName, RouteKey), BTreeSet<TenantId>>,
}

impl Rows {
    pub(super) fn put(&mut self, tenant: &TenantId, strategy: &StrategyName, mut row: TenantRow) -> ConfigVersion {
        row.enabled = self.row(tenant, strategy).map_or(row.enabled, |(_, stands)| stands.enabled);
        self.remove(tenant, strategy);
        row.routes.sort();
        row.routes.dedup();
        for key in &row.routes {
            self.routes.entry((strategy.clone(), key.clone())).or_default().insert(tenant.clone());
        }
        self.version += 1;
        let version = ConfigVersion::number(self.version);
        self.tenants.entry(strategy.clone()).or_default().insert(tenant.clone(), (version.clone(), row));
        version
    }

    fn row(&self, tenant: &TenantId, strategy: &StrategyName) -> Option<&(ConfigVersion, TenantRow)> {
        self.tenants.get(strategy)?.get(tenant)
    }

    fn remove(&mut self, tenant: &TenantId, strategy: &StrategyName) -> bool {
        let Some((_, row)) = self.tenants.get_mut(strategy).and_then(|tenants| tenants.remove(tenant)) else { return false };
        for key in row.routes {
            if let Entry::Occupied(mut tenants) = self.routes.entry((strategy.clone(), key)) {
                tenants.get_mut().remove(tenant);
                if tenants.get().is_empty() {
                    tenants.remove();
                }
            }
        }
        true
    }
}

#[async_trait]
impl TenantDirectory for Tables {
    async fn config(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantConfig>, StoreError> {
        Ok(self.directory.read().row(tenant, strategy).map(|(version, row)| {
            let TenantRow { config, enabled, .. } = row.clone();
            TenantConfig { version: version.clone(), config, enabled }
        }))
    }

    async fn route(&self, strategy: &StrategyName, key: &RouteKey) -> Result<Vec<TenantId>, StoreError> {
        let rows = self.directory.read();
        Ok(rows.routes.get(&(strategy.clone(), key.clone())).into_iter().flatten().cloned().collect())
    }

    async fn tenants(&self, strategy: &StrategyName, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        let rows = self.directory.read();
        let Some(tenants) = rows.tenants.get(strategy) else { return Ok(Vec::new()) };
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
        Ok(self.directory.read().row(tenant, strategy).map(|(_, row)| row.clone()))
    }

    async fn set_enabled(&self, tenant: &TenantId, strategy: &StrategyName, enabled: bool) -> Result<bool, StoreError> {
        let mut rows = self.directory.write();
        let row = rows.tenants.get_mut(strategy).and_then(|tenants| tenants.get_mut(tenant));
        Ok(row.map(|(_, row)| row.enabled = enabled).is_some())
    }

    async fn remove(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<bool, StoreError> {
        Ok(self.directory.write().remove(tenant, strategy))
    }

    async fn put_secret(&self, scope: &SecretScope, name: &str, values: Vec<Secret<Vec<u8>>>) -> Result<(), StoreError> {
        self.set_secret(scope, name, values);
        Ok(())
    }
}
