//! Checks of an e-mail against a channel's rules.

mod files;
mod headers;

use crate::{
    error::Violation,
    ids::is_printable,
    message::{
        Capabilities, Email, EmailRules, IdentityKind, Length, Party, RawJson, address,
        checker::{Checker, Under},
        mailbox::{ENCODED, is_encoded_word},
    },
};

/// Maximum length of a subject: of a header line.
const SUBJECT: Length = Length::chars(998);
/// Maximum length of the names of a template and a configuration set.
const NAME: Length = Length::chars(256);
/// Maximum length of a template's data.
const DATA: Length = Length::bytes(262_144);
/// Maximum number of mailboxes for answers.
const REPLY_TO: u64 = 25;

const CONTROL: &str = "must not hold control characters";
const LINES: &str = "must not hold line breaks or control characters";

/// Checks an e-mail to a recipient.
pub(super) fn email(at: &str, email: &Email, to: &Party, rules: &EmailRules, can: &Capabilities, check: &mut Checker) {
    recipients(at, email, to, rules, check);
    body(at, email, rules, check);
    for (n, attached) in email.attachments.iter().enumerate() {
        files::attachment(&format!("{at}/attachments/{n}"), attached, rules, can, check);
    }
    files::whole(at, email, rules, check);
    files::shown(at, email, rules, check);
    if let Some(calendar) = &email.calendar {
        check.rule("email.calendar").require(rules.calendar, Under(at, "/calendar"), "the channel takes no invitations");
        files::invitation(&format!("{at}/calendar"), calendar, check);
    }
    headers::headers(at, &email.headers, rules, check);
    if let Some(ways) = &email.unsubscribe {
        check.rule("email.unsubscribe").require(rules.unsubscribe, Under(at, "/unsubscribe"), "the channel takes no ways to unsubscribe");
        headers::unsubscribe(&format!("{at}/unsubscribe"), ways, check);
    }
    if let Some(it) = &email.thread {
        check.rule("email.thread").require(rules.thread, Under(at, "/thread"), "the channel takes no threads");
        headers::thread(&format!("{at}/thread"), it, check);
    }
    if !email.tags.is_empty() {
        match &rules.tags {
            Some(limits) => headers::tags(at, &email.tags, limits, check),
            None => check.rule("email.tags").add(Under(at, "/tags"), "the channel takes no tags"),
        }
    }
    if let Some(set) = &email.configuration_set {
        check.rule("email.configuration_set").require(
            rules.configuration_set,
            Under(at, "/configuration_set"),
            "the channel takes no configuration set per message",
        );
        line(check, "email.configuration_set", Under(at, "/configuration_set"), set, NAME);
    }
    check.rule("email.tracking").require(
        email.track.is_none() || rules.tracking,
        Under(at, "/track"),
        "the channel takes no choice of tracking per message",
    );
}

/// A text of one line.
fn line(check: &mut Checker, rule: &'static str, pointer: impl Into<String> + Copy, text: &str, max: Length) {
    check.rule(rule).text(pointer, text, 1, max);
    check.rule(rule).require(is_printable(text), pointer, LINES);
    check.rule(rule).require(!is_encoded_word(text), pointer, ENCODED);
}

fn recipients(at: &str, email: &Email, to: &Party, rules: &EmailRules, check: &mut Checker) {
    let addresses = || to.ids.iter().filter(|id| id.kind() == IdentityKind::Email);
    // The others would get nothing: the ids of a party are those of one person.
    check.rule("email.recipient_count").hint("name further recipients in cc or bcc, or send once for each").require(
        addresses().count() <= 1,
        "/to",
        "a message has one e-mail address in `to`",
    );
    for id in addresses() {
        match address::check(id.value()) {
            Err(flaw) => check.rule("email.recipient").push(flaw.at("/to")),
            Ok(()) => local(check, "/to", id.value(), rules),
        }
    }
    if let Some(name) = &to.name {
        check.rule("email.recipient").require(is_printable(name), "/to/name", LINES);
        check.rule("email.recipient").require(!is_encoded_word(name), "/to/name", ENCODED);
    }
    let many = [("cc", &email.cc), ("bcc", &email.bcc), ("reply_to", &email.reply_to)];
    let all = many.iter().flat_map(|(member, boxes)| boxes.iter().enumerate().map(move |(n, it)| (format!("{at}/{member}/{n}"), it)));
    for (pointer, mailbox) in email.from.iter().map(|from| (format!("{at}/from"), from)).chain(all) {
        check.rule("email.recipient").mailbox(&pointer, mailbox);
        local(check, pointer, &mailbox.address, rules);
    }
    check.rule("email.recipient_count").count(Under(at, "/reply_to"), email.reply_to.len(), 0, REPLY_TO);
    let count = 1 + email.cc.len() + email.bcc.len();
    if count as u64 > u64::from(rules.max_recipients) {
        let violation = Violation::new(at, "too many recipients in all, those in cc and bcc included");
        check.rule("email.recipient_count").push(violation.with_sizes(rules.max_recipients.into(), count as u64));
    }
}

/// The part of an address before the `@`, which only some channels take in Unicode.
fn local(check: &mut Checker, pointer: impl Into<String>, address: &str, rules: &EmailRules) {
    let is_fine = rules.international || address.rsplit_once('@').is_none_or(|(local, _)| local.is_ascii());
    check.rule("email.recipient").require(is_fine, pointer, "the channel takes no characters outside ASCII before the @");
}

fn body(at: &str, email: &Email, rules: &EmailRules, check: &mut Checker) {
    if let Some(subject) = &email.subject {
        check.rule("email.subject").text(Under(at, "/subject"), subject, 1, SUBJECT);
        // A subject may turn its direction.
        let is_fine = !subject.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
        check.rule("email.subject").require(is_fine, Under(at, "/subject"), LINES);
        check.rule("email.subject").require(!is_encoded_word(subject), Under(at, "/subject"), ENCODED);
    }
    for (member, text) in [("/text", &email.text), ("/html", &email.html)] {
        if let Some(text) = text {
            check.rule("email.body").require(!text.is_empty(), Under(at, member), "must not be empty");
            check.rule("email.body").require(!text.chars().any(is_control), Under(at, member), CONTROL);
        }
    }
    check.rule("email.body").require(email.html.is_none() || rules.html, Under(at, "/html"), "the channel takes no HTML");
    let Some(name) = &email.template else {
        check.rule("email.subject").require(email.subject.is_some(), Under(at, "/subject"), "needed without a template");
        check.rule("email.body").require(
            email.text.is_some() || email.html.is_some(),
            Under(at, "/text"),
            "text, HTML or a template is needed",
        );
        check.rule("email.data").require(email.data.is_none(), Under(at, "/data"), "data needs a template");
        return;
    };
    check.rule("email.template").require(rules.templates, Under(at, "/template"), "the channel takes no templates for e-mail");
    line(check, "email.template", Under(at, "/template"), name, NAME);
    let is_alone = email.subject.is_none() && email.text.is_none() && email.html.is_none();
    check.rule("email.template").require(is_alone, Under(at, "/template"), "stands in place of subject, text and HTML");
    if let Some(data) = email.data.as_ref().map(RawJson::as_str) {
        check.rule("email.data").text(Under(at, "/data"), data, 0, DATA);
        let found =
            if data.trim_start().starts_with('"') { "must be a JSON object, not a string that holds one" } else { "must be a JSON object" };
        check.rule("email.data").require(data.trim_start().starts_with('{'), Under(at, "/data"), found);
    }
}

/// A control character that no text holds.
fn is_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\r' | '\n' | '\t')
}

#[cfg(test)]
mod tests;
