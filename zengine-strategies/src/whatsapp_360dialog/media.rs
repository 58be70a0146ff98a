//! Files at the provider. Look-ups that fail are counted: too many of them have the number blocked.

use http::Method;
use zengine_connector::strategy::{MediaFile, MediaRequest};
use zengine_connector::{EventContext, SendError};

use super::{MediaInfo, NewMedia, StoredMedia, Tenant, WhatsApp360Dialog};
use crate::waba::gateway::{Gateway, Payload};
use crate::waba::{answer, files};

/// Files, for one tenant.
impl WhatsApp360Dialog {
    /// Stores a file, for messages of this number to name; for 30 days after its last use.
    ///
    /// # Errors
    /// `MessageInvalid` or `Media`, before anything is sent, if MIME type or size do not fit the kind; the provider's errors. No message
    /// is sent in any case, so every error is safe to repeat: at worst the file is stored twice.
    pub async fn upload(&self, tenant: &Tenant, file: NewMedia, cx: &EventContext) -> Result<StoredMedia, SendError> {
        let checked = file.checked(tenant.capabilities())?;
        files::store(&self.gateway(tenant)?, &tenant.limits, checked, cx).await
    }

    /// The provider's information about a file: size, MIME type, digest.
    ///
    /// # Errors
    /// `MessageInvalid` if `id` is not a media id; `Busy` while look-ups are paused because too many failed; the provider's errors. Safe
    /// to repeat, but a failed look-up counts.
    pub async fn media_info(&self, tenant: &Tenant, id: &str, cx: &EventContext) -> Result<MediaInfo, SendError> {
        look_up(&self.gateway(tenant)?, tenant, id, cx).await
    }

    /// Deletes a file of this number.
    ///
    /// # Errors
    /// `MessageInvalid` if `id` is not a media id; the provider's errors.
    pub async fn delete_media(&self, tenant: &Tenant, id: &str, cx: &EventContext) -> Result<(), SendError> {
        let path = path(id)?;
        let timeout = tenant.limits.send.min(cx.remaining());
        let response = self.gateway(tenant)?.call(Method::DELETE, &path, Payload::Nothing, timeout).await?;
        answer::done(&response, cx.now(), "delete_media")
    }
}

/// Fetches a file. Its address is looked up once more if it has expired.
pub(super) async fn fetch(
    gateway: &Gateway<'_>,
    tenant: &Tenant,
    request: &MediaRequest,
    cx: &EventContext,
) -> Result<MediaFile, SendError> {
    for _ in 0..files::LOOK_UPS {
        let info = look_up(gateway, tenant, &request.handle, cx).await?;
        if let Some(file) = files::download(gateway, &tenant.limits, &info, request.max_bytes, cx).await? {
            return Ok(file);
        }
    }
    Err(files::gone())
}

/// Looks a file up, unless too many look-ups have failed.
async fn look_up(gateway: &Gateway<'_>, tenant: &Tenant, id: &str, cx: &EventContext) -> Result<MediaInfo, SendError> {
    path(id)?;
    let penalty = tenant.config.media_penalty;
    let _look_up = tenant.failures.admit(penalty, cx.sessions(), cx.now()).await?;
    let found = files::info(gateway, &tenant.limits, id, cx).await;
    if let Err(error) = &found
        && error.error().http_status().is_some_and(|status| status >= 400)
    {
        tenant.failures.count(penalty, cx.sessions(), cx.now()).await;
    }
    found
}

/// The path of a file. Files lie beside the API's own paths here, so an id is no word: digits, or a UUID.
fn path(id: &str) -> Result<String, SendError> {
    let is_id = id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') && id.bytes().any(|b| b.is_ascii_digit());
    files::path("", if is_id { id } else { "" })
}
