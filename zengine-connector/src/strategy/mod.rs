//! Traits and types for the authors of strategies.
//!
//! A strategy is one struct. It implements [`Configure`] and one or both of [`OutboundStrategy`] and
//! [`InboundStrategy`](crate::inbound::InboundStrategy) with plain `async fn`s, and derives [`Strategy`]. One instance
//! serves all tenants; the state of one tenant is [`Configure::Tenant`].

mod cached;
mod context;
mod descriptor;
mod provider_key;
mod receipt;
mod sessions;
mod traits;

pub use cached::Cached;
pub(crate) use context::{Base, CallScope};
pub use context::{ConfigureContext, EventContext, HealthContext, SendContext};
pub use descriptor::{Descriptor, Direction, Halves, Reply, Schema, schema_of};
pub use provider_key::{ParsedKey, ProviderKey};
pub use receipt::{HealthStatus, Lookup, Receipt};
pub(crate) use sessions::SessionPorts;
pub use sessions::{SessionError, SessionErrorKind, Sessions, Versioned};
pub use traits::{Configure, OutboundStrategy, Strategy};
