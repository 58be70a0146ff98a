//! The channels.

use serde::{Deserialize, Serialize};

/// The kind of conversation a strategy takes part in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Channel {
    /// WhatsApp.
    #[serde(rename = "whatsapp")]
    WhatsApp,
    /// A chat window on a web page.
    Webchat,
    /// E-mail.
    Email,
    /// Short text messages to phones.
    Sms,
    /// A contact centre, where people answer.
    ContactCentre,
    /// Another app-to-person messenger.
    Messenger,
    /// Spoken calls.
    Voice,
    /// Push messages to devices.
    Push,
    /// No conversation: a provider's own objects are managed.
    Management,
}
