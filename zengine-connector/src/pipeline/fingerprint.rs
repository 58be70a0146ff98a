//! Message identity: a keyed fingerprint of all that the recipient would notice (rule 23).

use std::sync::Arc;

use super::job::{HostCall, Identified};
use crate::{
    error::{Error, ErrorKind},
    keyring::Key,
    message::Prepared,
    store::{ClaimRecord, Fingerprint},
    strategy::DynOutbound,
};

/// Version of the encoding.
const VERSION: u32 = 1;

impl HostCall<'_> {
    /// The fingerprint of the call's message under a key.
    pub(super) fn fingerprint(&self, outbound: &dyn DynOutbound, message: &Prepared<'_>, key: &Key) -> Result<Fingerprint, Error> {
        let mut noticed = Vec::with_capacity(512);
        outbound.encode(message, &mut noticed)?;
        let mut value = [0; 16];
        // All messages with an empty encoding are equal; they need no hash.
        if !noticed.is_empty() {
            let fingerprint = key.fingerprint(&[self.tenant.as_str().as_bytes(), &noticed]);
            value.copy_from_slice(&fingerprint[..16]);
        }
        Ok(Fingerprint::new(value, VERSION, Arc::clone(key.key_id())))
    }
}

impl Identified<'_> {
    /// Returns an error if the stored fingerprint is that of another message, in every state of the record. Compares under the record's
    /// own key, so a key rotation neither causes nor hides a mismatch. Fingerprints that cannot be compared count as equal.
    pub(crate) fn refuse_mismatch(&self, stored: &Fingerprint) -> Result<(), Error> {
        let same = match self.fingerprint.compare(stored) {
            Some(same) => same,
            None => self.same_under_old_key(stored)?,
        };
        if same {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Mismatch, "another message has this client message id").with_context("strategy", &self.entry.name))
    }

    /// Our fingerprint as the record as last seen has it, which may be under an older key: a store refuses any other. A record whose
    /// time is over lends none.
    pub(crate) fn fingerprint_on(&self, seen: Option<&ClaimRecord>) -> Fingerprint {
        let present = seen.filter(|record| record.is_present(self.clock().ms()));
        let stored = present.map(|record| &record.fingerprint).filter(|stored| self.refuse_mismatch(stored).is_ok());
        stored.unwrap_or(&self.fingerprint).clone()
    }

    fn same_under_old_key(&self, stored: &Fingerprint) -> Result<bool, Error> {
        let Some(key) = self.engine().keys.by_id(&stored.key_id).filter(|_| stored.version == VERSION) else {
            tracing::warn!(
                tenant_id = %self.tenant(), strategy = %self.entry.name, client_message_id = %self.id(),
                key_id = %stored.key_id, version = stored.version, "dedup.fingerprint_not_comparable"
            );
            return Ok(true);
        };
        Ok(self.call.fingerprint(self.outbound, &self.message, &key)?.value == stored.value)
    }
}
