//! Inbound events.

mod context;
mod dedupe_key;
mod element_error;
mod envelope;
mod updates;

use serde::{Deserialize, Serialize};

pub use context::{Context, Forwarded, Referral};
pub use dedupe_key::DedupeKey;
pub use element_error::ElementError;
pub use envelope::InboundEvent;
pub use updates::{AccountUpdate, Call, Preference, Presence, SessionChange, SessionEvent, TemplateUpdate};

use super::{Content, Status};

/// An inbound event. In JSON the kind is in `type`.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A message to the tenant.
    Message {
        /// The content.
        content: Content,
    },
    /// A message was edited.
    Edited {
        /// The message.
        target: String,
        /// The new content.
        content: Content,
    },
    /// A message was deleted.
    Deleted {
        /// The message.
        target: String,
    },
    /// A message that the tenant sent another way: another app, the phone itself. Not inbound: answering one makes a loop.
    Echo {
        /// The content.
        content: Content,
    },
    /// The status of a sent message.
    Status(Status),
    /// The other side is typing.
    Typing,
    /// The other side read messages.
    Read {
        /// The last message that was read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
    },
    /// A change of presence.
    Presence(Presence),
    /// A change of a template.
    Template(TemplateUpdate),
    /// A change of the account, the number, or another object that the tenant owns at the provider.
    Account(AccountUpdate),
    /// A spoken call.
    Call(Call),
    /// The person opted in to messages.
    OptIn(Preference),
    /// The person opted out of messages.
    OptOut(Preference),
    /// A conversation changed hands or ended.
    Session(SessionEvent),
    /// An unknown kind; the raw JSON holds it.
    Unknown {
        /// The provider's word for the kind.
        provider_type: String,
    },
}

impl Event {
    /// The kind, as written in `type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Message { .. } => "message",
            Self::Edited { .. } => "edited",
            Self::Deleted { .. } => "deleted",
            Self::Echo { .. } => "echo",
            Self::Status(_) => "status",
            Self::Typing => "typing",
            Self::Read { .. } => "read",
            Self::Presence(_) => "presence",
            Self::Template(_) => "template",
            Self::Account(_) => "account",
            Self::Call(_) => "call",
            Self::OptIn(_) => "opt_in",
            Self::OptOut(_) => "opt_out",
            Self::Session(_) => "session",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// A message to the tenant.
    pub fn message(content: Content) -> Self {
        Self::Message { content }
    }
}

debug_value!(Event, |it| it.kind());
