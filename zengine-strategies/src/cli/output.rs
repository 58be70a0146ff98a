//! Standard output and standard error.
//!
//! Standard output is for programs: one compact JSON value per line, flushed at once. Text for people goes to standard error
//! or, if a command has no other result, to standard output; it has colours only on a terminal.

use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use serde::Serialize;
use zengine_connector::error::Violation;
use zengine_connector::private::{is_invisible, on_one_line};

use super::exit::{Exit, Failure};
use crate::sandbox::text::escaped;

pub(super) struct Out {
    plain: io::Stdout,
    styled: anstream::Stdout,
}

impl Out {
    pub(super) fn new() -> Self {
        Self { plain: io::stdout(), styled: anstream::stdout() }
    }

    /// Prints one JSON value on a line of its own.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let mut line = visible(&one_line(serde_json::to_string(value).map_err(io::Error::from)?.into()));
        line.push('\n');
        self.bytes(line.as_bytes())
    }

    /// Prints the result of a command as [`json`](Self::json) does, and passes its exit code on, also if the output is closed.
    pub(super) fn result(&mut self, value: &impl Serialize, exit: Exit) -> Result<Exit, Failure> {
        self.json(value).map_err(|failure| failure.with_exit_on_closed_output(exit)).map(|()| exit)
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = self.plain.lock();
        out.write_all(bytes)?;
        Ok(out.flush()?)
    }

    /// Prints text for people.
    pub(super) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.styled.write_all(text.as_bytes())?;
        Ok(self.styled.flush()?)
    }
}

/// JSON on one line: raw JSON may span several lines. Only the whitespace between tokens is removed.
fn one_line(mut json: Vec<u8>) -> Vec<u8> {
    // Inside a string a line break is always escaped.
    if json.contains(&b'\n') || json.contains(&b'\r') {
        let (mut inside, mut escaped) = (false, false);
        json.retain(|byte| {
            let kept = inside || !byte.is_ascii_whitespace();
            match byte {
                b'"' if !escaped => inside = !inside,
                _ => {}
            }
            escaped = inside && *byte == b'\\' && !escaped;
            kept
        });
    }
    json
}

/// JSON whose texts cannot turn a terminal's line around: characters that are not seen are escaped, as JSON escapes them.
fn visible(json: &[u8]) -> String {
    // JSON itself escapes the controls of ASCII.
    escaped(&String::from_utf8_lossy(json), |c| c > '\u{7e}' && is_invisible(c))
}

/// Sets whether all further output has colours.
pub(super) fn choose_color(choice: ColorChoice) {
    match choice {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

/// Style of emphasized text.
pub(super) const STRONG: Style = Style::new().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const NOTE: Style = AnsiColor::Yellow.on_default().bold();

pub(super) fn error(line: &str) {
    say(ERROR, "error", line);
}

pub(super) fn note(line: &str) {
    say(NOTE, "note", line);
}

fn say(style: Style, label: &str, line: &str) {
    // The reader may have closed standard error.
    let _ = writeln!(anstream::stderr(), "{style}{label}:{style:#} {}", on_one_line(line));
}

/// Prints a violation, its pointer first for programs.
pub(super) fn violation(violation: &Violation) {
    let text = violation.to_string();
    // A pointer may hold the separator.
    let (pointer, rest) = text.split_at(text.len().min(on_one_line(&violation.pointer).len().max(1)));
    let rest = rest.strip_prefix(": ").unwrap_or(rest);
    let _ = writeln!(anstream::stderr(), "{STRONG}{pointer}{STRONG:#}: {rest}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_escaped_and_stays_the_same_json() {
        let json = "{\"a\u{202e}b\":\"\u{9b}31m \u{2066}é😀\u{feff}\u{7f}\u{e0041}\"}";
        let line = visible(json.as_bytes());
        assert_eq!(line, r#"{"a\u202eb":"\u009b31m \u2066é😀\ufeff\u007f\udb40\udc41"}"#);
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parse(&line), parse(json));
    }

    #[test]
    fn json_is_one_line_and_its_texts_and_numbers_stay_as_they_are() {
        for (json, line) in [
            ("{\n  \"a b\": [1.10,\r\n\t\"c \\\" d\\\\\" , 1e400 ]\n}", "{\"a b\":[1.10,\"c \\\" d\\\\\",1e400]}"),
            ("{\"a\": 1}", "{\"a\": 1}"),
            ("\n\"\\\\\"\n", "\"\\\\\""),
        ] {
            assert_eq!(String::from_utf8(one_line(json.into())).unwrap(), line);
        }
    }
}
