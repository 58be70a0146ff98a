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

/// The last version of each configuration that was bound or lacked its secrets, and since when it is refused. It outlives the instances:
/// each version has its minute, and has it once.
pub(super) struct Graces(BoundedCache<(TenantId, StrategyName), (ConfigVersion, Option<Duration>)>);

impl Graces {
    pub(super) fn new(most: usize) -> Self {
        Self(bounded_cache(most))
    }

    /// Returns `true` while the secrets may come back.
    pub(super) fn is_running(&self, tenant: &TenantId, strategy: &StrategyName, now: Duration) -> bool {
        self.0.get(&SlotRef(tenant, strategy)).is_some_and(|(_, since)| since.is_some_and(|since| now < since + GRACE))
    }

    /// Records a version that is bound.
    pub(super) fn bound(&self, tenant: &TenantId, strategy: &StrategyName, version: &ConfigVersion) {
        self.0.insert((tenant.clone(), strategy.clone()), (version.clone(), None));
    }

    /// Records a version that lacks its secrets. Another process may have bound it.
    pub(super) fn without_secrets(&self, tenant: &TenantId, strategy: &StrategyName, version: &ConfigVersion) {
        if self.0.get(&SlotRef(tenant, strategy)).is_none_or(|(known, _)| known != *version) {
            self.bound(tenant, strategy, version);
        }
    }

    /// Records a refusal. A version that was neither bound nor lacked its secrets is wrong by itself.
    pub(super) fn refused(&self, tenant: &TenantId, strategy: &StrategyName, version: Option<&ConfigVersion>, now: Duration) {
        match self.0.get(&SlotRef(tenant, strategy)) {
            Some((known, since)) if version == Some(&known) => {
                self.0.insert((tenant.clone(), strategy.clone()), (known, since.or(Some(now))));
            }
            _ => drop(self.0.remove(&SlotRef(tenant, strategy))),
        }
    }
}
