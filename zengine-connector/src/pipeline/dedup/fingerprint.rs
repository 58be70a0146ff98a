//! What makes two messages the same: a keyed fingerprint of what the recipient would notice (rule 23).

use crate::{error::Error, hex::hex, ids::TenantId, keyring::Key, message::Prepared, registry::DynOutbound, store::Fingerprint};

/// The version of the encoding.
const VERSION: u32 = 1;

/// The fingerprint of a message for a tenant, with a key.
pub(crate) fn fingerprint(key: &Key, tenant: &TenantId, outbound: &dyn DynOutbound, message: &Prepared<'_>) -> Result<Fingerprint, Error> {
    let mut hasher = key.hasher(tenant.as_str().as_bytes());
    outbound.encode(message, &mut hasher)?;
    Ok(Fingerprint::new(hex(&hasher.finish()[..16]), VERSION, key.id()))
}
