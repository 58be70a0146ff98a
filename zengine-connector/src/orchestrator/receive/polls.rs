//! The limit of polls that are answered at the same time, in the process and of one tenant.

use std::collections::HashMap;

use crate::{ids::TenantId, sync::Mutex};

/// The limit, and the polls that are answered now.
pub(in crate::orchestrator) struct Polls {
    most: usize,
    /// Of one tenant: a quarter, so that one page that asks without a pause leaves room for the others.
    most_of_one: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_tenant: HashMap<TenantId, usize>,
}

/// A poll that is answered. Dropping it makes room.
pub(super) struct PollPermit<'a> {
    polls: &'a Polls,
    tenant: &'a TenantId,
}

impl Polls {
    pub(in crate::orchestrator) fn new(most: usize) -> Self {
        Self { most, most_of_one: most.div_ceil(4), taken: Mutex::default() }
    }

    /// Takes a place. `None` if all, or all of the tenant, are in use.
    pub(super) fn enter<'a>(&'a self, tenant: &'a TenantId) -> Option<PollPermit<'a>> {
        let mut taken = self.taken.lock();
        let of_tenant = taken.by_tenant.get(tenant).copied().unwrap_or(0);
        if taken.all >= self.most || of_tenant >= self.most_of_one {
            return None;
        }
        taken.all += 1;
        taken.by_tenant.insert(tenant.clone(), of_tenant + 1);
        Some(PollPermit { polls: self, tenant })
    }
}

impl Drop for PollPermit<'_> {
    fn drop(&mut self) {
        let mut taken = self.polls.taken.lock();
        taken.all -= 1;
        match taken.by_tenant.get_mut(self.tenant) {
            Some(of_tenant) if *of_tenant > 1 => *of_tenant -= 1,
            _ => drop(taken.by_tenant.remove(self.tenant)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tenant_takes_a_quarter_and_what_ended_makes_room() {
        let polls = Polls::new(8);
        let tenants: Vec<_> = (0..5).map(|n| TenantId::new(format!("t{n}")).unwrap()).collect();
        let mut held: Vec<_> = (0..2).filter_map(|_| polls.enter(&tenants[0])).collect();
        assert_eq!((held.len(), polls.enter(&tenants[0]).is_some()), (2, false));
        held.extend(tenants[1..4].iter().flat_map(|tenant| [tenant; 2]).filter_map(|tenant| polls.enter(tenant)));
        assert_eq!((held.len(), polls.enter(&tenants[4]).is_some()), (8, false));
        held.remove(0);
        assert!(polls.enter(&tenants[4]).is_some());
        assert!(polls.enter(&tenants[0]).is_some());
        drop(held);
        let taken = polls.taken.lock();
        assert_eq!((taken.all, taken.by_tenant.len()), (0, 0));
    }
}
