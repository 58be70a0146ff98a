//! Events that strategies raise: kept first, then handed to the host's handler (rule 88).
//!
//! A raised event comes from no provider that would deliver it again. So it is written to the tenant's sessions before `raise` returns, and
//! removed once its handler stored it or its dead letter is kept. A task per conversation hands its events over in their order; the claim of
//! rule 84 decides between several processes.

mod kept;
mod left;
mod queue;
mod sweep;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{Either, select};

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
use kept::Kept;
pub(super) use queue::RaisedQueue;
use queue::{OfConversation, Pending};
pub use sweep::SweptEvents;
pub(super) use sweep::sweep_all;

/// Time that a send waits for the record of an event that it raises.
const KEEP_WITHIN: Duration = Duration::from_secs(1);

/// Waits between the tries to hand an event over. After the last one a line says that it waits, and it comes again and again.
const WAITS: [Duration; 4] = [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60), LAST_WAIT];
const LAST_WAIT: Duration = Duration::from_secs(300);

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

/// An event on its way into the queue of its conversation. Dropping it puts it there.
struct Raising<'a> {
    orchestrator: &'a Orchestrator,
    event: Option<(OfConversation, Pending)>,
}

impl Drop for Raising<'_> {
    fn drop(&mut self) {
        let Some((of, pending)) = self.event.take() else { return };
        let (tenant, strategy) = (of.tenant.clone(), of.strategy.clone());
        let Some(turn) = self.orchestrator.inbound.raised.push(of, pending) else { return };
        let events = LocalEvents::of(self.orchestrator);
        // A turn that is dropped gives its events up to a sweep.
        if !self.orchestrator.engine.spawner.spawn(Box::pin(events.deliver(turn))) {
            tracing::warn!(tenant_id = %tenant, strategy = %strategy, "event.raised_not_spawned");
        }
    }
}

impl LocalEvents {
    /// Hands the events of a conversation over, one after the other.
    async fn deliver(self: Arc<Self>, mut turn: queue::Turn) {
        while let Some(pending) = turn.next() {
            if !self.hand_over(&pending).await {
                pending.say_waits();
                return;
            }
        }
    }

    /// Tries until a handler got the event; what a sweep hands over meanwhile is known by its claim. Returns `false` if the host shuts down,
    /// or the time is over in which a second hand-over is known.
    async fn hand_over(&self, pending: &Pending) -> bool {
        let mut waits = WAITS.into_iter();
        loop {
            // Held in the try alone: a host that is dropped closes its stores.
            let Some(orchestrator) = self.orchestrator() else { return false };
            let engine = &orchestrator.engine;
            if hand_over(&orchestrator, pending.event.clone()).await == HandOver::Done {
                let sessions = engine.tenants.sessions(&pending.event.tenant, &pending.event.strategy);
                let _ = sessions.delete_any(&pending.key).await;
                return true;
            }
            let wait = waits.next();
            if wait == Some(LAST_WAIT) {
                pending.say_waits();
            }
            if engine.is_closing() || engine.now_ms() >= pending.until_ms {
                return false;
            }
            let (clock, closed) = (Arc::clone(&engine.clock), engine.on_close());
            drop(orchestrator);
            if let Either::Right(_) = select(clock.sleep(wait.unwrap_or(LAST_WAIT)), closed).await {
                return false;
            }
        }
    }
}
