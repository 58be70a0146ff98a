//! Text encodings of every emulator: hex, percent encoding, form fields.

use std::fmt::Write;

use http::HeaderMap;

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Decodes a part of a query or a form; what is not encoded rightly stays as it is.
pub(crate) fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// The fields of a query or of a form body, in order.
pub(super) fn fields(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
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
