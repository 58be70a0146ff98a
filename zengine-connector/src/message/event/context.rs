//! What an event refers to, and how it came.

use serde::{Deserialize, Serialize};

use crate::message::{Content, Identity, ProductItem, ProviderError, RawJson};

crate::message::masked!(Referral);

/// What an event refers to, and how it came.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Context {
    /// The message it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Who wrote the message it answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reply_to_from: Vec<Identity>,
    /// Whether it was passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<Forwarded>,
    /// What the answered message said.
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
    /// Another application owns the conversation: read, do not answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub standby: bool,
    /// The change or the taking back was the business's own, of a message that went out by another way.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub echo: bool,
    /// Part of an older conversation that was handed over, not news.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub history: bool,
    /// What went wrong with the message, in the provider's errors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProviderError>,
}

impl Context {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How often a message was passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Forwarded {
    /// At least once.
    Once,
    /// Many times.
    Many,
}

/// The advertisement or post that led somebody here.
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
    /// Where it can be seen.
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
    /// Everything the provider says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
}
