//! The turn of a call: its tokens now, for a time ahead, or none.

use std::{sync::atomic::Ordering, time::Duration};

use super::{
    Limiter,
    bucket::{Bucket, MAX_WAITING},
    held::Held,
    nanos,
    scopes::{Demand, Scopes},
};
use crate::error::Scope;

/// Maximum calls of one tenant that wait for shared keys: a quarter of those of a key, so that the others wait behind no more. Of a slow
/// key, they have at most the turns of half the time that a call may wait.
pub(super) const MAX_WAITING_OF_ONE: usize = MAX_WAITING / 4;

/// Wait of a call for whose scope there is no room.
pub(super) const NO_ROOM: Duration = Duration::from_secs(1);

/// The answer to a call.
#[derive(Debug)]
pub(crate) enum LimiterAnswer<'a> {
    /// The tokens are taken. No reservation: the call has no rates.
    Now(Option<Box<Reservation<'a>>>),
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

/// The tokens of a call that is not made yet. Dropping it gives them back.
#[derive(Debug)]
#[must_use = "dropped, it gives the tokens back"]
pub(crate) struct Reservation<'a> {
    limiter: &'a Limiter,
    turn: u64,
    keys: [Option<(Scope, u64)>; Scopes::MAX],
    /// Whether it is among those of its tenant that wait for a shared key.
    waits: bool,
}

/// The earliest time of a call, and the scope that it waits for. Nanoseconds of the monotonic clock.
struct Earliest {
    scope: Scope,
    turn: u64,
}

impl Earliest {
    fn put_off(&mut self, scope: Scope, turn: u64) {
        if turn > self.turn {
            *self = Self { scope, turn };
        }
    }

    fn refused<'a>(&self, paused: bool, now: u64) -> LimiterAnswer<'a> {
        let wait = Duration::from_nanos(self.turn - now);
        LimiterAnswer::Refused(Refusal { scope: self.scope, paused, wait })
    }
}

fn rated(scopes: &Scopes) -> impl Iterator<Item = &Demand> {
    scopes.iter().filter(|demand| demand.rate.is_some())
}

impl Limiter {
    /// Takes a token of each scope, now or for a time of at most `longest` from now; or of none. A call that owns a pause waits for the
    /// end of pauses, others are refused until then.
    pub(crate) fn enter(&self, scopes: &Scopes, now: Duration, longest: Duration, owns_pause: bool) -> LimiterAnswer<'_> {
        let (start, now) = (now, nanos(now));
        let shares = scopes.has(Scope::Shared);
        if shares {
            self.shares.store(true, Ordering::Release);
        }
        let mut held = self.lock(shares);
        let mut earliest = Earliest { scope: Scope::Account, turn: now };
        self.after_pauses(&mut held, scopes, now, &mut earliest);
        if earliest.turn > now && !owns_pause {
            return earliest.refused(true, now);
        }
        let (pause_end, latest) = (earliest.turn, now.saturating_add(nanos(longest)));
        in_rates(&mut held, scopes, (now, latest), &mut earliest);
        if earliest.turn > latest {
            return earliest.refused(earliest.turn == pause_end, now);
        }
        let turn = earliest.turn;
        let waits = turn > now && rated(scopes).any(|demand| demand.scope == Scope::Shared);
        if waits {
            let own = self.waiting.load(Ordering::Acquire);
            // The wait for the end of a pause, and for a rate that is not shared, takes no turns from others.
            let is_late = earliest.scope == Scope::Shared && turn > pause_end.saturating_add(nanos(longest) / 2);
            if own >= MAX_WAITING_OF_ONE || (own > 0 && is_late) {
                return Earliest { scope: Scope::Shared, turn }.refused(false, now);
            }
        }
        if turn > now
            && let Some(scope) = crowded(&mut held, scopes, now)
        {
            return Earliest { scope, turn }.refused(false, now);
        }
        if let Some(scope) = without_room(&mut held, scopes, now) {
            return LimiterAnswer::Refused(Refusal { scope, paused: false, wait: NO_ROOM });
        }
        let mut keys = [None; Scopes::MAX];
        for (demand, key) in rated(scopes).zip(&mut keys) {
            let new = || Bucket::new(demand.scope, demand.rate);
            if let Some(bucket) = held.of(demand.scope).get_or_insert(demand.counted, new, now) {
                bucket.take(turn);
                *key = Some((demand.scope, demand.counted));
            }
        }
        drop(held);
        if waits {
            self.waiting.fetch_add(1, Ordering::AcqRel);
        }
        let reservation = || Box::new(Reservation { limiter: self, turn, keys, waits });
        if turn == now {
            return LimiterAnswer::Now(keys[0].is_some().then(reservation));
        }
        LimiterAnswer::In(Duration::from_nanos(turn).saturating_sub(start), reservation())
    }

    /// Puts the call off until its scopes' pauses are over.
    fn after_pauses(&self, held: &mut Held<'_>, scopes: &Scopes, now: u64, earliest: &mut Earliest) {
        for demand in scopes.iter().filter(|demand| demand.first) {
            if let Some(until) = held.pause(demand, now).and_then(|bucket| bucket.paused_until(now)) {
                if demand.scope == Scope::Shared {
                    self.shared_until.fetch_max(until, Ordering::AcqRel);
                }
                earliest.put_off(demand.scope, until);
            }
        }
    }
}

/// Puts the call off to the first turn that all its rates have.
fn in_rates(held: &mut Held<'_>, scopes: &Scopes, (now, latest): (u64, u64), earliest: &mut Earliest) {
    loop {
        let before = earliest.turn;
        for demand in rated(scopes) {
            let turn = held.rate(demand, now).map_or(earliest.turn, |bucket| bucket.earliest(earliest.turn, latest));
            earliest.put_off(demand.scope, turn);
        }
        if earliest.turn == before {
            return;
        }
    }
}

/// The first scope for which as many calls wait as may.
fn crowded(held: &mut Held<'_>, scopes: &Scopes, now: u64) -> Option<Scope> {
    rated(scopes).find(|demand| held.rate(demand, now).is_some_and(|bucket| bucket.is_crowded(now))).map(|demand| demand.scope)
}

/// The first scope of a map without room: what cannot be counted is not let through.
fn without_room(held: &mut Held<'_>, scopes: &Scopes, now: u64) -> Option<Scope> {
    [false, true].into_iter().find_map(|shared| {
        let of_map = || rated(scopes).filter(move |demand| (demand.scope == Scope::Shared) == shared);
        let first = of_map().next()?;
        let new = |held: &mut Held<'_>| of_map().filter(|demand| held.rate(demand, now).is_none()).count();
        let lacks = |held: &mut Held<'_>| {
            let new = new(held);
            new > 0 && !held.of(first.scope).has_room(new, now)
        };
        // Twice: what the first look forgets may be of this call.
        (lacks(held) || lacks(held)).then_some(first.scope)
    })
}

impl Reservation<'_> {
    /// The call is made: its tokens are not given back.
    pub(crate) fn use_up(mut self) {
        self.end(Bucket::use_up);
    }

    fn end(&mut self, end: fn(&mut Bucket, u64)) {
        if std::mem::take(&mut self.waits) {
            self.limiter.waiting.fetch_sub(1, Ordering::AcqRel);
        }
        let keys = std::mem::take(&mut self.keys);
        let keys = || keys.iter().flatten();
        if keys().next().is_none() {
            return;
        }
        let mut held = self.limiter.lock(keys().any(|(scope, _)| *scope == Scope::Shared));
        for (scope, key) in keys() {
            // At time 0 nothing came yet: the turn is still there, unless very many calls came since.
            if let Some(bucket) = held.of(*scope).get(*key, 0) {
                end(bucket, self.turn);
            }
        }
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.end(Bucket::give_back);
    }
}
