//! Files that hold a secret: read whole, within a bound, without copies left in memory.

use std::{
    fs::{self, File, Metadata},
    io::{ErrorKind, Read as _},
    path::Path,
};

use super::{SecretError, secrets::MAX_SECRET};
use crate::secret::Secret;

/// Reads a secret's file in the calling thread: it is small and read every few minutes at most. Removes one line break at its end.
pub(super) fn read(path: &Path) -> Result<Secret<Vec<u8>>, SecretError> {
    trimmed(read_checked(path, MAX_FILE, |_| Ok(()))?)
}

/// Maximum size of a file of one secret, in bytes: with a line break at its end.
pub(super) const MAX_FILE: usize = MAX_SECRET + 2;

const TOO_LARGE: SecretError = SecretError::Malformed("a secret's file is too large");

/// The value in a file: without one line break at its end, and within the bound of a secret.
pub(super) fn trimmed(mut value: Vec<u8>) -> Result<Secret<Vec<u8>>, SecretError> {
    let length = value.strip_suffix(b"\n").map_or(&*value, |line| line.strip_suffix(b"\r").unwrap_or(line)).len();
    value.truncate(length);
    let value = Secret::new(value);
    match length {
        0 => Err(SecretError::Malformed("the secret is empty")),
        1..=MAX_SECRET => Ok(value),
        _ => Err(TOO_LARGE),
    }
}

/// Reads a plain file of at most `most` bytes whose opened form passes a check.
pub(super) fn read_checked(
    path: &Path,
    most: usize,
    check: impl FnOnce(&Metadata) -> Result<(), SecretError>,
) -> Result<Vec<u8>, SecretError> {
    const NOT_PLAIN: SecretError = SecretError::Malformed("a secret's file is not a plain file");
    // Opening a pipe would block until the other end is open.
    if !fs::metadata(path).map_err(|error| refusal(&error))?.is_file() {
        return Err(NOT_PLAIN);
    }
    let file = File::open(path).map_err(|error| refusal(&error))?;
    let about = file.metadata().map_err(|error| refusal(&error))?;
    if !about.is_file() {
        return Err(NOT_PLAIN);
    }
    check(&about)?;
    // Allocate the whole size: a buffer that grows would leave copies of the secret in memory.
    let room = usize::try_from(about.len()).unwrap_or(usize::MAX).min(most) + 1;
    let mut value = Vec::with_capacity(room);
    file.take(most as u64 + 1).read_to_end(&mut value).map_err(|error| refusal(&error))?;
    if value.len() > most {
        drop(Secret::new(value));
        return Err(TOO_LARGE);
    }
    Ok(value)
}

/// Converts the error without the operating system's text, which may hold the path.
pub(super) fn refusal(error: &std::io::Error) -> SecretError {
    match error.kind() {
        // A name that is too long for the file system is one that no file has.
        ErrorKind::NotFound | ErrorKind::InvalidFilename => SecretError::NotFound,
        ErrorKind::PermissionDenied => SecretError::Denied,
        _ => SecretError::Malformed("a secret's file cannot be read"),
    }
}
