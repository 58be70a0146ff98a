//! A strategy bound to one tenant, by its type.

use std::{any::type_name, ops::Deref, sync::Arc, time::Duration};

use super::{Orchestrator, calls::TIME};
use crate::{
    error::{Error, ErrorKind},
    ids::{ConfigVersion, IntoId, StrategyName, TenantId},
    registry::BoundTenant,
    runtime::later,
    strategy::{Base, Configure, EventContext, HealthContext, Strategy},
};

type TenantOf<S> = <S as Configure<<S as Strategy>::Config>>::Tenant;

/// A strategy bound to one tenant, for the strategy's own methods: an upload, an exchange of codes, a registration.
///
/// It keeps the configuration that it was bound with, so you should bind again for each piece of work. It derefs to the
/// strategy's state for the tenant.
pub struct Bound<S: Strategy> {
    strategy: Arc<S>,
    tenant: Arc<TenantOf<S>>,
    instance: Arc<BoundTenant>,
}

impl Orchestrator {
    /// Binds a strategy, by its type and registered name, to one tenant.
    ///
    /// # Errors
    /// `UnknownStrategy` if the name is not registered, `Settings` if it is registered with another type. Also if the tenant
    /// cannot be bound.
    pub async fn bound<S: Strategy>(&self, tenant: impl IntoId<TenantId>, name: impl IntoId<StrategyName>) -> Result<Bound<S>, Error> {
        self.bind(&tenant.into_id()?, name.as_ref()).await
    }

    async fn bind<S: Strategy>(&self, tenant: &TenantId, name: &str) -> Result<Bound<S>, Error> {
        let entry = self.engine.registry.entry(name)?;
        let another = || {
            Error::new(ErrorKind::Settings, "the name is registered with another type of strategy")
                .with_context("strategy", &entry.name)
                .with_context("expected", type_name::<S>())
                .with_context("actual", entry.type_name)
        };
        let strategy = Arc::clone(&entry.strategy).as_any().downcast::<S>().map_err(|_| another())?;
        let bound = self.engine.tenants.bind(entry, tenant).await?;
        let state = Arc::clone(&bound.state).downcast::<TenantOf<S>>().map_err(|_| another())?;
        Ok(Bound { strategy, tenant: state, instance: bound })
    }
}

impl<S: Strategy> Bound<S> {
    /// The strategy.
    pub fn strategy(&self) -> &S {
        &self.strategy
    }

    /// The strategy's state for the tenant.
    pub fn tenant(&self) -> &TenantOf<S> {
        &self.tenant
    }

    /// The tenant.
    pub fn tenant_id(&self) -> &TenantId {
        self.instance.tenant()
    }

    /// Version of the configuration it was bound with.
    pub fn version(&self) -> &ConfigVersion {
        &self.instance.version
    }

    /// A context for one call, with a deadline 30 seconds from now.
    pub fn cx(&self) -> EventContext {
        self.cx_within(TIME)
    }

    /// A context for one call, with a deadline `time` from now.
    pub fn cx_within(&self, time: Duration) -> EventContext {
        EventContext { base: self.base(time) }
    }

    /// A context for the strategy's health check.
    pub fn health_cx(&self) -> HealthContext {
        HealthContext { base: self.base(TIME) }
    }

    fn base(&self, time: Duration) -> Base {
        let scope = Arc::clone(&self.instance.scope);
        Base { deadline: later(scope.clock.now(), time), scope, correlation: None, traceparent: None }
    }
}

impl<S: Strategy> Deref for Bound<S> {
    type Target = TenantOf<S>;

    fn deref(&self) -> &TenantOf<S> {
        &self.tenant
    }
}

impl<S: Strategy> Clone for Bound<S> {
    fn clone(&self) -> Self {
        Self { strategy: Arc::clone(&self.strategy), tenant: Arc::clone(&self.tenant), instance: Arc::clone(&self.instance) }
    }
}

debug_fields!([S: Strategy] Bound<S> { instance });
