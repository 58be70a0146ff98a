//! The API for hosts: send, query, receive, reply, redrive, replay.

mod bound;
mod builder;
mod calls;
mod files;
mod forget;
mod handler;
mod inbound_settings;
mod outbox;
mod raised;
mod receive;
mod reply;
mod send;
mod send_all;
mod status;

use std::sync::Arc;

pub use bound::Bound;
pub use builder::OrchestratorBuilder;
pub use forget::Forgotten;
pub use handler::{HandlerContext, HandlerError, InboundHandler, ReplyTo};
pub use inbound_settings::InboundSettings;
pub use raised::SweptEvents;
#[cfg(all(feature = "testing", feature = "tokio"))]
pub(crate) use receive::EngineLookup;
pub use receive::{Ack, Preview, Received, Replayed};
#[cfg(feature = "tower")]
pub use receive::{InboundService, ResponseBody};
pub use status::{BreakerStatus, BulkheadStatus, PauseStatus, Status};

use crate::{pipeline::Engine, registry::StrategyRegistry, sync::Limit};

/// Sends and receives for every registered strategy and every tenant. Cheap to clone: a clone copies two pointers.
///
/// ```
/// # use zengine_connector::{Error, OutboundMessage, Strategy};
/// use zengine_connector::{Memory, Orchestrator, Outcome};
///
/// # #[allow(dead_code)]
/// # async fn example(sms: impl Strategy, message: OutboundMessage) -> Result<(), Error> {
/// let orchestrator = Orchestrator::builder().strategy(sms).stores(Memory::new()).build()?;
/// if let Outcome::Deferred(later) = orchestrator.send("acme", "sns-sms", "order-17", &message).await? {
///     println!("send it again in {:?}", later.retry_after);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Orchestrator {
    pub(crate) engine: Arc<Engine>,
    inbound: Arc<Inbound>,
}

/// The parts that only receiving needs.
struct Inbound {
    handler: Option<Arc<dyn handler::DynHandler>>,
    settings: InboundSettings,
    /// The limit of requests whose events are worked on. The task that handles the events holds the permit, so a request whose
    /// caller is gone still counts.
    requests: Arc<Limit>,
    /// The limit of handlers of ephemeral events. The handler's task holds the permit.
    ephemeral: Arc<Limit>,
    /// The limit of polls, which hold the replies of a conversation.
    polls: receive::Polls,
    /// The events that strategies raised and that are not handed over yet.
    raised: raised::RaisedQueue,
}

impl Orchestrator {
    /// A builder without strategies and stores.
    pub fn builder() -> OrchestratorBuilder {
        OrchestratorBuilder::new()
    }

    /// The host's strategies.
    pub fn registry(&self) -> &StrategyRegistry {
        &self.engine.registry
    }
}

debug_fields!(Orchestrator { engine });
