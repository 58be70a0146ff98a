//! The tenant directory: tenants' configurations of strategies.

use std::fmt::Debug;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::ids::{ConfigVersion, RouteKey, StrategyName, TenantId};

/// A tenant's configuration of one strategy. It holds references to secrets, not secrets.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TenantConfig {
    /// Version of `config`. You must change it with every change of `config`.
    pub version: ConfigVersion,
    /// The configuration, as described by the strategy's schema.
    pub config: serde_json::Value,
    /// Whether the strategy is enabled. A disabled one is treated as missing, with its own error message.
    pub enabled: bool,
}

impl TenantConfig {
    /// An enabled configuration.
    pub fn new(version: ConfigVersion, config: serde_json::Value) -> Self {
        Self { version, config, enabled: true }
    }
}

debug_fields!(TenantConfig { version, enabled });

/// A directory of tenants, which a [`TenantWriter`](super::TenantWriter) may write. A call that takes longer than 10 seconds is dropped
/// and counts as failed.
///
/// ```
/// # use zengine_connector::{Error, StrategyName, TenantId};
/// use zengine_connector::store::Memory;
/// # smol::block_on(async {
/// let memory = Memory::new();
/// let (acme, sms) = (TenantId::new("acme")?, StrategyName::new("sns-sms")?);
/// memory.put_tenant(&acme, &sms, serde_json::json!({ "region": "eu-central-1" }));
/// assert!(memory.directory().config(&acme, &sms).await?.is_some_and(|row| row.enabled));
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait TenantDirectory: Send + Sync + Debug + 'static {
    /// Reads a tenant's configuration of a strategy. `None` if there is none.
    async fn config(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantConfig>, StoreError>;

    /// All tenants with a provider's key, in order of the bytes of their ids. A WABA may belong to several.
    async fn route(&self, strategy: &StrategyName, key: &RouteKey) -> Result<Vec<TenantId>, StoreError>;

    /// A page of the tenants that use a strategy, in order of the bytes of their ids, after a tenant, at most `limit`.
    async fn tenants(&self, strategy: &StrategyName, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, StoreError>;
}
