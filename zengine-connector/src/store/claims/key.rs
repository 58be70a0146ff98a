//! Keys of records.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
};

use super::hash;
use crate::{
    ids::{ClientMessageId, StrategyName, TenantId},
    message::DedupeKey,
};

/// The key of a record: `v1|tenant|strategy|client_message_id`, or `v1|in|tenant|strategy|dedupe_key` (rule 11).
///
/// Parts are escaped, so that ("a|b", "c") and ("a", "b|c") stay apart.
#[derive(Clone)]
pub struct ClaimKey {
    text: Box<str>,
    /// Found once, looked up by many.
    hash: u128,
}

impl ClaimKey {
    /// The key of a send.
    pub fn outbound(tenant: &TenantId, strategy: &StrategyName, id: &ClientMessageId) -> Self {
        Self::of(&["v1", tenant.as_str(), strategy.as_str(), id.as_str()])
    }

    /// The key of an inbound event.
    pub fn inbound(tenant: &TenantId, strategy: &StrategyName, key: &DedupeKey) -> Self {
        Self::of(&["v1", "in", tenant.as_str(), strategy.as_str(), &key.to_string()])
    }

    fn of(parts: &[&str]) -> Self {
        let length = parts.iter().map(|part| part.len() + 1).sum::<usize>();
        let mut text = String::with_capacity(length.saturating_sub(1));
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                text.push('|');
            }
            // Every byte is looked at, so that several are at once.
            if part.bytes().fold(false, |found, byte| found | (byte == b'|') | (byte == b'%')) {
                text.push_str(&part.replace('%', "%25").replace('|', "%7C"));
            } else {
                text.push_str(part);
            }
        }
        let hash = hash::of(text.as_bytes());
        Self { text: text.into(), hash }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// 128 bits that stand for the key within this process: nobody can make two keys meet in them.
    pub(crate) const fn hash(&self) -> u128 {
        self.hash
    }
}

impl PartialEq for ClaimKey {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.text == other.text
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
        self.text.cmp(&other.text)
    }
}

impl fmt::Display for ClaimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ClaimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClaimKey({})", self.text)
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
