//! The limiter: rates and pauses of accounts, senders, recipients, and of keys that tenants share (rules 45 and 83).
//!
//! A call takes a token of each of its scopes, or of none. One that must wait is given its turn ahead of time, so that calls of one scope
//! go in the order in which they came, and no waiting call keeps one of other scopes from passing.

mod bucket;
mod buckets;
mod held;
mod pauses;
mod rate;
mod scopes;
#[cfg(test)]
mod tests;
mod turns;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize},
    },
    time::Duration,
};

use self::{buckets::Buckets, held::Held};
use super::settings::Limits;
use crate::sync::Mutex;

pub(crate) use self::{
    pauses::Paused,
    turns::{LimiterAnswer, Refusal, Reservation},
};
pub use self::{rate::Rate, scopes::Scopes};

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
    /// Calls that wait for shared keys.
    waiting: AtomicUsize,
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

impl Limiter {
    pub(crate) fn new(limits: &Limits, shared: SharedScopes) -> Self {
        Self {
            own: Mutex::new(Buckets::new(limits.max_scopes)),
            shared,
            waiting: AtomicUsize::new(0),
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

    /// Returns `true` if a new limiter would behave the same.
    pub(crate) fn is_idle(&self, now: Duration) -> bool {
        self.own.lock().are_idle(nanos(now))
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
