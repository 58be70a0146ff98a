//! The time in which the secrets of a refused configuration may come back.

use std::time::Duration;

use super::SlotRef;
use crate::{
    ids::{ConfigVersion, StrategyName, TenantId},
    sync::{BoundedCache, bounded_cache},
};

/// Time for which a refused tenant may have its secrets back: a file of secrets is empty or away for a moment while it is rewritten in
/// place.
const GRACE: Duration = Duration::from_secs(60);

/// The last version of a configuration that was bound or lacked its secrets.
#[derive(Clone)]
struct Grace {
    version: ConfigVersion,
    /// Whether this process bound it.
    bound: bool,
    /// Since when it is refused.
    since: Option<Duration>,
}

/// The last version of each configuration that was bound or lacked its secrets. It outlives the instances: each version has its minute,
/// and has it once.
pub(super) struct Graces(BoundedCache<(TenantId, StrategyName), Grace>);

impl Graces {
    pub(super) fn new(most: usize) -> Self {
        Self(bounded_cache(most))
    }

    /// Returns `true` while the secrets may come back for an event of an age. A process that never had them knows only by the event that
    /// they were there a moment ago: an old one, or one without a time, must not wait a minute again in every new process.
    pub(super) fn is_running(&self, tenant: &TenantId, strategy: &StrategyName, age: Option<Duration>, now: Duration) -> bool {
        self.0.get(&SlotRef(tenant, strategy)).is_some_and(|grace| {
            let in_time = grace.since.is_some_and(|since| now < since + GRACE);
            in_time && (grace.bound || age.is_some_and(|age| age < GRACE))
        })
    }

    /// Records a version that is bound.
    pub(super) fn bound(&self, tenant: &TenantId, strategy: &StrategyName, version: &ConfigVersion) {
        let grace = Grace { version: version.clone(), bound: true, since: None };
        self.0.insert((tenant.clone(), strategy.clone()), grace);
    }

    /// Records a version that lacks its secrets. Another process may have bound it.
    pub(super) fn without_secrets(&self, tenant: &TenantId, strategy: &StrategyName, version: &ConfigVersion) {
        if self.0.get(&SlotRef(tenant, strategy)).is_none_or(|known| known.version != *version) {
            let grace = Grace { version: version.clone(), bound: false, since: None };
            self.0.insert((tenant.clone(), strategy.clone()), grace);
        }
    }

    /// Records a refusal. A version that was neither bound nor lacked its secrets is wrong by itself.
    pub(super) fn refused(&self, tenant: &TenantId, strategy: &StrategyName, version: Option<&ConfigVersion>, now: Duration) {
        match self.0.get(&SlotRef(tenant, strategy)) {
            Some(grace) if version == Some(&grace.version) => {
                let since = grace.since.or(Some(now));
                self.0.insert((tenant.clone(), strategy.clone()), Grace { since, ..grace });
            }
            _ => drop(self.0.remove(&SlotRef(tenant, strategy))),
        }
    }
}
