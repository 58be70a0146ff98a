//! Forms of several parts (RFC 7578).

use std::borrow::Cow;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::{error::is_invisible, hex::hex};

/// The start of every boundary.
const BOUNDARY: &str = "zengine-part";

/// Most repetitions of `-x` behind [`BOUNDARY`]: a boundary has at most 70 characters (RFC 2046).
const MAX_SUFFIX: usize = 24;

/// A form of several parts, `multipart/form-data`: texts and files.
///
/// The same parts give the same bytes. The boundary is one that no line of a part begins with.
///
/// ```
/// use zengine_connector::http::{Multipart, RequestBuilder};
///
/// let form = Multipart::new().text("purpose", "invoice").file("file", "offer.pdf", "application/pdf", &b"%PDF-1.7"[..]);
/// let request = RequestBuilder::post("https://api.example.com/media").multipart(form).build()?;
/// assert_eq!(request.headers()["content-type"], "multipart/form-data; boundary=zengine-part");
/// # Ok::<(), zengine_connector::SendError>(())
/// ```
#[derive(Default)]
#[must_use = "hand it to RequestBuilder::multipart"]
pub struct Multipart<'a> {
    parts: Vec<(String, Cow<'a, [u8]>)>,
}

masked!(Multipart<'_>);

impl<'a> Multipart<'a> {
    /// A form without parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text.
    pub fn text(mut self, name: &str, value: impl Into<Cow<'a, str>>) -> Self {
        let value = match value.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        self.parts.push((format!("Content-Disposition: form-data; name=\"{}\"", quotable(name)), value));
        self
    }

    /// Adds a file. In all three texts, control characters become `_`, and in the names also quotes and backslashes: readers
    /// disagree on how to escape them.
    pub fn file(mut self, name: &str, filename: &str, mime: &str, data: impl Into<Cow<'a, [u8]>>) -> Self {
        let (name, filename, mime) = (quotable(name), quotable(filename), replaced(mime, char::is_control));
        let head = format!("Content-Disposition: form-data; name=\"{name}\"; filename=\"{filename}\"\r\nContent-Type: {mime}");
        self.parts.push((head, data.into()));
        self
    }

    /// The content type with its boundary, and the body.
    pub(super) fn encode(self) -> (String, Bytes) {
        let boundary = self.boundary();
        let room: usize = self.parts.iter().map(|(head, data)| head.len() + data.len() + boundary.len() + 10).sum();
        let mut body = Vec::with_capacity(room + boundary.len() + 6);
        for (head, data) in &self.parts {
            for piece in ["--", &boundary, "\r\n", head, "\r\n\r\n"] {
                body.extend_from_slice(piece.as_bytes());
            }
            body.extend_from_slice(data);
            body.extend_from_slice(b"\r\n");
        }
        for piece in ["--", &boundary, "--\r\n"] {
            body.extend_from_slice(piece.as_bytes());
        }
        (format!("multipart/form-data; boundary={boundary}"), body.into())
    }

    /// A boundary that no line of a part begins with.
    fn boundary(&self) -> String {
        let lines = self.parts.iter().flat_map(|(_, data)| data.split(|byte| *byte == b'\n'));
        let taken = lines.filter_map(|line| line.strip_prefix(b"--")?.strip_prefix(BOUNDARY.as_bytes()));
        let suffixes = |rest: &[u8]| rest.chunks_exact(2).take_while(|two| two == b"-x").count() + 1;
        let longest = taken.map(suffixes).max().unwrap_or(0);
        if longest <= MAX_SUFFIX {
            return format!("{BOUNDARY}{}", "-x".repeat(longest));
        }
        // No file holds its own hash.
        let hash = self.parts.iter().fold(Sha256::new(), |hash, (_, data)| hash.chain_update(data)).finalize();
        format!("{BOUNDARY}-{}", hex(&hash[..16]))
    }
}

/// A text that cannot leave its quotes, its line or its direction.
fn quotable(text: &str) -> String {
    replaced(text, |c| is_invisible(c) || matches!(c, '"' | '\\'))
}

fn replaced(text: &str, odd: impl Fn(char) -> bool) -> String {
    text.chars().map(|c| if odd(c) { '_' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(data: &[u8]) -> Multipart<'_> {
        Multipart::new().file("file", "a.bin", "application/octet-stream", data)
    }

    #[test]
    fn a_boundary_never_stands_in_a_part() {
        assert_eq!(file(b"abc").boundary(), "zengine-part");
        assert_eq!(file(b"--zengine-part\r\n").boundary(), "zengine-part-x");
        assert_eq!(file(b"a\n--zengine-part-x-x--").boundary(), "zengine-part-x-x-x");
        assert_eq!(Multipart::new().text("a", "--zengine-part-x").boundary(), "zengine-part-x-x");
        let long = file(format!("--zengine-part{}", "-x".repeat(1000)).as_bytes()).boundary();
        assert!(long.len() <= 70 && !long.contains("-x"), "{long}");
    }

    #[test]
    fn no_name_leaves_its_quotes_and_no_type_its_line() {
        let odd = "a\"\r\nX: y\\.pdf";
        let (_, body) = Multipart::new().text(odd, "1").file(odd, odd, "a/b\r\nX: y", &b"bytes"[..]).encode();
        let expected = "--zengine-part\r\nContent-Disposition: form-data; name=\"a___X: y_.pdf\"\r\n\r\n1\r\n\
            --zengine-part\r\nContent-Disposition: form-data; name=\"a___X: y_.pdf\"; filename=\"a___X: y_.pdf\"\r\n\
            Content-Type: a/b__X: y\r\n\r\nbytes\r\n--zengine-part--\r\n";
        assert_eq!(body, expected);
    }

    #[test]
    fn no_name_of_a_file_looks_like_another() {
        let (_, body) = Multipart::new().file("file", "a\u{202e}fdp.exe\u{200b}é", "a/b", &b"bytes"[..]).encode();
        let body = std::str::from_utf8(&body).unwrap();
        assert!(body.contains("filename=\"a_fdp.exe_é\""), "{body}");
    }
}
