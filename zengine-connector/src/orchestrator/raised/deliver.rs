//! The task of a conversation, which hands its raised events over.

use std::{sync::Arc, time::Duration};

use futures_util::future::{Either, select};

use super::{
    HandOver, LocalEvents, hand_over,
    queue::{OfConversation, Pending, Turn},
};
use crate::orchestrator::Orchestrator;

/// Waits between the tries to hand an event over. After the last one a line says that it waits, and it comes again and again.
const WAITS: [Duration; 4] = [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60), LAST_WAIT];
const LAST_WAIT: Duration = Duration::from_secs(300);

/// An event on its way into the queue of its conversation. Dropping it puts it there.
pub(super) struct Raising<'a> {
    pub(super) orchestrator: &'a Orchestrator,
    pub(super) event: Option<(OfConversation, Pending)>,
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
    async fn deliver(self: Arc<Self>, mut turn: Turn) {
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
