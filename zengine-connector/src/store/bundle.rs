//! The bundle of a host's stores.

use std::sync::Arc;

use super::{ClaimStore, DeadLetters, EpochLog, EventBus, SecretStore, SessionStore, TenantDirectory};
use crate::keyring::KeyRing;

/// A bundle with one store of each kind. [`Memory`](super::Memory) and the embedded store convert into it. To mix stores,
/// start from one of them and replace fields.
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
    /// Claims of sends and inbound events.
    pub claims: Arc<dyn ClaimStore>,
    /// Dead letters.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// The bus for domain events.
    pub events: Arc<dyn EventBus>,
    /// Breaker transitions.
    pub epochs: Arc<dyn EpochLog>,
    /// State of strategies.
    pub sessions: Arc<dyn SessionStore>,
    /// Keys for encryption and fingerprints.
    pub keys: Arc<dyn KeyRing>,
    /// Tenants' configuration, if this store holds it.
    pub directory: Option<Arc<dyn TenantDirectory>>,
    /// Secrets, if this store holds them.
    pub secrets: Option<Arc<dyn SecretStore>>,
}

impl Stores {
    /// A bundle without directory and secrets.
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
