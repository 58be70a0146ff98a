//! Traits and types for the authors of strategies.
//!
//! A strategy is one struct. It implements [`Configure`] and one or both of [`OutboundStrategy`] and
//! [`InboundStrategy`] with plain `async fn`s, and derives [`Strategy`]. One instance
//! serves all tenants; the state of one tenant is [`Configure::Tenant`].

mod cached;
mod context;
pub mod conversations;
mod declared;
mod descriptor;
mod erased;
mod guarded;
mod health;
mod inbound;
mod outbound;
mod provider_key;
mod raise;
mod sessions;
mod twins;
mod wakeups;

pub use crate::stage::{Rate, Scopes};
pub use cached::Cached;
pub(crate) use context::{Base, CallScope};
pub use context::{ConfigureContext, EventContext, HealthContext, SendContext};
pub use conversations::{ConversationProvider, ConversationState, Conversations, FoundConversation, OpenRequest, SweptConversations};
pub use declared::{Halves, Strategy};
pub use descriptor::{Descriptor, Direction, Reply};
pub(crate) use guarded::guarded;
pub use health::{HealthReason, HealthStatus};
pub use inbound::{
    Additions, Admit, Candidate, CredentialFault, EventEncoding, FinalResponse, Handled, InboundContext, InboundRequest, InboundStrategy,
    MediaFile, MediaRequest, Origin, Principal, RawPayload, ReplyCursor, ReplyMessage, RequestHead, RoutedEvent, Verified, VerifyError,
};
pub(crate) use inbound::{Found, MAX_ELEMENTS, Step, TenantLookup};
pub use outbound::{Configure, Lookup, OutboundStrategy};
pub use provider_key::{ParsedKey, ProviderKey};
pub(crate) use raise::Raise;
pub use raise::RaisedEvent;
pub(crate) use sessions::SessionPorts;
pub use sessions::{SessionError, SessionErrorKind, Sessions, Versioned};
pub(crate) use twins::{DynInbound, DynOutbound, DynStrategy, ErasedTenant, Inspected};
