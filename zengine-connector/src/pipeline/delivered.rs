//! The cache of delivered sends in this process (rule 30).

use std::sync::Arc;

use hashbrown::HashMap;
use quick_cache::sync::Cache;

use crate::{
    ids::StrategyName,
    stage::{Settings, StrategySettings},
    store::{ClaimKey, ClaimRecord},
};

/// The cached records of one strategy. `None` caches nothing.
type Records = Option<Cache<ClaimKey, Arc<ClaimRecord>>>;

/// A cache of delivered sends only, because they never change. Their receipts are not encrypted. Empty if the claim store is
/// in this process.
pub(super) struct DeliveredSends {
    default: Records,
    named: HashMap<StrategyName, Records>,
}

impl DeliveredSends {
    pub(super) fn new(settings: &Settings) -> Self {
        let records = |settings: &StrategySettings| (settings.dedup.cached > 0).then(|| Cache::new(settings.dedup.cached));
        let named = settings.named.iter().map(|(name, settings)| (name.clone(), records(settings))).collect();
        Self { default: records(&settings.default), named }
    }

    pub(super) fn get(&self, strategy: &StrategyName, key: &ClaimKey) -> Option<Arc<ClaimRecord>> {
        self.of(strategy).as_ref()?.get(key)
    }

    pub(super) fn insert(&self, strategy: &StrategyName, key: ClaimKey, record: ClaimRecord) {
        if let Some(records) = self.of(strategy) {
            records.insert(key, Arc::new(record));
        }
    }

    fn of(&self, strategy: &StrategyName) -> &Records {
        self.named.get(strategy).unwrap_or(&self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{ClientMessageId, TenantId},
        stage::Dedup,
        store::{At, ClaimOp, Decision, Fingerprint, Lease, OwnerToken},
    };

    #[test]
    fn rule_30_each_strategy_remembers_as_many_as_its_settings_say() {
        let remembering =
            |cached| Arc::new(StrategySettings { dedup: Dedup { cached, ..Dedup::default() }, ..StrategySettings::default() });
        let (first, second) = (StrategyName::new("first").unwrap(), StrategyName::new("second").unwrap());
        let named = [(second.clone(), remembering(10))].into_iter().collect();
        let sends = DeliveredSends::new(&Settings { default: remembering(0), named });
        let lease = Lease { owner: OwnerToken::new([1; 16]), boot: None, until_ms: 1 };
        let claim = ClaimOp::Claim { lease, fingerprint: Fingerprint::new([0; 16], 1, "k"), skew_ms: 0, ttl_s: 1 };
        let Decision::Write(record) = claim.decide(None, At { now_ms: 0, boot: None }) else { panic!("a first claim is written") };
        for strategy in [&first, &second] {
            let key = ClaimKey::outbound(&TenantId::new("acme").unwrap(), strategy, &ClientMessageId::new("1").unwrap());
            sends.insert(strategy, key.clone(), ClaimRecord::clone(&record));
            assert_eq!(sends.get(strategy, &key).is_some(), *strategy == second);
        }
    }
}
