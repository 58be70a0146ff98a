//! Files in messages.

use zengine_connector::message::{Media, MediaKind, MediaSource};

use crate::waba::json::Obj;

/// `None` if the object names no file.
pub(super) fn read(kind: MediaKind, part: &Obj<'_>) -> Option<Media> {
    let url = part.first(&["url", "link"]).map(Into::into);
    let source = match (part.owned("id"), url) {
        (Some(id), url) => MediaSource::Handle { id, url },
        (None, Some(url)) => MediaSource::Url { url, expires_at_ms: None },
        (None, None) => return None,
    };
    let mut media = Media::new(kind, source);
    media.mime = part.owned("mime_type");
    media.bytes = part.integer("file_size").and_then(|size| u64::try_from(size).ok());
    media.sha256 = part.owned("sha256");
    media.caption = part.owned("caption");
    media.filename = part.owned("filename");
    media.voice = part.flag("voice") == Some(true);
    media.animated = part.flag("animated") == Some(true);
    Some(media)
}
