//! Keys of claim records.

use std::sync::Arc;

use crate::{
    ids::{ClientMessageId, StrategyName, TenantId},
    message::DedupeKey,
    store::{StoreError, StoreErrorKind},
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

    /// Reads the key of a send from its text.
    ///
    /// ```
    /// use zengine_connector::store::ClaimKey;
    ///
    /// let (tenant, strategy, id) = ClaimKey::parse("v1|acme|sns-sms|order%7C17")?.send().expect("the key of a send");
    /// assert_eq!((tenant.as_str(), strategy.as_str(), id.as_str()), ("acme", "sns-sms", "order|17"));
    /// # Ok::<(), zengine_connector::store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// `Corrupt` if it is not the key of a send.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let key = Self(text.into());
        match key.send() {
            Some((tenant, strategy, id)) if key == Self::outbound(&tenant, &strategy, &id) => Ok(key),
            _ => Err(StoreError::new(StoreErrorKind::Corrupt, "a stored key is not that of a send")),
        }
    }

    /// The send that the key is of. `None` for the key of an event.
    pub fn send(&self) -> Option<(TenantId, StrategyName, ClientMessageId)> {
        let mut parts = self.as_str().split('|');
        let mut part = || parts.next().map(|part| part.replace("%7C", "|").replace("%25", "%"));
        if part()? != "v1" {
            return None;
        }
        let send = (TenantId::new(part()?).ok()?, StrategyName::new(part()?).ok()?, ClientMessageId::new(part()?).ok()?);
        parts.next().is_none().then_some(send)
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn joined(parts: &[&str]) -> Arc<str> {
    let mut text = String::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
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

display!(ClaimKey, |it| it.as_str());
debug_value!(ClaimKey, |it| it);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    /// Ids with many separators and escapes among their characters.
    fn part() -> impl Strategy<Value = String> {
        proptest::collection::vec(prop_oneof![Just('|'), Just('%'), Just('7'), Just('C'), Just('2'), Just('5'), any::<char>()], 1..20)
            .prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn rule_11_a_key_leads_back_to_its_send(tenant in part(), strategy in "[a-z][a-z0-9-]{0,20}", id in part()) {
            let ids = (TenantId::new(tenant), StrategyName::new(strategy), ClientMessageId::new(id));
            let (Ok(tenant), Ok(strategy), Ok(id)) = ids else { return Ok(()) };
            let key = ClaimKey::outbound(&tenant, &strategy, &id);
            let parsed = ClaimKey::parse(key.as_str()).unwrap();
            prop_assert_eq!(&parsed, &key);
            prop_assert_eq!(parsed.send(), Some((tenant, strategy, id)));
        }

        #[test]
        fn rule_11_a_text_is_the_key_of_one_send_or_of_none(text in "v1(\\|[a|%7C25]{1,6}){3,4}") {
            if let Ok(key) = ClaimKey::parse(&text) {
                let (tenant, strategy, id) = key.send().unwrap();
                prop_assert_eq!(ClaimKey::outbound(&tenant, &strategy, &id).to_string(), text);
            }
        }
    }

    #[test]
    fn the_key_of_an_event_is_not_that_of_a_send() {
        let (tenant, strategy) = (TenantId::new("acme").unwrap(), StrategyName::new("sns-sms").unwrap());
        let event = ClaimKey::inbound(&tenant, &strategy, &DedupeKey::of(&tenant, &strategy, "1"));
        assert_eq!(event.send(), None);
        for text in ["", "v1", "v1|a|b", "v2|a|b|c", "v1|a|b|c|d", "v1|a|b|", "v1|a|b|%7c", "v1|a|b|%", event.as_str()] {
            assert!(ClaimKey::parse(text).is_err(), "{text}");
        }
    }
}
