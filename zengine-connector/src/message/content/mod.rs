//! What a message says, whichever way it goes.

mod cards;
mod email;
mod orders;
mod replies;

use serde::{Deserialize, Serialize};

pub use cards::{ContactCard, ContactName, Contacts, LabelledValue, Organization, PostalAddress};
pub use email::{Email, EmailAttachment};
pub use orders::{Money, Order, OrderItem};
pub use replies::{FlowReply, InteractiveReply, Reaction, ReplySource, System};

use super::{Interactive, Media, ProviderError, RawJson, Template};

super::masked!(Text, Location);

/// What a message says. In JSON the kind stands in `type`.
///
/// ```
/// use zengine_connector::Content;
///
/// let content: Content = serde_json::from_str(r#"{"type":"text","body":"Hello"}"#)?;
/// assert_eq!(content.kind(), "text");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Content {
    /// Words.
    Text(Text),
    /// A file.
    Media(Media),
    /// A place.
    Location(Location),
    /// Contact cards.
    Contacts(Contacts),
    /// Something to choose from or tap on.
    Interactive(Interactive),
    /// What somebody chose or tapped.
    InteractiveReply(InteractiveReply),
    /// A text the provider holds, with parameters.
    Template(Template),
    /// A reaction to a message, or its removal.
    Reaction(Reaction),
    /// An order from a catalogue.
    Order(Order),
    /// A form filled in.
    FlowReply(FlowReply),
    /// Something the provider says about the other side.
    System(System),
    /// An e-mail.
    Email(Email),
    /// Somebody types. Out: shown until the answer goes out.
    Typing {
        /// The inbound message that is being answered, where the channel wants it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
    },
    /// Out: marks a message as read.
    ReadMark {
        /// The inbound message.
        target: String,
    },
    /// The provider's own JSON, for what the model does not have. One channel only, unchecked.
    Native {
        /// The JSON.
        value: RawJson,
    },
    /// Several contents in one message.
    Compound {
        /// The parts, in order.
        parts: Vec<Content>,
    },
    /// The provider says that it cannot show us this message.
    Unsupported(Unsupported),
    /// A type we do not know; the event's raw JSON holds it.
    Unknown {
        /// The provider's word for the type.
        provider_type: String,
    },
}

impl Content {
    /// Plain text.
    pub fn text(body: impl Into<String>) -> Self {
        Self::Text(Text::new(body))
    }

    /// The kind, as it stands in `type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Media(_) => "media",
            Self::Location(_) => "location",
            Self::Contacts(_) => "contacts",
            Self::Interactive(_) => "interactive",
            Self::InteractiveReply(_) => "interactive_reply",
            Self::Template(_) => "template",
            Self::Reaction(_) => "reaction",
            Self::Order(_) => "order",
            Self::FlowReply(_) => "flow_reply",
            Self::System(_) => "system",
            Self::Email(_) => "email",
            Self::Typing { .. } => "typing",
            Self::ReadMark { .. } => "read_mark",
            Self::Native { .. } => "native",
            Self::Compound { .. } => "compound",
            Self::Unsupported(_) => "unsupported",
            Self::Unknown { .. } => "unknown",
        }
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Content({})", self.kind())
    }
}

/// How a text is marked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TextFormat {
    /// Not at all.
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

/// Words.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Text {
    /// The words.
    pub body: String,
    /// How they are marked up.
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

/// A place on a map.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Location {
    /// Degrees north, −90 to 90.
    pub latitude: f64,
    /// Degrees east, −180 to 180.
    pub longitude: f64,
    /// How exact it is, in metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy_m: Option<f64>,
    /// The place's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The place's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// A page about the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Location {
    /// A place in degrees.
    pub fn new(latitude: f64, longitude: f64) -> Self {
        Self { latitude, longitude, accuracy_m: None, name: None, address: None, url: None }
    }
}

/// A message the provider cannot pass on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Unsupported {
    /// What it was, in the provider's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_type: Option<String>,
    /// Why, in the provider's errors.
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
