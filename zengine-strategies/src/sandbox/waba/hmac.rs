//! The HMAC that providers sign with.

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The HMAC of a message, in hexadecimal.
pub(in crate::sandbox) fn hmac_sha256(secret: &str, message: &[u8]) -> String {
    // HMAC takes keys of any length, so the default is never used.
    Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .map(|mac| format!("{:x}", Bytes::copy_from_slice(&mac.chain_update(message).finalize().into_bytes())))
        .unwrap_or_default()
}
