//! The cache of delivered sends in this process (rule 30).

use std::sync::Arc;

use hashbrown::HashMap;

use super::ended::{Ended, How};
use crate::{
    ids::StrategyName,
    stage::{Settings, StrategySettings},
    store::{ClaimKey, ClaimRecord, Fingerprint},
    sync::{BoundedCache, bounded_cache},
};

/// A delivered send, with its receipt open.
#[derive(Debug)]
pub(super) struct DeliveredSend {
    pub(super) fingerprint: Fingerprint,
    expires_at_s: i64,
    ended: Ended,
}

impl DeliveredSend {
    /// The end of a send with this record, if it was delivered and recorded and nothing is pending.
    pub(super) fn of(record: &ClaimRecord, ended: &Ended) -> Option<Self> {
        let is_final = matches!(ended.how, How::Delivered { recorded: true, .. }) && !record.effects_pending.pending();
        let (fingerprint, expires_at_s) = (record.fingerprint.clone(), record.expires_at_s);
        is_final.then(|| Self { fingerprint, expires_at_s, ended: ended.clone().replayed() })
    }

    /// Returns `true` if the record of the send is expired.
    pub(super) const fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_at_s.saturating_mul(1000) <= now_ms
    }

    /// The end of the send, for one more caller.
    pub(super) fn ended(&self) -> Ended {
        self.ended.clone()
    }
}

/// The delivered sends of one strategy. `None` caches nothing.
type Sends = Option<BoundedCache<ClaimKey, Arc<DeliveredSend>>>;

/// A cache of delivered sends only, because they never change.
pub(super) struct DeliveredSends {
    default: Sends,
    named: HashMap<StrategyName, Sends>,
}

impl DeliveredSends {
    pub(super) fn new(settings: &Settings) -> Self {
        let sends = |settings: &StrategySettings| (settings.dedup.cached > 0).then(|| bounded_cache(settings.dedup.cached));
        let named = settings.named.iter().map(|(name, settings)| (name.clone(), sends(settings))).collect();
        Self { default: sends(&settings.default), named }
    }

    pub(super) fn get(&self, strategy: &StrategyName, key: &ClaimKey) -> Option<Arc<DeliveredSend>> {
        self.of(strategy).as_ref()?.get(key)
    }

    pub(super) fn insert(&self, strategy: &StrategyName, key: ClaimKey, send: DeliveredSend) {
        if let Some(sends) = self.of(strategy) {
            sends.insert(key, Arc::new(send));
        }
    }

    fn of(&self, strategy: &StrategyName) -> &Sends {
        self.named.get(strategy).unwrap_or(&self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{ClientMessageId, TenantId},
        message::Receipt,
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
        let delivered = Ended::new(How::Delivered { receipt: Receipt::unnumbered(), recorded: true }, 1, record.life());
        for strategy in [&first, &second] {
            let key = ClaimKey::outbound(&TenantId::new("acme").unwrap(), strategy, &ClientMessageId::new("1").unwrap());
            sends.insert(strategy, key.clone(), DeliveredSend::of(&record, &delivered).unwrap());
            assert_eq!(sends.get(strategy, &key).is_some(), *strategy == second);
        }
    }
}
