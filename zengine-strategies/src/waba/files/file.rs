//! Files to store at Meta, and files that Meta holds.

use bytes::{Bytes, BytesMut};
use zengine_connector::message::{Capabilities, Media, MediaKind, MediaSource};
use zengine_connector::{ErrorKind, Secret, SendError};

use crate::waba::media::{is_mime, most, too_large};

/// A file to store at Meta, built at once or chunk by chunk.
///
/// Kind, MIME type and size are checked before anything is sent; a chunk that exceeds the limit of the kind is refused at
/// once, so that no more than the limit is ever held.
///
/// ```
/// use zengine_connector::message::MediaKind;
/// use zengine_strategies::whatsapp_meta_cloud::NewMedia;
///
/// let mut file = NewMedia::new(MediaKind::Image, "image/png");
/// for chunk in [&b"first "[..], b"second"] {
///     file.push(chunk)?;
/// }
/// assert_eq!(file.len(), 12);
///
/// let mut sticker = NewMedia::new(MediaKind::Sticker, "image/webp");
/// assert!(sticker.push(&vec![0; 102_401]).is_err()); // 100 KiB where it does not move
/// # Ok::<(), zengine_connector::SendError>(())
/// ```
#[derive(Clone)]
pub struct NewMedia {
    pub(super) kind: MediaKind,
    pub(super) mime: String,
    pub(super) filename: Option<String>,
    pub(super) ttl_minutes: Option<u32>,
    animated: bool,
    whole: Option<Bytes>,
    parts: BytesMut,
}

impl NewMedia {
    /// An empty file of a kind and a MIME type.
    pub fn new(kind: MediaKind, mime: impl Into<String>) -> Self {
        Self { kind, mime: mime.into(), filename: None, ttl_minutes: None, animated: false, whole: None, parts: BytesMut::new() }
    }

    /// Sets the whole content, without copying it.
    #[must_use = "returns the file with its bytes"]
    pub fn with_bytes(mut self, bytes: impl Into<Bytes>) -> Self {
        self.whole = Some(bytes.into());
        self.parts.clear();
        self
    }

    setters! {
        /// Sets the name that a recipient sees of a document.
        pub with_filename(name: impl Into<String>) => filename = Some(name.into());
        /// Marks a sticker as animated: up to 500 KiB instead of 100 KiB.
        pub animated() => animated = true;
        /// Sets the time that Meta keeps the file, in minutes; only for numbers without storage, where Meta's default is 60.
        pub with_ttl_minutes(minutes: u32) => ttl_minutes = Some(minutes);
    }

    /// Adds a chunk.
    ///
    /// # Errors
    /// `Media` if the file becomes larger than Meta takes of its kind.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), SendError> {
        let bytes = self.len() as u64 + chunk.len() as u64;
        if bytes > self.most() {
            return Err(too_large(self.most(), bytes));
        }
        if let Some(whole) = self.whole.take() {
            self.parts = BytesMut::from(&whole[..]);
        }
        self.parts.extend_from_slice(chunk);
        Ok(())
    }

    /// The size so far, in bytes.
    pub fn len(&self) -> usize {
        self.whole.as_ref().map_or(self.parts.len(), Bytes::len)
    }

    /// Whether there is no content yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Maximum size that Meta takes of this kind, in bytes.
    fn most(&self) -> u64 {
        most(self.kind, Some(&self.mime), self.animated)
    }

    /// The file and its content, after all checks.
    pub(crate) fn checked(self, capabilities: &Capabilities) -> Result<(Self, Bytes), SendError> {
        let wrong = |field, what| Err(SendError::of(ErrorKind::MessageInvalid, what).context("field", field).not_sent());
        if !is_mime(&self.mime) {
            return wrong("/mime", "must be a MIME type");
        }
        // Parameters such as `codecs=opus` do not count.
        let essence = self.mime.split(';').next().unwrap_or_default().trim();
        let mimes = capabilities.media_rule(self.kind).map_or(&[][..], |rule| rule.mimes);
        if !mimes.is_empty() && !mimes.iter().any(|known| known.eq_ignore_ascii_case(essence)) {
            return wrong("/mime", "WhatsApp does not take this MIME type for this kind of file");
        }
        if self.filename.as_deref().is_some_and(|name| name.trim().is_empty() || name.chars().any(char::is_control) || name.len() > 1024) {
            return wrong("/filename", "must be one line of 1 to 1024 bytes, more than spaces and without control characters");
        }
        if self.ttl_minutes == Some(0) {
            return wrong("/ttl_minutes", "must be at least a minute");
        }
        let (most, len) = (self.most(), self.len() as u64);
        if len == 0 {
            return wrong("/bytes", "the file is empty");
        }
        if len > most {
            return Err(too_large(most, len));
        }
        let mut file = self;
        let bytes = file.whole.take().unwrap_or_else(|| std::mem::take(&mut file.parts).freeze());
        Ok((file, bytes))
    }
}

redacted!(NewMedia { kind, len: |it| it.len() });

/// A file that Meta holds: 30 days, or for its `ttl_minutes` at numbers without storage.
///
/// ```no_run
/// # use zengine_connector::{Content, OutboundMessage, message::{Media, MediaKind}};
/// # fn message(stored: zengine_strategies::whatsapp_meta_cloud::StoredMedia) -> Media {
/// stored.into_media(MediaKind::Image).with_caption("Your order")
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredMedia {
    /// The media id.
    pub id: String,
}

impl StoredMedia {
    /// The source for messages.
    pub fn into_source(self) -> MediaSource {
        MediaSource::Handle { id: self.id, url: None }
    }

    /// The file as media of a message.
    pub fn into_media(self, kind: MediaKind) -> Media {
        Media::new(kind, self.into_source())
    }
}

/// Meta's information about a file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MediaInfo {
    /// The media id.
    pub id: String,
    /// The MIME type, parameters included.
    pub mime: Option<String>,
    /// The size in bytes.
    pub bytes: Option<u64>,
    /// The SHA-256 digest of the bytes, decoded from hexadecimal or base64.
    pub sha256: Option<[u8; 32]>,
    /// The address, valid for about 5 minutes. It needs the token, so use
    /// [`media`](zengine_connector::InboundStrategy::media).
    pub url: Secret<String>,
}
