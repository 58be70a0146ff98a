//! One violation of a message, a configuration or a registry.

use std::fmt;

use super::on_one_line;
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
        // Members of a foreign document may have any name.
        let pointer = if self.pointer.is_empty() { "/" } else { &*on_one_line(&self.pointer) };
        write!(f, "{pointer}: {}", on_one_line(&self.message))?;
        match (self.limit, self.actual) {
            (Some(limit), Some(actual)) => write!(f, " (limit {limit}, actual {actual})"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_name_in_a_pointer_forges_no_line_and_turns_none() {
        let violation = Violation::new("/a\nerror: b\u{1b}[31m\u{202e}", "is not known");
        assert_eq!(violation.to_string(), r"/a\nerror: b\u{1b}[31m\u{202e}: is not known");
    }
}
