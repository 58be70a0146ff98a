//! Storing a file at Meta, alone or as part of sending it.

use std::time::Duration;

use http::Method;
use zengine_connector::http::Multipart;
use zengine_connector::message::{Media, MediaKind, MediaSource};
use zengine_connector::{ErrorKind, SendContext, SendError};

use super::file::NewMedia;
use crate::waba::media::file_name;
use crate::waba::{answer, wire};
use crate::whatsapp_meta_cloud::Tenant;
use crate::whatsapp_meta_cloud::client::{Graph, Payload};
use crate::whatsapp_meta_cloud::context::CallContext;

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
    store(graph, tenant, &part, data, cx).await
}

/// Stores bytes and returns their id.
pub(super) async fn store(
    graph: &Graph<'_>,
    tenant: &Tenant,
    part: &Part<'_>,
    data: &[u8],
    cx: &dyn CallContext,
) -> Result<String, SendError> {
    let form = Multipart::new().text("messaging_product", "whatsapp").text("type", part.mime);
    let form = part.ttl_minutes.iter().fold(form, |form, minutes| form.text("ttl_minutes", minutes.to_string()));
    let form = form.file("file", &file_name(part.kind, part.mime, part.filename), part.mime, data);
    let timeout = Duration::from_millis(tenant.config.media_timeout_ms).min(cx.remaining());
    let path = format!("/{}/media", tenant.config.phone_number_id);
    let response = match graph.call(Method::POST, &path, Payload::Multipart(form), timeout).await {
        Ok(response) => response,
        Err(lost) => return Err(SendError::of(lost.kind(), "the file could not be stored").source(lost.into_error()).not_sent()),
    };
    let body = answer::read(&response, cx.now(), "upload")?;
    let id = wire::text(&body, "id").filter(|id| id.len() <= 1024);
    id.ok_or_else(|| SendError::of(ErrorKind::Protocol, "a file was stored without an id").not_sent())
}
