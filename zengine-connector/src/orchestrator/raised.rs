//! Events that strategies raise: kept first, then handed to the host's handler (rule 88).
//!
//! A raised event comes from no provider that would deliver it again. So it is written to the tenant's sessions before `raise` returns, and
//! removed once its handler stored it or its dead letter is kept. A task per conversation hands its events over in their order; the claim of
//! rule 84 decides between several processes.

mod queue;
mod sweep;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

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
pub(super) use queue::RaisedQueue;
use queue::{OfConversation, Pending};
pub use sweep::SweptEvents;
pub(super) use sweep::sweep_all;

/// Time that a send waits for the record of an event that it raises.
const KEEP_WITHIN: Duration = Duration::from_secs(1);

/// Waits before the tries to hand an event over. After the last one, it waits for a sweep.
const TRIES: [Duration; 5] =
    [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(300)];

/// Key of a raised event among the tenant's sessions; this prefix is the core's.
const PREFIX: &str = "core:raised/";

fn key_of(key: &DedupeKey) -> String {
    format!("{PREFIX}{key}")
}

/// A raised event, as stored.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Version of this format: 1.
    v: u32,
    event: InboundEvent,
    /// Its place among the events that its process raised.
    #[serde(default)]
    number: u64,
    /// The time from which on it is known no longer whether its handler got it. Absent in the records of older releases.
    #[serde(default)]
    until_ms: Option<i64>,
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
        let sessions = self.engine.tenants.sessions(tenant, strategy);
        let (key, kept) = (key_of(&dedupe_key), self.kept(event.clone()));
        let keeping = sessions.put(&key, &kept, None, self.inbound.settings.keep);
        match within(&*self.engine.clock, KEEP_WITHIN, keeping).await {
            Some(Ok(_)) => {}
            // Raised before, by this attempt or an earlier one.
            Some(Err(error)) if error.kind == SessionErrorKind::Conflict => {}
            _ => tracing::warn!(tenant_id = %tenant, strategy = %strategy, event_id = %event.id, "event.raised_not_kept"),
        }
        let of = OfConversation { tenant: tenant.clone(), strategy: strategy.clone(), conversation: raised.conversation };
        let Some(turn) = self.inbound.raised.push(of, Pending { event, sessions, key }) else { return };
        let engine = Arc::clone(&self.engine);
        // A turn that is dropped gives its events up to a sweep.
        if !engine.spawner.spawn(Box::pin(async move { self.deliver(turn).await })) {
            tracing::warn!(tenant_id = %tenant, strategy = %strategy, "event.raised_not_spawned");
        }
    }

    fn kept(&self, event: InboundEvent) -> Kept {
        let until_ms = event.received_at_ms.saturating_add(ms(self.inbound.settings.keep));
        Kept { v: 1, event, number: self.inbound.raised.number(), until_ms: Some(until_ms) }
    }

    /// Hands the events of a conversation over, one after the other.
    async fn deliver(self, mut turn: queue::Turn) {
        while let Some(pending) = turn.next() {
            if !self.try_to_hand_over(pending).await {
                return;
            }
        }
    }

    async fn try_to_hand_over(&self, Pending { event, sessions, key }: Pending) -> bool {
        for wait in TRIES {
            if !wait.is_zero() && !self.engine.pause(wait).await {
                break;
            }
            if hand_over(self, event.clone()).await == HandOver::Done {
                if let Ok(Some(kept)) = sessions.get::<serde::de::IgnoredAny>(&key).await {
                    let _ = sessions.delete(&key, kept.version).await;
                }
                return true;
            }
        }
        tracing::warn!(tenant_id = %event.tenant, strategy = %event.strategy, event_id = %event.id, "event.raised_waits");
        false
    }
}
