//! Routing: the tenants that each element of a payload leads to.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use super::{
    bounds,
    identity::Identity,
    poison::{Unrouted, key_of},
};
use crate::{
    ids::{RouteKey, TenantId},
    message::{ElementError, InboundEvent},
    orchestrator::InboundSettings,
    pipeline::Engine,
    registry::{CacheUse, RegisteredStrategy},
    strategy::{DynInbound, Principal, ProviderKey, RawPayload, RoutedEvent},
};

/// One element of a payload, routed. An event that belongs to several tenants is one for each.
pub(super) enum Routed {
    /// An event of a tenant.
    Event(Stamped),
    /// An event that no tenant gets.
    Unrouted(Box<RoutedEvent>, Unrouted),
    /// An element that cannot be read.
    Unreadable(ElementError),
}

/// An event of a tenant, and what its record and its evidence need of it.
pub(super) struct Stamped {
    pub(super) event: Box<InboundEvent>,
    /// The key of our send that it echoes.
    pub(super) reference: Option<ProviderKey>,
    pub(super) identity: Option<Box<Identity>>,
    /// The life of its conversation.
    pub(super) life: Option<String>,
}

/// Time without an answer after which one request asks the directory no further. A directory that hangs costs one look-up's
/// time, not one per key; one that is slow and answers is asked for every key.
const UNANSWERED: Duration = Duration::from_secs(5);

/// Routes the elements of one request.
pub(super) struct Router<'a> {
    pub(super) engine: &'a Arc<Engine>,
    pub(super) entry: &'a RegisteredStrategy,
    pub(super) principal: &'a Principal,
    pub(super) received_at_ms: i64,
    /// Cache use of the first look-up. Only an event of a verified payload without a tenant is looked up again, with `again`.
    cache_use: CacheUse,
    again: CacheUse,
    /// One answer per key and request, so that all events of a conversation see the same answer of the directory, and whether it
    /// came from the cache.
    routes: HashMap<RouteKey, (Option<Vec<TenantId>>, bool)>,
    /// Time spent on look-ups that gave no answer.
    unanswered: Duration,
}

impl<'a> Router<'a> {
    pub(super) fn new(engine: &'a Arc<Engine>, entry: &'a RegisteredStrategy, principal: &'a Principal, received_at_ms: i64) -> Self {
        let (cache_use, again) = (CacheUse::Answers, CacheUse::Bypass);
        Self { engine, entry, principal, received_at_ms, cache_use, again, routes: HashMap::new(), unanswered: Duration::ZERO }
    }

    /// A router for a replay: no cached answer hides a tenant that was added a moment ago.
    pub(super) fn replaying(engine: &'a Arc<Engine>, entry: &'a RegisteredStrategy, principal: &'a Principal, received_at_ms: i64) -> Self {
        Self { again: CacheUse::Never, ..Self::new(engine, entry, principal, received_at_ms) }
    }

    /// A router for a payload that was not verified.
    pub(super) fn unverified(engine: &'a Arc<Engine>, entry: &'a RegisteredStrategy, received_at_ms: i64) -> Self {
        Self { cache_use: CacheUse::AnswersAndFailures, ..Self::new(engine, entry, &Principal::Shared, received_at_ms) }
    }

    /// Reads a payload within its bounds, and routes its elements, in order.
    pub(super) async fn read(&mut self, settings: &InboundSettings, inbound: &dyn DynInbound, payload: &RawPayload) -> Vec<Routed> {
        let elements = bounds::elements(settings, inbound, payload);
        let mut routed = Vec::with_capacity(elements.len());
        for element in elements {
            match element {
                Ok(event) => self.route(event, &mut routed).await,
                Err(error) => routed.push(Routed::Unreadable(error)),
            }
            // An event is one for each of its tenants, so the bound of the elements holds here again.
            if routed.len() > settings.max_elements {
                return vec![Routed::Unreadable(bounds::too_many(payload))];
            }
        }
        routed
    }

    /// Routes one event.
    pub(super) async fn route(&mut self, event: RoutedEvent, into: &mut Vec<Routed>) {
        match self.owners(&event).await {
            Ok(tenants) => {
                let copies = std::iter::repeat_n(event, tenants.len());
                for (tenant, event) in tenants.into_iter().zip(copies) {
                    into.push(Routed::Event(self.stamp(tenant, event)));
                }
            }
            Err(why) => into.push(Routed::Unrouted(Box::new(event), why)),
        }
    }

    async fn owners(&mut self, event: &RoutedEvent) -> Result<Vec<TenantId>, Unrouted> {
        match self.owners_by(event, self.cache_use).await {
            // The tenant may be newer than the cached answer. Skip the second look-up if the directory did not answer.
            Err(Unrouted::Unroutable | Unrouted::Foreign | Unrouted::Ambiguous) if self.cache_use == CacheUse::Answers => {
                self.owners_by(event, self.again).await
            }
            known => known,
        }
    }

    async fn owners_by(&mut self, event: &RoutedEvent, cache_use: CacheUse) -> Result<Vec<TenantId>, Unrouted> {
        let mut found = None;
        for key in &event.routes {
            let tenants = self.look_up(key, cache_use).await.ok_or(Unrouted::NoAnswer)?;
            if !tenants.is_empty() {
                found = Some(tenants);
                break;
            }
        }
        match (self.principal, found) {
            // No route claims the event, and the tenant's own credentials authenticated it.
            (Principal::Tenant(tenant), None) => Ok(vec![tenant.clone()]),
            (Principal::Tenant(tenant), Some(tenants)) if tenants.contains(tenant) => Ok(vec![tenant.clone()]),
            (Principal::Tenant(_), Some(_)) => Err(Unrouted::Foreign),
            (Principal::Shared, None) => Err(Unrouted::Unroutable),
            (Principal::Shared, Some(tenants)) if tenants.len() == 1 || event.fan_out => Ok(tenants),
            (Principal::Shared, Some(_)) => Err(Unrouted::Ambiguous),
        }
    }

    async fn look_up(&mut self, key: &RouteKey, cache_use: CacheUse) -> Option<Vec<TenantId>> {
        let remembered = self.routes.get(key).cloned();
        match &remembered {
            Some((known, cached)) if !cache_use.bypasses() || !cached => return known.clone(),
            _ => {}
        }
        if self.unanswered >= UNANSWERED {
            self.routes.entry(key.clone()).or_insert((None, false));
            return None;
        }
        let asked = self.engine.clock.monotonic();
        let answer = self.engine.tenants.route(&self.entry.name, key, cache_use).await;
        let found: Option<Vec<_>> = match answer.result {
            Ok(tenants) => {
                let mut seen = HashSet::new();
                Some(tenants.iter().filter(|tenant| seen.insert(*tenant)).cloned().collect())
            }
            Err(error) => {
                self.unanswered += self.engine.clock.monotonic().saturating_sub(asked);
                tracing::warn!(strategy = %self.entry.name, route = key.kind(), error = %error, "inbound.route_unavailable");
                None
            }
        };
        // Keep the earlier answer for the request's other events if the directory does not answer this time.
        let kept = match (&found, remembered) {
            (None, Some((known, _))) => (known, false),
            _ => (found.clone(), answer.cached && !cache_use.bypasses()),
        };
        self.routes.insert(key.clone(), kept);
        found
    }

    /// Adds the tenant and the time of receipt to an event.
    pub(super) fn stamp(&self, tenant: TenantId, event: RoutedEvent) -> Stamped {
        let strategy = &self.entry.name;
        let dedupe_key = key_of(&tenant, strategy, &event);
        let identity = Identity::of(&event);
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
            sender: event.sender,
            sequence: event.sequence,
            source: event.source,
            provider_ids: event.provider_ids,
            event: event.event,
            context: event.context,
            raw: event.raw,
        };
        Stamped { event: Box::new(stamped), reference: event.reference, identity, life: event.life }
    }
}
