//! Files in messages.

use zengine_connector::message::{Media, MediaKind, MediaSource};

use crate::waba::json::Object;

/// `None` if the object names no file.
pub(super) fn read(kind: MediaKind, part: &Object<'_>) -> Option<Media> {
    let url = part.first_text(&["url", "link"]).map(Into::into);
    let source = match (part.owned_text("id"), url) {
        (Some(id), url) => MediaSource::Handle { id, url },
        (None, Some(url)) => MediaSource::Url { url, expires_at_ms: None },
        (None, None) => return None,
    };
    let mut media = Media::new(kind, source);
    media.mime = part.owned_text("mime_type");
    media.bytes = part.integer("file_size").and_then(|size| u64::try_from(size).ok());
    media.sha256 = part.owned_text("sha256");
    media.caption = part.owned_text("caption");
    media.filename = part.owned_text("filename");
    media.voice = part.boolean("voice") == Some(true);
    media.animated = part.boolean("animated") == Some(true);
    Some(media)
}
