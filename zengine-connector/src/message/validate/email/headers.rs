//! Checks of header fields, ways to unsubscribe, threads and tags of an e-mail.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::{LINES, is_control};
use crate::{
    error::is_invisible,
    ids::is_printable,
    message::{
        EmailRules, EmailThread, Length, TagRules, Unsubscribe, address,
        checker::{Checker, Under},
        email_rules,
        mailbox::{ENCODED, is_encoded_word},
    },
};

/// Maximum length of a header field's name, and of its value before it is encoded and folded.
const HEADER: (Length, Length) = (Length::bytes(126), Length::bytes(998));
/// Maximum length of a way to leave a list.
const LINK: Length = Length::bytes(900);
/// Maximum length of a message id, and maximum number of those of a thread.
const MESSAGE_ID: Length = Length::bytes(512);
const REFERENCES: u64 = 100;

/// The pointer to a member with a name of the caller, without a name that may say something of a person.
fn member(at: &str, name: &str) -> String {
    let is_plain = !name.is_empty() && name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    format!("{at}/{}", if is_plain { name } else { "*" })
}

/// Checks further header fields.
pub(super) fn headers(at: &str, headers: &BTreeMap<String, String>, rules: &EmailRules, check: &mut Checker) {
    check.rule("email.header").count(Under(at, "/headers"), headers.len(), 0, rules.max_headers.into());
    let at = format!("{at}/headers");
    for (name, value) in headers {
        let pointer = member(&at, name);
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b':');
        if !is_name || name.len() as u64 > HEADER.0.max {
            check.rule("email.header").text(&*pointer, name, 1, HEADER.0);
            check.rule("email.header").require(is_name, &*pointer, "the name of a header field is visible ASCII without a colon");
        } else if email_rules::is_reserved(name) {
            check.rule("email.header").add(&*pointer, "this header field has a member of its own, or is written by the channel");
        } else {
            check.rule("email.header").require(rules.allows_header(name), &*pointer, "the channel does not allow this header field");
        }
        check.rule("email.header").text(&*pointer, value, 1, HEADER.1);
        check.rule("email.header").require(is_printable(value), &*pointer, LINES);
        check.rule("email.header").require(!is_encoded_word(value), &*pointer, ENCODED);
    }
    let names: Vec<_> = headers.keys().map(|name| name.to_ascii_lowercase()).collect();
    check.rule("email.header").unique(at, names.iter().map(String::as_str), "names must differ in more than case");
}

/// Checks the ways to leave a list.
pub(super) fn unsubscribe(at: &str, ways: &Unsubscribe, check: &mut Checker) {
    check.rule("email.unsubscribe").require(ways.https.is_some() || ways.mailto.is_some(), at, "needs an https or a mailto address");
    check.rule("email.unsubscribe").require(ways.https.is_some() || !ways.one_click, Under(at, "/one_click"), "needs an https address");
    // The addresses stand in brackets, in a list.
    let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"\\".contains(&b));
    if let Some(https) = &ways.https {
        check.rule("email.unsubscribe").text(Under(at, "/https"), https, 1, LINK);
        let host = https.strip_prefix("https://").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
        check.rule("email.unsubscribe").require(!is_encoded_word(https), Under(at, "/https"), ENCODED);
        let is_fine = is_plain(https) && host.is_some_and(|host| !host.is_empty() && !host.contains('@'));
        check.rule("email.unsubscribe").require(is_fine, Under(at, "/https"), "must be an https:// address in ASCII");
    }
    if let Some(mailto) = &ways.mailto {
        check.rule("email.unsubscribe").text(Under(at, "/mailto"), mailto, 1, LINK);
        let is_fine = is_plain(mailto) && mailto.strip_prefix("mailto:").is_some_and(is_mailto);
        check.rule("email.unsubscribe").require(
            is_fine,
            Under(at, "/mailto"),
            "must be mailto: and one address, in ASCII, with no fields but subject and body",
        );
    }
}

/// Whether it is one address, with a subject and a body at most (RFC 6068). Other fields, such as `bcc`, write more than the reader sees.
fn is_mailto(rest: &str) -> bool {
    let (to, fields) = rest.split_once('?').map_or((rest, None), |(to, fields)| (to, Some(fields)));
    let is_address = decoded(to).is_some_and(|to| to.is_ascii() && !to.contains(['%', '?', '&', '=']) && address::check(&to).is_ok());
    let mut seen = vec![];
    let is_field = |field: &str| {
        let Some((name, value)) = field.split_once('=') else { return false };
        let (Some(name), Some(value)) = (decoded(name), decoded(value)) else { return false };
        let is_first = !seen.contains(&name);
        let is_fine = match &*name {
            "subject" => is_printable(&value) && !is_encoded_word(&value),
            "body" => !value.chars().any(is_control),
            _ => false,
        };
        seen.push(name);
        is_first && is_fine
    };
    is_address && fields.is_none_or(|fields| fields.split('&').all(is_field))
}

/// A part of an address with its percent encoding undone; `None` if that is broken or not UTF-8.
fn decoded(part: &str) -> Option<String> {
    let is_hex = |text: &str| text.get(..2).is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let is_whole = part.split('%').skip(1).all(is_hex) && !part.contains('#');
    Some(percent_decode_str(part).decode_utf8().ok().filter(|_| is_whole)?.into_owned())
}

/// Checks the place in a thread.
pub(super) fn thread(at: &str, thread: &EmailThread, check: &mut Checker) {
    message_id(check, Under(at, "/in_reply_to"), &thread.in_reply_to);
    check.rule("email.thread").count(Under(at, "/references"), thread.references.len(), 0, REFERENCES);
    for (n, id) in thread.references.iter().enumerate() {
        message_id(check, &*format!("{at}/references/{n}"), id);
    }
}

/// A message id as its sender wrote it: some hold no `@`.
fn message_id(check: &mut Checker, pointer: impl Into<String> + Copy, id: &str) {
    check.rule("email.thread").text(pointer, id, 1, MESSAGE_ID);
    let inner = id.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let is_fine = inner.is_some_and(|inner| !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_graphic() && !b"<>".contains(&b)));
    check.rule("email.thread").require(is_fine, pointer, "must be a message id: <, visible ASCII, >");
    check.rule("email.thread").require(!is_encoded_word(id), pointer, ENCODED);
}

/// Checks tags.
pub(super) fn tags(at: &str, tags: &BTreeMap<String, String>, rules: &TagRules, check: &mut Checker) {
    check.rule("email.tags").count(Under(at, "/tags"), tags.len(), 0, rules.max.into());
    let at = format!("{at}/tags");
    for (name, value) in tags {
        let pointer = member(&at, name);
        for (text, max) in [(name, rules.name), (value, rules.value)] {
            check.rule("email.tags").text(&*pointer, text, 1, max);
            let is_fine = if rules.words {
                text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
            } else {
                !text.chars().any(is_invisible)
            };
            let allowed = if rules.words { "name and value are letters, digits, _ and -" } else { LINES };
            check.rule("email.tags").require(is_fine, &*pointer, allowed);
        }
    }
}
