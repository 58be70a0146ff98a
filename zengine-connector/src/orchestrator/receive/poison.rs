//! What can never be handled is kept as a dead letter, encrypted: nothing that a provider delivered is dropped.

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

/// Something that can never be handled.
pub(super) struct Poison {
    /// Whose it is; [`DeadLetter::NO_TENANT`] where nobody knows.
    pub(super) tenant: TenantId,
    /// Recognises a redelivery of it.
    pub(super) key: ClaimKey,
    /// What is kept, as JSON.
    pub(super) body: Vec<u8>,
    /// The class of the fault.
    pub(super) kind: ErrorKind,
    /// Why, in a literal.
    pub(super) reason: &'static str,
}

impl Poison {
    /// An element that could not be read. `body` is the whole payload: the same element of the same payload is the same
    /// poison, and equal elements at two places are two.
    pub(super) fn element(tenant: TenantId, strategy: &StrategyName, error: &ElementError, fingerprint: &str) -> Result<Self, Error> {
        let dedup = format!("element|{fingerprint}|{}|{}", error.path, digest(&error.raw));
        Ok(Self { key: key(&tenant, strategy, &dedup), tenant, body: json(error)?, kind: ErrorKind::MessageInvalid, reason: error.reason })
    }

    /// An event that belongs to nobody, or to somebody who may not have it. `why` keeps its record apart from that of the
    /// same event once it is handled.
    pub(super) fn event(event: &InboundEvent, why: &str, kind: ErrorKind, reason: &'static str) -> Result<Self, Error> {
        let key = key(&event.tenant, &event.strategy, &format!("{why}|{}", event.dedupe_key));
        Ok(Self { tenant: event.tenant.clone(), key, body: json(event)?, kind, reason })
    }

    /// An event that its handler can never handle.
    pub(super) fn handled(event: &InboundEvent, key: ClaimKey, kind: ErrorKind, reason: &'static str) -> Result<Self, Error> {
        Ok(Self { tenant: event.tenant.clone(), key, body: json(event)?, kind, reason })
    }

    /// Stores it. The letter's name follows from the record's key, so that storing it twice is storing it once.
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

/// Stands for the tenant where nobody knows it.
pub(super) fn nobody() -> Result<TenantId, Error> {
    TenantId::new(DeadLetter::NO_TENANT)
}

/// Recognises bytes without keeping them.
pub(super) fn digest(bytes: &Bytes) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

fn key(tenant: &TenantId, strategy: &StrategyName, dedup: &str) -> ClaimKey {
    ClaimKey::inbound(tenant, strategy, &DedupeKey::of(tenant, strategy, dedup))
}

fn json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::from_json(ErrorKind::Unexpected, "an inbound event has no JSON form", &error))
}
