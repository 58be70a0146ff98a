//! The content of a message, in both directions.

mod cards;
mod email;
mod orders;
mod replies;

use serde::{Deserialize, Serialize};

pub use cards::{ContactCard, ContactName, Contacts, LabelledValue, Organization, PostalAddress};
pub use email::{Calendar, CalendarMethod, Email, EmailAttachment, EmailThread, EmailTracking, Unsubscribe};
pub use orders::{Money, Order, OrderItem};
pub use replies::{FlowReply, InteractiveReply, Reaction, ReplySource, System};

use super::{Interactive, Location, Media, Participant, ProviderError, RawJson, SessionNotice, Template};

masked!(Text, Authored);

tagged! {
    /// The content of a message. In JSON the kind is in `type`. Kinds that only arrive are marked `x-arrives` in the schema.
    ///
    /// ```
    /// use zengine_connector::Content;
    ///
    /// let content: Content = serde_json::from_str(r#"{"type":"text","body":"Hello"}"#)?;
    /// assert_eq!(content.kind(), "text");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
    #[serde(tag = "type")]
    #[non_exhaustive]
    pub enum Content {
        /// Text.
        Text(Text) = "text",
        /// A file.
        Media(Media) = "media",
        /// A place.
        Location(Location) = "location",
        /// Contact cards.
        Contacts(Contacts) = "contacts",
        /// Something to choose from or tap on.
        Interactive(Interactive) = "interactive",
        /// A choice that a person made, or a button that they tapped. Outbound: the answer to a message with choices.
        InteractiveReply(InteractiveReply) = "interactive_reply",
        /// A template held by the provider, with parameters.
        Template(Template) = "template",
        /// A reaction to a message, or its removal.
        Reaction(Reaction) = "reaction",
        /// An order from a catalogue.
        #[schemars(extend("x-arrives" = true))]
        Order(Order) = "order",
        /// A completed form.
        #[schemars(extend("x-arrives" = true))]
        FlowReply(FlowReply) = "flow_reply",
        /// A notice of the provider about the other side.
        #[schemars(extend("x-arrives" = true))]
        System(System) = "system",
        /// An e-mail.
        Email(Box<Email>) = "email",
        /// A typing notice. Outbound: shown until the answer is sent.
        Typing {
            /// The inbound message that is being answered, if the channel needs it. A reply to an event fills it in.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            target: Option<String>,
        } = "typing",
        /// Outbound: marks a message as read.
        ReadMark {
            /// The inbound message. A reply to an event fills in an empty one.
            target: String,
        } = "read_mark",
        /// Outbound: ends the conversation, or tells the other side of a change of it.
        Session(SessionNotice) = "session",
        /// The provider's own JSON, for features that the model does not have. One channel only, unchecked.
        Native {
            /// The JSON.
            value: RawJson,
        } = "native",
        /// Several contents in one message.
        #[schemars(extend("x-arrives" = true))]
        Compound {
            /// The parts, in order.
            parts: Vec<Content>,
        } = "compound",
        /// A message the provider cannot pass on.
        #[schemars(extend("x-arrives" = true))]
        Unsupported(Unsupported) = "unsupported",
        /// An unknown type; the event's raw JSON holds it.
        #[schemars(extend("x-arrives" = true))]
        Unknown {
            /// The provider's word for the type.
            provider_type: String,
        } = "unknown",
    }
}

impl Content {
    /// Plain text.
    pub fn text(body: impl Into<String>) -> Self {
        Self::Text(Text::new(body))
    }

    /// The content with its author, for a reply on a channel that shows who writes.
    pub fn by(self, author: impl Into<Participant>) -> Authored {
        Authored { content: self, author: Some(author.into()) }
    }
}

/// A content and its author, made by [`Content::by`] or from a content alone.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Authored {
    /// The content.
    pub content: Content,
    /// The author: an agent, a bot.
    pub author: Option<Participant>,
}

impl From<Content> for Authored {
    fn from(content: Content) -> Self {
        Self { content, author: None }
    }
}

/// The markup of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TextFormat {
    /// No markup.
    #[default]
    Plain,
    /// Markdown.
    Markdown,
    /// HTML.
    Html,
}

impl TextFormat {
    #[allow(clippy::trivially_copy_pass_by_ref)] // serde asks with a reference to the field
    fn is_plain(&self) -> bool {
        *self == Self::Plain
    }
}

/// Text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Text {
    /// The text.
    pub body: String,
    /// The markup.
    #[serde(default, skip_serializing_if = "TextFormat::is_plain")]
    pub format: TextFormat,
    /// Whether the channel shows a preview of the first link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview_url: Option<bool>,
}

impl Text {
    /// Plain text.
    pub fn new(body: impl Into<String>) -> Self {
        Self { body: body.into(), format: TextFormat::Plain, preview_url: None }
    }
}

/// A message the provider cannot pass on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Unsupported {
    /// The type of the message, in the provider's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_type: Option<String>,
    /// The provider's errors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProviderError>,
}

impl Unsupported {
    /// A message of a kind that cannot be passed on.
    pub fn new(provider_type: Option<String>, errors: Vec<ProviderError>) -> Self {
        Self { provider_type, errors }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_tagged_by_type_and_round_trips() {
        let json = r#"{"type":"compound","parts":[{"type":"text","body":"a"},{"type":"native","value":{"x":[1,2]}}]}"#;
        let content: Content = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&content).unwrap(), json);
    }

    #[test]
    fn debug_never_shows_what_was_said() {
        let content = Content::text("canary");
        assert!(!format!("{content:?}").contains("canary"));
    }

    #[test]
    fn a_form_answer_is_kept_even_where_it_is_not_json() {
        let reply = FlowReply::new(None, "not json");
        assert_eq!((reply.data, reply.text.as_str()), (None, "not json"));
        assert_eq!(FlowReply::new(None, r#"{"flow_token":"t"}"#).token.as_deref(), Some("t"));
    }
}
