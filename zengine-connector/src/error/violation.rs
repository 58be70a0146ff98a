//! One violation of a message, a configuration or a registry.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One violation in a message or a configuration: the field, a description and the sizes. Never the content itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Violation {
    /// JSON pointer to the field.
    pub pointer: String,
    /// A description of the violation.
    pub message: String,
    /// The broken limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The actual size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<u64>,
}

impl Violation {
    /// A violation in a field. `message` must not repeat the field's content.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into(), limit: None, actual: None }
    }

    /// Adds the broken limit and the actual size.
    #[must_use = "returns the violation with the sizes"]
    pub fn with_sizes(mut self, limit: u64, actual: u64) -> Self {
        (self.limit, self.actual) = (Some(limit), Some(actual));
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(f, "{pointer}: {}", self.message)?;
        match (self.limit, self.actual) {
            (Some(limit), Some(actual)) => write!(f, " (limit {limit}, actual {actual})"),
            _ => Ok(()),
        }
    }
}
