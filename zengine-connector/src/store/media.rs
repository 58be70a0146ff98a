//! The port for files: what a host keeps for messages, such as a photo of one channel that is sent on another.

use std::{fmt::Debug, ops::Range, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::{StoreError, StoreErrorKind};
use crate::{ids::TenantId, message::shown_mime};

/// A store of files, each of one tenant, under ids that its callers give. A file never changes: an id stands for the bytes that were
/// stored first, so that it tells two messages apart. The store encrypts what it keeps.
///
/// A file that is expired or of another tenant is absent. `id` may be any text, because messages name it. A host stores files through
/// [`Orchestrator::store_media`](crate::Orchestrator::store_media), which derives the id.
///
/// The core bounds the size of one file and the time for which it is kept, not how many a tenant has: a store of yours may refuse more as
/// [`Full`](StoreErrorKind::Full), and a host whose tenants decide what is stored counts before it stores.
///
/// ```
/// use std::time::Duration;
/// use zengine_connector::{TenantId, store::{Memory, NewFile}};
///
/// # smol::block_on(async {
/// let (files, acme, now_ms) = (Memory::new().media(), TenantId::new("acme")?, 1_700_000_000_000);
/// let file = NewFile::new("%PDF-1.7 …").with_mime("application/pdf").with_name("invoice.pdf");
/// let stored = files.put(&acme, "invoice-17", &file, Duration::from_secs(3600), now_ms).await?;
/// assert_eq!(files.get(&acme, &stored.id, 0..4, now_ms).await?.unwrap(), "%PDF");
/// assert!(files.info(&TenantId::new("other")?, &stored.id, now_ms).await?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait MediaStore: Send + Sync + Debug + 'static {
    /// Stores a file under an id, for a time from `now_ms`. Visible as a whole or not at all. If a file stands under the id, it stays as
    /// it is, as with [`extend`](Self::extend), also if two calls meet.
    ///
    /// # Errors
    /// `TooLarge` if the file has more than [`NewFile::MAX_BYTES`], or more than the store takes.
    async fn put(&self, tenant: &TenantId, id: &str, file: &NewFile, ttl: Duration, now_ms: i64) -> Result<StoredFile, StoreError>;

    /// Moves the end of a file to `ttl` from `now_ms`, unless it ends later anyway. Returns the facts, and `None` if the file is absent.
    async fn extend(&self, tenant: &TenantId, id: &str, ttl: Duration, now_ms: i64) -> Result<Option<StoredFile>, StoreError>;

    /// The facts about a file, without its bytes.
    async fn info(&self, tenant: &TenantId, id: &str, now_ms: i64) -> Result<Option<StoredFile>, StoreError>;

    /// The bytes of a file within a range, cut at the file's end. Callers ask for at most 1 MiB at a time.
    async fn get(&self, tenant: &TenantId, id: &str, range: Range<u64>, now_ms: i64) -> Result<Option<Bytes>, StoreError>;

    /// An address from which anyone who has it can fetch the file, such as a signed one: ids are no secret. `None`, also by default, if
    /// the store gives none or the file is absent.
    async fn url(&self, tenant: &TenantId, id: &str, now_ms: i64) -> Result<Option<FileUrl>, StoreError> {
        let _ = (tenant, id, now_ms);
        Ok(None)
    }

    /// Deletes a file. One that is absent is deleted already.
    async fn delete(&self, tenant: &TenantId, id: &str) -> Result<(), StoreError>;

    /// Deletes files of a tenant, at most `limit`, also expired ones, and returns how many. 0 means that none is left. Only
    /// [`forget`](crate::Orchestrator::forget) calls it.
    ///
    /// # Errors
    /// `Unsupported`, also by default, if the store cannot find a tenant's files.
    async fn erase(&self, tenant: &TenantId, limit: usize) -> Result<u64, StoreError> {
        let _ = (tenant, limit);
        Err(StoreError::new(StoreErrorKind::Unsupported, "the media store cannot find the files of a tenant"))
    }
}

/// A file to store.
///
/// Keep it longer than its message may wait: `max_age`, the retention of your queue, and the time until the letter is redriven.
/// [`TTL`](Self::TTL) is a good start.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewFile {
    /// The bytes.
    pub bytes: Bytes,
    /// The MIME type, parameters included.
    pub mime: Option<String>,
    /// The file's name.
    pub name: Option<String>,
}

debug_fields!(NewFile { len: |file| file.bytes.len(), mime: |file| shown_mime(file.mime.as_deref()) });

impl NewFile {
    /// Maximum size of a file, in bytes: 100 MiB.
    pub const MAX_BYTES: u64 = 100 << 20;
    /// A lifetime for files of messages: 30 days. Above the default `max_age` (6 hours), the longest retention of most queues (14 days),
    /// and two weeks to redrive.
    pub const TTL: Duration = Duration::from_secs(30 * 24 * 3600);
    /// Maximum length of a MIME type and of a name, in bytes.
    pub const MAX_TEXT: usize = 1024;

    /// A file.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), mime: None, name: None }
    }

    setters! {
        /// Sets the MIME type.
        with_mime(mime: impl Into<String>) => mime = Some(mime.into());
        /// Sets the file's name.
        with_name(name: impl Into<String>) => name = Some(name.into());
    }

    /// Checks the sizes, for a store.
    ///
    /// # Errors
    /// `TooLarge` above [`MAX_BYTES`](Self::MAX_BYTES) or [`MAX_TEXT`](Self::MAX_TEXT).
    pub fn check(&self) -> Result<(), StoreError> {
        let too_large = |message| Err(StoreError::new(StoreErrorKind::TooLarge, message));
        if self.bytes.len() as u64 > Self::MAX_BYTES {
            return too_large("a file has more than 100 MiB");
        }
        if [&self.mime, &self.name].into_iter().flatten().any(|text| text.len() > Self::MAX_TEXT) {
            return too_large("the MIME type or the name of a file has more than 1024 bytes");
        }
        Ok(())
    }

    /// The facts about this file under an id, for a store.
    #[must_use]
    pub fn stored(&self, id: impl Into<String>, expires_at_ms: i64) -> StoredFile {
        let stored = StoredFile::new(id, self.bytes.len() as u64, expires_at_ms);
        StoredFile { mime: self.mime.clone(), name: self.name.clone(), ..stored }
    }
}

/// The facts about a stored file.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredFile {
    /// The id: the `key` of a [`MediaSource::Store`](crate::message::MediaSource::Store).
    pub id: String,
    /// The size, in bytes.
    pub bytes: u64,
    /// The MIME type, parameters included.
    pub mime: Option<String>,
    /// The file's name.
    pub name: Option<String>,
    /// The time from which it is absent, in milliseconds UTC.
    pub expires_at_ms: i64,
}

debug_fields!(StoredFile { bytes, mime: |file| shown_mime(file.mime.as_deref()), expires_at_ms });

impl StoredFile {
    /// A file without MIME type and name.
    pub fn new(id: impl Into<String>, bytes: u64, expires_at_ms: i64) -> Self {
        Self { id: id.into(), bytes, mime: None, name: None, expires_at_ms }
    }
}

/// An address of a stored file. Who has it can fetch the file.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileUrl {
    /// The address.
    pub url: String,
    /// Expiry of the address, in milliseconds UTC.
    pub expires_at_ms: i64,
}

debug_fields!(FileUrl { expires_at_ms });

impl FileUrl {
    /// An address and its expiry.
    pub fn new(url: impl Into<String>, expires_at_ms: i64) -> Self {
        Self { url: url.into(), expires_at_ms }
    }
}

/// A range of a file of this size, cut at its end.
pub(super) fn cut(range: &Range<u64>, bytes: u64) -> Range<u64> {
    let end = range.end.min(bytes);
    range.start.min(end)..end
}
