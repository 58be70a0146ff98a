//! Events of one conversation in the provider's order.

use std::{collections::BTreeMap, time::Duration};

use super::InboundEvent;

/// Puts the events of one conversation into the order of their [`sequence`](InboundEvent::sequence), for a host that shows or passes
/// them on: the core hands events over as they arrive, and two requests may overtake each other.
///
/// An event that is next goes through at once. One that came too early is held until those before it are there, at most
/// [`MAX_WAIT`](Self::MAX_WAIT) and at most [`MAX_HELD`](Self::MAX_HELD) of them; then the gap is let go. One that comes after its gap
/// was let go, one without a sequence and a repeated one go through at once: dedup is the pipeline's work. So every event comes out
/// exactly once, and a lost one holds the others up for two seconds.
///
/// It is pure: it reads no clock and starts no task. Give every call the time of one clock that never goes back, and call
/// [`expire`](Self::expire) at [`due`](Self::due). What it holds is lost with the process, so store an event before you give it away here.
///
/// ```
/// use std::time::Duration;
/// use zengine_connector::message::Reorder;
///
/// let (mut order, ms) = (Reorder::starting_at(1), Duration::from_millis);
/// assert_eq!(order.push(Some(2), "second", ms(0)), [""; 0]); // held: the first is not here yet
/// assert_eq!(order.push(Some(1), "first", ms(5)), ["first", "second"]);
/// assert_eq!(order.push(Some(4), "fourth", ms(9)), [""; 0]);
/// assert_eq!(order.due(), Some(ms(2_009))); // call `expire` then
/// assert_eq!(order.expire(ms(2_009)), ["fourth"]); // the third is let go
/// assert_eq!(order.push(Some(3), "third", ms(3_000)), ["third"]); // late, and not lost
/// ```
///
/// A provider counts anew in each life of a conversation. Keep one per life, under the provider's id of it, or call
/// [`restart`](Self::restart) when the provider says that a new life begins: otherwise the small numbers count as late and go through as
/// they come. A [local](crate::message::EventSource::Local) `started` may come after the first events of its life.
#[derive(Clone)]
pub struct Reorder<T = InboundEvent> {
    /// The sequence that goes through at once; `None` before the first event of a life whose first number is not known.
    next: Option<u64>,
    /// The first number of a life, if it is known.
    first: Option<u64>,
    /// Events that came too early, by sequence and arrival, each with the end of its wait.
    held: BTreeMap<(u64, u64), (Duration, T)>,
    arrivals: u64,
}

debug_fields!([T] Reorder<T> { next, held: |it| it.held.len() });

impl<T> Reorder<T> {
    /// The most events that are held.
    pub const MAX_HELD: usize = 16;
    /// The longest time for which an event is held.
    pub const MAX_WAIT: Duration = Duration::from_secs(2);

    /// An order that begins with the first event that comes, whatever its number.
    pub const fn new() -> Self {
        Self { next: None, first: None, held: BTreeMap::new(), arrivals: 0 }
    }

    /// An order in which every life of the conversation begins with this number, so that the first event may come late too.
    pub const fn starting_at(first: u64) -> Self {
        Self { next: Some(first), first: Some(first), held: BTreeMap::new(), arrivals: 0 }
    }

    /// Takes an event, and returns those that are due now, in order.
    pub fn push(&mut self, sequence: Option<u64>, event: T, now: Duration) -> Vec<T> {
        let mut out = self.expire(now);
        let Some(sequence) = sequence else {
            out.push(event);
            return out;
        };
        let next = *self.next.get_or_insert(sequence);
        if sequence <= next {
            out.push(event);
            if sequence == next {
                self.next = Some(next.saturating_add(1));
                self.release_run(&mut out);
            }
            return out;
        }
        self.held.insert((sequence, self.arrivals), (now.saturating_add(Self::MAX_WAIT), event));
        self.arrivals += 1;
        if self.held.len() > Self::MAX_HELD {
            self.release_through(self.held.first_key_value().map(|(key, _)| *key), &mut out);
        }
        out
    }

    /// Lets the gaps go for which an event waited long enough, and returns the events after them, in order.
    pub fn expire(&mut self, now: Duration) -> Vec<T> {
        let mut out = vec![];
        let over = self.held.iter().rev().find(|(_, (until, _))| *until <= now).map(|(key, _)| *key);
        self.release_through(over, &mut out);
        out
    }

    /// The time of the next [`expire`](Self::expire); `None` while nothing is held.
    pub fn due(&self) -> Option<Duration> {
        self.held.values().map(|(until, _)| *until).min()
    }

    /// Begins a new life of the conversation, whose numbers start anew. Returns the events of the old one that are held, in order.
    pub fn restart(&mut self) -> Vec<T> {
        self.next = self.first;
        std::mem::take(&mut self.held).into_values().map(|(_, event)| event).collect()
    }

    /// The number of events that are held.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Releases the held events up to this one and those that follow it without a gap.
    fn release_through(&mut self, last: Option<(u64, u64)>, out: &mut Vec<T>) {
        let Some(last) = last else { return };
        while let Some(entry) = self.held.first_entry().filter(|entry| *entry.key() <= last) {
            out.push(entry.remove().1);
        }
        self.next = Some(last.0.saturating_add(1));
        self.release_run(out);
    }

    /// Releases the held events that are next.
    fn release_run(&mut self, out: &mut Vec<T>) {
        while let Some(entry) = self.held.first_entry().filter(|entry| Some(entry.key().0) <= self.next) {
            let (sequence, _) = *entry.key();
            out.push(entry.remove().1);
            self.next = Some(sequence.saturating_add(1));
        }
    }
}

impl<T> Default for Reorder<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const NONE: [u64; 0] = [];

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_full_house_lets_the_first_gap_go() {
        let mut order = Reorder::starting_at(0);
        for n in 0..16 {
            assert_eq!(order.push(Some(2 + 2 * n), 2 + 2 * n, ms(n)), NONE);
        }
        assert_eq!(order.push(Some(3), 3, ms(16)), [2, 3, 4], "the gap before 2 is let go, and 3 fills the next one");
        assert_eq!((order.held(), order.push(Some(1), 1, ms(17))), (14, vec![1]));
    }

    #[test]
    fn one_event_that_waited_long_enough_takes_those_before_it_along() {
        let mut order = Reorder::starting_at(1);
        assert_eq!(order.push(Some(5), 5, ms(0)), NONE);
        assert_eq!(order.push(Some(3), 3, ms(1_000)), NONE);
        assert_eq!(order.push(Some(9), 9, ms(1_500)), NONE);
        assert_eq!(order.expire(ms(1_999)), NONE);
        assert_eq!(order.expire(ms(2_000)), [3, 5]);
        assert_eq!((order.due(), order.expire(ms(3_500)), order.due()), (Some(ms(3_500)), vec![9], None));
    }

    #[test]
    fn equal_numbers_pass_in_the_order_in_which_they_came() {
        let mut order = Reorder::new();
        assert_eq!(order.push(Some(7), "a", ms(0)), ["a"]);
        assert_eq!(order.push(Some(7), "b", ms(0)), ["b"]);
        assert_eq!(order.push(Some(9), "c", ms(0)), [""; 0]);
        assert_eq!(order.push(Some(9), "d", ms(0)), [""; 0]);
        assert_eq!(order.push(None, "e", ms(0)), ["e"]);
        assert_eq!(order.push(Some(8), "f", ms(0)), ["f", "c", "d"]);
    }

    #[test]
    fn a_new_life_starts_its_numbers_anew() {
        for (mut order, next) in [(Reorder::starting_at(1), 1), (Reorder::new(), 4)] {
            let _ = order.push(Some(1), "a", ms(0));
            assert_eq!(order.push(Some(9), "b", ms(0)), [""; 0]);
            assert_eq!((order.restart(), order.due()), (vec!["b"], None));
            assert_eq!(order.push(Some(next), "c", ms(0)), ["c"]);
        }
    }

    #[test]
    fn the_greatest_number_ends_no_process() {
        let mut order = Reorder::starting_at(u64::MAX - 1);
        assert_eq!(order.push(Some(u64::MAX), 1, ms(0)), NONE);
        assert_eq!(order.push(Some(u64::MAX - 1), 0, ms(0)), [0, 1]);
        assert_eq!(order.push(Some(u64::MAX), 2, Duration::MAX), [2]);
    }

    proptest! {
        /// Whatever comes: every event once, never more than 16 held, none longer than two seconds.
        #[test]
        fn every_event_comes_out_exactly_once(
            events in vec((proptest::option::weighted(0.9, 0_u64..40), 0_u64..400, prop::bool::weighted(0.02)), 0..120),
            first in proptest::option::of(0_u64..3),
        ) {
            let mut order = first.map_or_else(Reorder::new, Reorder::starting_at);
            let (mut now, mut out, mut came) = (0, vec![], vec![]);
            for (n, (sequence, wait, restarts)) in events.iter().enumerate() {
                now += wait;
                if *restarts {
                    out.extend(order.restart());
                }
                came.push(now);
                out.extend(order.push(*sequence, n, ms(now)));
                prop_assert!(order.held() <= Reorder::<usize>::MAX_HELD);
                let waits = (0..=n).filter(|n| !out.contains(n));
                prop_assert!(waits.clone().all(|n| now - came[n] < 2_000));
                prop_assert_eq!(waits.count(), order.held());
            }
            if let Some(due) = order.due() {
                prop_assert!(due > ms(now) && due <= ms(now + 2_000));
            }
            out.extend(order.expire(ms(now + 2_000)));
            out.sort_unstable();
            prop_assert_eq!(out, (0..events.len()).collect::<Vec<_>>());
        }

        /// Numbers that arrive in any order within the bounds come out in order.
        #[test]
        fn gaps_that_fill_in_time_leave_the_order_whole(
            shuffled in (1_u64..120, vec(0_u64..8, 120)).prop_map(|(count, moved)| {
                // Each is overtaken by at most eight others.
                let mut places: Vec<_> = (0..count).zip(moved).map(|(n, by)| (n + by, n)).collect();
                places.sort_unstable();
                places.into_iter().map(|(_, n)| n).collect::<Vec<_>>()
            }),
            step in 0_u64..120,
        ) {
            let mut order = Reorder::starting_at(0);
            let mut out = vec![];
            for (n, sequence) in shuffled.iter().enumerate() {
                out.extend(order.push(Some(*sequence), *sequence, ms(n as u64 * step)));
            }
            prop_assert_eq!(order.held(), 0);
            prop_assert!(out.is_sorted(), "{:?}", out);
        }
    }
}
