//! The raised events of a process that are not handed over yet, by conversation, in their order.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    ids::{ConversationId, StrategyName, TenantId},
    message::InboundEvent,
    strategy::Sessions,
    sync::Mutex,
};

/// Events that wait in a process, and with them its tasks. More wait in the store, for a sweep.
const MAX_PENDING: usize = 1_000;

/// A conversation.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct OfConversation {
    pub(super) tenant: TenantId,
    pub(super) strategy: StrategyName,
    pub(super) conversation: ConversationId,
}

/// An event, and where it is kept.
pub(super) struct Pending {
    pub(super) event: InboundEvent,
    pub(super) sessions: Sessions,
    pub(super) key: String,
}

/// The events that wait. A conversation stands in it while a task hands its events over.
#[derive(Clone, Default)]
pub(in crate::orchestrator) struct RaisedQueue(Arc<Inner>);

#[derive(Default)]
struct Inner {
    waiting: Mutex<Waiting>,
    numbers: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    events: usize,
    by_conversation: HashMap<OfConversation, VecDeque<Pending>>,
}

impl RaisedQueue {
    /// The number of the next event.
    pub(super) fn number(&self) -> u64 {
        self.0.numbers.fetch_add(1, Ordering::Relaxed)
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
    fn say_waits(&self) {
        let event = &self.event;
        tracing::warn!(tenant_id = %event.tenant, strategy = %event.strategy, event_id = %event.id, "event.raised_waits");
    }
}
