//! Events about the platform itself, for the host's event bus.

use std::fmt::Debug;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::{
    error::{ErrorKind, Reach},
    ids::{ClientMessageId, FailureId, StrategyName, TenantId},
};

/// An event about the platform itself. Consumers drop ids they have seen: an event may come twice (rule 66).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum DomainEvent {
    /// A send ended in Failed or Unknown.
    #[serde(rename = "Outbound.Failed")]
    OutboundFailed(OutboundFailed),
    /// A send that ended in Unknown is known to have been delivered, or to have failed (rule 27).
    #[serde(rename = "Outbound.Settled")]
    OutboundSettled(OutboundFailed),
}

/// A send that failed or whose end is unknown. Names no recipient and no content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct OutboundFailed {
    /// The event's id: the failure's.
    pub id: FailureId,
    /// The tenant.
    pub tenant: TenantId,
    /// The registered name of the strategy.
    pub strategy: StrategyName,
    /// The caller's id of the message.
    pub client_message_id: ClientMessageId,
    /// The number of redrives before this send.
    pub generation: u32,
    /// `failed`, `unknown` or `delivered`.
    pub outcome: String,
    /// The class of the error.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ErrorKind>,
    /// How far the last attempt got.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
    /// The provider's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Time of the event, in milliseconds UTC.
    pub at_ms: i64,
}

impl OutboundFailed {
    /// An event about one message.
    pub fn new(
        id: FailureId,
        tenant: TenantId,
        strategy: StrategyName,
        client_message_id: ClientMessageId,
        outcome: impl Into<String>,
        at_ms: i64,
    ) -> Self {
        let outcome = outcome.into();
        Self { id, tenant, strategy, client_message_id, generation: 0, outcome, kind: None, reach: None, code: None, at_ms }
    }
}

impl DomainEvent {
    /// The event's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::OutboundFailed(_) => "Outbound.Failed",
            Self::OutboundSettled(_) => "Outbound.Settled",
        }
    }
}

/// A bus for domain events.
#[async_trait]
pub trait EventBus: Send + Sync + Debug + 'static {
    /// Publishes one event. Returns when the bus has accepted it.
    async fn publish(&self, event: &DomainEvent) -> Result<(), StoreError>;
}
