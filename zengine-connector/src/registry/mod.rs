//! Which strategies there are, and each tenant's instance of them.

mod builder;
mod caching;
mod suggest;
mod tenants;

pub(crate) use builder::Entry;
pub use builder::{RegistryBuilder, SchemaOf, StrategyRegistry};
pub use caching::Caching;
pub(crate) use tenants::{BoundTenant, Tenants};
