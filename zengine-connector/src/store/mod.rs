//! Stores: small object-safe ports, and what is kept behind them.
//!
//! | port | keeps |
//! |---|---|
//! | [`ClaimStore`] | one record per send and per inbound event: who owns it, what became of it |
//! | [`DeadLetters`] | what failed for good, with the message, encrypted |
//! | [`EventBus`] | nothing: passes domain events on |
//! | [`EpochLog`] | breaker transitions shared between processes |
//! | [`SessionStore`] | the state strategies keep between attempts, encrypted |
//! | [`TenantDirectory`] | which tenant uses which strategy, how configured, and which provider ids are its |
//! | [`SecretStore`] | secrets by reference |
//!
//! Conditional writes of claims are decided by one pure function, [`ClaimOp::decide`]; a store only has to run it
//! atomically.
//!
//! [`Memory`] is every port in memory; the feature `embedded` brings one crash-safe file. [`Stores`] is the bundle an orchestrator takes.

mod bundle;
pub mod claims;
mod dead_letters;
mod directory;
#[cfg(feature = "embedded")]
mod embedded;
mod epochs;
mod error;
mod events;
mod letters;
mod local_secrets;
mod memory;
mod secrets;
mod sessions;

pub use bundle::Stores;
pub use claims::{
    Applied, At, ClaimKey, ClaimOp, ClaimRecord, ClaimStatus, ClaimStore, Decision, Effects, Evidence, Fingerprint, FingerprintValue,
    InboundDecision, InboundOp, InboundRecord, InboundStatus, Lease, NoToken, OwnerToken, Reference, StoredError, StoredReceipt, Terminal,
};
pub use dead_letters::{AttemptRecord, DeadLetter, DeadLetterPage, DeadLetters, LetterDirection};
pub use directory::{TenantConfig, TenantDirectory};
#[cfg(feature = "embedded")]
pub use embedded::{
    Embedded, EmbeddedClaims, EmbeddedDeadLetters, EmbeddedDirectory, EmbeddedEpochs, EmbeddedEvents, EmbeddedKeys, EmbeddedSessions,
};
pub use epochs::{EpochEntry, EpochLog};
pub use error::{StoreError, StoreErrorKind};
pub use events::{DomainEvent, EventBus, OutboundFailed};
pub use local_secrets::LocalSecrets;
pub use memory::{Memory, MemoryClaims, MemoryDeadLetters, MemoryDirectory, MemoryEpochs, MemoryEvents, MemorySecrets, MemorySessions};
pub use secrets::{SecretError, SecretScope, SecretStore};
pub use sessions::SessionStore;
