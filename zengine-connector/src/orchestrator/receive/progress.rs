//! Counters: the results of one request's events across its tasks, and the number of requests in progress.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// Number of requests in progress, including those whose caller is gone.
#[derive(Debug, Default)]
pub(crate) struct Batches(Arc<AtomicUsize>);

/// Counts one request in progress until it is dropped.
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

/// The result of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventResult {
    /// Stored now.
    Accepted,
    /// Stored by an earlier delivery.
    Settled,
    /// Stored as a dead letter, by this or an earlier delivery.
    Poisoned,
    /// The event must be delivered again.
    Unstored,
}

/// Counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) accepted: usize,
    pub(super) poisoned: usize,
    pub(super) unstored: usize,
}

/// Counts of running tasks, and the number of events that the request may still start.
#[derive(Debug)]
pub(super) struct Progress {
    total: usize,
    accepted: AtomicUsize,
    settled: AtomicUsize,
    poisoned: AtomicUsize,
    /// With the handler, or stored and about to be settled.
    underway: AtomicUsize,
    budget: AtomicUsize,
    /// The request was answered while handlers were at work: their events will not come again.
    acknowledged: AtomicBool,
}

/// An event that the handler has.
pub(super) struct Underway<'a>(&'a AtomicUsize);

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Progress {
    pub(super) fn new(total: usize, budget: usize) -> Self {
        Self {
            total,
            accepted: AtomicUsize::new(0),
            settled: AtomicUsize::new(0),
            poisoned: AtomicUsize::new(0),
            underway: AtomicUsize::new(0),
            budget: AtomicUsize::new(budget),
            acknowledged: AtomicBool::new(false),
        }
    }

    pub(super) fn add(&self, result: EventResult) {
        if result == EventResult::Settled {
            self.settled.fetch_add(1, Ordering::SeqCst);
        }
        let counter = match result {
            EventResult::Accepted | EventResult::Settled => &self.accepted,
            EventResult::Poisoned => &self.poisoned,
            EventResult::Unstored => return,
        };
        counter.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts an event as the handler's while the value lives: it may be stored and need not be delivered again.
    pub(super) fn underway(&self) -> Underway<'_> {
        self.underway.fetch_add(1, Ordering::SeqCst);
        Underway(&self.underway)
    }

    /// Number of events that an earlier delivery stored.
    pub(super) fn settled(&self) -> usize {
        self.settled.load(Ordering::SeqCst)
    }

    /// Takes one event from the request's allowance. Returns `false` if none is left.
    pub(super) fn spend(&self) -> bool {
        self.budget.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }

    /// Uses the allowance up: events that have not begun must be delivered again.
    pub(super) fn stop(&self) {
        self.budget.store(0, Ordering::SeqCst);
    }

    /// Returns `true` if the allowance is used up.
    pub(super) fn is_spent(&self) -> bool {
        self.budget.load(Ordering::SeqCst) == 0
    }

    /// The counts so far, for an answer before the end. Events that no handler has yet must be delivered again; if there are
    /// none, the handlers' events will not come again.
    pub(super) fn so_far(&self) -> Counts {
        // First, so that an event that ends meanwhile knows that it will not come again.
        self.acknowledged.store(true, Ordering::SeqCst);
        // Last, so that an event that ends meanwhile is not counted twice.
        let counts = self.counts(|| self.underway.load(Ordering::SeqCst));
        self.acknowledged.store(counts.unstored == 0, Ordering::SeqCst);
        counts
    }

    /// Returns `true` if an event that a handler had will not come again.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// The counts at the end. Uncounted events were lost with their task and must be delivered again.
    pub(super) fn at_the_end(&self) -> Counts {
        self.counts(|| 0)
    }

    fn counts(&self, underway: impl FnOnce() -> usize) -> Counts {
        let (accepted, poisoned) = (self.accepted.load(Ordering::SeqCst), self.poisoned.load(Ordering::SeqCst));
        Counts { accepted, poisoned, unstored: self.total.saturating_sub(accepted + poisoned + underway()) }
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
    fn what_no_handler_has_must_come_again() {
        let progress = Progress::new(3, 3);
        progress.add(EventResult::Accepted);
        let underway = progress.underway();
        assert_eq!(progress.so_far(), Counts { accepted: 1, poisoned: 0, unstored: 1 });
        assert!(!progress.is_acknowledged());
        drop(underway);
        progress.add(EventResult::Unstored);
        assert_eq!(progress.so_far(), Counts { accepted: 1, poisoned: 0, unstored: 2 });
        progress.add(EventResult::Accepted);
        let _underway = progress.underway();
        assert_eq!((progress.so_far().unstored, progress.is_acknowledged()), (0, true));
    }

    #[test]
    fn an_event_that_ends_while_it_is_counted_hides_no_other() {
        let progress = Progress::new(2, 2);
        progress.add(EventResult::Unstored);
        let counts = progress.counts(|| {
            let underway = 1;
            progress.add(EventResult::Accepted);
            underway
        });
        assert_eq!(counts.unstored, 1);
    }

    #[test]
    fn a_budget_is_never_overdrawn() {
        let progress = Progress::new(3, 2);
        assert_eq!([progress.spend(), progress.spend(), progress.spend()], [true, true, false]);
        assert!(progress.is_spent());
    }
}
