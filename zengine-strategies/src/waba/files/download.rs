//! Fetching a file that an event names: its address from the provider, then the bytes.
//!
//! The address comes from an answer and redirects come from the file host, so neither is trusted: see [`Files`](super::Files).

use std::time::SystemTime;

use bytes::Bytes;
use http::{Response, StatusCode, Uri};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zengine_connector::message::read_sha256;
use zengine_connector::strategy::{MediaFile, MediaRequest};
use zengine_connector::{ErrorKind, Secret, SendError, error::NeedsReach, http::HttpCause};

use super::address::{next, protocol};
use super::file::MediaInfo;
use crate::waba::answer;
use crate::waba::context::CallContext;
use crate::waba::gateway::{CallFailure, Gateway, Limits, MAX_ANSWER, is_id};

/// Look-ups of an address: it lives for minutes, so one more is asked for.
pub(crate) const LOOK_UPS: usize = 2;

/// The file of a media id. No message is sent, so every error is safe to repeat.
pub(crate) async fn fetch(
    gateway: &Gateway<'_>,
    limits: &Limits,
    request: &MediaRequest,
    cx: &dyn CallContext,
) -> Result<MediaFile, SendError> {
    let fetch = Fetch::new(gateway, limits, cx);
    for _ in 0..LOOK_UPS {
        let info = fetch.resolve(&request.handle).await?;
        if let Some(file) = fetch.bytes(&info, request.max_bytes).await? {
            return Ok(file);
        }
    }
    Err(gone())
}

/// The bytes of a file whose information is known; `None` if the address has expired.
pub(crate) async fn download(
    gateway: &Gateway<'_>,
    limits: &Limits,
    info: &MediaInfo,
    max_bytes: u64,
    cx: &dyn CallContext,
) -> Result<Option<MediaFile>, SendError> {
    Fetch::new(gateway, limits, cx).bytes(info, max_bytes).await
}

/// The error of a file whose address has expired again.
pub(crate) fn gone() -> SendError {
    SendError::of(ErrorKind::Media, "the file is no longer there").not_sent()
}

/// The provider's information about a media id.
pub(crate) async fn info(gateway: &Gateway<'_>, limits: &Limits, id: &str, cx: &dyn CallContext) -> Result<MediaInfo, SendError> {
    Fetch::new(gateway, limits, cx).resolve(id).await
}

struct Fetch<'a> {
    gateway: &'a Gateway<'a>,
    /// Maximum size that the tenant takes, in bytes.
    most: u64,
    now: SystemTime,
    end: SystemTime,
    cx: &'a dyn CallContext,
}

impl<'a> Fetch<'a> {
    fn new(gateway: &'a Gateway<'a>, limits: &Limits, cx: &'a dyn CallContext) -> Self {
        Self { gateway, most: limits.file_bytes, now: cx.now(), end: cx.now() + limits.media.min(cx.remaining()), cx }
    }

    /// Resolves a media id.
    async fn resolve(&self, id: &str) -> Result<MediaInfo, SendError> {
        let path = path(&self.gateway.paths.file_query, id)?;
        let address = self.gateway.url(&path).parse().map_err(|_| not_an_id())?;
        let response = self.get(&address, MAX_ANSWER).await.map_err(SendError::from)?;
        let body = answer::read(&response, self.now, "media_info")?;
        let url = body.get("url").and_then(Value::as_str).ok_or_else(|| protocol("the file has no address").not_sent())?;
        Ok(MediaInfo {
            id: id.to_owned(),
            mime: body.get("mime_type").and_then(Value::as_str).map(str::to_owned),
            bytes: body.get("file_size").and_then(|size| size.as_u64().or_else(|| size.as_str()?.trim().parse().ok())),
            sha256: body.get("sha256").and_then(Value::as_str).and_then(read_sha256),
            url: Secret::new(url.to_owned()),
        })
    }

    /// The bytes; `None` if the address has expired.
    async fn bytes(&self, info: &MediaInfo, max_bytes: u64) -> Result<Option<MediaFile>, SendError> {
        let limit = self.most.min(max_bytes);
        if let Some(size) = info.bytes.filter(|size| *size > limit) {
            return Err(too_large().context("limit", limit).context("actual", size).not_sent());
        }
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut address: Uri = info.url.expose().parse().map_err(|_| protocol("the file has no address").not_sent())?;
        let files = &self.gateway.paths.files;
        for _ in 0..=files.redirects() {
            address = files.address(&address, self.gateway.root).map_err(NeedsReach::not_sent)?;
            let response = match self.get(&address, most).await {
                Err(CallFailure::Http(lost)) if lost.cause == HttpCause::TooLarge => {
                    return Err(too_large().context("limit", limit).not_sent());
                }
                other => other?,
            };
            match response.status() {
                StatusCode::OK => return checked(info, response.into_body(), limit, files.takes_other_digest()).map(Some),
                StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
                status if status.is_redirection() && files.redirects() == 0 => {
                    return Err(SendError::of(ErrorKind::Media, "the file is elsewhere: a redirect is not followed").not_sent());
                }
                status if status.is_redirection() => {
                    address = next(&address, &response).ok_or_else(|| protocol("a redirect without an address").not_sent())?;
                }
                _ => {
                    answer::read(&response, self.now, "media_download")?;
                    return Err(protocol("the file host answered with an unexpected status").not_sent());
                }
            }
        }
        Err(protocol("too many redirects").not_sent())
    }

    async fn get(&self, address: &Uri, most: usize) -> Result<Response<Bytes>, CallFailure> {
        let left = self.end.duration_since(self.cx.now()).unwrap_or_default();
        self.gateway.fetch(address, left, most).await
    }
}

fn checked(info: &MediaInfo, bytes: Bytes, limit: u64, takes_other_digest: bool) -> Result<MediaFile, SendError> {
    if bytes.len() as u64 > limit {
        return Err(too_large().context("limit", limit).not_sent());
    }
    let mut file = MediaFile::new(bytes);
    file.mime.clone_from(&info.mime);
    match info.sha256 {
        Some(announced) if announced == *Sha256::digest(&file.bytes) => {}
        Some(_) if takes_other_digest => file.warnings.push("the file has another digest than the provider announced"),
        Some(_) => return Err(protocol("the file is not the one that was announced").not_sent()),
        None if info.bytes.is_some_and(|announced| announced > file.bytes.len() as u64) => {
            return Err(protocol("the file is shorter than was announced").not_sent());
        }
        None => file.warnings.push("the provider gave no digest to compare"),
    }
    Ok(file)
}

/// The path of a file. The query may name the number, so that the provider checks whose file it is.
pub(crate) fn path(query: &str, id: &str) -> Result<String, SendError> {
    if is_id(id) { Ok(format!("/{id}{query}")) } else { Err(not_an_id()) }
}

fn not_an_id() -> SendError {
    SendError::of(ErrorKind::MessageInvalid, "not a media id").context("field", "handle").not_sent()
}

fn too_large() -> NeedsReach {
    SendError::of(ErrorKind::Media, "the file is larger than this tenant takes")
}
