//! The message on standard input.

use serde_json::{Value, value::RawValue};
use zengine_connector::{Error, ErrorKind, schema};

use crate::cli::{
    exit::{Exit, Failure},
    input::{self, Input},
    strategy::CliStrategy,
};

/// Maximum length of a message, in bytes: a file of 100 MiB in base64, and the JSON around it.
const LONGEST: u64 = 160 << 20;

/// A message as unchecked JSON.
pub(super) struct Message(Box<RawValue>);

impl Message {
    pub(super) fn read() -> Result<Self, Failure> {
        let Input::Whole(bytes) = input::read(LONGEST, "a message")? else {
            return Err(Failure::invalid("the message on standard input is too long"));
        };
        let json = serde_json::from_slice(&bytes).map_err(|error| {
            // The parser's error may quote the message.
            Failure::invalid(format!("the message on standard input is not JSON (line {}, column {})", error.line(), error.column()))
        })?;
        Ok(Self(json))
    }

    pub(super) fn as_json(&self) -> &RawValue {
        &self.0
    }

    /// Failure of a message refused before anything was sent, by pointers into the message where known.
    pub(super) fn refused(&self, strategy: &CliStrategy, error: Error) -> Failure {
        if error.kind() == ErrorKind::MessageInvalid && error.violations().is_empty() {
            let value: Value = serde_json::from_str(self.0.get()).unwrap_or_default();
            let schema = (strategy.descriptor.message_schema)();
            let violations = schema::violations(schema.as_value(), &value).unwrap_or_default();
            if !violations.is_empty() {
                return Failure::violations(violations);
            }
        }
        let exit = Exit::of_refusal(&error);
        Failure::from(error).with_exit(exit)
    }
}
