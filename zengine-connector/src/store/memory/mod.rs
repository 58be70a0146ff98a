//! Every store in memory, for tests and for programs that need no durability.
//!
//! [`Memory`] holds one store of each kind. Its content is lost when the process ends. A host that must not send twice after
//! a restart needs a durable store.

mod claims;
mod dead_letters;
mod directory;
mod epochs;
mod events;
mod media;
mod secrets;
mod sessions;
mod table;

use std::sync::Arc;

use super::{
    ClaimStore, DeadLetterStore, DomainEvent, EpochLog, EventBus, MediaStore, SecretScope, SecretStore, SessionStore, Stores,
    TenantDirectory, TenantRow, TenantWriter, bundle::ports_of,
};
use crate::{
    ids::{ConfigVersion, StrategyName, TenantId},
    keyring::{KeyRing, StaticKeyRing},
    runtime::SystemRng,
    secret::Secret,
    sync::RwLock,
};

/// One store of each kind, in memory. A clone is another handle to the same stores.
///
/// Its own methods write tenants and secrets without waiting, and look inside for tests; everything else goes through the ports.
///
/// ```
/// use zengine_connector::{StrategyName, TenantId, store::{Memory, SecretScope}};
///
/// let (memory, acme, sms) = (Memory::new(), TenantId::new("acme")?, StrategyName::new("sns-sms")?);
/// memory.put_secret(&SecretScope::tenant(sms.clone(), acme.clone()), "aws", "an access key");
/// memory.put_tenant(&acme, &sms, serde_json::json!({ "credentials": { "secret": "aws" } }));
/// assert!(memory.stores().directory.is_some());
/// assert_eq!(memory.claim_count(), 0);
/// # Ok::<(), zengine_connector::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Memory {
    tables: Arc<Tables>,
    keys: Arc<StaticKeyRing>,
}

/// The tables of all kinds, which implement the ports.
#[derive(Default)]
struct Tables {
    claims: claims::Claims,
    dead_letters: dead_letters::Letters,
    events: events::Published,
    epochs: epochs::Logs,
    sessions: sessions::Sessions,
    media: media::Files,
    directory: RwLock<directory::Rows>,
    secrets: secrets::Secrets,
}

impl Memory {
    /// Empty stores and a random key.
    pub fn new() -> Self {
        Self { tables: Arc::default(), keys: Arc::new(StaticKeyRing::ephemeral(&SystemRng)) }
    }
}

ports_of! {
    Memory {
        /// The claims, for one process.
        claims: ClaimStore in tables,
        /// The dead letters.
        dead_letters: DeadLetterStore in tables,
        /// The event bus. It keeps the newest 10,000 events for [`published`](Self::published).
        events: EventBus in tables,
        /// The epoch logs.
        epochs: EpochLog in tables,
        /// The sessions.
        sessions: SessionStore in tables,
        /// The files.
        media: MediaStore in tables,
        /// The tenant directory.
        directory: TenantDirectory in tables,
        /// The writer of tenants and their secrets.
        tenant_writer: TenantWriter in tables,
        /// The secrets.
        secrets: SecretStore in tables,
        /// The keys. They are lost with the last handle.
        keys: KeyRing in keys,
    }
}

/// Writes that need not wait.
impl Memory {
    /// Writes a tenant's row, as [`TenantWriter::put`] does. A plain configuration is an enabled row without routes.
    pub fn put_tenant(&self, tenant: &TenantId, strategy: &StrategyName, row: impl Into<TenantRow>) -> ConfigVersion {
        self.tables.directory.write().put(tenant, strategy, row.into())
    }

    /// Sets a secret's only value.
    pub fn put_secret(&self, scope: &SecretScope, name: impl AsRef<str>, value: impl Into<Vec<u8>>) {
        self.tables.set_secret(scope, name.as_ref(), vec![Secret::new(value.into())]);
    }

    /// Adds a new value to a secret. The previous value stays valid; older ones are removed.
    pub fn rotate_secret(&self, scope: &SecretScope, name: impl AsRef<str>, value: impl Into<Vec<u8>>) {
        let mut secrets = self.tables.secrets.write();
        let values = secrets.entry((scope.clone(), name.as_ref().to_owned())).or_default();
        values.insert(0, Secret::new(value.into()));
        values.truncate(2);
    }

    /// Removes a secret. Returns `true` if it existed.
    pub fn remove_secret(&self, scope: &SecretScope, name: impl AsRef<str>) -> bool {
        self.tables.set_secret(scope, name.as_ref(), vec![])
    }
}

/// A look inside, for tests and for small programs.
impl Memory {
    /// The published events, oldest first, including repeated ids.
    pub fn published(&self) -> Vec<DomainEvent> {
        self.tables.events.lock().iter().cloned().collect()
    }

    /// Number of records of sends, including expired ones that are not removed yet.
    pub fn claim_count(&self) -> usize {
        self.tables.claims.len()
    }

    /// Number of dead letters.
    pub fn dead_letter_count(&self) -> usize {
        self.tables.dead_letters.lock().len()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

debug_fields!(Tables {});
