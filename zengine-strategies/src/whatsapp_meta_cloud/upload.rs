//! Storing a file at Meta, as part of sending it.

use bytes::Bytes;
use serde_json::Value;
use zengine_connector::{ErrorKind, HttpClient, Media, MediaSource, SendContext, SendError};

use super::{Tenant, client, error};

/// Stores the bytes of a media message and gives their id. Whatever goes wrong here, no message was sent.
pub(super) async fn upload(http: &dyn HttpClient, tenant: &Tenant, media: &Media, cx: &SendContext) -> Result<String, SendError> {
    let (MediaSource::Inline { data }, Some(mime)) = (&media.source, media.mime.as_deref()) else {
        return Err(SendError::of(ErrorKind::MessageInvalid, "the file has no bytes or no MIME type").not_sent());
    };
    let form = Form::of(mime, media.filename.as_deref(), data);
    let content_type = format!("multipart/form-data; boundary={}", form.boundary);
    let response = match client::post_media(http, tenant, &content_type, form.body, cx.remaining()).await {
        Ok(response) => response,
        Err(lost) => return Err(SendError::of(lost.kind(), "the file could not be stored").source(lost.into_error()).not_sent()),
    };
    if let Some((refused, _)) = error::refused(&response, cx.now(), cx.attempt().get()) {
        return Err(refused.context("operation", "upload").not_sent());
    }
    let body = serde_json::from_slice::<Value>(response.body()).ok();
    let id = body.as_ref().and_then(|body| body.get("id")?.as_str()).filter(|id| !id.is_empty() && id.len() <= 1024);
    id.map(str::to_owned).ok_or_else(|| SendError::of(ErrorKind::Protocol, "a file was stored without an id").not_sent())
}

/// A form in several parts (RFC 7578).
struct Form {
    boundary: String,
    body: Bytes,
}

impl Form {
    fn of(mime: &str, filename: Option<&str>, data: &[u8]) -> Self {
        let boundary = boundary(data);
        // Quotes and line breaks would end the name early.
        let name: String =
            filename.unwrap_or("file").chars().map(|c| if c.is_control() || matches!(c, '"' | '\\') { '_' } else { c }).collect();
        let mut body = Vec::with_capacity(data.len() + 1024);
        for (field, value) in [("messaging_product", "whatsapp"), ("type", mime)] {
            body.extend(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n").bytes());
        }
        let head = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {mime}");
        body.extend(format!("--{boundary}\r\n{head}\r\n\r\n").bytes());
        body.extend_from_slice(data);
        body.extend(format!("\r\n--{boundary}--\r\n").bytes());
        Self { boundary, body: body.into() }
    }
}

/// A boundary that no line of the file looks like.
fn boundary(data: &[u8]) -> String {
    let mut boundary = "zengine-part".to_owned();
    let looks = |boundary: &str| {
        let delimiter = format!("--{boundary}").into_bytes();
        data.split(|byte| *byte == b'\n').any(|line| line.starts_with(&delimiter))
    };
    while looks(&boundary) {
        boundary.push_str("-x");
    }
    boundary
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_never_stands_in_the_file() {
        assert_eq!(boundary(b"abc"), "zengine-part");
        assert_eq!(boundary(b"--zengine-part\r\n"), "zengine-part-x");
        assert_eq!(boundary(b"a\n--zengine-part-x-x--"), "zengine-part-x-x-x");
    }

    #[test]
    fn a_file_name_cannot_leave_its_quotes() {
        let form = Form::of("image/png", Some("a\"\r\nX: y\\.png"), b"bytes");
        let text = String::from_utf8(form.body.to_vec()).unwrap();
        assert!(text.contains("filename=\"a___X: y_.png\"\r\n"), "{text}");
        assert_eq!(text.matches("--zengine-part").count(), 4);
        assert!(text.ends_with("\r\n\r\nbytes\r\n--zengine-part--\r\n"));
    }
}
