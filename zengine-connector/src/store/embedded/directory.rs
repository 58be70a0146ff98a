//! The tenant directory in the embedded store.

use std::ops::Bound;

use async_trait::async_trait;
use redb::{ReadableTable, WriteTransaction};
use serde_json::{Map, Value};

use super::{
    ascending::AscendingKeys,
    document::{decode, encode},
    engine::Engine,
    fault::Fault,
    tables::{DIRECTORY, ROUTES},
    work::{Done, count},
};
use crate::{
    ids::{ConfigVersion, RouteKey, StrategyName, TenantId},
    secret::Secret,
    store::{SecretScope, StoreError, StoreErrorKind, TenantConfig, TenantDirectory, TenantRow, TenantWriter},
};

type Text = &'static str;

/// The row of a strategy and a tenant. Its routes are in a table of their own, for look-ups by key.
fn row_of(rows: &impl ReadableTable<(Text, Text), &'static [u8]>, row: (&str, &str)) -> Result<Option<TenantConfig>, Fault> {
    Ok(rows.get(row)?.map(|json| decode(json.value())).transpose()?)
}

/// The members of a row, so that what a newer release wrote stays when one is changed.
fn members_of(rows: &impl ReadableTable<(Text, Text), &'static [u8]>, row: (&str, &str)) -> Result<Option<Map<String, Value>>, Fault> {
    Ok(rows.get(row)?.map(|json| decode(json.value())).transpose()?)
}

/// The provider's keys of a tenant, in order.
fn routes_of(routes: &impl ReadableTable<(Text, Text, Text, Text), ()>, (strategy, tenant): (&str, &str)) -> Result<Vec<RouteKey>, Fault> {
    let mut keys = Vec::new();
    for entry in routes.range((strategy, "", "", "")..(&*after(strategy), "", "", ""))? {
        let (place, _) = entry?;
        let (_, kind, value, whose) = place.value();
        if whose == tenant {
            keys.push(RouteKey::new(kind.to_owned(), value));
        }
    }
    Ok(keys)
}

/// Replaces the routes of a tenant.
fn set_routes(transaction: &WriteTransaction, (strategy, tenant): (&str, &str), keys: &[RouteKey]) -> Result<(), Fault> {
    let mut routes = transaction.open_table(ROUTES)?;
    for key in routes_of(&routes, (strategy, tenant))? {
        routes.remove((strategy, key.kind(), key.value(), tenant))?;
    }
    for key in keys {
        routes.insert((strategy, key.kind(), key.value(), tenant), ())?;
    }
    Ok(())
}

/// The least text after this one: the end of its range.
fn after(text: &str) -> String {
    format!("{text}\0")
}

/// Parses a stored tenant id. Ids were checked when they were written.
fn tenant(text: &str) -> Result<TenantId, Fault> {
    TenantId::new(text).map_err(|_| StoreError::new(StoreErrorKind::Corrupt, "a stored record is damaged").into())
}

#[async_trait]
impl TenantDirectory for Engine {
    async fn config(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantConfig>, StoreError> {
        self.read(|snapshot| row_of(&snapshot.open_table(DIRECTORY)?, (strategy.as_str(), tenant.as_str())))
    }

    async fn route(&self, strategy: &StrategyName, key: &RouteKey) -> Result<Vec<TenantId>, StoreError> {
        let (strategy, kind, value) = (strategy.as_str(), key.kind(), key.value());
        let range = (strategy, kind, value, "")..(strategy, kind, &*after(value), "");
        self.read(|snapshot| snapshot.open_table(ROUTES)?.range(range)?.map(|entry| tenant(entry?.0.value().3)).collect())
    }

    async fn tenants(&self, strategy: &StrategyName, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        let strategy = strategy.as_str();
        let from = after.map_or(Bound::Included((strategy, "")), |tenant| Bound::Excluded((strategy, tenant.as_str())));
        let range = (from, Bound::Excluded((&*self::after(strategy), "")));
        self.read(|snapshot| {
            let rows = snapshot.open_table(DIRECTORY)?.range::<(&str, &str)>(range)?;
            let mut order = AscendingKeys::after(after.map(TenantId::as_str));
            rows.take(limit)
                .map(|entry| {
                    let (place, _) = entry?;
                    order.check(place.value().1)?;
                    tenant(place.value().1)
                })
                .collect()
        })
    }
}

#[async_trait]
impl TenantWriter for Engine {
    async fn put(&self, tenant: &TenantId, strategy: &StrategyName, row: TenantRow) -> Result<ConfigVersion, StoreError> {
        let (tenant, strategy) = (tenant.clone(), strategy.clone());
        self.write(None, move |transaction| {
            let (place, mut rows) = ((strategy.as_str(), tenant.as_str()), transaction.open_table(DIRECTORY)?);
            let enabled = row_of(&rows, place)?.map_or(row.enabled, |stands| stands.enabled);
            let version = ConfigVersion::number(count(transaction, "config")?);
            let mut members = members_of(&rows, place)?.unwrap_or_default();
            members.extend([
                ("version".to_owned(), version.as_str().into()),
                ("config".to_owned(), row.config),
                ("enabled".to_owned(), enabled.into()),
            ]);
            rows.insert(place, &*encode(&members)?)?;
            set_routes(transaction, place, &row.routes)?;
            Ok(Done::Wrote(version))
        })
        .await
    }

    async fn row(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantRow>, StoreError> {
        self.read(|snapshot| {
            let Some(stored) = row_of(&snapshot.open_table(DIRECTORY)?, (strategy.as_str(), tenant.as_str()))? else { return Ok(None) };
            let routes = routes_of(&snapshot.open_table(ROUTES)?, (strategy.as_str(), tenant.as_str()))?;
            Ok(Some(TenantRow { config: stored.config, routes, enabled: stored.enabled }))
        })
    }

    async fn set_enabled(&self, tenant: &TenantId, strategy: &StrategyName, enabled: bool) -> Result<bool, StoreError> {
        let (tenant, strategy) = (tenant.clone(), strategy.clone());
        self.write(None, move |transaction| {
            let mut rows = transaction.open_table(DIRECTORY)?;
            let place = (strategy.as_str(), tenant.as_str());
            let Some(mut row) = members_of(&rows, place)? else { return Ok(Done::Looked(false)) };
            row.insert("enabled".to_owned(), enabled.into());
            rows.insert(place, &*encode(&row)?)?;
            Ok(Done::Wrote(true))
        })
        .await
    }

    async fn put_secret(&self, scope: &SecretScope, name: &str, values: Vec<Secret<Vec<u8>>>) -> Result<(), StoreError> {
        self.set_secret(scope, name, values).await
    }

    async fn remove(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<bool, StoreError> {
        let (tenant, strategy) = (tenant.clone(), strategy.clone());
        self.write(None, move |transaction| {
            set_routes(transaction, (strategy.as_str(), tenant.as_str()), &[])?;
            Ok(Done::Wrote(transaction.open_table(DIRECTORY)?.remove((strategy.as_str(), tenant.as_str()))?.is_some()))
        })
        .await
    }
}
