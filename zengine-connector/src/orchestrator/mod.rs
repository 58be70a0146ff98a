//! The host's side: send, query, receive, reply, redrive.

mod bound;
mod builder;
mod call;
mod handler;
mod health;
mod inbound_settings;
mod invalidate;
mod media;
mod outbox;
mod receive;
mod reply;
mod send;
mod serve;

use std::{fmt, sync::Arc};

pub use bound::Bound;
pub use builder::OrchestratorBuilder;
pub use handler::{HandlerContext, HandlerError, InboundHandler, ReplyTo};
pub use inbound_settings::InboundSettings;
#[cfg(all(feature = "testing", feature = "tokio"))]
pub(crate) use receive::EngineLookup;
pub use receive::{Ack, Preview, Received};

use crate::{pipeline::Engine, registry::StrategyRegistry};

/// One send, one receive, for every registered strategy and every tenant. Cloning it copies two pointers.
#[derive(Clone)]
pub struct Orchestrator {
    pub(crate) engine: Arc<Engine>,
    inbound: Arc<Inbound>,
}

/// What only receiving needs.
struct Inbound {
    handler: Option<Arc<dyn handler::DynHandler>>,
    settings: InboundSettings,
    batches: receive::Batches,
}

impl Orchestrator {
    /// Starts from the strategies of the host.
    pub fn builder(registry: StrategyRegistry) -> OrchestratorBuilder {
        OrchestratorBuilder::new(registry)
    }

    /// The strategies of the host.
    pub fn registry(&self) -> &StrategyRegistry {
        &self.engine.registry
    }
}

impl fmt::Debug for Orchestrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orchestrator").field("registry", &self.engine.registry).finish_non_exhaustive()
    }
}
