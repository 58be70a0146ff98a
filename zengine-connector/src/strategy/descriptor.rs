//! The description of a strategy.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{OutboundStrategy, Strategy};
use crate::{
    channel::{Capabilities, Channel},
    inbound::InboundStrategy,
    message::Idempotency,
    registry::{DynInbound, DynOutbound, InboundHalf, OutboundHalf},
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
    /// The provider's protection against duplicates.
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
    Acknowledge,
    /// With the handlers' replies that are ready in time.
    Synchronous {
        /// Maximum time that the response waits, in milliseconds.
        deadline_ms: u64,
    },
}

/// A JSON Schema (draft 2020-12).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Schema(serde_json::Value);

impl Schema {
    /// The schema as JSON.
    pub fn as_value(&self) -> &serde_json::Value {
        &self.0
    }
}

/// The schema of a type.
pub fn schema_of<T: schemars::JsonSchema>() -> Schema {
    Schema(schemars::schema_for!(T).to_value())
}

type Half<S, D> = Option<fn(Arc<S>) -> Arc<D>>;

/// The halves that a strategy has; only the derive writes it.
#[doc(hidden)]
pub struct Halves<S> {
    pub(crate) outbound: Half<S, dyn DynOutbound>,
    pub(crate) inbound: Half<S, dyn DynInbound>,
}

impl<S> fmt::Debug for Halves<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Halves").field("outbound", &self.outbound.is_some()).field("inbound", &self.inbound.is_some()).finish()
    }
}

impl<S> Default for Halves<S> {
    fn default() -> Self {
        Self { outbound: None, inbound: None }
    }
}

impl<S: Strategy> Halves<S> {
    /// Creates a value without halves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the outbound half.
    #[must_use = "returns the halves with this one"]
    pub fn outbound(mut self) -> Self
    where
        S: OutboundStrategy<S::Config, S::Message>,
    {
        self.outbound = Some(|strategy| Arc::new(OutboundHalf(strategy)));
        self
    }

    /// Adds the inbound half.
    #[must_use = "returns the halves with this one"]
    pub fn inbound(mut self) -> Self
    where
        S: InboundStrategy<S::Config>,
    {
        self.inbound = Some(|strategy| Arc::new(InboundHalf(strategy)));
        self
    }
}
