//! The tenants behind a provider's key.

use std::sync::Arc;

use super::{Ask, Looked, Tenants};
use crate::{
    ids::{RouteKey, StrategyName, TenantId},
    runtime::BoxFuture,
};

/// Maximum length of a provider's key, in bytes. Longer ones, from forged requests, are not looked up.
const MAX_KEY: usize = 1024;

impl Tenants {
    /// The tenants behind a provider's key, or `Store` if the directory does not answer. Cached, empty answers too.
    pub(crate) async fn route(&self, strategy: &StrategyName, key: &RouteKey, ask: Ask) -> Looked<Arc<[TenantId]>> {
        if key.value().len() > MAX_KEY {
            return Looked { result: Ok(Arc::default()), cached: false };
        }
        let cached = (strategy.clone(), key.clone());
        let fetch = || {
            let (binder, (strategy, key)) = (Arc::clone(&self.binder), cached.clone());
            Box::pin(async move { Ok(binder.stores().route(&strategy, &key).await?.into()) }) as BoxFuture<'static, _>
        };
        self.routes.get(&cached, ask, fetch).await
    }
}
