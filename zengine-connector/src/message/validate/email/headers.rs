//! Checks of header fields, ways to unsubscribe, threads and tags of an e-mail.

use std::collections::BTreeMap;

use super::{Checker, LINES, Under};
use crate::{
    error::is_invisible,
    ids::is_printable,
    message::{EmailRules, EmailThread, Length, TagRules, Unsubscribe, address, email_rules},
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
    check.count(Under(at, "/headers"), headers.len(), 0, rules.max_headers.into());
    let at = format!("{at}/headers");
    for (name, value) in headers {
        let pointer = member(&at, name);
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b':');
        if !is_name || name.len() as u64 > HEADER.0.max {
            check.text(&*pointer, name, 1, HEADER.0);
            check.require(is_name, &*pointer, "the name of a header field is visible ASCII without a colon");
        } else if email_rules::is_reserved(name) {
            check.add(&*pointer, "this header field has a member of its own, or is written by the channel");
        } else {
            check.require(rules.allows_header(name), &*pointer, "the channel does not allow this header field");
        }
        check.text(&*pointer, value, 1, HEADER.1);
        check.require(is_printable(value), &*pointer, LINES);
    }
    let names: Vec<_> = headers.keys().map(|name| name.to_ascii_lowercase()).collect();
    check.unique(at, names.iter().map(String::as_str), "names must differ in more than case");
}

/// Checks the ways to leave a list.
pub(super) fn unsubscribe(at: &str, ways: &Unsubscribe, check: &mut Checker) {
    check.require(ways.https.is_some() || ways.mailto.is_some(), at, "needs an https or a mailto address");
    check.require(ways.https.is_some() || !ways.one_click, Under(at, "/one_click"), "needs an https address");
    // The addresses stand in brackets, in a list.
    let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"\\".contains(&b));
    if let Some(https) = &ways.https {
        check.text(Under(at, "/https"), https, 1, LINK);
        let host = https.strip_prefix("https://").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
        let is_fine = is_plain(https) && host.is_some_and(|host| !host.is_empty() && !host.contains('@'));
        check.require(is_fine, Under(at, "/https"), "must be an https:// address in ASCII");
    }
    if let Some(mailto) = &ways.mailto {
        check.text(Under(at, "/mailto"), mailto, 1, LINK);
        let address = mailto.strip_prefix("mailto:").map(|rest| rest.split('?').next().unwrap_or_default());
        let is_fine = is_plain(mailto) && !mailto.contains(',') && address.is_some_and(|it| address::check(it).is_ok());
        check.require(is_fine, Under(at, "/mailto"), "must be mailto: and one address, in ASCII");
    }
}

/// Checks the place in a thread.
pub(super) fn thread(at: &str, thread: &EmailThread, check: &mut Checker) {
    message_id(check, Under(at, "/in_reply_to"), &thread.in_reply_to);
    check.count(Under(at, "/references"), thread.references.len(), 0, REFERENCES);
    for (n, id) in thread.references.iter().enumerate() {
        message_id(check, &*format!("{at}/references/{n}"), id);
    }
}

/// A message id as its sender wrote it: some hold no `@`.
fn message_id(check: &mut Checker, pointer: impl Into<String> + Copy, id: &str) {
    check.text(pointer, id, 1, MESSAGE_ID);
    let inner = id.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let is_fine = inner.is_some_and(|inner| !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_graphic() && !b"<>".contains(&b)));
    check.require(is_fine, pointer, "must be a message id: <, visible ASCII, >");
}

/// Checks tags.
pub(super) fn tags(at: &str, tags: &BTreeMap<String, String>, rules: &TagRules, check: &mut Checker) {
    check.count(Under(at, "/tags"), tags.len(), 0, rules.max.into());
    let at = format!("{at}/tags");
    for (name, value) in tags {
        let pointer = member(&at, name);
        for (text, max) in [(name, rules.name), (value, rules.value)] {
            check.text(&*pointer, text, 1, max);
            let is_fine = if rules.words {
                text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
            } else {
                !text.chars().any(is_invisible)
            };
            let allowed = if rules.words { "name and value are letters, digits, _ and -" } else { LINES };
            check.require(is_fine, &*pointer, allowed);
        }
    }
}
