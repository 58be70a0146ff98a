//! Every store in memory, for tests and for programs that need no durability.
//!
//! [`Memory`] holds one store of each kind. Its content is lost when the process ends. A host that must not send twice after
//! a restart needs a durable store.

mod claims;
mod dead_letters;
mod directory;
mod epochs;
mod events;
mod secrets;
mod sessions;
mod table;

use std::sync::Arc;

pub use claims::MemoryClaims;
pub use dead_letters::MemoryDeadLetters;
pub use directory::MemoryDirectory;
pub use epochs::MemoryEpochs;
pub use events::MemoryEvents;
pub use secrets::MemorySecrets;
pub use sessions::MemorySessions;

use super::Stores;
use crate::{keyring::StaticKeyRing, runtime::SystemRng};

/// One store of each kind, in memory. A clone is another handle to the same stores.
///
/// ```
/// use zengine_connector::{StrategyName, TenantId, store::{Memory, Stores}};
///
/// let memory = Memory::new();
/// memory.directory().put(&TenantId::new("acme")?, &StrategyName::new("sns-sms")?, serde_json::json!({}));
/// let stores = Stores::from(memory);
/// assert!(stores.directory.is_some());
/// # Ok::<(), zengine_connector::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Memory {
    claims: Arc<MemoryClaims>,
    dead_letters: Arc<MemoryDeadLetters>,
    events: Arc<MemoryEvents>,
    epochs: Arc<MemoryEpochs>,
    sessions: Arc<MemorySessions>,
    directory: Arc<MemoryDirectory>,
    secrets: Arc<MemorySecrets>,
    keys: Arc<StaticKeyRing>,
}

impl Memory {
    /// Empty stores and a random key.
    pub fn new() -> Self {
        Self {
            claims: Arc::default(),
            dead_letters: Arc::default(),
            events: Arc::default(),
            epochs: Arc::default(),
            sessions: Arc::default(),
            directory: Arc::default(),
            secrets: Arc::default(),
            keys: Arc::new(StaticKeyRing::ephemeral(&SystemRng)),
        }
    }

    /// The claims.
    pub fn claims(&self) -> Arc<MemoryClaims> {
        Arc::clone(&self.claims)
    }

    /// The dead letters.
    pub fn dead_letters(&self) -> Arc<MemoryDeadLetters> {
        Arc::clone(&self.dead_letters)
    }

    /// The published events.
    pub fn events(&self) -> Arc<MemoryEvents> {
        Arc::clone(&self.events)
    }

    /// The epoch logs.
    pub fn epochs(&self) -> Arc<MemoryEpochs> {
        Arc::clone(&self.epochs)
    }

    /// The sessions.
    pub fn sessions(&self) -> Arc<MemorySessions> {
        Arc::clone(&self.sessions)
    }

    /// The tenant directory.
    pub fn directory(&self) -> Arc<MemoryDirectory> {
        Arc::clone(&self.directory)
    }

    /// The secrets.
    pub fn secrets(&self) -> Arc<MemorySecrets> {
        Arc::clone(&self.secrets)
    }

    /// The keys. They are lost with the last handle.
    pub fn keys(&self) -> Arc<StaticKeyRing> {
        Arc::clone(&self.keys)
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl From<&Memory> for Stores {
    fn from(memory: &Memory) -> Self {
        Self::new(memory.claims(), memory.dead_letters(), memory.events(), memory.epochs(), memory.sessions(), memory.keys())
            .with_directory(memory.directory())
            .with_secrets(memory.secrets())
    }
}

impl From<Memory> for Stores {
    fn from(memory: Memory) -> Self {
        Self::from(&memory)
    }
}
