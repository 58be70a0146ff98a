//! The strategy's own methods for files.

use http::Method;
use zengine_connector::{EventContext, SendError};

use super::{MediaInfo, NewMedia, StoredMedia};
use crate::waba::files;
use crate::waba::gateway::Payload;
use crate::whatsapp_meta_cloud::{Tenant, WhatsAppMetaCloud};

/// Files, for one tenant.
///
/// ```no_run
/// # use zengine_connector::{InboundStrategy as _, Orchestrator, TenantId, message::MediaKind, strategy::MediaRequest};
/// # use zengine_strategies::whatsapp_meta_cloud::{NewMedia, WhatsAppMetaCloud};
/// # async fn f(orchestrator: Orchestrator, acme: TenantId, png: Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
/// let number = orchestrator.bound::<WhatsAppMetaCloud>(&acme, "whatsapp-meta-cloud").await?;
/// let meta = number.strategy();
///
/// let file = NewMedia::new(MediaKind::Image, "image/png").with_bytes(png);
/// let stored = meta.upload(&number, file, &number.cx()).await?;
/// let again = meta.media(&number, &MediaRequest::new(stored.id.clone()), &number.cx()).await?;
/// assert!(!again.bytes.is_empty());
/// meta.delete_media(&number, &stored.id, &number.cx()).await?;
/// # Ok(())
/// # }
/// ```
impl WhatsAppMetaCloud {
    /// Stores a file at Meta, for messages of this number to name.
    ///
    /// # Errors
    /// `MessageInvalid` or `Media`, before anything is sent, if MIME type or size do not fit the kind; Meta's errors. No
    /// message is sent in any case, so every error is safe to repeat: at worst the file is stored twice.
    pub async fn upload(&self, tenant: &Tenant, file: NewMedia, cx: &EventContext) -> Result<StoredMedia, SendError> {
        let checked = file.checked(tenant.capabilities())?;
        files::store(&self.gateway(tenant, cx).await?, &tenant.limits, checked, cx).await
    }

    /// Meta's information about a file: size, MIME type, digest. The file must be this number's.
    ///
    /// # Errors
    /// `MessageInvalid` if `id` is not a media id; Meta's errors, `Config` if it knows no such file of this number. Safe to
    /// repeat.
    pub async fn media_info(&self, tenant: &Tenant, id: &str, cx: &EventContext) -> Result<MediaInfo, SendError> {
        files::path("", id)?;
        files::info(&self.gateway(tenant, cx).await?, &tenant.limits, id, cx).await
    }

    /// Deletes a file of this number.
    ///
    /// # Errors
    /// Meta's errors; `Config` if it knows no such file of this number.
    pub async fn delete_media(&self, tenant: &Tenant, id: &str, cx: &EventContext) -> Result<(), SendError> {
        let path = files::path(&tenant.paths.file_query, id)?;
        self.command(tenant, cx, "delete_media", Method::DELETE, &path, Payload::Nothing).await
    }
}
