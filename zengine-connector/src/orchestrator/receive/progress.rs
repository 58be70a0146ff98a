//! Counting: what becomes of the events of one request, from several tasks; and how many requests are worked on.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// How many requests are worked on, whether or not anybody waits for them.
#[derive(Debug, Default)]
pub(crate) struct Batches(Arc<AtomicUsize>);

/// One of them.
pub(crate) struct Running(Arc<AtomicUsize>);

impl Batches {
    pub(crate) fn enter(&self) -> Running {
        self.0.fetch_add(1, Ordering::AcqRel);
        Running(Arc::clone(&self.0))
    }

    pub(crate) fn running(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What became of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventResult {
    /// Stored, now or earlier.
    Accepted,
    /// Kept as a dead letter, now or earlier.
    Poisoned,
    /// It must come again.
    Unstored,
}

/// Counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) accepted: usize,
    pub(super) poisoned: usize,
    pub(super) unstored: usize,
}

/// Counts while tasks run, and how much more this request may work on.
#[derive(Debug)]
pub(super) struct Progress {
    total: usize,
    accepted: AtomicUsize,
    poisoned: AtomicUsize,
    unstored: AtomicUsize,
    budget: AtomicUsize,
}

impl Progress {
    pub(super) fn new(total: usize, budget: usize) -> Self {
        Self {
            total,
            accepted: AtomicUsize::new(0),
            poisoned: AtomicUsize::new(0),
            unstored: AtomicUsize::new(0),
            budget: AtomicUsize::new(budget),
        }
    }

    pub(super) fn add(&self, result: EventResult) {
        let counter = match result {
            EventResult::Accepted => &self.accepted,
            EventResult::Poisoned => &self.poisoned,
            EventResult::Unstored => &self.unstored,
        };
        counter.fetch_add(1, Ordering::SeqCst);
    }

    /// Takes one piece of work from what the request may do. `false`: nothing is left.
    pub(super) fn spend(&self) -> bool {
        self.budget.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }

    /// Leaves nothing to spend: what has not begun must come again.
    pub(super) fn stop(&self) {
        self.budget.store(0, Ordering::SeqCst);
    }

    /// Nothing is left to spend.
    pub(super) fn is_spent(&self) -> bool {
        self.budget.load(Ordering::SeqCst) == 0
    }

    /// The counts so far.
    pub(super) fn so_far(&self) -> Counts {
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        Counts { accepted: count(&self.accepted), poisoned: count(&self.poisoned), unstored: count(&self.unstored) }
    }

    /// The counts at the end: what nobody counted was lost with its task and must come again.
    pub(super) fn at_the_end(&self) -> Counts {
        let counts = self.so_far();
        Counts { unstored: self.total.saturating_sub(counts.accepted + counts.poisoned), ..counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_counted_must_come_again() {
        let progress = Progress::new(3, 1);
        progress.add(EventResult::Accepted);
        assert_eq!(progress.at_the_end(), Counts { accepted: 1, poisoned: 0, unstored: 2 });
    }

    #[test]
    fn a_budget_is_never_overdrawn() {
        let progress = Progress::new(3, 2);
        assert_eq!([progress.spend(), progress.spend(), progress.spend()], [true, true, false]);
        assert!(progress.is_spent());
    }
}
