//! All stores of a host in one value.

use std::sync::Arc;

use super::{ClaimStore, DeadLetters, EpochLog, EventBus, SecretStore, SessionStore, TenantDirectory};
use crate::keyring::KeyRing;

/// One store of each kind. [`Memory`](super::Memory) and the embedded store convert into it; a host that mixes stores
/// starts from one of them and replaces fields.
///
/// ```
/// use std::sync::Arc;
/// use zengine_connector::store::{Memory, MemoryEvents, Stores};
///
/// let mut stores = Stores::from(Memory::new());
/// stores.events = Arc::new(MemoryEvents::new());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stores {
    /// Who sends what.
    pub claims: Arc<dyn ClaimStore>,
    /// What failed for good.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Where domain events go.
    pub events: Arc<dyn EventBus>,
    /// Breaker transitions.
    pub epochs: Arc<dyn EpochLog>,
    /// What strategies keep.
    pub sessions: Arc<dyn SessionStore>,
    /// Keys for what is stored encrypted.
    pub keys: Arc<dyn KeyRing>,
    /// Tenants' configuration, where this store keeps it.
    pub directory: Option<Arc<dyn TenantDirectory>>,
    /// Secrets, where this store keeps them.
    pub secrets: Option<Arc<dyn SecretStore>>,
}

impl Stores {
    /// Stores without directory and secrets.
    pub fn new(
        claims: Arc<dyn ClaimStore>,
        dead_letters: Arc<dyn DeadLetters>,
        events: Arc<dyn EventBus>,
        epochs: Arc<dyn EpochLog>,
        sessions: Arc<dyn SessionStore>,
        keys: Arc<dyn KeyRing>,
    ) -> Self {
        Self { claims, dead_letters, events, epochs, sessions, keys, directory: None, secrets: None }
    }

    /// Adds the tenant directory.
    #[must_use = "returns the stores with the directory"]
    pub fn with_directory(mut self, directory: Arc<dyn TenantDirectory>) -> Self {
        self.directory = Some(directory);
        self
    }

    /// Adds the secret store.
    #[must_use = "returns the stores with the secrets"]
    pub fn with_secrets(mut self, secrets: Arc<dyn SecretStore>) -> Self {
        self.secrets = Some(secrets);
        self
    }
}
