//! Secrets from a folder of files, or from one file.

use std::{
    fmt::Write as _,
    fs::Metadata,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    MAX_SECRET, SecretAnswer, SecretError, SecretScope, SecretStore,
    file::{moved, read, refusal},
    form,
    members::Members,
    names::parts,
};
#[cfg(unix)]
use crate::{
    error::on_one_line,
    store::owners::{Distrusted, GROUP_AND_OTHERS, OTHERS, Owners},
};
use crate::{
    error::{Error, ErrorKind},
    secret::Secret,
};

/// Maximum size of a file of many secrets, in bytes.
const MAX_FILE: usize = 1 << 20;

/// Reads of a file that is changed, or whose name leads elsewhere, each time.
const TRIES: usize = 3;

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
/// ([`secret_ttl`](crate::registry::Caching::secret_ttl)). Write a file aside and rename it into its place, or move a link, as
/// Kubernetes does: a secret that is moved while it is read is read again. Never remove a file to make it again: meanwhile it is missing,
/// and a tenant's secret gives way to the shared one of its name until the next read. A file that is rewritten in place is read again if
/// that is noticed, and may else serve half-written until the next read; an empty one, and half a JSON file, are refused. The line
/// `secrets.readable_by_others` warns once if others may read a file. Symbolic links are followed inside the folder only.
///
/// The folder or JSON file must be there when the store is opened. If it is gone later, the store is down: known secrets serve for a while
/// ([`stale_secret_max`](crate::registry::Caching::stale_secret_max)), and it is read again when it is back. Files of a folder may come later.
///
/// On Unix a file is refused if another user could have written it: if the file, a link to it, or a folder on its way from the root
/// belongs to a user who is neither root, nor the process's (as `/proc/self/status` says; where there is none, the folder's owner), nor
/// [`owned_by`](Self::owned_by); if its group or others may write it or a folder from the named one on; or if others may write a
/// folder above. A sticky folder may be written by all, because only its owner can replace a file there.
///
/// ```
/// use zengine_connector::{SecretScope, StrategyName, store::FileSecrets};
///
/// # let mounted = tempfile::tempdir()?;
/// # let folder = mounted.path();
/// let secrets = FileSecrets::open(folder)?; // such as /run/secrets/messaging
/// let scope = SecretScope::shared(StrategyName::new("sns-sms")?);
/// assert_eq!(FileSecrets::file_name(&scope, "Aws.Key"), "sns-sms.shared._41ws_2e_4bey");
/// # let _ = secrets;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FileSecrets {
    path: PathBuf,
    is_folder: bool,
    owner: Option<u32>,
    warned: AtomicBool,
}

debug_fields!(FileSecrets { path });

impl FileSecrets {
    /// A store in a folder or in a JSON file. Secrets are read later.
    ///
    /// # Errors
    /// `Settings` if there is neither at this path, or it may not be looked at.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        match path.metadata() {
            Ok(about) => Ok(Self { path, is_folder: about.is_dir(), owner: None, warned: AtomicBool::new(false) }),
            Err(error) => {
                let message = "there are no secrets at this path: correct it, or mount them before the program starts";
                let error = Error::new(ErrorKind::Settings, message).with_context("os_error", error.kind());
                Err(error.with_context("actual", path.display()))
            }
        }
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

    /// The folder that files are read from, as it is named.
    fn folder(&self) -> &Path {
        let parent = || self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if self.is_folder { &self.path } else { parent().unwrap_or(Path::new(".")) }
    }

    /// Resolves a name to the file that it leads to now.
    fn resolve(&self, name: &Path) -> Result<Place, SecretError> {
        // Without its folder the store is down; a secret that it lacks is something else.
        let folder = self.folder().canonicalize().map_err(|error| match refusal(&error) {
            SecretError::NotFound => SecretError::unavailable("the folder of secrets is gone"),
            error => error,
        })?;
        let link = folder.join(name);
        match link.canonicalize().map_err(|error| refusal(&error)) {
            Ok(path) if !path.starts_with(&folder) => Err(SecretError::Malformed("a secret's file is a link that leads out of its folder")),
            Err(error) if !matches!(error, SecretError::NotFound) => Err(error),
            path => Ok(Place { folder, link, path: path.ok() }),
        }
    }

    /// Reads files of the folder, again if they are changed or a name leads elsewhere afterwards: in a volume that is changed meanwhile a secret may
    /// seem to be missing, and another scope's would be used instead.
    fn settled<T>(&self, name: &Path, read: impl Fn(&Place) -> Result<T, SecretError>) -> Result<T, SecretError> {
        for _ in 0..TRIES {
            let place = self.resolve(name)?;
            let answer = read(&place);
            if self.resolve(name)? == place && !matches!(answer, Err(SecretError::Unavailable(_))) {
                return answer;
            }
        }
        Err(moved())
    }

    /// Reads a file that may be trusted with secrets.
    fn read(&self, place: &Place, limit: usize) -> Result<Secret<Vec<u8>>, SecretError> {
        let path = place.path.as_ref().ok_or(SecretError::NotFound)?;
        let read = read(path, limit, |about| self.check(place, path, about));
        // It was there a moment ago.
        read.map_err(|error| if matches!(error, SecretError::NotFound) { moved() } else { error })
    }

    /// Checks that the opened file is the one of the path, and that no other user could have written it.
    #[cfg(unix)]
    fn check(&self, Place { folder, link, .. }: &Place, path: &Path, about: &Metadata) -> Result<(), SecretError> {
        use std::{fs::symlink_metadata, os::unix::fs::MetadataExt as _};
        let look = |path: &Path| symlink_metadata(path).map_err(|error| refusal(&error));
        if !is_at(about, path) {
            return Err(moved());
        }
        let owners = Owners::new(&look(folder)?, self.owner);
        // Inside the folder the path is the operator's; above it, the whole path is of use.
        let shown =
            |path: &Path| path.strip_prefix(folder).ok().filter(|rest| !rest.as_os_str().is_empty()).unwrap_or(path).display().to_string();
        let check = |path: &Path, about: &Metadata, writers| {
            owners.check(about, writers).map_err(|fault| distrusted(&shown(path), &fault, writers))
        };
        check(path, about, GROUP_AND_OTHERS)?;
        check(link, &look(link)?, GROUP_AND_OTHERS)?;
        for above in path.ancestors().skip(1) {
            check(above, &look(above)?, if above.starts_with(folder) { GROUP_AND_OTHERS } else { OTHERS })?;
        }
        // The links on the way to the folder too.
        for above in std::path::absolute(self.folder()).map_err(|error| refusal(&error))?.ancestors() {
            check(above, &look(above)?, OTHERS)?;
        }
        if about.mode() & 0o004 != 0 && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(file = on_one_line(&shown(path)), mode = format!("{:03o}", about.mode() & 0o7777), "secrets.readable_by_others");
        }
        Ok(())
    }

    #[cfg(not(unix))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "there are no permissions to look at")]
    fn check(&self, _: &Place, _: &Path, _: &Metadata) -> Result<(), SecretError> {
        Ok(())
    }

    /// The values in the files of a folder.
    fn of_folder(&self, place: &Place, name: &str) -> SecretAnswer {
        let mut values = vec![self.read(place, MAX_SECRET)?];
        match self.read(&self.resolve((name.to_owned() + ".previous").as_ref())?, MAX_SECRET) {
            Err(SecretError::NotFound) => {}
            previous => values.push(previous?),
        }
        Ok(values)
    }

    /// The text of the JSON file.
    fn document(&self) -> Result<Secret<Vec<u8>>, SecretError> {
        let gone = || SecretError::unavailable("the file of secrets is gone");
        let name = self.path.file_name().ok_or_else(gone)?;
        self.settled(name.as_ref(), |place| self.read(place, MAX_FILE)).map_err(|error| match error {
            SecretError::NotFound => gone(),
            error => error,
        })
    }
}

/// The error about a file or folder that another user may have written, with what mends it.
#[cfg(unix)]
fn distrusted(path: &str, fault: &Distrusted, writers: u32) -> SecretError {
    let place = match fault {
        Distrusted::Owner(user) => format!("{path} belongs to user {user}: chown it, or trust that user with owned_by({user})"),
        Distrusted::Writable(mode) => {
            let remedy = if writers == OTHERS { "o-w" } else { "go-w" };
            format!("{path} has mode {mode:03o}: chmod {remedy}")
        }
    };
    SecretError::MalformedAt("others may write, or own, a secret's file, a link to it, or a folder on its way", place.into())
}

/// The file that a name of the folder led to at one time.
#[derive(PartialEq)]
struct Place {
    folder: PathBuf,
    /// The name in the folder.
    link: PathBuf,
    /// The file behind all links. `None` if there is none.
    path: Option<PathBuf>,
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

type Named<'a> = Members<&'a RawValue>;

/// The secrets of one strategy in a JSON file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfStrategy<'a> {
    #[serde(borrow, default)]
    application: Named<'a>,
    #[serde(borrow, default)]
    shared: Named<'a>,
    #[serde(borrow, default)]
    tenants: Members<Named<'a>>,
}

/// The answer for one name from the text of a JSON file.
fn of_document(text: &Secret<Vec<u8>>, scope: &SecretScope, name: &str) -> SecretAnswer {
    let read = serde_json::from_slice(text.expose());
    let strategies: Members<OfStrategy<'_>> = read.map_err(|error| form::fault(text.expose(), &error))?;
    let strategy = strategies.get(scope.strategy().as_str()).ok_or(SecretError::NotFound)?;
    let named = match scope {
        SecretScope::Tenant { tenant, .. } => strategy.tenants.get(tenant.as_str()).ok_or(SecretError::NotFound)?,
        SecretScope::Shared { .. } => &strategy.shared,
        SecretScope::Application { .. } => &strategy.application,
    };
    let raw = named.get(name).ok_or(SecretError::NotFound)?.get();
    if !raw.starts_with('[') {
        return Ok(vec![value_of(raw).ok_or_else(|| form::value(scope, name))?]);
    }
    let values: Vec<&RawValue> = serde_json::from_str(raw).map_err(|_| form::value(scope, name))?;
    if values.is_empty() {
        return Err(form::value(scope, name));
    }
    values.into_iter().map(|value| value_of(value.get()).ok_or_else(|| form::value(scope, name))).collect()
}

/// The text of a JSON string, or a JSON object as it stands.
fn value_of(raw: &str) -> Option<Secret<Vec<u8>>> {
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(raw).map(Into::into).ok(),
        b'{' => Some(raw.into()),
        _ => None,
    }
}

#[async_trait]
impl SecretStore for FileSecrets {
    async fn get(&self, scope: &SecretScope, name: &str) -> SecretAnswer {
        if !self.is_folder {
            return of_document(&self.document()?, scope, name);
        }
        let name = Self::file_name(scope, name);
        self.settled(name.as_ref(), |place| self.of_folder(place, &name))
    }

    /// Reads a JSON file once.
    async fn get_all(&self, scope: &SecretScope, names: &[&str]) -> Vec<SecretAnswer> {
        if self.is_folder {
            return join_all(names.iter().map(|name| self.get(scope, name))).await;
        }
        let document = self.document();
        names.iter().map(|name| document.as_ref().map_err(Clone::clone).and_then(|text| of_document(text, scope, name))).collect()
    }

    fn place(&self, scope: &SecretScope, name: &str) -> String {
        if self.is_folder { format!("file {}", Self::file_name(scope, name)) } else { format!("{scope} in the file of secrets") }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[cfg(unix)]
    #[test]
    fn a_secret_that_seems_missing_while_its_volume_is_changed_is_looked_for_again() {
        use std::{cell::Cell, fs, os::unix::fs::*};

        use super::*;
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let store = FileSecrets::open(folder).unwrap();
        // As Kubernetes mounts and changes a volume: by moving the link `..data` to another folder, and removing the old one.
        let point_to = |data: &str| {
            symlink(data, folder.join("..next")).unwrap();
            fs::rename(folder.join("..next"), folder.join("..data")).unwrap();
        };
        fs::DirBuilder::new().mode(0o700).create(folder.join("..new")).unwrap();
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join("..new/token")).unwrap();
        fs::write(folder.join("..new/token"), "new").unwrap();
        symlink("..data/token", folder.join("token")).unwrap();
        let read = |place: &Place| store.of_folder(place, "token").map(|values| values[0].expose_str().unwrap().to_owned());

        // The change is between the steps of the look-up: it has read the link, and the folder that it led to is gone.
        point_to("..old");
        let is_first = Cell::new(true);
        let found = store.settled("token".as_ref(), |place| {
            let found = read(place);
            if is_first.replace(false) {
                assert!(matches!(found, Err(SecretError::NotFound)));
                point_to("..new");
            }
            found
        });
        assert_eq!(found.unwrap(), "new");

        // One that changes all the time is no answer, and one that leads nowhere is a secret that was removed.
        let endless = store.settled("token".as_ref(), |place| {
            point_to(if place.path.is_some() { "..old" } else { "..new" });
            read(place)
        });
        assert!(matches!(endless, Err(SecretError::Unavailable(Some(_)))), "{endless:?}");
        point_to("..old");
        assert!(matches!(store.settled("token".as_ref(), read), Err(SecretError::NotFound)));

        // The change is after the look-up: the file that it found is gone, or another one was opened.
        point_to("..new");
        let place = store.resolve("token".as_ref()).unwrap();
        let path = place.path.as_ref().unwrap();
        let opened = fs::metadata(path).unwrap();
        store.check(&place, path, &opened).unwrap();
        fs::rename(path, folder.join("before")).unwrap();
        assert!(matches!(store.read(&place, MAX_SECRET), Err(SecretError::Unavailable(Some(_)))));
        fs::copy(folder.join("before"), path).unwrap();
        assert!(matches!(store.check(&place, path, &opened), Err(SecretError::Unavailable(Some(_)))));
        assert_eq!(read(&place).unwrap(), "new");
    }

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
    fn a_member_that_comes_twice_hides_no_secret() {
        use super::*;
        use crate::ids::{StrategyName, TenantId};
        let acme = SecretScope::tenant(StrategyName::new("x").unwrap(), TenantId::new("acme").unwrap());
        let answer = |text: &str| of_document(&Secret::new(text.as_bytes().to_vec()), &acme, "token");
        assert_eq!(answer(r#"{"x":{"tenants":{"acme":{"token":["own"]}}}}"#).unwrap()[0].expose(), b"own");
        for text in [
            r#"{"x":{"tenants":{"acme":{"token":"own"}}},"x":{}}"#,
            r#"{"x":{"tenants":{"acme":{"token":"own"}},"tenants":{}}}"#,
            r#"{"x":{"tenants":{"acme":{"token":"own"},"acme":{}}}}"#,
            r#"{"x":{"tenants":{"acme":{"token":"own","token":"other"}}}}"#,
            r#"{"x":{"tenants":{"acme":{"token":[]}}}}"#,
        ] {
            assert!(matches!(answer(text), Err(SecretError::MalformedAt(..))), "{text}");
        }
    }

    #[test]
    fn no_two_texts_are_spelled_the_same_also_without_regard_to_case() {
        let texts = ["a-b", "a_b", "A-b", "a.b", "a..b", "..", "../x", "a/b", "é", "_41", "A", "a", ""];
        let spelled: BTreeSet<_> = texts.iter().map(|text| super::spelled(text).to_lowercase()).collect();
        assert_eq!(spelled.len(), texts.len(), "{spelled:?}");
        assert!(spelled.iter().all(|text| !text.contains(['.', '/', '\\'])), "{spelled:?}");
    }
}
