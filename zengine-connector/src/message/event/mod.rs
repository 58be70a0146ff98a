//! What a provider told us.

mod context;
mod dedupe_key;
mod element_error;
mod envelope;
mod updates;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use context::{Context, Forwarded, Referral};
pub use dedupe_key::DedupeKey;
pub use element_error::ElementError;
pub use envelope::InboundEvent;
pub use updates::{AccountUpdate, Call, Preference, Presence, SessionChange, SessionEvent, TemplateUpdate};

use super::{Content, Status};

/// What a provider told us. In JSON the kind stands in `type`.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// Somebody wrote to us.
    Message {
        /// What it says.
        content: Content,
    },
    /// Somebody changed a message.
    Edited {
        /// The message.
        target: String,
        /// What it says now.
        content: Content,
    },
    /// Somebody took a message back.
    Deleted {
        /// The message.
        target: String,
    },
    /// A message that went out by another way: another app, the phone itself. Not inbound: answering one makes a loop.
    Echo {
        /// What it says.
        content: Content,
    },
    /// News of a message of ours.
    Status(Status),
    /// Somebody types.
    Typing,
    /// Somebody read our messages.
    Read {
        /// Up to and including this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
    },
    /// Somebody came or went.
    Presence(Presence),
    /// News of a template.
    Template(TemplateUpdate),
    /// News of the account, the number, or anything else that the tenant owns at the provider.
    Account(AccountUpdate),
    /// A spoken call.
    Call(Call),
    /// Somebody wants messages.
    OptIn(Preference),
    /// Somebody wants no more messages.
    OptOut(Preference),
    /// A conversation changed hands or ended.
    Session(SessionEvent),
    /// A kind we do not know; the raw JSON holds it.
    Unknown {
        /// The provider's word for the kind.
        provider_type: String,
    },
}

impl Event {
    /// The kind, as it stands in `type`.
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

    /// Somebody wrote this to us.
    pub fn message(content: Content) -> Self {
        Self::Message { content }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event({})", self.kind())
    }
}
