//! The bulkhead: a limit of concurrent calls per tenant and strategy. Unlimited by default.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use hashbrown::HashMap;

use crate::{
    ids::{StrategyName, TenantId},
    sync::RwLock,
};

/// The bulkheads of all tenants and strategies.
#[derive(Debug, Default)]
pub(crate) struct Bulkheads {
    running: RwLock<HashMap<(StrategyName, TenantId), Arc<AtomicU32>>>,
}

/// The bulkhead of one tenant and strategy.
#[derive(Clone, Debug)]
pub(crate) struct Bulkhead(Option<(u32, Arc<AtomicU32>)>);

/// A permit for one call. Dropping it releases it.
#[derive(Debug)]
pub(crate) struct BulkheadPermit<'a>(Option<&'a AtomicU32>);

impl Bulkheads {
    /// The bulkhead of a tenant and strategy. The same pair gives the same bulkhead.
    pub(crate) fn of(&self, tenant: &TenantId, strategy: &StrategyName, limit: Option<u32>) -> Bulkhead {
        let Some(limit) = limit else { return Bulkhead(None) };
        let key = (strategy.clone(), tenant.clone());
        let known = self.running.read().get(&key).cloned();
        Bulkhead(Some((limit, known.unwrap_or_else(|| Arc::clone(self.running.write().entry(key).or_default())))))
    }
}

impl Bulkhead {
    /// Takes a permit. `None` if all are in use.
    pub(crate) fn enter(&self) -> Option<BulkheadPermit<'_>> {
        let Some((limit, running)) = &self.0 else { return Some(BulkheadPermit(None)) };
        let entered = running.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| (now < *limit).then_some(now + 1));
        entered.ok().map(|_| BulkheadPermit(Some(&**running)))
    }
}

impl Drop for BulkheadPermit<'_> {
    fn drop(&mut self) {
        if let Some(running) = self.0 {
            running.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_bulkhead_turns_away_its_own_tenant_only() {
        let bulkheads = Bulkheads::default();
        let strategy = StrategyName::new("s").unwrap();
        let (a, b) = (TenantId::new("a").unwrap(), TenantId::new("b").unwrap());
        let (first, again, other) =
            (bulkheads.of(&a, &strategy, Some(2)), bulkheads.of(&a, &strategy, Some(2)), bulkheads.of(&b, &strategy, Some(2)));
        let held = [first.enter().unwrap(), again.enter().unwrap()];
        assert!(first.enter().is_none());
        assert!(other.enter().is_some());
        drop(held);
        assert!(first.enter().is_some());
    }
}
