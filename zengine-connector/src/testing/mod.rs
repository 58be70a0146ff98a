//! For tests of hosts and of strategies: time that stands still until everybody waits.
//!
//! Not covered by semantic versioning: names here may change in patch releases.

mod block_on;
#[cfg(feature = "tokio")]
mod clock;
mod contexts;
#[cfg(feature = "tokio")]
pub mod contract;
mod faults;
mod inbound;
mod recording;
mod secret_contract;
pub mod store_contract;

pub use block_on::block_on;
#[cfg(feature = "tokio")]
pub use clock::SimClock;
pub use contexts::Contexts;
pub use faults::{Faults, FaultyClaims, FaultyEvents, FaultyLetters, StoreCall, Trouble};
pub use inbound::{Decided, InboundSetup};
pub use recording::{Answer, Askable, Keyed, Protection, Recording, RecordingConfig, Sent, Unprotected};
pub use secret_contract::{SecretWriter, secret_store_contract};
