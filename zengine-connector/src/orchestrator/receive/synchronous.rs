//! Synchronous channels: waiting until the deadline, and replies in the response.

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

/// The conversation whose replies a response holds.
pub(super) struct ConversationReader {
    orchestrator: Orchestrator,
    tenant: TenantId,
    strategy: StrategyName,
    conversation: ConversationId,
    /// Number of the reply after which the response begins.
    after: u64,
}

impl ConversationReader {
    /// The conversation of a poll, after the client's cursor.
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

    /// The conversation of a request's events. The response begins after the client's cursor, or after the newest reply that
    /// was handed out.
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
        // An invalid cursor does not fail the request; it uses the newest reply handed out instead.
        reader.after = payload.note::<ReplyCursor>().and_then(|cursor| parse(&cursor.0).ok()).unwrap_or(handed);
        Ok(reader)
    }

    /// Adds the replies that are ready to `into`.
    pub(super) async fn collect(&self, events: &HashSet<String>, into: &mut Handled, until: Option<Duration>) -> Result<(), Error> {
        let taken = self.with_outbox(until, async |outbox| outbox.take(self.after, events).await).await.map_err(unavailable)?;
        (into.replies, into.cursor) = (taken.replies, Some(taken.cursor.to_string()));
        if let Some(seq) = taken.unmarked {
            // Best effort: the replies are in this response already.
            let _ = self.with_outbox(until, async |outbox| outbox.mark(seq).await).await;
        }
        Ok(())
    }

    /// Sets the cursor to the start of the response if no replies can be read, so that a poll finds them.
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
    cursor.parse().map_err(|_| Error::new(ErrorKind::MessageInvalid, "invalid cursor"))
}

fn unavailable(error: SessionError) -> Error {
    Error::new(ErrorKind::Store, "the outbox does not answer").with_source(error)
}

/// Waits for the work, on a synchronous channel until a time of the monotonic clock at most. Returns `true` if all is done.
pub(super) async fn wait(engine: &Engine, done: oneshot::Receiver<()>, until: Option<Duration>) -> bool {
    match until {
        // A dropped task ends the wait too. Events that it did not count must be delivered again.
        None => {
            let _ = done.await;
            true
        }
        Some(until) => within(&*engine.clock, until.saturating_sub(engine.clock.monotonic()), done).await.is_some(),
    }
}
