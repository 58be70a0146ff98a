//! The host's side: send, query, receive, reply, redrive.

mod bound;
mod builder;
mod call;
mod core;
mod handler;
mod health;
mod inbound_settings;
mod invalidate;
mod media;
mod options;
mod outbox;
mod outcome;
mod receive;
mod reply;
mod send;
mod serve;

use std::{fmt, sync::Arc};

pub use bound::Bound;
pub use builder::OrchestratorBuilder;
pub(crate) use core::Core;
#[cfg(all(test, feature = "testing", feature = "tokio"))]
pub(crate) use core::token;
pub(crate) use handler::DynHandler;
pub use handler::{HandlerContext, HandlerError, InboundHandler, ReplyTo};
pub use inbound_settings::InboundSettings;
pub use options::{RedriveOptions, SendOptions};
pub use outcome::{Deferred, DeferredReason, Delivered, Failed, Outcome, Unknown};
pub(crate) use receive::Batches;
#[cfg(all(feature = "testing", feature = "tokio"))]
pub(crate) use receive::EngineLookup;
pub use receive::{Ack, Preview, Received};

use crate::registry::StrategyRegistry;

/// One send, one receive, for every registered strategy and every tenant. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Orchestrator {
    pub(crate) core: Arc<Core>,
}

impl Orchestrator {
    /// Starts from the strategies of the host.
    pub fn builder(registry: StrategyRegistry) -> OrchestratorBuilder {
        OrchestratorBuilder::new(registry)
    }

    /// The strategies of the host.
    pub fn registry(&self) -> &StrategyRegistry {
        &self.core.registry
    }
}

impl fmt::Debug for Orchestrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orchestrator").field("registry", &self.core.registry).finish_non_exhaustive()
    }
}
