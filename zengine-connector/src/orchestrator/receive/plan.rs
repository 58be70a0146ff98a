//! The plan of a request: its tasks, and which of them wait for each other.

use std::collections::{HashMap, HashSet};

use super::{
    identity::Identity,
    poison::{Poison, Routing, Unrouted, digest, principal_tenant, unknown_tenant},
    route::{Routed, Router, Stamped},
};
use crate::{
    error::{Error, beginning},
    ids::{ConversationId, RouteKey, TenantId},
    message::{DedupeKey, Event, InboundEvent},
    store::ClaimKey,
    strategy::{ProviderKey, RawPayload},
};

/// One task of a request.
pub(super) enum InboundTask {
    /// Hand an event to its tenant's handler.
    Handle {
        key: ClaimKey,
        event: Box<InboundEvent>,
        reference: Option<ProviderKey>,
        identity: Option<Box<Identity>>,
        /// The life of its conversation.
        life: Option<String>,
    },
    /// Store a dead letter for an event that cannot be handled.
    Keep(Box<Poison>),
    /// The tenant cannot be determined at present, so the event must be delivered again.
    Wait,
}

impl InboundTask {
    /// The event of the task, if it is ephemeral.
    pub(super) fn ephemeral(&self) -> Option<&InboundEvent> {
        match self {
            Self::Handle { event, .. } if event.event.is_ephemeral() => Some(event),
            _ => None,
        }
    }

    /// The dedup key of the task's event, if it has a record.
    pub(super) fn kept(&self) -> Option<DedupeKey> {
        match self {
            Self::Handle { event, .. } if !event.event.is_ephemeral() => Some(event.dedupe_key),
            _ => None,
        }
    }

    /// The life of an event's conversation, and its serial number in it.
    fn sequence(&self) -> Option<(Option<&str>, u64)> {
        match self {
            Self::Handle { event, life, .. } if event.conversation.is_some() => Some((life.as_deref(), event.sequence?)),
            _ => None,
        }
    }
}

/// The tasks of one request. Partitions run concurrently, the tasks of a partition in order.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) partitions: Vec<Vec<InboundTask>>,
    /// Number of tasks.
    pub(super) tasks: usize,
    /// Number of tasks of ephemeral events.
    pub(super) ephemeral: usize,
    /// The conversation of a synchronous response: the first one in the request.
    pub(super) conversation: Option<(TenantId, ConversationId)>,
    /// Ids of the events in that conversation.
    pub(super) events: HashSet<String>,
    /// The dedup keys of those that have a record.
    pub(super) keys: Vec<DedupeKey>,
    /// Partitions by ordering key.
    by_order: HashMap<(TenantId, OrderingKey), usize>,
    /// Partitions by event, so that a repeated event in one request waits for the first one.
    by_key: HashMap<ClaimKey, usize>,
}

#[derive(PartialEq, Eq, Hash)]
enum OrderingKey {
    Conversation(ConversationId),
    /// The statuses of one message, for events without a conversation.
    Message(String),
}

impl Plan {
    /// The plan for the routed elements of a payload.
    pub(super) fn of(router: &Router<'_>, payload: &RawPayload, elements: Vec<Routed>) -> Self {
        let (mut plan, mut fingerprint, mut warned) = (Self::default(), None, false);
        for element in elements {
            match element {
                Routed::Event(stamped) => plan.handle(stamped),
                Routed::Unrouted(event, _) if event.event.is_ephemeral() => {}
                // In a partition of its own: all events of its conversation have the same routes and wait too.
                Routed::Unrouted(_, Unrouted::NoAnswer) => drop(plan.push(None, InboundTask::Wait)),
                Routed::Unrouted(event, why) => {
                    if why == Unrouted::Unroutable && !std::mem::replace(&mut warned, true) {
                        let kinds: Vec<_> = event.routes.iter().map(RouteKey::kind).collect();
                        tracing::warn!(strategy = %router.entry.name, route = beginning(&kinds.join(",")), authenticated = true, "inbound.unknown_route");
                    }
                    let tenant = match why {
                        Unrouted::Foreign => principal_tenant(router.principal),
                        _ => unknown_tenant(),
                    };
                    let routing = Routing::of(&event, router.principal);
                    plan.keep(tenant.and_then(|tenant| Poison::event(&router.stamp(tenant, *event).event, &routing, why)));
                }
                Routed::Unreadable(error) => {
                    let body = fingerprint.get_or_insert_with(|| digest(payload.body()));
                    plan.keep(Poison::element(router.principal, &router.entry.name, &error, body));
                }
            }
        }
        plan.partitions.iter_mut().for_each(in_sequence);
        plan
    }

    /// Adds an event for its tenant's handler.
    pub(super) fn handle(&mut self, Stamped { event, reference, identity, life }: Stamped) {
        let key = ClaimKey::inbound(&event.tenant, &event.strategy, &event.dedupe_key);
        self.ephemeral += usize::from(event.event.is_ephemeral());
        if let Some(conversation) = &event.conversation {
            let first = self.conversation.get_or_insert_with(|| (event.tenant.clone(), conversation.clone()));
            if first.0 == event.tenant && first.1 == *conversation {
                self.events.insert(event.id.clone());
                // An ephemeral event has no record to look for.
                if !event.event.is_ephemeral() {
                    self.keys.push(event.dedupe_key);
                }
            }
        }
        let known = self.by_key.get(&key).copied();
        let partition = known.or_else(|| {
            let order = (event.tenant.clone(), ordering_key(&event)?);
            Some(*self.by_order.entry(order).or_insert(self.partitions.len()))
        });
        let partition = self.push(partition, InboundTask::Handle { key: key.clone(), event, reference, identity, life });
        self.by_key.insert(key, partition);
    }

    fn keep(&mut self, poison: Result<Poison, Error>) {
        match poison {
            Ok(poison) => {
                let key = poison.key.clone();
                let partition = self.push(self.by_key.get(&key).copied(), InboundTask::Keep(Box::new(poison)));
                self.by_key.insert(key, partition);
            }
            Err(_) => {
                self.push(None, InboundTask::Wait);
            }
        }
    }

    /// Adds a task to a partition and returns its number. `None`, or the number after the last, begins a new partition.
    fn push(&mut self, partition: Option<usize>, task: InboundTask) -> usize {
        let at = partition.unwrap_or(self.partitions.len());
        if at == self.partitions.len() {
            self.partitions.push(vec![]);
        }
        if let Some(tasks) = self.partitions.get_mut(at) {
            tasks.push(task);
            self.tasks += 1;
        }
        at
    }
}

/// Sorts the events of a conversation that have a serial number by it, one life after the other in the order of their first events. The
/// others keep their places, and equal numbers their order.
fn in_sequence(tasks: &mut Vec<InboundTask>) {
    let (mut lives, mut numbered) = (HashMap::new(), Vec::new());
    for (at, task) in tasks.iter().enumerate() {
        if let Some((life, sequence)) = task.sequence() {
            let next = lives.len();
            numbered.push((*lives.entry(life).or_insert(next), sequence, at));
        }
    }
    let mut from: Vec<_> = (0..tasks.len()).collect();
    let places: Vec<_> = numbered.iter().map(|(_, _, at)| *at).collect();
    numbered.sort_by_key(|(life, sequence, _)| (*life, *sequence));
    for (place, (_, _, at)) in places.into_iter().zip(numbered) {
        if let Some(from) = from.get_mut(place) {
            *from = at;
        }
    }
    let mut left: Vec<_> = tasks.drain(..).map(Some).collect();
    tasks.extend(from.into_iter().filter_map(|at| left.get_mut(at)?.take()));
}

fn ordering_key(event: &InboundEvent) -> Option<OrderingKey> {
    match (&event.conversation, &event.event) {
        (Some(conversation), _) => Some(OrderingKey::Conversation(conversation.clone())),
        (None, Event::Status(status)) if !status.target.is_empty() => Some(OrderingKey::Message(status.target.clone())),
        _ => None,
    }
}
