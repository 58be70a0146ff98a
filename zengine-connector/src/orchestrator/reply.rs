//! Replies to events, at once or later, from any process.

use std::time::Duration;

use super::{HandlerContext, Orchestrator, ReplyTo, outbox::Placed};
use crate::{
    error::{Error, ErrorKind, Violation},
    ids::{ClientMessageId, CorrelationId, ProviderMessageId},
    message::{Authored, Content, Message, OutboundMessage, Receipt},
    pipeline::{Deferred, DeferredReason, Delivered, Outcome, SendOptions},
    registry::RegisteredStrategy,
    strategy::{Reply, SessionErrorKind},
};

/// The `retry_after` if the session store does not answer.
const STORE_PAUSE: Duration = Duration::from_secs(5);

impl HandlerContext {
    /// Answers the event. `n` numbers the answers to one event. Pass the same `n` for the same answer if the handler runs
    /// again: the answer is then sent once. [`Content::by`](crate::Content::by) names its author. A typing notice without a target, and a
    /// read mark with an empty one, are about the message of the event.
    ///
    /// `Deferred` was not sent: return an error, so that the event is delivered again, or reply later.
    ///
    /// # Errors
    /// As [`Orchestrator::reply`].
    pub async fn reply(&self, n: u32, answer: impl Into<Authored>) -> Result<Outcome, Error> {
        let (correlation, traceparent) = (self.correlation.clone(), self.traceparent.clone());
        self.orchestrator.reply_traced(&self.reply_to, n, answer.into(), correlation, traceparent).await
    }
}

impl Orchestrator {
    /// Answers an event, at once or later, from any process that has its [`ReplyTo`].
    ///
    /// On a synchronous channel the answer is stored in the conversation's outbox, and the response or a poll takes it from
    /// there. On other channels it is a [`send`](Self::send) with the client message id `r.<event id>.<n>`.
    ///
    /// # Errors
    /// `Unsupported` if the event cannot be answered ([`InboundEvent::is_answerable`](crate::InboundEvent::is_answerable)).
    /// `MessageInvalid` if the channel cannot carry the content, or the event has no conversation on a synchronous channel.
    /// `Busy` if too many replies of the conversation wait to be fetched. Else as `send`.
    pub async fn reply(&self, to: &ReplyTo, n: u32, answer: impl Into<Authored>) -> Result<Outcome, Error> {
        self.reply_traced(to, n, answer.into(), None, None).await
    }

    async fn reply_traced(
        &self,
        to: &ReplyTo,
        n: u32,
        answer: Authored,
        correlation: Option<CorrelationId>,
        traceparent: Option<String>,
    ) -> Result<Outcome, Error> {
        let entry = self.engine.registry.entry(to.strategy.as_str())?;
        if to.closed {
            return Err(Error::new(ErrorKind::Unsupported, "the event cannot be answered: it is an echo, a copy or history")
                .with_context("strategy", &to.strategy));
        }
        match entry.descriptor.reply {
            Reply::Synchronous { .. } => self.reply_in_outbox(entry, to, n, answer).await,
            Reply::Acknowledge { .. } => {
                // The same event and `n` give the same id in every process.
                let id = ClientMessageId::new(format!("r.{}.{n}", to.event_id))?;
                let options = SendOptions { correlation_id: correlation, traceparent, ..SendOptions::new() };
                let mut message = message(to, answer);
                message.conversation = to.conversation.as_ref().map(ToString::to_string);
                // Boxed to keep the handler's future small.
                Box::pin(self.send_with(&to.tenant, &to.strategy, id, &message, options)).await
            }
        }
    }

    async fn reply_in_outbox(&self, entry: &RegisteredStrategy, to: &ReplyTo, n: u32, answer: Authored) -> Result<Outcome, Error> {
        let Some(conversation) = &to.conversation else {
            return Err(
                Error::new(ErrorKind::MessageInvalid, "a reply on this channel needs a conversation").with_context("field", "conversation")
            );
        };
        let message = message(to, answer);
        let mut violations = message.validate(entry.descriptor.capabilities).err().unwrap_or_default();
        // The conversation is the address, so `/to` may be empty.
        violations.retain(|violation| violation.pointer != "/to");
        if let Some(kind) = Violation::kind_of(&violations) {
            return Err(Error::new(kind, "the channel cannot carry the reply").with_violations(violations));
        }
        let outbox = self.outbox(&to.tenant, &to.strategy, conversation);
        let error = match outbox.place(&to.event_id, n, &message, self.engine.now_ms()).await {
            Ok(placed) => {
                let Placed { seq, replayed } = placed?;
                let receipt = Receipt::accepted(ProviderMessageId::new(seq.to_string())?)
                    .with_conversation(conversation.clone())
                    .with_warnings(violations);
                return Ok(Outcome::Delivered(Delivered { replayed, ..Delivered::new(receipt) }));
            }
            Err(error) => error,
        };
        // The reply may have been written. Repeating it with the same event and `n` is safe.
        let reason = match error.kind {
            SessionErrorKind::Conflict | SessionErrorKind::Undecided => DeferredReason::Busy,
            SessionErrorKind::Unavailable => DeferredReason::StoreUnavailable,
            SessionErrorKind::Corrupt | SessionErrorKind::Reserved => {
                return Err(Error::new(ErrorKind::Corrupt, "the conversation's outbox cannot be read").with_source(error));
            }
        };
        let cause = Error::new(ErrorKind::Store, "the reply could not be stored").with_source(error);
        Ok(Outcome::Deferred(Deferred::new(reason, STORE_PAUSE).with_error(cause)))
    }
}

fn message(to: &ReplyTo, Authored { mut content, author }: Authored) -> OutboundMessage {
    match (&mut content, &to.message) {
        (Content::Typing { target: target @ None }, Some(message)) => *target = Some(message.to_string()),
        (Content::ReadMark { target }, Some(message)) if target.is_empty() => *target = message.to_string(),
        _ => {}
    }
    let mut message = OutboundMessage::new(to.to.clone(), content);
    message.author = author;
    message
}
