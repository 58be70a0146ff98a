//! JSON output into a reused buffer, without a tree and without an allocation per value.

use std::fmt::{self, Write};

/// Writes `"text"`.
pub(super) fn string(into: &mut String, text: &str) {
    into.push('"');
    escape(into, text);
    into.push('"');
}

/// Writes a value's `Display` output as a JSON string.
pub(super) fn display(into: &mut String, value: impl fmt::Display) {
    into.push('"');
    // Writing into the buffer cannot fail. If the value's `Display` fails, its output so far stays.
    let _ = write!(Escape(into), "{value}");
    into.push('"');
}

/// Writes a number. NaN and infinities become strings.
pub(super) fn float(into: &mut String, value: f64) {
    if value.is_finite() {
        let _ = write!(into, "{value}");
    } else {
        display(into, value);
    }
}

/// Escapes everything written to it.
pub(super) struct Escape<'a>(pub(super) &'a mut String);

impl Write for Escape<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.0, text);
        Ok(())
    }
}

fn escape(into: &mut String, text: &str) {
    let special = |byte: u8| byte < 0x20 || matches!(byte, b'"' | b'\\' | 0x7f);
    // Most texts need no escape; this check is vectorized.
    if !text.bytes().fold(false, |any, byte| any | special(byte)) {
        into.push_str(text);
        return;
    }
    for char in text.chars() {
        match char {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            '\n' => into.push_str("\\n"),
            '\r' => into.push_str("\\r"),
            '\t' => into.push_str("\\t"),
            '\0'..' ' | '\x7f' => drop(write!(into, "\\u{:04x}", u32::from(char))),
            _ => into.push(char),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_one_line_of_valid_json(text in any::<String>(), number in any::<f64>()) {
            let mut line = String::from("[");
            string(&mut line, &text);
            line.push(',');
            display(&mut line, &text);
            line.push(',');
            float(&mut line, number);
            line.push(']');
            prop_assert!(!line.contains('\n'));
            let back: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!((&back[0], &back[1]), (&text.clone().into(), &text.into()));
        }
    }
}
