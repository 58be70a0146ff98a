//! The fingerprint of an event, which distinguishes events under one dedup key (rule 84).

use std::sync::Arc;

use crate::{
    hex::hex,
    ids::{StrategyName, TenantId},
    keyring::Key,
    message::DedupeKey,
    pipeline::Engine,
    store::Fingerprint,
    strategy::{EventEncoding, RoutedEvent},
};

/// The identity of an event beside its dedup key.
pub(super) struct Identity {
    /// The strategy's own dedup key.
    pub(super) dedup: String,
    encoding: EventEncoding,
}

impl Identity {
    /// The identity of an event whose strategy tells events of one key apart.
    pub(super) fn of(event: &RoutedEvent) -> Option<Box<Self>> {
        let encoding = event.fingerprint.clone()?;
        Some(Box::new(Self { dedup: event.dedup.clone(), encoding }))
    }

    /// The fingerprint under the key ring's current key.
    pub(super) fn fingerprint(&self, engine: &Engine, tenant: &TenantId) -> Fingerprint {
        self.under(tenant, &engine.keys.current())
    }

    fn under(&self, tenant: &TenantId, key: &Key) -> Fingerprint {
        let mut value = [0; 16];
        value.copy_from_slice(&key.fingerprint(&[tenant.as_str().as_bytes(), b"event", &self.encoding.bytes])[..16]);
        Fingerprint::new(value, self.encoding.version, Arc::clone(key.key_id()))
    }

    /// The record's own key, if the record is of another event. What cannot be compared counts as the same (rule 23).
    pub(super) fn differs(&self, engine: &Engine, tenant: &TenantId, stored: &Fingerprint) -> Option<Arc<Key>> {
        let Some(key) = engine.keys.by_id(&stored.key_id).filter(|_| stored.version == self.encoding.version) else {
            tracing::warn!(
                tenant_id = %tenant, key_id = %stored.key_id, version = stored.version,
                "inbound.fingerprint_not_comparable"
            );
            return None;
        };
        (self.under(tenant, &key).value != stored.value).then_some(key)
    }

    /// A dedup key of its own for an event that came under that of another one. Made under the key of the other one's record, so that it
    /// stays the same after a rotation.
    pub(super) fn conflict_key(&self, key: &Key, tenant: &TenantId, strategy: &StrategyName) -> DedupeKey {
        let value = hex(&self.under(tenant, key).value);
        DedupeKey::of_core(tenant, strategy, &format!("conflict|{value}|{}", self.dedup))
    }
}
