//! Files that hold a secret: read whole, within a bound, without copies left in memory.

use std::{
    fs::{self, File, Metadata},
    io::{ErrorKind, Read as _},
    path::Path,
};

use super::SecretError;
use crate::secret::Secret;

/// Reads a plain file whose opened form passes a check, in the calling thread: it is small and read every few minutes at most. Removes
/// one line break at its end; at most `limit` bytes are left.
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
    let file = File::open(path).map_err(|error| refusal(&error))?;
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
    file.take(most as u64).read_to_end(&mut value).map_err(|error| refusal(&error))?;
    let length = value.strip_suffix(b"\n").map_or(&*value, |line| line.strip_suffix(b"\r").unwrap_or(line)).len();
    value.truncate(length);
    let value = Secret::new(value);
    if length > limit { Err(SecretError::TooLarge { limit, size: size.max(length) }) } else { Ok(value) }
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
