//! Keys of claim records.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    sync::OnceLock,
};

use super::hash;
use crate::{
    ids::{ClientMessageId, StrategyName, TenantId},
    message::DedupeKey,
};

/// The key of a record: `v1|tenant|strategy|client_message_id`, or `v1|in|tenant|strategy|dedupe_key` (rule 11).
///
/// Parts are escaped, so that ("a|b", "c") and ("a", "b|c") give different keys.
#[derive(Clone)]
pub struct ClaimKey {
    parts: Parts,
    /// Computed once, because several tables look it up.
    hash: u128,
    /// Written on first use. Tables in memory do not use it.
    text: OnceLock<Box<str>>,
}

#[derive(Clone, PartialEq, Eq)]
enum Parts {
    Outbound(TenantId, StrategyName, ClientMessageId),
    Inbound(TenantId, StrategyName, DedupeKey),
}

impl ClaimKey {
    /// The key of a send.
    pub fn outbound(tenant: &TenantId, strategy: &StrategyName, id: &ClientMessageId) -> Self {
        let hash = hash::of(1, [tenant.as_str(), strategy.as_str(), id.as_str()]);
        Self { parts: Parts::Outbound(tenant.clone(), strategy.clone(), id.clone()), hash, text: OnceLock::new() }
    }

    /// The key of an inbound event.
    pub fn inbound(tenant: &TenantId, strategy: &StrategyName, key: &DedupeKey) -> Self {
        let hash = hash::of(2, [tenant.as_str(), strategy.as_str(), &key.to_string()]);
        Self { parts: Parts::Inbound(tenant.clone(), strategy.clone(), *key), hash, text: OnceLock::new() }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        self.text.get_or_init(|| match &self.parts {
            Parts::Outbound(tenant, strategy, id) => joined(&["v1", tenant.as_str(), strategy.as_str(), id.as_str()]),
            Parts::Inbound(tenant, strategy, key) => joined(&["v1", "in", tenant.as_str(), strategy.as_str(), &key.to_string()]),
        })
    }

    /// A 128-bit hash of the key in this process, safe against chosen collisions.
    #[inline]
    pub(crate) const fn hash(&self) -> u128 {
        self.hash
    }
}

fn joined(parts: &[&str]) -> Box<str> {
    let length = parts.iter().map(|part| part.len() + 1).sum::<usize>();
    let mut text = String::with_capacity(length.saturating_sub(1));
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            text.push('|');
        }
        if part.contains(['|', '%']) {
            text.push_str(&part.replace('%', "%25").replace('|', "%7C"));
        } else {
            text.push_str(part);
        }
    }
    text.into()
}

impl PartialEq for ClaimKey {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.parts == other.parts
    }
}

impl Eq for ClaimKey {}

impl Hash for ClaimKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

impl PartialOrd for ClaimKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ClaimKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl fmt::Display for ClaimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ClaimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClaimKey({})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_11_scope_is_tenant_strategy_and_id_and_parts_are_escaped() {
        let key = |tenant: &str, strategy: &str, id: &str| {
            ClaimKey::outbound(&TenantId::new(tenant).unwrap(), &StrategyName::new(strategy).unwrap(), &ClientMessageId::new(id).unwrap())
        };
        assert_eq!(key("acme", "sns-sms", "order-17").as_str(), "v1|acme|sns-sms|order-17");
        assert_ne!(key("a|b", "s", "c"), key("a", "s", "b|c"));
        assert_ne!(key("a%7Cb", "s", "c"), key("a|b", "s", "c"));
        assert_ne!(key("a", "s", "1"), key("b", "s", "1"));
        assert_ne!(key("a", "s", "1"), key("a", "t", "1"));
    }
}
