//! Polls of a synchronous channel: late replies, and what became of the events that were under work.

use std::{collections::HashSet, time::Duration};

use futures_util::future::join_all;

use super::{
    answer::Received,
    cursor::{Cursor, CursorPlace},
    due::RESPOND_TIMEOUT,
    request::InboundCall,
    synchronous::{ConversationReader, before},
};
use crate::{
    error::{Error, ErrorKind},
    ids::{ConversationId, TenantId},
    store::{At, ClaimKey, InboundOp, InboundRecord, InboundStatus, StoreError},
    strategy::{Handled, Principal, VerifyError},
};

impl InboundCall<'_> {
    pub(super) fn reader<'a>(&'a self, tenant: &'a TenantId, conversation: &'a ConversationId) -> ConversationReader<'a> {
        let strategy = &self.entry.name;
        ConversationReader {
            outbox: self.orchestrator.outbox(tenant, strategy, conversation),
            place: CursorPlace { keys: &*self.engine().keys, tenant, strategy, conversation },
            cursor: Cursor::default(),
        }
    }

    /// Answers a poll. Takes at most [`RESPOND_TIMEOUT`] for the stores, and for the strategy.
    pub(super) async fn poll(&self, mut reader: ConversationReader<'_>, principal: Principal, after: Option<&str>) -> Received {
        let Some(_permit) = self.orchestrator.inbound.polls.enter(reader.place.tenant) else {
            return self.busy("too many polls", &principal);
        };
        if let Some(after) = after {
            let Ok(cursor) = reader.place.read(after) else { return Received::refused(&VerifyError::Malformed("invalid cursor")) };
            reader.cursor = cursor;
        }
        let (mut handled, until) = (Handled::new(principal), Some(self.engine().clock.monotonic() + RESPOND_TIMEOUT));
        let read = async {
            self.look_after(&mut reader, &mut handled, until).await?;
            reader.collect(&HashSet::new(), &mut handled, until).await
        };
        match read.await {
            Ok(()) => self.respond(handled, until).await,
            Err(error) => Received::refused(&VerifyError::Unavailable(error)).of(&handled.principal),
        }
    }

    /// The results of the events that a client's cursor awaits: those still under work stay in it. Those that it names unreadably must be
    /// sent again; they meet their records. Before the replies are read: those of
    /// an event that is stored are all there.
    pub(super) async fn look_after(
        &self,
        reader: &mut ConversationReader<'_>,
        handled: &mut Handled,
        until: Option<Duration>,
    ) -> Result<(), Error> {
        handled.resend += usize::from(std::mem::take(&mut reader.cursor.is_unreadable));
        if reader.cursor.awaited.is_empty() {
            return Ok(());
        }
        let engine = self.engine();
        let records = join_all(reader.cursor.awaited.iter().map(async |awaited| {
            let key = ClaimKey::inbound(reader.place.tenant, &self.entry.name, awaited);
            Ok::<_, StoreError>(engine.stores.apply_inbound(&key, &InboundOp::Read, None).await?.record)
        }));
        let unavailable = || Error::new(ErrorKind::Store, "the claim store does not answer");
        let records = before(&*engine.clock, until, records).await.ok_or_else(unavailable)?;
        let records: Result<Vec<_>, _> = records.into_iter().collect();
        let mut records = records.map_err(|error| unavailable().with_source(error))?.into_iter();
        let at = At { now_ms: engine.now_ms(), boot: engine.stores.boot() };
        reader.cursor.awaited.retain(|_| match records.next().flatten() {
            Some(record) if record.is_under_work(at) => true,
            record => {
                handled.resend += usize::from(!record.is_some_and(|record| has_end(&record, at)));
                false
            }
        });
        handled.pending = !reader.cursor.awaited.is_empty();
        Ok(())
    }
}

/// Whether an event was handled, or is kept as a dead letter.
fn has_end(record: &InboundRecord, at: At<'_>) -> bool {
    record.status != InboundStatus::Claimed && !record.is_expired(at.now_ms)
}
