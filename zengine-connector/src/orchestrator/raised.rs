//! Events that strategies raise: kept first, then handed to the host's handler (rule 88).
//!
//! A raised event comes from no provider that would deliver it again. So it is written to the tenant's sessions before `raise` returns, and
//! removed once its handler stored it or its dead letter is kept. A task hands it over; the claim of rule 84 decides between several.

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
    error::Error,
    ids::{StrategyName, TenantId},
    message::{DedupeKey, Event, EventSource, InboundEvent},
    pipeline::Engine,
    runtime::{BoxFuture, within},
    store::{StoreError, StoredSession},
    strategy::{Raise, RaisedEvent, SessionErrorKind, Sessions},
};

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
}

/// Publishes the events that strategies raise.
pub(super) struct LocalEvents {
    engine: Weak<Engine>,
    inbound: Weak<Inbound>,
}

debug_fields!(LocalEvents {});

impl LocalEvents {
    pub(super) fn of(orchestrator: &Orchestrator) -> Arc<dyn Raise> {
        Arc::new(Self { engine: Arc::downgrade(&orchestrator.engine), inbound: Arc::downgrade(&orchestrator.inbound) })
    }
}

impl Raise for LocalEvents {
    fn raise<'a>(&'a self, tenant: &'a TenantId, strategy: &'a StrategyName, raised: RaisedEvent) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let (Some(engine), Some(inbound)) = (self.engine.upgrade(), self.inbound.upgrade()) else { return };
            let orchestrator = Orchestrator { engine, inbound };
            // A host without a handler takes no events: it would be given them for ever.
            if orchestrator.inbound.handler.is_none() {
                tracing::debug!(tenant_id = %tenant, strategy = %strategy, "event.raised_without_handler");
                return;
            }
            orchestrator.publish(tenant, strategy, raised).await;
        })
    }
}

/// The result of a page of [`Orchestrator::sweep_raised`].
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweptEvents {
    /// Events that were handed over now, or were already, or became dead letters.
    pub done: usize,
    /// Events that wait: their handler's tenant or a store is not available, or another process works on them.
    pub waiting: usize,
    /// The place at which the next page begins. `None` if there are no more pages.
    pub next: Option<String>,
}

// `next` holds a session's key, which may name a person.
debug_fields!(SweptEvents { done, waiting });

impl Orchestrator {
    /// Hands over the events that strategies raised and that no handler got, because a process died or a store was away. Reads a page of at
    /// most `limit` sessions of every tenant. Call it when a process starts, and with your sweeps; events of living processes are
    /// left to them.
    ///
    /// ```
    /// # use zengine_connector::{Error, Orchestrator};
    /// async fn at_start(orchestrator: &Orchestrator) -> Result<(), Error> {
    ///     let mut after = None;
    ///     loop {
    ///         let swept = orchestrator.sweep_raised(after.as_deref(), 100).await?;
    ///         let Some(next) = swept.next else { return Ok(()) };
    ///         after = Some(next);
    ///     }
    /// }
    /// # let _ = at_start;
    /// ```
    ///
    /// # Errors
    /// `Unsupported` if the session store cannot list its sessions, `Store` if it does not answer.
    pub async fn sweep_raised(&self, after: Option<&str>, limit: usize) -> Result<SweptEvents, Error> {
        let page = self.engine.stores.list_sessions(after, limit).await?;
        let mut swept = SweptEvents { next: page.next, ..SweptEvents::default() };
        for session in page.sessions.iter().filter(|session| session.key.starts_with(PREFIX)) {
            let counter = if self.hand_over_kept(session).await { &mut swept.done } else { &mut swept.waiting };
            *counter += 1;
        }
        Ok(swept)
    }

    async fn hand_over_kept(&self, session: &StoredSession) -> bool {
        let read = || Sessions::open_stored(&*self.engine.keys, session).ok().and_then(|json| serde_json::from_slice::<Kept>(&json).ok());
        let Some(kept) = read() else {
            tracing::warn!("event.raised_unreadable");
            return false;
        };
        if hand_over(self, kept.event).await != HandOver::Done {
            return false;
        }
        let _: Result<(), StoreError> = self.engine.stores.delete_session(&session.scope, &session.key, session.version).await;
        true
    }

    /// Keeps an event, then hands it over in a task of its own.
    async fn publish(self, tenant: &TenantId, strategy: &StrategyName, raised: RaisedEvent) {
        let Ok(entry) = self.engine.registry.entry(strategy.as_str()) else { return };
        let dedupe_key = DedupeKey::of(tenant, strategy, &raised.dedup());
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
            conversation: Some(raised.conversation),
            sender: None,
            sequence: None,
            source: EventSource::Local,
            provider_ids: vec![],
            event: Event::Session(raised.event),
            context: crate::message::Context::default(),
            raw: Bytes::new(),
        };
        let sessions = self.engine.tenants.sessions(tenant, strategy);
        let (key, kept) = (key_of(&dedupe_key), Kept { v: 1, event: event.clone() });
        let keeping = sessions.put(&key, &kept, None, self.inbound.settings.keep);
        match within(&*self.engine.clock, KEEP_WITHIN, keeping).await {
            Some(Ok(_)) => {}
            // Raised before, by this attempt or an earlier one.
            Some(Err(error)) if error.kind == SessionErrorKind::Conflict => {}
            _ => tracing::warn!(tenant_id = %tenant, strategy = %strategy, event_id = %event.id, "event.raised_not_kept"),
        }
        let (engine, id) = (Arc::clone(&self.engine), event.id.clone());
        let taken = engine.spawner.spawn(Box::pin(async move { self.deliver(event, sessions, key).await }));
        if !taken {
            tracing::warn!(tenant_id = %tenant, strategy = %strategy, event_id = %id, "event.raised_not_spawned");
        }
    }

    async fn deliver(self, event: InboundEvent, sessions: Sessions, key: String) {
        for wait in TRIES {
            if !wait.is_zero() && !self.engine.pause(wait).await {
                break;
            }
            if hand_over(&self, event.clone()).await == HandOver::Done {
                if let Ok(Some(kept)) = sessions.get::<serde::de::IgnoredAny>(&key).await {
                    let _ = sessions.delete(&key, kept.version).await;
                }
                return;
            }
        }
        tracing::warn!(tenant_id = %event.tenant, strategy = %event.strategy, event_id = %event.id, "event.raised_waits");
    }
}
