//! Fingerprints of messages.

use std::sync::Arc;

use crate::{
    hex::hex,
    store::cbor::{Unread, record},
};

record! {
    /// A keyed fingerprint of a message, with its encoding version and key id. Two are compared only if both are the same
    /// (rule 23).
    pub struct Fingerprint {
        /// The value: 128 bits. 32 hexadecimal digits in JSON.
        #[serde(with = "crate::hex::bits")]
        1 required pub value: [u8; 16],
        /// Version of the message's encoding.
        2 required pub version: u32,
        /// Id of the key.
        3 required pub key_id: Arc<str>,
    }
}

debug_fields!(Fingerprint { value: |it| hex(&it.value), version, key_id });

impl Fingerprint {
    /// A fingerprint.
    pub fn new(value: [u8; 16], version: u32, key_id: impl Into<Arc<str>>) -> Self {
        Self { value, version, key_id: key_id.into(), unread: Unread::default() }
    }

    /// Compares the values. `None` if the two cannot be compared.
    pub fn compare(&self, other: &Self) -> Option<bool> {
        (self.version == other.version && self.key_id == other.key_id).then(|| self.value == other.value)
    }
}
