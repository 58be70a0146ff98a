//! A request's body in a readable form.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::sandbox::{
    multipart::{self, Part},
    text::content_type,
};

/// Maximum length of text shown whole, in bytes.
const LONGEST_TEXT: usize = 64 * 1024;

/// JSON as is, an empty body as null, a multipart form as `{"multipart": […]}`, other text as a string, bytes as
/// `{"bytes", "sha256"}`.
pub(super) fn describe(headers: &HeaderMap, body: &Bytes) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    if let Some(parts) = multipart::boundary(content_type(headers)).and_then(|boundary| multipart::parts(body, boundary)) {
        return json!({ "multipart": parts.iter().map(part).collect::<Vec<_>>() });
    }
    serde_json::from_slice(body).unwrap_or_else(|_| opaque(body))
}

fn opaque(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.len() <= LONGEST_TEXT && !text.contains('\0') => text.into(),
        _ => json!({ "bytes": bytes.len(), "sha256": STANDARD.encode(Sha256::digest(bytes)) }),
    }
}

/// Name, file name and content type if present, and the value; of a file, its length and digest.
fn part(part: &Part) -> Value {
    let mut shown = json!({ "name": part.name });
    if let Some(mime) = &part.mime {
        shown["content_type"] = mime.as_str().into();
    }
    if let Some(filename) = &part.filename {
        shown["filename"] = filename.as_str().into();
        shown["bytes"] = part.bytes.len().into();
        shown["sha256"] = STANDARD.encode(Sha256::digest(&part.bytes)).into();
    } else {
        shown["value"] = opaque(&part.bytes);
    }
    shown
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_TYPE;

    use super::*;

    fn headers(content_type: &str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())])
    }

    #[test]
    fn a_form_is_described_part_by_part_and_a_file_by_its_length() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nimage/png\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n--\r\n--b--\r\n";
        let shown = describe(&headers("multipart/form-data; boundary=b"), &Bytes::from_static(body));
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
        assert_eq!(describe(&headers("application/json"), &Bytes::from_static(b"{\"a\":1}")), json!({"a": 1}));
        assert_eq!(describe(&HeaderMap::new(), &Bytes::from_static(b"")), Value::Null);
        assert_eq!(describe(&headers("application/x-www-form-urlencoded"), &Bytes::from_static(b"a=b&c=d")), json!("a=b&c=d"));
        assert_eq!(describe(&HeaderMap::new(), &Bytes::from_static(b"\xff\x00"))["bytes"], 2);
        // Says several parts and has none.
        assert_eq!(describe(&headers("multipart/form-data; boundary=b"), &Bytes::from_static(b"nothing")), json!("nothing"));
        assert_eq!(describe(&headers("multipart/form-data; boundary=b"), &Bytes::from_static(b"--b\r\n--b")), json!("--b\r\n--b"));
    }
}
