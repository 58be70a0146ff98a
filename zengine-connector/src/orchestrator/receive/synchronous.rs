//! Channels that answer in the response: waiting until the deadline, and handing out replies.

use std::{collections::HashSet, time::Duration};

use futures_channel::oneshot;

use crate::{
    error::{Error, ErrorKind},
    ids::{ConversationId, StrategyName, TenantId},
    orchestrator::{Orchestrator, outbox::OutboxOf},
    pipeline::Engine,
    runtime::within,
    strategy::{Handled, RawPayload, ReplyCursor, SessionError, SessionErrorKind},
};

/// The conversation a response speaks in.
pub(super) struct ConversationReader {
    orchestrator: Orchestrator,
    tenant: TenantId,
    strategy: StrategyName,
    conversation: ConversationId,
    /// The response begins after this reply.
    after: u64,
}

impl ConversationReader {
    /// The conversation of a poll, after the cursor that the other side gives.
    pub(super) fn of_poll(
        orchestrator: &Orchestrator,
        tenant: &TenantId,
        strategy: &StrategyName,
        conversation: ConversationId,
        after: Option<&str>,
    ) -> Result<Self, Error> {
        let after = after.map_or(Ok(0), parse)?;
        Ok(Self { orchestrator: orchestrator.clone(), tenant: tenant.clone(), strategy: strategy.clone(), conversation, after })
    }

    /// The conversation of a request's events. Its response begins after the cursor that the other side gave, or after
    /// what was handed out before.
    pub(super) async fn of_request(
        orchestrator: &Orchestrator,
        (tenant, conversation): &(TenantId, ConversationId),
        strategy: &StrategyName,
        payload: &RawPayload,
        until: Option<Duration>,
    ) -> Result<Self, Error> {
        let mut reader = Self {
            orchestrator: orchestrator.clone(),
            tenant: tenant.clone(),
            strategy: strategy.clone(),
            conversation: conversation.clone(),
            after: 0,
        };
        let handed = reader.with_outbox(until, async |outbox| outbox.handed().await).await.map_err(unavailable)?;
        // A cursor that nobody can read does not cost the request: the replies merely come twice.
        reader.after = payload.note::<ReplyCursor>().and_then(|cursor| parse(&cursor.0).ok()).unwrap_or(handed);
        Ok(reader)
    }

    /// Adds the replies that are ready.
    pub(super) async fn collect(&self, events: &HashSet<String>, into: &mut Handled, until: Option<Duration>) -> Result<(), Error> {
        let taken = self.with_outbox(until, async |outbox| outbox.take(self.after, events).await).await.map_err(unavailable)?;
        (into.replies, into.cursor) = (taken.replies, Some(taken.cursor.to_string()));
        if let Some(seq) = taken.unmarked {
            // Best effort: the replies are in this response already.
            let _ = self.with_outbox(until, async |outbox| outbox.mark(seq).await).await;
        }
        Ok(())
    }

    /// The cursor the response began with, where nothing can be collected: a poll finds the replies.
    pub(super) fn put_off(&self, into: &mut Handled) {
        (into.pending, into.cursor) = (true, Some(self.after.to_string()));
    }

    /// Uses the outbox, until a time of the monotonic clock.
    async fn with_outbox<T>(
        &self,
        until: Option<Duration>,
        run: impl AsyncFnOnce(OutboxOf<'_>) -> Result<T, SessionError>,
    ) -> Result<T, SessionError> {
        let engine = &self.orchestrator.engine;
        let sessions = engine.tenants.sessions(&self.tenant, &self.strategy);
        let outbox = OutboxOf { sessions: &sessions, settings: &self.orchestrator.inbound.settings, conversation: &self.conversation };
        match until {
            None => run(outbox).await,
            Some(until) => {
                let left = until.saturating_sub(engine.clock.monotonic());
                within(&*engine.clock, left, run(outbox)).await.unwrap_or(Err(SessionErrorKind::Unavailable.into()))
            }
        }
    }
}

fn parse(cursor: &str) -> Result<u64, Error> {
    cursor.parse().map_err(|_| Error::new(ErrorKind::MessageInvalid, "not a cursor of ours"))
}

fn unavailable(error: SessionError) -> Error {
    Error::new(ErrorKind::Store, "the outbox does not answer").with_source(error)
}

/// Waits for the end of the work, on a synchronous channel not beyond a time of the monotonic clock. `true`: all is done.
pub(super) async fn wait(engine: &Engine, done: oneshot::Receiver<()>, until: Option<Duration>) -> bool {
    match until {
        // A task that was dropped is an end too; what it did not count must come again.
        None => {
            let _ = done.await;
            true
        }
        Some(until) => within(&*engine.clock, until.saturating_sub(engine.clock.monotonic()), done).await.is_some(),
    }
}
