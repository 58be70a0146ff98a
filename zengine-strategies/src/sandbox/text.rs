//! Text encodings of every emulator: percent encoding, form fields, JSON escapes, heads of HTTP.

use std::fmt::Write;

use http::{HeaderMap, header};

/// Decodes a part of a query or a form; what is not encoded rightly stays as it is.
pub(crate) fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// The fields of a query or of a form body, in order.
pub(super) fn fields(text: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// JSON in which these characters are written as `\uXXXX`. They must occur inside of strings only.
pub(crate) fn escaped(json: &str, hidden: impl Fn(char) -> bool) -> String {
    let mut text = String::with_capacity(json.len() + json.len() / 8);
    for c in json.chars() {
        if hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(c);
        }
    }
    text
}

/// The content type; empty if there is none.
pub(crate) fn content_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Whether the body is a URL-encoded form: `name=value&…`.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    content_type(headers).to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
}

/// A head of HTTP/1.1 as bytes: its first lines, the headers, and the empty line.
pub(super) fn head_on_the_wire(start: String, headers: &HeaderMap) -> Vec<u8> {
    let mut wire = start.into_bytes();
    for (name, value) in headers {
        wire.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    wire.extend_from_slice(b"\r\n");
    wire
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded() {
        assert_eq!(decoded("a%2Cb+c%zz%C3%A9%+1%"), "a,b c%zzé% 1%");
        assert_eq!(fields("a=1&b&&c%20=%26"), [("a", "1"), ("b", ""), ("c ", "&")].map(|(k, v)| (k.to_owned(), v.to_owned())));
    }
}
