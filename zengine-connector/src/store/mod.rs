//! Stores: small object-safe ports, and their records.
//!
//! | port | contents |
//! |---|---|
//! | [`ClaimStore`] | one record per send and per inbound event: its owner and its outcome |
//! | [`DeadLetterSink`], [`DeadLetterStore`] | failed messages, encrypted; a queue is a sink |
//! | [`EventBus`] | none: it passes domain events on |
//! | [`EpochLog`] | breaker transitions shared between processes |
//! | [`SessionStore`] | the state of strategies between attempts, encrypted |
//! | [`MediaStore`] | files for messages, each for a time |
//! | [`TenantDirectory`] | the tenants of each strategy, with configuration and provider ids |
//! | [`TenantWriter`] | none: it writes what a directory reads, for the host |
//! | [`SecretStore`] | secrets by scope and name |
//!
//! One pure function, [`ClaimOp::decide`], decides all conditional writes of claims. A store only has to run it atomically.
//!
//! [`EnvSecrets`], [`FileSecrets`] and [`SecretFn`] are secret stores for production.
//!
//! [`Memory`] implements every port in memory. With the feature `embedded`, `Embedded` implements them all in one crash-safe file. [`Stores`] is the
//! bundle that an orchestrator takes; its builder mixes ports of several back ends.

mod bundle;
mod cbor;
pub mod claims;
mod dead_letters;
mod directory;
mod doubt;
#[cfg(feature = "embedded")]
mod embedded;
mod epochs;
mod error;
mod events;
mod letters;
mod media;
mod memory;
#[cfg(any(unix, feature = "embedded"))]
mod owners;
mod ports;
mod secrets;
mod sessions;
mod tenant_writer;

pub use bundle::{Stores, StoresBuilder};
pub use claims::{
    Applied, At, AttemptRecord, Attempts, AttemptsMade, ClaimKey, ClaimOp, ClaimRecord, ClaimStatus, ClaimStore, Decision, DuePage,
    Effects, Evidence, Fingerprint, InboundOp, InboundRecord, InboundStatus, Lease, OwnerToken, Reference, StepRecord, StoredError,
    StoredReceipt, Terminal, compare_and_set,
};
pub(crate) use claims::{Due, Life};
pub use dead_letters::{DeadLetter, DeadLetterPage, DeadLetterPort, DeadLetterSink, DeadLetterStore, LetterDirection};
pub use directory::{TenantConfig, TenantDirectory};
pub(crate) use doubt::Doubt;
#[cfg(feature = "embedded")]
pub(crate) use embedded::catches_panics;
#[cfg(feature = "embedded")]
pub use embedded::{Embedded, Resealed};
pub use epochs::{EpochEntry, EpochLog};
pub use error::{StoreError, StoreErrorKind};
pub use events::{DomainEvent, EventBus, OutboundFailed};
pub use media::{FileUrl, MediaStore, NewFile, StoredFile};
pub use memory::Memory;
pub(crate) use ports::Ports;
pub(crate) use secrets::check_secret;
pub use secrets::{EnvSecrets, FileSecrets, SecretAnswer, SecretError, SecretFn, SecretScope, SecretStore};
pub(crate) use sessions::place as session_place;
pub use sessions::{SessionPage, SessionStore, StoredSession};
pub use tenant_writer::{TenantRow, TenantWriter};
