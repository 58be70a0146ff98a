//! Storing a file at the provider, alone or as part of sending it.

use http::Method;
use zengine_connector::http::Multipart;
use zengine_connector::message::{Media, MediaKind, MediaSource};
use zengine_connector::{ErrorKind, SendContext, SendError};

use super::file::{NewMedia, StoredMedia};
use crate::waba::context::CallContext;
use crate::waba::gateway::{Gateway, Limits, Payload};
use crate::waba::media::file_name;
use crate::waba::{answer, wire};

/// The properties of a file beside its bytes.
struct Part<'a> {
    kind: MediaKind,
    mime: &'a str,
    filename: Option<&'a str>,
    ttl_minutes: Option<u32>,
}

/// Stores a file that was checked with [`NewMedia::checked`].
pub(crate) async fn store(
    gateway: &Gateway<'_>,
    limits: &Limits,
    (file, data): (NewMedia, bytes::Bytes),
    cx: &dyn CallContext,
) -> Result<StoredMedia, SendError> {
    let NewMedia { kind, ref mime, ref filename, ttl_minutes, .. } = file;
    let part = Part { kind, mime, filename: filename.as_deref(), ttl_minutes };
    bytes(gateway, limits, &part, &data, cx).await.map(|id| StoredMedia { id })
}

/// Stores the bytes of a media message and returns their id. On any error here, no message was sent.
pub(crate) async fn store_inline(gateway: &Gateway<'_>, limits: &Limits, media: &Media, cx: &SendContext) -> Result<String, SendError> {
    let (MediaSource::Inline { data }, Some(mime)) = (&media.source, media.mime.as_deref()) else {
        return Err(SendError::of(ErrorKind::MessageInvalid, "the file has no bytes or no MIME type").not_sent());
    };
    let part = Part { kind: media.kind, mime, filename: media.filename.as_deref(), ttl_minutes: None };
    bytes(gateway, limits, &part, data, cx).await
}

async fn bytes(gateway: &Gateway<'_>, limits: &Limits, part: &Part<'_>, data: &[u8], cx: &dyn CallContext) -> Result<String, SendError> {
    let form = Multipart::new().text("messaging_product", "whatsapp").text("type", part.mime);
    let form = part.ttl_minutes.iter().fold(form, |form, minutes| form.text("ttl_minutes", minutes.to_string()));
    let form = form.file("file", &file_name(part.kind, part.mime, part.filename), part.mime, data);
    let timeout = limits.media.min(cx.remaining());
    let response = match gateway.call(Method::POST, &gateway.paths.media, Payload::Multipart(form), timeout).await {
        Ok(response) => response,
        Err(lost) => return Err(SendError::of(lost.kind(), "the file could not be stored").source(lost.into_error()).not_sent()),
    };
    let body = answer::read(&response, cx.now(), "upload")?;
    let id = wire::text(&body, "id").filter(|id| id.len() <= 1024);
    id.ok_or_else(|| SendError::of(ErrorKind::Protocol, "a file was stored without an id").not_sent())
}
