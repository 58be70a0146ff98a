//! Which tenant uses which strategy, and how.

use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;
use crate::ids::{ConfigVersion, RouteKey, StrategyName, TenantId};

/// A tenant's configuration of one strategy. Secrets stand in it as references.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct TenantConfig {
    /// Changes with every change of `config`.
    pub version: ConfigVersion,
    /// What the strategy's schema describes.
    pub config: serde_json::Value,
    /// Switched off: treated as if it were not there, with another error.
    pub enabled: bool,
}

impl TenantConfig {
    /// A configuration that is switched on.
    pub fn new(version: ConfigVersion, config: serde_json::Value) -> Self {
        Self { version, config, enabled: true }
    }
}

impl std::fmt::Debug for TenantConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TenantConfig").field("version", &self.version).field("enabled", &self.enabled).finish_non_exhaustive()
    }
}

/// Knows tenants.
#[async_trait]
pub trait TenantDirectory: Send + Sync + Debug + 'static {
    /// A tenant's configuration of a strategy.
    async fn config(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantConfig>, StoreError>;

    /// All tenants behind a provider's key; a WABA may belong to several.
    async fn route(&self, strategy: &StrategyName, key: &RouteKey) -> Result<Vec<TenantId>, StoreError>;

    /// A page of the tenants that use a strategy, in order, after one of them.
    async fn tenants(&self, strategy: &StrategyName, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, StoreError>;
}
