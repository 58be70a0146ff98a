//! The canonical outbound message.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Content, Opening, Participant, Party};

/// The canonical message: recipient, content, and the message it answers.
///
/// ```
/// use zengine_connector::{Identity, OutboundMessage};
///
/// let message = OutboundMessage::text(Identity::phone("+15551230001")?, "Your order is on its way");
/// # Ok::<(), zengine_connector::Error>(())
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
#[non_exhaustive]
pub struct OutboundMessage {
    /// The recipient.
    pub to: Party,
    /// The content.
    #[schemars(with = "Sendable")]
    pub content: Content,
    /// The provider's id of the message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The conversation it belongs to, if the channel needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The author, on a channel that shows who writes: an agent, a bot. Other channels leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Participant>,
    /// The opening, used only if the message opens a conversation, on a channel that has conversations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<Box<Opening>>,
    /// The caller's own data; never sent to the provider unless a strategy's page says so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

masked!(OutboundMessage);

/// The schema of [`Content`] without the kinds that only arrive.
struct Sendable;

impl JsonSchema for Sendable {
    fn schema_name() -> Cow<'static, str> {
        "Content".into()
    }

    fn schema_id() -> Cow<'static, str> {
        "Sendable".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Content::json_schema(generator);
        if let Some(Value::Array(kinds)) = schema.get_mut("oneOf") {
            kinds.retain(|kind| kind.get("x-arrives").is_none());
        }
        schema
    }
}

impl OutboundMessage {
    /// A message of any content.
    pub fn new(to: impl Into<Party>, content: Content) -> Self {
        Self { to: to.into(), content, reply_to: None, conversation: None, author: None, opening: None, metadata: BTreeMap::new() }
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
        /// Adds what the opening of a conversation tells.
        with_opening(opening: Opening) => opening = Some(Box::new(opening));
        /// Names the author.
        with_author(author: impl Into<Participant>) => author = Some(author.into());
    }

    /// Adds a value of your own.
    #[must_use = "returns the changed value; the receiver is consumed"]
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }
}
