//! The strategy's own methods for files.

use http::Method;
use zengine_connector::{EventContext, SendError};

use super::{
    download,
    file::{MediaFile, MediaInfo, NewMedia, StoredMedia},
    upload,
};
use crate::whatsapp_meta_cloud::{Tenant, WhatsAppMetaCloud, client::Payload};

/// Files, for one tenant.
///
/// ```no_run
/// # use zengine_connector::{MediaKind, Orchestrator, TenantId};
/// # use zengine_strategies::whatsapp_meta_cloud::{NewMedia, WhatsAppMetaCloud};
/// # async fn f(orchestrator: Orchestrator, acme: TenantId, png: Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
/// let number = orchestrator.bound::<WhatsAppMetaCloud>(&acme, "whatsapp-meta-cloud").await?;
/// let meta = number.strategy();
///
/// let file = NewMedia::new(MediaKind::Image, "image/png").with_bytes(png);
/// let stored = meta.upload(&number, file, &number.cx()).await?;
/// let again = meta.download(&number, &stored.id, &number.cx()).await?;
/// assert!(!again.bytes.is_empty());
/// meta.delete_media(&number, &stored.id, &number.cx()).await?;
/// # Ok(())
/// # }
/// ```
impl WhatsAppMetaCloud {
    /// Stores a file at Meta, for messages of this number to name.
    ///
    /// # Errors
    /// `MessageInvalid` or `Media`, before anything is sent, where MIME type or size do not fit the kind; what Meta says.
    /// No message is sent whatever happens, so that every error is safe to repeat: at worst the file is stored twice.
    pub async fn upload(&self, tenant: &Tenant, file: NewMedia, cx: &EventContext) -> Result<StoredMedia, SendError> {
        let (head, bytes) = file.checked(tenant.capabilities())?;
        let graph = self.graph(tenant, cx).await?;
        upload::store(&graph, tenant, &upload::Part::of(&head), &bytes, cx, 1).await.map(|id| StoredMedia { id })
    }

    /// What Meta says of a file: size, MIME type, digest. The file must be this number's.
    ///
    /// # Errors
    /// `MessageInvalid` for what is no media id; what Meta says, `Config` where it knows no such file of this number. Safe
    /// to repeat.
    pub async fn media_info(&self, tenant: &Tenant, id: &str, cx: &EventContext) -> Result<MediaInfo, SendError> {
        download::path(tenant, id)?;
        let graph = self.graph(tenant, cx).await?;
        download::info(&graph, tenant, id, cx).await
    }

    /// Fetches a file of this number, of at most `max_media_bytes`.
    ///
    /// The token goes to `graph.facebook.com`, `*.fbsbx.com` and `*.fbcdn.net` over https (or to the address that the
    /// application set) and nowhere else, redirects included. The digest is compared where Meta gives one; an address that
    /// has expired is asked for once more.
    ///
    /// # Errors
    /// `Media` where the file is too large or gone, `Protocol` where it is elsewhere or another than announced; what Meta
    /// says. Safe to repeat.
    pub async fn download(&self, tenant: &Tenant, id: &str, cx: &EventContext) -> Result<MediaFile, SendError> {
        download::path(tenant, id)?;
        let graph = self.graph(tenant, cx).await?;
        download::fetch(&graph, tenant, id, cx).await
    }

    /// Deletes a file of this number.
    ///
    /// # Errors
    /// What Meta says; `Config` where it knows no such file of this number.
    pub async fn delete_media(&self, tenant: &Tenant, id: &str, cx: &EventContext) -> Result<(), SendError> {
        let path = download::path(tenant, id)?;
        self.command(tenant, cx, "delete_media", Method::DELETE, &path, Payload::Nothing).await
    }
}
