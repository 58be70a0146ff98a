//! Each tenant's instance of a strategy.

use std::{fmt, sync::Arc, time::Duration};

use super::{Entry, ErasedTenant};
use crate::{
    error::{Error, ErrorKind},
    ids::{ConfigVersion, RouteKey, StrategyName, TenantId},
    secret::{Secret, SecretRef},
    store::{SecretScope, SecretStore, TenantDirectory},
    strategy::{Base, ConfigureContext, SessionPorts, Sessions},
};

/// A tenant bound to a strategy: configuration checked, secrets resolved.
pub(crate) struct BoundTenant {
    pub(crate) tenant: TenantId,
    pub(crate) version: ConfigVersion,
    pub(crate) state: ErasedTenant,
}

impl fmt::Debug for BoundTenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundTenant").field("tenant", &self.tenant).field("version", &self.version).finish_non_exhaustive()
    }
}

/// Binds tenants to strategies.
#[derive(Debug)]
pub(crate) struct Tenants {
    directory: Arc<dyn TenantDirectory>,
    secrets: Arc<dyn SecretStore>,
    sessions: Arc<SessionPorts>,
}

impl Tenants {
    pub(crate) fn new(directory: Arc<dyn TenantDirectory>, secrets: Arc<dyn SecretStore>, sessions: Arc<SessionPorts>) -> Self {
        Self { directory, secrets, sessions }
    }

    /// The tenant's instance of a strategy.
    pub(crate) async fn bind(&self, entry: &Entry, tenant: &TenantId) -> Result<Arc<BoundTenant>, Error> {
        let unknown =
            || Error::new(ErrorKind::UnknownTenant, "the tenant does not use this strategy").with_context("strategy", &entry.name);
        let row = self.directory.config(tenant, &entry.name).await?.ok_or_else(unknown)?;
        let base = Base {
            tenant: tenant.clone(),
            strategy: entry.name.clone(),
            clock: Arc::clone(&self.sessions.clock),
            deadline: self.sessions.clock.now() + Duration::from_secs(30),
            sessions: self.sessions(tenant, &entry.name),
            correlation: None,
            traceparent: None,
        };
        let cx = ConfigureContext { base, version: row.version.clone() };
        let state = entry.strategy.configure(row.config, &cx).await?;
        Ok(Arc::new(BoundTenant { tenant: tenant.clone(), version: row.version, state }))
    }

    /// The tenants behind a provider's key.
    pub(crate) async fn route(&self, strategy: &StrategyName, key: &RouteKey) -> Result<Vec<TenantId>, Error> {
        Ok(self.directory.route(strategy, key).await?)
    }

    /// A secret of the application.
    pub(crate) async fn application_secret(&self, strategy: &StrategyName, reference: &SecretRef) -> Result<Vec<Secret<Vec<u8>>>, Error> {
        Ok(self.secrets.get(&SecretScope::application(strategy.clone()), reference).await?)
    }

    /// A tenant's sessions with a strategy.
    pub(crate) fn sessions(&self, tenant: &TenantId, strategy: &StrategyName) -> Sessions {
        Sessions::new(Arc::clone(&self.sessions), tenant, strategy)
    }

    /// Forgets what is cached of a tenant.
    pub(crate) fn invalidate(&self, tenant: &TenantId) {
        let _ = tenant;
    }
}
