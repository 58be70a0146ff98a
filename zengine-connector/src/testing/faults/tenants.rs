//! Directories and secret stores that fail on demand.

use std::sync::Arc;

use async_trait::async_trait;

use super::policy::{Faults, StoreCall};
use crate::{
    ids::{RouteKey, StrategyName, TenantId},
    store::{SecretAnswer, SecretScope, SecretStore, StoreError, TenantConfig, TenantDirectory},
};

impl Faults {
    /// Wraps a tenant directory with these faults.
    pub fn directory(&self, directory: Arc<dyn TenantDirectory>) -> Arc<FaultyDirectory> {
        Arc::new(FaultyDirectory { faults: self.clone(), directory })
    }

    /// Wraps a secret store with these faults.
    pub fn secrets(&self, store: Arc<dyn SecretStore>) -> Arc<FaultySecrets> {
        Arc::new(FaultySecrets { faults: self.clone(), store })
    }
}

/// A tenant directory with injected faults, from [`Faults::directory`].
#[derive(Debug)]
pub struct FaultyDirectory {
    faults: Faults,
    directory: Arc<dyn TenantDirectory>,
}

#[async_trait]
impl TenantDirectory for FaultyDirectory {
    async fn config(&self, tenant: &TenantId, strategy: &StrategyName) -> Result<Option<TenantConfig>, StoreError> {
        self.faults.run(StoreCall::Config, self.directory.config(tenant, strategy)).await
    }

    async fn route(&self, strategy: &StrategyName, key: &RouteKey) -> Result<Vec<TenantId>, StoreError> {
        self.faults.run(StoreCall::Route, self.directory.route(strategy, key)).await
    }

    async fn tenants(&self, strategy: &StrategyName, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        self.directory.tenants(strategy, after, limit).await
    }
}

/// A secret store with injected faults, from [`Faults::secrets`].
#[derive(Debug)]
pub struct FaultySecrets {
    faults: Faults,
    store: Arc<dyn SecretStore>,
}

#[async_trait]
impl SecretStore for FaultySecrets {
    async fn get(&self, scope: &SecretScope, name: &str) -> SecretAnswer {
        self.faults.run(StoreCall::Secret, self.store.get(scope, name)).await
    }

    async fn get_all(&self, scope: &SecretScope, names: &[&str]) -> Vec<SecretAnswer> {
        let call = async { Ok(self.store.get_all(scope, names).await) };
        // One fault fails the whole call.
        self.faults.run(StoreCall::Secret, call).await.unwrap_or_else(|error| vec![Err(error); names.len()])
    }

    fn place(&self, scope: &SecretScope, name: &str) -> String {
        self.store.place(scope, name)
    }
}
