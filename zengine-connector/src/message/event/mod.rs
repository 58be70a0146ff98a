//! Inbound events.

mod context;
mod dedupe_key;
mod element_error;
mod envelope;
mod reorder;
mod updates;

use serde::{Deserialize, Serialize};

pub use context::{Context, Forwarded, Referral};
pub use dedupe_key::DedupeKey;
pub use element_error::ElementError;
pub(crate) use envelope::raw_from_parts;
pub use envelope::{EventSource, InboundEvent};
pub use reorder::Reorder;
pub use updates::{AccountUpdate, Call, Preference, Presence, TemplateUpdate};

use super::{Content, SessionEvent, Status};

tagged! {
    /// An inbound event. In JSON the kind is in `type`.
    #[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
    #[serde(tag = "type")]
    #[non_exhaustive]
    pub enum Event {
        /// A message to the tenant.
        Message {
            /// The content.
            content: Content,
        } = "message",
        /// A message was edited.
        Edited {
            /// The message.
            target: String,
            /// The new content.
            content: Content,
        } = "edited",
        /// A message was deleted.
        Deleted {
            /// The message.
            target: String,
        } = "deleted",
        /// A message that the tenant sent another way: another app, the phone itself. Not inbound: answering one makes a loop.
        Echo {
            /// The content.
            content: Content,
        } = "echo",
        /// The status of a sent message.
        Status(Status) = "status",
        /// The other side is typing.
        Typing = "typing",
        /// The other side read messages.
        Read {
            /// The last message that was read.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            target: Option<String>,
        } = "read",
        /// A change of presence.
        Presence(Presence) = "presence",
        /// A change of a template.
        Template(TemplateUpdate) = "template",
        /// A change of the account, the number, or another object that the tenant owns at the provider.
        Account(AccountUpdate) = "account",
        /// A spoken call.
        Call(Call) = "call",
        /// The person opted in to messages.
        OptIn(Preference) = "opt_in",
        /// The person opted out of messages.
        OptOut(Preference) = "opt_out",
        /// A change of a conversation: it began, waits, changed hands, ended.
        Session(SessionEvent) = "session",
        /// An unknown kind; the raw JSON holds it.
        Unknown {
            /// The provider's word for the kind.
            provider_type: String,
        } = "unknown",
    }
}

impl Event {
    /// A message to the tenant.
    pub fn message(content: Content) -> Self {
        Self::Message { content }
    }

    /// Whether the event only means something now, typing and presence: no record, no dead letter, dropped when late. A receipt of
    /// the other side is kept, whether it is a status or `read`.
    pub const fn is_ephemeral(&self) -> bool {
        matches!(self, Self::Typing | Self::Presence(_))
    }
}
