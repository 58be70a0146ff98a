//! The opening of a conversation: what its first message tells the provider beside the content.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Participant;

masked!(Opening, PastMessage);

/// The opening of a conversation. Used only if the message opens one.
///
/// ```
/// use zengine_connector::{Identity, OutboundMessage, message::{Opening, PastMessage, Role}};
///
/// let opening = Opening::new()
///     .with_display_name("Ana")
///     .with_attribute("order", "17")
///     .with_history([PastMessage::new(Role::Bot, "How can I help?")]);
/// let message = OutboundMessage::text(Identity::opaque("chat", "7")?, "Where is my order?").with_opening(opening);
/// # let _ = message;
/// # Ok::<(), zengine_connector::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Opening {
    /// The customer's name, as the agent sees it: at most 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Attributes of the conversation, for routing and for the agent: at most 256, with keys of at most 255 characters,
    /// 32,768 bytes in all.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// The queue, skill or campaign that takes the conversation, in the provider's word: at most 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The priority, on the provider's scale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// The messages before this one, the oldest first: at most 100, with 65,536 bytes of text in all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<PastMessage>,
}

impl Opening {
    /// An opening that tells nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Adds the customer's name, as the agent sees it.
        with_display_name(name: impl Into<String>) => display_name = Some(name.into());
        /// Names the queue, skill or campaign.
        with_queue(queue: impl Into<String>) => queue = Some(queue.into());
        /// Sets the priority.
        with_priority(priority: i32) => priority = Some(priority);
        /// Adds what was said before, the oldest first.
        with_history(history: impl IntoIterator<Item = PastMessage>) => history = history.into_iter().collect();
    }

    /// Adds an attribute.
    #[must_use = "returns the changed value; the receiver is consumed"]
    pub fn with_attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(key.into(), value.into());
        self
    }
}

/// A message of an earlier conversation, as text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct PastMessage {
    /// The author.
    pub author: Participant,
    /// The text.
    pub text: String,
    /// The time, in milliseconds UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<i64>,
}

impl PastMessage {
    /// A message of an author.
    pub fn new(author: impl Into<Participant>, text: impl Into<String>) -> Self {
        Self { author: author.into(), text: text.into(), at_ms: None }
    }

    setters! {
        /// Adds the time, in milliseconds UTC.
        with_at_ms(at_ms: i64) => at_ms = Some(at_ms);
    }
}
