//! Secrets from a folder of files, or from one file.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::Metadata,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::value::RawValue;

#[cfg(unix)]
use super::owners::{GROUP_AND_OTHERS, OTHERS, Owners};
use super::{
    SecretAnswer, SecretError, SecretScope, SecretStore,
    secret_file::{self, read_checked, refusal, trimmed},
    secret_names::parts,
    secrets::answer,
};
use crate::secret::{Secret, SecretRef};

/// Maximum size of a file of many secrets, in bytes.
const MAX_FILE: usize = 1 << 20;

/// Reads of a file whose name leads elsewhere each time, as it does for a moment when a mounted volume is changed.
const TRIES: usize = 3;
const MOVED: &str = "a secret's file is moved while it is read";
#[cfg(unix)]
const UNTRUSTED: SecretError = SecretError::Malformed("others may write, or own, a secret's file, a link to it, or a folder on its way");

/// A secret store in files: a folder with one file per secret, as container platforms mount them, or one JSON file.
///
/// In a **folder** the name of a file is the strategy, the scope, the tenant if it is a tenant's own, and the secret's name, with dots
/// between: `whatsapp-meta-cloud.application.app-secret`, `whatsapp-meta-cloud.shared.token`,
/// `whatsapp-meta-cloud.tenant.acme.token`. In a part, any byte but `a-z`, `0-9` and `-` is written as `_` and its two hexadecimal
/// digits; [`file_name`](Self::file_name) gives the name. A file holds at most 64 KiB, and one line break at its end is removed. While a
/// secret is being rotated, its older value stands in the file with `.previous` at the end.
///
/// A **JSON file** of at most 1 MiB has the strategies' scopes; a value is a text, an object, or a list of these, newest first:
///
/// ```json
/// { "whatsapp-meta-cloud": {
///     "application": { "app-secret": "…" },
///     "shared": {},
///     "tenants": { "acme": { "token": ["new", "old"] } }
/// } }
/// ```
///
/// Files are read at every call, so a change takes effect as soon as the core asks again
/// ([`secret_ttl`](crate::registry::Caching::secret_ttl)). The line `secrets.readable_by_others` warns once if others may read a file.
/// Symbolic links are followed inside the folder only.
///
/// On Unix a file is refused if somebody else could have written it: if the file, a link to it, or a folder on its way from the root
/// belongs to a user who is neither root, nor the process's (as `/proc/self/status` says; where there is none, the folder's owner), nor
/// [`owned_by`](Self::owned_by); if its group or others may write it or a folder from the named one on; or if others may write a
/// folder above. A sticky folder may be written by all, because nobody can replace another's file there.
///
/// ```
/// use zengine_connector::{SecretScope, StrategyName, store::FileSecrets};
///
/// let secrets = FileSecrets::new("/run/secrets/messaging");
/// let scope = SecretScope::shared(StrategyName::new("sns-sms")?);
/// assert_eq!(FileSecrets::file_name(&scope, "Aws.Key"), "sns-sms.shared._41ws_2e_4bey");
/// # let _ = secrets;
/// # Ok::<(), zengine_connector::Error>(())
/// ```
pub struct FileSecrets {
    path: PathBuf,
    owner: Option<u32>,
    warned: AtomicBool,
}

debug_fields!(FileSecrets { path });

impl FileSecrets {
    /// A store in a folder or in a JSON file. Which of them it is, and that it is there, is seen when a secret is read.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), owner: None, warned: AtomicBool::new(false) }
    }

    /// Trusts files and folders of one more user, by number, such as the one of the host that a container's secrets are mounted from.
    #[must_use]
    pub fn owned_by(self, user: u32) -> Self {
        Self { owner: Some(user), ..self }
    }

    /// The name of a secret's file in a folder. Most file systems take names of at most 255 bytes; a secret whose name is longer does
    /// not exist, and one above 246 bytes has no older value.
    pub fn file_name(scope: &SecretScope, name: &str) -> String {
        parts(scope, name).into_iter().map(spelled).collect::<Vec<_>>().join(".")
    }

    /// Reads a file of a folder that may be trusted with secrets. Tries again if its name leads elsewhere meanwhile.
    fn read(&self, folder: &Path, name: &Path, most: usize) -> Result<Vec<u8>, SecretError> {
        for _ in 1..TRIES {
            match self.read_once(folder, name, most) {
                Err(SecretError::Malformed(MOVED)) => {}
                read => return read,
            }
        }
        self.read_once(folder, name, most)
    }

    fn read_once(&self, named: &Path, name: &Path, most: usize) -> Result<Vec<u8>, SecretError> {
        let folder = named.canonicalize().map_err(|error| refusal(&error))?;
        let link = folder.join(name);
        let path = link.canonicalize().map_err(|error| refusal(&error))?;
        if !path.starts_with(&folder) {
            return Err(SecretError::Malformed("a secret's file is a link that leads out of its folder"));
        }
        let read = read_checked(&path, most, |about| self.check(named, &folder, &link, &path, about));
        // It was there a moment ago.
        read.map_err(|error| if matches!(error, SecretError::NotFound) { SecretError::Malformed(MOVED) } else { error })
    }

    /// Checks that the opened file is the one of the path, and that nobody else could have written it.
    #[cfg(unix)]
    fn check(&self, named: &Path, folder: &Path, link: &Path, path: &Path, about: &Metadata) -> Result<(), SecretError> {
        use std::{fs::symlink_metadata, os::unix::fs::MetadataExt as _};
        let look = |path: &Path| symlink_metadata(path).map_err(|error| refusal(&error));
        if !is_at(about, path) {
            return Err(SecretError::Malformed(MOVED));
        }
        let owners = Owners::new(&look(folder)?, self.owner);
        let check = |about: &Metadata, writers| owners.check(about, writers).map_err(|_| UNTRUSTED);
        check(about, GROUP_AND_OTHERS)?;
        check(&look(link)?, GROUP_AND_OTHERS)?;
        for above in path.ancestors().skip(1) {
            check(&look(above)?, if above.starts_with(folder) { GROUP_AND_OTHERS } else { OTHERS })?;
        }
        // The links on the way to the folder too.
        for above in std::path::absolute(named).map_err(|error| refusal(&error))?.ancestors() {
            check(&look(above)?, OTHERS)?;
        }
        if about.mode() & 0o004 != 0 && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!("secrets.readable_by_others");
        }
        Ok(())
    }

    #[cfg(not(unix))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "there are no permissions to look at")]
    fn check(&self, _: &Path, _: &Path, _: &Path, _: &Path, _: &Metadata) -> Result<(), SecretError> {
        Ok(())
    }

    fn of_folder(&self, scope: &SecretScope, reference: &SecretRef) -> SecretAnswer {
        let SecretRef::Named { secret, key } = reference else { return Err(SecretError::NotFound) };
        let name = Self::file_name(scope, secret);
        let read = |name: &str| trimmed(self.read(&self.path, name.as_ref(), secret_file::MAX_FILE)?);
        let mut values = vec![read(&name)?];
        match read(&(name + ".previous")) {
            Err(SecretError::NotFound) => {}
            previous => values.push(previous?),
        }
        answer(values, key.as_deref())
    }

    /// The text of the JSON file.
    fn document(&self) -> Result<Secret<Vec<u8>>, SecretError> {
        let name = self.path.file_name().ok_or(SecretError::NotFound)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match self.read(folder, name.as_ref(), MAX_FILE) {
            Ok(text) => Ok(Secret::new(text)),
            // Without its file the store is down; a secret that it lacks is something else.
            Err(SecretError::NotFound) => Err(SecretError::Unavailable(None)),
            Err(error) => Err(error),
        }
    }
}

/// Whether an opened file is the one at a path, and not the end of a link that stood there when it was opened.
#[cfg(unix)]
fn is_at(about: &Metadata, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let is_same = |at: Metadata| (at.dev(), at.ino()) == (about.dev(), about.ino());
    path.canonicalize().is_ok_and(|at| at == path) && path.symlink_metadata().is_ok_and(is_same)
}

fn spelled(text: &str) -> String {
    let mut spelled = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => spelled.push(byte.into()),
            _ => drop(write!(spelled, "_{byte:02x}")),
        }
    }
    spelled
}

type Named<'a> = BTreeMap<String, &'a RawValue>;

/// The secrets of one strategy in a JSON file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfStrategy<'a> {
    #[serde(borrow, default)]
    application: Named<'a>,
    #[serde(borrow, default)]
    shared: Named<'a>,
    #[serde(borrow, default)]
    tenants: BTreeMap<String, Named<'a>>,
}

const FORM: SecretError = SecretError::Malformed("the file of secrets does not have their form");

/// The answer to one reference from the text of a JSON file.
fn of_document(text: &Secret<Vec<u8>>, scope: &SecretScope, reference: &SecretRef) -> SecretAnswer {
    let SecretRef::Named { secret, key } = reference else { return Err(SecretError::NotFound) };
    let strategies: BTreeMap<String, OfStrategy<'_>> = serde_json::from_slice(text.expose()).map_err(|_| FORM)?;
    let strategy = strategies.get(scope.strategy().as_str()).ok_or(SecretError::NotFound)?;
    let named = match scope {
        SecretScope::Tenant { tenant, .. } => strategy.tenants.get(tenant.as_str()).ok_or(SecretError::NotFound)?,
        SecretScope::Shared { .. } => &strategy.shared,
        SecretScope::Application { .. } => &strategy.application,
    };
    let raw = named.get(secret).ok_or(SecretError::NotFound)?.get();
    let values = if raw.starts_with('[') {
        let values: Vec<&RawValue> = serde_json::from_str(raw).map_err(|_| FORM)?;
        values.into_iter().map(|value| value_of(value.get())).collect::<Result<_, _>>()?
    } else {
        vec![value_of(raw)?]
    };
    answer(values, key.as_deref())
}

/// The text of a JSON string, or a JSON object as it stands.
fn value_of(raw: &str) -> Result<Secret<Vec<u8>>, SecretError> {
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(raw).map(Into::into).map_err(|_| FORM),
        Some(b'{') => Ok(raw.into()),
        _ => Err(FORM),
    }
}

#[async_trait]
impl SecretStore for FileSecrets {
    async fn get(&self, scope: &SecretScope, reference: &SecretRef) -> SecretAnswer {
        if self.path.is_dir() { self.of_folder(scope, reference) } else { of_document(&self.document()?, scope, reference) }
    }

    /// Reads a JSON file once.
    async fn get_all(&self, scope: &SecretScope, references: &[SecretRef]) -> Vec<SecretAnswer> {
        if self.path.is_dir() {
            return references.iter().map(|reference| self.of_folder(scope, reference)).collect();
        }
        match self.document() {
            Ok(text) => references.iter().map(|reference| of_document(&text, scope, reference)).collect(),
            Err(first) => references.iter().map(|_| Err(again(&first))).collect(),
        }
    }
}

/// The same failure for one more reference.
fn again(error: &SecretError) -> SecretError {
    match error {
        SecretError::NotFound => SecretError::NotFound,
        SecretError::Malformed(message) => SecretError::Malformed(message),
        SecretError::Denied => SecretError::Denied,
        SecretError::Unavailable(_) => SecretError::Unavailable(None),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[cfg(unix)]
    #[test]
    fn a_link_that_stood_in_a_files_place_when_it_was_opened_is_noticed() {
        use std::{fs, os::unix::fs::symlink};
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let (path, elsewhere) = (folder.join("token"), folder.join("elsewhere"));
        fs::write(&elsewhere, "canary").unwrap();
        symlink(&elsewhere, &path).unwrap();
        let opened = fs::File::open(&path).unwrap().metadata().unwrap();
        assert!(!super::is_at(&opened, &path), "the link is still there");
        fs::remove_file(&path).unwrap();
        fs::write(&path, "token").unwrap();
        assert!(!super::is_at(&opened, &path), "the link is gone again");
        let opened = fs::File::open(&path).unwrap().metadata().unwrap();
        assert!(super::is_at(&opened, &path));
    }

    #[test]
    fn no_two_texts_are_spelled_the_same_also_without_regard_to_case() {
        let texts = ["a-b", "a_b", "A-b", "a.b", "a..b", "..", "../x", "a/b", "é", "_41", "A", "a", ""];
        let spelled: BTreeSet<_> = texts.iter().map(|text| super::spelled(text).to_lowercase()).collect();
        assert_eq!(spelled.len(), texts.len(), "{spelled:?}");
        assert!(spelled.iter().all(|text| !text.contains(['.', '/', '\\'])), "{spelled:?}");
    }
}
