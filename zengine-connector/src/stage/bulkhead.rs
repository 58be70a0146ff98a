//! The bulkhead: a limit of concurrent calls per tenant and strategy.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

/// The bulkhead of one tenant and strategy.
#[derive(Clone, Debug)]
pub(crate) struct Bulkhead(Option<(u32, Arc<AtomicU32>)>);

/// A permit for one call. Dropping it releases it.
#[derive(Debug)]
pub(crate) struct BulkheadPermit<'a>(Option<&'a AtomicU32>);

impl Bulkhead {
    pub(crate) fn new(limit: Option<u32>) -> Self {
        Self(limit.map(|limit| (limit, Arc::default())))
    }

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
        let (first, other) = (Bulkhead::new(Some(2)), Bulkhead::new(Some(2)));
        let again = first.clone();
        let held = [first.enter().unwrap(), again.enter().unwrap()];
        assert!(first.enter().is_none());
        assert!(other.enter().is_some());
        drop(held);
        assert!(first.enter().is_some());
    }
}
