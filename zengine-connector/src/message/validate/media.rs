//! Checks of files.

use crate::{
    error::Violation,
    message::{
        Capabilities, Media, MediaSource,
        checker::{Checker, Under},
    },
};

pub(super) fn media(at: &str, media: &Media, can: &Capabilities, check: &mut Checker) {
    let Some(rule) = can.media_rule(media.kind) else {
        return check.rule("media.unsupported").add(at, "the channel does not carry this kind of media");
    };
    if let Some(caption) = &media.caption {
        match rule.caption {
            Some(max) => check.rule("media.caption").text(Under(at, "/caption"), caption, 0, max),
            None => check.rule("media.caption").add(Under(at, "/caption"), "this kind of media has no caption"),
        }
    }
    bytes(media, can, check, |rest| format!("{at}{rest}"));
    if let Some(bytes) = media.bytes
        && bytes > rule.max_bytes
    {
        check.rule("media.size").push(too_large(Under(at, "/bytes"), rule.max_bytes, bytes));
    }
    if let Some(mime) = &media.mime {
        let essence = mime.split(';').next().unwrap_or_default().trim();
        let known = rule.mimes.is_empty() || rule.mimes.iter().any(|m| m.eq_ignore_ascii_case(essence));
        check.rule("media.mime").require(known, Under(at, "/mime"), "the channel does not take this MIME type");
    }
}

/// Checks a file that is sent as bytes.
pub(super) fn bytes(media: &Media, can: &Capabilities, check: &mut Checker, at: impl Fn(&str) -> String) {
    let size = match &media.source {
        MediaSource::Inline { data } => data.len() as u64,
        MediaSource::Store { .. } => media.bytes.unwrap_or_default(),
        MediaSource::Url { .. } | MediaSource::Handle { .. } => return,
    };
    match can.media_bytes {
        None => check.rule("media.bytes").hint("give a web address").add(at("/source"), "the channel takes no bytes"),
        Some(max) if size > max => check.rule("media.size").push(too_large(at("/source"), max, size)),
        Some(_) => {}
    }
}

fn too_large(pointer: impl Into<String>, max: u64, actual: u64) -> Violation {
    Violation::new(pointer, "the file is too large, in bytes").with_sizes(max, actual)
}
