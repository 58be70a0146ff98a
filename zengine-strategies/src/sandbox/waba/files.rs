//! Files: stored, described, fetched. Who may do so is the provider's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::check::Checked;
use super::errors::GraphError;
use super::query::Query;
use super::shared::Shared;
use crate::sandbox::lock;
use crate::sandbox::multipart::{boundary, parts};
use crate::sandbox::provider::page;
use crate::sandbox::text::content_type;

/// Lifetime of a download address, in milliseconds.
const ADDRESS_MS: u64 = 5 * 60 * 1_000;
/// Lifetime of uploaded and of received files, in milliseconds.
const UPLOADED_MS: u64 = 30 * 86_400_000;
const RECEIVED_MS: u64 = 7 * 86_400_000;

#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Media {
    pub(in crate::sandbox) owner: String,
    pub(in crate::sandbox) mime: String,
    pub(in crate::sandbox) bytes: Bytes,
    /// Time of expiry, in milliseconds.
    pub(in crate::sandbox) until_ms: u64,
}

impl Media {
    /// Whether a message of this type can carry it.
    pub(in crate::sandbox) fn is_of(&self, kind: &str) -> bool {
        match kind {
            "document" => true,
            "sticker" => self.mime == "image/webp",
            kind => self.mime.starts_with(&format!("{kind}/")) && self.mime != "image/webp",
        }
    }

    /// The digest in webhooks.
    pub(in crate::sandbox) fn sha256_base64(&self) -> String {
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
pub(in crate::sandbox) fn upload(shared: &Shared, owner: &str, headers: &HeaderMap, body: &Bytes) -> Checked<Value> {
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
    let id = store(shared, owner, &mime, file.bytes.clone(), UPLOADED_MS);
    Ok(json!({"id": id}))
}

/// Stores a file received from a person; returns its id.
pub(in crate::sandbox) fn receive(shared: &Shared, owner: &str, mime: &str, bytes: Bytes) -> String {
    store(shared, owner, mime, bytes, RECEIVED_MS)
}

fn store(shared: &Shared, owner: &str, mime: &str, bytes: Bytes, life_ms: u64) -> String {
    let (id, until_ms) = (shared.ids.digits(), shared.clock.now_ms() + life_ms);
    lock(&shared.media).insert(id.clone(), Media { owner: owner.to_owned(), mime: mime.to_owned(), bytes, until_ms });
    id
}

/// A file, if it exists and has not expired.
pub(in crate::sandbox) fn get(shared: &Shared, id: &str) -> Checked<Media> {
    let media = lock(&shared.media).get(id).filter(|media| media.until_ms > shared.clock.now_ms()).cloned();
    media.ok_or_else(|| GraphError::no_object(id))
}

/// The information about a file. `root`: the address of the host that hands it over.
pub(in crate::sandbox) fn info(shared: &Shared, media: &Media, id: &str, root: &str) -> Value {
    json!({
        "messaging_product": "whatsapp",
        "url": address(shared, root, id),
        "mime_type": media.mime,
        "sha256": format!("{:x}", Bytes::copy_from_slice(&Sha256::digest(&media.bytes))),
        "file_size": media.bytes.len(),
        "id": id,
    })
}

/// A download address, valid for five minutes.
pub(in crate::sandbox) fn address(shared: &Shared, root: &str, id: &str) -> String {
    format!("{root}/whatsapp_business/attachments/?mid={id}&ext={}", shared.clock.now_ms() + ADDRESS_MS)
}

pub(in crate::sandbox) fn remove(shared: &Shared, id: &str) -> Value {
    lock(&shared.media).remove(id);
    json!({"success": true})
}

/// The file of a download address; `None` if it is unknown, or the address has expired.
pub(in crate::sandbox) fn of_address(shared: &Shared, query: &Query) -> Option<Media> {
    let until: u64 = query.get("ext")?.parse().ok()?;
    query.get("mid").filter(|_| until >= shared.clock.now_ms()).and_then(|id| get(shared, id).ok())
}

/// The response with a file.
pub(in crate::sandbox) fn response(media: Media) -> Response<Bytes> {
    page(200, &media.mime, media.bytes)
}

/// A media type without parameters.
fn bare(mime: &str) -> String {
    mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
