//! The tenant directory in the embedded store.

use std::ops::Bound;

use async_trait::async_trait;
use redb::{ReadTransaction, ReadableTable as _};
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
    store::{StoreError, StoreErrorKind, TenantConfig, TenantDirectory, TenantRow, TenantWriter},
};

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

fn write_row(batch: &mut Batch<'_>, tenant: &TenantId, strategy: &StrategyName, row: &Row) -> Result<(), Fault> {
    let json = encode(row)?;
    batch.directory()?.insert((strategy.as_str(), tenant.as_str()), &*json)?;
    Ok(())
}

/// The provider's keys of a tenant, in order.
fn routes_of(snapshot: &ReadTransaction, tenant: &TenantId, strategy: &StrategyName) -> Result<Vec<RouteKey>, Fault> {
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
impl TenantDirectory for Engine {
    async fn config(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantConfig>, StoreError> {
        self.read(|snapshot| match snapshot.open_table(DIRECTORY)?.get((strategy.as_str(), tenant.as_str()))? {
            Some(json) => Ok(Some(decode::<Row>(json.value())?.into())),
            None => Ok(None),
        })
    }

    async fn route(&self, strategy: &StrategyName, key: &RouteKey) -> Result<Vec<TenantId>, StoreError> {
        self.read(|snapshot| {
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
        self.read(|snapshot| {
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

#[async_trait]
impl TenantWriter for Engine {
    async fn put(&self, tenant: &TenantId, strategy: &StrategyName, row: TenantRow) -> Result<ConfigVersion, StoreError> {
        let (tenant, strategy) = (tenant.clone(), strategy.clone());
        self.write(None, move |batch| {
            let TenantRow { config, routes: keys, enabled } = row;
            let version = ConfigVersion::number(batch.count("config")?);
            write_row(batch, &tenant, &strategy, &Row { version: version.clone(), config, enabled })?;
            drop_routes(batch, &tenant, &strategy)?;
            let routes = batch.routes()?;
            for key in &keys {
                routes.insert((strategy.as_str(), key.kind(), key.value(), tenant.as_str()), ())?;
            }
            Ok(WriteResult::wrote(version))
        })
        .await
    }

    async fn row(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantRow>, StoreError> {
        self.read(|snapshot| {
            let stored = snapshot.open_table(DIRECTORY)?.get((strategy.as_str(), tenant.as_str()))?;
            let Some(stored) = stored.map(|json| decode::<Row>(json.value())).transpose()? else { return Ok(None) };
            let Row { config, enabled, .. } = stored;
            Ok(Some(TenantRow { config, routes: routes_of(snapshot, tenant, strategy)?, enabled }))
        })
    }

    async fn set_enabled(&self, tenant: &TenantId, strategy: &StrategyName, enabled: bool) -> Result<bool, StoreError> {
        let (tenant, strategy) = (tenant.clone(), strategy.clone());
        self.write(None, move |batch| {
            let row = batch.directory()?.get((strategy.as_str(), tenant.as_str()))?.map(|json| decode::<Row>(json.value()));
            let Some(row) = row.transpose()? else { return Ok(WriteResult::read(false)) };
            write_row(batch, &tenant, &strategy, &Row { enabled, ..row })?;
            Ok(WriteResult::wrote(true))
        })
        .await
    }

    async fn remove(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<bool, StoreError> {
        let (tenant, strategy) = (tenant.clone(), strategy.clone());
        self.write(None, move |batch| {
            drop_routes(batch, &tenant, &strategy)?;
            Ok(WriteResult::wrote(batch.directory()?.remove((strategy.as_str(), tenant.as_str()))?.is_some()))
        })
        .await
    }
}
