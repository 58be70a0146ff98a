//! One message on its way out, and what any message can say of itself.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Capabilities, Checker, Content, Degrade, Identity, LossReport, Party, canonical, degrade, validate};
use crate::error::Violation;

/// Whether a message changes anything at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does: deduplicated, dead-lettered, never repeated where it may have been sent.
    Write,
    /// It only asks: goes through `query`, takes no claim, may be repeated (rule 83).
    Read,
}

/// What a provider offers against doubles (rule 4). Total by design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Idempotency {
    /// It recognises our key and drops doubles within this time.
    Native {
        /// In milliseconds.
        window_ms: u64,
    },
    /// It can be asked what became of our reference.
    Queryable {
        /// How long a message may stay invisible to the question, in milliseconds.
        visible_after_ms: u64,
    },
    /// Nothing.
    None,
}

/// Anything a strategy can be asked to send. [`OutboundMessage`] is one; a strategy with its own commands implements
/// this for them, usually with an empty body.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "add `impl zengine_connector::Message for {Self} {{}}`",
    note = "a message derives Serialize, Deserialize and JsonSchema"
)]
pub trait Message: Serialize + DeserializeOwned + schemars::JsonSchema + Send + Sync + 'static {
    /// Checks the message against what the channel can carry; finds every violation. Pure, and called before dedup.
    ///
    /// # Errors
    /// Everything that is wrong, with JSON pointers.
    fn validate(&self, capabilities: &Capabilities) -> Result<(), Vec<Violation>> {
        let _ = capabilities;
        Ok(())
    }

    /// A message that this channel can show in place of this one, and what was lost. `None`: nothing to do.
    fn degrade(&self, capabilities: &Capabilities, how: Degrade) -> Option<(Self, LossReport)>
    where
        Self: Sized,
    {
        let _ = (capabilities, how);
        None
    }

    /// Whether it changes anything at the provider.
    fn effect(&self) -> Effect {
        Effect::Write
    }

    /// What the provider offers against doubles of this very message, where that differs from the strategy's.
    fn idempotency(&self) -> Option<Idempotency> {
        None
    }

    /// Writes what makes two messages the same: everything the recipient would notice, in one spelling (rule 23). Default:
    /// the message's JSON with sorted keys.
    ///
    /// # Errors
    /// Where the message has no JSON form.
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

/// The canonical message: to whom, what, in answer to what.
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
    /// What it says.
    pub content: Content,
    /// The provider's id of the message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The conversation it belongs to, where the channel needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The caller's own facts; never sent to the provider unless a strategy's page says so.
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

    /// Recipient, content and quote. Metadata, names and spellings are nothing the recipient would notice.
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

    /// A read mark or a typing notice is the same when it comes twice, on every channel.
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
