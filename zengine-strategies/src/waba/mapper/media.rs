//! Files: by the provider's id or by a link that Meta fetches.

use serde_json::Value;
use zengine_connector::message::{Media, MediaKind, MediaSource};

use super::cx::{Cx, Object};
use crate::waba::{
    capabilities::CAPABILITIES,
    media::{STILL_STICKER, is_mime, most, shown_name},
};

/// The object of a media message. Length of the caption, MIME type and size are checked by the core.
pub(super) fn message(cx: &mut Cx, at: &str, media: &Media) -> Value {
    let kind = media.kind;
    if let Some(caption) = &media.caption {
        cx.words(&format!("{at}/caption"), caption);
    }
    cx.require("media.voice", !media.voice || kind == MediaKind::Audio, format!("{at}/voice"), "only audio can be a voice note");
    if media.voice
        && let Some(mime) = &media.mime
    {
        cx.require("media.voice", is_voice(mime), format!("{at}/mime"), "a voice note must be audio/ogg with opus");
    }
    if kind == MediaKind::Sticker
        && !media.animated
        && let Some(bytes) = media.bytes
    {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        cx.check.rule("media.size").count(format!("{at}/bytes"), bytes, 0, STILL_STICKER);
    }
    match &media.source {
        MediaSource::Inline { data } => {
            uploaded(cx, at, media);
            cx.check.rule("media.size").count(
                format!("{at}/source/data"),
                data.len(),
                1,
                most(kind, media.mime.as_deref(), media.animated),
            );
        }
        // Its bytes come before it is sent.
        MediaSource::Store { .. } => {
            uploaded(cx, at, media);
            stored(cx, at, media);
        }
        _ => {}
    }
    let captioned = matches!(kind, MediaKind::Image | MediaKind::Video | MediaKind::Document);
    let object = source(cx, at, media, true)
        .with_text("caption", media.caption.as_deref().filter(|_| captioned))
        .with_some("voice", media.voice.then_some(true));
    filename(cx, at, media, object).into()
}

/// Whether a MIME type is that of voice notes. Without the parameter `codecs` the file decides.
fn is_voice(mime: &str) -> bool {
    let mut parts = mime.split(';').map(str::trim);
    let is_ogg = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("audio/ogg"));
    is_ogg
        && parts
            .filter_map(|parameter| parameter.split_once('='))
            .all(|(name, codec)| !name.trim().eq_ignore_ascii_case("codecs") || codec.trim().trim_matches('"').eq_ignore_ascii_case("opus"))
}

/// Checks the size of a file of the media store. What is above the limit of its kind is the core's to say, and of a sticker said above.
fn stored(cx: &mut Cx, at: &str, media: &Media) {
    let (size, of_kind) = (media.bytes.unwrap_or_default(), CAPABILITIES.media_rule(media.kind).map_or(0, |rule| rule.max_bytes));
    if size <= of_kind {
        let most = if media.kind == MediaKind::Sticker { of_kind } else { most(media.kind, media.mime.as_deref(), media.animated) };
        cx.check.rule("media.size").count(format!("{at}/bytes"), usize::try_from(size).unwrap_or(usize::MAX), 1, most);
    }
}

/// Checks the MIME type of bytes: they are stored at Meta first, which requires it.
fn uploaded(cx: &mut Cx, at: &str, media: &Media) {
    cx.require("media.mime", media.mime.is_some(), format!("{at}/mime"), "bytes need their MIME type");
    if let Some(mime) = &media.mime {
        cx.require("media.mime", is_mime(mime), format!("{at}/mime"), "must be a MIME type");
    }
}

/// The header of a message or template: an image, a video or a document.
pub(super) fn header(cx: &mut Cx, at: &str, media: &Media) -> Value {
    let shown = matches!(media.kind, MediaKind::Image | MediaKind::Video | MediaKind::Document);
    cx.require("header.kind", shown, format!("{at}/media/kind"), "a header is text, an image, a video or a document");
    let kind = media.kind.as_str();
    Object::new().with("type", kind).with(kind, bare(cx, &format!("{at}/media"), media)).into()
}

/// The object of a header or a template parameter: no caption.
pub(super) fn bare(cx: &mut Cx, at: &str, media: &Media) -> Value {
    cx.require("media.caption", media.caption.is_none(), format!("{at}/caption"), "a header has no caption");
    let object = source(cx, at, media, false);
    filename(cx, at, media, object).into()
}

/// The name of a document decides its icon; nothing else shows a name. That of bytes fits their MIME type.
fn filename(cx: &mut Cx, at: &str, media: &Media, object: Object) -> Object {
    if media.kind != MediaKind::Document {
        return object;
    }
    let given = media.filename.as_deref().filter(|name| !name.is_empty());
    if let Some(name) = given {
        cx.single(&format!("{at}/filename"), name);
    }
    match (&media.source, &media.mime) {
        (MediaSource::Inline { .. } | MediaSource::Store { .. }, Some(mime)) => object.with("filename", shown_name(mime, given)),
        _ => object.with_some("filename", given),
    }
}

fn source(cx: &mut Cx, at: &str, media: &Media, uploads: bool) -> Object {
    let at = format!("{at}/source");
    match &media.source {
        MediaSource::Url { url, .. } => {
            cx.link(format!("{at}/url"), url);
            Object::new().with("link", url.as_str())
        }
        MediaSource::Handle { id, .. } => {
            cx.id(format!("{at}/id"), id);
            Object::new().with("id", id.as_str())
        }
        // The id is put in when the file is stored.
        MediaSource::Inline { .. } | MediaSource::Store { .. } if uploads => Object::new(),
        _ => {
            cx.check.rule("media.source").hint("store the file first").add(at, "must be a web address or a media id");
            Object::new()
        }
    }
}
