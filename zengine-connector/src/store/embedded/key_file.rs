//! The key file beside the store: `{"v":1,"keys":[{"id":…,"key":…}]}`, the current key first.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{
    fault::io_error,
    new_file::{create_private, create_whole, extended, keep_owner, make_private, sync_folder},
};
use crate::{
    hex::hex,
    keyring::{Key, StaticKeyRing},
    runtime::Rng,
    secret::Secret,
    store::{
        StoreError, StoreErrorKind,
        owners::{OTHERS, Owners},
    },
};

/// The error of the file system about the key file.
fn failed(error: io::Error) -> StoreError {
    match io_error(error) {
        full if full.kind == StoreErrorKind::Full => full,
        error => StoreError { kind: StoreErrorKind::Unavailable, message: "the store's key file could not be read or written", ..error },
    }
}

/// The content of a store's key file.
#[derive(Clone)]
pub(super) struct KeyFile {
    path: PathBuf,
    /// Those who may have written it.
    owners: Owners,
    current: StoredKey,
    older: Vec<StoredKey>,
}

#[derive(Clone, Serialize, Deserialize)]
struct StoredKey {
    id: String,
    #[serde(rename = "key", with = "base64")]
    bytes: Secret<[u8; 32]>,
}

impl StoredKey {
    fn random(rng: &dyn Rng) -> Self {
        let (key, bytes) = Key::random(rng);
        Self { id: key.id().to_owned(), bytes }
    }

    fn key(&self) -> Key {
        Key::new(&*self.id, &self.bytes)
    }
}

#[derive(Serialize, Deserialize)]
struct Form<Keys> {
    v: u32,
    keys: Keys,
}

/// The bytes of a key as base64. Overwrites every copy in memory.
mod base64 {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use zeroize::Zeroizing;

    use crate::secret::Secret;

    pub(super) fn serialize<S: Serializer>(bytes: &Secret<[u8; 32]>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(bytes.expose())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret<[u8; 32]>, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = STANDARD.decode(&*text).map(Zeroizing::new).map_err(D::Error::custom)?;
        <[u8; 32]>::try_from(&**bytes).map(Secret::new).map_err(D::Error::custom)
    }
}

impl KeyFile {
    /// The path of a store's key file.
    pub(super) fn beside(store: &Path) -> PathBuf {
        extended(store, ".key")
    }

    /// Reads the key file. `None` if it does not exist. One that others may have written is refused: with keys of theirs they could read
    /// what is stored from now on.
    pub(super) fn read(path: &Path, owners: Owners) -> Result<Option<Self>, StoreError> {
        let damaged = || StoreError::new(StoreErrorKind::Corrupt, "the store's key file is damaged: put a backup in its place");
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed)?,
        };
        // The opened file: the path may lead to another one by now.
        owners.check(&file.metadata().map_err(failed)?, OTHERS).map_err(|_| {
            let message =
                "others may write the store's key file, or own it: make it yours with mode 0600, and look whether it is still yours";
            StoreError::new(StoreErrorKind::Corrupt, message)
        })?;
        let mut text = Zeroizing::new(Vec::new());
        file.read_to_end(&mut text).map_err(failed)?;
        let form: Form<&RawValue> = serde_json::from_slice(&text).map_err(|_| damaged())?;
        if form.v != 1 {
            return Err(StoreError::new(
                StoreErrorKind::Corrupt,
                "the store's key file has an unknown version: use the release that wrote it",
            ));
        }
        let mut keys = serde_json::from_str::<Vec<_>>(form.keys.get()).map_err(|_| damaged())?.into_iter();
        let current = keys.next().ok_or_else(damaged)?;
        Ok(Some(Self { path: path.to_owned(), owners, current, older: keys.collect() }))
    }

    /// Reads the same file again.
    pub(super) fn reread(&self) -> Result<Option<Self>, StoreError> {
        Self::read(&self.path, self.owners)
    }

    /// Creates a key file with a new key.
    pub(super) fn create(path: &Path, owners: Owners, rng: &dyn Rng) -> Result<Self, StoreError> {
        Self { path: path.to_owned(), owners, current: StoredKey::random(rng), older: Vec::new() }.written()
    }

    /// The same keys with a new current one. Older keys stay, because data that they encrypted must stay readable.
    pub(super) fn rotated(&self, rng: &dyn Rng) -> Result<Self, StoreError> {
        let older = self.entries().cloned().collect();
        Self { path: self.path.clone(), owners: self.owners, current: StoredKey::random(rng), older }.written()
    }

    /// The same keys without some older ones.
    pub(super) fn without(&self, dropped: &[String]) -> Result<Self, StoreError> {
        let older = self.older.iter().filter(|key| !dropped.contains(&key.id)).cloned().collect();
        Self { older, ..self.clone() }.written()
    }

    /// Writes the keys to the key file of a copy. Never replaces a key file, because data under its keys would become
    /// unreadable.
    pub(super) fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        let text = self.text()?;
        create_whole(path, |aside| fs::write(aside, &text).map_err(failed))
    }

    fn text(&self) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let keys: Vec<_> = self.entries().collect();
        let text = serde_json::to_vec(&Form { v: 1, keys }).map(Zeroizing::new);
        text.map_err(|_| StoreError::new(StoreErrorKind::Corrupt, "the keys have no JSON form"))
    }

    /// Replaces the file atomically: after a crash it holds the old keys or the new ones. A link, as to a mounted volume, stays one: its
    /// file is replaced.
    fn written(self) -> Result<Self, StoreError> {
        let text = self.text()?;
        let path = match fs::canonicalize(&self.path) {
            // A new one. A link to a file that is not there is refused.
            Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(&self.path).is_err() => self.path.clone(),
            resolved => resolved.map_err(failed)?,
        };
        let next = extended(&path, ".new");
        // A file left by a crash may have other permissions.
        let remove = || fs::remove_file(&next).or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) });
        let mut file = remove().and_then(|()| create_private(&next)).map_err(failed)?;
        if let Err(error) = keep_owner(&file, &path) {
            // Report the first error.
            let _ = fs::remove_file(&next);
            let message = "the key file belongs to another user, who could not read a new one: change its keys as that user, or as root";
            return Err(StoreError::new(StoreErrorKind::Unavailable, message).with_source(error));
        }
        let mut write = || {
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&next, &path)?;
            sync_folder(&path)
        };
        write().map_err(failed)?;
        Ok(self)
    }

    /// Removes the permissions of group and others. A file of another trusted user, or on a volume that is mounted for reading, keeps them.
    pub(super) fn make_private(&self) -> Result<(), StoreError> {
        match make_private(&self.path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => Ok(()),
            made => made.map_err(failed),
        }
    }

    fn entries(&self) -> impl Iterator<Item = &StoredKey> {
        std::iter::once(&self.current).chain(&self.older)
    }

    /// The ids of the keys, the current one first.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.entries().map(|entry| &*entry.id)
    }

    pub(super) fn ring(&self) -> StaticKeyRing {
        self.older.iter().map(StoredKey::key).fold(StaticKeyRing::new(self.current.key()), StaticKeyRing::with_older)
    }

    pub(super) fn current_id(&self) -> &str {
        &self.current.id
    }

    /// The ids of the keys and their check values.
    pub(super) fn checks(&self) -> Vec<(String, String)> {
        self.ids().filter_map(|id| Some((id.to_owned(), self.check_value(id)?))).collect()
    }

    pub(super) fn holds(&self, id: &str) -> bool {
        self.entries().any(|entry| entry.id == id)
    }

    /// A check value of a key. It identifies the key's bytes without revealing them.
    pub(super) fn check_value(&self, id: &str) -> Option<String> {
        self.entries().find(|entry| entry.id == id).map(|entry| hex(&entry.key().fingerprint(&[b"zengine store key"])))
    }
}
