//! The canonical outbound message.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Content, Party};

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

masked!(OutboundMessage);

impl OutboundMessage {
    /// A message of any content.
    pub fn new(to: impl Into<Party>, content: Content) -> Self {
        Self { to: to.into(), content, reply_to: None, conversation: None, metadata: BTreeMap::new() }
    }

    /// A message of plain text.
    pub fn text(to: impl Into<Party>, body: impl Into<String>) -> Self {
        Self::new(to, Content::text(body))
    }

    setters! {
        /// Makes it an answer to a message.
        with_reply_to(message: impl Into<String>) => reply_to = Some(message.into());
        /// Puts it into a conversation.
        with_conversation(conversation: impl Into<String>) => conversation = Some(conversation.into());
    }
}
