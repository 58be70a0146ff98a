//! The store's keys.

use std::{path::Path, sync::Arc};

use super::key_file::KeyFile;
use crate::{
    keyring::{Key, KeyRing, StaticKeyRing},
    runtime::Rng,
    store::StoreError,
    sync::{Mutex, Snapshot},
};

/// The keys of an embedded store, from its key file.
pub(super) struct EmbeddedKeys {
    file: Mutex<KeyFile>,
    ring: Snapshot<StaticKeyRing>,
}

impl EmbeddedKeys {
    pub(super) fn new(file: KeyFile) -> Self {
        let ring = Snapshot::new(file.ring());
        Self { file: Mutex::new(file), ring }
    }

    pub(super) fn rotate(&self, rng: &dyn Rng) -> Result<String, StoreError> {
        let mut file = self.file.lock();
        *file = file.rotated(rng)?;
        self.ring.store(Arc::new(file.ring()));
        Ok(file.current_id().to_owned())
    }

    pub(super) fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        self.file.lock().copy_to(path)
    }
}

impl KeyRing for EmbeddedKeys {
    fn current(&self) -> Arc<Key> {
        self.ring.load().current()
    }

    fn by_id(&self, id: &str) -> Option<Arc<Key>> {
        self.ring.load().by_id(id)
    }
}

debug_fields!(EmbeddedKeys { current: |keys| keys.current().id().to_owned() });
