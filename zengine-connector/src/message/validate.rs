//! Checks of a message against a channel's capabilities; all violations are reported at once.

mod email;

use std::ops::RangeInclusive;

use super::{
    Capabilities, Content, Header, Interactive, Length, Mailbox, Media, MediaSource, Opening, OutboundMessage, Participant, RawJson, Role,
    SessionEvent, SessionNotice, SmsParts, Unit,
};
use crate::error::Violation;

/// Collects violations, so that a caller sees all of them at once. Strategies use it for their own limits.
///
/// ```
/// use zengine_connector::message::{Checker, Length};
///
/// let mut check = Checker::new();
/// check.text("/content/body", "too long", 1, Length::chars(4));
/// assert_eq!(check.finish().unwrap_err()[0].to_string(), "/content/body: too long, in characters (limit 4, actual 8)");
/// ```
#[derive(Debug, Default)]
pub struct Checker {
    found: Vec<Violation>,
}

impl Checker {
    /// Creates a checker without violations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a violation.
    pub fn add(&mut self, pointer: impl Into<String>, message: &'static str) {
        self.found.push(Violation::new(pointer, message));
    }

    /// Notes a violation if `fine` is false.
    pub fn require(&mut self, fine: bool, pointer: impl Into<String>, message: &'static str) {
        if !fine {
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
        self.found.extend(mailbox.violations(pointer.into()));
    }

    /// Checks the bytes of several texts together.
    fn total(&mut self, pointer: &str, sizes: impl Iterator<Item = usize>, max: u64) {
        self.range(pointer, sizes.sum::<usize>() as u64, 0..=max, "", || "too long, in bytes".to_owned());
    }

    fn range(&mut self, pointer: impl Into<String>, actual: u64, fine: RangeInclusive<u64>, less: &str, more: impl FnOnce() -> String) {
        if actual < *fine.start() {
            self.found.push(Violation::new(pointer, less).with_sizes(*fine.start(), actual));
        } else if actual > *fine.end() {
            self.found.push(Violation::new(pointer, more()).with_sizes(*fine.end(), actual));
        }
    }

    /// Checks that ids or labels differ from one another.
    pub fn unique<'a>(&mut self, pointer: impl Into<String>, values: impl IntoIterator<Item = &'a str>, message: &'static str) {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_unstable();
        if values.windows(2).any(|pair| pair[0] == pair[1]) {
            self.add(pointer, message);
        }
    }

    /// Ends the check.
    ///
    /// # Errors
    /// The violations, if there are any.
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
    check.require(!message.to.ids.is_empty(), "/to", "a recipient needs at least one identity");
    check.require(message.reply_to.is_none() || capabilities.quote, "/reply_to", "the channel cannot quote a message");
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
            check.text(Under(at, member), text, 1, NAME);
        }
    }
    check.text(Under(at, "/role"), participant.role.as_str(), 1, ROLE);
}

fn content(at: &str, content: &Content, can: &Capabilities, check: &mut Checker) {
    match content {
        Content::Text(text) => match can.text {
            None => check.add(at, "the channel carries no text"),
            Some(max) => {
                check.text(Under(at, "/body"), &text.body, 1, max);
                if let Some(max) = can.text_also {
                    check.text(Under(at, "/body"), &text.body, 0, max);
                }
                if let Some(max) = can.sms_parts {
                    check.range(Under(at, "/body"), SmsParts::of(&text.body).parts, 0..=max.into(), "", || {
                        "too many parts of a text message".into()
                    });
                }
                check.require(can.shows(text.format), Under(at, "/format"), "the channel does not show this text format");
            }
        },
        Content::Media(item) => media(at, item, can, check),
        Content::Location(place) => {
            check.require(can.location, at, "the channel carries no locations");
            check.require((-90.0..=90.0).contains(&place.latitude), Under(at, "/latitude"), "must be -90 to 90 degrees");
            check.require((-180.0..=180.0).contains(&place.longitude), Under(at, "/longitude"), "must be -180 to 180 degrees");
        }
        Content::Contacts(cards) => match can.contacts {
            None => check.add(at, "the channel carries no contact cards"),
            Some(max) => {
                check.count(Under(at, "/contacts"), cards.contacts.len(), 1, max.into());
                for (i, card) in cards.contacts.iter().enumerate() {
                    check.require(card.display_name().is_some(), format!("{at}/contacts/{i}/name/formatted_name"), "must not be empty");
                }
            }
        },
        Content::Interactive(item) => interactive(at, item, can, check),
        Content::Template(template) => {
            check.require(can.template, at, "the channel has no templates");
            check.require(!template.name.is_empty(), Under(at, "/name"), "must not be empty");
            check.require(!template.language.is_empty(), Under(at, "/language"), "must not be empty");
        }
        Content::Reaction(reaction) => {
            check.require(can.reaction, at, "the channel carries no reactions");
            check.require(!reaction.target.is_empty(), Under(at, "/target"), "must not be empty");
        }
        Content::Email(_) => check.require(can.email.is_some(), at, "the channel carries no e-mail"),
        Content::Typing { .. } => check.require(can.typing, at, "the channel shows no typing notices"),
        Content::ReadMark { target } => {
            check.require(can.read_mark, at, "the channel has no read marks");
            check.require(!target.is_empty(), Under(at, "/target"), "must not be empty");
        }
        Content::Session(notice) => {
            check.require(can.session, at, "the channel takes no notices of the conversation");
            if let SessionNotice::Change(change) = notice {
                session(at, change, check);
            }
        }
        Content::Native { .. } => check.require(can.native, at, "the channel takes no native JSON"),
        Content::Compound { .. } => check.add(at, "a message holds one content; send the parts one by one"),
        Content::InteractiveReply(choice) => {
            check.require(can.choice, at, "the channel takes no answers to choices");
            check.text(Under(at, "/id"), &choice.id, 1, CHOICE);
            optional(check, Under(at, "/title"), choice.title.as_deref(), CHOICE);
            optional(check, Under(at, "/description"), choice.description.as_deref(), CHOICE);
        }
        Content::Order(_) | Content::FlowReply(_) | Content::System(_) | Content::Unsupported(_) | Content::Unknown { .. } => {
            check.add(at, "this content only arrives, it cannot be sent");
        }
    }
}

fn opening(it: &Opening, check: &mut Checker) {
    let Opening { display_name, attributes, queue, history, .. } = it;
    for (pointer, text) in [("/opening/display_name", display_name), ("/opening/queue", queue)] {
        if let Some(text) = text {
            check.text(pointer, text, 1, NAME);
        }
    }
    check.count("/opening/attributes", attributes.len(), 0, 64);
    // A key may name a person.
    for (key, value) in attributes {
        check.range("/opening/attributes/*", Unit::Chars.count(key), 1..=255, "the key is too short", || {
            "the key is too long, in characters".to_owned()
        });
        check.text("/opening/attributes/*", value, 0, Length::chars(2_048));
    }
    let sizes = attributes.iter().map(|(key, value)| key.len() + value.len());
    check.total("/opening/attributes", sizes, 32_768);
    check.count("/opening/history", history.len(), 0, 100);
    for (n, past) in history.iter().enumerate() {
        participant(&format!("/opening/history/{n}/author"), &past.author, check);
        check.text(format!("/opening/history/{n}/text"), &past.text, 1, HISTORY);
    }
    check.total("/opening/history", history.iter().map(|past| past.text.len()), HISTORY.max);
}

fn session(at: &str, event: &SessionEvent, check: &mut Checker) {
    for (member, person) in [("/participant", &event.participant), ("/previous", &event.previous)] {
        if let Some(person) = person {
            participant(&format!("{at}{member}"), person, check);
        }
    }
    if let Some(end) = &event.end {
        optional(check, Under(at, "/end/by"), end.by.as_ref().map(Role::as_str), ROLE);
        optional(check, Under(at, "/end/word"), end.word.as_deref(), NAME);
    }
    optional(check, Under(at, "/data"), event.data.as_ref().map(RawJson::as_str), DATA);
}

fn media(at: &str, media: &Media, can: &Capabilities, check: &mut Checker) {
    let Some(rule) = can.media_rule(media.kind) else {
        return check.add(at, "the channel does not carry this kind of media");
    };
    if let Some(caption) = &media.caption {
        match rule.caption {
            Some(max) => check.text(Under(at, "/caption"), caption, 0, max),
            None => check.add(Under(at, "/caption"), "this kind of media has no caption"),
        }
    }
    bytes(media, can, check, |rest| format!("{at}{rest}"));
    if let Some(bytes) = media.bytes
        && bytes > rule.max_bytes
    {
        check.found.push(too_large(Under(at, "/bytes"), rule.max_bytes, bytes));
    }
    if let Some(mime) = &media.mime {
        let essence = mime.split(';').next().unwrap_or_default().trim();
        let known = rule.mimes.is_empty() || rule.mimes.iter().any(|m| m.eq_ignore_ascii_case(essence));
        check.require(known, Under(at, "/mime"), "the channel does not take this MIME type");
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
        None => check.add(at("/source"), "the channel takes no bytes: give a web address"),
        Some(max) if size > max => check.found.push(too_large(at("/source"), max, size)),
        Some(_) => {}
    }
}

fn too_large(pointer: impl Into<String>, max: u64, actual: u64) -> Violation {
    Violation::new(pointer, "the file is too large, in bytes").with_sizes(max, actual)
}

fn interactive(at: &str, item: &Interactive, can: &Capabilities, check: &mut Checker) {
    match item {
        Interactive::Buttons { header, body, footer, buttons } => {
            let Some(rules) = can.buttons else { return check.add(at, "the channel has no reply buttons") };
            check.text(Under(at, "/body"), body, 1, rules.body);
            optional(check, Under(at, "/footer"), footer.as_deref(), rules.footer);
            if let Some(Header::Text { text }) = header {
                check.text(Under(at, "/header/text"), text, 1, rules.header);
            }
            check.count(Under(at, "/buttons"), buttons.len(), 1, rules.max.into());
            for (i, button) in buttons.iter().enumerate() {
                check.text(format!("{at}/buttons/{i}/id"), &button.id, 1, rules.id);
                check.text(format!("{at}/buttons/{i}/title"), &button.title, 1, rules.title);
            }
            check.unique(Under(at, "/buttons"), buttons.iter().map(|b| b.id.as_str()), "ids must differ");
            check.unique(Under(at, "/buttons"), buttons.iter().map(|b| b.title.as_str()), "titles must differ");
        }
        Interactive::List { body, button, sections, .. } => {
            let Some(rules) = can.list else { return check.add(at, "the channel has no lists") };
            check.text(Under(at, "/body"), body, 1, rules.body);
            check.text(Under(at, "/button"), button, 1, rules.button);
            check.count(Under(at, "/sections"), sections.len(), 1, rules.max_sections.into());
            let rows = || sections.iter().flat_map(|section| &section.rows);
            check.count(Under(at, "/sections"), rows().count(), 1, rules.max_rows.into());
            for (s, section) in sections.iter().enumerate() {
                let at = format!("{at}/sections/{s}");
                check.require(!section.rows.is_empty(), Under(&at, "/rows"), "a section needs at least one row");
                check.require(
                    sections.len() == 1 || section.title.as_deref().is_some_and(|title| !title.is_empty()),
                    Under(&at, "/title"),
                    "needed where there are several sections",
                );
                optional(check, Under(&at, "/title"), section.title.as_deref(), rules.section);
                for (r, row) in section.rows.iter().enumerate() {
                    check.text(format!("{at}/rows/{r}/id"), &row.id, 1, rules.id);
                    check.text(format!("{at}/rows/{r}/title"), &row.title, 1, rules.title);
                    optional(check, format!("{at}/rows/{r}/description"), row.description.as_deref(), rules.description);
                }
            }
            check.unique(Under(at, "/sections"), rows().map(|row| row.id.as_str()), "row ids must differ");
        }
        Interactive::CtaUrl(_) => check.require(can.cta_url, at, "the channel has no web-address button"),
        _ => check.require(can.rich_interactive, at, "the channel does not have this interactive kind"),
    }
}

fn optional(check: &mut Checker, pointer: impl Into<String>, text: Option<&str>, max: Length) {
    if let Some(text) = text {
        check.text(pointer, text, 0, max);
    }
}
