//! The message on standard input.

use serde_json::value::RawValue;

use crate::cli::exit::Failure;
use crate::cli::input::{self, BYTE_ORDER_MARK, Input};

/// Maximum length of a message, in bytes: a file of 100 MiB in base64, and the JSON around it.
const LONGEST: u64 = 160 << 20;

/// Reads a message as unchecked JSON.
pub(super) fn read() -> Result<Box<RawValue>, Failure> {
    let Input::Whole(bytes) = input::read(LONGEST, "a message")? else {
        return Err(Failure::invalid("the message on standard input is too long"));
    };
    serde_json::from_slice(bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes)).map_err(|error| {
        // The parser's error may quote the message.
        Failure::invalid(format!("the message on standard input is not JSON (line {}, column {})", error.line(), error.column()))
    })
}
