//! Checks of the files of an e-mail, of its size, and of an invitation.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{CONTROL, is_control, line};
use crate::{
    error::{Violation, is_invisible},
    ids::is_printable,
    message::{
        Calendar, Capabilities, Email, EmailAttachment, EmailRules, Length, MediaSource,
        checker::{Checker, Under},
        mailbox::{ENCODED, is_encoded_word},
        validate::media::bytes,
    },
};

/// Maximum length of an iCalendar object.
const ICS: Length = Length::bytes(1 << 20);
/// Maximum length of a content id, a file's name and a MIME type.
const CONTENT_ID: Length = Length::bytes(78);
const FILE_NAME: Length = Length::chars(255);
const MIME: Length = Length::bytes(255);

/// Checks one file.
pub(super) fn attachment(at: &str, attached: &EmailAttachment, rules: &EmailRules, can: &Capabilities, check: &mut Checker) {
    let media = &attached.media;
    bytes(media, can, check, |rest| format!("{at}/media{rest}"));
    let is_link = matches!(media.source, MediaSource::Url { .. } | MediaSource::Handle { .. });
    check.rule("email.attachment").require(
        !is_link || rules.attachment_links,
        Under(at, "/media/source"),
        "the channel takes no address of a file: give its bytes, or a file of the media store",
    );
    if let Some(name) = &media.filename {
        let pointer = Under(at, "/media/filename");
        line(check, "email.attachment", pointer, name, FILE_NAME);
        // Joiners are part of words and of emoji.
        let is_hidden = |c: char| is_invisible(c) && !matches!(c, '\u{200c}' | '\u{200d}');
        let is_plain = !is_printable(name) || !name.chars().any(is_hidden);
        check.rule("email.attachment").require(is_plain, pointer, "must not hold invisible characters");
        check.rule("email.attachment").require(!name.contains(['/', '\\', ':']), pointer, "must be a name without a path");
        let is_seen = |c: &char| !is_invisible(*c);
        let seen: String = name.chars().filter(is_seen).collect();
        let ending = seen.trim_end_matches(|c: char| c == '.' || c.is_whitespace()).rsplit_once('.').map(|(_, ending)| ending);
        let is_refused = ending.is_some_and(|ending| rules.refused_extensions.iter().any(|refused| refused.eq_ignore_ascii_case(ending)));
        check.rule("email.attachment").require(!is_refused, pointer, "the channel refuses files with this ending");
    }
    if let Some(mime) = &media.mime {
        check.rule("email.attachment").text(Under(at, "/media/mime"), mime, 1, MIME);
        let is_fine = mime.is_ascii() && is_printable(mime) && is_mime(mime);
        check.rule("email.attachment").require(
            is_fine,
            Under(at, "/media/mime"),
            "must be a MIME type of one part, with no parameters but charset, codecs and method",
        );
        check.rule("email.attachment").require(!is_encoded_word(mime), Under(at, "/media/mime"), ENCODED);
    }
    if let Some(id) = &attached.content_id {
        check.rule("email.attachment").text(Under(at, "/content_id"), id, 1, CONTENT_ID);
        check.rule("email.attachment").require(
            is_id(id),
            Under(at, "/content_id"),
            "must be letters, digits and signs of ASCII, without brackets",
        );
        check.rule("email.attachment").require(!is_encoded_word(id), Under(at, "/content_id"), ENCODED);
    }
    if attached.is_inline() {
        check.rule("email.attachment").require(rules.inline, at, "the channel takes no files within the HTML");
        check.rule("email.attachment").require(
            attached.content_id.is_some(),
            Under(at, "/content_id"),
            "needed for a file that the HTML shows",
        );
    }
}

/// Whether it is the type of a file. A name among its parameters would stand in place of the one that was checked, and the parts of a
/// `multipart` are files of their own.
fn is_mime(mime: &str) -> bool {
    let mut parts = mime.split(';').map(str::trim);
    let is_essence = parts
        .next()
        .and_then(|essence| essence.split_once('/'))
        .is_some_and(|(top, name)| !top.is_empty() && !name.is_empty() && !name.contains('/') && !top.eq_ignore_ascii_case("multipart"));
    let is_allowed = |name: &str| ["charset", "codecs", "method"].iter().any(|allowed| allowed.eq_ignore_ascii_case(name));
    is_essence && parts.all(|part| part.split_once('=').is_some_and(|(name, value)| is_allowed(name.trim_end()) && !value.is_empty()))
}

/// Warns of files that stand in the HTML by their name, which the HTML does not hold: some mail programs show them nowhere. What a template
/// holds is not known.
pub(super) fn shown(at: &str, email: &Email, rules: &EmailRules, check: &mut Checker) {
    // Too many are refused already, and each costs a look through the HTML.
    if email.template.is_some() || email.attachments.len() as u64 > u64::from(rules.max_attachments) {
        return;
    }
    let html = email.html.as_deref().unwrap_or_default();
    for (n, attached) in email.attachments.iter().enumerate().filter(|(_, attached)| attached.is_inline()) {
        let Some(id) = attached.content_id.as_deref().filter(|id| is_id(id) && (1..=CONTENT_ID.max).contains(&(id.len() as u64))) else {
            continue;
        };
        let is_named = html.contains(id) || html.contains(&utf8_percent_encode(id, NON_ALPHANUMERIC).to_string());
        check.rule("email.inline_unnamed").hint("name it in the HTML as cid:, or set `inline` to false").warning().require(
            is_named,
            format!("{at}/attachments/{n}/content_id"),
            "the HTML does not name this file",
        );
    }
}

/// Visible ASCII without quotes and brackets.
fn is_id(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"\\".contains(&b))
}

/// Checks the number of files, and the size of the whole.
pub(super) fn whole(at: &str, email: &Email, rules: &EmailRules, check: &mut Checker) {
    check.rule("email.attachment").count(Under(at, "/attachments"), email.attachments.len(), 0, rules.max_attachments.into());
    check.rule("email.attachment").unique(
        Under(at, "/attachments"),
        email.attachments.iter().filter_map(|attached| attached.content_id.as_deref()),
        "content ids must differ",
    );
    let texts = [&email.subject, &email.text, &email.html].into_iter().flatten().map(String::len);
    let ics = email.calendar.iter().map(|calendar| calendar.ics.len());
    let files = email.attachments.iter().map(|attached| match &attached.media.source {
        MediaSource::Inline { data } => as_base64(data.len() as u64),
        _ => as_base64(attached.media.bytes.unwrap_or_default()),
    });
    let size = texts.chain(ics).map(|size| size as u64).chain(files).fold(0, u64::saturating_add);
    if size > rules.max_bytes {
        let pointer = Under(at, if email.attachments.is_empty() { "" } else { "/attachments" });
        let violation = Violation::new(pointer, "the e-mail is too large once its files are encoded, in bytes");
        check.rule("email.size").push(violation.with_sizes(rules.max_bytes, size));
    }
}

/// The size of a file in base64, in lines of 76 characters (RFC 2045).
const fn as_base64(size: u64) -> u64 {
    let digits = size.div_ceil(3).saturating_mul(4);
    digits.saturating_add(digits.div_ceil(76).saturating_mul(2))
}

/// Checks an invitation.
pub(super) fn invitation(at: &str, calendar: &Calendar, check: &mut Checker) {
    check.rule("email.calendar").text(Under(at, "/ics"), &calendar.ics, 1, ICS);
    check.rule("email.calendar").require(!calendar.ics.chars().any(is_control), Under(at, "/ics"), CONTROL);
    check.rule("email.calendar").require(
        calendar.is_framed(),
        Under(at, "/ics"),
        "must be one iCalendar object, from BEGIN:VCALENDAR to END:VCALENDAR",
    );
    check.rule("email.calendar").require(
        calendar.declared_method() == Some(calendar.method),
        Under(at, "/method"),
        "must be the METHOD that the iCalendar object names once",
    );
}
