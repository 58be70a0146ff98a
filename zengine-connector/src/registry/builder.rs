//! Registration of strategies, by instance.

use std::{
    any::type_name,
    collections::{BTreeMap, BTreeSet, btree_map},
    sync::Arc,
};

use serde_json::Value;

use super::RegisteredStrategy;
use crate::{
    error::{Error, ErrorKind, Violation, closest},
    ids::{RouteKey, StrategyName},
    schema::{Checks, Resolved, Schema},
    strategy::{Descriptor, Reply, Strategy},
    sync::OncePerSecond,
};

/// The text in place of a secret while routes are derived.
const PLACEHOLDER: &str = "zengine-placeholder-of-a-secret";

/// The least time in which a strategy may have its requests answered, in milliseconds: in less, no store answers.
const LEAST_WITHIN_MS: u64 = 100;

/// A builder of a [`StrategyRegistry`].
///
/// ```
/// use zengine_connector::{ErrorKind, StrategyRegistry};
///
/// // A host names what it cannot do without; `build` says which of them are not registered.
/// let error = StrategyRegistry::builder().expect(["ses-email"]).build().unwrap_err();
/// assert_eq!((error.kind(), error.context("missing")), (ErrorKind::Settings, Some("ses-email")));
/// ```
#[derive(Debug, Default)]
#[must_use = "finish it with build()"]
pub struct RegistryBuilder {
    entries: BTreeMap<String, Arc<RegisteredStrategy>>,
    expected: BTreeSet<String>,
    errors: Vec<Error>,
}

/// The strategies of a host. Cloning it copies a pointer.
#[derive(Clone, Debug)]
pub struct StrategyRegistry {
    entries: Arc<BTreeMap<String, Arc<RegisteredStrategy>>>,
}

impl RegistryBuilder {
    /// Adds a strategy under its own name.
    pub fn register<S: Strategy>(self, strategy: S) -> Self {
        self.register_as(S::DESCRIPTOR.name, strategy)
    }

    /// Adds a strategy under another name, for example for a second Meta app or AWS account.
    pub fn register_as<S: Strategy>(mut self, name: &str, strategy: S) -> Self {
        let name = match StrategyName::new(name) {
            Ok(name) => name,
            Err(error) => {
                let reason = error.message().to_owned();
                self.errors.push(
                    Error::new(ErrorKind::Settings, "invalid strategy name")
                        .with_context("strategy", name)
                        .with_context("first", type_name::<S>())
                        .with_context("reason", reason),
                );
                return self;
            }
        };
        if let Reply::Acknowledge { within_ms: Some(within_ms) } = S::DESCRIPTOR.reply
            && within_ms < LEAST_WITHIN_MS
        {
            self.errors.push(
                Error::new(ErrorKind::Settings, "the strategy's time to acknowledge is below 100 ms")
                    .with_context("strategy", &name)
                    .with_context("first", type_name::<S>())
                    .with_context("reason", format!("within_ms is {within_ms}")),
            );
            return self;
        }
        let (strategy, halves) = (Arc::new(strategy), S::halves());
        self.add(Arc::new(RegisteredStrategy {
            name,
            descriptor: S::DESCRIPTOR,
            type_name: type_name::<S>(),
            checks: Checks::new(S::DESCRIPTOR.config_schema),
            outbound: halves.outbound.map(|half| half(Arc::clone(&strategy))),
            inbound: halves.inbound.map(|half| half(Arc::clone(&strategy))),
            strategy,
            warned: OncePerSecond::default(),
            warned_of_route: OncePerSecond::default(),
        }))
    }

    fn add(mut self, strategy: Arc<RegisteredStrategy>) -> Self {
        match self.entries.entry(strategy.name.as_str().to_owned()) {
            btree_map::Entry::Vacant(place) => _ = place.insert(strategy),
            btree_map::Entry::Occupied(taken) => self.errors.push(
                Error::new(ErrorKind::Settings, "two strategies are registered under one name")
                    .with_context("strategy", &strategy.name)
                    .with_context("first", taken.get().type_name)
                    .with_context("second", strategy.type_name),
            ),
        }
        self
    }

    /// Adds names that must be registered, before or after this call. A missing line or cargo feature then fails at start-up
    /// instead of at the first message.
    pub fn expect<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.expected.extend(names.into_iter().map(Into::into));
        self
    }

    /// Adds the strategies of a registry.
    pub(crate) fn include(self, registry: &StrategyRegistry) -> Self {
        registry.entries.values().fold(self, |all, strategy| all.add(Arc::clone(strategy)))
    }

    /// Builds the registry.
    ///
    /// # Errors
    /// `Settings` if a name is invalid or registered twice, a strategy's time to acknowledge is below 100 ms, or an expected name is
    /// missing. Several errors become one, with a
    /// violation each.
    pub fn build(mut self) -> Result<StrategyRegistry, Error> {
        let missing: Vec<_> = self.expected.iter().filter(|name| !self.entries.contains_key(*name)).map(String::as_str).collect();
        if !missing.is_empty() {
            let error =
                Error::new(ErrorKind::Settings, "expected strategies are not registered").with_context("missing", missing.join(", "));
            let close: Vec<_> = missing.iter().filter_map(|name| closest(name, self.entries.keys().map(String::as_str))).collect();
            self.errors.push(known(error, &self.entries, &close.join(", ")));
        }
        match self.errors.len() {
            0 => Ok(StrategyRegistry { entries: Arc::new(self.entries) }),
            1 => Err(self.errors.remove(0)),
            _ => {
                let place = |error: &Error| error.context("strategy").map(|name| format!("/{name}")).unwrap_or_default();
                let violations = self.errors.iter().map(|error| Violation::new(place(error), error.to_string())).collect();
                Err(Error::new(ErrorKind::Settings, "the registry has several errors").with_violations(violations))
            }
        }
    }
}

/// Adds the registered names and the probable intended one to an error.
fn known(error: Error, entries: &BTreeMap<String, Arc<RegisteredStrategy>>, meant: &str) -> Error {
    let names: Vec<_> = entries.keys().map(String::as_str).collect();
    let error = error.with_context("known", names.join(", "));
    if meant.is_empty() { error } else { error.with_context("did_you_mean", meant) }
}

impl StrategyRegistry {
    /// An empty builder.
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder::default()
    }

    /// The descriptors of all strategies, by registered name.
    pub fn descriptors(&self) -> impl Iterator<Item = (&StrategyName, &'static Descriptor)> {
        self.entries.values().map(|entry| (&entry.name, entry.descriptor))
    }

    /// The JSON Schema of a strategy's configuration or message.
    ///
    /// # Errors
    /// `UnknownStrategy`.
    pub fn schema(&self, strategy: &str, of: SchemaOf) -> Result<Schema, Error> {
        let descriptor = self.entry(strategy)?.descriptor;
        Ok(match of {
            SchemaOf::Config => (descriptor.config_schema)(),
            SchemaOf::Message => (descriptor.message_schema)(),
        })
    }

    /// Checks a tenant's configuration without binding it and without resolving secrets. Accepts secret references of every
    /// form; the orchestrator decides whether local ones are allowed.
    ///
    /// # Errors
    /// `UnknownStrategy`, or `ConfigInvalid` with every violation and its JSON pointer. With the feature
    /// `schema-validation` it checks the whole schema; without it, it checks the secrets, and the types if there are none.
    pub fn check(&self, strategy: &str, config: &Value) -> Result<(), Error> {
        let entry = self.entry(strategy)?;
        let secrets = entry.checks.check(config, true).map_err(|error| error.with_context("strategy", strategy))?;
        // A secret's placeholder may not parse as the secret, so the types of a configuration with secrets are checked at binding.
        if secrets.is_empty() { entry.strategy.parses(config) } else { Ok(()) }
    }

    /// The routes that follow from a tenant's configuration, sorted: for platforms that write their own tables of tenants. One that is
    /// not [shared](RouteKey::is_shared) must lead to this tenant alone.
    /// [`TenantSetup`](super::TenantSetup) derives them by itself. Accepts secret references of every form and resolves none.
    ///
    /// # Errors
    /// As [`check`](Self::check); also `Unexpected` if the strategy makes a route of a secret.
    pub fn routes(&self, strategy: &str, config: &Value) -> Result<Vec<RouteKey>, Error> {
        let entry = self.entry(strategy)?;
        let of_strategy = |error: Error| error.with_context("strategy", strategy);
        let sites = entry.checks.check(config, true).map_err(of_strategy)?;
        let mut filled = Resolved::new(config.clone());
        for site in &sites {
            filled.fill(&site.pointer, PLACEHOLDER);
        }
        entry.routes(&filled, &sites).map_err(of_strategy)
    }

    pub(crate) fn entry(&self, name: &str) -> Result<&Arc<RegisteredStrategy>, Error> {
        self.entries.get(name).ok_or_else(|| {
            // A name may come from outside, and is no longer than this.
            let given: String = name.chars().take(64).collect();
            let error = Error::new(ErrorKind::UnknownStrategy, "no strategy is registered under this name").with_context("strategy", given);
            known(error, &self.entries, closest(name, self.entries.keys().map(String::as_str)).unwrap_or_default())
        })
    }
}

/// The kind of a strategy's schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaOf {
    /// The schema of a tenant's configuration.
    Config,
    /// The schema of its messages.
    Message,
}
