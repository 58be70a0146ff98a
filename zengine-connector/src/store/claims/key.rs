//! Keys of claim records.

use std::{fmt, sync::Arc};

use crate::{
    ids::{ClientMessageId, StrategyName, TenantId},
    message::DedupeKey,
};

/// The key of a record: `v1|tenant|strategy|client_message_id`, or `v1|in|tenant|strategy|dedupe_key` (rule 11).
///
/// Parts are escaped, so that ("a|b", "c") and ("a", "b|c") give different keys.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClaimKey(Arc<str>);

impl ClaimKey {
    /// The key of a send.
    pub fn outbound(tenant: &TenantId, strategy: &StrategyName, id: &ClientMessageId) -> Self {
        Self(joined(&["v1", tenant.as_str(), strategy.as_str(), id.as_str()]))
    }

    /// The key of an inbound event.
    pub fn inbound(tenant: &TenantId, strategy: &StrategyName, key: &DedupeKey) -> Self {
        Self(joined(&["v1", "in", tenant.as_str(), strategy.as_str(), &key.to_string()]))
    }

    /// The key as text that is shared with the key.
    pub(crate) const fn shared(&self) -> &Arc<str> {
        &self.0
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn joined(parts: &[&str]) -> Arc<str> {
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
