//! The trait of every message, and what the canonical message says of itself.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Capabilities, Checker, Content, Degrade, Identity, LossReport, OutboundMessage, canonical, degrade, validate};
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
    label = "add `impl zengine_connector::message::Message for {Self} {{}}`",
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

#[derive(Serialize)]
struct Noticed<'a> {
    #[serde(serialize_with = "without_spelling")]
    to: &'a [Identity],
    content: &'a Content,
    reply_to: Option<&'a str>,
    conversation: Option<&'a str>,
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

    /// Recipient, content, quote and conversation, without metadata, names and spellings, which the recipient does not notice.
    fn encode(&self, into: &mut dyn std::io::Write) -> serde_json::Result<()> {
        let noticed = Noticed {
            to: &self.to.ids,
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
