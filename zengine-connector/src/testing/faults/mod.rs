//! Stores that fail on demand.

mod claims;
mod files;
mod policy;
mod stores;
mod tenants;

pub use claims::FaultyClaims;
pub use files::FaultyFiles;
pub use policy::{Faults, StoreCall, StoreFault};
pub use stores::{FaultyEpochs, FaultyEvents, FaultyLetters, FaultySessions};
pub use tenants::{FaultyDirectory, FaultySecrets};
