//! The set-up of a tenant in one call.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::{Caching, RegisteredStrategy, StrategyRegistry, tenants::Tenants};
use crate::{
    error::{Error, ErrorKind},
    ids::{RouteKey, StrategyName, TenantId},
    runtime::{Clock, SystemRng},
    secret::{Secret, SecretRef},
    store::{
        Memory, Ports, SecretAnswer, SecretError, SecretScope, SecretStore, StoreError, Stores, TenantRow, TenantWriter, check_secret,
    },
    strategy::SessionPorts,
};

/// The set-up of a tenant: its strategies, and for each a configuration and secrets. The routes follow from the configuration
/// ([`InboundStrategy::routes`](crate::InboundStrategy::routes)).
///
/// Everything is checked before anything is written: the configuration against its schema, that every secret resolves, by the
/// strategy's own `configure`, and that no other tenant has one of its routes. Secrets are written first, then each row in one step;
/// if a write fails, the error's context `written` lists what stands. Writing the same set-up again completes it. A secret whose newest
/// value is the given one keeps its older values, so that a set-up does not end a rotation.
///
/// [`Orchestrator::set_up`](crate::Orchestrator::set_up) takes one; a program without an orchestrator calls [`write`](Self::write).
///
/// ```
/// # use zengine_connector::{Error, Orchestrator};
/// use serde_json::json;
/// use zengine_connector::registry::TenantSetup;
///
/// # async fn example(orchestrator: Orchestrator) -> Result<(), Error> {
/// let acme = TenantSetup::new("acme")
///     .strategy("whatsapp-meta-cloud", json!({ "phone_number_id": "1550001", "waba_id": "1440001", "access_token": { "secret": "token" } }))
///     .secret("token", std::env::var("ACME_TOKEN").unwrap_or_default());
/// orchestrator.set_up(acme).await?;
///
/// // What belongs to the application and not to a tenant.
/// orchestrator.set_up(TenantSetup::common("whatsapp-meta-cloud").application_secret("app-secret", "…")).await?;
/// # Ok(())
/// # }
/// # let _ = example;
/// ```
#[derive(Clone)]
#[must_use = "give it to Orchestrator::set_up, or call write"]
pub struct TenantSetup {
    tenant: Option<String>,
    parts: Vec<Part>,
    /// A secret or route was given before a strategy.
    misplaced: bool,
    local_refs: bool,
}

debug_fields!(TenantSetup { tenant, strategies: |it| it.parts.iter().map(|part| &part.strategy).collect::<Vec<_>>() });

/// Configuration, routes and secrets of one strategy.
#[derive(Clone)]
struct Part {
    strategy: String,
    config: Option<Value>,
    routes: Vec<RouteKey>,
    secrets: Vec<(Whose, String, Secret<Vec<u8>>)>,
}

/// The scope of a secret, whose strategy and tenant are those of the set-up.
#[derive(Clone, Copy, PartialEq)]
enum Whose {
    Tenant,
    Shared,
    Application,
}

impl TenantSetup {
    /// The set-up of a tenant. Its id is checked when it is written.
    pub fn new(tenant: impl AsRef<str>) -> Self {
        Self { tenant: Some(tenant.as_ref().to_owned()), parts: vec![], misplaced: false, local_refs: false }
    }

    /// The set-up of what a strategy's tenants have in common: [`application_secret`](Self::application_secret) and
    /// [`shared_secret`](Self::shared_secret).
    pub fn common(strategy: impl AsRef<str>) -> Self {
        let part = Part { strategy: strategy.as_ref().to_owned(), config: None, routes: vec![], secrets: vec![] };
        Self { tenant: None, parts: vec![part], misplaced: false, local_refs: false }
    }

    /// Adds a strategy by its registered name, with the tenant's configuration. What is added next belongs to it.
    ///
    /// A configuration that a person wrote may have a member twice, of which `config` holds the last:
    /// [`schema::repeated_members`](crate::schema::repeated_members) checks its text.
    pub fn strategy(mut self, name: impl AsRef<str>, config: Value) -> Self {
        self.parts.push(Part { strategy: name.as_ref().to_owned(), config: Some(config), routes: vec![], secrets: vec![] });
        self
    }

    /// Adds a secret of the tenant, to which the configuration refers as `{"secret": name}`.
    pub fn secret(self, name: impl Into<String>, value: impl Into<Secret<Vec<u8>>>) -> Self {
        self.put(Whose::Tenant, name.into(), value.into())
    }

    /// Adds a secret for every tenant of the strategy that has none of this name.
    pub fn shared_secret(self, name: impl Into<String>, value: impl Into<Secret<Vec<u8>>>) -> Self {
        self.put(Whose::Shared, name.into(), value.into())
    }

    /// Adds a secret of the application, such as one that its constructor's settings name. No tenant's configuration reaches it.
    pub fn application_secret(self, name: impl Into<String>, value: impl Into<Secret<Vec<u8>>>) -> Self {
        self.put(Whose::Application, name.into(), value.into())
    }

    /// Adds a route, in place of the derived ones: for strategies that derive none, and for keys that only you know. Routes that are
    /// given must contain all that follow from the configuration.
    pub fn route(mut self, kind: impl Into<std::borrow::Cow<'static, str>>, value: impl AsRef<str>) -> Self {
        match self.parts.last_mut() {
            Some(part) => part.routes.push(RouteKey::new(kind, value)),
            None => self.misplaced = true,
        }
        self
    }

    setters! {
        /// Whether the configuration may refer to the host's environment and files. Defaults to `false`;
        /// [`Orchestrator::set_up`](crate::Orchestrator::set_up) takes the orchestrator's own setting.
        allow_local_refs(allow: bool) => local_refs = allow;
    }

    fn put(mut self, whose: Whose, name: String, value: Secret<Vec<u8>>) -> Self {
        match self.parts.last_mut() {
            Some(part) => part.secrets.push((whose, name, value)),
            None => self.misplaced = true,
        }
        self
    }

    /// The tenant, unless the set-up is common to all.
    pub(crate) fn tenant(&self) -> Result<Option<TenantId>, Error> {
        self.tenant.as_ref().map(TenantId::new).transpose()
    }

    /// Checks the set-up and writes it. A row that stands already is not written again, and one that is disabled stays so.
    ///
    /// Hosts that run notice the change within the times of [`Caching`]. Two set-ups at the same time that claim one route are not
    /// told from each other: write tenants from one place.
    ///
    /// # Errors
    /// `Settings` if the stores have no writer or directory of tenants, a secret comes before its strategy, or a common set-up has a configuration;
    /// `UnknownStrategy`; `Secret` if the store of secrets does not answer;
    /// `MessageInvalid` if an id is invalid; `ConfigInvalid` with every violation, if a secret is missing, if the routes given lack one
    /// that follows from the configuration (context `missing`), or if another tenant has it (context `field`: its kind, `first`: the
    /// other tenant); `Store` or `Unsupported` if a store fails, with the context `written` if something stands already.
    pub async fn write(self, registry: &StrategyRegistry, stores: &Stores, clock: Arc<dyn Clock>) -> Result<(), Error> {
        if self.tenant.is_none() && self.parts.iter().any(|part| part.config.is_some() || !part.routes.is_empty()) {
            return Err(Error::new(ErrorKind::Settings, "a common set-up has no configuration and no routes: they are a tenant's"));
        }
        if self.misplaced {
            return Err(Error::new(ErrorKind::Settings, "a secret or route comes before its strategy: call strategy(..) first"));
        }
        let missing = [(stores.directory.is_none(), ".directory(..)"), (stores.tenant_writer.is_none(), ".tenant_writer(..)")];
        let (Some(directory), Some(writer)) = (&stores.directory, &stores.tenant_writer) else {
            let missing: Vec<_> = missing.into_iter().filter_map(|(missing, call)| missing.then_some(call)).collect();
            let error = Error::new(ErrorKind::Settings, "the stores cannot write tenants: add what is missing");
            return Err(error.with_context("missing", missing.join(", ")));
        };
        let tenant = self.tenant()?;
        let given = Memory::new();
        let mut changes = vec![];
        for part in &self.parts {
            let name = &registry.entry(&part.strategy)?.name;
            for (at, (whose, secret, value)) in part.secrets.iter().enumerate() {
                let about = |error: Error| error.with_context("strategy", name).with_context("secret", secret);
                let twice = part.secrets[..at].iter().any(|(other, name, _)| other == whose && name == secret);
                let scope = scope(*whose, name, tenant.as_ref()).map_err(about)?;
                check_secret(secret, std::slice::from_ref(value)).map_err(|error| about(error.into()))?;
                if twice {
                    return Err(about(Error::new(ErrorKind::Settings, "two secrets have one name")));
                }
                given.put_secret(&scope, secret, value.expose().as_slice());
                changes.push(Change::Secret { scope, name: secret.clone(), values: vec![value.clone()] });
            }
        }
        if let Some(store) = &stores.secrets {
            let standing = Ports::new(stores.clone(), Arc::clone(directory), Arc::clone(store), Arc::clone(&clock));
            for change in &mut changes {
                change.keep_older(&standing).await?;
            }
        }
        let secrets = Arc::new(InFront { given: given.secrets(), behind: stores.secrets.clone() });
        let ports = Arc::new(Ports::new(stores.clone(), Arc::clone(directory), secrets, Arc::clone(&clock)));
        let sessions = SessionPorts { stores: Arc::clone(&ports), keys: Arc::clone(&stores.keys), rng: Arc::new(SystemRng), clock };
        let tenants = Tenants::new(Arc::new(sessions), Caching::off(), self.local_refs);
        if let Some(tenant) = tenant {
            for part in &self.parts {
                let entry = registry.entry(&part.strategy)?;
                let about = |error: Error| error.with_context("strategy", &entry.name).with_context("tenant", &tenant);
                let row = part.row(entry, &tenant, &tenants, &ports).await.map_err(about)?;
                let standing = ports.store(writer.row(&tenant, &entry.name)).await.map_err(|error| about(error.into()))?;
                let enabled = standing.as_ref().is_none_or(|row| row.enabled);
                let row = TenantRow { enabled, ..row };
                if standing.as_ref() != Some(&row) {
                    changes.push(Change::Row { tenant: tenant.clone(), strategy: entry.name.clone(), row });
                }
            }
        }
        let mut written = vec![];
        for change in changes {
            let label = change.label();
            if let Err(error) = ports.store(change.apply(&**writer)).await {
                let error = Error::from(error).with_context("reason", format!("{label} was not written"));
                return Err(if written.is_empty() { error } else { error.with_context("written", written.join(", ")) });
            }
            written.push(label);
        }
        Ok(())
    }
}

impl Part {
    /// The row to write, checked.
    async fn row(&self, entry: &Arc<RegisteredStrategy>, tenant: &TenantId, tenants: &Tenants, ports: &Ports) -> Result<TenantRow, Error> {
        let config = self.config.clone().unwrap_or_default();
        let derived = tenants.dry_run(entry, tenant, config.clone()).await?;
        let lacks: Vec<_> = derived.iter().filter(|route| !self.routes.contains(route)).map(RouteKey::kind).collect();
        if !self.routes.is_empty() && !lacks.is_empty() {
            let error = Error::new(ErrorKind::ConfigInvalid, "the routes lack one that follows from the configuration");
            return Err(error.with_context("missing", lacks.join(", ")));
        }
        for route in derived.iter().filter(|route| !route.is_shared()) {
            if let Some(other) = ports.route(&entry.name, route).await?.iter().find(|other| *other != tenant) {
                let error = Error::new(ErrorKind::ConfigInvalid, "another tenant has this route");
                return Err(error.with_context("field", route.kind()).with_context("first", other));
            }
        }
        let mut routes = if self.routes.is_empty() { derived } else { self.routes.clone() };
        // As a writer gives them back.
        routes.sort();
        routes.dedup();
        Ok(TenantRow::new(config).with_routes(routes))
    }
}

fn scope(whose: Whose, strategy: &StrategyName, tenant: Option<&TenantId>) -> Result<SecretScope, Error> {
    let strategy = strategy.clone();
    match (whose, tenant) {
        (Whose::Shared, _) => Ok(SecretScope::shared(strategy)),
        (Whose::Application, _) => Ok(SecretScope::application(strategy)),
        (Whose::Tenant, Some(tenant)) => Ok(SecretScope::tenant(strategy, tenant.clone())),
        (Whose::Tenant, None) => Err(Error::new(ErrorKind::Settings, "a common set-up has no tenant whose secret it could be")),
    }
}

/// One call of the writer.
enum Change {
    Secret { scope: SecretScope, name: String, values: Vec<Secret<Vec<u8>>> },
    Row { tenant: TenantId, strategy: StrategyName, row: TenantRow },
}

impl Change {
    fn label(&self) -> String {
        match self {
            Self::Secret { name, .. } => format!("secret {name}"),
            Self::Row { strategy, .. } => format!("configuration of {strategy}"),
        }
    }

    /// Keeps the older values of a secret that is being rotated, if the given one is the newest that stands already.
    async fn keep_older(&mut self, standing: &Ports) -> Result<(), Error> {
        let Self::Secret { scope, name, values } = self else { return Ok(()) };
        match standing.secret(scope, &SecretRef::named(name.as_str())).await {
            Ok(stands) if stands.first().map(Secret::expose) == values.first().map(Secret::expose) => *values = stands,
            // Whether there are older ones is not known.
            Err(error @ SecretError::Unavailable(_)) => return Err(Error::from(error).with_context("secret", name)),
            _ => {}
        }
        Ok(())
    }

    async fn apply(self, writer: &dyn TenantWriter) -> Result<(), StoreError> {
        match self {
            Self::Secret { scope, name, values } => writer.put_secret(&scope, &name, values).await,
            Self::Row { tenant, strategy, row } => writer.put(&tenant, &strategy, row).await.map(drop),
        }
    }
}

/// The secrets of a set-up in front of those of a store.
#[derive(Debug)]
struct InFront {
    given: Arc<dyn SecretStore>,
    behind: Option<Arc<dyn SecretStore>>,
}

#[async_trait]
impl SecretStore for InFront {
    async fn get(&self, scope: &SecretScope, reference: &SecretRef) -> SecretAnswer {
        match (self.given.get(scope, reference).await, &self.behind) {
            (Err(SecretError::NotFound), Some(store)) => store.get(scope, reference).await,
            (answer, _) => answer,
        }
    }
}
