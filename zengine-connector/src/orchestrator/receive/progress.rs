//! The results of one request's events, counted across its tasks.

use crate::{message::DedupeKey, sync::Mutex};

/// The result of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventResult {
    /// Stored now.
    Accepted,
    /// Stored by an earlier delivery.
    Settled,
    /// Stored as a dead letter now.
    Poisoned,
    /// Stored as a dead letter by an earlier delivery.
    KnownPoison,
    /// Of another event than the record under its key. On a synchronous channel alone: the response tells it.
    Conflict,
    /// Under work for another request, on a synchronous channel: the other side asks again.
    Pending,
    /// Ephemeral, and not handled: it is not worth another delivery.
    Dropped,
    /// The event must be delivered again.
    Unstored,
}

impl EventResult {
    /// The result in snake case, as the span of the event has it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Settled => "settled",
            Self::Poisoned => "poisoned",
            Self::KnownPoison => "known_poison",
            Self::Conflict => "conflict",
            Self::Pending => "pending",
            Self::Dropped => "dropped",
            Self::Unstored => "unstored",
        }
    }
}

/// Counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Stored, now or before.
    pub(super) accepted: usize,
    /// Dead letters, of now or before.
    pub(super) poisoned: usize,
    pub(super) unstored: usize,
    /// Of another event than the record under their key, or under work for another request: neither must come again.
    pub(super) conflict: usize,
    pub(super) pending: usize,
    /// Of the accepted, those of an earlier delivery.
    pub(super) accepted_before: usize,
    /// Of the poisoned, those of an earlier delivery.
    pub(super) poisoned_before: usize,
}

impl Counts {
    /// Events of an earlier delivery.
    pub(super) fn duplicates(self) -> usize {
        self.accepted_before + self.poisoned_before
    }
}

/// Counts of running tasks, and the number of events that the request may still start.
pub(super) struct Progress {
    total: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    accepted: usize,
    settled: usize,
    poisoned: usize,
    known_poison: usize,
    conflict: usize,
    pending: usize,
    /// Ephemeral tasks that have not ended: no delivery brings their events again.
    ephemeral: usize,
    /// With the handler, or stored and about to be settled.
    underway: usize,
    budget: usize,
    /// The request was answered while handlers were at work: their events will not come again.
    acknowledged: bool,
    /// The counts of an answer that came before the end of the work.
    answered: Option<Counts>,
    finished: bool,
    /// On a synchronous channel, the events of the response's conversation that have no result yet, and how many of them its cursor can name.
    awaited: Option<(Vec<DedupeKey>, usize)>,
    /// The strategy's keys and the event ids of conflicts.
    conflicts: Vec<(String, String)>,
}

/// An event that the handler has.
pub(super) struct Underway<'a>(&'a Progress);

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.0.state.lock().underway -= 1;
    }
}

impl Progress {
    pub(super) fn new(total: usize, budget: usize) -> Self {
        Self { total, state: Mutex::new(State { budget, ..State::default() }) }
    }

    /// Events that no redelivery brings.
    pub(super) fn acknowledged(total: usize, budget: usize) -> Self {
        Self { total, state: Mutex::new(State { budget, acknowledged: true, ..State::default() }) }
    }

    /// Of the tasks, this number is ephemeral. One that has not ended is not unstored (rule 87).
    pub(super) fn with_ephemeral(self, tasks: usize) -> Self {
        self.state.lock().ephemeral = tasks;
        self
    }

    /// The events that the cursor of a synchronous response can name, of which it has room for a number.
    pub(super) fn with_awaited(self, keys: Vec<DedupeKey>, room: usize) -> Self {
        self.state.lock().awaited = Some((keys, room));
        self
    }

    /// The events that a cursor must name: no result of this request says what became of them.
    pub(super) fn awaited(&self) -> Vec<DedupeKey> {
        self.state.lock().awaited.as_ref().map_or_else(Vec::new, |(keys, _)| keys.clone())
    }

    /// Notes the end of a task, of an event with this key if it has a record.
    pub(super) fn end(&self, key: Option<DedupeKey>, result: EventResult) {
        let mut state = self.state.lock();
        state.add(result);
        // What another request works on has its result there.
        if let (Some((awaited, _)), Some(key)) = (&mut state.awaited, key)
            && !matches!(result, EventResult::Pending | EventResult::Unstored)
            && let Some(at) = awaited.iter().position(|awaited| *awaited == key)
        {
            awaited.remove(at);
        }
    }

    /// Notes the end of an ephemeral task.
    pub(super) fn add_ephemeral(&self, result: EventResult) {
        let mut state = self.state.lock();
        state.ephemeral = state.ephemeral.saturating_sub(1);
        state.add(result);
    }

    /// Notes an event that came under the key of another one: the strategy's key and the event's id.
    pub(super) fn note_conflict(&self, dedup: String, id: String) {
        self.state.lock().conflicts.push((dedup, id));
    }

    /// The conflicts, as they were noted.
    pub(super) fn conflicts(&self) -> Vec<(String, String)> {
        self.state.lock().conflicts.clone()
    }

    /// Counts an event as the handler's while the value lives: it may be stored and need not be delivered again.
    pub(super) fn underway(&self) -> Underway<'_> {
        self.state.lock().underway += 1;
        Underway(self)
    }

    /// Returns `true` if this request stored an event, and not an earlier delivery.
    pub(super) fn stored_any(&self) -> bool {
        self.state.lock().accepted > 0
    }

    /// Takes one event from the request's allowance. Returns `false` if none is left.
    pub(super) fn spend(&self) -> bool {
        let budget = &mut self.state.lock().budget;
        budget.checked_sub(1).map(|left| *budget = left).is_some()
    }

    /// Uses the allowance up: events that have not begun must be delivered again.
    pub(super) fn stop(&self) {
        self.state.lock().budget = 0;
    }

    /// Returns `true` if the allowance is used up.
    pub(super) fn is_spent(&self) -> bool {
        self.state.lock().budget == 0
    }

    /// The counts so far, for an answer before the end. Events that no handler has yet must be delivered again; if there are
    /// none, the handlers' events will not come again.
    pub(super) fn so_far(&self) -> Counts {
        let mut state = self.state.lock();
        let open = state.counts(self.total).unstored;
        let counts = state.named(state.counts(self.total.saturating_sub(state.underway)), open);
        state.acknowledged = counts.unstored == 0;
        state.answer(counts)
    }

    /// The counts so far, for an answer before the end by which whatever is not stored yet comes again.
    pub(super) fn stored_so_far(&self) -> Counts {
        let mut state = self.state.lock();
        let counts = state.counts(self.total);
        state.answer(counts)
    }

    /// The counts of a request whose caller went away: those of the answer if it was made, because what ended later is told as its rest.
    pub(super) fn unanswered(&self) -> Counts {
        let answered = self.state.lock().answered;
        answered.unwrap_or_else(|| self.at_the_end())
    }

    /// Marks the work as ended. Returns the counts of the answer, if it came earlier, and those of now.
    pub(super) fn finish(&self) -> Option<(Counts, Counts)> {
        let mut state = self.state.lock();
        state.finished = true;
        Some((state.answered?, state.counts(self.total)))
    }

    /// Returns `true` if an event that a handler had will not come again.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.state.lock().acknowledged
    }

    /// The counts at the end. Uncounted events were lost with their task and must be delivered again.
    pub(super) fn at_the_end(&self) -> Counts {
        let state = self.state.lock();
        state.named(state.counts(self.total), 0)
    }
}

impl State {
    fn add(&mut self, result: EventResult) {
        match result {
            EventResult::Accepted | EventResult::Dropped => self.accepted += 1,
            EventResult::Settled => self.settled += 1,
            EventResult::Poisoned => self.poisoned += 1,
            EventResult::KnownPoison => self.known_poison += 1,
            EventResult::Conflict => self.conflict += 1,
            EventResult::Pending => self.pending += 1,
            EventResult::Unstored => {}
        }
    }

    /// Notes an answer, unless the work ended meanwhile and its counts are the last ones.
    fn answer(&mut self, counts: Counts) -> Counts {
        if !self.finished {
            self.answered = Some(counts);
        }
        counts
    }

    /// The counts of an answer while `open` events are with their handlers. If its cursor cannot name all events under work, because they
    /// are too many or of another conversation, they must be delivered again: no poll would learn what became of them.
    fn named(&self, counts: Counts, open: usize) -> Counts {
        let Some((awaited, room)) = &self.awaited else { return counts };
        let under_work = open + counts.pending;
        if counts.unstored > 0 || (awaited.len() <= *room && awaited.len() == under_work) {
            return counts;
        }
        Counts { unstored: under_work, pending: 0, ..counts }
    }

    fn counts(&self, total: usize) -> Counts {
        let (accepted, poisoned) = (self.accepted + self.settled, self.poisoned + self.known_poison);
        Counts {
            accepted,
            poisoned,
            unstored: total.saturating_sub(self.ephemeral + accepted + poisoned + self.conflict + self.pending),
            conflict: self.conflict,
            pending: self.pending,
            accepted_before: self.settled,
            poisoned_before: self.known_poison,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_counted_must_come_again() {
        let progress = Progress::new(3, 1);
        progress.end(None, EventResult::Accepted);
        assert_eq!(progress.at_the_end(), Counts { accepted: 1, unstored: 2, ..Counts::default() });
    }

    #[test]
    fn what_an_earlier_delivery_settled_is_counted_apart() {
        let progress = Progress::new(4, 4);
        for result in [EventResult::Accepted, EventResult::Settled, EventResult::Poisoned, EventResult::KnownPoison] {
            progress.end(None, result);
        }
        let counts = Counts { accepted: 2, poisoned: 2, accepted_before: 1, poisoned_before: 1, ..Counts::default() };
        assert_eq!(progress.at_the_end(), counts);
    }

    #[test]
    fn what_no_handler_has_must_come_again() {
        let progress = Progress::new(3, 3);
        progress.end(None, EventResult::Accepted);
        let underway = progress.underway();
        assert_eq!(progress.so_far(), Counts { accepted: 1, unstored: 1, ..Counts::default() });
        assert!(!progress.is_acknowledged());
        drop(underway);
        progress.end(None, EventResult::Unstored);
        assert_eq!(progress.so_far(), Counts { accepted: 1, unstored: 2, ..Counts::default() });
        progress.end(None, EventResult::Accepted);
        let _underway = progress.underway();
        assert_eq!((progress.so_far().unstored, progress.is_acknowledged()), (0, true));
    }

    #[test]
    fn what_became_of_the_rest_is_known_once_the_work_ends() {
        let progress = Progress::new(2, 2);
        progress.end(None, EventResult::Accepted);
        assert_eq!(progress.stored_so_far(), Counts { accepted: 1, unstored: 1, ..Counts::default() });
        assert!(!progress.is_acknowledged(), "it comes again");
        progress.end(None, EventResult::Poisoned);
        let answered = Counts { accepted: 1, unstored: 1, ..Counts::default() };
        assert_eq!(progress.finish(), Some((answered, Counts { accepted: 1, poisoned: 1, ..Counts::default() })));
        let in_time = Progress::new(1, 1);
        in_time.end(None, EventResult::Accepted);
        assert_eq!(in_time.finish(), None);
        assert_eq!((in_time.stored_so_far().unstored, in_time.finish()), (0, None));
    }

    #[test]
    fn rule_87_an_ephemeral_event_that_has_not_ended_is_not_unstored() {
        let progress = Progress::new(3, 3).with_ephemeral(1);
        progress.end(None, EventResult::Accepted);
        let one_left = Counts { accepted: 1, unstored: 1, ..Counts::default() };
        assert_eq!((progress.so_far(), progress.stored_so_far(), progress.at_the_end()), (one_left, one_left, one_left));
        progress.end(None, EventResult::Accepted);
        assert_eq!(progress.stored_so_far(), Counts { accepted: 2, ..Counts::default() });
        progress.add_ephemeral(EventResult::Dropped);
        assert_eq!(progress.at_the_end(), Counts { accepted: 3, ..Counts::default() });
    }

    #[test]
    fn rule_84_what_a_cursor_cannot_name_must_come_again() {
        let key = |n: usize| DedupeKey::try_from(format!("{n:032x}")).unwrap();
        let keys = |most: usize| (0..most).map(key).collect::<Vec<_>>();
        // As many as there is room for, one more, and one of another conversation.
        for (total, awaited, unstored) in [(9, 9, 0), (10, 10, 9), (9, 8, 8)] {
            let progress = Progress::new(total, total).with_awaited(keys(awaited), 8);
            progress.end(Some(key(0)), EventResult::Accepted);
            let _underway: Vec<_> = (1..total).map(|_| progress.underway()).collect();
            assert_eq!((progress.so_far().unstored, progress.is_acknowledged()), (unstored, unstored == 0), "{total} {awaited}");
            assert_eq!(progress.awaited(), keys(awaited)[1..]);
        }
        let elsewhere = Progress::new(9, 9).with_awaited(keys(9), 8);
        (0..9).for_each(|n| elsewhere.end(Some(key(n)), EventResult::Pending));
        assert_eq!(elsewhere.at_the_end(), Counts { unstored: 9, ..Counts::default() });
    }

    #[test]
    fn a_budget_is_never_overdrawn() {
        let progress = Progress::new(3, 2);
        assert_eq!([progress.spend(), progress.spend(), progress.spend()], [true, true, false]);
        assert!(progress.is_spent());
    }
}
