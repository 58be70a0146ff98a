//! The key that identifies a redelivered event.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    hex::{hex, parse},
    ids::{StrategyName, TenantId},
    keyring::framed,
};

/// The key that identifies a redelivered event: 16 bytes of SHA-256 over tenant, strategy and the strategy's own key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(into = "String", try_from = "String")]
#[schemars(inline, description = "", extend("pattern" = "^[0-9a-f]{32}$"))]
pub struct DedupeKey([u8; 16]);

impl DedupeKey {
    /// The key of an event of a tenant and strategy.
    pub fn of(tenant: &TenantId, strategy: &StrategyName, key: &str) -> Self {
        Self::framed(&[tenant.as_str(), strategy.as_str(), key])
    }

    /// The key of what the core makes of events, such as those that a strategy raises. No key of a strategy is the same, which may be a text
    /// that a visitor chose.
    pub(crate) fn of_core(tenant: &TenantId, strategy: &StrategyName, key: &str) -> Self {
        Self::framed(&[tenant.as_str(), strategy.as_str(), key, "core"])
    }

    fn framed(parts: &[&str]) -> Self {
        let hash = Sha256::digest(framed(parts));
        let mut key = [0; 16];
        key.copy_from_slice(&hash[..16]);
        Self(key)
    }

    /// The key's bytes.
    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The key with these bytes.
    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
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

display!(DedupeKey, |it| hex(&it.0));

debug_value!(DedupeKey, |it| it);

impl From<DedupeKey> for String {
    fn from(key: DedupeKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for DedupeKey {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        parse(&text, true).map(Self).ok_or("a dedupe key is 32 lower-case hexadecimal digits")
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

    #[test]
    fn a_strategy_cannot_give_a_key_of_the_core() {
        let (tenant, strategy) = (TenantId::new("t").unwrap(), StrategyName::new("s").unwrap());
        let core = DedupeKey::of_core(&tenant, &strategy, "local|c-1|1|ended");
        let framed = "local|c-1|1|ended\0\0\0\0\0\0\0\u{4}core";
        for given in ["local|c-1|1|ended", "local|c-1|1|endedcore", framed] {
            assert_ne!(DedupeKey::of(&tenant, &strategy, given), core);
        }
        assert_ne!(DedupeKey::of_core(&tenant, &strategy, "local|c-1|1|started"), core);
    }
}
