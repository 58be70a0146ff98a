//! Pauses of scopes, as throttled answers set them (rule 45).

use std::{sync::atomic::Ordering, time::Duration};

use super::{Limiter, bucket::Bucket, nanos, scopes::Scopes};
use crate::error::Scope;

/// Longest pause, also of a provider's hint (rule 36).
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);
/// Longest pause of a shared key: one tenant's provider answers, and all tenants wait.
pub(super) const LONGEST_SHARED_PAUSE: Duration = Duration::from_secs(3600);
/// Room for pauses of accounts, senders and shared keys, where recipients take up the rest.
const BEYOND: usize = 64;

/// The pauses of a kind of scope, for a health endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paused {
    pub(crate) scope: Scope,
    /// Number of paused scopes of the kind.
    pub(crate) count: usize,
    /// Time until the last of them is over.
    pub(crate) left: Duration,
}

impl Limiter {
    /// Whether a scope that a call did not declare may be paused.
    #[inline]
    pub(crate) fn has_pauses(&self, now: Duration) -> bool {
        self.paused_until.load(Ordering::Acquire) > nanos(now)
    }

    /// Pauses the scope that a throttled answer names, for the time that it asks for. The account is paused where the call has no such
    /// scope. Returns the time until the pause is over, and whether it began now.
    pub(crate) fn pause(
        &self,
        scopes: &Scopes,
        scope: Scope,
        asked: Option<Duration>,
        longest: Option<Duration>,
        now: Duration,
    ) -> (Duration, bool) {
        let scope = if scopes.has(scope) { scope } else { Scope::Account };
        let most = if scope == Scope::Shared { LONGEST_SHARED_PAUSE } else { LONGEST_PAUSE };
        let (length, longest) = (asked.unwrap_or(self.pause).min(most), longest.map(|longest| nanos(longest.min(most))));
        let (length, now) = (nanos(length), nanos(now));
        let (mut end, mut begins) = (now, false);
        if length == 0 {
            return (Duration::ZERO, false);
        }
        let mut held = self.lock(scope == Scope::Shared);
        for demand in scopes.iter().filter(|demand| demand.first && demand.scope == scope) {
            let new = || Bucket::new(scope, None);
            let of_scope = held.of(scope);
            // Without room the calls of a recipient meet the provider's answer themselves; other scopes are few, and have room of their own.
            let bucket = match scope {
                Scope::Recipient => of_scope.get_or_insert(demand.key, new, now),
                _ => of_scope.get_or_insert_beyond(BEYOND, demand.key, new, now),
            };
            let Some(bucket) = bucket else { continue };
            begins |= bucket.paused_until(now).is_none();
            let (until, remembered) = bucket.pause(length, longest, now);
            end = end.max(until);
            let ends = if scope == Scope::Shared { &self.shared_until } else { &self.paused_until };
            ends.fetch_max(until, Ordering::AcqRel);
            if longest.is_some() {
                self.grows_until.fetch_max(remembered, Ordering::AcqRel);
            }
        }
        (Duration::from_nanos(end - now), begins)
    }

    /// Whether an accepted call may end a growing pause.
    #[inline]
    pub(crate) fn may_grow(&self, now: Duration) -> bool {
        self.shares.load(Ordering::Acquire) || self.grows_until.load(Ordering::Acquire) > nanos(now)
    }

    /// Tells that the provider accepted a call: the next pause of its scopes begins short again.
    pub(crate) fn accepted(&self, scopes: &Scopes, now: Duration) {
        let now = nanos(now);
        let mut held = self.lock(scopes.has(Scope::Shared));
        for demand in scopes.iter().filter(|demand| demand.first) {
            if let Some(bucket) = held.pause(demand, now) {
                bucket.accepted(now);
            }
        }
    }

    /// The pauses at present, by kind of scope; of the shared ones only those that calls of this tenant met.
    pub(crate) fn pauses(&self, now: Duration) -> Vec<Paused> {
        let now = nanos(now);
        let mut pauses: Vec<Paused> = Vec::new();
        let mut add = |scope, until: u64| {
            let left = Duration::from_nanos(until - now);
            match pauses.iter_mut().find(|known| known.scope == scope) {
                Some(known) => (known.count, known.left) = (known.count + 1, known.left.max(left)),
                None => pauses.push(Paused { scope, count: 1, left }),
            }
        };
        for bucket in self.own.lock().iter() {
            if let Some(until) = bucket.paused_until(now) {
                add(bucket.scope, until);
            }
        }
        let shared = self.shared_until.load(Ordering::Acquire);
        if shared > now {
            add(Scope::Shared, shared);
        }
        pauses.sort_by_key(|paused| paused.scope.as_str());
        pauses
    }
}
