//! The stored form of an attempt's error.

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind, Fault, Reach, SendError},
    store::cbor::{Unread, cbor_map},
};

/// An error in its stored form. Its text is one of our literals, its code the provider's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StoredError {
    /// Kind of the error.
    pub kind: ErrorKind,
    /// The party at fault.
    pub fault: Fault,
    /// Reach of the attempt.
    pub reach: Reach,
    /// The provider's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The message, one of our literals.
    #[serde(default)]
    pub message: String,
    /// Number of attempts made.
    #[serde(default)]
    pub attempts: u32,
    #[serde(skip)]
    unread: Unread,
}

cbor_map!(StoredError {
    1 => kind: required,
    2 => fault: required,
    3 => reach: required,
    4 => code: optional,
    5 => message: default,
    6 => attempts: default,
});

impl StoredError {
    /// An error of a kind.
    pub fn new(kind: ErrorKind, reach: Reach, message: impl Into<String>) -> Self {
        Self { kind, fault: kind.fault(), reach, code: None, message: message.into(), attempts: 0, unread: Unread::default() }
    }

    /// The stored form of an attempt's error.
    pub fn of(error: &SendError, attempts: u32) -> Self {
        Self {
            kind: error.kind(),
            fault: error.fault(),
            reach: error.reach(),
            code: error.provider_code().map(str::to_owned),
            message: error.error().message().to_owned(),
            attempts,
            unread: Unread::default(),
        }
    }

    /// Restores the error, without the parts that are not stored.
    pub fn to_error(&self) -> Error {
        let error = Error::restored(self.kind, self.message.clone());
        let error = match &self.code {
            Some(code) => error.with_code(code),
            None => error,
        };
        if self.attempts > 0 { error.with_context("attempts", self.attempts) } else { error }
    }
}
