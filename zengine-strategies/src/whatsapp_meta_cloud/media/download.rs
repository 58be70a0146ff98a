//! Fetching a file that an event names: its address from the Graph API, then the bytes from Meta's file hosts.
//!
//! The address comes from an answer and redirects come from the file host, so neither is trusted: the token is sent only
//! to Meta's own hosts, and other hosts are not called at all.

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Response, StatusCode, Uri};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zengine_connector::{ErrorKind, Secret, SendError, error::NeedsReach, http::HttpCause};

use super::file::{MediaFile, MediaInfo};
use super::hosts;
use crate::waba::answer;
use crate::whatsapp_meta_cloud::client::{CallFailure, Graph, MAX_ANSWER};
use crate::whatsapp_meta_cloud::context::CallContext;
use crate::whatsapp_meta_cloud::{Tenant, client};

const REDIRECTS: usize = 3;

/// The bytes of a media id. No message is sent, so every error is safe to repeat.
pub(super) async fn fetch(graph: &Graph<'_>, tenant: &Tenant, id: &str, cx: &dyn CallContext) -> Result<MediaFile, SendError> {
    let fetch = Fetch::new(graph, tenant, cx);
    let info = fetch.resolve(id).await?;
    if let Some(file) = fetch.bytes(&info).await? {
        return Ok(file);
    }
    // The address lives for minutes: one more from the source, then the file is gone.
    let again = fetch.resolve(id).await?;
    fetch.bytes(&again).await?.ok_or_else(|| SendError::of(ErrorKind::Media, "the file is no longer there").not_sent())
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
            sha256: body.get("sha256").and_then(Value::as_str).and_then(digest),
            url: Secret::new(url.to_owned()),
        })
    }

    /// The bytes; `None` if the address has expired.
    async fn bytes(&self, info: &MediaInfo) -> Result<Option<MediaFile>, SendError> {
        let limit = self.tenant.config.max_media_bytes;
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
                StatusCode::OK => return self.checked(info, response.into_body()).map(Some),
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

    fn checked(&self, info: &MediaInfo, bytes: Bytes) -> Result<MediaFile, SendError> {
        if bytes.len() as u64 > self.tenant.config.max_media_bytes {
            return Err(too_large().context("limit", self.tenant.config.max_media_bytes).not_sent());
        }
        let sha256: [u8; 32] = Sha256::digest(&bytes).into();
        if info.sha256.is_some_and(|announced| announced != sha256) {
            return Err(protocol("the file is not the one that was announced").not_sent());
        }
        if info.sha256.is_none() && info.bytes.is_some_and(|announced| announced > bytes.len() as u64) {
            return Err(protocol("the file is shorter than was announced").not_sent());
        }
        Ok(MediaFile { bytes, mime: info.mime.clone(), sha256, is_verified: info.sha256.is_some() })
    }

    async fn get(&self, address: &Uri, most: usize) -> Result<Response<Bytes>, CallFailure> {
        let left = self.end.duration_since(self.cx.now()).unwrap_or_default();
        self.graph.fetch(address, left, most).await
    }
}

/// The path of a file, for this number.
pub(super) fn path(tenant: &Tenant, id: &str) -> Result<String, SendError> {
    if !client::is_id(id) {
        return Err(not_an_id());
    }
    Ok(format!("/{id}?phone_number_id={}", tenant.config.phone_number_id))
}

fn not_an_id() -> SendError {
    SendError::of(ErrorKind::MessageInvalid, "not a media id").context("field", "handle").not_sent()
}

/// A digest in hexadecimal or base64: Meta writes both.
fn digest(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    let hex = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let bytes = if hex {
        (0..64).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect::<Option<Vec<u8>>>()?
    } else {
        STANDARD.decode(text).ok()?
    };
    bytes.try_into().ok()
}

fn protocol(what: &'static str) -> NeedsReach {
    SendError::of(ErrorKind::Protocol, what)
}

fn too_large() -> NeedsReach {
    SendError::of(ErrorKind::Media, "the file is larger than this tenant takes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_read_in_both_spellings() {
        let bytes: [u8; 32] = Sha256::digest(b"hello").into();
        let hex = "2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824";
        assert_eq!(digest(hex).unwrap(), bytes);
        assert_eq!(digest(&STANDARD.encode(bytes)).unwrap(), bytes);
        for odd in ["", "abc", "é", &"é".repeat(32)] {
            assert_eq!(digest(odd), None, "{odd}");
        }
    }
}
