//! What makes two messages the same: a keyed fingerprint of what the recipient would notice (rule 23).

use crate::{
    error::{Error, ErrorKind},
    hex::hex,
    ids::{StrategyName, TenantId},
    keyring::{Key, KeyRing},
    message::Prepared,
    registry::DynOutbound,
    store::Fingerprint,
};

/// The version of the encoding.
const VERSION: u32 = 1;

/// A message, as far as it can be told from others.
#[derive(Clone, Copy)]
pub(crate) struct Content<'a> {
    pub(crate) keys: &'a dyn KeyRing,
    pub(crate) tenant: &'a TenantId,
    pub(crate) strategy: &'a StrategyName,
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
        let fingerprint = key.fingerprint(&[self.tenant.as_str().as_bytes(), &noticed]);
        Ok(Fingerprint::new(hex(&fingerprint[..16]), VERSION, key.id()))
    }

    /// Another message under the same id is an error in every state. Compared under the record's own key, so that a
    /// rotation neither makes nor hides one; what cannot be compared counts as the same.
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
            tracing::warn!(key_id = %stored.key_id, version = stored.version, "dedup.fingerprint_not_comparable");
            return Ok(true);
        };
        Ok(self.under(&key)?.value == stored.value)
    }
}
