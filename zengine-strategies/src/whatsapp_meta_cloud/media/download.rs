//! Fetching a file that an event names: its address from the Graph API, then the bytes from Meta's file hosts.
//!
//! The address comes from an answer and redirects come from the file host, so neither is trusted: the token is sent only
//! to Meta's own hosts, and other hosts are not called at all.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Response, StatusCode, Uri};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zengine_connector::message::read_sha256;
use zengine_connector::strategy::{MediaFile, MediaRequest};
use zengine_connector::{ErrorKind, Secret, SendError, error::NeedsReach, http::HttpCause};

use super::file::MediaInfo;
use super::hosts;
use crate::waba::answer;
use crate::whatsapp_meta_cloud::client::{CallFailure, Graph, MAX_ANSWER};
use crate::whatsapp_meta_cloud::context::CallContext;
use crate::whatsapp_meta_cloud::{Tenant, client};

const REDIRECTS: usize = 3;

/// The file of a media id. No message is sent, so every error is safe to repeat.
pub(in crate::whatsapp_meta_cloud) async fn fetch(
    graph: &Graph<'_>,
    tenant: &Tenant,
    request: &MediaRequest,
    cx: &dyn CallContext,
) -> Result<MediaFile, SendError> {
    let (fetch, limit) = (Fetch::new(graph, tenant, cx), tenant.config.max_media_bytes.min(request.max_bytes));
    let info = fetch.resolve(&request.handle).await?;
    if let Some(file) = fetch.bytes(&info, limit).await? {
        return Ok(file);
    }
    // The address lives for minutes: one more from the source, then the file is gone.
    let again = fetch.resolve(&request.handle).await?;
    fetch.bytes(&again, limit).await?.ok_or_else(|| SendError::of(ErrorKind::Media, "the file is no longer there").not_sent())
}

/// Meta's information about a media id.
pub(super) async fn info(graph: &Graph<'_>, tenant: &Tenant, id: &str, cx: &dyn CallContext) -> Result<MediaInfo, SendError> {
    Fetch::new(graph, tenant, cx).resolve(id).await
}

struct Fetch<'a> {
    graph: &'a Graph<'a>,
    tenant: &'a Tenant,
    now: SystemTime,
    end: SystemTime,
    cx: &'a dyn CallContext,
}

impl<'a> Fetch<'a> {
    fn new(graph: &'a Graph<'a>, tenant: &'a Tenant, cx: &'a dyn CallContext) -> Self {
        let own = Duration::from_millis(tenant.config.media_timeout_ms);
        Self { graph, tenant, now: cx.now(), end: cx.now() + own.min(cx.remaining()), cx }
    }

    /// Resolves a media id. Naming the number makes Meta check that the file is this tenant's.
    async fn resolve(&self, id: &str) -> Result<MediaInfo, SendError> {
        let address = path(self.tenant, id)?;
        let address = self.graph.url(&address).parse().map_err(|_| not_an_id())?;
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
    async fn bytes(&self, info: &MediaInfo, limit: u64) -> Result<Option<MediaFile>, SendError> {
        if let Some(size) = info.bytes.filter(|size| *size > limit) {
            return Err(too_large().context("limit", limit).context("actual", size).not_sent());
        }
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut address = info.url.expose().parse().map_err(|_| protocol("the file has no address").not_sent())?;
        for _ in 0..=REDIRECTS {
            if !hosts::is_trusted(&address, &self.tenant.root) {
                return Err(protocol("the file is on a host that is not Meta's").not_sent());
            }
            let response = match self.get(&address, most).await {
                Err(CallFailure::Http(lost)) if lost.cause == HttpCause::TooLarge => {
                    return Err(too_large().context("limit", limit).not_sent());
                }
                other => other?,
            };
            match response.status() {
                StatusCode::OK => return checked(info, response.into_body(), limit).map(Some),
                StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
                status if status.is_redirection() => {
                    address = hosts::next(&address, &response).ok_or_else(|| protocol("a redirect without an address").not_sent())?;
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
        self.graph.fetch(address, left, most).await
    }
}

fn checked(info: &MediaInfo, bytes: Bytes, limit: u64) -> Result<MediaFile, SendError> {
    if bytes.len() as u64 > limit {
        return Err(too_large().context("limit", limit).not_sent());
    }
    let mut file = MediaFile::new(bytes);
    file.mime.clone_from(&info.mime);
    match info.sha256 {
        Some(announced) if announced != *Sha256::digest(&file.bytes) => {
            return Err(protocol("the file is not the one that was announced").not_sent());
        }
        Some(_) => {}
        None if info.bytes.is_some_and(|announced| announced > file.bytes.len() as u64) => {
            return Err(protocol("the file is shorter than was announced").not_sent());
        }
        None => file.warnings.push("the provider gave no digest to compare"),
    }
    Ok(file)
}

/// The path of a file, for this number.
pub(in crate::whatsapp_meta_cloud) fn path(tenant: &Tenant, id: &str) -> Result<String, SendError> {
    if !client::is_id(id) {
        return Err(not_an_id());
    }
    Ok(format!("/{id}?phone_number_id={}", tenant.config.phone_number_id))
}

fn not_an_id() -> SendError {
    SendError::of(ErrorKind::MessageInvalid, "not a media id").context("field", "handle").not_sent()
}

fn protocol(what: &'static str) -> NeedsReach {
    SendError::of(ErrorKind::Protocol, what)
}

fn too_large() -> NeedsReach {
    SendError::of(ErrorKind::Media, "the file is larger than this tenant takes")
}
