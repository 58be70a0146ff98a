//! Header fields of an e-mail with a meaning of their own, and what the provider notes of it.

use serde::{Deserialize, Serialize};

masked!(Unsubscribe, EmailThread);

/// The ways to leave a list (RFC 2369, RFC 8058). At least one.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Unsubscribe {
    /// A web address with `https`: at most 900 bytes of ASCII.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub https: Option<String>,
    /// An address to write to, `mailto:leave@shop.example?subject=leave`: at most 900 bytes of ASCII.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mailto: Option<String>,
    /// Whether a `POST` to the web address is enough, without a page in between. Needs `https`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub one_click: bool,
}

impl Unsubscribe {
    /// A web address that a `POST` leaves the list by.
    pub fn one_click(https: impl Into<String>) -> Self {
        Self { https: Some(https.into()), mailto: None, one_click: true }
    }

    /// A web address of a page.
    pub fn page(https: impl Into<String>) -> Self {
        Self { https: Some(https.into()), mailto: None, one_click: false }
    }

    setters! {
        /// Adds an address to write to, with `mailto:`.
        with_mailto(mailto: impl Into<String>) => mailto = Some(mailto.into());
    }
}

/// The place of an e-mail in a thread (RFC 5322, 3.6.4). Message ids stand as in a header: `<17@shop.example>`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct EmailThread {
    /// The message that it answers: at most 512 bytes.
    pub in_reply_to: String,
    /// The messages of the thread, the oldest first and the one that it answers last: at most 100. Empty means that one alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
}

impl EmailThread {
    /// An answer to a message.
    pub fn new(in_reply_to: impl Into<String>) -> Self {
        Self { in_reply_to: in_reply_to.into(), references: vec![] }
    }

    setters! {
        /// Adds the messages of the thread, the oldest first.
        with_references(references: impl IntoIterator<Item = String>) => references = references.into_iter().collect();
    }
}

/// The events that the provider records after an e-mail has arrived. An absent member leaves the tenant's setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct EmailTracking {
    /// Whether it notes openings, by a picture in the HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
    /// Whether it notes clicks, by links that lead through the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub click: Option<bool>,
}

impl EmailTracking {
    /// Neither openings nor clicks.
    pub const OFF: Self = Self { open: Some(false), click: Some(false) };

    /// Openings and clicks, each on or off.
    pub const fn new(open: bool, click: bool) -> Self {
        Self { open: Some(open), click: Some(click) }
    }
}
