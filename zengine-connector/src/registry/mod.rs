//! Which strategies there are, and each tenant's instance of them.

mod builder;
mod erased;
mod tenants;

pub(crate) use builder::Entry;
pub use builder::{RegistryBuilder, StrategyRegistry};
pub(crate) use erased::{DynInbound, DynOutbound, DynStrategy, ErasedTenant, InboundHalf, OutboundHalf};
pub(crate) use tenants::{BoundTenant, Tenants};
