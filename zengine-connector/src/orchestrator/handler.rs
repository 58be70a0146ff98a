//! The host's callback for inbound events.

use std::{future::Future, sync::Arc, time::SystemTime};

use serde::{Deserialize, Serialize};

use super::Orchestrator;
use crate::{
    error::{BoxError, described, on_one_line},
    ids::{ConversationId, CorrelationId, ProviderMessageId, StrategyName, TenantId},
    message::{InboundEvent, Party},
    runtime::BoxFuture,
};

/// The host's callback for inbound events. It runs in its own task, and no deadline cancels it. Closures implement it.
pub trait InboundHandler: Send + Sync + 'static {
    /// Stores the event or acts on it. May run again for the same event.
    ///
    /// # Errors
    /// [`NotStored`](HandlerError::NotStored) if the event must be delivered again, [`Poison`](HandlerError::Poison) if it can
    /// never be handled.
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

/// The object-safe form of [`InboundHandler`].
pub(crate) trait DynHandler: Send + Sync {
    fn handle_event(&self, event: InboundEvent, cx: HandlerContext) -> BoxFuture<'_, Result<(), HandlerError>>;
}

impl<H: InboundHandler> DynHandler for H {
    fn handle_event(&self, event: InboundEvent, cx: HandlerContext) -> BoxFuture<'_, Result<(), HandlerError>> {
        Box::pin(self.handle(event, cx))
    }
}

/// The reason for which a handler did not accept an event.
///
/// Every error, and a text, turns into [`NotStored`](Self::NotStored), so `?` in a handler has the event delivered again.
///
/// ```
/// use zengine_connector::{HandlerError, InboundEvent};
///
/// async fn handle(event: InboundEvent) -> Result<(), HandlerError> {
///     let json = serde_json::to_string(&event)?;
///     if json.len() > 65_536 {
///         return Err(HandlerError::Poison("larger than a row of the inbox"));
///     }
///     Ok(())
/// }
/// # let _ = handle;
/// assert!(matches!(HandlerError::from("the disk is full"), HandlerError::NotStored { .. }));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum HandlerError {
    /// The event was not stored and must be delivered again. It becomes a dead letter if its request was answered already, as
    /// at the deadline of a synchronous channel.
    NotStored {
        /// The host's error, for the log.
        error: BoxError,
        /// The name of its type.
        type_name: &'static str,
    },
    /// The event can never be handled and is stored as a dead letter. Holds the reason, a literal without personal data.
    Poison(&'static str),
}

impl<E: Into<BoxError>> From<E> for HandlerError {
    fn from(error: E) -> Self {
        Self::NotStored { error: error.into(), type_name: std::any::type_name::<E>() }
    }
}

/// A handler that needs no context.
pub(super) struct EventOnly<F>(pub(super) F);

impl<F, Fut> InboundHandler for EventOnly<F>
where
    F: Fn(InboundEvent) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandlerError>> + Send,
{
    fn handle(&self, event: InboundEvent, _: HandlerContext) -> impl Future<Output = Result<(), HandlerError>> + Send {
        self.0(event)
    }
}

impl HandlerError {
    /// The text of the host's error and of its causes, at most 1,024 characters, and the error's type, for a log line. An error of
    /// JSON is told without its input.
    pub(super) fn described(&self) -> Option<(String, &'static str)> {
        let Self::NotStored { error, type_name } = self else { return None };
        Some((on_one_line(&described(&**error).chars().take(1024).collect::<String>()), type_name))
    }
}

/// The context of one event, passed to the handler. You may keep it, or store only its [`ReplyTo`] to answer later from any
/// process.
///
/// ```
/// use zengine_connector::{Content, InboundEvent, orchestrator::{HandlerContext, HandlerError}};
///
/// async fn handle(event: InboundEvent, cx: HandlerContext) -> Result<(), HandlerError> {
///     if event.is_answerable() {
///         let _outcome = cx.reply(0, Content::text("Thank you")).await?;
///     }
///     Ok(())
/// }
/// # let _ = handle;
/// ```
#[derive(Clone)]
pub struct HandlerContext {
    pub(crate) orchestrator: Orchestrator,
    pub(crate) reply_to: Arc<ReplyTo>,
    pub(crate) reply_by: Option<SystemTime>,
    pub(crate) correlation: Option<CorrelationId>,
    pub(crate) traceparent: Option<String>,
}

impl HandlerContext {
    /// The address for an answer.
    pub fn reply_to(&self) -> &ReplyTo {
        &self.reply_to
    }

    /// On a synchronous channel, the time until which a reply is part of the response. Later replies wait for a poll.
    pub fn reply_by(&self) -> Option<SystemTime> {
        self.reply_by
    }

    /// Correlation id of the request, if the host or the queue set one.
    pub fn correlation_id(&self) -> Option<&CorrelationId> {
        self.correlation.as_ref()
    }

    /// The request's W3C `traceparent`, if it has a valid one.
    pub fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    /// The orchestrator that received the event.
    pub fn orchestrator(&self) -> &Orchestrator {
        &self.orchestrator
    }
}

debug_fields!(HandlerContext { reply_to });

/// The address for an answer to an event. Serializable, so that another process can answer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReplyTo {
    /// The tenant.
    pub tenant: TenantId,
    /// The registered name of the strategy.
    pub strategy: StrategyName,
    /// The recipient of the answer.
    pub to: Party,
    /// The conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// Id of the event to answer.
    pub event_id: String,
    /// The provider's id of the message to answer, if the event has one. Fills the target of a typing notice or a read mark that has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<ProviderMessageId>,
    /// Whether the event cannot be answered: an echo, a copy for another application, or history.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

debug_fields!(ReplyTo { tenant, strategy, event_id });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_person_is_not_told_by_an_error_of_json() {
        let parse = || -> Result<u32, HandlerError> { Ok(serde_json::from_str::<u32>("\"canary-body\"")?) };
        let (text, type_name) = parse().unwrap_err().described().unwrap();
        assert_eq!((&*text, type_name), ("invalid type: …, expected u32 at line 1 column 13", "serde_json::error::Error"));
        assert_eq!(HandlerError::from("the disk is full").described().unwrap().0, "the disk is full");
    }
}
