//! The host's callback for what arrives.

use std::{fmt, future::Future, sync::Arc, time::SystemTime};

use serde::{Deserialize, Serialize};

use super::Orchestrator;
use crate::{
    error::BoxError,
    ids::{ConversationId, CorrelationId, StrategyName, TenantId},
    message::{InboundEvent, Party},
    runtime::BoxFuture,
};

/// The host's callback for what arrives. It runs in its own task and is never cancelled by a deadline. Closures are
/// handlers too.
pub trait InboundHandler: Send + Sync + 'static {
    /// Stores the event or acts on it.
    ///
    /// # Errors
    /// Whether the event must come again or can never be handled.
    fn handle(&self, event: InboundEvent, cx: HandlerContext) -> impl Future<Output = Result<(), HandlerError>> + Send;
}

impl<F, Fut> InboundHandler for F
where
    F: Fn(InboundEvent, HandlerContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandlerError>> + Send,
{
    fn handle(&self, event: InboundEvent, cx: HandlerContext) -> impl Future<Output = Result<(), HandlerError>> + Send {
        self(event, cx)
    }
}

/// The callback behind a pointer.
pub(crate) trait DynHandler: Send + Sync {
    fn handle_event(&self, event: InboundEvent, cx: HandlerContext) -> BoxFuture<'_, Result<(), HandlerError>>;
}

impl<H: InboundHandler> DynHandler for H {
    fn handle_event(&self, event: InboundEvent, cx: HandlerContext) -> BoxFuture<'_, Result<(), HandlerError>> {
        Box::pin(self.handle(event, cx))
    }
}

impl fmt::Debug for dyn DynHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InboundHandler")
    }
}

/// Why a handler did not take an event.
#[derive(Debug)]
#[non_exhaustive]
pub enum HandlerError {
    /// It must come again: the host's own store failed.
    NotStored(BoxError),
    /// It can never be handled; it is kept as a dead letter. Says why.
    Poison(&'static str),
}

/// What a handler is handed beside the event. It may be kept; or only its [`ReplyTo`], to answer later from any process.
#[derive(Clone)]
pub struct HandlerContext {
    pub(crate) orchestrator: Orchestrator,
    pub(crate) reply_to: Arc<ReplyTo>,
    pub(crate) reply_by: Option<SystemTime>,
    pub(crate) correlation: Option<CorrelationId>,
    pub(crate) traceparent: Option<String>,
}

impl HandlerContext {
    /// Where an answer goes.
    pub fn reply_to(&self) -> &ReplyTo {
        &self.reply_to
    }

    /// On a synchronous channel: until when a reply travels in the response. Later ones wait for a poll.
    pub fn reply_by(&self) -> Option<SystemTime> {
        self.reply_by
    }

    /// What ties the log lines of the request together, where the host or the queue named it.
    pub fn correlation_id(&self) -> Option<&CorrelationId> {
        self.correlation.as_ref()
    }

    /// The W3C trace parent that came with the request.
    pub fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    /// The orchestrator that received the event.
    pub fn orchestrator(&self) -> &Orchestrator {
        &self.orchestrator
    }
}

impl fmt::Debug for HandlerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerContext").field("reply_to", &self.reply_to).finish_non_exhaustive()
    }
}

/// Where an answer to an event goes. Serializable, so that another process can answer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReplyTo {
    /// Whose conversation.
    pub tenant: TenantId,
    /// The registered name of the strategy.
    pub strategy: StrategyName,
    /// To whom.
    pub to: Party,
    /// Which conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// The id of the event that is answered.
    pub event_id: String,
    /// The event is not ours to answer: an echo, a copy for another application, a message of long ago.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

impl fmt::Debug for ReplyTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyTo")
            .field("tenant", &self.tenant)
            .field("strategy", &self.strategy)
            .field("event_id", &self.event_id)
            .finish_non_exhaustive()
    }
}
