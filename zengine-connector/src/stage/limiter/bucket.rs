//! The state of one rate of a scope, its calls so far and the turns of those that wait; or of a scope's pause.
//!
//! The generic cell rate algorithm, as in the crate `governor`, with turns ahead of time: a call that must wait gets the first turn at
//! which it keeps the rate and delays no turn that was given before.

use super::rate::Rate;
use crate::error::Scope;

/// Maximum calls that wait for one scope.
pub(super) const MAX_WAITING: usize = 1024;

/// Maximum turns that came and are kept to be given back. A further call counts the oldest as made.
const MAX_OPEN: usize = 64;

/// A turn that was given.
#[derive(Debug)]
struct Turn {
    at: u64,
    /// Whether its call was made. Until then it may be given back.
    made: bool,
}

/// One rate of a scope, or its pause. Times are nanoseconds of the monotonic clock.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) scope: Scope,
    /// The time at which the calls so far are spread out, by the rate.
    spread_until: u64,
    /// The turns that are still to come or to be used, in order.
    turns: Vec<Turn>,
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

    /// Counts the turns that came as calls, up to the first whose call is not made yet.
    pub(super) fn settle(&mut self, now: u64) {
        let came = self.came(now);
        let made = self.turns[..came].iter().position(|turn| !turn.made).unwrap_or(came);
        for turn in self.turns.drain(..made.max(came.saturating_sub(MAX_OPEN))) {
            self.spread_until = self.spread_until.max(turn.at).saturating_add(self.interval);
        }
    }

    fn came(&self, now: u64) -> usize {
        self.turns.partition_point(|turn| turn.at <= now)
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
            if turn < given.at && keeps(&self.turns[n..], spread.max(turn).saturating_add(interval), interval, tolerance) {
                return turn;
            }
            turn = turn.max(given.at);
            spread = spread.max(given.at).saturating_add(interval);
        }
        turn.max(spread.saturating_sub(tolerance))
    }

    /// Whether so many calls wait that no further one may.
    pub(super) fn is_crowded(&self, now: u64) -> bool {
        self.turns.len() - self.came(now) >= MAX_WAITING
    }

    /// Takes a turn.
    pub(super) fn take(&mut self, turn: u64) {
        let place = self.turns.partition_point(|given| given.at <= turn);
        self.turns.insert(place, Turn { at: turn, made: false });
    }

    /// The call of a turn is made.
    pub(super) fn use_up(&mut self, turn: u64) {
        if let Some(place) = self.open(turn) {
            self.turns[place].made = true;
        }
    }

    /// Gives a turn back whose call is not made.
    pub(super) fn give_back(&mut self, turn: u64) {
        if let Some(place) = self.open(turn) {
            self.turns.remove(place);
        }
    }

    /// The place of a turn whose call is not made: of several at one time, any.
    fn open(&self, turn: u64) -> Option<usize> {
        let from = self.turns.partition_point(|given| given.at < turn);
        let of_time = self.turns[from..].iter().take_while(|given| given.at == turn);
        of_time.enumerate().find(|(_, given)| !given.made).map(|(place, _)| from + place)
    }

    /// Number of turns that are kept.
    #[cfg(test)]
    pub(super) fn given(&self) -> usize {
        self.turns.len()
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
fn keeps(turns: &[Turn], mut spread: u64, interval: u64, tolerance: u64) -> bool {
    for turn in turns {
        if spread <= turn.at {
            return true; // a gap: the rest is as before
        }
        if spread.saturating_sub(tolerance) > turn.at {
            return false;
        }
        spread = spread.saturating_add(interval);
    }
    true
}
