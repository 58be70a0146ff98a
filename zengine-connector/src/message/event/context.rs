//! The context of an event: what it refers to, and how it arrived.

use serde::{Deserialize, Serialize};

use crate::message::{Content, Identity, ProductItem, ProviderError, RawJson};

masked!(Referral);

/// The context of an event: what it refers to, and how it arrived.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Context {
    /// The message it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The author of the message it answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reply_to_from: Vec<Identity>,
    /// How often the message was forwarded; absent if it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<Forwarded>,
    /// The content of the answered message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quoted: Option<Box<Content>>,
    /// The group it was written in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The advertisement or post that led here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referral: Option<Box<Referral>>,
    /// The product it asks about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<ProductItem>,
    /// The catalogue of that product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalog: Option<String>,
    /// Another application owns the conversation: you may read, but must not answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub standby: bool,
    /// The business itself edited or deleted a message that it sent another way.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub echo: bool,
    /// The event is part of an older conversation that was handed over.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub history: bool,
    /// The provider's data about the conversation beside the event, such as a summary for the application that takes it over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<RawJson>,
    /// The provider's errors about the message or call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProviderError>,
}

// The provider's ids may hold a phone number.
debug_fields!(Context { forwarded, standby, echo, history, errors, is_reply: |it| it.reply_to.is_some() });

impl Context {
    /// Whether the context is empty.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How often a message was forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Forwarded {
    /// At least once.
    Once,
    /// Many times.
    Many,
}

/// The advertisement or post that led the person here.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Referral {
    /// `ad` or `post`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_type: Option<String>,
    /// The advertisement's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// Its web address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_url: Option<String>,
    /// Its headline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headline: Option<String>,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The id of the click.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub click_id: Option<String>,
    /// The provider's JSON, in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
}
