//! Media: upload, resolve, download, delete.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::state::State;
use crate::sandbox::lock;
use crate::sandbox::multipart::{boundary, parts};
use crate::sandbox::provider::page;
use crate::sandbox::text::content_type;
use crate::sandbox::waba::Number;
use crate::sandbox::waba::check::Checked;
use crate::sandbox::waba::errors::{GraphError, json_answer};

/// Lifetime of a download address, in milliseconds.
const ADDRESS_MS: u64 = 5 * 60 * 1_000;
/// Lifetime of uploaded and of received files, in milliseconds.
const UPLOADED_MS: u64 = 30 * 86_400_000;
const RECEIVED_MS: u64 = 7 * 86_400_000;

#[derive(Debug, Clone)]
pub(super) struct Media {
    pub(super) owner: String,
    pub(super) mime: String,
    pub(super) bytes: Bytes,
    /// Time of expiry, in milliseconds.
    pub(super) until_ms: u64,
}

impl Media {
    /// Whether a message of this type can carry it.
    pub(super) fn is_of(&self, kind: &str) -> bool {
        match kind {
            "document" => true,
            "sticker" => self.mime == "image/webp",
            kind => self.mime.starts_with(&format!("{kind}/")) && self.mime != "image/webp",
        }
    }

    /// The digest in webhooks.
    pub(super) fn sha256_base64(&self) -> String {
        STANDARD.encode(Sha256::digest(&self.bytes))
    }
}

/// Maximum size of a media type; `None` for unsupported types.
fn limit(mime: &str) -> Option<usize> {
    const KB: usize = 1024;
    const MB: usize = 1024 * KB;
    match mime {
        "audio/aac" | "audio/amr" | "audio/mpeg" | "audio/mp4" | "audio/ogg" | "video/mp4" | "video/3gpp" => Some(16 * MB),
        "image/jpeg" | "image/png" => Some(5 * MB),
        "image/webp" => Some(500 * KB),
        mime if mime.starts_with("text/") || mime.starts_with("application/") => Some(100 * MB),
        _ => None,
    }
}

/// `POST /{version}/{phone_number_id}/media`.
pub(super) fn upload(state: &State, number: &Number, headers: &HeaderMap, body: &Bytes) -> Checked<Value> {
    let boundary = boundary(content_type(headers)).ok_or_else(|| GraphError::bad("The request must be multipart/form-data."))?;
    let parts = parts(body, boundary).ok_or_else(|| GraphError::bad("The multipart body is broken."))?;
    let field = |name: &str| parts.iter().find(|part| part.name == name);
    let text = |name: &str| field(name).and_then(|part| std::str::from_utf8(&part.bytes).ok());
    if text("messaging_product") != Some("whatsapp") {
        return Err(GraphError::bad("The parameter messaging_product is required."));
    }
    let file = field("file").ok_or_else(|| GraphError::missing("file"))?;
    if file.filename.is_none() {
        return Err(GraphError::bad("The part file must have a file name."));
    }
    let mime = text("type").or(file.mime.as_deref()).ok_or_else(|| GraphError::missing("type"))?;
    let mime = bare(mime);
    let most = limit(&mime).ok_or_else(|| GraphError::bad(format!("Param file must be a file of a supported type, not {mime}.")))?;
    if file.mime.as_deref().is_some_and(|own| bare(own) != mime) {
        return Err(GraphError::bad("The content type of the part differs from the parameter type."));
    }
    if file.bytes.is_empty() || file.bytes.len() > most {
        return Err(GraphError::because(131_053, format!("The file has {} bytes, must have 1 to {most}.", file.bytes.len())));
    }
    let id = store(state, &number.id, &mime, file.bytes.clone(), UPLOADED_MS);
    Ok(json!({"id": id}))
}

/// Stores a file received from a person; returns its id.
pub(super) fn receive(state: &State, owner: &str, mime: &str, bytes: Bytes) -> String {
    store(state, owner, mime, bytes, RECEIVED_MS)
}

fn store(state: &State, owner: &str, mime: &str, bytes: Bytes, life_ms: u64) -> String {
    let (id, until_ms) = (state.ids.digits(), state.clock.now_ms() + life_ms);
    lock(&state.media).insert(id.clone(), Media { owner: owner.to_owned(), mime: mime.to_owned(), bytes, until_ms });
    id
}

/// The media, if it exists and belongs to the number, if given.
fn owned(state: &State, token: &str, id: &str, number: Option<&str>) -> Checked<Media> {
    let media = lock(&state.media).get(id).filter(|media| media.until_ms > state.clock.now_ms()).cloned();
    let media = media.ok_or_else(|| GraphError::no_object(id))?;
    if number.is_some_and(|number| number != media.owner) {
        return Err(GraphError::no_object(id));
    }
    state.number_for(token, &media.owner).map(|_| media).map_err(|_| GraphError::no_object(id))
}

/// `GET /{version}/{media_id}`.
pub(super) fn resolve(state: &State, token: &str, id: &str, number: Option<&str>, base_url: &str) -> Checked<Value> {
    let media = owned(state, token, id, number)?;
    Ok(json!({
        "messaging_product": "whatsapp",
        "url": address(state, base_url, id),
        "mime_type": media.mime,
        "sha256": format!("{:x}", Bytes::copy_from_slice(&Sha256::digest(&media.bytes))),
        "file_size": media.bytes.len(),
        "id": id,
    }))
}

/// A download address, valid for five minutes.
pub(super) fn address(state: &State, base_url: &str, id: &str) -> String {
    format!("{base_url}/whatsapp_business/attachments/?mid={id}&ext={}", state.clock.now_ms() + ADDRESS_MS)
}

/// `DELETE /{version}/{media_id}`.
pub(super) fn delete(state: &State, token: &str, id: &str, number: Option<&str>) -> Checked<Value> {
    owned(state, token, id, number)?;
    lock(&state.media).remove(id);
    Ok(json!({"success": true}))
}

/// `GET` of an address from `resolve`.
pub(super) fn download(state: &State, token: Option<&str>, id: Option<&str>, expires: Option<&str>) -> Response<Bytes> {
    let refuse = |status| json_answer(status, &json!({"error": "not available"}));
    let Some(token) = token.filter(|token| state.tokens.valid(token).is_ok()) else { return refuse(401) };
    let expired = expires.and_then(|at| at.parse().ok()).is_none_or(|at: u64| at < state.clock.now_ms());
    let media = id.filter(|_| !expired).map(|id| owned(state, token, id, None));
    let Some(Ok(media)) = media else { return refuse(404) };
    page(200, &media.mime, media.bytes)
}

/// A media type without parameters.
fn bare(mime: &str) -> String {
    mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
