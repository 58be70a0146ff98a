//! Channels that answer in the response: waiting until the deadline, and handing out replies.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_channel::oneshot;

use crate::{
    error::{Error, ErrorKind},
    ids::{ConversationId, StrategyName, TenantId},
    orchestrator::{Core, outbox::OutboxOf},
    runtime::within,
    strategy::{Handled, RawPayload, ReplyCursor, SessionError},
};

/// The conversation a response speaks in.
pub(super) struct Thread {
    core: Arc<Core>,
    tenant: TenantId,
    strategy: StrategyName,
    conversation: ConversationId,
    /// The response begins after this reply.
    after: u64,
}

impl Thread {
    /// The conversation of a poll, after the cursor that the other side gives.
    pub(super) fn of_poll(
        core: &Arc<Core>,
        tenant: &TenantId,
        strategy: &StrategyName,
        conversation: ConversationId,
        after: Option<&str>,
    ) -> Result<Self, Error> {
        let after = after.map_or(Ok(0), parse)?;
        Ok(Self { core: Arc::clone(core), tenant: tenant.clone(), strategy: strategy.clone(), conversation, after })
    }

    /// The conversation of a request's events. Its response begins after the cursor that the other side gave, or after
    /// what was handed out before.
    pub(super) async fn of_request(
        core: &Arc<Core>,
        (tenant, conversation): &(TenantId, ConversationId),
        strategy: &StrategyName,
        payload: &RawPayload,
    ) -> Result<Self, Error> {
        let mut thread = Self {
            core: Arc::clone(core),
            tenant: tenant.clone(),
            strategy: strategy.clone(),
            conversation: conversation.clone(),
            after: 0,
        };
        let handed = thread.with_outbox(async |outbox| outbox.handed().await).await.map_err(unavailable)?;
        // A cursor that nobody can read does not cost the request: the replies merely come twice.
        thread.after = payload.note::<ReplyCursor>().and_then(|cursor| parse(&cursor.0).ok()).unwrap_or(handed);
        Ok(thread)
    }

    /// Adds the replies that are ready.
    pub(super) async fn collect(&self, events: &HashSet<String>, into: &mut Handled) -> Result<(), Error> {
        let taken = self.with_outbox(async |outbox| outbox.take(self.after, events).await).await.map_err(unavailable)?;
        (into.replies, into.cursor) = (taken.replies, Some(taken.cursor.to_string()));
        Ok(())
    }

    /// The cursor the response began with, where nothing can be collected: a poll finds the replies.
    pub(super) fn put_off(&self, into: &mut Handled) {
        (into.pending, into.cursor) = (true, Some(self.after.to_string()));
    }

    async fn with_outbox<T>(&self, run: impl AsyncFnOnce(OutboxOf<'_>) -> Result<T, SessionError>) -> Result<T, SessionError> {
        let sessions = self.core.tenants.sessions(&self.tenant, &self.strategy);
        run(OutboxOf { sessions: &sessions, settings: &self.core.inbound, conversation: &self.conversation }).await
    }
}

fn parse(cursor: &str) -> Result<u64, Error> {
    cursor.parse().map_err(|_| Error::new(ErrorKind::MessageInvalid, "not a cursor of ours"))
}

fn unavailable(error: SessionError) -> Error {
    Error::new(ErrorKind::Store, "the outbox does not answer").with_source(error)
}

/// Waits for the end of the work, on a synchronous channel not beyond the deadline. `true`: all is done.
pub(super) async fn wait(core: &Core, done: oneshot::Receiver<()>, deadline: Option<Duration>) -> bool {
    match deadline {
        // A task that was dropped is an end too; what it did not count must come again.
        None => {
            let _ = done.await;
            true
        }
        Some(time) => within(&*core.clock, time, done).await.is_some(),
    }
}
