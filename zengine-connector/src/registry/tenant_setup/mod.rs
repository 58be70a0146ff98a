//! The set-up of a tenant in one call.
//!
//! | module | purpose |
//! |---|---|
//! | `checks` | what is refused before anything is written |
//! | `routes` | the routes of a row: those that follow, and those that are given |
//! | `target` | the stores that a set-up is written into |

mod checks;
mod routes;
mod target;

use std::{borrow::Cow, sync::Arc};

use serde_json::Value;

use self::target::Target;
use super::StrategyRegistry;
use crate::{
    error::Error,
    ids::{RouteKey, StrategyName, TenantId},
    runtime::Clock,
    secret::Secret,
    store::{SecretScope, Stores},
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
/// // What belongs to the application and not to a tenant; its secret is being rotated.
/// let app = TenantSetup::common("whatsapp-meta-cloud").application_secret("app-secret", "new").previous("old");
/// orchestrator.set_up(app).await?;
/// # Ok(())
/// # }
/// # let _ = example;
/// ```
#[derive(Clone)]
#[must_use = "give it to Orchestrator::set_up, or call write"]
pub struct TenantSetup {
    tenant: Option<String>,
    parts: Vec<Part>,
    /// The first call before what it belongs to.
    misplaced: Option<Misplaced>,
    local_refs: bool,
}

debug_fields!(TenantSetup { tenant, strategies: |it| it.parts.iter().map(|part| &part.strategy).collect::<Vec<_>>() });

/// Configuration, routes and secrets of one strategy.
#[derive(Clone)]
struct Part {
    strategy: String,
    config: Option<Value>,
    routes: Vec<RouteKey>,
    secrets: Vec<GivenSecret>,
}

/// A call that comes before what it belongs to.
#[derive(Clone)]
enum Misplaced {
    /// A secret of this name, before a strategy.
    Secret(String),
    /// A route, before a strategy.
    Route(RouteKey),
    /// An older value, before a secret.
    Previous,
}

/// The values of a secret, newest first.
#[derive(Clone)]
struct GivenSecret {
    scope: ScopeOf,
    name: String,
    values: Vec<Secret<Vec<u8>>>,
}

/// The scope of a secret, once strategy and tenant are known. `None` if it needs a tenant and there is none.
type ScopeOf = fn(StrategyName, Option<TenantId>) -> Option<SecretScope>;

impl TenantSetup {
    /// The set-up of a tenant. Its id is checked when it is written.
    pub fn new(tenant: impl AsRef<str>) -> Self {
        Self { tenant: Some(tenant.as_ref().to_owned()), parts: vec![], misplaced: None, local_refs: false }
    }

    /// The set-up of what a strategy's tenants have in common: [`application_secret`](Self::application_secret) and
    /// [`shared_secret`](Self::shared_secret).
    pub fn common(strategy: impl AsRef<str>) -> Self {
        Self { tenant: None, parts: vec![Part::new(strategy.as_ref(), None)], misplaced: None, local_refs: false }
    }

    /// Adds a strategy by its registered name, with the tenant's configuration. What is added next belongs to it.
    ///
    /// A configuration that a person wrote may have a member twice, of which `config` holds the last:
    /// [`schema::repeated_members`](crate::schema::repeated_members) checks its text.
    pub fn strategy(mut self, name: impl AsRef<str>, config: Value) -> Self {
        self.parts.push(Part::new(name.as_ref(), Some(config)));
        self
    }

    /// Adds a secret of the tenant, to which the configuration refers as `{"secret": name}`. One that it does not refer to is refused.
    pub fn secret(self, name: impl Into<String>, value: impl Into<Secret<Vec<u8>>>) -> Self {
        self.with_secret(|strategy, tenant| Some(SecretScope::tenant(strategy, tenant?)), name.into(), value.into())
    }

    /// Adds a secret for every tenant of the strategy that has none of this name.
    pub fn shared_secret(self, name: impl Into<String>, value: impl Into<Secret<Vec<u8>>>) -> Self {
        self.with_secret(|strategy, _| Some(SecretScope::shared(strategy)), name.into(), value.into())
    }

    /// Adds a secret of the application, such as one that its constructor's settings name. No tenant's configuration reaches it.
    pub fn application_secret(self, name: impl Into<String>, value: impl Into<Secret<Vec<u8>>>) -> Self {
        self.with_secret(|strategy, _| Some(SecretScope::application(strategy)), name.into(), value.into())
    }

    /// Adds an older value of the secret before, which stays valid while the secret is rotated. Replaces the older values that stand.
    pub fn previous(mut self, value: impl Into<Secret<Vec<u8>>>) -> Self {
        match self.parts.last_mut().and_then(|part| part.secrets.last_mut()) {
            Some(secret) => secret.values.push(value.into()),
            None => self.misplaced = self.misplaced.or(Some(Misplaced::Previous)),
        }
        self
    }

    /// Adds a route, in place of the derived ones: for strategies that derive none, and for keys that only you know. Routes that are
    /// given must contain all that follow from the configuration.
    pub fn route(self, kind: impl Into<Cow<'static, str>>, value: impl AsRef<str>) -> Self {
        self.with_route(RouteKey::new(kind, value))
    }

    /// Adds a [`route`](Self::route) that other tenants may have too.
    pub fn shared_route(self, kind: impl Into<Cow<'static, str>>, value: impl AsRef<str>) -> Self {
        self.with_route(RouteKey::shared(kind, value))
    }

    setters! {
        /// Whether the configuration may refer to the host's environment and files. Defaults to `false`;
        /// [`Orchestrator::set_up`](crate::Orchestrator::set_up) takes the orchestrator's own setting.
        allow_local_refs(allow: bool) => local_refs = allow;
    }

    fn with_secret(mut self, scope: ScopeOf, name: String, value: Secret<Vec<u8>>) -> Self {
        match self.parts.last_mut() {
            Some(part) => part.secrets.push(GivenSecret { scope, name, values: vec![value] }),
            None => self.misplaced = self.misplaced.or(Some(Misplaced::Secret(name))),
        }
        self
    }

    fn with_route(mut self, route: RouteKey) -> Self {
        match self.parts.last_mut() {
            Some(part) => part.routes.push(route),
            None => self.misplaced = self.misplaced.or(Some(Misplaced::Route(route))),
        }
        self
    }

    /// The tenant, unless the set-up is common to all.
    pub(crate) fn tenant(&self) -> Result<Option<TenantId>, Error> {
        self.tenant.as_ref().map(TenantId::new).transpose()
    }

    /// Checks the set-up and writes it. A row that stands already is not written again, and one that is disabled stays so.
    ///
    /// Hosts that run notice the change within the times of [`Caching`](super::Caching). Two set-ups at the same time that claim one
    /// route are not told from each other: write tenants from one place.
    ///
    /// # Errors
    /// `Settings` if the stores have no writer or directory of tenants, the set-up has no strategy or one twice, a secret comes before
    /// its strategy, is empty, has a name with control characters or is not named by the tenant's configuration, or a common set-up has a
    /// configuration; `UnknownStrategy`; `Secret` if the store of secrets does not answer or refuses access;
    /// `MessageInvalid` if an id is invalid; `ConfigInvalid` with every violation, if a secret is missing or too large, if its name is too
    /// long, if what stands under its name cannot be read (remove it, or give its older value too), if the routes do not fit the
    /// configuration (context `field`: `routes`), or if another tenant has one (context `field`: its kind, `first`: the other tenant);
    /// `Store` or `Unsupported` if a store fails, with the context `written` if something stands already.
    pub async fn write(self, registry: &StrategyRegistry, stores: &Stores, clock: Arc<dyn Clock>) -> Result<(), Error> {
        self.check_calls()?;
        let tenant = self.tenant()?;
        let target = Target::of(stores, clock)?;
        let secrets = target.keep_older(self.secrets(registry, tenant.as_ref())?).await?;
        let rows = match tenant {
            Some(tenant) => self.rows(tenant, registry, &target, &secrets).await?,
            None => vec![],
        };
        target.write(secrets, rows).await
    }
}

impl Part {
    fn new(strategy: &str, config: Option<Value>) -> Self {
        Self { strategy: strategy.to_owned(), config, routes: vec![], secrets: vec![] }
    }
}
