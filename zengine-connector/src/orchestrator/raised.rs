//! Events that strategies raise: kept first, then handed to the host's handler (rule 88).
//!
//! A raised event comes from no provider that would deliver it again. So it is written to the tenant's sessions before `raise` returns, and
//! removed once its handler stored it or its dead letter is kept. A task per conversation hands its events over in their order; the claim of
//! rule 84 decides between several processes.

mod deliver;
mod kept;
mod left;
mod queue;
mod sweep;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;

use super::{
    Inbound, Orchestrator,
    receive::{HandOver, hand_over},
};
use crate::{
    ids::{StrategyName, TenantId},
    message::{DedupeKey, Event, EventSource, InboundEvent},
    pipeline::Engine,
    runtime::{BoxFuture, ms, within},
    strategy::{Raise, RaisedEvent, SessionErrorKind},
};
use deliver::Raising;
use kept::Kept;
pub(super) use queue::RaisedQueue;
use queue::{OfConversation, Pending};
pub use sweep::SweptEvents;
pub(super) use sweep::sweep_all;

/// Time that a send waits for the record of an event that it raises.
const KEEP_WITHIN: Duration = Duration::from_secs(1);

/// Key of a raised event among the tenant's sessions; this prefix is the core's.
const PREFIX: &str = "core:raised/";

fn key_of(key: &DedupeKey) -> String {
    format!("{PREFIX}{key}")
}

/// Publishes the events that strategies raise.
pub(super) struct LocalEvents {
    engine: Weak<Engine>,
    inbound: Weak<Inbound>,
}

debug_fields!(LocalEvents {});

impl LocalEvents {
    pub(super) fn of(orchestrator: &Orchestrator) -> Arc<Self> {
        Arc::new(Self { engine: Arc::downgrade(&orchestrator.engine), inbound: Arc::downgrade(&orchestrator.inbound) })
    }

    pub(super) fn orchestrator(&self) -> Option<Orchestrator> {
        Some(Orchestrator { engine: self.engine.upgrade()?, inbound: self.inbound.upgrade()? })
    }
}

impl Raise for LocalEvents {
    fn raise<'a>(&'a self, tenant: &'a TenantId, strategy: &'a StrategyName, raised: RaisedEvent) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let Some(orchestrator) = self.orchestrator() else { return };
            // A host without a handler takes no events: it would be given them for ever.
            if orchestrator.inbound.handler.is_none() {
                tracing::debug!(tenant_id = %tenant, strategy = %strategy, "event.raised_without_handler");
                return;
            }
            orchestrator.publish(tenant, strategy, raised).await;
        })
    }
}

impl Orchestrator {
    /// Keeps an event, then hands it over in the task of its conversation.
    async fn publish(self, tenant: &TenantId, strategy: &StrategyName, raised: RaisedEvent) {
        let Ok(entry) = self.engine.registry.entry(strategy.as_str()) else { return };
        let dedupe_key = DedupeKey::of_core(tenant, strategy, &raised.dedup());
        let now_ms = self.engine.now_ms();
        let event = InboundEvent {
            id: dedupe_key.event_id(),
            tenant: tenant.clone(),
            strategy: strategy.clone(),
            channel: entry.descriptor.channel,
            occurred_at_ms: Some(now_ms),
            received_at_ms: now_ms,
            dedupe_key,
            from: raised.from,
            to: vec![],
            conversation: Some(raised.conversation.clone()),
            sender: None,
            sequence: None,
            source: EventSource::Local,
            provider_ids: vec![],
            event: Event::Session(raised.event),
            context: crate::message::Context::default(),
            raw: Bytes::new(),
        };
        let until_ms = now_ms.saturating_add(ms(self.inbound.settings.keep));
        let place = self.inbound.raised.place(now_ms);
        let kept = Kept::of(&event, &raised.conversation, place, until_ms);
        let of = OfConversation { tenant: tenant.clone(), strategy: strategy.clone(), conversation: raised.conversation };
        let key = key_of(&dedupe_key);
        let pending = Pending { event, key: key.clone(), until_ms };
        let sessions = self.engine.tenants.sessions(tenant, strategy);
        // Queued also where the send is dropped in the write.
        let raising = Raising { orchestrator: &self, event: Some((of, pending)) };
        let written = match &kept {
            Ok(kept) => within(&*self.engine.clock, KEEP_WITHIN, sessions.put_any(&key, kept, None, self.inbound.settings.keep)).await,
            Err(_) => None,
        };
        drop(raising);
        match written {
            Some(Ok(_)) => {}
            // Raised before, by this attempt or an earlier one.
            Some(Err(error)) if error.kind == SessionErrorKind::Conflict => {}
            _ => tracing::warn!(tenant_id = %tenant, strategy = %strategy, event_id = dedupe_key.event_id(), "event.raised_not_kept"),
        }
    }
}
