//! The store's keys.

use std::{collections::BTreeSet, path::Path, sync::Arc};

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
    /// Held by one rotation at a time. The file's lock is not held while the store is written, whose thread may want it.
    rotating: Mutex<()>,
    ring: Snapshot<StaticKeyRing>,
    /// Whether another handle rotates the keys.
    follows: bool,
}

impl EmbeddedKeys {
    pub(super) fn new(file: KeyFile) -> Self {
        let ring = Snapshot::new(file.ring());
        Self { file: Mutex::new(file), rotating: Mutex::new(()), ring, follows: false }
    }

    /// The keys of a handle that only reads. They follow the key file, because the host may rotate its keys.
    pub(super) fn following(file: KeyFile) -> Self {
        Self { follows: true, ..Self::new(file) }
    }

    /// Reads the key file again if it holds a key. A file that cannot be read changes nothing.
    fn follow(&self, id: &str) -> Option<Arc<Key>> {
        let mut file = self.file.lock();
        let newer = file.reread().ok().flatten().filter(|newer| newer.holds(id))?;
        self.ring.store(Arc::new(newer.ring()));
        *file = newer;
        self.ring.load().by_id(id)
    }

    /// Adds a key, and uses it as soon as it is recorded.
    pub(super) fn rotate(
        &self,
        rng: &dyn Rng,
        record: impl FnOnce(&[(String, String)]) -> Result<(), StoreError>,
    ) -> Result<String, StoreError> {
        let _one = self.rotating.lock();
        let rotated = {
            let mut file = self.file.lock();
            *file = file.rotated(rng)?;
            file.clone()
        };
        record(&rotated.checks())?;
        self.ring.store(Arc::new(rotated.ring()));
        Ok(rotated.current_id().to_owned())
    }

    /// The ids of all keys and their check values.
    pub(super) fn checks(&self) -> Vec<(String, String)> {
        self.file.lock().checks()
    }

    /// The ids of all keys, the current one first.
    pub(super) fn ids(&self) -> Vec<String> {
        self.file.lock().ids().map(str::to_owned).collect()
    }

    /// The id of the current key, and its check value.
    pub(super) fn current_check(&self) -> (String, String) {
        let file = self.file.lock();
        (file.current_id().to_owned(), file.check_value(file.current_id()).unwrap_or_default())
    }

    /// Removes the older keys that are not named, and returns their ids.
    pub(super) fn keep(&self, in_use: &BTreeSet<String>) -> Result<Vec<String>, StoreError> {
        let mut file = self.file.lock();
        let dropped: Vec<_> = file.ids().skip(1).filter(|id| !in_use.contains(*id)).map(str::to_owned).collect();
        if !dropped.is_empty() {
            *file = file.without(&dropped)?;
            self.ring.store(Arc::new(file.ring()));
        }
        Ok(dropped)
    }

    /// Writes the keys to the key file of a copy. Where another handle rotates them, its key file is read again first, and
    /// `fitting` says whether keys belong to the copied commit: if one was dropped since, those that were read before do.
    pub(super) fn copy_to(&self, path: &Path, fitting: impl Fn(Option<KeyFile>) -> Result<KeyFile, StoreError>) -> Result<(), StoreError> {
        let mut file = self.file.lock();
        if self.follows {
            *file = match file.reread()? {
                None => fitting(None)?,
                newest => fitting(newest).or_else(|error| fitting(Some(file.clone())).map_err(|_| error))?,
            };
            self.ring.store(Arc::new(file.ring()));
        }
        file.copy_to(path)
    }
}

impl KeyRing for EmbeddedKeys {
    fn current(&self) -> Arc<Key> {
        self.ring.load().current()
    }

    fn by_id(&self, id: &str) -> Option<Arc<Key>> {
        // A reader opens stored content: an unknown id is rare, and mostly that of a new key.
        self.ring.load().by_id(id).or_else(|| if self.follows { self.follow(id) } else { None })
    }

    fn others(&self) -> Vec<Arc<Key>> {
        self.ring.load().others()
    }
}

debug_fields!(EmbeddedKeys { current: |keys| keys.current().id().to_owned() });
