//! The registry of strategies, and each tenant's instance of them.

mod builder;
mod caching;
mod registered;
mod tenant_setup;
mod tenants;

pub use builder::{RegistryBuilder, SchemaOf, StrategyRegistry};
pub use caching::Caching;
pub(crate) use registered::RegisteredStrategy;
pub use tenant_setup::TenantSetup;
pub(crate) use tenants::{BoundTenant, CacheUse, Tenants};
