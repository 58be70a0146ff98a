//! Errors of stores.

use std::fmt;

use crate::error::{BoxError, Error, ErrorKind, on_one_line};

/// An error of a store. After it, a write may or may not have happened.
#[derive(Debug)]
#[non_exhaustive]
pub struct StoreError {
    /// Kind of the error.
    pub kind: StoreErrorKind,
    /// The message, a literal.
    pub message: &'static str,
    /// The store's own error. Its text must not hold tenants' keys or values.
    pub source: Option<BoxError>,
    /// The store's file or address, where an operator needs it. Printed, so it must be free of credentials.
    pub place: Option<Box<str>>,
}

/// The kind of a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store does not answer, or is temporarily unavailable.
    Unavailable,
    /// No space is left.
    Full,
    /// Another host has the store open for writing.
    StoreBusy,
    /// A record or file is damaged, or of an unknown version.
    Corrupt,
    /// The store does not support the operation.
    Unsupported,
    /// A compare-and-set failed.
    Conflict,
    /// The value is larger than the store accepts.
    TooLarge,
}

impl StoreError {
    /// An error of a kind.
    pub fn new(kind: StoreErrorKind, message: &'static str) -> Self {
        Self { kind, message, source: None, place: None }
    }

    /// Adds the store's own error.
    #[must_use = "returns the error with its cause"]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds the store's file or address.
    #[must_use = "returns the error with its place"]
    pub fn with_place(mut self, place: impl fmt::Display) -> Self {
        self.place = Some(place.to_string().into());
        self
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{}: {}", on_one_line(place), self.message),
            None => f.write_str(self.message),
        }
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
            // No retry makes a value smaller.
            StoreErrorKind::Unsupported | StoreErrorKind::TooLarge => ErrorKind::Unsupported,
            _ => ErrorKind::Store,
        };
        let converted = Self::new(kind, error.message);
        let converted = error.place.iter().fold(converted, |error, place| error.with_context("looked_in", place));
        match error.source {
            Some(source) => converted.with_source(source),
            None => converted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Disposition;

    #[test]
    fn a_value_that_a_store_never_takes_is_no_outage() {
        let disposition = |kind| Error::from(StoreError::new(kind, "refused")).disposition();
        assert_eq!(disposition(StoreErrorKind::TooLarge), Disposition::Reject);
        assert_ne!(disposition(StoreErrorKind::Full), Disposition::Reject);
    }
}
