//! A host for one command: one strategy, one tenant's configuration, stores that may live in memory only.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;
use zengine_connector::http::ReqwestClient;
use zengine_connector::ids::RouteKey;
use zengine_connector::store::{Memory, Stores, TenantRow};
use zengine_connector::{Error, ErrorKind, Orchestrator, OrchestratorBuilder, StrategyName, TenantId};

use super::exit::Failure;
use super::file::{File, below};
use super::strategy::{CliContext, CliStrategy, violations};

/// The default tenant.
pub(super) const TENANT: &str = "cli";

/// A host's orchestrator for one strategy of a file.
pub(super) struct Host<'a> {
    pub(super) orchestrator: Orchestrator,
    strategy: &'a CliStrategy,
}

impl<'a> Host<'a> {
    /// Builds the host. `tenant` and every tenant of a route have the file's configuration.
    pub(super) async fn new(
        strategy: &'a CliStrategy,
        file: &File,
        tenant: &TenantId,
        cx: CliContext,
        stores: impl Into<Stores>,
        settings: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder,
    ) -> Result<Self, Failure> {
        let name = StrategyName::new(strategy.name())?;
        let wrong = |violations| Failure::violations(below("/instance", violations));
        let registry = strategy.registry(&file.instance, cx).await.map_err(wrong)?;
        let tenants = tenants(&name, file, tenant);
        let builder = Orchestrator::builder()
            .registry(&registry)
            .directory(tenants.directory())
            .secrets(tenants.secrets())
            .stores(stores)
            .sweep_every(None)
            .allow_local_refs(true);
        Ok(Self { orchestrator: settings(builder).build()?, strategy })
    }

    /// Binds the tenant; reports every violation of its configuration by pointers into the file.
    pub(super) async fn bind(&self, tenant: &TenantId) -> Result<(), Failure> {
        (self.strategy.bind)(&self.orchestrator, tenant).await.map_err(of_config)
    }
}

/// The clients of a command that calls the provider.
pub(super) fn client() -> Result<CliContext, Error> {
    let builder = ReqwestClient::builder().user_agent(concat!("zengine/", env!("CARGO_PKG_VERSION")));
    Ok(CliContext::live(Arc::new(builder.build()?)))
}

/// The tenants and secrets of a file. Without a configuration the tenants are disabled: only their routes are of use.
fn tenants(strategy: &StrategyName, file: &File, tenant: &TenantId) -> Memory {
    let memory = Memory::new();
    file.secrets.put_into(&memory, strategy);
    let mut routed: BTreeMap<_, Vec<_>> = BTreeMap::from([(tenant, vec![])]);
    for route in &file.routes {
        for tenant in route.tenants.iter().collect::<BTreeSet<_>>() {
            routed.entry(tenant).or_default().push(RouteKey::new(route.kind.clone(), route.value.clone()));
        }
    }
    for (tenant, given) in routed {
        let routes = if file.routes.is_empty() { file.derived.clone() } else { given };
        let row = file.config.clone().map_or_else(|| TenantRow::new(Value::Null).disabled(), TenantRow::new);
        memory.put_tenant(tenant, strategy, row.with_routes(routes));
    }
    memory
}

/// Failure of a tenant's configuration, with pointers into the file.
pub(super) fn of_config(error: Error) -> Failure {
    if error.violations().is_empty() && error.kind() != ErrorKind::ConfigInvalid {
        return error.into();
    }
    Failure::violations(below("/config", violations(&error)))
}
