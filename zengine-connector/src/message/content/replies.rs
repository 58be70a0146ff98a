//! Replies to a message: choices, reactions, completed forms; and the provider's notices about people.

use serde::{Deserialize, Serialize};

use crate::message::{Identity, RawJson};

masked!(InteractiveReply, Reaction, FlowReply, System);

/// The source of an interactive reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReplySource {
    /// A reply button of a message.
    Button,
    /// A row of a list.
    List,
    /// A quick-reply button of a template.
    Quick,
    /// A form.
    Flow,
}

/// A choice that a person made, or a button that they tapped.
///
/// Outbound it is an answer, on a channel where we are the side that chooses: a bot that uses a menu, a person whose chat we carry. The
/// message's `reply_to` names the message that offered the choice.
///
/// ```
/// use zengine_connector::{Content, Identity, OutboundMessage, message::{InteractiveReply, ReplySource}};
///
/// let choice = InteractiveReply::new("billing", ReplySource::List).with_title("Billing");
/// let answer = OutboundMessage::new(Identity::opaque("chat", "7")?, Content::InteractiveReply(choice)).with_reply_to("m-17");
/// # let _ = answer;
/// # Ok::<(), zengine_connector::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct InteractiveReply {
    /// The id that the sender of the choices gave it. Outbound at most 1,024 characters.
    pub id: String,
    /// The label the person saw. Outbound at most 1,024 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The description the person saw. Outbound at most 1,024 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The tapped element.
    pub source: ReplySource,
}

impl InteractiveReply {
    /// A choice by its id.
    pub fn new(id: impl Into<String>, source: ReplySource) -> Self {
        Self { id: id.into(), title: None, description: None, source }
    }

    setters! {
        /// Adds the label the person saw.
        with_title(title: impl Into<String>) => title = Some(title.into());
        /// Adds the description the person saw.
        with_description(description: impl Into<String>) => description = Some(description.into());
    }
}

/// A reaction to a message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Reaction {
    /// The message reacted to.
    pub target: String,
    /// The emoji; absent if the reaction was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emoji: Option<String>,
}

impl Reaction {
    /// A reaction, or its removal if `emoji` is `None`.
    pub fn new(target: impl Into<String>, emoji: Option<String>) -> Self {
        Self { target: target.into(), emoji }
    }
}

/// A completed form.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct FlowReply {
    /// The form, in the provider's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The sender's own token for this form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The answers, if the provider's text is JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
    /// The provider's text; always present.
    pub text: String,
    /// The text shown in the person's own chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl FlowReply {
    /// A form's answers as the provider's text; read as JSON if it is JSON.
    pub fn new(name: Option<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let data = RawJson::from_text(&text).ok();
        let token = data.as_ref().and_then(|data| {
            let value = data.parse::<serde_json::Value>().ok()?;
            value.get("flow_token").and_then(|token| token.as_str()).map(str::to_owned)
        });
        Self { name, token, data, text, body: None }
    }
}

/// A notice of the provider about the other side.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct System {
    /// The kind of notice, in the provider's word (`user_changed_number`).
    pub kind: String,
    /// The provider's sentence about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Identities that are no longer valid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<Identity>,
    /// Identities that replace them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub current: Vec<Identity>,
}

impl System {
    /// A notice of a kind.
    pub fn new(kind: impl Into<String>) -> Self {
        Self { kind: kind.into(), body: None, previous: vec![], current: vec![] }
    }
}
