//! Poison: events that can never be handled become encrypted dead letters, so that nothing from a provider is dropped.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::{
    error::{Error, ErrorKind, Reach},
    ids::{FailureId, StrategyName, TenantId},
    message::{DedupeKey, ElementError, InboundEvent},
    pipeline::Engine,
    store::{ClaimKey, DeadLetter, LetterDirection, StoredError},
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
    pub(super) fn element(tenant: TenantId, strategy: &StrategyName, error: &ElementError, fingerprint: &str) -> Result<Self, Error> {
        let dedup = format!("element|{fingerprint}|{}|{}", error.path, digest(&error.raw));
        Ok(Self { key: key(&tenant, strategy, &dedup), tenant, body: json(error)?, kind: ErrorKind::MessageInvalid, reason: error.reason })
    }

    /// An event without a tenant, or of a tenant that must not get it. `why` keeps its record separate from that of the same
    /// event if it is handled later.
    pub(super) fn event(event: &InboundEvent, why: &str, kind: ErrorKind, reason: &'static str) -> Result<Self, Error> {
        let key = key(&event.tenant, &event.strategy, &format!("{why}|{}", event.dedupe_key));
        Ok(Self { tenant: event.tenant.clone(), key, body: json(event)?, kind, reason })
    }

    /// An event that its handler refused for good.
    pub(super) fn handled(event: &InboundEvent, key: ClaimKey, kind: ErrorKind, reason: &'static str) -> Result<Self, Error> {
        Ok(Self { tenant: event.tenant.clone(), key, body: json(event)?, kind, reason })
    }

    /// Stores the letter. Its id is derived from the record's key, so storing it twice has no further effect.
    pub(super) async fn keep(&self, engine: &Arc<Engine>, strategy: &StrategyName) -> Result<(), Error> {
        let id = FailureId::of_poison(&self.key);
        let place = (&self.tenant, strategy, id);
        let letter = DeadLetter::sealed((&*engine.keys, &*engine.rng), LetterDirection::Inbound, place, &self.body, engine.now_ms())?
            .poison(StoredError::new(self.kind, Reach::Processed, self.reason));
        engine.stores.put_letter(&letter).await?;
        tracing::warn!(
            tenant_id = %self.tenant,
            strategy = %strategy,
            failure_id = %letter.failure_id,
            reason = self.reason,
            "inbound.poison"
        );
        Ok(())
    }
}

/// The placeholder for an unknown tenant.
pub(super) fn unknown_tenant() -> Result<TenantId, Error> {
    TenantId::new(DeadLetter::NO_TENANT)
}

/// SHA-256 of the bytes, base64url without padding.
pub(super) fn digest(bytes: &Bytes) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

fn key(tenant: &TenantId, strategy: &StrategyName, dedup: &str) -> ClaimKey {
    ClaimKey::inbound(tenant, strategy, &DedupeKey::of(tenant, strategy, dedup))
}

fn json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::from_json(ErrorKind::Unexpected, "an inbound event has no JSON form", &error))
}
