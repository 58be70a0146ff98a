//! The key by which a provider may recognise a send, and how an echoed key is read.
//!
//! `z1.<generation>.<6 bytes of SHA-256(tenant, strategy)>.<client message id>`, both in base64url, if that is at most
//! 120 bytes; else `z1.<generation>.h.<SHA-256>` with a record that leads back to the send.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    ids::{ClientMessageId, StrategyName, TenantId},
    keyring::framed,
};

/// Maximum length of a key that holds its client message id, in bytes.
const MAX: usize = 120;

/// The key of a send at its provider: the same for all attempts and takeovers, never random (rule 4).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderKey(String);

/// The content of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParsedKey {
    /// The key holds the send's own id.
    Direct {
        /// How often the send was redriven.
        generation: u32,
        /// The caller's id.
        client_message_id: ClientMessageId,
    },
    /// A record leads from the hash to the send.
    Hashed {
        /// How often the send was redriven.
        generation: u32,
        /// The hash, as written in the key.
        hash: String,
    },
}

impl ProviderKey {
    /// The key of a send.
    pub fn derive(tenant: &TenantId, strategy: &StrategyName, id: &ClientMessageId, generation: u32) -> Self {
        KeyScope::of(tenant, strategy).key(tenant, strategy, id, generation)
    }

    /// Whether the key of such a send holds a hash in place of its id.
    pub(crate) fn is_hashed(id: &ClientMessageId, generation: u32) -> bool {
        let digits = generation.checked_ilog10().map_or(1, |log| log as usize + 1);
        // `z1.`, the generation, a dot, eight characters of scope, a dot, and the id.
        3 + digits + 1 + 8 + 1 + (id.as_str().len() * 4).div_ceil(3) > MAX
    }

    /// A key that a provider echoes, unchecked; [`Self::parse`] reads it.
    pub fn echoed(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hash from which a record leads back to the send, if the key holds one.
    pub fn hash(&self) -> Option<&str> {
        let hash = self.0.strip_prefix("z1.")?.split_once(".h.")?.1;
        (hash.len() == 43).then_some(hash)
    }

    /// Reads an echoed key. `None` if it was made for another tenant or strategy, or by another system.
    pub fn parse(&self, tenant: &TenantId, strategy: &StrategyName) -> Option<ParsedKey> {
        let (generation, rest) = self.0.strip_prefix("z1.")?.split_once('.')?;
        let generation = generation.parse().ok()?;
        let (head, tail) = rest.split_once('.')?;
        if head == "h" {
            return (tail.len() == 43).then(|| ParsedKey::Hashed { generation, hash: tail.to_owned() });
        }
        if URL_SAFE_NO_PAD.decode(head).ok()? != scope(tenant, strategy)[..6] {
            return None;
        }
        let id = String::from_utf8(URL_SAFE_NO_PAD.decode(tail).ok()?).ok()?;
        Some(ParsedKey::Direct { generation, client_message_id: ClientMessageId::new(id).ok()? })
    }
}

/// The part that stands for a tenant and a strategy in all their keys: six bytes of a hash, in base64url.
#[derive(Clone, Debug)]
pub(super) struct KeyScope(String);

impl KeyScope {
    pub(super) fn of(tenant: &TenantId, strategy: &StrategyName) -> Self {
        Self(URL_SAFE_NO_PAD.encode(&scope(tenant, strategy)[..6]))
    }

    pub(super) fn key(&self, tenant: &TenantId, strategy: &StrategyName, id: &ClientMessageId, generation: u32) -> ProviderKey {
        if !ProviderKey::is_hashed(id, generation) {
            return ProviderKey(format!("z1.{generation}.{}.{}", self.0, URL_SAFE_NO_PAD.encode(id.as_str())));
        }
        let hash = Sha256::digest([&framed(&[tenant.as_str(), strategy.as_str()])[..], id.as_str().as_bytes()].concat());
        ProviderKey(format!("z1.{generation}.h.{}", URL_SAFE_NO_PAD.encode(hash)))
    }
}

fn scope(tenant: &TenantId, strategy: &StrategyName) -> [u8; 32] {
    Sha256::digest(framed(&[tenant.as_str(), strategy.as_str()])).into()
}

display!(ProviderKey, |it| it.0);

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> (TenantId, StrategyName) {
        (TenantId::new("acme").unwrap(), StrategyName::new("whatsapp-meta-cloud").unwrap())
    }

    #[test]
    fn rule_04_provider_key_is_derived_and_reads_back() {
        let (tenant, strategy) = names();
        let id = ClientMessageId::new("order-17").unwrap();
        let key = ProviderKey::derive(&tenant, &strategy, &id, 2);
        assert_eq!(key, ProviderKey::derive(&tenant, &strategy, &id, 2));
        assert_ne!(key, ProviderKey::derive(&tenant, &strategy, &id, 3));
        assert_eq!(key.parse(&tenant, &strategy), Some(ParsedKey::Direct { generation: 2, client_message_id: id }));
    }

    #[test]
    fn a_long_id_is_hashed_and_the_key_stays_short() {
        let (tenant, strategy) = names();
        let id = ClientMessageId::new("x".repeat(255)).unwrap();
        let key = ProviderKey::derive(&tenant, &strategy, &id, 0);
        assert!(key.as_str().len() <= 120);
        let Some(ParsedKey::Hashed { generation: 0, hash }) = key.parse(&tenant, &strategy) else { panic!("{key}") };
        assert_eq!(key.hash(), Some(hash.as_str()));
    }

    #[test]
    fn the_longest_key_with_an_id_has_120_bytes() {
        let (tenant, strategy) = names();
        for generation in [0, 9, 10, 99, 100, u32::MAX] {
            for length in 60..90 {
                let id = ClientMessageId::new("x".repeat(length)).unwrap();
                let direct = format!("z1.{generation}.{}.{}", "s".repeat(8), URL_SAFE_NO_PAD.encode(id.as_str()));
                let key = ProviderKey::derive(&tenant, &strategy, &id, generation);
                assert_eq!(key.hash().is_some(), direct.len() > MAX, "{generation} {length}");
                assert!(key.hash().is_some() || key.as_str().len() == direct.len());
            }
        }
    }

    #[test]
    fn another_tenants_key_is_not_ours() {
        let (tenant, strategy) = names();
        let key = ProviderKey::derive(&TenantId::new("other").unwrap(), &strategy, &ClientMessageId::new("1").unwrap(), 0);
        assert_eq!(key.parse(&tenant, &strategy), None);
        for text in ["", "z1", "z1.", "z1.0", "z1.0.h.short", "z1.x.a.b", "order-17", "z1.0.AAAAAAAA.%"] {
            assert_eq!(ProviderKey::echoed(text).parse(&tenant, &strategy), None, "{text}");
        }
    }
}
