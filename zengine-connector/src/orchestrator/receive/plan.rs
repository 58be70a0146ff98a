//! Routing of events to tenants, and their order.

use std::{
    collections::{HashMap, HashSet, hash_map},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;

use super::poison::{Poison, Routing, dedup_of, digest, unknown_tenant};
use crate::{
    error::{Error, ErrorKind},
    ids::{ConversationId, RouteKey, TenantId},
    message::{DedupeKey, ElementError, Event, InboundEvent},
    pipeline::Engine,
    registry::RegisteredStrategy,
    store::ClaimKey,
    strategy::{Principal, ProviderKey, RawPayload, RoutedEvent},
};

/// One task of a request.
pub(super) enum InboundTask {
    /// Hand an event to its tenant's handler.
    Handle { key: ClaimKey, event: Box<InboundEvent>, reference: Option<ProviderKey> },
    /// Store a dead letter for an event that cannot be handled.
    Keep(Box<Poison>),
    /// The tenant cannot be determined at present, so the event must be delivered again.
    Wait,
}

/// The tasks of one request. Partitions run concurrently, the tasks of a partition in order.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) partitions: Vec<Vec<InboundTask>>,
    /// Number of tasks.
    pub(super) tasks: usize,
    /// The conversation of a synchronous response: the first one in the request.
    pub(super) conversation: Option<(TenantId, ConversationId)>,
    /// Ids of the events in that conversation.
    pub(super) events: HashSet<String>,
}

/// The tenants that an event belongs to.
enum Owner {
    Tenants(Vec<TenantId>),
    /// No route leads to a tenant.
    Unknown,
    /// Several tenants have a key that must belong to one. Guessing would show one tenant's messages to another.
    Ambiguous,
    /// The route leads to tenants that did not authenticate the request.
    Foreign,
    /// The directory does not answer.
    NoAnswer,
}

const UNROUTABLE: &str = "unknown tenant: no tenant has any of the event's routes";
const AMBIGUOUS: &str = "ambiguous tenant: several tenants have a route that must belong to one";
const FOREIGN: &str = "the event's routes belong to a tenant that did not authenticate the request";
const NO_ANSWER: &str = "the tenant directory does not answer";

/// Time without an answer after which one request asks the directory no further. A directory that hangs costs one look-up's
/// time, not one per key; one that is slow and answers is asked for every key.
const UNANSWERED: Duration = Duration::from_secs(5);

pub(super) struct Planner<'a> {
    engine: &'a Arc<Engine>,
    entry: &'a RegisteredStrategy,
    principal: &'a Principal,
    received_at_ms: i64,
    /// One answer per key and request, so that all events of a conversation see the same answer of the directory.
    routes: HashMap<RouteKey, Option<Vec<TenantId>>>,
    /// Time spent on look-ups that gave no answer.
    unanswered: Duration,
    /// Partitions by ordering key.
    by_order: HashMap<(TenantId, OrderingKey), usize>,
    /// Partitions by event, so that a repeated event in one request waits for the first one.
    keys: HashMap<ClaimKey, usize>,
    plan: Plan,
}

#[derive(PartialEq, Eq, Hash)]
enum OrderingKey {
    Conversation(ConversationId),
    /// The statuses of one message, for events without a conversation.
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
                        Principal::Shared => unknown_tenant(),
                    };
                    let poison = tenant.and_then(|tenant| Poison::element(tenant, &self.entry.name, &error, body));
                    self.keep(poison);
                }
            }
        }
        self.plan
    }

    /// The plan for one event of a dead letter, which is routed again.
    pub(super) async fn replay(mut self, event: RoutedEvent) -> Plan {
        self.event(event).await;
        self.plan
    }

    /// The events as their tenants would get them, in order. Events without a tenant belong to `unrouted`, if given.
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
                (Owner::Unknown, Some(tenant)) => (vec![tenant.clone()], ""),
                (Owner::Unknown, None) => (vec![], UNROUTABLE),
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
            // In a partition of its own: all events of its conversation have the same routes and wait too.
            Owner::NoAnswer => {
                let partition = self.partition(None);
                self.push(partition, InboundTask::Wait);
            }
            Owner::Unknown => {
                self.keep_event(unknown_tenant(), event, "unroutable", ErrorKind::UnknownTenant, UNROUTABLE);
            }
            Owner::Ambiguous => {
                self.keep_event(unknown_tenant(), event, "ambiguous", ErrorKind::Settings, AMBIGUOUS);
            }
            Owner::Foreign => {
                let tenant = match self.principal {
                    Principal::Tenant(tenant) => Ok(tenant.clone()),
                    Principal::Shared => unknown_tenant(),
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
            // No route claims the event, and the tenant's own credentials authenticated it.
            (Principal::Tenant(tenant), None) => Owner::Tenants(vec![tenant.clone()]),
            (Principal::Tenant(tenant), Some(tenants)) if tenants.contains(tenant) => Owner::Tenants(vec![tenant.clone()]),
            (Principal::Tenant(_), Some(_)) => Owner::Foreign,
            (Principal::Shared, None) => Owner::Unknown,
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
        let order = ordering_key(&event);
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
            None => self.partition(order.map(|order| (event.tenant.clone(), order))),
        };
        self.keys.insert(key.clone(), partition);
        self.push(partition, InboundTask::Handle { key, event: Box::new(event), reference });
    }

    fn keep_event(&mut self, tenant: Result<TenantId, Error>, event: RoutedEvent, why: &str, kind: ErrorKind, reason: &'static str) {
        let routing = Routing::of(&event);
        let poison = tenant.and_then(|tenant| Poison::event(&self.stamp(tenant, event).0, &routing, why, kind, reason));
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

    fn partition(&mut self, order: Option<(TenantId, OrderingKey)>) -> usize {
        let next = self.plan.partitions.len();
        let partition = match order.map(|order| self.by_order.entry(order)) {
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

    /// Adds the tenant and the time of receipt to an event.
    fn stamp(&self, tenant: TenantId, event: RoutedEvent) -> (InboundEvent, Option<ProviderKey>) {
        let strategy = &self.entry.name;
        let dedupe_key = DedupeKey::of(&tenant, strategy, &dedup_of(&event));
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

/// The elements of a payload whose reading panicked.
pub(super) fn unreadable(body: &Bytes) -> Vec<Result<RoutedEvent, ElementError>> {
    vec![Err(ElementError::new("", "the strategy panicked while it read the payload", body.clone()))]
}
