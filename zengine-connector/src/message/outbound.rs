//! The canonical outbound message, and the trait of every message.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Capabilities, Checker, Content, Degrade, Identity, LossReport, Party, canonical, degrade, validate};
use crate::error::Violation;

/// Whether a message changes anything at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The message changes something: deduplicated, dead-lettered, never repeated if it may have been sent.
    Write,
    /// The message only reads: goes through `query`, takes no claim, may be repeated (rule 83).
    Read,
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

/// A message that a strategy can send. [`OutboundMessage`] is one; a strategy with its own commands implements this for
/// them, usually with an empty body.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "add `impl zengine_connector::Message for {Self} {{}}`",
    note = "a message derives Serialize, Deserialize and JsonSchema"
)]
pub trait Message: Serialize + DeserializeOwned + schemars::JsonSchema + Send + Sync + 'static {
    /// Checks the message against what the channel can carry; finds every violation. Pure, and called before dedup.
    ///
    /// # Errors
    /// All violations, with JSON pointers.
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

    /// The provider's protection against duplicates of this message, if it differs from the strategy's.
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
}

/// The message of a strategy that never sends.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Never {}

impl Message for Never {}

/// The canonical message: recipient, content, and the message it answers.
///
/// ```
/// use zengine_connector::{Identity, OutboundMessage};
///
/// let message = OutboundMessage::text(Identity::phone("+15551230001")?, "Your order is on its way");
/// # Ok::<(), zengine_connector::Error>(())
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OutboundMessage {
    /// The recipient.
    pub to: Party,
    /// The content.
    pub content: Content,
    /// The provider's id of the message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The conversation it belongs to, if the channel needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The caller's own data; never sent to the provider unless a strategy's page says so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

super::masked!(OutboundMessage);

impl OutboundMessage {
    /// A message of any content.
    pub fn new(to: impl Into<Party>, content: Content) -> Self {
        Self { to: to.into(), content, reply_to: None, conversation: None, metadata: BTreeMap::new() }
    }

    /// A message of plain text.
    pub fn text(to: impl Into<Party>, body: impl Into<String>) -> Self {
        Self::new(to, Content::text(body))
    }

    /// Makes it an answer to a message.
    #[must_use = "returns the message with the quote"]
    pub fn with_reply_to(mut self, message: impl Into<String>) -> Self {
        self.reply_to = Some(message.into());
        self
    }

    /// Puts it into a conversation.
    #[must_use = "returns the message with the conversation"]
    pub fn with_conversation(mut self, conversation: impl Into<String>) -> Self {
        self.conversation = Some(conversation.into());
        self
    }
}

#[derive(Serialize)]
struct Noticed<'a> {
    to: Names<'a>,
    content: &'a Content,
    reply_to: Option<&'a str>,
    conversation: Option<&'a str>,
}

/// Identities without their spelling.
struct Names<'a>(&'a [Identity]);

impl Serialize for Names<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|id| (id.kind(), id.ns(), id.value())))
    }
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

    /// Recipient, content, quote and conversation, without metadata, names and spellings, which the recipient does not notice.
    fn encode(&self, into: &mut dyn std::io::Write) -> serde_json::Result<()> {
        let noticed = Noticed {
            to: Names(&self.to.ids),
            content: &self.content,
            reply_to: self.reply_to.as_deref(),
            conversation: self.conversation.as_deref(),
        };
        // Plain structs have one spelling; JSON that was carried along has many.
        if matches!(self.content, Content::Text(_) | Content::Media(_) | Content::Reaction(_)) {
            return serde_json::to_writer(into, &noticed);
        }
        canonical::write(&serde_json::to_value(&noticed)?, into)
    }

    /// A read mark or a typing notice has the same effect if it is sent twice, on every channel; the window is 24 hours.
    fn idempotency(&self) -> Option<Idempotency> {
        match self.content {
            Content::ReadMark { .. } | Content::Typing { .. } => Some(Idempotency::Native { window_ms: 24 * 60 * 60 * 1000 }),
            _ => None,
        }
    }

    fn recipient(&self) -> Option<Cow<'_, str>> {
        self.to.preferred().map(|id| id.to_string().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_04_only_what_may_come_twice_is_called_idempotent() {
        let to = || Identity::phone("+15551230001").unwrap();
        for content in [Content::ReadMark { target: "m".into() }, Content::Typing { target: None }] {
            assert!(matches!(OutboundMessage::new(to(), content).idempotency(), Some(Idempotency::Native { .. })));
        }
        assert_eq!(OutboundMessage::text(to(), "hi").idempotency(), None);
    }
}
