//! The tenants behind a provider's key.

use std::sync::Arc;

use super::Tenants;
use crate::{
    error::Error,
    ids::{RouteKey, StrategyName, TenantId},
};

/// Maximum length of a provider's key, in bytes. Longer ones, from forged requests, are not looked up.
const MAX_KEY: usize = 1024;

impl Tenants {
    /// The tenants behind a provider's key. Cached, empty answers too.
    ///
    /// # Errors
    /// `Store` if the directory does not answer.
    pub(crate) async fn route(&self, strategy: &StrategyName, key: &RouteKey) -> Result<Vec<TenantId>, Error> {
        if key.value().len() > MAX_KEY {
            return Ok(vec![]);
        }
        let cached = (strategy.clone(), key.clone());
        let tenants = self.routes.get(&cached, || {
            let (binder, (strategy, key)) = (Arc::clone(&self.binder), cached.clone());
            Box::pin(async move { Ok(binder.stores().route(&strategy, &key).await?.into()) })
        });
        Ok(tenants.await?.to_vec())
    }
}
