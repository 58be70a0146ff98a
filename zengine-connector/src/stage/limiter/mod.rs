//! The limiter: rates and pauses of accounts, senders, recipients, and of keys that tenants share (rules 45 and 83).
//!
//! A call takes a token of each of its scopes, or of none. One that must wait is given its turn ahead of time, so that calls of one scope
//! go in the order in which they came, and no waiting call keeps one of other scopes from passing.

mod bucket;
mod buckets;
mod rate;
mod scopes;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use self::{bucket::Bucket, buckets::Buckets, scopes::Demand};
use super::settings::Limits;
use crate::{error::Scope, sync::Mutex};

pub use self::{rate::Rate, scopes::Scopes};

/// Longest pause, also of a provider's hint (rule 36).
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);
/// Longest pause of a shared key: one tenant's provider answers, and all tenants wait.
const LONGEST_SHARED_PAUSE: Duration = Duration::from_secs(3600);
/// Room for pauses of accounts, senders and shared keys, where recipients take up the rest.
const PAUSES_BEYOND: usize = 64;
/// Wait of a call for whose scope there is no room.
const NO_ROOM: Duration = Duration::from_secs(1);

/// The scopes that the tenants of a strategy share.
#[derive(Clone, Debug)]
pub(crate) struct SharedScopes(Arc<Mutex<Buckets>>);

impl SharedScopes {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Mutex::new(Buckets::new(limits.max_scopes))))
    }
}

/// The limiter of one tenant and strategy.
#[derive(Debug)]
pub(crate) struct Limiter {
    own: Mutex<Buckets>,
    shared: SharedScopes,
    /// Length of a pause whose answer gives no time.
    pause: Duration,
    /// End of the latest pause of an own scope. Before it, every call must be asked about; after it, only those with scopes.
    paused_until: AtomicU64,
    /// Time until which an accepted call may end a growing pause.
    grows_until: AtomicU64,
    /// Whether a call of this tenant had a shared scope, whose pause another tenant's answer may have begun.
    shares: AtomicBool,
    /// End of the latest shared pause that a call of this tenant met.
    shared_until: AtomicU64,
}

/// The answer to a call.
#[derive(Debug)]
pub(crate) enum Turn<'a> {
    /// The tokens are taken.
    Now,
    /// The tokens are taken for this time from now.
    In(Duration, Box<Reservation<'a>>),
    Refused(Refusal),
}

/// The reason why a call may not go, and the time until it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) scope: Scope,
    /// Whether the scope is paused, or has no token in time.
    pub(crate) paused: bool,
    pub(crate) wait: Duration,
}

/// The tokens of a call that waits. Dropping it gives them back, unless its time is over and another call has counted them.
#[derive(Debug)]
pub(crate) struct Reservation<'a> {
    limiter: &'a Limiter,
    turn: u64,
    keys: [Option<(Scope, u64)>; Scopes::MAX],
}

/// The pauses of a kind of scope, for a health endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paused {
    pub(crate) scope: Scope,
    /// Number of paused scopes of the kind.
    pub(crate) count: usize,
    /// Time until the last of them is over.
    pub(crate) left: Duration,
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Both maps, locked in this order; the shared one only if a scope is shared.
struct Held<'a> {
    own: MutexGuard<'a, Buckets>,
    shared: Option<MutexGuard<'a, Buckets>>,
}

impl Held<'_> {
    fn of(&mut self, scope: Scope) -> &mut Buckets {
        match &mut self.shared {
            Some(shared) if scope == Scope::Shared => shared,
            _ => &mut self.own,
        }
    }

    /// The bucket of the demand's pause.
    fn pause(&mut self, demand: &Demand, now: u64) -> Option<&mut Bucket> {
        self.of(demand.scope).get(demand.key, now)
    }

    /// The bucket of the demand's rate.
    fn rate(&mut self, demand: &Demand, now: u64) -> Option<&mut Bucket> {
        self.of(demand.scope).get(demand.counted, now)
    }
}

impl Limiter {
    pub(crate) fn new(limits: &Limits, shared: SharedScopes) -> Self {
        Self {
            own: Mutex::new(Buckets::new(limits.max_scopes)),
            shared,
            pause: limits.pause,
            paused_until: AtomicU64::new(0),
            grows_until: AtomicU64::new(0),
            shares: AtomicBool::new(false),
            shared_until: AtomicU64::new(0),
        }
    }

    fn lock(&self, with_shared: bool) -> Held<'_> {
        Held { own: self.own.lock(), shared: with_shared.then(|| self.shared.0.lock()) }
    }

    /// Whether a scope that a call did not declare may be paused.
    #[inline]
    pub(crate) fn has_pauses(&self, now: Duration) -> bool {
        self.paused_until.load(Ordering::Acquire) > nanos(now)
    }

    /// Takes a token of each scope, now or for a time of at most `longest` from now; or of none. A call that owns a pause waits for the
    /// end of pauses, others are refused until then.
    pub(crate) fn enter(&self, scopes: &Scopes, now: Duration, longest: Duration, owns_pause: bool) -> Turn<'_> {
        let (start, now) = (now, nanos(now));
        let shares = scopes.has(Scope::Shared);
        if shares {
            self.shares.store(true, Ordering::Release);
        }
        let mut held = self.lock(shares);
        let mut binding = (Scope::Account, now);
        for demand in scopes.iter().filter(|demand| demand.first) {
            if let Some(until) = held.pause(demand, now).and_then(|bucket| bucket.paused_until(now)) {
                if demand.scope == Scope::Shared {
                    self.shared_until.fetch_max(until, Ordering::AcqRel);
                }
                if until > binding.1 {
                    binding = (demand.scope, until);
                }
            }
        }
        let refused = |scope, paused, until: u64| Turn::Refused(Refusal { scope, paused, wait: Duration::from_nanos(until - now) });
        if binding.1 > now && !owns_pause {
            return refused(binding.0, true, binding.1);
        }
        let pause_end = binding.1;
        let (mut new, latest) = ([0, 0], now.saturating_add(nanos(longest)));
        let rated = || scopes.iter().filter(|demand| demand.rate.is_some());
        loop {
            let before = binding.1;
            for demand in rated() {
                let turn = held.rate(demand, now).map_or(binding.1, |bucket| bucket.earliest(binding.1, latest));
                if turn > binding.1 {
                    binding = (demand.scope, turn);
                }
            }
            if binding.1 == before {
                break;
            }
        }
        let (scope, turn) = binding;
        if turn > latest {
            return refused(scope, turn == pause_end && turn > now, turn);
        }
        for demand in rated() {
            match held.rate(demand, now) {
                Some(bucket) if turn > now && bucket.is_crowded() => return refused(demand.scope, false, turn),
                Some(_) => {}
                None => new[usize::from(demand.scope == Scope::Shared)] += 1,
            }
        }
        let [own, shared] = new;
        // What cannot be counted is not let through.
        for (scope, more) in [(Scope::Account, own), (Scope::Shared, shared)] {
            if more > 0 && !held.of(scope).has_room(more, now) {
                let scope = rated().find(|demand| (demand.scope == Scope::Shared) == (scope == Scope::Shared));
                return Turn::Refused(Refusal { scope: scope.map_or(Scope::Account, |demand| demand.scope), paused: false, wait: NO_ROOM });
            }
        }
        let mut keys = [None; Scopes::MAX];
        for (demand, key) in rated().zip(&mut keys) {
            let new = || Bucket::new(demand.scope, demand.rate);
            if let Some(bucket) = held.of(demand.scope).get_or_insert(demand.counted, new, now) {
                bucket.take(turn, now);
                *key = Some((demand.scope, demand.counted));
            }
        }
        if turn == now {
            return Turn::Now;
        }
        drop(held);
        Turn::In(Duration::from_nanos(turn).saturating_sub(start), Box::new(Reservation { limiter: self, turn, keys }))
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
                _ => of_scope.get_or_insert_beyond(PAUSES_BEYOND, demand.key, new, now),
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

    /// Returns `true` if a new limiter would behave the same.
    pub(crate) fn is_idle(&self, now: Duration) -> bool {
        self.own.lock().are_idle(nanos(now))
    }
}

impl Reservation<'_> {
    /// The call is made: its tokens are not given back.
    pub(crate) fn use_up(mut self) {
        self.keys = [None; Scopes::MAX];
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        let keys = || self.keys.iter().flatten();
        if keys().next().is_none() {
            return;
        }
        let mut held = self.limiter.lock(keys().any(|(scope, _)| *scope == Scope::Shared));
        for (scope, key) in keys() {
            // At time 0 nothing is over: a turn that passed meanwhile was counted by another call, or is given back now.
            if let Some(bucket) = held.of(*scope).get(*key, 0) {
                bucket.give_back(self.turn);
            }
        }
    }
}
