//! Poison: events that can never be handled become encrypted dead letters, so that nothing from a provider is dropped.

use std::sync::Arc;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    error::{Error, ErrorKind, Reach},
    ids::{FailureId, RouteKey, StrategyName, TenantId},
    message::{DedupeKey, ElementError, InboundEvent},
    pipeline::Engine,
    store::{ClaimKey, DeadLetter, LetterDirection, StoredError},
    strategy::{EventEncoding, Principal, ProviderKey, RoutedEvent},
};

/// An event or element that can never be handled.
pub(super) struct Poison {
    /// The tenant. [`DeadLetter::NO_TENANT`] if it is unknown.
    pub(super) tenant: TenantId,
    /// Key that identifies a redelivery.
    pub(super) key: ClaimKey,
    /// Content of the letter, as JSON.
    pub(super) body: Vec<u8>,
    /// Kind of the error.
    pub(super) kind: ErrorKind,
    /// The reason, a literal.
    pub(super) reason: &'static str,
}

impl Poison {
    /// An element that cannot be read. `fingerprint` is that of the whole payload: the same element of the same payload is one
    /// letter, and equal elements at two positions are two.
    pub(super) fn element(principal: &Principal, strategy: &StrategyName, error: &ElementError, fingerprint: &str) -> Result<Self, Error> {
        #[derive(Serialize)]
        struct Form<'a> {
            #[serde(flatten)]
            error: &'a ElementError,
            shared: bool,
        }
        let (tenant, shared) = (principal_tenant(principal)?, *principal == Principal::Shared);
        let dedup = format!("element|{fingerprint}|{}|{}", error.path, digest(&error.raw));
        Ok(Self {
            key: key(&tenant, strategy, &dedup),
            tenant,
            body: json(&Form { error, shared })?,
            kind: ErrorKind::MessageInvalid,
            reason: error.reason,
        })
    }

    /// An event that no tenant gets. The letter holds what a replay needs to route it again. `why` keeps its record separate
    /// from that of the same event if it is handled later.
    pub(super) fn event(event: &InboundEvent, routing: &Routing, why: Unrouted) -> Result<Self, Error> {
        #[derive(Serialize)]
        struct Form<'a> {
            #[serde(flatten)]
            event: &'a InboundEvent,
            routing: &'a Routing,
        }
        let (name, kind, reason) = why.facts();
        let key = key(&event.tenant, &event.strategy, &format!("{name}|{}", event.dedupe_key));
        Ok(Self { tenant: event.tenant.clone(), key, body: json(&Form { event, routing })?, kind, reason })
    }

    /// An event that its handler refused for good.
    pub(super) fn handled(event: &InboundEvent, key: ClaimKey, kind: ErrorKind, reason: &'static str) -> Result<Self, Error> {
        Ok(Self { tenant: event.tenant.clone(), key, body: json(event)?, kind, reason })
    }

    /// Stores the letter. Its id is derived from the record's key, so storing it twice has no further effect.
    pub(super) async fn keep(&self, engine: &Arc<Engine>, strategy: &StrategyName) -> Result<(), Error> {
        let id = FailureId::of_poison(&self.key);
        let place = (&self.tenant, strategy, id);
        let mut letter = DeadLetter::new(LetterDirection::Inbound, place, "poison", engine.now_ms());
        letter.last_error = Some(StoredError::new(self.kind, Reach::Processed, self.reason));
        let letter = letter.seal(&*engine.keys, &*engine.rng, &self.body)?;
        engine.stores.put_letter(&letter).await?;
        tracing::warn!(
            tenant_id = DeadLetter::known_tenant(&self.tenant),
            strategy = %strategy,
            failure_id = %letter.failure_id,
            reason = self.reason,
            "inbound.poison"
        );
        Ok(())
    }
}

/// The reason for which no tenant gets an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unrouted {
    /// No route leads to a tenant.
    Unroutable,
    /// Several tenants have a key that must belong to one. Guessing would show one tenant's messages to another.
    Ambiguous,
    /// The route leads to tenants that did not authenticate the request.
    Foreign,
    /// The directory does not answer, so the event must be delivered again.
    NoAnswer,
}

impl Unrouted {
    /// The name in the key of a dead letter, the kind of its error, and the reason in it.
    pub(super) const fn facts(self) -> (&'static str, ErrorKind, &'static str) {
        match self {
            Self::Unroutable => ("unroutable", ErrorKind::UnknownTenant, "unknown tenant: no tenant has any of the event's routes"),
            Self::Ambiguous => ("ambiguous", ErrorKind::Settings, "ambiguous tenant: several tenants have a route that must belong to one"),
            Self::Foreign => {
                ("foreign", ErrorKind::Forbidden, "the event's routes belong to a tenant that did not authenticate the request")
            }
            Self::NoAnswer => ("no_answer", ErrorKind::Store, "the tenant directory does not answer"),
        }
    }
}

/// The members of an event that lead it to its tenant. They stand in the encrypted body of a letter: a route may be the
/// token of an endpoint, and the key may name a person.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Routing {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    routes: Vec<RouteKey>,
    /// The strategy's own key. Empty if it gives none.
    dedup: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    fan_out: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<StoredEncoding>,
    /// Whether the endpoint of all tenants vouched for the event. It stands in the encrypted body, because a letter's tenant
    /// is a name that a customer may have too.
    pub(super) shared: bool,
}

/// An encoding in a letter.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredEncoding {
    version: u32,
    bytes: String,
}

impl Routing {
    pub(super) fn of(event: &RoutedEvent, principal: &Principal) -> Self {
        Self {
            shared: *principal == Principal::Shared,
            routes: event.routes.clone(),
            dedup: event.dedup.clone(),
            reference: event.reference.as_ref().map(|key| key.as_str().to_owned()),
            fan_out: event.fan_out,
            fingerprint: event
                .fingerprint
                .as_ref()
                .map(|encoding| StoredEncoding { version: encoding.version, bytes: STANDARD.encode(&encoding.bytes) }),
        }
    }

    /// The event as `normalize` returned it.
    pub(super) fn restore(self, event: InboundEvent) -> RoutedEvent {
        let mut routed = RoutedEvent::new(event.event, self.dedup, event.raw);
        (routed.routes, routed.fan_out) = (self.routes, self.fan_out);
        routed.reference = self.reference.map(ProviderKey::echoed);
        routed.fingerprint =
            self.fingerprint.and_then(|stored| Some(EventEncoding::new(stored.version, STANDARD.decode(stored.bytes).ok()?)));
        (routed.from, routed.to, routed.conversation) = (event.from, event.to, event.conversation);
        (routed.sender, routed.sequence, routed.source) = (event.sender, event.sequence, event.source);
        (routed.context, routed.provider_ids, routed.occurred_at_ms) = (event.context, event.provider_ids, event.occurred_at_ms);
        routed
    }
}

/// The key of an event by the strategy's own one. If it gives none, the hash of the bytes keeps its events apart: without the
/// space around them, which a letter does not keep.
pub(super) fn key_of(tenant: &TenantId, strategy: &StrategyName, event: &RoutedEvent) -> DedupeKey {
    if event.dedup.is_empty() {
        DedupeKey::of_core(tenant, strategy, &format!("raw|{}", digest(event.raw.trim_ascii())))
    } else {
        DedupeKey::of(tenant, strategy, &event.dedup)
    }
}

/// The tenant that authenticated the request.
pub(super) fn principal_tenant(principal: &Principal) -> Result<TenantId, Error> {
    match principal {
        Principal::Tenant(tenant) => Ok(tenant.clone()),
        Principal::Shared => unknown_tenant(),
    }
}

/// The placeholder for an unknown tenant.
pub(super) fn unknown_tenant() -> Result<TenantId, Error> {
    TenantId::new(DeadLetter::NO_TENANT)
}

/// SHA-256 of the bytes, base64url without padding.
pub(super) fn digest(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

fn key(tenant: &TenantId, strategy: &StrategyName, dedup: &str) -> ClaimKey {
    ClaimKey::inbound(tenant, strategy, &DedupeKey::of_core(tenant, strategy, dedup))
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::from_json(ErrorKind::Unexpected, "an inbound event has no JSON form", &error))
}
