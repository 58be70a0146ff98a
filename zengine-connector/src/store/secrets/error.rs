//! The reasons for which a secret is not read.

use std::{fmt, sync::Arc};

use crate::error::{BoxError, Error, ErrorKind, on_one_line};

/// The reason for which a secret was not resolved. Holds no part of the secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SecretError {
    /// No secret has this name.
    NotFound,
    /// The secret does not have the expected format, for example it lacks the named member.
    Malformed(&'static str),
    /// As [`Malformed`](Self::Malformed), with the place of the fault and perhaps what mends it: a file and its mode, a JSON pointer, a
    /// line and column. The place is printed, so it must be free of secrets.
    MalformedAt(&'static str, Box<str>),
    /// The secret, or the file of many secrets, is larger than its limit.
    TooLarge {
        /// The limit in bytes.
        limit: usize,
        /// The size in bytes.
        size: usize,
    },
    /// The store denies access.
    Denied,
    /// The store does not answer; [`unavailable`](Self::unavailable) makes one with its cause.
    Unavailable(Option<Arc<dyn std::error::Error + Send + Sync>>),
}

impl SecretError {
    /// The store does not answer, because of this. The cause's text is printed, so it must be free of secrets and URLs.
    pub fn unavailable(cause: impl Into<BoxError>) -> Self {
        Self::Unavailable(Some(cause.into().into()))
    }

    pub(crate) const fn message(&self) -> &'static str {
        match self {
            Self::NotFound => "the secret does not exist",
            Self::Malformed(what) | Self::MalformedAt(what, _) => what,
            Self::TooLarge { .. } => "the secret is too large",
            Self::Denied => "the secret store refuses access",
            Self::Unavailable(_) => "the secret store does not answer",
        }
    }
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())?;
        match self {
            Self::TooLarge { limit, size } => write!(f, ": {size} bytes, at most {limit}"),
            Self::MalformedAt(_, place) => write!(f, ": {}", on_one_line(place)),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for SecretError {}

impl From<SecretError> for Error {
    fn from(error: SecretError) -> Self {
        let kind = match error {
            SecretError::NotFound | SecretError::Malformed(_) | SecretError::MalformedAt(..) | SecretError::TooLarge { .. } => {
                ErrorKind::ConfigInvalid
            }
            SecretError::Denied | SecretError::Unavailable(_) => ErrorKind::Secret,
        };
        let failed = Self::new(kind, error.message());
        match error {
            SecretError::TooLarge { limit, size } => {
                failed.with_context("limit", limit).with_context("actual", size).with_context("unit", "bytes")
            }
            SecretError::MalformedAt(_, place) => failed.with_context("looked_in", place),
            SecretError::Unavailable(Some(cause)) => failed.with_source(cause),
            _ => failed,
        }
    }
}
