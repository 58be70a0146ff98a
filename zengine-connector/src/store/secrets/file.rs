//! Files that hold a secret: read whole, within a bound, without copies left in memory.

use std::{
    fs::{self, File, Metadata},
    io::{ErrorKind, Read as _},
    path::Path,
};

use super::SecretError;
use crate::secret::Secret;

/// Reads a plain file whose opened form passes a check, in the calling thread: it is small and read every few minutes at most. Removes
/// one line break at its end; at most `limit` bytes are left. `Unavailable` if the file is changed meanwhile.
pub(super) fn read(
    path: &Path,
    limit: usize,
    check: impl FnOnce(&Metadata) -> Result<(), SecretError>,
) -> Result<Secret<Vec<u8>>, SecretError> {
    const NOT_PLAIN: SecretError = SecretError::Malformed("a secret's file is not a plain file");
    // Opening a pipe would block until the other end is open.
    if !fs::metadata(path).map_err(|error| refusal(&error))?.is_file() {
        return Err(NOT_PLAIN);
    }
    let mut file = File::open(path).map_err(|error| refusal(&error))?;
    let about = file.metadata().map_err(|error| refusal(&error))?;
    if !about.is_file() {
        return Err(NOT_PLAIN);
    }
    check(&about)?;
    // The line break, and one byte more, which tells that the file is too large.
    let most = limit + "\r\n".len() + 1;
    let size = usize::try_from(about.len()).unwrap_or(usize::MAX);
    // Allocate the whole size: a buffer that grows would leave copies of the secret in memory.
    let mut value = Vec::with_capacity(size.min(most) + 1);
    (&mut file).take(most as u64).read_to_end(&mut value).map_err(|error| refusal(&error))?;
    let length = value.strip_suffix(b"\n").map_or(&*value, |line| line.strip_suffix(b"\r").unwrap_or(line)).len();
    value.truncate(length);
    let value = Secret::new(value);
    let after = file.metadata().map_err(|error| refusal(&error))?;
    if (after.len(), after.modified().ok()) != (about.len(), about.modified().ok()) {
        return Err(moved());
    }
    if length > limit { Err(SecretError::TooLarge { limit, size: size.max(length) }) } else { Ok(value) }
}

/// A file that cannot be read as a whole now: it is changed, or its name leads elsewhere, as for a moment when a mounted volume changes.
pub(super) fn moved() -> SecretError {
    SecretError::unavailable("a secret's file is changed while it is read")
}

/// The code of a link that leads to itself: its kind has no stable name yet.
const ELOOP: i32 = if cfg!(any(target_os = "linux", target_os = "android")) { 40 } else { 62 };

/// Converts the error without the operating system's text, which may hold the path.
pub(super) fn refusal(error: &std::io::Error) -> SecretError {
    match error.kind() {
        // A name that is too long for the file system is one that no file has.
        // So is one below a plain file.
        ErrorKind::NotFound | ErrorKind::InvalidFilename | ErrorKind::NotADirectory => SecretError::NotFound,
        ErrorKind::PermissionDenied => SecretError::Denied,
        ErrorKind::InvalidInput => SecretError::Malformed("the name of a secret's file holds a NUL character"),
        ErrorKind::IsADirectory => SecretError::Malformed("a folder stands in the place of a secret's file"),
        _ if cfg!(unix) && error.raw_os_error() == Some(ELOOP) => {
            SecretError::Malformed("the links to a secret's file lead round in a circle")
        }
        // Also of a mounted volume that is gone: known secrets serve until it is back.
        kind => SecretError::unavailable(kind.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_fault_of_the_machine_is_an_outage_and_no_configuration() {
        for kind in [ErrorKind::NotConnected, ErrorKind::StaleNetworkFileHandle, ErrorKind::Other] {
            assert!(matches!(refusal(&kind.into()), SecretError::Unavailable(Some(_))), "{kind}");
        }
        assert!(matches!(refusal(&ErrorKind::NotFound.into()), SecretError::NotFound));
    }

    #[test]
    #[cfg(unix)]
    fn a_path_that_can_lead_to_no_file_is_no_outage() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("plain"), "value").unwrap();
        std::os::unix::fs::symlink("round", at("round")).unwrap();
        let told = |path: &str| read(&at(path), 100, |_| Ok(())).unwrap_err();
        assert!(matches!(told("plain/below"), SecretError::NotFound));
        for path in ["round", "nul\0", ""] {
            assert!(matches!(told(path), SecretError::Malformed(_)), "{path:?}");
        }
    }

    #[test]
    fn a_file_that_is_changed_while_it_is_read_is_no_answer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let read_while = |change: &dyn Fn(File)| {
            fs::write(&path, "token").unwrap();
            read(&path, 64, |_| {
                change(File::options().write(true).open(&path).unwrap());
                Ok(())
            })
        };
        assert_eq!(read_while(&|_| ()).unwrap().expose(), b"token");
        let changes: [&dyn Fn(File); 2] = [&|file| file.set_len(2).unwrap(), &|file| file.set_modified(SystemTime::UNIX_EPOCH).unwrap()];
        for change in changes {
            assert!(matches!(read_while(change), Err(SecretError::Unavailable(Some(_)))));
        }
    }
}
