//! Every store in one crash-safe file, for hosts without a database server.
//!
//! - A write is on disk when its future completes. Concurrent writes share one transaction, made by a thread of its own.
//! - One process writes. [`Embedded::open_read_only`] can read at the same time, in the same process or another, and sees
//!   every commit.
//! - Every opening has an id of its own. Claims of an earlier opening count as expired, because the file's lock proves that
//!   their process is gone (rule 17).
//! - A full disk is [`StoreErrorKind::Full`]. No acknowledged write is lost, and the store works again as soon as there is
//!   space.
//! - Calls never wait for a lock that is held across disk writes, but a read may access the disk in the calling thread. Only a
//!   compaction makes all of them wait.

mod ascending;
mod claims;
mod dead_letters;
mod directory;
mod document;
mod engine;
mod epochs;
mod events;
mod fault;
mod file;
mod key_file;
mod keys;
mod limited;
mod media;
mod new_file;
mod rotation;
mod secrets;
mod sessions;
mod snapshot;
mod sweep;
mod tables;
#[cfg(test)]
mod tests;
mod work;
mod writer;

use std::{fs, path::Path, sync::Arc};

use redb::{ReadableTable as _, TableHandle as _, WriteTransaction};

pub(crate) use self::fault::catches_panics;
pub use self::rotation::Resealed;
use self::{
    engine::Engine,
    fault::{Fault, io_error, unless_damaged},
    file::{Opener, Shared},
    key_file::KeyFile,
    keys::EmbeddedKeys,
    limited::SyncLimit,
    new_file::{create_whole, make_private},
    tables::{FORMAT, META, each_table},
    work::Done,
};
use super::{
    ClaimStore, DeadLetterStore, DomainEvent, EpochLog, EventBus, MediaStore, SecretStore, SessionStore, StoreError, StoreErrorKind,
    Stores, TenantDirectory, TenantWriter,
    bundle::ports_of,
    owners::{Owners, owner},
};
use crate::{
    keyring::KeyRing,
    runtime::{Rng, SystemRng},
};

/// The store in one file. A clone is another handle to the same store. Dropping the last handle closes the file.
///
/// ```
/// use zengine_connector::store::Embedded;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("zengine.db");
/// let store = Embedded::open(&path)?;
/// assert!(store.stores().claims.boot().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Embedded {
    engine: Arc<Engine>,
    keys: Arc<EmbeddedKeys>,
}

impl Embedded {
    /// Opens a store for writing. Creates it, with its key file `<path>.key`, if it does not exist. Only the owner can read
    /// either file; a key file that another user brings, such as root in a mounted volume, keeps its permissions.
    ///
    /// # Errors
    /// `StoreBusy` if another process or handle has it open for writing. `Corrupt` if its format is unknown, the file is not a
    /// store or empty, its key file is missing, damaged, of another store or from before a rotation, others may write the key file or
    /// own it, or only the key file is there. `Unavailable` if the folder does not exist, or a file may not be read. Each has the path in
    /// [`StoreError::place`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let file = path.to_owned();
        let opened = unless_damaged(|| {
            make_file(path, &KeyFile::beside(path))?;
            let store = Self::open_with(Box::new(move |limit: &Arc<SyncLimit>| file::open(&file, limit)), path)?;
            // Only now is it known to be ours.
            make_private(path).map_err(io_error)?;
            Ok(store)
        });
        opened.map_err(|error: StoreError| error.with_place(path.display()))
    }

    fn open_with(opener: Opener, path: &Path) -> Result<Self, StoreError> {
        let shared = Shared::writing(opener)?;
        let found = examine(&shared)?;
        let (key_path, owners) = (KeyFile::beside(path), owners_of(path)?);
        let keys = match (&found, KeyFile::read(&key_path, owners)?) {
            (Found::Nothing, None) => KeyFile::create(&key_path, owners, &SystemRng)?,
            // The process that made both was killed before it wrote to the store.
            (Found::Nothing, Some(keys)) => keys,
            (Found::Store { keys: recorded }, keys) => fitting(keys, recorded)?,
        };
        keys.make_private()?;
        let boot = draw_boot(&SystemRng);
        prepare(&shared, &boot, &keys)?;
        let keys = Arc::new(EmbeddedKeys::new(keys));
        Ok(Self { engine: Arc::new(Engine::writing(shared, Arc::clone(&keys), boot.into())?), keys })
    }

    /// Opens a store for reading, also while a host writes it. Every read sees the host's last commit. Writes return
    /// `Unsupported`.
    ///
    /// # Errors
    /// `Unavailable` if there is no store, or its host was killed and has not opened it since. Else as [`open`](Self::open).
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        Self::open_for_reading(path).map_err(|error| error.with_place(path.display()))
    }

    fn open_for_reading(path: &Path) -> Result<Self, StoreError> {
        let shared = unless_damaged(|| {
            if fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() == 0) {
                return Err(empty());
            }
            Ok(Shared::reading(path)?)
        })?;
        let (key_path, owners) = (KeyFile::beside(path), owners_of(path)?);
        let keys = Arc::new(EmbeddedKeys::following(keys_beside(&shared, || KeyFile::read(&key_path, owners))?));
        Ok(Self { engine: Arc::new(Engine::reading(shared, Arc::clone(&keys))), keys })
    }

    /// Copies the last commit of the store, with its keys, to another path, while the host goes on writing. Blocks the calling
    /// thread.
    ///
    /// # Errors
    /// `Conflict` if a file exists at that path, or a key file beside it. Also if a file cannot be read or written.
    pub fn snapshot(&self, path: impl AsRef<Path>) -> Result<(), StoreError> {
        let path = path.as_ref();
        let key_path = KeyFile::beside(path);
        self.engine.read(|from| {
            // After the commit was chosen, so that a rotation meanwhile leaves no value without its key.
            let named = named_keys(from)?;
            self.keys.copy_to(&key_path, |keys| fitting(keys, &named))?;
            Ok(snapshot::copy(from, path).inspect_err(|_| {
                // Ours, and of no use alone. Report the first error.
                let _ = fs::remove_file(&key_path);
            })?)
        })
    }

    /// Returns the file's free space to the disk. Reads and writes wait meanwhile. Returns `false` if there was no free space.
    ///
    /// # Errors
    /// `Unavailable` while the store is being read: try again. `Corrupt` if the file is damaged: the store is opened again, and
    /// every call is `Corrupt` if that fails.
    pub async fn compact(&self) -> Result<bool, StoreError> {
        self.engine.writer()?.compact().await
    }

    /// Makes a new key the current one and returns its id. Older keys stay, so that data that they encrypted stays readable; then
    /// [`reseal`](Self::reseal) encrypts that data anew. Blocks the calling thread until both files are on disk: call it in a thread
    /// that may wait, such as of `spawn_blocking`.
    ///
    /// # Errors
    /// If the key file or the store cannot be written. The old key then stays the current one of this opening.
    pub fn rotate_key(&self) -> Result<String, StoreError> {
        self.engine.writer()?;
        self.keys.rotate(&SystemRng, |checks| self.engine.write_here(|transaction| record_keys(transaction, checks)))
    }

    /// Encrypts with the current key what older keys encrypted: receipts of sends, dead letters, sessions, files and secrets. Works beside a running
    /// host: each transaction looks at 256 entries, and other writes go on in between.
    ///
    /// If you drop the future, or the process is killed, everything stays readable; the next call goes on with what is left. A value
    /// that is written during a rotation may be under the old key, which stays until [`drop_old_keys`](Self::drop_old_keys).
    ///
    /// ```
    /// use zengine_connector::store::Embedded;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("zengine.db");
    /// # smol::block_on(async {
    /// let mut store = Embedded::open(path)?;
    /// let old = store.keys().current().id().to_owned();
    /// let new = store.rotate_key()?;
    /// let report = store.reseal().await?;
    /// assert_eq!((report.unreadable, report.in_use.contains(&new)), (0, true));
    /// // Nothing is stored that needs the old key.
    /// assert_eq!(store.drop_old_keys().await?, [old]);
    /// # Ok::<(), zengine_connector::store::StoreError>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be read or written. What was encrypted anew before stays so.
    pub async fn reseal(&self) -> Result<Resealed, StoreError> {
        rotation::reseal(&self.engine).await
    }

    /// Removes the older keys that nothing stored needs from the key file, and returns their ids. Encrypts anew first what an older
    /// key encrypted. Keys that are still [in use](Resealed::in_use) stay: call again after the records of sends from before the
    /// rotation have expired, 24 hours after the end of the last one, or 14 days for one in doubt.
    ///
    /// No host may run over the store meanwhile: what it is about to write may be under an old key. A backup from before needs its own
    /// key file, with the old keys in it.
    ///
    /// # Errors
    /// `StoreBusy` if there is another handle to the store, such as a port of an orchestrator. Else as [`reseal`](Self::reseal); the keys
    /// then stay.
    pub async fn drop_old_keys(&mut self) -> Result<Vec<String>, StoreError> {
        // The engine has the keys too.
        if Arc::strong_count(&self.engine) > 1 || Arc::strong_count(&self.keys) > 2 {
            return Err(StoreError::new(
                StoreErrorKind::StoreBusy,
                "the store is in use: stop the host, and drop all handles but this one",
            ));
        }
        let report = self.reseal().await?;
        // The file's own key first: it must be one that the key file holds, also if this is killed in between.
        let (id, check) = self.keys.current_check();
        let staying: Vec<_> = self.keys.checks().into_iter().filter(|(key, _)| *key == id || report.in_use.contains(key)).collect();
        self.engine
            .write(None, move |transaction| {
                let mut meta = transaction.open_table(META)?;
                meta.insert("key_id", &*id)?;
                meta.insert("key_check", &*check)?;
                meta.retain_in(RECORDED.., |name, _| !name.starts_with(RECORDED))?;
                drop(meta);
                record_keys(transaction, &staying)?;
                Ok(Done::Wrote(()))
            })
            .await?;
        self.keys.keep(&report.in_use)
    }

    /// A page of at most `limit` published events with their numbers, after a number. 0 starts at the oldest event that is
    /// kept, of the newest 10,000.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn published(&self, after: u64, limit: usize) -> Result<Vec<(u64, DomainEvent)>, StoreError> {
        self.engine.published(after, limit)
    }
}

ports_of! {
    Embedded {
        /// The claims.
        claims: ClaimStore in engine,
        /// The dead letters.
        dead_letters: DeadLetterStore in engine,
        /// The event bus. [`published`](Self::published) reads its events.
        events: EventBus in engine,
        /// The epoch logs.
        epochs: EpochLog in engine,
        /// The sessions.
        sessions: SessionStore in engine,
        /// The files, encrypted under the keys of the key file.
        media: MediaStore in engine,
        /// The tenant directory.
        directory: TenantDirectory in engine,
        /// The writer of tenants and their secrets. A row is one transaction, and so is a secret.
        tenant_writer: TenantWriter in engine,
        /// The secrets, encrypted under the keys of the key file.
        secrets: SecretStore in engine,
        /// The keys.
        keys: KeyRing in keys,
    }
}

/// The content of an opened file.
enum Found {
    Nothing,
    Store {
        /// The ids of the keys that it may need, and their check values, if it has them.
        keys: Vec<(String, Option<String>)>,
    },
}

/// Begins the name under which [`META`] holds the check value of a key: its id follows.
const RECORDED: &str = "key:";

/// Records keys before anything is encrypted with them, so that a key file without them is told when the store is opened.
fn record_keys(transaction: &WriteTransaction, checks: &[(String, String)]) -> Result<(), Fault> {
    let mut meta = transaction.open_table(META)?;
    for (id, check) in checks {
        meta.insert(&*format!("{RECORDED}{id}"), &**check)?;
    }
    Ok(())
}

/// The users whose key file is trusted.
fn owners_of(path: &Path) -> Result<Owners, StoreError> {
    let store = fs::metadata(path).map_err(io_error)?;
    Ok(Owners::new(&store, owner(&store)))
}

/// The keys beside a store that another process may write.
fn keys_beside(shared: &Shared, read: impl Fn() -> Result<Option<KeyFile>, StoreError>) -> Result<KeyFile, StoreError> {
    let named = || match unless_damaged(|| examine(shared))? {
        Found::Store { keys } => Ok(keys),
        Found::Nothing => Err(no_store()),
    };
    let first = named()?;
    // The first commit may name a key that was dropped before the file was read; a new one does not.
    fitting(read()?, &first).or_else(|_| {
        let next = named()?;
        fitting(read()?, &next)
    })
}

/// Makes the file of a new store, which has no tables yet. Leaves an existing file as it is, also its permissions: it may be
/// someone else's.
///
/// A creation names the store, then makes the key file, then writes to the store. A key file without a store, and an empty
/// file, are therefore never what a killed creation leaves: they are the rest of a store that is lost.
fn make_file(path: &Path, key_path: &Path) -> Result<(), StoreError> {
    // Looked for first: another process may make both meanwhile, in the other order.
    let has_keys = fs::symlink_metadata(key_path).is_ok();
    match fs::metadata(path) {
        Ok(file) if !file.is_file() => return Err(no_store()),
        Ok(file) if file.len() == 0 => return Err(empty()),
        Ok(_) => return Ok(()),
        Err(_) => {}
    }
    if has_keys {
        return Err(StoreError::new(
            StoreErrorKind::Corrupt,
            "the store is gone, and its key file is there: put the store's backup back, or remove the key file to start a new store",
        ));
    }
    if !path.parent().is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir()) {
        return Err(StoreError::new(StoreErrorKind::Unavailable, "the folder of the store does not exist: make it first"));
    }
    let made = create_whole(path, |aside| Ok(file::engine().create(aside).map_err(Fault::from)?.close().map_err(Fault::from)?));
    match made {
        // Another process made it meanwhile.
        Err(error) if error.kind == StoreErrorKind::Conflict => Ok(()),
        made => made,
    }
}

fn examine(shared: &Shared) -> Result<Found, StoreError> {
    let examine = || -> Result<Found, Fault> {
        let snapshot = shared.snapshot()?;
        let mut tables = snapshot.list_tables()?.peekable();
        if tables.peek().is_none() {
            return Ok(Found::Nothing);
        }
        if !tables.any(|table| table.name() == META.name()) {
            return Err(no_store().into());
        }
        let meta = snapshot.open_table(META)?;
        let format = meta.get("format")?;
        if format.as_ref().map(redb::AccessGuard::value) != Some(FORMAT) {
            return Err(StoreError::new(
                StoreErrorKind::Corrupt,
                "the store has an unknown format: use the release that wrote it, or start a new store at another path",
            )
            .into());
        }
        Ok(Found::Store { keys: named_keys(&snapshot)? })
    };
    examine().map_err(StoreError::from)
}

/// The ids of the keys that a commit names, and their check values.
fn named_keys(snapshot: &redb::ReadTransaction) -> Result<Vec<(String, Option<String>)>, Fault> {
    let meta = snapshot.open_table(META)?;
    let key_id = meta.get("key_id")?.map_or_else(String::new, |id| id.value().to_owned());
    let mut keys = vec![(key_id, meta.get("key_check")?.map(|check| check.value().to_owned()))];
    for entry in meta.range(RECORDED..)? {
        let (name, check) = entry?;
        let Some(id) = name.value().strip_prefix(RECORDED) else { break };
        keys.push((id.to_owned(), Some(check.value().to_owned())));
    }
    Ok(keys)
}

fn no_store() -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, "the file is not a store: name another one")
}

fn empty() -> StoreError {
    StoreError::new(
        StoreErrorKind::Corrupt,
        "the file is empty, which a store never is: put the store's backup in its place, or remove it and its key file to start a new store",
    )
}

/// The keys of an existing store. A missing key file is never replaced: a new key would make receipts, sessions and dead
/// letters unreadable and fingerprints incomparable.
fn fitting(keys: Option<KeyFile>, recorded: &[(String, Option<String>)]) -> Result<KeyFile, StoreError> {
    let message = match keys {
        None => "the store's key file is gone: put its backup beside the store, named as the store with .key",
        Some(keys) => {
            let held: Vec<_> = recorded.iter().filter(|(id, _)| keys.holds(id)).collect();
            if held.is_empty() {
                "the key file belongs to another store: put this store's own in its place"
            } else if held.iter().any(|(id, check)| check.is_some() && keys.check_value(id) != *check) {
                "the store's key file is damaged: a key is not the one that the store was made with, put a backup in its place"
            } else if held.len() < recorded.len() {
                "the store's key file is older than the store and lacks a key of a later rotation: put the newest one in its place"
            } else {
                return Ok(keys);
            }
        }
    };
    Err(StoreError::new(StoreErrorKind::Corrupt, message))
}

/// Writes the facts of this opening. Also proves that the file can be written.
fn prepare(shared: &Shared, boot: &str, keys: &KeyFile) -> Result<(), StoreError> {
    let prepared = shared.transaction(|transaction| {
        macro_rules! make {
            ($($table:ident),*) => {{ $(transaction.open_table(tables::$table)?;)* }};
        }
        each_table!(make);
        let mut meta = transaction.open_table(META)?;
        if meta.get("format")?.is_none() {
            meta.insert("format", FORMAT)?;
            meta.insert("key_id", keys.current_id())?;
        }
        let key_id = meta.get("key_id")?.map_or_else(String::new, |id| id.value().to_owned());
        if meta.get("key_check")?.is_none()
            && let Some(check) = keys.check_value(&key_id)
        {
            meta.insert("key_check", &*check)?;
        }
        meta.insert("boot", boot)?;
        drop(meta);
        record_keys(transaction, &keys.checks())?;
        Ok(true)
    });
    Ok(prepared?)
}

fn draw_boot(rng: &dyn Rng) -> String {
    let mut bytes = [0; 16];
    rng.fill(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes))
}
