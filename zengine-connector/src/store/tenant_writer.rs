//! The port that writes tenants.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::{SecretScope, StoreError, StoreErrorKind};
use crate::{
    ids::{ConfigVersion, RouteKey, StrategyName, TenantId},
    secret::Secret,
};

/// A tenant's row of one strategy, as it is written: the configuration and the provider's keys that lead to the tenant.
///
/// ```
/// use zengine_connector::{ids::RouteKey, store::TenantRow};
///
/// let row = TenantRow::new(serde_json::json!({ "phone_number_id": "1550001" })).with_routes([RouteKey::new("phone_number_id", "1550001")]);
/// assert!(row.enabled);
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct TenantRow {
    /// The configuration, as described by the strategy's schema. It holds references to secrets, not secrets.
    pub config: serde_json::Value,
    /// The provider's keys of the tenant. A key may belong to several tenants.
    pub routes: Vec<RouteKey>,
    /// Whether the strategy is enabled for the tenant. Defaults to `true`. Of a new row: one that stands keeps its own.
    pub enabled: bool,
}

impl TenantRow {
    /// An enabled row without routes.
    pub fn new(config: serde_json::Value) -> Self {
        Self { config, routes: vec![], enabled: true }
    }

    /// Replaces the routes.
    #[must_use = "returns the row with the routes"]
    pub fn with_routes(mut self, routes: impl IntoIterator<Item = RouteKey>) -> Self {
        self.routes = routes.into_iter().collect();
        self
    }

    /// Disables a new row.
    #[must_use = "returns the disabled row"]
    pub fn disabled(mut self) -> Self {
        self.enabled = false;
        self
    }
}

impl From<serde_json::Value> for TenantRow {
    fn from(config: serde_json::Value) -> Self {
        Self::new(config)
    }
}

debug_fields!(TenantRow { routes: |row| row.routes.len(), enabled });

/// Writes the rows that a [`TenantDirectory`](super::TenantDirectory) reads. Of the core only
/// [`TenantSetup`](crate::registry::TenantSetup) calls it: no send and no request does. Beside a directory of your own you need one only
/// for set-ups, and so that the [contract](crate::store_contract) can fill the directory.
///
/// Running hosts notice a change after the times of [`Caching`](crate::registry::Caching), or at once after
/// [`invalidate`](crate::Orchestrator::invalidate).
///
/// ```
/// # use zengine_connector::{Error, StrategyName, TenantId};
/// use zengine_connector::{ids::RouteKey, store::{Memory, TenantRow}};
/// # smol::block_on(async {
/// let memory = Memory::new();
/// let (acme, sms) = (TenantId::new("acme")?, StrategyName::new("sns-sms")?);
/// let row = TenantRow::new(serde_json::json!({ "region": "eu-central-1" })).with_routes([RouteKey::new("topic_arn", "arn:1")]);
/// let version = memory.tenant_writer().put(&acme, &sms, row).await?;
/// assert_eq!(memory.directory().config(&acme, &sms).await?.map(|row| row.version), Some(version));
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait TenantWriter: Send + Sync + fmt::Debug + 'static {
    /// Writes a row under a new version and returns it. Replaces the configuration and the routes of an earlier row. That keeps its
    /// `enabled`, which only [`set_enabled`](Self::set_enabled) changes: a set-up that began before it was disabled must not enable it.
    ///
    /// You must write configuration and routes in one step: a reader, also one after a crash, sees all of the old row or all of
    /// the new one. In SQL leave the column of `enabled` out of the `DO UPDATE` of an `INSERT … ON CONFLICT`; in DynamoDB set it by
    /// `if_not_exists`. A version never names two configurations of a tenant and strategy, also not after a
    /// [`remove`](Self::remove).
    async fn put(&self, tenant: &TenantId, strategy: &StrategyName, row: TenantRow) -> Result<ConfigVersion, StoreError>;

    /// Reads a row as it was written, with each of its routes once, sorted by kind and value, byte by byte. `None` if there is none.
    async fn row(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantRow>, StoreError>;

    /// Enables or disables a row and keeps its version. Returns `false` if there is none.
    async fn set_enabled(&self, tenant: &TenantId, strategy: &StrategyName, enabled: bool) -> Result<bool, StoreError>;

    /// Removes a row with its routes, and keeps the tenant's secrets. Returns `false` if there was none.
    async fn remove(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<bool, StoreError>;

    /// Sets the values of a secret, newest first; without values, removes it.
    ///
    /// # Errors
    /// `Unsupported`, also by default, if the back end keeps no secrets.
    async fn put_secret(&self, scope: &SecretScope, name: &str, values: Vec<Secret<Vec<u8>>>) -> Result<(), StoreError> {
        let _ = (scope, name, values);
        Err(StoreError::new(StoreErrorKind::Unsupported, "the store keeps no secrets"))
    }
}

/// A writer whose secrets nothing would read: another store's take their place.
#[derive(Debug)]
pub(super) struct RowsOnly(pub(super) Arc<dyn TenantWriter>);

#[async_trait]
impl TenantWriter for RowsOnly {
    async fn put(&self, tenant: &TenantId, strategy: &StrategyName, row: TenantRow) -> Result<ConfigVersion, StoreError> {
        self.0.put(tenant, strategy, row).await
    }

    async fn row(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantRow>, StoreError> {
        self.0.row(tenant, strategy).await
    }

    async fn set_enabled(&self, tenant: &TenantId, strategy: &StrategyName, enabled: bool) -> Result<bool, StoreError> {
        self.0.set_enabled(tenant, strategy, enabled).await
    }

    async fn remove(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<bool, StoreError> {
        self.0.remove(tenant, strategy).await
    }

    async fn put_secret(&self, _: &SecretScope, _: &str, _: Vec<Secret<Vec<u8>>>) -> Result<(), StoreError> {
        Err(StoreError::new(StoreErrorKind::Unsupported, "the secrets are another store's: write them there"))
    }
}
