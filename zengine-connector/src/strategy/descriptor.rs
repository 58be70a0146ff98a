//! What a strategy says of itself.

use serde::{Deserialize, Serialize};

use crate::{
    message::{Capabilities, Channel, Idempotency},
    schema::Schema,
};

/// What a strategy says of itself. Written by `#[derive(Strategy)]`.
#[derive(Debug)]
pub struct Descriptor {
    /// Its name, in kebab case; also its cargo feature.
    pub name: &'static str,
    /// One sentence about it.
    pub summary: &'static str,
    /// The channel it serves.
    pub channel: Channel,
    /// What that channel can carry.
    pub capabilities: &'static Capabilities,
    /// What its provider offers against doubles.
    pub idempotency: Idempotency,
    /// Which ways it goes.
    pub direction: Direction,
    /// How its inbound requests are answered.
    pub reply: Reply,
    /// The schema of a tenant's configuration.
    pub config_schema: fn() -> Schema,
    /// The schema of its messages.
    pub message_schema: fn() -> Schema,
}

/// Which ways a strategy goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Direction {
    /// It sends.
    pub outbound: bool,
    /// It receives.
    pub inbound: bool,
}

/// How inbound requests are answered. Total by design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// With an acknowledgement, when every handler has stored its event.
    Acknowledge,
    /// With the handlers' replies, as many as are there in time.
    Synchronous {
        /// How long the response waits, in milliseconds.
        deadline_ms: u64,
    },
}
