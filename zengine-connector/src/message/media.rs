//! Media files: kind, source and properties.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::hex;

masked!(MediaSource, Media);

words! {
    /// The kind of a file: how it is shown.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
    #[non_exhaustive]
    pub enum MediaKind {
        /// A picture.
        Image = "image",
        /// Sound; a voice note if `voice` is set.
        Audio = "audio",
        /// A film.
        Video = "video",
        /// A file to open or keep.
        Document = "document",
        /// A sticker.
        Sticker = "sticker",
    }
}

/// The source of a file's bytes. Nothing is downloaded until you ask for it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum MediaSource {
    /// A public web address.
    Url {
        /// The address.
        url: String,
        /// Expiry of the address, in milliseconds UTC.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at_ms: Option<i64>,
    },
    /// The provider's own handle.
    Handle {
        /// The handle.
        id: String,
        /// An address the provider named beside it; needs the provider's credentials.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
    /// The bytes themselves, base64 in JSON.
    Inline {
        /// The bytes.
        #[serde(with = "crate::message::base64_bytes")]
        #[schemars(with = "String", extend("contentEncoding" = "base64"))]
        data: Bytes,
    },
    /// A file of the host's media store. The core turns it into bytes, or into an address where the
    /// channel takes no bytes.
    Store {
        /// The id of the file, which stands for its bytes: they never change.
        key: String,
    },
}

/// A file in a message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Media {
    /// The kind.
    pub kind: MediaKind,
    /// The source of the bytes.
    pub source: MediaSource,
    /// The MIME type as given, parameters included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime: Option<String>,
    /// The size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The SHA-256 digest as the provider spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Text shown with the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// The file's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Whether the sound is a voice note.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub voice: bool,
    /// Whether the sticker is animated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub animated: bool,
    /// The playing time, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

impl Media {
    /// A file of a kind.
    pub fn new(kind: MediaKind, source: MediaSource) -> Self {
        Self {
            kind,
            source,
            mime: None,
            bytes: None,
            sha256: None,
            caption: None,
            filename: None,
            voice: false,
            animated: false,
            duration_ms: None,
        }
    }

    /// A file at a public web address.
    ///
    /// ```
    /// use zengine_connector::message::{Media, MediaKind};
    ///
    /// let invoice = Media::link(MediaKind::Document, "https://example.com/17.pdf").with_filename("invoice.pdf");
    /// assert_eq!(invoice.filename.as_deref(), Some("invoice.pdf"));
    /// ```
    pub fn link(kind: MediaKind, url: impl Into<String>) -> Self {
        Self::new(kind, MediaSource::Url { url: url.into(), expires_at_ms: None })
    }

    /// A file the provider already holds.
    pub fn handle(kind: MediaKind, id: impl Into<String>) -> Self {
        Self::new(kind, MediaSource::Handle { id: id.into(), url: None })
    }

    /// A file by its bytes. Set its MIME type too.
    pub fn inline(kind: MediaKind, data: impl Into<Bytes>) -> Self {
        Self::new(kind, MediaSource::Inline { data: data.into() })
    }

    /// A file of the host's media store, by the id that [`Orchestrator::store_media`](crate::Orchestrator::store_media) gave.
    pub fn stored(kind: MediaKind, id: impl Into<String>) -> Self {
        Self::new(kind, MediaSource::Store { key: id.into() })
    }

    setters! {
        /// Adds text shown with the file.
        with_caption(caption: impl Into<String>) => caption = Some(caption.into());
        /// Adds the file's name.
        with_filename(name: impl Into<String>) => filename = Some(name.into());
        /// Adds the MIME type.
        with_mime(mime: impl Into<String>) => mime = Some(mime.into());
    }
}

/// A MIME type for `Debug`: without its parameters, which others write and which may hold a file's name, and only if it is one.
pub(crate) fn shown_mime(mime: Option<&str>) -> Option<&str> {
    const TOP: [&str; 9] = ["application", "audio", "font", "image", "message", "model", "multipart", "text", "video"];
    let essence = |mime: &'_ str| mime.split_once(';').map_or(mime.len(), |(essence, _)| essence.trim_end().len());
    let is_name = |name: &str| name.len() < 128 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._+".contains(&byte));
    mime.map(|mime| &mime[..essence(mime)]).map(|mime| match mime.split_once('/') {
        Some((top, name)) if TOP.contains(&&*top.to_ascii_lowercase()) && is_name(name) => mime,
        _ => "***",
    })
}

/// Reads a SHA-256 digest in hexadecimal or base64, as providers spell it. `None` if it is neither.
///
/// ```
/// use zengine_connector::message::read_sha256;
///
/// let hex = "2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824";
/// assert_eq!(read_sha256(hex), read_sha256("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="));
/// assert_eq!(read_sha256("abc"), None);
/// ```
pub fn read_sha256(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    hex::parse(text, false).or_else(|| STANDARD.decode(text).ok()?.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_mime_type_neither_parameters_nor_free_text_are_shown() {
        let shown = |mime| shown_mime(Some(mime)).unwrap();
        assert_eq!([shown("image/png"), shown("Text/Plain ; name=canary")], ["image/png", "Text/Plain"]);
        for odd in ["", "canary", "canary/png", "image/canary@x.example", "image/ canary", "image/é; name=canary"] {
            assert_eq!(shown(odd), "***", "{odd}");
        }
        assert_eq!(shown_mime(None), None);
    }

    #[test]
    fn a_digest_in_no_known_spelling_is_none() {
        for odd in ["", "abc", "é", &"é".repeat(32), &"0".repeat(63), &"0".repeat(66)] {
            assert_eq!(read_sha256(odd), None, "{odd}");
        }
    }
}
