//! Fetching a file that an event names: its address from the Graph API, then the bytes from Meta's file hosts.
//!
//! The address comes out of an answer and redirects come from the file host, so neither is trusted: the token goes to
//! Meta's own hosts and to nobody else, and other hosts are not asked at all.

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Response, StatusCode, Uri, header::LOCATION};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zengine_connector::{ErrorKind, EventContext, HttpClient, SendError};

use super::{Tenant, client, error};

/// Hosts that Meta keeps files on; a leading dot stands for any host below.
const HOSTS: &[&str] = &["graph.facebook.com", ".fbsbx.com", ".fbcdn.net"];
const REDIRECTS: usize = 3;

/// The bytes of a media id. Nothing is sent, so that every error is safe to repeat.
pub(super) async fn download(http: &dyn HttpClient, tenant: &Tenant, id: &str, cx: &EventContext) -> Result<Bytes, SendError> {
    let known = !id.is_empty() && id.len() <= 256 && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !known || id.starts_with('.') {
        return Err(SendError::of(ErrorKind::MessageInvalid, "not a media id").context("field", "handle").not_sent());
    }
    let fetch = Fetch { http, tenant, now: cx.now(), end: cx.now() + own_time(tenant).min(cx.remaining()), cx };
    let file = fetch.resolve(id).await?;
    if let Some(bytes) = fetch.bytes(&file).await? {
        return Ok(bytes);
    }
    // The address lives for minutes: one more from the source, then the file is gone.
    let again = fetch.resolve(id).await?;
    fetch.bytes(&again).await?.ok_or_else(|| SendError::of(ErrorKind::Media, "the file is no longer there").not_sent())
}

fn own_time(tenant: &Tenant) -> Duration {
    Duration::from_millis(tenant.config.media_timeout_ms)
}

/// Where a file is and what is known of it.
struct File {
    address: Uri,
    sha256: Option<Vec<u8>>,
}

struct Fetch<'a> {
    http: &'a dyn HttpClient,
    tenant: &'a Tenant,
    now: SystemTime,
    end: SystemTime,
    cx: &'a EventContext,
}

impl Fetch<'_> {
    /// Naming the number makes Meta check that the file is this tenant's.
    async fn resolve(&self, id: &str) -> Result<File, SendError> {
        let url = self.tenant.url(&format!("/{id}?phone_number_id={}", self.tenant.config.phone_number_id));
        let address = url.parse().map_err(|_| SendError::of(ErrorKind::MessageInvalid, "not a media id").not_sent())?;
        let response = self.get(&address, 1 << 20).await?;
        if let Some((refused, _)) = error::refused(&response, self.now, 1) {
            return Err(refused.context("operation", "media").not_sent());
        }
        let body: Value = serde_json::from_slice(response.body()).map_err(|_| protocol("the file's address cannot be read"))?;
        let address = body.get("url").and_then(Value::as_str).and_then(|url| url.parse().ok());
        let size = body.get("file_size").and_then(|size| size.as_u64().or_else(|| size.as_str()?.parse().ok()));
        let most = self.tenant.config.max_media_bytes;
        if let Some(size) = size.filter(|size| *size > most) {
            return Err(too_large().context("limit", most).context("actual", size).not_sent());
        }
        Ok(File {
            address: address.ok_or_else(|| protocol("the file has no address"))?,
            sha256: body.get("sha256").and_then(Value::as_str).and_then(digest),
        })
    }

    /// The bytes; none where the address has expired.
    async fn bytes(&self, file: &File) -> Result<Option<Bytes>, SendError> {
        let most = usize::try_from(self.tenant.config.max_media_bytes).unwrap_or(usize::MAX);
        let mut address = file.address.clone();
        for _ in 0..=REDIRECTS {
            if !self.trusted(&address) {
                return Err(protocol("the file is on a host that is not Meta's"));
            }
            let response = self.get(&address, most).await?;
            match response.status() {
                StatusCode::OK => return self.checked(file, response.into_body()).map(Some),
                StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
                status if status.is_redirection() => {
                    address = next(&address, &response).ok_or_else(|| protocol("a redirect without an address"))?;
                }
                _ => {
                    let refused =
                        error::refused(&response, self.now, 1).map(|(refused, _)| refused.context("operation", "media").not_sent());
                    return Err(refused.unwrap_or_else(|| protocol("the file host answered with an unexpected status")));
                }
            }
        }
        Err(protocol("too many redirects"))
    }

    fn checked(&self, file: &File, bytes: Bytes) -> Result<Bytes, SendError> {
        if bytes.len() as u64 > self.tenant.config.max_media_bytes {
            return Err(too_large().not_sent());
        }
        match &file.sha256 {
            Some(expected) if *expected != Sha256::digest(&bytes).as_slice() => Err(protocol("the file is not the one that was announced")),
            _ => Ok(bytes),
        }
    }

    /// Meta's hosts over https, or the address that the application set, which is where the token goes anyway.
    fn trusted(&self, address: &Uri) -> bool {
        let Some(authority) = address.authority() else { return false };
        if authority.as_str().contains('@') {
            return false;
        }
        let own = self.tenant.root.parse::<Uri>().ok();
        if own.is_some_and(|own| own.scheme() == address.scheme() && own.authority() == address.authority()) {
            return true;
        }
        let host = authority.host().to_ascii_lowercase();
        let listed = HOSTS.iter().any(|known| if known.starts_with('.') { host.ends_with(known) } else { host == *known });
        address.scheme_str() == Some("https") && matches!(authority.port_u16(), None | Some(443)) && listed
    }

    async fn get(&self, address: &Uri, most: usize) -> Result<Response<Bytes>, SendError> {
        let left = self.end.duration_since(self.cx.now()).unwrap_or_default();
        client::get(self.http, self.tenant, address, left, most).await
    }
}

/// Where a redirect leads; a path stays on its host.
fn next(from: &Uri, response: &Response<Bytes>) -> Option<Uri> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    if location.starts_with('/') && !location.starts_with("//") {
        let mut parts = from.clone().into_parts();
        parts.path_and_query = Some(location.parse().ok()?);
        return Uri::from_parts(parts).ok();
    }
    location.parse().ok()
}

/// A digest in hexadecimal or base64: Meta writes both.
fn digest(text: &str) -> Option<Vec<u8>> {
    let hex = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if hex {
        return (0..64).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect();
    }
    STANDARD.decode(text).ok().filter(|digest| digest.len() == 32)
}

fn protocol(what: &'static str) -> SendError {
    SendError::of(ErrorKind::Protocol, what).not_sent()
}

fn too_large() -> zengine_connector::NeedsReach {
    SendError::of(ErrorKind::Media, "the file is larger than this tenant takes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_read_in_both_spellings() {
        let bytes = Sha256::digest(b"hello");
        let hex = "2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824";
        assert_eq!(digest(hex).unwrap(), bytes.as_slice());
        assert_eq!(digest(&STANDARD.encode(bytes)).unwrap(), bytes.as_slice());
        for odd in ["", "abc", "é", &"é".repeat(32)] {
            assert_eq!(digest(odd), None, "{odd}");
        }
    }
}
