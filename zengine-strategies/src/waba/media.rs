//! Limits, types and names of files.

use zengine_connector::{ErrorKind, SendError, message::MediaKind};

use super::capabilities::CAPABILITIES;

/// Maximum size of a still sticker, in bytes.
pub(super) const STILL_STICKER: u64 = 100 << 10;

/// Maximum size that WhatsApp stores of a kind, in bytes. An upload names a MIME type and no kind, so a picture that is to be sent as a
/// document is stored as a picture.
pub(crate) fn most(kind: MediaKind, mime: Option<&str>, animated: bool) -> u64 {
    if kind == MediaKind::Sticker && !animated {
        return STILL_STICKER;
    }
    let essence = mime.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let of_mime = CAPABILITIES.media.iter().find(|rule| rule.mimes.iter().any(|known| known.eq_ignore_ascii_case(essence)));
    let of_kind = CAPABILITIES.media_rule(kind).map_or(0, |rule| rule.max_bytes);
    of_mime.map_or(of_kind, |rule| rule.max_bytes.min(of_kind))
}

/// Whether a text is valid as a MIME type in a header.
pub(crate) fn is_mime(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default().trim();
    let parts = essence.split_once('/').is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty());
    text.len() <= 255 && parts && text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
}

/// The error of a file that is too large.
pub(crate) fn too_large(limit: u64, actual: u64) -> SendError {
    SendError::of(ErrorKind::Media, "the file is too large").context("limit", limit).context("actual", actual).not_sent()
}

/// The name that recipients see of a document whose bytes are stored: the given one, unless its extension says another type than
/// the file has, or nothing.
pub(super) fn shown_name(mime: &str, filename: Option<&str>) -> String {
    match filename.filter(|name| has_other_extension(name)) {
        Some(name) => name.to_owned(),
        None => file_name(MediaKind::Document, mime, filename),
    }
}

/// Whether a name ends in an extension that belongs to none of the types, such as `.yaml`.
fn has_other_extension(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, own)| {
        let looks = (1..=5).contains(&own.len()) && own.bytes().all(|b| b.is_ascii_alphanumeric());
        let is_known = || EXTENSIONS.iter().flat_map(|(_, all)| *all).any(|end| own.eq_ignore_ascii_case(end));
        looks && own.bytes().any(|b| b.is_ascii_alphabetic()) && !is_known()
    })
}

/// The name of a stored file. Meta looks at its extension too, so it fits the MIME type; only a document's own name is kept,
/// because recipients see it.
pub(crate) fn file_name(kind: MediaKind, mime: &str, filename: Option<&str>) -> String {
    let essence = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let given = filename.filter(|name| kind == MediaKind::Document && !name.is_empty());
    let extensions = EXTENSIONS.iter().find(|(mime, _)| *mime == essence).map_or(&[][..], |(_, extensions)| extensions);
    let fits = |name: &str| extensions.iter().any(|end| name.rsplit_once('.').is_some_and(|(_, own)| own.eq_ignore_ascii_case(end)));
    match (given, extensions.first()) {
        (Some(name), Some(end)) if !fits(name) => format!("{name}.{end}"),
        (Some(name), _) => name.to_owned(),
        (None, Some(end)) => format!("{}.{end}", kind.as_str()),
        (None, None) => "file".to_owned(),
    }
}

/// The extensions of each MIME type that WhatsApp takes, the usual one first.
const EXTENSIONS: &[(&str, &[&str])] = &[
    ("audio/aac", &["aac"]),
    ("audio/amr", &["amr"]),
    ("audio/mp4", &["m4a", "mp4"]),
    ("audio/mpeg", &["mp3"]),
    ("audio/ogg", &["ogg", "oga", "opus"]),
    ("image/jpeg", &["jpg", "jpeg"]),
    ("image/png", &["png"]),
    ("image/webp", &["webp"]),
    ("video/3gpp", &["3gp", "3gpp"]),
    ("video/mp4", &["mp4", "m4v"]),
    ("text/plain", &["txt", "csv", "log", "md", "text"]),
    ("application/pdf", &["pdf"]),
    ("application/msword", &["doc"]),
    ("application/vnd.ms-excel", &["xls", "csv"]),
    ("application/vnd.ms-powerpoint", &["ppt"]),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", &["docx"]),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", &["xlsx"]),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", &["pptx"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_fits_its_mime_type() {
        let name = file_name;
        assert_eq!(name(MediaKind::Audio, "audio/ogg; codecs=opus", Some("voice-note.mp4")), "audio.ogg");
        assert_eq!(name(MediaKind::Image, "IMAGE/JPEG", None), "image.jpg");
        assert_eq!(name(MediaKind::Sticker, "image/webp", Some("a.png")), "sticker.webp");
        assert_eq!(name(MediaKind::Video, "video/3gpp", Some("clip")), "video.3gp");
        assert_eq!(name(MediaKind::Document, "application/pdf", Some("Offer 7.PDF")), "Offer 7.PDF");
        assert_eq!(name(MediaKind::Document, "application/pdf", Some("Offer 7.exe")), "Offer 7.exe.pdf");
        assert_eq!(name(MediaKind::Document, "application/pdf", None), "document.pdf");
        assert_eq!(name(MediaKind::Document, "application/x-unknown", Some("a.bin")), "a.bin");
        assert_eq!(name(MediaKind::Document, "application/x-unknown", None), "file");
    }
}
