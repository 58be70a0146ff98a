//! How many calls of one tenant and strategy may run at once. Open where no limit is set.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use crate::sync::RwLock;
use hashbrown::HashMap;

use crate::ids::{StrategyName, TenantId};

/// The bulkheads of all tenants and strategies.
#[derive(Debug)]
pub(crate) struct Bulkheads {
    limit: Option<u32>,
    running: RwLock<HashMap<(StrategyName, TenantId), Arc<AtomicU32>>>,
}

/// A place for one call; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place(Option<Arc<AtomicU32>>);

impl Bulkheads {
    pub(crate) fn new(limit: Option<u32>) -> Self {
        Self { limit, running: RwLock::new(HashMap::new()) }
    }

    /// A place, or `None` where all are taken.
    pub(crate) fn enter(&self, tenant: &TenantId, strategy: &StrategyName) -> Option<Place> {
        let Some(limit) = self.limit else { return Some(Place(None)) };
        let key = (strategy.clone(), tenant.clone());
        let known = self.running.read().get(&key).cloned();
        let running = known.unwrap_or_else(|| Arc::clone(self.running.write().entry(key).or_default()));
        let entered = running.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| (now < limit).then_some(now + 1));
        entered.ok().map(|_| Place(Some(running)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(running) = &self.0 {
            running.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_bulkhead_turns_away_its_own_tenant_only() {
        let bulkheads = Bulkheads::new(Some(2));
        let strategy = StrategyName::new("s").unwrap();
        let (a, b) = (TenantId::new("a").unwrap(), TenantId::new("b").unwrap());
        let held = [bulkheads.enter(&a, &strategy).unwrap(), bulkheads.enter(&a, &strategy).unwrap()];
        assert!(bulkheads.enter(&a, &strategy).is_none());
        assert!(bulkheads.enter(&b, &strategy).is_some());
        drop(held);
        assert!(bulkheads.enter(&a, &strategy).is_some());
    }
}
