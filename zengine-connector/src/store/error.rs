//! What a store can answer instead of an answer.

use std::fmt;

use crate::error::{BoxError, Error, ErrorKind};

/// Why a store did not do what it was asked. The write did not happen, or nobody knows whether it did.
#[derive(Debug)]
#[non_exhaustive]
pub struct StoreError {
    /// The class.
    pub kind: StoreErrorKind,
    /// A literal about it.
    pub message: &'static str,
    /// The store's own error; its text must not hold keys of tenants or values.
    pub source: Option<BoxError>,
}

/// The class of a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// No answer, or not now.
    Unavailable,
    /// No room.
    Full,
    /// Another host writes this store.
    StoreBusy,
    /// A record or file is damaged, or of an unknown version.
    Corrupt,
    /// This store cannot do that.
    Unsupported,
    /// A compare-and-set lost its race.
    Conflict,
    /// The value is larger than the store takes.
    TooLarge,
}

impl StoreError {
    /// An error of a class.
    pub fn new(kind: StoreErrorKind, message: &'static str) -> Self {
        Self { kind, message, source: None }
    }

    /// Adds the store's own error.
    #[must_use = "returns the error with its cause"]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let kind = match error.kind {
            StoreErrorKind::Corrupt => ErrorKind::Corrupt,
            StoreErrorKind::Unsupported => ErrorKind::Unsupported,
            _ => ErrorKind::Store,
        };
        let converted = Self::new(kind, error.message);
        match error.source {
            Some(source) => converted.with_source(source),
            None => converted,
        }
    }
}
