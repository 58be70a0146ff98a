//! Files of one channel, kept to be sent on another.

use std::time::Duration;

use super::Orchestrator;
use crate::{
    error::{Error, ErrorKind},
    message::{InboundEvent, Media, MediaSource},
    store::NewFile,
    strategy::MediaRequest,
};

impl Orchestrator {
    /// Copies a file of an event into the media store, for `ttl`, and returns it with that source: the same kind, caption and name, to
    /// be sent on any channel of the event's tenant.
    ///
    /// A file of at most 100 MiB passes through memory once. Each call stores a copy under an id of its own, so store the result if
    /// you send it again: a retry with another copy would be another message (rule 23).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use zengine_connector::{Error, InboundEvent, Orchestrator, message::Media};
    /// # async fn example(orchestrator: &Orchestrator, event: &InboundEvent, photo: &Media) -> Result<(), Error> {
    /// let kept = orchestrator.keep_media(event, photo, Duration::from_secs(24 * 3600)).await?;
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
        let fetched = self.media(event, request).await?;
        let mut file = NewFile::new(fetched.bytes);
        (file.mime, file.name) = (fetched.mime, media.filename.clone());
        let stored = stores.put_file(&event.tenant, &file, ttl).await?;
        let source = MediaSource::Store { key: stored.id };
        Ok(Media { source, mime: stored.mime, bytes: Some(stored.bytes), ..media.clone() })
    }
}
