//! Atomic creation of files: after a crash a file is complete or absent.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use super::fault::io_error;
use crate::{
    runtime::{Rng as _, SystemRng},
    store::{StoreError, StoreErrorKind},
};

/// Creates a file that only its owner may read: fills it beside its place, syncs it, and names it. Never replaces a file, also
/// not an empty one.
///
/// # Errors
/// `Conflict` if there is a file. Also if a file cannot be written, or filled.
pub(super) fn create_whole(path: &Path, fill: impl FnOnce(&Path) -> Result<(), StoreError>) -> Result<(), StoreError> {
    let mut number = [0; 8];
    SystemRng.fill(&mut number);
    // Two processes may create the same file at the same time.
    let aside = extended(path, &format!(".new-{:016x}", u64::from_be_bytes(number)));
    let create = || {
        create_private(&aside).map_err(io_error)?;
        fill(&aside)?;
        File::open(&aside).and_then(|file| file.sync_all()).map_err(io_error)?;
        name(&aside, path)?;
        sync_folder(path).map_err(io_error)
    };
    let created = create();
    // Already gone after a rename. Ignore the error, so that the first one is reported.
    let _ = fs::remove_file(&aside);
    created
}

/// Moves the finished file to its path. Fails if the path exists.
fn name(aside: &Path, path: &Path) -> Result<(), StoreError> {
    let taken = || StoreError::new(StoreErrorKind::Conflict, "there is a file at this path: name another one");
    let named = match fs::symlink_metadata(path) {
        Ok(_) => return Err(taken()),
        Err(_) => match fs::hard_link(aside, path) {
            // Some file systems have no second names.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => fs::rename(aside, path),
            linked => linked,
        },
    };
    named.map_err(|error| if error.kind() == io::ErrorKind::AlreadyExists { taken() } else { io_error(error) })
}

/// The path with a suffix.
pub(super) fn extended(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Creates a file that only its owner may read.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path)
}

/// Gives a new file to the owner of the one that it is to replace: that user's host opens it.
pub(super) fn keep_owner(file: &File, replaced: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, fchown};
        if let Ok(old) = fs::metadata(replaced)
            && old.uid() != file.metadata()?.uid()
        {
            fchown(file, Some(old.uid()), Some(old.gid()))?;
        }
    }
    #[cfg(not(unix))]
    let _ = (file, replaced);
    Ok(())
}

/// Removes the permissions of group and others from a file of ours.
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        }
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Syncs the folder, without which a new name is not durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
