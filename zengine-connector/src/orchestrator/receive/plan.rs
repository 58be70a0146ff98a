//! Whose events they are, and which of them must keep their order.

use std::{
    collections::{HashMap, HashSet, hash_map},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;

use super::poison::{Poison, digest, nobody};
use crate::{
    error::{Error, ErrorKind},
    ids::{ConversationId, RouteKey, TenantId},
    message::{DedupeKey, ElementError, Event, InboundEvent},
    pipeline::Engine,
    registry::RegisteredStrategy,
    store::ClaimKey,
    strategy::{Principal, ProviderKey, RawPayload, RoutedEvent},
};

/// One thing to do.
pub(super) enum InboundTask {
    /// Hand an event to its tenant's handler.
    Handle { key: ClaimKey, event: Box<InboundEvent>, reference: Option<ProviderKey> },
    /// Keep what nobody can handle.
    Keep(Box<Poison>),
    /// Nobody can say now whose it is: it must come again.
    Wait,
}

/// What is to be done about one request: partitions run side by side, the tasks of a partition one after the other.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) partitions: Vec<Vec<InboundTask>>,
    /// How many tasks there are.
    pub(super) tasks: usize,
    /// The conversation that a synchronous response speaks in: the first one of the request.
    pub(super) conversation: Option<(TenantId, ConversationId)>,
    /// The events in it.
    pub(super) events: HashSet<String>,
}

/// Who gets an event.
enum Owner {
    Tenants(Vec<TenantId>),
    /// No route leads anywhere.
    Nobody,
    /// Several tenants claim a key that should be one tenant's. Guessing would show one tenant's mail to another.
    Ambiguous,
    /// The route leads to tenants that did not vouch for the request.
    Foreign,
    /// The directory does not answer.
    NoAnswer,
}

const UNROUTABLE: &str = "no tenant is behind the event's routes";
const AMBIGUOUS: &str = "several tenants are behind a route that should be one tenant's";
const FOREIGN: &str = "the event's routes lead to another tenant than the one that vouches for it";
const NO_ANSWER: &str = "the tenant directory does not answer";

/// Time without an answer after which one request asks the directory no further. A directory that hangs costs one look-up's
/// time, not one per key; one that is slow and answers is asked for every key.
const UNANSWERED: Duration = Duration::from_secs(5);

pub(super) struct Planner<'a> {
    engine: &'a Arc<Engine>,
    entry: &'a RegisteredStrategy,
    principal: &'a Principal,
    received_at_ms: i64,
    /// One answer per key and request: events of one conversation never differ in whether the directory answered.
    routes: HashMap<RouteKey, Option<Vec<TenantId>>>,
    /// Time spent on look-ups that gave no answer.
    unanswered: Duration,
    /// Partitions by what must keep its order.
    by_order: HashMap<(TenantId, OrderingKey), usize>,
    /// Partitions by event: one that stands in a request twice waits for itself.
    keys: HashMap<ClaimKey, usize>,
    plan: Plan,
}

#[derive(PartialEq, Eq, Hash)]
enum OrderingKey {
    Conversation(ConversationId),
    /// News of one message keep their order where there is no conversation.
    Message(String),
}

impl<'a> Planner<'a> {
    pub(super) fn new(engine: &'a Arc<Engine>, entry: &'a RegisteredStrategy, principal: &'a Principal, received_at_ms: i64) -> Self {
        Self {
            engine,
            entry,
            principal,
            received_at_ms,
            routes: HashMap::new(),
            unanswered: Duration::ZERO,
            by_order: HashMap::new(),
            keys: HashMap::new(),
            plan: Plan::default(),
        }
    }

    pub(super) async fn plan(mut self, payload: &RawPayload, elements: Vec<Result<RoutedEvent, ElementError>>) -> Plan {
        let mut fingerprint = None;
        for element in elements {
            match element {
                Ok(event) => self.event(event).await,
                Err(error) => {
                    let body = fingerprint.get_or_insert_with(|| digest(payload.body()));
                    let tenant = match self.principal {
                        Principal::Tenant(tenant) => Ok(tenant.clone()),
                        Principal::Shared => nobody(),
                    };
                    let poison = tenant.and_then(|tenant| Poison::element(tenant, &self.entry.name, &error, body));
                    self.keep(poison);
                }
            }
        }
        self.plan
    }

    /// The events as their tenants would get them, in order. Those of nobody are `unrouted`'s, where one is given.
    pub(super) async fn preview(
        mut self,
        elements: Vec<Result<RoutedEvent, ElementError>>,
        unrouted: Option<&TenantId>,
    ) -> Vec<Result<InboundEvent, ElementError>> {
        let (mut shown, mut named) = (Vec::with_capacity(elements.len()), true);
        for element in elements {
            let event = match element {
                Ok(event) => event,
                Err(error) => {
                    shown.push(Err(error));
                    continue;
                }
            };
            let (tenants, reason) = match (self.owner(&event).await, unrouted) {
                (Owner::Tenants(tenants), _) => (tenants, ""),
                (Owner::Nobody, Some(tenant)) => (vec![tenant.clone()], ""),
                (Owner::Nobody, None) => (vec![], UNROUTABLE),
                (Owner::Ambiguous, _) => (vec![], AMBIGUOUS),
                (Owner::Foreign, _) => (vec![], FOREIGN),
                (Owner::NoAnswer, _) => (vec![], NO_ANSWER),
            };
            if tenants.is_empty() {
                shown.push(Err(ElementError::new("", reason, event.raw)));
                continue;
            }
            for tenant in tenants {
                let (mut event, reference) = self.stamp(tenant, event.clone());
                // A store that does not answer leaves the names away; the events are shown all the same.
                if named {
                    named = self.engine.name_send(&mut event, reference.as_ref()).await.is_ok();
                }
                shown.push(Ok(event));
            }
        }
        shown
    }

    async fn event(&mut self, event: RoutedEvent) {
        match self.owner(&event).await {
            Owner::Tenants(mut tenants) => {
                let last = tenants.pop();
                for tenant in tenants {
                    self.handle(tenant, event.clone());
                }
                if let Some(tenant) = last {
                    self.handle(tenant, event);
                }
            }
            // In a partition of its own: all events of its conversation have the same routes, and wait too.
            Owner::NoAnswer => {
                let partition = self.partition(None);
                self.push(partition, InboundTask::Wait);
            }
            Owner::Nobody => {
                self.keep_event(nobody(), event, "unroutable", ErrorKind::UnknownTenant, UNROUTABLE);
            }
            Owner::Ambiguous => {
                self.keep_event(nobody(), event, "ambiguous", ErrorKind::Settings, AMBIGUOUS);
            }
            Owner::Foreign => {
                let tenant = match self.principal {
                    Principal::Tenant(tenant) => Ok(tenant.clone()),
                    Principal::Shared => nobody(),
                };
                self.keep_event(tenant, event, "foreign", ErrorKind::Forbidden, FOREIGN);
            }
        }
    }

    async fn owner(&mut self, event: &RoutedEvent) -> Owner {
        let mut found = None;
        for key in &event.routes {
            match self.look_up(key).await {
                None => return Owner::NoAnswer,
                Some(tenants) if tenants.is_empty() => {}
                Some(tenants) => {
                    found = Some(tenants);
                    break;
                }
            }
        }
        match (self.principal, found) {
            // Nobody else claims the event, and the tenant's own credentials came with it.
            (Principal::Tenant(tenant), None) => Owner::Tenants(vec![tenant.clone()]),
            (Principal::Tenant(tenant), Some(tenants)) if tenants.contains(tenant) => Owner::Tenants(vec![tenant.clone()]),
            (Principal::Tenant(_), Some(_)) => Owner::Foreign,
            (Principal::Shared, None) => Owner::Nobody,
            (Principal::Shared, Some(tenants)) if tenants.len() == 1 || event.fan_out => Owner::Tenants(tenants),
            (Principal::Shared, Some(_)) => Owner::Ambiguous,
        }
    }

    async fn look_up(&mut self, key: &RouteKey) -> Option<Vec<TenantId>> {
        if let Some(known) = self.routes.get(key) {
            return known.clone();
        }
        if self.unanswered >= UNANSWERED {
            self.routes.insert(key.clone(), None);
            return None;
        }
        let asked = self.engine.clock.monotonic();
        let found = match self.engine.tenants.route(&self.entry.name, key).await {
            Ok(tenants) => {
                let mut seen = HashSet::new();
                Some(tenants.into_iter().filter(|tenant| seen.insert(tenant.clone())).collect())
            }
            Err(error) => {
                self.unanswered += self.engine.clock.monotonic().saturating_sub(asked);
                tracing::warn!(strategy = %self.entry.name, route = key.kind(), error = %error, "inbound.route_unavailable");
                None
            }
        };
        self.routes.insert(key.clone(), found.clone());
        found
    }

    fn handle(&mut self, tenant: TenantId, event: RoutedEvent) {
        let key_of_order = ordering_key(&event);
        let (event, reference) = self.stamp(tenant, event);
        let key = ClaimKey::inbound(&event.tenant, &event.strategy, &event.dedupe_key);
        if let Some(conversation) = &event.conversation {
            let first = self.plan.conversation.get_or_insert_with(|| (event.tenant.clone(), conversation.clone()));
            if first.0 == event.tenant && first.1 == *conversation {
                self.plan.events.insert(event.id.clone());
            }
        }
        let partition = match self.keys.get(&key) {
            Some(partition) => *partition,
            None => self.partition(key_of_order.map(|key_of_order| (event.tenant.clone(), key_of_order))),
        };
        self.keys.insert(key.clone(), partition);
        self.push(partition, InboundTask::Handle { key, event: Box::new(event), reference });
    }

    fn keep_event(&mut self, tenant: Result<TenantId, Error>, event: RoutedEvent, why: &str, kind: ErrorKind, reason: &'static str) {
        let poison = tenant.and_then(|tenant| Poison::event(&self.stamp(tenant, event).0, why, kind, reason));
        self.keep(poison);
    }

    fn keep(&mut self, poison: Result<Poison, Error>) {
        let task = poison.map_or(InboundTask::Wait, |poison| InboundTask::Keep(Box::new(poison)));
        let partition = match &task {
            InboundTask::Keep(poison) => self.keys.get(&poison.key).copied(),
            _ => None,
        };
        let partition = partition.unwrap_or_else(|| self.partition(None));
        if let InboundTask::Keep(poison) = &task {
            self.keys.insert(poison.key.clone(), partition);
        }
        self.push(partition, task);
    }

    fn partition(&mut self, key_of_order: Option<(TenantId, OrderingKey)>) -> usize {
        let next = self.plan.partitions.len();
        let partition = match key_of_order.map(|key_of_order| self.by_order.entry(key_of_order)) {
            Some(hash_map::Entry::Occupied(partition)) => *partition.get(),
            Some(hash_map::Entry::Vacant(place)) => *place.insert(next),
            None => next,
        };
        if partition == next {
            self.plan.partitions.push(vec![]);
        }
        partition
    }

    fn push(&mut self, partition: usize, task: InboundTask) {
        if let Some(partition) = self.plan.partitions.get_mut(partition) {
            partition.push(task);
            self.plan.tasks += 1;
        }
    }

    /// Says whose event it is and when it came.
    fn stamp(&self, tenant: TenantId, event: RoutedEvent) -> (InboundEvent, Option<ProviderKey>) {
        let strategy = &self.entry.name;
        // A strategy without a key of its own must not make all its events one: the bytes tell them apart.
        let dedupe_key = if event.dedup.is_empty() {
            DedupeKey::of(&tenant, strategy, &format!("raw|{}", digest(&event.raw)))
        } else {
            DedupeKey::of(&tenant, strategy, &event.dedup)
        };
        let stamped = InboundEvent {
            id: dedupe_key.event_id(),
            tenant,
            strategy: strategy.clone(),
            channel: self.entry.descriptor.channel,
            occurred_at_ms: event.occurred_at_ms,
            received_at_ms: self.received_at_ms,
            dedupe_key,
            from: event.from,
            to: event.to,
            conversation: event.conversation,
            provider_ids: event.provider_ids,
            event: event.event,
            context: event.context,
            raw: event.raw,
        };
        (stamped, event.reference)
    }
}

fn ordering_key(event: &RoutedEvent) -> Option<OrderingKey> {
    match (&event.conversation, &event.event) {
        (Some(conversation), _) => Some(OrderingKey::Conversation(conversation.clone())),
        (None, Event::Status(status)) if !status.target.is_empty() => Some(OrderingKey::Message(status.target.clone())),
        _ => None,
    }
}

/// What stands for a payload that a strategy could not read at all.
pub(super) fn unreadable(body: &Bytes) -> Vec<Result<RoutedEvent, ElementError>> {
    vec![Err(ElementError::new("", "the strategy panicked while it read the payload", body.clone()))]
}
