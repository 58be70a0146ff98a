//! Storing a file at Meta, alone or as part of sending it.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::Value;
use zengine_connector::{
    ErrorKind, SendContext, SendError,
    message::{Media, MediaKind, MediaSource},
};

use super::file::NewMedia;
use crate::{
    waba::{answer, media::file_name, wire},
    whatsapp_meta_cloud::{
        Tenant,
        client::{Graph, Payload},
        context::CallContext,
    },
};

/// The properties of a file beside its bytes.
pub(super) struct Part<'a> {
    kind: MediaKind,
    mime: &'a str,
    filename: Option<&'a str>,
    ttl_minutes: Option<u32>,
}

impl<'a> Part<'a> {
    pub(super) fn of(file: &'a NewMedia) -> Self {
        Self { kind: file.kind, mime: &file.mime, filename: file.filename.as_deref(), ttl_minutes: file.ttl_minutes }
    }
}

/// Stores the bytes of a media message and returns their id. On any error here, no message was sent.
pub(in crate::whatsapp_meta_cloud) async fn upload_of(
    graph: &Graph<'_>,
    tenant: &Tenant,
    media: &Media,
    cx: &SendContext,
) -> Result<String, SendError> {
    let (MediaSource::Inline { data }, Some(mime)) = (&media.source, media.mime.as_deref()) else {
        return Err(SendError::of(ErrorKind::MessageInvalid, "the file has no bytes or no MIME type").not_sent());
    };
    let part = Part { kind: media.kind, mime, filename: media.filename.as_deref(), ttl_minutes: None };
    store(graph, tenant, &part, data, cx, cx.attempt().get()).await
}

/// Stores bytes and returns their id.
pub(super) async fn store(
    graph: &Graph<'_>,
    tenant: &Tenant,
    part: &Part<'_>,
    data: &[u8],
    cx: &dyn CallContext,
    attempt: u32,
) -> Result<String, SendError> {
    let form = Form::of(part, data);
    let content_type = format!("multipart/form-data; boundary={}", form.boundary);
    let timeout = Duration::from_millis(tenant.config.media_timeout_ms).min(cx.remaining());
    let payload = Payload::Raw { content_type: &content_type, body: form.body };
    let path = format!("/{}/media", tenant.config.phone_number_id);
    let response = match graph.call(Method::POST, &path, payload, timeout).await {
        Ok(response) => response,
        Err(lost) => return Err(SendError::of(lost.kind(), "the file could not be stored").source(lost.into_error()).not_sent()),
    };
    if let Some((refused, _)) = answer::refused(&response, cx.now(), attempt) {
        return Err(refused.context("operation", "upload").not_sent());
    }
    let body = serde_json::from_slice::<Value>(response.body()).ok();
    let id = body.as_ref().and_then(|body| wire::text(body, "id")).filter(|id| id.len() <= 1024);
    id.ok_or_else(|| SendError::of(ErrorKind::Protocol, "a file was stored without an id").not_sent())
}

/// A form in several parts (RFC 7578).
struct Form {
    boundary: String,
    body: Bytes,
}

impl Form {
    fn of(part: &Part<'_>, data: &[u8]) -> Self {
        let mime = part.mime;
        let boundary = boundary(data);
        // Quotes and line breaks would end the name early.
        let name = file_name(part.kind, mime, part.filename);
        let name: String = name.chars().map(|c| if c.is_control() || matches!(c, '"' | '\\') { '_' } else { c }).collect();
        let mut body = Vec::with_capacity(data.len() + 1024);
        let ttl = part.ttl_minutes.map(|minutes| minutes.to_string());
        let fields = [("messaging_product", Some("whatsapp")), ("type", Some(mime)), ("ttl_minutes", ttl.as_deref())];
        for (field, value) in fields.into_iter().filter_map(|(field, value)| Some((field, value?))) {
            body.extend(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n").bytes());
        }
        let head = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {mime}");
        body.extend(format!("--{boundary}\r\n{head}\r\n\r\n").bytes());
        body.extend_from_slice(data);
        body.extend(format!("\r\n--{boundary}--\r\n").bytes());
        Self { boundary, body: body.into() }
    }
}

/// A boundary that no line of the file begins with.
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
        let name = Some("a\"\r\nX: y\\.pdf");
        let form = Form::of(&Part { kind: MediaKind::Document, mime: "application/pdf", filename: name, ttl_minutes: None }, b"bytes");
        let text = String::from_utf8(form.body.to_vec()).unwrap();
        assert!(text.contains("filename=\"a___X: y_.pdf\"\r\n"), "{text}");
        assert_eq!(text.matches("--zengine-part").count(), 4);
        assert!(text.ends_with("\r\n\r\nbytes\r\n--zengine-part--\r\n"));
    }
}
