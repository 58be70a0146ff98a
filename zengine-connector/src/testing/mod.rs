//! Test support for hosts and strategies: contract suites, fault injection, and a clock that advances only when every task
//! waits.
//!
//! Not covered by semantic versioning: names here may change in patch releases.

mod block_on;
mod cas_store;
#[cfg(feature = "tokio")]
mod clock;
mod contexts;
#[cfg(feature = "tokio")]
pub mod contract;
mod delegate;
mod faults;
mod inbound;
mod no_tasks;
mod recording;
mod secret_contract;
pub mod store_contract;

pub use block_on::block_on;
pub use cas_store::{CasStore, Trips};
#[cfg(feature = "tokio")]
pub use clock::SimClock;
pub use contexts::Contexts;
pub use faults::{
    Faults, FaultyClaims, FaultyDirectory, FaultyEpochs, FaultyEvents, FaultyFiles, FaultyLetters, FaultySecrets, FaultySessions,
    StoreCall, StoreFault,
};
pub use inbound::{Decided, InboundSetup};
pub use no_tasks::NoTasks;
pub use recording::{NativeProvider, PlainProvider, ProviderAnswer, ProviderKind, QueryableProvider, Recording, RecordingConfig, Sent};
pub use secret_contract::{SecretWriter, secret_store_contract};
