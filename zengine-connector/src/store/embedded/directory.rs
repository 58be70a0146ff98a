//! The tenant directory in the embedded store.

use std::{ops::Bound, sync::Arc};

use async_trait::async_trait;
use redb::ReadableTable as _;
use serde::{Deserialize, Serialize};

use super::{
    batch::{Batch, WriteResult},
    document::{decode, encode},
    engine::Engine,
    fault::Fault,
    tables::{DIRECTORY, ROUTES},
};
use crate::{
    ids::{ConfigVersion, RouteKey, StrategyName, TenantId},
    store::{StoreError, StoreErrorKind, TenantConfig, TenantDirectory},
};

/// The tenant directory in the embedded store, with the writes that the port does not have.
#[derive(Clone, Debug)]
pub struct EmbeddedDirectory(pub(super) Arc<Engine>);

/// A row of the directory. Its routes are also in a table of their own, for look-ups by key.
#[derive(Serialize, Deserialize)]
struct Row {
    version: ConfigVersion,
    config: serde_json::Value,
    enabled: bool,
}

impl From<Row> for TenantConfig {
    fn from(row: Row) -> Self {
        Self { version: row.version, config: row.config, enabled: row.enabled }
    }
}

impl EmbeddedDirectory {
    /// Stores a tenant's configuration under a new version, enabled. Replaces an earlier one and keeps the routes.
    ///
    /// # Errors
    /// If the store cannot write.
    pub async fn put(&self, tenant: &TenantId, strategy: &StrategyName, config: serde_json::Value) -> Result<ConfigVersion, StoreError> {
        let (tenant, strategy) = (tenant.clone(), strategy.clone());
        self.0
            .write(None, move |batch| {
                let version = ConfigVersion::number(batch.count("config")?);
                write_row(batch, &tenant, &strategy, &Row { version: version.clone(), config, enabled: true })?;
                Ok(WriteResult::wrote(version))
            })
            .await
    }

    /// Stores a tenant's configuration under its own version.
    ///
    /// # Errors
    /// If the store cannot write.
    pub async fn put_config(&self, tenant: &TenantId, strategy: &StrategyName, config: TenantConfig) -> Result<(), StoreError> {
        let (tenant, strategy) = (tenant.clone(), strategy.clone());
        self.0
            .write(None, move |batch| {
                let TenantConfig { version, config, enabled } = config;
                write_row(batch, &tenant, &strategy, &Row { version, config, enabled })?;
                Ok(WriteResult::wrote(()))
            })
            .await
    }

    /// Removes a tenant's configuration and routes. Returns `true` if there was a configuration.
    ///
    /// # Errors
    /// If the store cannot write.
    pub async fn remove(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<bool, StoreError> {
        let (tenant, strategy) = (tenant.clone(), strategy.clone());
        self.0
            .write(None, move |batch| {
                drop_routes(batch, &tenant, &strategy)?;
                Ok(WriteResult::wrote(batch.directory()?.remove((strategy.as_str(), tenant.as_str()))?.is_some()))
            })
            .await
    }

    /// Enables or disables a tenant's strategy.
    ///
    /// # Errors
    /// `Conflict` if the tenant has no configuration of the strategy.
    pub async fn set_enabled(&self, tenant: &TenantId, strategy: &StrategyName, enabled: bool) -> Result<(), StoreError> {
        let (tenant, strategy) = (tenant.clone(), strategy.clone());
        self.0
            .write(None, move |batch| {
                let row = batch.directory()?.get((strategy.as_str(), tenant.as_str()))?.map(|json| decode::<Row>(json.value()));
                let Some(row) = row.transpose()? else {
                    return Err(StoreError::new(StoreErrorKind::Conflict, "the tenant has no configuration of this strategy").into());
                };
                write_row(batch, &tenant, &strategy, &Row { enabled, ..row })?;
                Ok(WriteResult::wrote(()))
            })
            .await
    }

    /// Sets the provider's keys of a tenant. Replaces earlier ones.
    ///
    /// # Errors
    /// If the store cannot write.
    pub async fn set_routes(
        &self,
        tenant: &TenantId,
        strategy: &StrategyName,
        keys: impl IntoIterator<Item = RouteKey>,
    ) -> Result<(), StoreError> {
        let (tenant, strategy, keys) = (tenant.clone(), strategy.clone(), keys.into_iter().collect::<Vec<_>>());
        self.0
            .write(None, move |batch| {
                drop_routes(batch, &tenant, &strategy)?;
                let routes = batch.routes()?;
                for key in &keys {
                    routes.insert((strategy.as_str(), key.kind(), key.value(), tenant.as_str()), ())?;
                }
                Ok(WriteResult::wrote(()))
            })
            .await
    }

    /// The provider's keys of a tenant, in order.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn routes(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Vec<RouteKey>, StoreError> {
        self.0.read(|snapshot| {
            let mut keys = Vec::new();
            for entry in snapshot.open_table(ROUTES)?.range((strategy.as_str(), "", "", "")..)? {
                let (place, _) = entry?;
                let (of, kind, value, whose) = place.value();
                if of != strategy.as_str() {
                    break;
                }
                if whose == tenant.as_str() {
                    keys.push(RouteKey::new(kind.to_owned(), value));
                }
            }
            Ok(keys)
        })
    }
}

fn write_row(batch: &mut Batch<'_>, tenant: &TenantId, strategy: &StrategyName, row: &Row) -> Result<(), Fault> {
    let json = encode(row)?;
    batch.directory()?.insert((strategy.as_str(), tenant.as_str()), &*json)?;
    Ok(())
}

fn drop_routes(batch: &mut Batch<'_>, tenant: &TenantId, strategy: &StrategyName) -> Result<(), Fault> {
    let routes = batch.routes()?;
    let mut old = Vec::new();
    for entry in routes.range((strategy.as_str(), "", "", "")..)? {
        let (place, _) = entry?;
        let (of, kind, value, whose) = place.value();
        if of != strategy.as_str() {
            break;
        }
        if whose == tenant.as_str() {
            old.push((kind.to_owned(), value.to_owned()));
        }
    }
    for (kind, value) in &old {
        routes.remove((strategy.as_str(), &**kind, &**value, tenant.as_str()))?;
    }
    Ok(())
}

/// Parses a stored tenant id. Ids were checked when they were written.
fn tenant(text: &str) -> Result<TenantId, Fault> {
    TenantId::new(text).map_err(|_| StoreError::new(StoreErrorKind::Corrupt, "a stored record is damaged").into())
}

#[async_trait]
impl TenantDirectory for EmbeddedDirectory {
    async fn config(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantConfig>, StoreError> {
        self.0.read(|snapshot| match snapshot.open_table(DIRECTORY)?.get((strategy.as_str(), tenant.as_str()))? {
            Some(json) => Ok(Some(decode::<Row>(json.value())?.into())),
            None => Ok(None),
        })
    }

    async fn route(&self, strategy: &StrategyName, key: &RouteKey) -> Result<Vec<TenantId>, StoreError> {
        self.0.read(|snapshot| {
            let mut tenants = Vec::new();
            for entry in snapshot.open_table(ROUTES)?.range((strategy.as_str(), key.kind(), key.value(), "")..)? {
                let (place, _) = entry?;
                let (of, kind, value, whose) = place.value();
                if (of, kind, value) != (strategy.as_str(), key.kind(), key.value()) {
                    break;
                }
                tenants.push(tenant(whose)?);
            }
            Ok(tenants)
        })
    }

    async fn tenants(&self, strategy: &StrategyName, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        self.0.read(|snapshot| {
            let from =
                after.map_or(Bound::Included((strategy.as_str(), "")), |tenant| Bound::Excluded((strategy.as_str(), tenant.as_str())));
            let mut tenants = Vec::new();
            for entry in snapshot.open_table(DIRECTORY)?.range::<(&str, &str)>((from, Bound::Unbounded))?.take(limit) {
                let (place, _) = entry?;
                let (of, whose) = place.value();
                if of != strategy.as_str() {
                    break;
                }
                tenants.push(tenant(whose)?);
            }
            Ok(tenants)
        })
    }
}
