//! Standard input, bounded.

use std::io::{self, IsTerminal as _, Read as _};

use super::{exit::Failure, output};

/// Maximum bytes read and discarded from an input that is too long, so that the writer's pipe stays open.
const MAX_DISCARDED: u64 = 1 << 30;

/// The bytes that some editors put before JSON.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The content of standard input.
pub(super) enum Input {
    /// The whole input.
    Whole(Vec<u8>),
    /// More than allowed.
    TooLong,
}

/// Reads standard input to its end, at most `limit` bytes. On a terminal, prompts for `what`.
pub(super) fn read(limit: u64, what: &str) -> Result<Input, Failure> {
    let mut stdin = io::stdin().lock();
    if stdin.is_terminal() {
        output::note(&format!("reading {what} from the terminal; end it with Ctrl-D"));
    }
    let mut bytes = vec![];
    (&mut stdin).take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 <= limit {
        return Ok(Input::Whole(bytes));
    }
    io::copy(&mut stdin.take(MAX_DISCARDED), &mut io::sink())?;
    Ok(Input::TooLong)
}
