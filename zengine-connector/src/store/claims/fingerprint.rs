//! Fingerprints of messages.

use std::{borrow::Cow, fmt};

use minicbor::{Decoder, Encoder, decode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    hex,
    keyring::KeyId,
    store::cbor::{Cbor, Unread, record},
};

record! {
    /// A keyed fingerprint of a message, with its encoding version and key id. Two are compared only if both are the same
    /// (rule 23).
    #[derive(Debug)]
    pub struct Fingerprint {
        /// The value.
        1 required pub value: FingerprintValue,
        /// Version of the message's encoding.
        2 required pub version: u32,
        /// Id of the key.
        3 required pub key_id: KeyId,
    }
}

impl Fingerprint {
    /// A fingerprint.
    pub fn new(value: impl Into<FingerprintValue>, version: u32, key_id: impl Into<KeyId>) -> Self {
        Self { value: value.into(), version, key_id: key_id.into(), unread: Unread::default() }
    }

    /// Compares the values. `None` if the two cannot be compared.
    pub fn compare(&self, other: &Self) -> Option<bool> {
        (self.version == other.version && self.key_id == other.key_id).then(|| self.value == other.value)
    }

    /// Returns `true` if the messages differ. Fingerprints that cannot be compared count as equal.
    pub fn differs(&self, other: &Self) -> bool {
        self.compare(other) == Some(false)
    }
}

/// The value of a fingerprint: 128 bits. 32 hexadecimal digits in JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FingerprintValue([u8; 16]);

impl From<[u8; 16]> for FingerprintValue {
    fn from(bits: [u8; 16]) -> Self {
        Self(bits)
    }
}

impl fmt::Display for FingerprintValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(hex::text(&hex::encode(self.0)))
    }
}

impl fmt::Debug for FingerprintValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FingerprintValue({self})")
    }
}

impl Serialize for FingerprintValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(hex::text(&hex::encode(self.0)))
    }
}

impl<'de> Deserialize<'de> for FingerprintValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        hex::parse(&text).map(Self).ok_or_else(|| serde::de::Error::custom("a fingerprint is 32 hexadecimal digits"))
    }
}

impl Cbor for FingerprintValue {
    fn write(&self, to: &mut Encoder<Vec<u8>>) {
        self.0.write(to);
    }

    fn read(from: &mut Decoder<'_>) -> Result<Self, decode::Error> {
        Cbor::read(from).map(Self)
    }
}
