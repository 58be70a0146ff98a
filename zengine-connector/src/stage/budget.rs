//! The retry budget (rule 38): how many retries the calls of a tenant and strategy may make while a provider fails.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Time without a use after which a budget is full again. It is read from the clock at the next use; there is no timer.
const IDLE_S: u64 = 60;

/// The tokens of one tenant and strategy in this process.
#[derive(Debug)]
pub(crate) struct Budget {
    /// The most tokens. `None` is no budget.
    most: Option<u32>,
    /// The second of the last use in the upper half, the tokens in the lower: one word, so that a change is one atomic step.
    state: AtomicU64,
}

/// Tokens taken for one retry. Dropping it before the attempt begins gives them back.
#[derive(Debug)]
#[must_use = "begin the attempt, and refund the tokens if it succeeds"]
pub(crate) struct Withdrawal<'a> {
    budget: &'a Budget,
    cost: u32,
    begun: bool,
}

const fn pack(second: u64, tokens: u32) -> u64 {
    (second << 32) | tokens as u64
}

#[allow(clippy::cast_possible_truncation)] // the lower half
const fn unpack(state: u64) -> (u64, u32) {
    (state >> 32, state as u32)
}

impl Budget {
    pub(crate) const fn new(most: Option<u32>) -> Self {
        let tokens = match most {
            Some(most) => most,
            None => 0,
        };
        Self { most, state: AtomicU64::new(pack(0, tokens)) }
    }

    /// Takes the cost of a retry. `None` if the tokens do not suffice.
    pub(crate) fn withdraw(&self, cost: u32, now: Duration) -> Option<Withdrawal<'_>> {
        if cost > 0 {
            self.change(now, |tokens| tokens.checked_sub(cost))?;
        }
        Some(Withdrawal { budget: self, cost, begun: false })
    }

    /// Adds the token of a first attempt that succeeded.
    pub(crate) fn earn(&self, now: Duration) {
        self.add(1, now);
    }

    /// The tokens left. `None` without a budget.
    pub(crate) fn left(&self, now: Duration) -> Option<u32> {
        self.most.map(|most| Self::tokens(self.state.load(Ordering::Relaxed), most, now))
    }

    /// Returns `true` if a new budget would be the same.
    pub(crate) fn is_full(&self, now: Duration) -> bool {
        self.left(now) == self.most
    }

    fn add(&self, tokens: u32, now: Duration) {
        // A full budget, as with every healthy provider, is only read.
        if !self.is_full(now) {
            self.change(now, |left| Some(left.saturating_add(tokens)));
        }
    }

    fn tokens(state: u64, most: u32, now: Duration) -> u32 {
        let (second, tokens) = unpack(state);
        if now.as_secs().saturating_sub(second) >= IDLE_S { most } else { tokens.min(most) }
    }

    /// Changes the tokens in one step. `None` if `change` refuses. Without a budget everything is granted.
    fn change(&self, now: Duration, change: impl Fn(u32) -> Option<u32>) -> Option<()> {
        let Some(most) = self.most else { return Some(()) };
        let changed = |state| change(Self::tokens(state, most, now));
        let step = |state| {
            // The latest second counts: a caller's reading of the clock may be older than another's change. A refusal is traffic too.
            let second = unpack(state).0.max(now.as_secs()).min(u32::MAX.into());
            Some(pack(second, changed(state).unwrap_or_else(|| Self::tokens(state, most, now)).min(most)))
        };
        let before = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, step).unwrap_or_else(|state| state);
        changed(before).map(drop)
    }

    /// Puts tokens back, at the time of the last change.
    fn put_back(&self, tokens: u32) {
        let second = unpack(self.state.load(Ordering::Acquire)).0;
        self.change(Duration::from_secs(second), |left| Some(left.saturating_add(tokens)));
    }
}

impl Withdrawal<'_> {
    /// The attempt begins: from now on only its success gives the tokens back.
    pub(crate) fn begin(&mut self) {
        self.begun = true;
    }

    /// The retry succeeded: gives the tokens back.
    pub(crate) fn refund(mut self) {
        self.begun = false;
    }
}

impl Drop for Withdrawal<'_> {
    fn drop(&mut self) {
        if !self.begun {
            self.budget.put_back(self.cost);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    const NOW: Duration = Duration::from_secs(1000);
    const PROVIDER: u32 = 5;

    fn spend(budget: &Budget, cost: u32) -> bool {
        budget.withdraw(cost, NOW).map(|mut taken| taken.begin()).is_some()
    }

    #[test]
    fn rule_38_a_budget_of_a_hundred_pays_for_twenty_retries() {
        let budget = Budget::new(Some(100));
        assert_eq!((0..1000).filter(|_| spend(&budget, PROVIDER)).count(), 20);
        assert_eq!(budget.left(NOW), Some(0));
        for _ in 0..4 {
            budget.earn(NOW);
        }
        assert!(!spend(&budget, PROVIDER) && spend(&budget, 2));
        assert_eq!(budget.left(NOW), Some(2), "a refusal takes nothing");
    }

    /// Case 45.
    #[test]
    fn rule_38_a_success_refunds_once_and_a_drop_nothing_twice() {
        let budget = Budget::new(Some(100));
        let mut first = budget.withdraw(PROVIDER, NOW).unwrap();
        let second = budget.withdraw(PROVIDER, NOW).unwrap();
        assert_eq!(budget.left(NOW), Some(90));
        drop(second);
        assert_eq!(budget.left(NOW), Some(95), "no attempt was made");
        first.begin();
        first.refund();
        assert_eq!(budget.left(NOW), Some(100));
        let mut failed = budget.withdraw(PROVIDER, NOW).unwrap();
        failed.begin();
        drop(failed);
        assert_eq!(budget.left(NOW), Some(95));
        for _ in 0..1000 {
            budget.earn(NOW);
        }
        assert_eq!(budget.left(NOW), Some(100), "never more than full");
    }

    #[test]
    fn rule_38_an_idle_budget_is_full() {
        let budget = Budget::new(Some(10));
        assert!(spend(&budget, PROVIDER) && spend(&budget, PROVIDER) && !spend(&budget, PROVIDER));
        let later = |seconds| NOW + Duration::from_secs(seconds);
        assert_eq!((budget.left(later(59)), budget.left(later(60))), (Some(0), Some(10)));
        assert!(!spend(&budget, PROVIDER), "a refusal");
        for second in (0..600).step_by(30) {
            assert!(budget.withdraw(PROVIDER, later(second)).is_none(), "refusals are traffic");
        }
        assert!(budget.withdraw(PROVIDER, later(569)).is_none() && budget.withdraw(PROVIDER, later(630)).is_some());
        assert!(Budget::new(None).withdraw(u32::MAX, NOW).is_some(), "no budget refuses nothing");
        assert_eq!(Budget::new(None).left(NOW), None);
    }

    /// Case 44. No thread takes what is not there, whatever the order: the tokens never go below zero.
    #[test]
    fn rule_38_many_threads_never_take_more_than_there_is() {
        for round in 0..200 {
            let (budget, granted) = (Budget::new(Some(100)), AtomicU32::new(0));
            std::thread::scope(|scope| {
                for thread in 0..8_u32 {
                    let (budget, granted) = (&budget, &granted);
                    scope.spawn(move || {
                        for n in 0..50_u32 {
                            let cost = if (n + thread + round) % 3 == 0 { 2 } else { PROVIDER };
                            let Some(mut taken) = budget.withdraw(cost, NOW) else { continue };
                            if n % 4 == 3 {
                                continue;
                            }
                            taken.begin();
                            granted.fetch_add(cost, Ordering::Relaxed);
                        }
                    });
                }
            });
            let (granted, left) = (granted.load(Ordering::Relaxed), budget.left(NOW).unwrap());
            assert_eq!(granted + left, 100, "round {round}");
        }
    }
}
