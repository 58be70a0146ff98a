//! The trait of every message, and what the canonical message says of itself.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Capabilities, Checker, Content, Degrade, Identity, LossReport, Media, Opening, OutboundMessage, Participant, canonical, degrade,
    validate,
};
use crate::error::Violation;

/// Whether a message changes anything at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The message changes something: deduplicated, dead-lettered, never repeated if it may have been sent.
    Write,
    /// The message only reads: goes through `query`, takes no claim, may be repeated (rule 83).
    Read,
}

/// Whether a message is worth a record. Exhaustive by design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It must arrive once, or its failure must be known: deduplicated, retried, dead-lettered.
    Kept,
    /// It only means something now, such as a typing notice: no record, no dead letter, dropped when late.
    Ephemeral,
}

/// The purpose of a message. Exhaustive by design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It goes to a recipient. An error of the tenant's set-up that it meets is met by every message of the tenant.
    Delivery,
    /// It manages what the tenant owns at the provider, such as templates. An error of the set-up that it meets ([`Fault::Auth`]: the
    /// account may hold no more templates, a permission is missing) says nothing about sends: its [`Error::poison`] is the message, and a
    /// [status](crate::orchestrator::Status) tells it apart.
    ///
    /// [`Error::poison`]: crate::Error::poison
    /// [`Fault::Auth`]: crate::Fault::Auth
    Management,
}

/// A provider's protection against duplicates (rule 4). Exhaustive by design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Idempotency {
    /// The provider recognises the message's key and drops duplicates within this window.
    Native {
        /// The window, in milliseconds.
        window_ms: u64,
    },
    /// The provider can be asked for the result of a message by its reference.
    Queryable {
        /// Maximum time until a sent message is visible to such a query, in milliseconds.
        visible_after_ms: u64,
    },
    /// No protection.
    None,
}

impl Idempotency {
    /// The protection that holds for two attempts, one made under each: the shorter window, the later visibility. None if they differ in
    /// kind, because neither was promised for both.
    #[must_use]
    pub fn weaker(self, other: Self) -> Self {
        match (self, other) {
            (Self::Native { window_ms: one }, Self::Native { window_ms: two }) => Self::Native { window_ms: one.min(two) },
            (Self::Queryable { visible_after_ms: one }, Self::Queryable { visible_after_ms: two }) => {
                Self::Queryable { visible_after_ms: one.max(two) }
            }
            _ => Self::None,
        }
    }

    /// Returns `true` if a send whose first byte may have left at `first_sent_ms` is still protected from an attempt that ends at
    /// `end_ms`, both in milliseconds UTC.
    pub(crate) fn protects(self, first_sent_ms: Option<i64>, end_ms: i64) -> bool {
        match self {
            Self::None => false,
            Self::Queryable { .. } => true,
            Self::Native { window_ms } => first_sent_ms.is_none_or(|sent| sent.saturating_add_unsigned(window_ms) > end_ms),
        }
    }
}

/// A message that a strategy can send. [`OutboundMessage`] is one; a strategy with its own commands implements this for
/// them, usually with an empty body.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "add `impl zengine_connector::message::Message for {Self} {{}}`",
    note = "a message derives Serialize, Deserialize and JsonSchema"
)]
pub trait Message: Serialize + DeserializeOwned + schemars::JsonSchema + Send + Sync + 'static {
    /// Checks the message against what the channel can carry; finds every violation. Pure, and called before dedup.
    ///
    /// # Errors
    /// All violations, warnings included, with JSON pointers. Warnings alone do not refuse the message.
    fn validate(&self, capabilities: &Capabilities) -> Result<(), Vec<Violation>> {
        let _ = capabilities;
        Ok(())
    }

    /// A message that this channel can show in place of this one, and the losses; `None` if there is nothing to do.
    fn degrade(&self, capabilities: &Capabilities, how: Degrade) -> Option<(Self, LossReport)>
    where
        Self: Sized,
    {
        let _ = (capabilities, how);
        None
    }

    /// Whether the message changes anything at the provider.
    fn effect(&self) -> Effect {
        Effect::Write
    }

    /// Whether the message is worth a record.
    fn class(&self) -> Class {
        Class::Kept
    }

    /// The purpose of the message.
    fn purpose(&self) -> Purpose {
        Purpose::Delivery
    }

    /// The provider's protection against duplicates of this message, if it differs from the strategy's descriptor. What a strategy says of a
    /// tenant ([`OutboundStrategy::idempotency`](crate::OutboundStrategy::idempotency)) counts more.
    fn idempotency(&self) -> Option<Idempotency> {
        None
    }

    /// Writes the canonical form by which two messages are the same: everything the recipient would notice (rule 23).
    /// Defaults to the message's JSON with sorted keys.
    ///
    /// # Errors
    /// If the message has no JSON form.
    fn encode(&self, into: &mut dyn std::io::Write) -> serde_json::Result<()> {
        canonical::write(&serde_json::to_value(self)?, into)
    }

    /// The recipient as a URN, for masked logs and limits per recipient.
    fn recipient(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// The files that it sends. The core gives those of the [media store](crate::store::MediaStore) their size, type and name before
    /// [`validate`](Self::validate), and their bytes before the first attempt. Defaults to none.
    fn media(&self) -> Vec<&Media> {
        vec![]
    }

    /// The message with these files in place of [`media`](Self::media), in the same order. You must implement both or neither.
    fn with_media(&self, files: Vec<Media>) -> Option<Self>
    where
        Self: Sized,
    {
        let _ = files;
        None
    }
}

/// The message of a strategy that never sends.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Never {}

impl Message for Never {}

#[derive(Serialize)]
struct Noticed<'a> {
    #[serde(serialize_with = "without_spelling")]
    to: &'a [Identity],
    content: &'a Content,
    reply_to: Option<&'a str>,
    conversation: Option<&'a str>,
    // Members of later versions: absent, they leave older fingerprints as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<&'a Participant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opening: Option<&'a Opening>,
}

fn without_spelling<S: serde::Serializer>(ids: &&[Identity], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ids.iter().map(|id| (id.kind(), id.ns(), id.value())))
}

impl Message for OutboundMessage {
    fn validate(&self, capabilities: &Capabilities) -> Result<(), Vec<Violation>> {
        let mut check = Checker::new();
        validate::message(self, capabilities, &mut check);
        check.finish()
    }

    fn degrade(&self, capabilities: &Capabilities, how: Degrade) -> Option<(Self, LossReport)> {
        degrade::message(self, capabilities, how)
    }

    /// Recipient, content, quote, conversation, author and opening, without metadata, names and spellings, which the recipient does not notice.
    fn encode(&self, into: &mut dyn std::io::Write) -> serde_json::Result<()> {
        let noticed = Noticed {
            to: &self.to.ids,
            content: &self.content,
            reply_to: self.reply_to.as_deref(),
            conversation: self.conversation.as_deref(),
            author: self.author.as_ref(),
            opening: self.opening.as_deref(),
        };
        // Plain structs have one spelling; JSON that was carried along has many.
        if matches!(self.content, Content::Text(_) | Content::Media(_) | Content::Reaction(_)) {
            return serde_json::to_writer(into, &noticed);
        }
        canonical::write(&serde_json::to_value(&noticed)?, into)
    }

    /// A typing notice and a read mark are ephemeral.
    fn class(&self) -> Class {
        match self.content {
            Content::ReadMark { .. } | Content::Typing { .. } => Class::Ephemeral,
            _ => Class::Kept,
        }
    }

    /// A read mark or a typing notice has the same effect if it is sent twice, on every channel; the window is 24 hours.
    fn idempotency(&self) -> Option<Idempotency> {
        (self.class() == Class::Ephemeral).then_some(Idempotency::Native { window_ms: 24 * 60 * 60 * 1000 })
    }

    fn recipient(&self) -> Option<Cow<'_, str>> {
        self.to.preferred().map(|id| id.to_string().into())
    }

    /// The file of a media message, the attachments of an e-mail.
    fn media(&self) -> Vec<&Media> {
        match &self.content {
            Content::Media(media) => vec![media],
            Content::Email(email) => email.attachments.iter().map(|attached| &attached.media).collect(),
            _ => vec![],
        }
    }

    fn with_media(&self, files: Vec<Media>) -> Option<Self> {
        let (mut message, mut files) = (self.clone(), files.into_iter());
        match &mut message.content {
            Content::Media(media) => *media = files.next()?,
            Content::Email(email) => email.attachments.iter_mut().zip(files).for_each(|(attached, file)| attached.media = file),
            _ => return None,
        }
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{PastMessage, Role};

    #[test]
    fn rule_04_only_what_may_come_twice_is_called_idempotent() {
        let to = || Identity::phone("+15551230001").unwrap();
        for content in [Content::ReadMark { target: "m".into() }, Content::Typing { target: None }] {
            let message = OutboundMessage::new(to(), content);
            assert!(matches!(message.idempotency(), Some(Idempotency::Native { .. })));
            assert_eq!(message.class(), Class::Ephemeral);
        }
        let text = OutboundMessage::text(to(), "hi");
        assert_eq!((text.idempotency(), text.class()), (None, Class::Kept));
    }

    #[test]
    fn rule_04_what_holds_for_two_attempts_is_the_weaker() {
        use Idempotency::{Native, None, Queryable};
        let (hour, day) = (Native { window_ms: 3_600_000 }, Native { window_ms: 86_400_000 });
        let (soon, late) = (Queryable { visible_after_ms: 10 }, Queryable { visible_after_ms: 5_000 });
        for (one, two, weaker) in
            [(hour, day, hour), (soon, late, late), (None, None, None), (day, None, None), (day, soon, None), (late, None, None)]
        {
            assert_eq!((one.weaker(two), two.weaker(one), one.weaker(one)), (weaker, weaker, one), "{one:?} {two:?}");
        }
    }

    fn encoded(message: &OutboundMessage) -> String {
        let mut out = Vec::new();
        message.encode(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rule_23_an_author_and_an_opening_are_noticed_and_leave_other_fingerprints_as_they_were() {
        let plain = OutboundMessage::text(Identity::phone("+15551230001").unwrap(), "hi");
        let before = r#"{"to":[["phone",null,"+15551230001"]],"content":{"type":"text","body":"hi"},"reply_to":null,"conversation":null}"#;
        assert_eq!(encoded(&plain), before);
        let opened = |opening: Opening| encoded(&plain.clone().with_opening(opening));
        assert_ne!(opened(Opening::new()), before);
        assert_ne!(opened(Opening::new().with_queue("a")), opened(Opening::new().with_queue("b")));
        let by = |role: Role| encoded(&plain.clone().with_author(role));
        assert!(by(Role::Bot) != before && by(Role::Bot) != by(Role::Agent));
    }

    #[test]
    fn an_opening_is_bounded() {
        let attributes = |count, key, value: usize| {
            let numbered = (0..count).map(|n: usize| (format!("{n:0key$}"), "é".repeat(value)));
            Opening { attributes: numbered.collect(), ..Opening::new() }
        };
        let history = |count, text: usize| Opening::new().with_history((0..count).map(|_| PastMessage::new(Role::Bot, "é".repeat(text))));
        let named = |opening: Opening, text: &str| opening.with_display_name(text).with_queue(text);
        for (opening, expected) in [
            (named(attributes(64, 255, 1).with_priority(-1), &"é".repeat(256)), &[][..]),
            (attributes(7, 255, 2_048), &[]),
            (history(100, 327), &[]),
            (Opening::new().with_display_name(""), &["/opening/display_name: too short (limit 1, actual 0)"]),
            (Opening::new().with_queue("q".repeat(257)), &["/opening/queue: too long, in characters (limit 256, actual 257)"]),
            (attributes(257, 3, 1), &["/opening/attributes: too many (limit 256, actual 257)"]),
            (attributes(1, 256, 1), &["/opening/attributes/*: the key is too long, in characters (limit 255, actual 256)"]),
            (attributes(1, 1, 16_383), &[]),
            (attributes(9, 255, 2_048), &["/opening/attributes: too long, in bytes (limit 32768, actual 39159)"]),
            (history(101, 1), &["/opening/history: too many (limit 100, actual 101)"]),
            (history(2, 20_000), &["/opening/history: too long, in bytes (limit 65536, actual 80000)"]),
            (history(1, 0), &["/opening/history/0/text: too short (limit 1, actual 0)"]),
        ] {
            let message = OutboundMessage::text(Identity::phone("+15551230001").unwrap(), "hi").with_opening(opening);
            let found = message.validate(&Capabilities::NONE.with_text(crate::message::Length::chars(100))).err().unwrap_or_default();
            assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn an_author_is_bounded() {
        let message = |author: Participant| OutboundMessage::text(Identity::phone("+15551230001").unwrap(), "hi").with_author(author);
        let can = Capabilities::NONE.with_text(crate::message::Length::chars(100));
        assert!(message(Participant::new(Role::Agent).with_id("é".repeat(256)).with_name("A")).validate(&can).is_ok());
        let long = message(Participant::new("r".repeat(65).as_str().into()).with_id("").with_name("canary".repeat(50)));
        let found: Vec<_> = long.validate(&can).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "/author/id: too short (limit 1, actual 0)",
                "/author/name: too long, in characters (limit 256, actual 300)",
                "/author/role: too long, in characters (limit 64, actual 65)",
            ]
        );
    }
}
