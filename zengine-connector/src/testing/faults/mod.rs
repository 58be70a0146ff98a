//! Stores that fail on demand.

mod claims;
mod policy;
mod stores;
mod tenants;

pub use claims::FaultyClaims;
pub use policy::{Faults, StoreCall, StoreFault};
pub use stores::{FaultyEpochs, FaultyEvents, FaultyLetters, FaultySessions};
pub use tenants::{FaultyDirectory, FaultySecrets};
