//! Checks of a message against a channel's capabilities; all violations are reported at once.

mod email;

use std::ops::RangeInclusive;

use super::{
    Capabilities, Content, Header, Interactive, Length, Mailbox, Media, MediaSource, Opening, OutboundMessage, Participant, RawJson, Role,
    SessionEvent, SessionNotice, SmsParts, Unit,
};
use crate::error::{ErrorKind, Level, Violation};

/// Collects violations, so that a caller sees all of them at once. Strategies use it for their own limits.
///
/// [`rule`](Self::rule), [`hint`](Self::hint), [`kind`](Self::kind) and [`warning`](Self::warning) say more of the next check, and of that
/// one only.
///
/// ```
/// use zengine_connector::message::{Checker, Length};
///
/// let mut check = Checker::new();
/// check.rule("text.length").text("/content/body", "too long", 1, Length::chars(4));
/// let found = &check.finish().unwrap_err()[0];
/// assert_eq!(found.to_string(), "/content/body: too long, in characters (limit 4, actual 8)");
/// assert_eq!(found.rule.as_deref(), Some("text.length"));
/// ```
#[derive(Debug, Default)]
pub struct Checker {
    found: Vec<Violation>,
    next: Next,
}

/// The rule, level, advice and kind of the next check.
#[derive(Clone, Copy, Debug, Default)]
struct Next {
    rule: Option<&'static str>,
    hint: Option<&'static str>,
    kind: Option<ErrorKind>,
    level: Level,
}

impl Checker {
    /// Creates a checker without violations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the rule of the next check: a stable short name, such as `email.recipient_count`.
    pub fn rule(&mut self, rule: &'static str) -> &mut Self {
        self.next.rule = Some(rule);
        self
    }

    /// Gives advice with the next check.
    pub fn hint(&mut self, hint: &'static str) -> &mut Self {
        self.next.hint = Some(hint);
        self
    }

    /// Sets the kind of the error that the next check makes. Defaults to [`ErrorKind::MessageInvalid`].
    pub fn kind(&mut self, kind: ErrorKind) -> &mut Self {
        self.next.kind = Some(kind);
        self
    }

    /// Makes the next check one that only warns: the message is sent, and the violation reported.
    pub fn warning(&mut self) -> &mut Self {
        self.next.level = Level::Warning;
        self
    }

    /// Notes a violation.
    pub fn add(&mut self, pointer: impl Into<String>, message: &'static str) {
        self.push(Violation::new(pointer, message));
    }

    /// Notes a violation if `fine` is false.
    pub fn require(&mut self, fine: bool, pointer: impl Into<String>, message: &'static str) {
        if fine {
            self.next = Next::default();
        } else {
            self.add(pointer, message);
        }
    }

    /// Checks that a text has at least `min` and at most `max` units.
    pub fn text(&mut self, pointer: impl Into<String>, text: &str, min: u64, max: Length) {
        self.range(pointer, max.unit.count(text), min..=max.max, "too short", || format!("too long, in {}", max.unit.as_str()));
    }

    /// Checks that `actual` is at least `min` and at most `max`.
    pub fn count(&mut self, pointer: impl Into<String>, actual: usize, min: u64, max: u64) {
        self.range(pointer, actual as u64, min..=max, "too few", || "too many".to_owned());
    }

    /// Checks name and address of a mailbox, of a message or a configuration.
    ///
    /// ```
    /// use zengine_connector::message::{Checker, Mailbox};
    ///
    /// let mut check = Checker::new();
    /// check.mailbox("/from", &Mailbox::new("news@shop.example").with_name("Acme\r\nBcc: x@evil.example"));
    /// assert_eq!(check.finish().unwrap_err()[0].pointer, "/from/name");
    /// ```
    pub fn mailbox(&mut self, pointer: impl Into<String>, mailbox: &Mailbox) {
        let next = std::mem::take(&mut self.next);
        for found in mailbox.violations(pointer.into()) {
            self.next = next;
            self.push(found);
        }
    }

    /// Checks the bytes of several texts together.
    fn total(&mut self, pointer: &str, sizes: impl Iterator<Item = usize>, max: u64) {
        self.range(pointer, sizes.sum::<usize>() as u64, 0..=max, "", || "too long, in bytes".to_owned());
    }

    fn range(&mut self, pointer: impl Into<String>, actual: u64, fine: RangeInclusive<u64>, less: &str, more: impl FnOnce() -> String) {
        if actual < *fine.start() {
            self.push(Violation::new(pointer, less).with_sizes(*fine.start(), actual));
        } else if actual > *fine.end() {
            self.push(Violation::new(pointer, more()).with_sizes(*fine.end(), actual));
        } else {
            self.next = Next::default();
        }
    }

    /// Checks that ids or labels differ from one another.
    pub fn unique<'a>(&mut self, pointer: impl Into<String>, values: impl IntoIterator<Item = &'a str>, message: &'static str) {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_unstable();
        self.require(values.windows(2).all(|pair| pair[0] != pair[1]), pointer, message);
    }

    fn push(&mut self, found: Violation) {
        let Next { rule, hint, kind, level } = std::mem::take(&mut self.next);
        self.found.push(Violation {
            rule: rule.map(Into::into).or(found.rule),
            hint: hint.map(Into::into).or(found.hint),
            kind: kind.unwrap_or(found.kind),
            level,
            ..found
        });
    }

    /// Drops the warnings, for code that is about to send: a warning does not stop it.
    #[must_use = "returns the checker without its warnings"]
    pub fn without_warnings(mut self) -> Self {
        self.found.retain(Violation::is_error);
        self
    }

    /// Ends the check.
    ///
    /// # Errors
    /// The violations, if there are any, warnings included.
    pub fn finish(self) -> Result<(), Vec<Violation>> {
        if self.found.is_empty() { Ok(()) } else { Err(self.found) }
    }
}

/// A pointer that is built only for a violation.
#[derive(Clone, Copy)]
struct Under<'a>(&'a str, &'static str);

impl From<Under<'_>> for String {
    fn from(Under(at, rest): Under<'_>) -> Self {
        format!("{at}{rest}")
    }
}

/// Checks a canonical message.
pub(super) fn message(message: &OutboundMessage, capabilities: &Capabilities, check: &mut Checker) {
    check.rule("recipient.missing").require(!message.to.ids.is_empty(), "/to", "a recipient needs at least one identity");
    check.rule("quote.unsupported").require(
        message.reply_to.is_none() || capabilities.quote,
        "/reply_to",
        "the channel cannot quote a message",
    );
    content("/content", &message.content, capabilities, check);
    if let (Content::Email(it), Some(rules)) = (&message.content, &capabilities.email) {
        email::email("/content", it, &message.to, rules, capabilities, check);
    }
    if let Some(author) = &message.author {
        participant("/author", author, check);
    }
    if let Some(it) = &message.opening {
        opening(it, check);
    }
}

/// Maximum length of a participant's id and name.
const NAME: Length = Length::chars(256);

/// Maximum length of id, label and description of a choice.
const CHOICE: Length = Length::chars(1_024);

/// Maximum length of a role.
const ROLE: Length = Length::chars(64);

/// Maximum length of all texts of an opening's history.
const HISTORY: Length = Length::bytes(65_536);

/// Maximum length of the JSON of a notice.
const DATA: Length = Length::bytes(16_384);

fn participant(at: &str, participant: &Participant, check: &mut Checker) {
    for (member, text) in [("/id", &participant.id), ("/name", &participant.name)] {
        if let Some(text) = text {
            check.rule("participant.length").text(Under(at, member), text, 1, NAME);
        }
    }
    check.rule("participant.length").text(Under(at, "/role"), participant.role.as_str(), 1, ROLE);
}

fn content(at: &str, content: &Content, can: &Capabilities, check: &mut Checker) {
    match content {
        Content::Text(text) => match can.text {
            None => check.rule("text.unsupported").add(at, "the channel carries no text"),
            Some(max) => {
                check.rule("text.length").text(Under(at, "/body"), &text.body, 1, max);
                if let Some(max) = can.text_also {
                    check.rule("text.length").text(Under(at, "/body"), &text.body, 0, max);
                }
                if let Some(max) = can.sms_parts {
                    check.rule("text.parts").range(Under(at, "/body"), SmsParts::of(&text.body).parts, 0..=max.into(), "", || {
                        "too many parts of a text message".into()
                    });
                }
                check.rule("text.format").require(
                    can.shows(text.format),
                    Under(at, "/format"),
                    "the channel does not show this text format",
                );
            }
        },
        Content::Media(item) => media(at, item, can, check),
        Content::Location(place) => {
            check.rule("location.unsupported").require(can.location, at, "the channel carries no locations");
            check.rule("location.range").require(
                (-90.0..=90.0).contains(&place.latitude),
                Under(at, "/latitude"),
                "must be -90 to 90 degrees",
            );
            check.rule("location.range").require(
                (-180.0..=180.0).contains(&place.longitude),
                Under(at, "/longitude"),
                "must be -180 to 180 degrees",
            );
        }
        Content::Contacts(cards) => match can.contacts {
            None => check.rule("contacts.unsupported").add(at, "the channel carries no contact cards"),
            Some(max) => {
                check.rule("contacts.count").count(Under(at, "/contacts"), cards.contacts.len(), 1, max.into());
                for (i, card) in cards.contacts.iter().enumerate() {
                    check.rule("contacts.name").require(
                        card.display_name().is_some(),
                        format!("{at}/contacts/{i}/name/formatted_name"),
                        "must not be empty",
                    );
                }
            }
        },
        Content::Interactive(item) => interactive(at, item, can, check),
        Content::Template(template) => {
            check.rule("template.unsupported").require(can.template, at, "the channel has no templates");
            check.rule("template.name").require(!template.name.is_empty(), Under(at, "/name"), "must not be empty");
            check.rule("template.language").require(!template.language.is_empty(), Under(at, "/language"), "must not be empty");
        }
        Content::Reaction(reaction) => {
            check.rule("reaction.unsupported").require(can.reaction, at, "the channel carries no reactions");
            check.rule("reaction.target").require(!reaction.target.is_empty(), Under(at, "/target"), "must not be empty");
        }
        Content::Email(_) => check.rule("email.unsupported").require(can.email.is_some(), at, "the channel carries no e-mail"),
        Content::Typing { .. } => check.rule("typing.unsupported").require(can.typing, at, "the channel shows no typing notices"),
        Content::ReadMark { target } => {
            check.rule("read_mark.unsupported").require(can.read_mark, at, "the channel has no read marks");
            check.rule("read_mark.target").require(!target.is_empty(), Under(at, "/target"), "must not be empty");
        }
        Content::Session(notice) => {
            check.rule("session.unsupported").require(can.session, at, "the channel takes no notices of the conversation");
            if let SessionNotice::Change(change) = notice {
                session(at, change, check);
            }
        }
        Content::Native { .. } => check.rule("native.unsupported").require(can.native, at, "the channel takes no native JSON"),
        Content::Compound { .. } => {
            check.rule("content.compound").hint("send the parts one by one").add(at, "a message holds one content");
        }
        Content::InteractiveReply(choice) => {
            check.rule("choice.unsupported").require(can.choice, at, "the channel takes no answers to choices");
            check.rule("choice.length").text(Under(at, "/id"), &choice.id, 1, CHOICE);
            optional(check.rule("choice.length"), Under(at, "/title"), choice.title.as_deref(), CHOICE);
            optional(check.rule("choice.length"), Under(at, "/description"), choice.description.as_deref(), CHOICE);
        }
        Content::Order(_) | Content::FlowReply(_) | Content::System(_) | Content::Unsupported(_) | Content::Unknown { .. } => {
            check.rule("content.inbound_only").add(at, "this content only arrives, it cannot be sent");
        }
    }
}

fn opening(it: &Opening, check: &mut Checker) {
    let Opening { display_name, attributes, queue, history, .. } = it;
    for (pointer, text) in [("/opening/display_name", display_name), ("/opening/queue", queue)] {
        if let Some(text) = text {
            check.rule("opening.length").text(pointer, text, 1, NAME);
        }
    }
    check.rule("opening.count").count("/opening/attributes", attributes.len(), 0, 64);
    // A key may name a person.
    for (key, value) in attributes {
        check.rule("opening.length").range("/opening/attributes/*", Unit::Chars.count(key), 1..=255, "the key is too short", || {
            "the key is too long, in characters".to_owned()
        });
        check.rule("opening.length").text("/opening/attributes/*", value, 0, Length::chars(2_048));
    }
    let sizes = attributes.iter().map(|(key, value)| key.len() + value.len());
    check.rule("opening.size").total("/opening/attributes", sizes, 32_768);
    check.rule("opening.count").count("/opening/history", history.len(), 0, 100);
    for (n, past) in history.iter().enumerate() {
        participant(&format!("/opening/history/{n}/author"), &past.author, check);
        check.rule("opening.length").text(format!("/opening/history/{n}/text"), &past.text, 1, HISTORY);
    }
    check.rule("opening.size").total("/opening/history", history.iter().map(|past| past.text.len()), HISTORY.max);
}

fn session(at: &str, event: &SessionEvent, check: &mut Checker) {
    for (member, person) in [("/participant", &event.participant), ("/previous", &event.previous)] {
        if let Some(person) = person {
            participant(&format!("{at}{member}"), person, check);
        }
    }
    if let Some(end) = &event.end {
        optional(check.rule("session.length"), Under(at, "/end/by"), end.by.as_ref().map(Role::as_str), ROLE);
        optional(check.rule("session.length"), Under(at, "/end/word"), end.word.as_deref(), NAME);
    }
    optional(check.rule("session.length"), Under(at, "/data"), event.data.as_ref().map(RawJson::as_str), DATA);
}

fn media(at: &str, media: &Media, can: &Capabilities, check: &mut Checker) {
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
fn bytes(media: &Media, can: &Capabilities, check: &mut Checker, at: impl Fn(&str) -> String) {
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

fn interactive(at: &str, item: &Interactive, can: &Capabilities, check: &mut Checker) {
    match item {
        Interactive::Buttons { header, body, footer, buttons } => {
            let Some(rules) = can.buttons else { return check.rule("buttons.unsupported").add(at, "the channel has no reply buttons") };
            check.rule("buttons.body").text(Under(at, "/body"), body, 1, rules.body);
            optional(check.rule("buttons.footer"), Under(at, "/footer"), footer.as_deref(), rules.footer);
            if let Some(Header::Text { text }) = header {
                check.rule("buttons.header").text(Under(at, "/header/text"), text, 1, rules.header);
            }
            check.rule("buttons.count").count(Under(at, "/buttons"), buttons.len(), 1, rules.max.into());
            for (i, button) in buttons.iter().enumerate() {
                check.rule("buttons.id").text(format!("{at}/buttons/{i}/id"), &button.id, 1, rules.id);
                check.rule("buttons.title").text(format!("{at}/buttons/{i}/title"), &button.title, 1, rules.title);
            }
            check.rule("buttons.unique").unique(Under(at, "/buttons"), buttons.iter().map(|b| b.id.as_str()), "ids must differ");
            check.rule("buttons.unique").unique(Under(at, "/buttons"), buttons.iter().map(|b| b.title.as_str()), "titles must differ");
        }
        Interactive::List { body, button, sections, .. } => {
            let Some(rules) = can.list else { return check.rule("list.unsupported").add(at, "the channel has no lists") };
            check.rule("list.body").text(Under(at, "/body"), body, 1, rules.body);
            check.rule("list.button").text(Under(at, "/button"), button, 1, rules.button);
            check.rule("list.count").count(Under(at, "/sections"), sections.len(), 1, rules.max_sections.into());
            let rows = || sections.iter().flat_map(|section| &section.rows);
            check.rule("list.count").count(Under(at, "/sections"), rows().count(), 1, rules.max_rows.into());
            for (s, section) in sections.iter().enumerate() {
                let at = format!("{at}/sections/{s}");
                check.rule("list.rows").require(!section.rows.is_empty(), Under(&at, "/rows"), "a section needs at least one row");
                check.rule("list.section").require(
                    sections.len() == 1 || section.title.as_deref().is_some_and(|title| !title.is_empty()),
                    Under(&at, "/title"),
                    "needed where there are several sections",
                );
                optional(check.rule("list.section"), Under(&at, "/title"), section.title.as_deref(), rules.section);
                for (r, row) in section.rows.iter().enumerate() {
                    check.rule("list.id").text(format!("{at}/rows/{r}/id"), &row.id, 1, rules.id);
                    check.rule("list.title").text(format!("{at}/rows/{r}/title"), &row.title, 1, rules.title);
                    optional(
                        check.rule("list.description"),
                        format!("{at}/rows/{r}/description"),
                        row.description.as_deref(),
                        rules.description,
                    );
                }
            }
            check.rule("list.unique").unique(Under(at, "/sections"), rows().map(|row| row.id.as_str()), "row ids must differ");
        }
        Interactive::CtaUrl(_) => check.rule("cta_url.unsupported").require(can.cta_url, at, "the channel has no web-address button"),
        _ => check.rule("interactive.unsupported").require(can.rich_interactive, at, "the channel does not have this interactive kind"),
    }
}

fn optional(check: &mut Checker, pointer: impl Into<String>, text: Option<&str>, max: Length) {
    match text {
        Some(text) => check.text(pointer, text, 0, max),
        None => check.next = Next::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: Length = Length::chars(4);

    fn announced() -> Checker {
        let mut check = Checker::new();
        check.rule("a.rule").hint("advice").kind(ErrorKind::Quota).warning();
        check
    }

    #[test]
    fn what_is_said_of_a_check_is_used_up_by_a_fine_one() {
        let fine: [fn(&mut Checker); 8] = [
            |check| check.require(true, "/a", "wrong"),
            |check| check.text("/a", "four", 1, FOUR),
            |check| check.count("/a", 1, 1, 1),
            |check| check.mailbox("/a", &Mailbox::new("ana@example.org")),
            |check| check.total("/a", [1, 2].into_iter(), 3),
            |check| check.unique("/a", ["b", "c"], "must differ"),
            |check| optional(check, "/a", Some("four"), FOUR),
            |check| optional(check, "/a", None, FOUR),
        ];
        for (n, fine) in fine.into_iter().enumerate() {
            let mut check = announced();
            fine(&mut check);
            check.add("/b", "wrong");
            assert_eq!(check.finish().unwrap_err(), [Violation::new("/b", "wrong")], "{n}");
        }
    }

    #[test]
    fn what_is_said_of_a_check_is_used_up_by_one_that_finds_something() {
        let wrong: [fn(&mut Checker); 7] = [
            |check| check.add("/a", "wrong"),
            |check| check.require(false, "/a", "wrong"),
            |check| check.text("/a", "fives", 1, FOUR),
            |check| check.count("/a", 0, 1, 1),
            |check| check.mailbox("/a", &Mailbox::new("nobody").with_name("a\nb")),
            |check| check.total("/a", [1, 3].into_iter(), 3),
            |check| check.unique("/a", ["b", "b"], "must differ"),
        ];
        for (n, wrong) in wrong.into_iter().enumerate() {
            let mut check = announced();
            wrong(&mut check);
            check.add("/b", "wrong");
            let mut found = check.finish().unwrap_err();
            assert_eq!(found.pop(), Some(Violation::new("/b", "wrong")), "{n}");
            assert_eq!(found.len(), if n == 4 { 2 } else { 1 }, "{n}");
            for found in found {
                assert_eq!(
                    (found.rule.as_deref(), found.hint.as_deref(), found.kind, found.level),
                    (Some("a.rule"), Some("advice"), ErrorKind::Quota, Level::Warning),
                    "{n}"
                );
            }
        }
    }
}
