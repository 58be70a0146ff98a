//! Files that events name: how they are asked for, and what arrives.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::{
    error::{Error, ErrorKind},
    message::{Media, MediaSource, read_sha256, shown_mime},
};

/// A file to fetch from a provider.
///
/// ```
/// use zengine_connector::{message::{Media, MediaKind}, strategy::MediaRequest};
///
/// let photo = Media::handle(MediaKind::Image, "777").with_mime("image/png");
/// let request = MediaRequest::of(&photo).unwrap().with_max_bytes(5 << 20);
/// assert_eq!((&*request.handle, request.mime.as_deref()), ("777", Some("image/png")));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MediaRequest {
    /// The provider's handle.
    pub handle: String,
    /// The SHA-256 digest that the event names. The core refuses other bytes.
    pub sha256: Option<[u8; 32]>,
    /// The MIME type that the event names, for a provider that gives none with the bytes.
    pub mime: Option<String>,
    /// Maximum size of the file, in bytes. Defaults to 100 MiB. Read no more than this; the core refuses a larger file.
    pub max_bytes: u64,
    /// Whether the event names a digest that cannot be read.
    unreadable_digest: bool,
    /// The size that the event names, in bytes.
    announced: Option<u64>,
}

debug_fields!(MediaRequest { mime: |it| shown_mime(it.mime.as_deref()), max_bytes });

impl MediaRequest {
    /// Default of [`max_bytes`](Self::max_bytes).
    pub const MAX_BYTES: u64 = 100 << 20;

    /// The least that a file counts with, in bytes.
    const LEAST: u64 = 1 << 20;

    /// A request for the file of a handle.
    pub fn new(handle: impl Into<String>) -> Self {
        Self { handle: handle.into(), sha256: None, mime: None, max_bytes: Self::MAX_BYTES, unreadable_digest: false, announced: None }
    }

    /// A request for a file of an event, with its digest and MIME type. `None` if the provider does not hold it. A digest that cannot be
    /// read becomes a [warning](MediaFile::warnings).
    pub fn of(media: &Media) -> Option<Self> {
        let MediaSource::Handle { id, .. } = &media.source else { return None };
        let sha256 = media.sha256.as_deref().and_then(read_sha256);
        let unreadable_digest = media.sha256.is_some() && sha256.is_none();
        Some(Self { sha256, unreadable_digest, mime: media.mime.clone(), announced: media.bytes, ..Self::new(id) })
    }

    setters! {
        /// Sets the digest that the bytes must have.
        with_sha256(digest: [u8; 32]) => sha256 = Some(digest);
        /// Sets the MIME type of a file whose provider gives none.
        with_mime(mime: impl Into<String>) => mime = Some(mime.into());
        /// Sets the maximum size, in bytes.
        with_max_bytes(bytes: u64) => max_bytes = bytes;
    }

    /// The bytes that the file likely has: it counts with them until it is here. An event may name few or none of a large file.
    pub(crate) fn likely_bytes(&self) -> u64 {
        let announced = self.announced.filter(|announced| *announced > 0);
        announced.map_or(self.max_bytes, |announced| announced.max(Self::LEAST).min(self.max_bytes))
    }

    /// Checks what a strategy fetched.
    pub(crate) fn check(&self, mut file: MediaFile) -> Result<MediaFile, Error> {
        let actual = file.bytes.len() as u64;
        if actual > self.max_bytes {
            let error = Error::new(ErrorKind::Media, "the file is too large");
            return Err(error.with_context("limit", self.max_bytes).with_context("actual", actual));
        }
        if self.sha256.is_some_and(|announced| announced != *Sha256::digest(&file.bytes)) {
            return Err(Error::new(ErrorKind::Protocol, "the file is not the one that was announced"));
        }
        if self.unreadable_digest && self.sha256.is_none() {
            file.warnings.push("the digest that the event names cannot be read");
        }
        file.mime = file.mime.or_else(|| self.mime.clone());
        Ok(file)
    }
}

impl From<&str> for MediaRequest {
    fn from(handle: &str) -> Self {
        Self::new(handle)
    }
}

/// A file that was fetched from a provider.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MediaFile {
    /// The bytes.
    pub bytes: Bytes,
    /// The MIME type, parameters included.
    pub mime: Option<String>,
    /// Facts that could not be checked, such as a digest that the provider did not give. Constant texts, to be logged.
    pub warnings: Vec<&'static str>,
}

debug_fields!(MediaFile { len: |it| it.bytes.len(), mime: |it| shown_mime(it.mime.as_deref()), warnings });

impl MediaFile {
    /// A file.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), mime: None, warnings: vec![] }
    }

    setters! {
        /// Sets the MIME type.
        with_mime(mime: impl Into<String>) => mime = Some(mime.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MediaKind;

    #[test]
    fn a_file_counts_with_the_size_that_its_event_names() {
        let mut photo = Media::handle(MediaKind::Image, "777");
        assert_eq!(MediaRequest::of(&photo).unwrap().likely_bytes(), MediaRequest::MAX_BYTES);
        photo.bytes = Some(5_000_000);
        let request = MediaRequest::of(&photo).unwrap();
        assert_eq!((request.likely_bytes(), request.max_bytes), (5_000_000, MediaRequest::MAX_BYTES));
        assert_eq!(request.with_max_bytes(5).likely_bytes(), 5);
        // What is said of a size may be wrong.
        for (said, counted) in [(0, MediaRequest::MAX_BYTES), (1, MediaRequest::LEAST)] {
            photo.bytes = Some(said);
            assert_eq!(MediaRequest::of(&photo).unwrap().likely_bytes(), counted);
        }
    }

    #[test]
    fn a_digest_that_cannot_be_read_is_a_warning() {
        let mut photo = Media::handle(MediaKind::Image, "777");
        let warnings = |request: MediaRequest| request.check(MediaFile::new("bytes")).unwrap().warnings;
        assert!(warnings(MediaRequest::of(&photo).unwrap()).is_empty());
        photo.sha256 = Some("no digest".to_owned());
        let request = MediaRequest::of(&photo).unwrap();
        assert_eq!(warnings(request.clone()), ["the digest that the event names cannot be read"]);
        assert!(warnings(request.with_sha256(Sha256::digest("bytes").into())).is_empty(), "it is checked");
    }
}
