//! The checks of a set-up, made before anything is written.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use super::{
    GivenSecret, Misplaced, Part, TenantSetup,
    routes::fit,
    target::{RowChange, SecretChange, Target},
};
use crate::{
    error::{Error, ErrorKind, closest},
    ids::{StrategyName, TenantId, is_printable},
    registry::{Caching, RegisteredStrategy, StrategyRegistry, tenants::Tenants},
    runtime::SystemRng,
    schema::Site,
    secret::{Secret, SecretRef},
    store::{Ports, SecretScope, TenantRow, check_secret},
    strategy::SessionPorts,
};

impl TenantSetup {
    /// Checks the calls that made the set-up.
    pub(super) fn check_calls(&self) -> Result<(), Error> {
        let wrong = |message| Error::new(ErrorKind::Settings, message);
        if self.tenant.is_none() && self.parts.iter().any(|part| part.config.is_some() || !part.routes.is_empty()) {
            return Err(wrong("a common set-up has no configuration and no routes: they are a tenant's"));
        }
        if let Some(misplaced) = &self.misplaced {
            return Err(misplaced.error());
        }
        if self.parts.is_empty() {
            return Err(wrong("a set-up needs a strategy: call strategy(..)"));
        }
        let mut seen = BTreeSet::new();
        match self.parts.iter().find(|part| !seen.insert(&part.strategy)) {
            Some(part) => Err(wrong("a set-up has one strategy twice").with_context("strategy", &part.strategy)),
            None => Ok(()),
        }
    }

    /// The secrets to write.
    pub(super) fn secrets(&self, registry: &StrategyRegistry, tenant: Option<&TenantId>) -> Result<Vec<SecretChange>, Error> {
        let mut secrets: Vec<SecretChange> = vec![];
        for part in &self.parts {
            let strategy = &registry.entry(&part.strategy)?.name;
            let about = |error: Error| error.with_context("strategy", strategy).with_context("field", "secrets");
            for given in &part.secrets {
                let secret = given.checked(strategy, tenant).map_err(about)?;
                if secrets.iter().any(|other| other.scope == secret.scope && other.name == secret.name) {
                    let error = Error::new(ErrorKind::Settings, "two secrets have one name");
                    return Err(about(error).with_context("secret", secret.name));
                }
                secrets.push(secret);
            }
        }
        Ok(secrets)
    }

    /// The rows to write: those that do not stand already.
    pub(super) async fn rows(
        &self,
        tenant: TenantId,
        registry: &StrategyRegistry,
        target: &Target<'_>,
        secrets: &[SecretChange],
    ) -> Result<Vec<RowChange>, Error> {
        let ports = Arc::new(target.with(secrets));
        let (keys, clock) = (Arc::clone(&ports.bundle().keys), Arc::clone(&target.clock));
        let sessions = SessionPorts::new(Arc::clone(&ports), keys, Arc::new(SystemRng), clock);
        let tenants = Tenants::new(Arc::new(sessions), Caching::off(), self.local_refs);
        let mut rows = vec![];
        for part in &self.parts {
            let entry = registry.entry(&part.strategy)?;
            let about = |error: Error| error.with_context("strategy", &entry.name).with_context("tenant", &tenant);
            let row = part.row(entry, &tenant, &tenants, &ports).await.map_err(about)?;
            let stands = ports.store(target.writer.row(&tenant, &entry.name)).await.map_err(|error| about(error.into()))?;
            // One that is disabled stays so.
            if stands.is_none_or(|stands| stands.config != row.config || stands.routes != row.routes) {
                rows.push(RowChange { tenant: tenant.clone(), strategy: entry.name.clone(), row });
            }
        }
        Ok(rows)
    }
}

impl Misplaced {
    fn error(&self) -> Error {
        let wrong = |message| Error::new(ErrorKind::Settings, message);
        match self {
            Self::Secret(name) => wrong("a secret comes before its strategy: call strategy(..) first").with_context("secret", name),
            Self::Route(route) => wrong("a route comes before its strategy: call strategy(..) first").with_context("field", route.kind()),
            Self::Previous => wrong("an older value comes before its secret: call secret(..) first"),
        }
    }
}

impl GivenSecret {
    /// Whether it is one of the tenant's own.
    fn is_tenants(&self, strategy: &StrategyName, tenant: &TenantId) -> bool {
        matches!((self.scope)(strategy.clone(), Some(tenant.clone())), Some(SecretScope::Tenant { .. }))
    }

    /// The secret to write.
    fn checked(&self, strategy: &StrategyName, tenant: Option<&TenantId>) -> Result<SecretChange, Error> {
        let wrong = |message| Error::new(ErrorKind::Settings, message);
        // Without the name: it would break the line.
        if !is_printable(&self.name) {
            return Err(wrong("a secret's name must not hold control characters"));
        }
        let about = |error: Error| error.with_context("secret", &self.name);
        let scope = (self.scope)(strategy.clone(), tenant.cloned());
        let scope = scope.ok_or_else(|| about(wrong("a common set-up has no tenant whose secret it could be")))?;
        check_secret(&self.name, &self.values).map_err(|error| about(error.into()))?;
        if self.values.iter().any(|value| value.expose().is_empty()) {
            return Err(about(wrong("a secret is empty")));
        }
        Ok(SecretChange { scope, name: self.name.clone(), values: self.values.clone() })
    }
}

impl Part {
    /// The row, checked.
    async fn row(&self, entry: &Arc<RegisteredStrategy>, tenant: &TenantId, tenants: &Tenants, ports: &Ports) -> Result<TenantRow, Error> {
        let config = self.config.clone().unwrap_or_default();
        let given: Vec<_> = self.secrets.iter().filter(|given| given.is_tenants(&entry.name, tenant)).map(|given| &*given.name).collect();
        let resolved = tenants.dry_run(entry, tenant, config.clone()).await;
        let (resolved, sites) = resolved.map_err(|error| meant(error, entry, &config, &given))?;
        let named = named(&sites);
        if let Some(unused) = given.iter().find(|name| !named.contains(*name)) {
            return Err(unreferenced(unused, &named));
        }
        let given = self.secrets.iter().flat_map(|secret| &secret.values).filter_map(Secret::expose_str);
        let secrets: Vec<_> = resolved.texts(&sites).chain(given).collect();
        let routes = fit(entry.routes(&resolved, &sites)?, &self.routes, &secrets)?;
        for route in routes.iter().filter(|route| !route.is_shared()) {
            if let Some(other) = ports.route(&entry.name, route).await?.iter().find(|other| *other != tenant) {
                let error = Error::new(ErrorKind::ConfigInvalid, "another tenant has this route");
                return Err(error.with_context("field", route.kind()).with_context("first", other));
            }
        }
        Ok(TenantRow::new(config).with_routes(routes))
    }
}

/// The secrets that a configuration names.
fn named(sites: &[Site]) -> BTreeSet<&str> {
    let names = sites.iter().filter_map(|site| match &site.reference {
        SecretRef::Named { secret, .. } => Some(secret.as_str()),
        _ => None,
    });
    names.collect()
}

/// The error of a tenant's secret that its configuration does not name: it would never be read.
fn unreferenced(name: &str, named: &BTreeSet<&str>) -> Error {
    let message =
        "no reference in the configuration names this secret; one of the application, as for webhooks, is an application_secret(..)";
    let error = Error::new(ErrorKind::Settings, message).with_context("field", "secrets").with_context("secret", name);
    let error = error.with_context("known", named.iter().copied().collect::<Vec<_>>().join(", "));
    match closest(name, named.iter().copied()) {
        Some(meant) => error.with_context("did_you_mean", meant),
        None => error,
    }
}

/// Adds the given secret that was probably meant by a reference to one that is not given.
fn meant(error: Error, entry: &RegisteredStrategy, config: &Value, given: &[&str]) -> Error {
    let sites = if error.kind() == ErrorKind::ConfigInvalid { entry.checks.check(config, true).unwrap_or_default() } else { vec![] };
    let named = named(&sites);
    let mut lacking = named.iter().filter(|name| !given.contains(name));
    let unnamed = || given.iter().copied().filter(|name| !named.contains(name));
    match lacking.find_map(|name| closest(name, unnamed())) {
        Some(meant) => error.with_context("did_you_mean", meant),
        None => error,
    }
}
