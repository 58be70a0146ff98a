//! The tenant directory in the embedded store.

use std::ops::Bound;

use async_trait::async_trait;
use redb::{ReadableTable, WriteTransaction};

use super::{
    document::{decode, encode},
    engine::Engine,
    fault::Fault,
    tables::{DIRECTORY, ROUTES},
    work::{Done, count},
};
use crate::{
    ids::{ConfigVersion, RouteKey, StrategyName, TenantId},
    store::{StoreError, StoreErrorKind, TenantConfig, TenantDirectory, TenantRow, TenantWriter},
};

type Text = &'static str;

/// The row of a strategy and a tenant. Its routes are in a table of their own, for look-ups by key.
fn row_of(
    rows: &impl ReadableTable<(Text, Text), &'static [u8]>,
    tenant: &TenantId,
    strategy: &StrategyName,
) -> Result<Option<TenantConfig>, Fault> {
    Ok(rows.get((strategy.as_str(), tenant.as_str()))?.map(|json| decode(json.value())).transpose()?)
}

/// The provider's keys of a tenant, in order.
fn routes_of(
    routes: &impl ReadableTable<(Text, Text, Text, Text), ()>,
    tenant: &TenantId,
    strategy: &StrategyName,
) -> Result<Vec<RouteKey>, Fault> {
    let mut keys = Vec::new();
    for entry in routes.range((strategy.as_str(), "", "", "")..)? {
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

/// Replaces the routes of a tenant.
fn set_routes(transaction: &WriteTransaction, tenant: &TenantId, strategy: &StrategyName, keys: &[RouteKey]) -> Result<(), Fault> {
    let mut routes = transaction.open_table(ROUTES)?;
    for key in routes_of(&routes, tenant, strategy)? {
        routes.remove((strategy.as_str(), key.kind(), key.value(), tenant.as_str()))?;
    }
    for key in keys {
        routes.insert((strategy.as_str(), key.kind(), key.value(), tenant.as_str()), ())?;
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
        self.read(|snapshot| row_of(&snapshot.open_table(DIRECTORY)?, tenant, strategy))
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
        self.writer()?
            .write(None, move |transaction| {
                let config = TenantConfig {
                    version: ConfigVersion::number(count(transaction, "config")?),
                    config: row.config,
                    enabled: row.enabled,
                };
                transaction.open_table(DIRECTORY)?.insert((strategy.as_str(), tenant.as_str()), &*encode(&config)?)?;
                set_routes(transaction, &tenant, &strategy, &row.routes)?;
                Ok(Done::Wrote(config.version))
            })
            .await
    }

    async fn row(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantRow>, StoreError> {
        self.read(|snapshot| {
            let Some(stored) = row_of(&snapshot.open_table(DIRECTORY)?, tenant, strategy)? else { return Ok(None) };
            let routes = routes_of(&snapshot.open_table(ROUTES)?, tenant, strategy)?;
            Ok(Some(TenantRow { config: stored.config, routes, enabled: stored.enabled }))
        })
    }

    async fn set_enabled(&self, tenant: &TenantId, strategy: &StrategyName, enabled: bool) -> Result<bool, StoreError> {
        let (tenant, strategy) = (tenant.clone(), strategy.clone());
        self.writer()?
            .write(None, move |transaction| {
                let mut rows = transaction.open_table(DIRECTORY)?;
                let Some(row) = row_of(&rows, &tenant, &strategy)? else { return Ok(Done::Looked(false)) };
                rows.insert((strategy.as_str(), tenant.as_str()), &*encode(&TenantConfig { enabled, ..row })?)?;
                Ok(Done::Wrote(true))
            })
            .await
    }

    async fn remove(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<bool, StoreError> {
        let (tenant, strategy) = (tenant.clone(), strategy.clone());
        self.writer()?
            .write(None, move |transaction| {
                set_routes(transaction, &tenant, &strategy, &[])?;
                Ok(Done::Wrote(transaction.open_table(DIRECTORY)?.remove((strategy.as_str(), tenant.as_str()))?.is_some()))
            })
            .await
    }
}
