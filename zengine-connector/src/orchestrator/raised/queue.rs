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
    by_conversation: HashMap<OfConversation, VecDeque<Pending>>,
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
        if waiting.events >= MAX_PENDING {
            drop(waiting);
            pending.say_waits();
            return None;
        }
        waiting.events += 1;
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
        waiting.events -= usize::from(self.has_event);
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
        waiting.events -= left.len() + usize::from(self.has_event);
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
