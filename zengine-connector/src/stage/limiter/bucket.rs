//! The state of one rate of a scope, its calls so far and the turns of those that wait; or of a scope's pause.
//!
//! The generic cell rate algorithm, as in the crate `governor`, with turns ahead of time: a call that must wait gets the first turn at
//! which it keeps the rate and delays no turn that was given before.

use super::rate::Rate;
use crate::error::Scope;

/// Maximum calls that wait for one scope.
pub(super) const MAX_WAITING: usize = 1024;

/// One rate of a scope, or its pause. Times are nanoseconds of the monotonic clock.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) scope: Scope,
    /// The time at which the calls so far are spread out, by the rate.
    spread_until: u64,
    /// The turns that are still to come, in order.
    turns: Vec<u64>,
    /// Nanoseconds between two calls.
    interval: u64,
    /// Nanoseconds by which a call may come before its turn.
    tolerance: u64,
    /// End of the pause.
    paused_until: u64,
    /// Length of the last pause, if the next one is longer.
    last_pause: u64,
    /// Time at which `last_pause` is forgotten.
    grows_until: u64,
}

impl Bucket {
    pub(super) fn new(scope: Scope, rate: Option<Rate>) -> Self {
        let (interval, tolerance) = rate.map_or((0, 0), |rate| (rate.interval(), rate.tolerance()));
        Self { scope, spread_until: 0, turns: Vec::new(), interval, tolerance, paused_until: 0, last_pause: 0, grows_until: 0 }
    }

    /// Counts the turns that are over as calls.
    pub(super) fn settle(&mut self, now: u64) {
        let over = self.turns.partition_point(|turn| *turn <= now);
        for turn in self.turns.drain(..over) {
            self.spread_until = self.spread_until.max(turn).saturating_add(self.interval);
        }
    }

    /// The first turn from `from` on. Takes nothing. Beyond `latest` it is an estimate: behind those that wait.
    pub(super) fn earliest(&self, from: u64, latest: u64) -> u64 {
        let (interval, tolerance) = (self.interval, self.tolerance);
        let (mut turn, mut spread) = (from, self.spread_until);
        for (n, given) in self.turns.iter().enumerate() {
            turn = turn.max(spread.saturating_sub(tolerance));
            if turn > latest {
                // A caller that does not wait so long need not look through all.
                let waiting = interval.saturating_mul((self.turns.len() - n) as u64);
                return turn.max(spread.saturating_add(waiting).saturating_sub(tolerance));
            }
            if turn < *given && keeps(&self.turns[n..], spread.max(turn).saturating_add(interval), interval, tolerance) {
                return turn;
            }
            turn = turn.max(*given);
            spread = spread.max(*given).saturating_add(interval);
        }
        turn.max(spread.saturating_sub(tolerance))
    }

    /// Whether so many calls wait that no further one may.
    pub(super) fn is_crowded(&self) -> bool {
        self.turns.len() >= MAX_WAITING
    }

    /// Takes a turn.
    pub(super) fn take(&mut self, turn: u64, now: u64) {
        if turn <= now {
            self.spread_until = self.spread_until.max(turn).saturating_add(self.interval);
        } else {
            let place = self.turns.partition_point(|given| *given <= turn);
            self.turns.insert(place, turn);
        }
    }

    /// Gives a turn back that is still to come.
    pub(super) fn give_back(&mut self, turn: u64) {
        if let Ok(place) = self.turns.binary_search(&turn) {
            self.turns.remove(place);
        }
    }

    /// End of the pause, if it is not over.
    pub(super) fn paused_until(&self, now: u64) -> Option<u64> {
        (self.paused_until > now).then_some(self.paused_until)
    }

    /// Pauses the scope for `length`, or longer if the provider did not accept a call since a pause that grows up to `longest`.
    /// Returns the end, and the time until which the scope is remembered for it.
    pub(super) fn pause(&mut self, length: u64, longest: Option<u64>, now: u64) -> (u64, u64) {
        if now < self.paused_until {
            // The answer to a call that was under way: one pause, as long as the longest answer.
            self.paused_until = self.paused_until.max(now.saturating_add(length));
        } else {
            let again = self.last_pause > 0 && now < self.grows_until;
            let doubled = longest.filter(|_| again).map(|longest| self.last_pause.saturating_mul(2).min(longest));
            let length = doubled.unwrap_or(0).max(length);
            self.paused_until = now.saturating_add(length);
            // An ordinary pause in between does not begin anew.
            if longest.is_some() {
                self.last_pause = length;
            }
        }
        if let Some(longest) = longest {
            self.grows_until = self.paused_until.saturating_add(longest);
        }
        (self.paused_until, self.paused_until.max(self.grows_until))
    }

    /// The provider accepted a call: the next pause begins short again.
    pub(super) fn accepted(&mut self, now: u64) {
        if now >= self.paused_until {
            (self.last_pause, self.grows_until) = (0, 0);
        }
    }

    /// Returns `true` if a new bucket would behave the same.
    pub(super) fn is_idle(&mut self, now: u64) -> bool {
        self.settle(now);
        self.turns.is_empty() && self.spread_until.max(self.paused_until).max(self.grows_until) <= now
    }
}

/// Whether turns given before keep the rate after a call that is spread until `spread`.
fn keeps(turns: &[u64], mut spread: u64, interval: u64, tolerance: u64) -> bool {
    for turn in turns {
        if spread <= *turn {
            return true; // a gap: the rest is as before
        }
        if spread.saturating_sub(tolerance) > *turn {
            return false;
        }
        spread = spread.saturating_add(interval);
    }
    true
}
