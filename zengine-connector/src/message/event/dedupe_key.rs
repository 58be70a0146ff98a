//! The key that identifies a redelivered event.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    hex::hex,
    ids::{StrategyName, TenantId},
};

/// The key that identifies a redelivered event: 16 bytes of SHA-256 over tenant, strategy and the strategy's own key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DedupeKey([u8; 16]);

impl DedupeKey {
    /// The key of an event of a tenant and strategy.
    pub fn of(tenant: &TenantId, strategy: &StrategyName, key: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [tenant.as_str(), strategy.as_str(), key] {
            // Each part carries its length, so that no two different triples look alike.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut key = [0; 16];
        key.copy_from_slice(&hash.finalize()[..16]);
        Self(key)
    }

    /// The id of the event, derived from the key, so that a redelivery has the same id (a UUID of version 8).
    pub fn event_id(&self) -> String {
        let mut bytes = self.0;
        bytes[6] = (bytes[6] & 0x0f) | 0x80;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex = hex(&bytes);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

impl fmt::Display for DedupeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

debug_value!(DedupeKey, |it| it);

impl Serialize for DedupeKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DedupeKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let byte = |i: usize| text.get(2 * i..2 * i + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let mut key = [0; 16];
        for (i, slot) in key.iter_mut().enumerate() {
            *slot = byte(i).ok_or_else(|| serde::de::Error::custom("a dedupe key is 32 hex digits"))?;
        }
        if text.len() == 32 { Ok(Self(key)) } else { Err(serde::de::Error::custom("a dedupe key is 32 hex digits")) }
    }
}

impl schemars::JsonSchema for DedupeKey {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DedupeKey".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{32}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_dedupe_key_cannot_be_shifted() {
        let key = |tenant: &str, key: &str| DedupeKey::of(&TenantId::new(tenant).unwrap(), &StrategyName::new("s").unwrap(), key);
        assert_ne!(key("ab", "c"), key("a", "bc"));
        assert_eq!(key("a", "b").to_string().len(), 32);
    }
}
