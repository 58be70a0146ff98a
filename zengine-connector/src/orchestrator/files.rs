//! Files of messages: the host's own, and those of one channel that are sent on another.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::Orchestrator;
use crate::{
    error::{Error, ErrorKind},
    hex::hex,
    ids::{IntoId, TenantId},
    keyring::{Key, framed},
    message::{InboundEvent, Media, MediaSource},
    store::{NewFile, StoredFile},
    strategy::MediaRequest,
};

impl Orchestrator {
    /// Stores a file in the media store for `ttl`, to be sent by its id: see [`Media::stored`]. Takes at most a minute. A tenant has no quota
    /// of files here: where tenants decide what is stored, count their files and bytes before you call it.
    ///
    /// A file with the same bytes, MIME type and name has the same id, so that storing it again gives the same message; it then ends at
    /// the later of both times. A document that you render anew has other bytes: store it once, and keep the id with your message. Choose
    /// `ttl` above the time that the message may wait, such as [`NewFile::TTL`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use zengine_connector::{Content, Memory, Orchestrator, message::{Media, MediaKind}, store::NewFile, testing::Recording};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let orchestrator = Orchestrator::builder().strategy(Recording::new()).stores(Memory::new()).build()?;
    /// let pdf = NewFile::new("%PDF-1.7 …").with_mime("application/pdf").with_name("invoice.pdf");
    /// let stored = orchestrator.store_media("acme", &pdf, NewFile::TTL).await?;
    /// let content = Content::Media(Media::stored(MediaKind::Document, &*stored.id).with_caption("Your invoice"));
    /// assert_eq!(orchestrator.store_media("acme", &pdf, Duration::from_secs(60)).await?, stored);
    /// # let _ = content;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the tenant id is invalid. `Unsupported` if the host has no [media store](crate::store::MediaStore), or the file is larger than
    /// [`NewFile::MAX_BYTES`] or than the store takes. `Store` if the store does not answer.
    pub async fn store_media(&self, tenant: impl IntoId<TenantId>, file: &NewFile, ttl: Duration) -> Result<StoredFile, Error> {
        let (tenant, stores) = (tenant.into_id()?, &self.engine.stores);
        stores.media()?;
        file.check()?;
        let digest = Sha256::digest(&file.bytes);
        let id_under = |key: &Key| id_of_content(key, &tenant, file, &digest);
        // Before a rotation, or by a process that has another current key, it was stored under another id.
        for key in self.engine.keys.others() {
            if let Some(stored) = stores.extend_file(&tenant, &id_under(&key), ttl).await? {
                return Ok(stored);
            }
        }
        Ok(stores.put_file(&tenant, &id_under(&self.engine.keys.current()), file, ttl).await?)
    }

    /// Copies a file of an event into the media store, for `ttl`, and returns it with that source: the same kind, caption and name, to
    /// be sent on any channel of the event's tenant.
    ///
    /// A file of at most 100 MiB passes through memory once. Its id follows from the event and the provider's handle, so that a handler
    /// that runs again gets the same file and sends the same message (rule 23). A copy that is there already is not fetched again; it then
    /// ends at the later of both times. Choose `ttl` above the time that the message may wait, such as [`NewFile::TTL`]. Warnings about the
    /// file are logged.
    ///
    /// ```
    /// # use zengine_connector::{Error, InboundEvent, Orchestrator, message::Media, store::NewFile};
    /// # async fn example(orchestrator: &Orchestrator, event: &InboundEvent, photo: &Media) -> Result<(), Error> {
    /// let kept = orchestrator.keep_media(event, photo, NewFile::TTL).await?;
    /// assert_eq!(kept.kind, photo.kind);
    /// # Ok(())
    /// # }
    /// # let _ = example;
    /// ```
    ///
    /// # Errors
    /// `Unsupported` if the host has no [media store](crate::store::MediaStore), or the provider does not hold the file. As
    /// [`media`](Self::media), and the store's.
    pub async fn keep_media(&self, event: &InboundEvent, media: &Media, ttl: Duration) -> Result<Media, Error> {
        let stores = &self.engine.stores;
        stores.media()?;
        let request = MediaRequest::of(media).ok_or_else(|| Error::new(ErrorKind::Unsupported, "the provider does not hold the file"))?;
        let id = id_of_copy(event, &request.handle);
        let stored = if let Some(stored) = stores.extend_file(&event.tenant, &id, ttl).await? {
            stored
        } else {
            let fetched = self.media(event, request).await?;
            for warning in fetched.warnings {
                tracing::warn!(tenant_id = %event.tenant, strategy = %event.strategy, event_id = %event.id, warning, "media.warning");
            }
            let mut file = NewFile::new(fetched.bytes);
            (file.mime, file.name) = (fetched.mime, media.filename.clone());
            stores.put_file(&event.tenant, &id, &file, ttl).await?
        };
        let source = MediaSource::Store { key: stored.id };
        Ok(Media { source, mime: stored.mime, bytes: Some(stored.bytes), ..media.clone() })
    }
}

/// The id of a copy of an event's file. Without a key, so that it stays the same after a rotation.
fn id_of_copy(event: &InboundEvent, handle: &str) -> String {
    hex(&Sha256::digest(framed(&["file of an event v1", event.tenant.as_str(), &event.id, handle])))
}

/// The id of a file by its content, keyed, because a store shows ids to those who cannot read the content.
fn id_of_content(key: &Key, tenant: &TenantId, file: &NewFile, digest: &[u8]) -> String {
    // Absent and empty differ.
    let text = |text: &Option<String>| text.as_ref().map(|text| format!("={text}")).unwrap_or_default();
    let (mime, name) = (text(&file.mime), text(&file.name));
    hex(&key.fingerprint(&[b"file by content v1", tenant.as_str().as_bytes(), mime.as_bytes(), name.as_bytes(), digest]))
}
