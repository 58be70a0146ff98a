//! The raised events of a process that are not handed over yet, by conversation, in their order.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use crate::{
    ids::{ConversationId, StrategyName, TenantId},
    message::InboundEvent,
    sync::{Limit, Mutex, Permit},
};

/// Events that wait in a process, and with them its tasks. More wait in the store, for a sweep.
const MAX_PENDING: usize = 1_000;

/// Those of one tenant: a quarter, so that one whose handler hangs leaves room for the others.
const MAX_OF_TENANT: usize = MAX_PENDING / 4;

/// Handlers of raised events at once: those of the tasks and of sweeps. They take no place of a request.
const MAX_HANDLERS: usize = 1_024;

/// A conversation.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct OfConversation {
    pub(super) tenant: TenantId,
    pub(super) strategy: StrategyName,
    pub(super) conversation: ConversationId,
}

/// An event, its session's key, and the end of the time in which a second hand-over is known.
pub(super) struct Pending {
    pub(super) event: InboundEvent,
    pub(super) key: String,
    pub(super) until_ms: i64,
}

/// The events that wait. A conversation stands in it while a task hands its events over.
#[derive(Clone, Default)]
pub(in crate::orchestrator) struct RaisedQueue(Arc<Inner>);

struct Inner {
    waiting: Mutex<Waiting>,
    handlers: Arc<Limit>,
    last_ms: AtomicI64,
    numbers: AtomicU64,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            handlers: Arc::new(Limit::new(MAX_HANDLERS)),
            last_ms: AtomicI64::new(i64::MIN),
            numbers: AtomicU64::new(0),
        }
    }
}

#[derive(Default)]
struct Waiting {
    events: usize,
    of_tenant: HashMap<TenantId, usize>,
    by_conversation: HashMap<OfConversation, VecDeque<Pending>>,
}

impl Waiting {
    /// Counts an event. Returns `false` if there is no room.
    fn count(&mut self, tenant: &TenantId) -> bool {
        let of_tenant = self.of_tenant.get(tenant).copied().unwrap_or_default();
        if self.events >= MAX_PENDING || of_tenant >= MAX_OF_TENANT {
            return false;
        }
        self.events += 1;
        self.of_tenant.insert(tenant.clone(), of_tenant + 1);
        true
    }

    fn uncount(&mut self, tenant: &TenantId, events: usize) {
        self.events = self.events.saturating_sub(events);
        if let Some(of_tenant) = self.of_tenant.get_mut(tenant) {
            *of_tenant = of_tenant.saturating_sub(events);
            if *of_tenant == 0 {
                self.of_tenant.remove(tenant);
            }
        }
    }
}

impl RaisedQueue {
    /// The place of the next event: a time that no clock sets back, and a number.
    pub(super) fn place(&self, now_ms: i64) -> (i64, u64) {
        (self.0.last_ms.fetch_max(now_ms, Ordering::Relaxed).max(now_ms), self.0.numbers.fetch_add(1, Ordering::Relaxed))
    }

    /// A permit of a handler.
    pub(in crate::orchestrator) fn permit(&self) -> Option<Permit<Arc<Limit>>> {
        Permit::of(Arc::clone(&self.0.handlers))
    }

    /// Adds an event. Returns the turn of its conversation if no task has it.
    pub(super) fn push(&self, of: OfConversation, pending: Pending) -> Option<Turn> {
        let mut waiting = self.0.waiting.lock();
        if !waiting.count(&of.tenant) {
            drop(waiting);
            pending.say_waits();
            return None;
        }
        let is_first = !waiting.by_conversation.contains_key(&of);
        waiting.by_conversation.entry(of.clone()).or_default().push_back(pending);
        is_first.then(|| Turn { queue: self.clone(), of, has_event: false, ended: false })
    }
}

/// The turn of a conversation's task. Dropping it before its end gives the events that wait up to a sweep.
pub(super) struct Turn {
    queue: RaisedQueue,
    of: OfConversation,
    /// Whether an event is handed over. It counts until that is done.
    has_event: bool,
    ended: bool,
}

impl Turn {
    /// The next event. `None` ends the turn: a later event begins another.
    pub(super) fn next(&mut self) -> Option<Pending> {
        let mut waiting = self.queue.0.waiting.lock();
        waiting.uncount(&self.of.tenant, usize::from(self.has_event));
        let next = waiting.by_conversation.get_mut(&self.of).and_then(VecDeque::pop_front);
        self.has_event = next.is_some();
        if next.is_none() {
            waiting.by_conversation.remove(&self.of);
            self.ended = true;
        }
        next
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut waiting = self.queue.0.waiting.lock();
        let left = waiting.by_conversation.remove(&self.of).unwrap_or_default();
        waiting.uncount(&self.of.tenant, left.len() + usize::from(self.has_event));
        drop(waiting);
        left.iter().for_each(Pending::say_waits);
    }
}

impl Pending {
    pub(super) fn say_waits(&self) {
        let event = &self.event;
        tracing::warn!(tenant_id = %event.tenant, strategy = %event.strategy, event_id = %event.id, "event.raised_waits");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test
mod tests {
    use serde_json::json;

    use super::*;
    use crate::message::DedupeKey;

    fn push(queue: &RaisedQueue, tenant: &str, conversation: usize) -> Option<Turn> {
        let key = DedupeKey::try_from(format!("{conversation:032x}")).unwrap();
        let event = json!({
            "v": 1, "id": key.event_id(), "tenant": tenant, "strategy": "desk", "channel": "whatsapp", "received_at_ms": 1,
            "dedupe_key": key, "from": { "ids": [] }, "source": "local", "raw": "", "type": "session", "change": "started",
        });
        let pending = Pending { event: serde_json::from_value(event).unwrap(), key: key.to_string(), until_ms: 1 };
        let (tenant, strategy) = (TenantId::new(tenant).unwrap(), StrategyName::new("desk").unwrap());
        let conversation = ConversationId::new(conversation.to_string()).unwrap();
        queue.push(OfConversation { tenant, strategy, conversation }, pending)
    }

    #[test]
    fn rule_88_events_of_one_tenant_take_a_quarter_and_what_ended_makes_room() {
        let queue = RaisedQueue::default();
        let mut of_a: Vec<_> = (0..250).map(|n| push(&queue, "a", n).unwrap()).collect();
        assert!(push(&queue, "a", 250).is_none());
        let _of_b = push(&queue, "b", 0).unwrap();
        // It is handed over: then its place is free.
        assert!(of_a[0].next().is_some());
        assert!(push(&queue, "a", 250).is_none());
        assert!(of_a[0].next().is_none());
        let _later = push(&queue, "a", 250).unwrap();
        // A turn that is dropped gives its place up.
        of_a.pop();
        assert!(push(&queue, "a", 251).is_some());
    }
}
