//! Explicit registration, by instance.

use std::{
    any::type_name,
    collections::{BTreeMap, btree_map},
    fmt,
    sync::Arc,
};

use super::{DynInbound, DynOutbound, DynStrategy};
use crate::{
    error::{Error, ErrorKind},
    ids::StrategyName,
    strategy::{Descriptor, Strategy},
};

/// One registered strategy.
pub(crate) struct Entry {
    pub(crate) name: StrategyName,
    pub(crate) descriptor: &'static Descriptor,
    pub(crate) type_name: &'static str,
    pub(crate) strategy: Arc<dyn DynStrategy>,
    pub(crate) outbound: Option<Arc<dyn DynOutbound>>,
    pub(crate) inbound: Option<Arc<dyn DynInbound>>,
}

impl Entry {
    /// The half that sends.
    pub(crate) fn sends(&self) -> Result<&Arc<dyn DynOutbound>, Error> {
        self.outbound
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::Unsupported, "this strategy only receives").with_context("strategy", &self.name))
    }
}

/// Collects strategies.
#[derive(Default)]
#[must_use = "finish it with build()"]
pub struct RegistryBuilder {
    entries: BTreeMap<String, Arc<Entry>>,
    errors: Vec<Error>,
}

/// The strategies of a host. Cloning it copies a pointer.
#[derive(Clone)]
pub struct StrategyRegistry {
    entries: Arc<BTreeMap<String, Arc<Entry>>>,
}

impl RegistryBuilder {
    /// Adds a strategy under its own name.
    pub fn register<S: Strategy>(self, strategy: S) -> Self {
        self.register_as(S::DESCRIPTOR.name, strategy)
    }

    /// Adds a strategy under another name: a second Meta app, another AWS account.
    pub fn register_as<S: Strategy>(mut self, name: &str, strategy: S) -> Self {
        let name = match StrategyName::new(name) {
            Ok(name) => name,
            Err(error) => {
                self.errors.push(error);
                return self;
            }
        };
        match self.entries.entry(name.as_str().to_owned()) {
            btree_map::Entry::Vacant(place) => {
                let (strategy, halves) = (Arc::new(strategy), S::halves());
                place.insert(Arc::new(Entry {
                    name,
                    descriptor: S::DESCRIPTOR,
                    type_name: type_name::<S>(),
                    outbound: halves.outbound.map(|half| half(Arc::clone(&strategy))),
                    inbound: halves.inbound.map(|half| half(Arc::clone(&strategy))),
                    strategy,
                }));
            }
            btree_map::Entry::Occupied(taken) => self.errors.push(
                Error::new(ErrorKind::Settings, "two strategies are registered under one name")
                    .with_context("strategy", &name)
                    .with_context("first", taken.get().type_name)
                    .with_context("second", type_name::<S>()),
            ),
        }
        self
    }

    /// The registry.
    ///
    /// # Errors
    /// `Settings` where a name is taken twice or is none.
    pub fn build(mut self) -> Result<StrategyRegistry, Error> {
        if self.errors.is_empty() { Ok(StrategyRegistry { entries: Arc::new(self.entries) }) } else { Err(self.errors.remove(0)) }
    }
}

impl StrategyRegistry {
    /// An empty registry to fill.
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder::default()
    }

    /// What every strategy says of itself, under the name it is registered with.
    pub fn descriptors(&self) -> impl Iterator<Item = (&StrategyName, &'static Descriptor)> {
        self.entries.values().map(|entry| (&entry.name, entry.descriptor))
    }

    pub(crate) fn entry(&self, name: &str) -> Result<&Arc<Entry>, Error> {
        self.entries.get(name).ok_or_else(|| {
            let known: Vec<_> = self.entries.keys().map(String::as_str).collect();
            Error::new(ErrorKind::UnknownStrategy, "no strategy is registered under this name").with_context("known", known.join(", "))
        })
    }
}

impl fmt::Debug for RegistryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.keys()).finish()
    }
}

impl fmt::Debug for StrategyRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.keys()).finish()
    }
}
