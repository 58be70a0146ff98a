//! A request's body in a readable form.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, header::CONTENT_TYPE};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// Maximum length of text shown whole, in bytes.
const LONGEST_TEXT: usize = 64 * 1024;

/// JSON as is, an empty body as null, a multipart form as `{"multipart": […]}`, other text as a string, bytes as
/// `{"bytes", "sha256"}`.
pub(super) fn describe(headers: &HeaderMap, body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    let kind = content_type(headers);
    if let Some(parts) = boundary(kind).and_then(|boundary| parts(body, &boundary)) {
        return json!({ "multipart": parts });
    }
    serde_json::from_slice(body).unwrap_or_else(|_| opaque(body))
}

/// Whether the body is a URL-encoded form: `name=value&…`.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    content_type(headers).to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn opaque(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.len() <= LONGEST_TEXT && !text.contains('\0') => text.into(),
        _ => json!({ "bytes": bytes.len(), "sha256": STANDARD.encode(Sha256::digest(bytes)) }),
    }
}

/// The boundary between the parts of a multipart body (RFC 2046).
fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().to_ascii_lowercase().starts_with("multipart/") {
        return None;
    }
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// Each part: name, file name and content type if present, and the value; of a file, its length and digest.
fn parts(body: &[u8], boundary: &str) -> Option<Vec<Value>> {
    let delimiter = format!("--{boundary}").into_bytes();
    let mut parts = vec![];
    let mut rest = after(body, &delimiter)?;
    while !rest.starts_with(b"--") {
        let start = rest.strip_prefix(b"\r\n")?;
        let end = find(start, &[b"\r\n", delimiter.as_slice()].concat())?;
        parts.push(part(&start[..end])?);
        rest = &start[end + 2 + delimiter.len()..];
    }
    Some(parts)
}

fn part(part: &[u8]) -> Option<Value> {
    let split = find(part, b"\r\n\r\n")?;
    let (head, content) = (std::str::from_utf8(&part[..split]).ok()?, &part[split + 4..]);
    let mut shown = Map::new();
    let mut is_file = false;
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-disposition") {
            for (key, attribute) in value.split(';').filter_map(|part| part.trim().split_once('=')) {
                if matches!(key, "name" | "filename") {
                    is_file |= key == "filename";
                    shown.insert(key.to_owned(), attribute.trim_matches('"').into());
                }
            }
        } else if name.eq_ignore_ascii_case("content-type") {
            shown.insert("content_type".to_owned(), value.trim().into());
        }
    }
    if is_file {
        shown.insert("bytes".to_owned(), content.len().into());
        shown.insert("sha256".to_owned(), STANDARD.encode(Sha256::digest(content)).into());
    } else {
        shown.insert("value".to_owned(), opaque(content));
    }
    Some(shown.into())
}

fn after<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    find(bytes, mark).map(|at| &bytes[at + mark.len()..])
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    let first = *mark.first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(mark) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: &str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())])
    }

    #[test]
    fn a_form_is_described_part_by_part_and_a_file_by_its_length() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nimage/png\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n--\r\n--b--\r\n";
        let shown = describe(&headers("multipart/form-data; boundary=b"), body);
        let digest = STANDARD.encode(Sha256::digest(b"\x89PNG\r\n--"));
        assert_eq!(
            shown,
            json!({"multipart": [
                {"name": "type", "value": "image/png"},
                {"name": "file", "filename": "a.png", "content_type": "image/png", "bytes": 8, "sha256": digest},
            ]})
        );
    }

    #[test]
    fn json_is_json_text_is_text_and_bytes_are_counted() {
        assert_eq!(describe(&headers("application/json"), b"{\"a\":1}"), json!({"a": 1}));
        assert_eq!(describe(&HeaderMap::new(), b""), Value::Null);
        assert_eq!(describe(&headers("application/x-www-form-urlencoded"), b"a=b&c=d"), json!("a=b&c=d"));
        assert_eq!(describe(&HeaderMap::new(), b"\xff\x00")["bytes"], 2);
        // Says several parts and has none.
        assert_eq!(describe(&headers("multipart/form-data; boundary=b"), b"nothing"), json!("nothing"));
        assert_eq!(describe(&headers("multipart/form-data; boundary=b"), b"--b\r\n--b"), json!("--b\r\n--b"));
    }
}
