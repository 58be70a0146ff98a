//! Fingerprints of messages.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{hex, keyring::KeyId};

/// A keyed fingerprint of a message, with its encoding version and key id. Two are compared only if both are the same
/// (rule 23).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fingerprint {
    /// The value.
    pub value: FingerprintValue,
    /// Version of the message's encoding.
    pub version: u32,
    /// Id of the key.
    pub key_id: KeyId,
}

impl Fingerprint {
    /// A fingerprint.
    pub fn new(value: impl Into<FingerprintValue>, version: u32, key_id: impl Into<KeyId>) -> Self {
        Self { value: value.into(), version, key_id: key_id.into() }
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

/// The value of a fingerprint: 128 bits, in records 32 hexadecimal digits. Other text in a record is kept as it is.
#[derive(Clone, PartialEq, Eq)]
pub struct FingerprintValue(Form);

#[derive(Clone, PartialEq, Eq)]
enum Form {
    Bits([u8; 16]),
    /// Never 32 hexadecimal digits, so that each value has one form.
    Text(Box<str>),
}

impl FingerprintValue {
    /// The 128 bits. `None` if the value has another length.
    pub const fn bits(&self) -> Option<[u8; 16]> {
        match self.0 {
            Form::Bits(bits) => Some(bits),
            Form::Text(_) => None,
        }
    }
}

impl From<[u8; 16]> for FingerprintValue {
    fn from(bits: [u8; 16]) -> Self {
        Self(Form::Bits(bits))
    }
}

impl From<&str> for FingerprintValue {
    fn from(text: &str) -> Self {
        Self(hex::parse(text).map_or_else(|| Form::Text(text.into()), Form::Bits))
    }
}

impl fmt::Display for FingerprintValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Bits(bits) => f.write_str(hex::text(&hex::encode(*bits))),
            Form::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for FingerprintValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FingerprintValue({self})")
    }
}

impl Serialize for FingerprintValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Form::Bits(bits) => serializer.serialize_str(hex::text(&hex::encode(*bits))),
            Form::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for FingerprintValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer).map(|text| Self::from(&*text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_any_form_comes_back_as_it_was() {
        for text in ["", "f", &"ab".repeat(16), &"AB".repeat(16), &"8f1d".repeat(16)] {
            let value = FingerprintValue::from(text);
            assert_eq!((value.to_string(), value.bits().is_some()), (text.to_owned(), text == "ab".repeat(16)));
            let json = serde_json::to_string(&value).unwrap();
            assert_eq!((&*json, serde_json::from_str::<FingerprintValue>(&json).unwrap()), (&*format!("{text:?}"), value));
        }
    }
}
