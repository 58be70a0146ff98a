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

use super::{
    SecretAnswer, SecretError, SecretScope, SecretStore,
    secret_file::{read_checked, refusal, trim},
    secret_names::parts,
    secrets::{MAX_SECRET, answer},
};
use crate::secret::{Secret, SecretRef};

/// Maximum size of a file of many secrets, in bytes.
const MAX_FILE: usize = 1 << 20;

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
/// ([`secret_ttl`](crate::registry::Caching::secret_ttl)). A file is refused if its group or others may write it or a folder on its
/// way, unless the folder is sticky and its owner owns the file; the line `secrets.readable_by_others` warns once if others may read
/// one. Symbolic links are followed inside the folder only. Permissions are looked at on Unix.
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
    warned: AtomicBool,
}

debug_fields!(FileSecrets { path });

impl FileSecrets {
    /// A store in a folder or in a JSON file. Which of them it is, and that it is there, is seen when a secret is read.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), warned: AtomicBool::new(false) }
    }

    /// The name of a secret's file in a folder.
    pub fn file_name(scope: &SecretScope, name: &str) -> String {
        parts(scope, name).into_iter().map(spelled).collect::<Vec<_>>().join(".")
    }

    /// Reads a file of a folder that may be trusted with secrets.
    fn read(&self, folder: &Path, name: &Path, most: usize) -> Result<Vec<u8>, SecretError> {
        let folder = folder.canonicalize().map_err(|error| refusal(&error))?;
        let link = folder.join(name);
        let path = link.canonicalize().map_err(|error| refusal(&error))?;
        if !path.starts_with(&folder) {
            return Err(SecretError::Malformed("a secret's file is a link that leads out of its folder"));
        }
        read_checked(&path, most, |about| self.check(&folder, &link, &path, about))
    }

    /// Whether nobody else could have written the file.
    #[cfg(unix)]
    fn check(&self, folder: &Path, link: &Path, path: &Path, about: &Metadata) -> Result<(), SecretError> {
        use std::{
            fs::{metadata, symlink_metadata},
            os::unix::fs::MetadataExt as _,
        };
        const WRITABLE: SecretError = SecretError::Malformed("others may write a secret's file, or a folder on its way");
        const OTHERS_WRITE: u32 = 0o022;
        const STICKY: u32 = 0o1000;
        if about.mode() & OTHERS_WRITE != 0 {
            return Err(WRITABLE);
        }
        let mut owners = vec![about.uid(), symlink_metadata(link).map_err(|error| refusal(&error))?.uid()];
        for above in path.ancestors().skip(1).take_while(|above| above.starts_with(folder)) {
            let above = metadata(above).map_err(|error| refusal(&error))?;
            // In a sticky folder others may add files, but not replace those of its owner.
            let is_safe = above.mode() & STICKY != 0 && owners.iter().all(|owner| *owner == above.uid());
            if above.mode() & OTHERS_WRITE != 0 && !is_safe {
                return Err(WRITABLE);
            }
            owners.push(above.uid());
        }
        if about.mode() & 0o004 != 0 && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!("secrets.readable_by_others");
        }
        Ok(())
    }

    #[cfg(not(unix))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "there are no permissions to look at")]
    fn check(&self, _: &Path, _: &Path, _: &Path, _: &Metadata) -> Result<(), SecretError> {
        Ok(())
    }

    fn of_folder(&self, scope: &SecretScope, reference: &SecretRef) -> SecretAnswer {
        let SecretRef::Named { secret, key } = reference else { return Err(SecretError::NotFound) };
        let name = Self::file_name(scope, secret);
        let read = |name: &str| {
            let mut value = self.read(&self.path, name.as_ref(), MAX_SECRET)?;
            trim(&mut value);
            Ok(Secret::new(value))
        };
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

    #[test]
    fn no_two_texts_are_spelled_the_same_also_without_regard_to_case() {
        let texts = ["a-b", "a_b", "A-b", "a.b", "a..b", "..", "../x", "a/b", "é", "_41", "A", "a", ""];
        let spelled: BTreeSet<_> = texts.iter().map(|text| super::spelled(text).to_lowercase()).collect();
        assert_eq!(spelled.len(), texts.len(), "{spelled:?}");
        assert!(spelled.iter().all(|text| !text.contains(['.', '/', '\\'])), "{spelled:?}");
    }
}
