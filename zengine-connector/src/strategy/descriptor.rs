//! The description of a strategy.

use serde::{Deserialize, Serialize};

use crate::{
    message::{Capabilities, Channel, Idempotency},
    schema::Schema,
};

/// The description of a strategy. Written by `#[derive(Strategy)]`.
#[derive(Debug)]
pub struct Descriptor {
    /// Its name, in kebab case; also its cargo feature.
    pub name: &'static str,
    /// One sentence about it.
    pub summary: &'static str,
    /// The channel it serves.
    pub channel: Channel,
    /// The capabilities of that channel.
    pub capabilities: &'static Capabilities,
    /// The provider's protection against duplicates, unless the strategy says otherwise of a tenant, or the message of itself.
    pub idempotency: Idempotency,
    /// The directions it supports.
    pub direction: Direction,
    /// How its inbound requests are answered.
    pub reply: Reply,
    /// The schema of a tenant's configuration.
    pub config_schema: fn() -> Schema,
    /// The schema of its messages.
    pub message_schema: fn() -> Schema,
}

/// The directions that a strategy supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Direction {
    /// Whether it sends.
    pub outbound: bool,
    /// Whether it receives.
    pub inbound: bool,
}

/// How inbound requests are answered. Exhaustive by design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// With an acknowledgement, when every handler has stored its event.
    Acknowledge {
        /// Maximum time until the answer, in milliseconds from the arrival of the request: what the provider waits, less its way. Of it an
        /// eighth, at most 250 ms, is kept for `respond`, and as much for `finish`. When the rest passes, the answer is 503 and the work
        /// goes on; the redelivery finds the event stored. At least 100, or the strategy cannot be
        /// registered. `None`: no limit of the strategy's own.
        /// See [`acknowledge_within`](crate::orchestrator::InboundSettings::acknowledge_within) for the host's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within_ms: Option<u64>,
    },
    /// With the handlers' replies that are ready in time.
    Synchronous {
        /// Maximum time that the response waits, in milliseconds.
        deadline_ms: u64,
    },
}
