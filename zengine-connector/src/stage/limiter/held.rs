//! The buckets of a call, locked.

use std::sync::MutexGuard;

use super::{bucket::Bucket, buckets::Buckets, scopes::Demand};
use crate::error::Scope;

/// Both maps, locked in this order; the shared one only if a scope is shared.
pub(super) struct Held<'a> {
    pub(super) own: MutexGuard<'a, Buckets>,
    pub(super) shared: Option<MutexGuard<'a, Buckets>>,
}

impl Held<'_> {
    pub(super) fn of(&mut self, scope: Scope) -> &mut Buckets {
        match &mut self.shared {
            Some(shared) if scope == Scope::Shared => shared,
            _ => &mut self.own,
        }
    }

    /// The bucket of the demand's pause.
    pub(super) fn pause(&mut self, demand: &Demand, now: u64) -> Option<&mut Bucket> {
        self.of(demand.scope).get(demand.key, now)
    }

    /// The bucket of the demand's rate.
    pub(super) fn rate(&mut self, demand: &Demand, now: u64) -> Option<&mut Bucket> {
        self.of(demand.scope).get(demand.counted, now)
    }
}
