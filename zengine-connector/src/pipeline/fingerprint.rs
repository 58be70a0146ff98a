//! Message identity: a keyed fingerprint of all that the recipient would notice (rule 23).

use std::sync::Arc;

use crate::{
    error::{Error, ErrorKind},
    ids::{ClientMessageId, StrategyName, TenantId},
    keyring::{Key, KeyRing},
    message::Prepared,
    store::Fingerprint,
    strategy::DynOutbound,
};

/// Version of the encoding.
const VERSION: u32 = 1;

/// The input of a message's fingerprint.
#[derive(Clone, Copy)]
pub(crate) struct Content<'a> {
    pub(crate) keys: &'a dyn KeyRing,
    pub(crate) tenant: &'a TenantId,
    pub(crate) strategy: &'a StrategyName,
    pub(crate) id: &'a ClientMessageId,
    pub(crate) outbound: &'a dyn DynOutbound,
    pub(crate) message: &'a Prepared<'a>,
}

impl Content<'_> {
    /// The fingerprint under the current key.
    pub(crate) fn fingerprint(&self) -> Result<Fingerprint, Error> {
        self.under(&self.keys.current())
    }

    fn under(&self, key: &Key) -> Result<Fingerprint, Error> {
        let mut noticed = Vec::with_capacity(512);
        self.outbound.encode(self.message, &mut noticed)?;
        let mut value = [0; 16];
        // All messages with an empty encoding are equal; they need no hash.
        if !noticed.is_empty() {
            let fingerprint = key.fingerprint(&[self.tenant.as_str().as_bytes(), &noticed]);
            value.copy_from_slice(&fingerprint[..16]);
        }
        Ok(Fingerprint::new(value, VERSION, Arc::clone(key.key_id())))
    }

    /// Returns an error if another message has the same id, in every state of the record. Compares under the record's own
    /// key, so a key rotation neither causes nor hides a mismatch. Fingerprints that cannot be compared count as equal.
    pub(crate) fn refuse_mismatch(&self, ours: &Fingerprint, stored: &Fingerprint) -> Result<(), Error> {
        let same = match ours.compare(stored) {
            Some(same) => same,
            None => self.same_under_old_key(stored)?,
        };
        if same {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Mismatch, "another message has this client message id").with_context("strategy", self.strategy))
    }

    fn same_under_old_key(&self, stored: &Fingerprint) -> Result<bool, Error> {
        let Some(key) = self.keys.by_id(&stored.key_id).filter(|_| stored.version == VERSION) else {
            tracing::warn!(
                tenant_id = %self.tenant, strategy = %self.strategy, client_message_id = %self.id,
                key_id = %stored.key_id, version = stored.version, "dedup.fingerprint_not_comparable"
            );
            return Ok(true);
        };
        Ok(self.under(&key)?.value == stored.value)
    }
}
