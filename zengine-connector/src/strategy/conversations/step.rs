//! The next step of a send, as the record of its conversation says.

use super::record::{ConversationState, MAX_WAITING, Record};

/// The next step of a send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The conversation is open and it is this send's turn.
    Go,
    /// Begin a life.
    Begin,
    /// An earlier opening was given up by its owner: find out what became of it.
    Resolve,
    /// An earlier end was given up by its owner before its answer: end it again.
    Close,
    /// Draw a ticket.
    Draw,
    /// Wait for a change.
    Wait,
    /// Come again: too many wait, the opening failed, or the conversation ends.
    Busy(&'static str),
}

impl Record {
    /// The next step of a send with this owner token, which has drawn a ticket or not. A conversation that was idle
    /// for `idle_ms` is over. Call [`prune`](Self::prune) before.
    pub(super) fn step(&self, me: &str, drawn: bool, now_ms: i64, idle_ms: i64) -> Step {
        let place = self.queue.iter().position(|ticket| ticket.owner == me);
        if drawn && place.is_none() {
            return Step::Busy("the conversation could not be opened");
        }
        let first = place == Some(0) || self.queue.is_empty();
        // A send waits for others, never for itself.
        let lapsed = self.lease_until_ms <= now_ms || self.owner.as_deref() == Some(me);
        match self.state {
            // A send that ends it again opens the next life.
            ConversationState::Ending if !lapsed && self.queue.first().is_some_and(|first| Some(&first.owner) == self.owner.as_ref()) => {
                self.queued(place)
            }
            ConversationState::Ending if !lapsed && self.reachable => {
                if first {
                    Step::Go
                } else {
                    self.queued(place)
                }
            }
            ConversationState::Ending if !lapsed => Step::Busy("the conversation is about to end"),
            ConversationState::Opening if !lapsed => self.queued(place),
            _ if !first => self.queued(place),
            ConversationState::Opening => Step::Resolve,
            ConversationState::Ending if self.owner.is_some() => Step::Close,
            ConversationState::Open if now_ms.saturating_sub(self.active_at_ms) < idle_ms => Step::Go,
            ConversationState::Open | ConversationState::Ending | ConversationState::Ended => Step::Begin,
        }
    }

    fn queued(&self, place: Option<usize>) -> Step {
        match place {
            Some(_) => Step::Wait,
            None if self.queue.len() > MAX_WAITING => Step::Busy("too many messages wait for the conversation"),
            None => Step::Draw,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::message::{EndReason, Identity};

    fn record() -> Record {
        Record::new(Identity::phone("+15551230001").unwrap())
    }

    fn step(it: &Record, me: &str, drawn: bool, now_ms: i64) -> Step {
        it.step(me, drawn, now_ms, 1000)
    }

    fn raw() -> Box<RawValue> {
        RawValue::from_string("1".into()).unwrap()
    }

    #[test]
    fn the_first_send_begins_and_the_next_ones_draw() {
        let mut it = record();
        assert_eq!(step(&it, "a", false, 0), Step::Begin);
        it.begin("a", "k".into(), 1, 100);
        assert_eq!((it.generation, step(&it, "b", false, 50)), (1, Step::Draw));
        it.draw("b", 100);
        it.draw("c", 200);
        assert_eq!((step(&it, "b", true, 50), step(&it, "c", true, 50)), (Step::Wait, Step::Wait));
        it.opened("id".into(), raw(), 60);
        // The opener's own message goes first, then those that wait in their order, and a newcomer after them.
        assert_eq!((step(&it, "a", true, 60), step(&it, "b", true, 60), step(&it, "d", false, 60)), (Step::Go, Step::Wait, Step::Draw));
        it.leave("a");
        assert_eq!((step(&it, "b", true, 60), step(&it, "c", true, 60)), (Step::Go, Step::Wait));
        it.prune(100, |_| false);
        assert_eq!(step(&it, "c", true, 100), Step::Go);
        it.leave("c");
        assert_eq!(step(&it, "d", false, 100), Step::Go);
    }

    #[test]
    fn a_failed_opening_sends_all_that_wait_home() {
        let mut it = record();
        it.begin("a", "k".into(), 1, 100);
        it.draw("b", 100);
        it.failed();
        assert!(matches!(step(&it, "b", true, 1), Step::Busy(_)));
        assert_eq!((step(&it, "c", false, 1), it.generation), (Step::Begin, 1));
    }

    #[test]
    fn an_opening_that_lapsed_is_resolved_by_the_first_that_waits() {
        let mut it = record();
        it.begin("a", "k".into(), 1, 100);
        it.draw("b", 200);
        it.draw("c", 200);
        it.prune(100, |_| false);
        assert_eq!((step(&it, "b", true, 100), step(&it, "c", true, 100)), (Step::Resolve, Step::Wait));
        it.own("b", 150, 200);
        assert!(it.is_opened_by("b", 1) && !it.is_opened_by("a", 1));
        assert_eq!(it.called_until_ms, 100, "the end of the first owner");
        it.in_doubt("b", false, 160);
        assert_eq!((step(&it, "c", true, 110), it.called_until_ms), (Step::Resolve, 100));
        it.own("c", 170, 200);
        it.in_doubt("c", true, 180);
        assert_eq!(it.called_until_ms, 180);
    }

    #[test]
    fn an_owner_that_is_gone_holds_up_no_other() {
        let mut it = record();
        it.begin("a", "k".into(), 1, 100);
        it.draw("b", 100);
        it.prune(1, |owner| owner == "a");
        assert_eq!(step(&it, "b", true, 1), Step::Resolve);
    }

    #[test]
    fn twenty_wait_and_no_more() {
        let mut it = record();
        it.begin("a", "k".into(), 1, 100);
        for n in 0..MAX_WAITING {
            assert_eq!(step(&it, &n.to_string(), false, 1), Step::Draw);
            it.draw(&n.to_string(), 100);
        }
        assert!(matches!(step(&it, "late", false, 1), Step::Busy(_)));
    }

    #[test]
    fn an_idle_conversation_is_over() {
        let mut it = record();
        it.begin("a", "k".into(), 1, 100);
        it.opened("id".into(), raw(), 60);
        it.leave("a");
        assert_eq!((step(&it, "b", false, 1059), step(&it, "b", false, 1060)), (Step::Go, Step::Begin));
    }

    #[test]
    fn an_end_that_lapsed_is_made_again_unless_the_provider_had_answered() {
        let mut it = record();
        it.begin("a", "k".into(), 1, 100);
        it.opened("id".into(), raw(), 1);
        it.leave("a");
        it.ending("e", 100, EndReason::Customer);
        assert!(matches!(step(&it, "b", false, 99), Step::Busy(_)));
        assert_eq!(step(&it, "b", false, 100), Step::Close, "the provider may not have ended it");
        it.owner = None;
        assert_eq!(step(&it, "b", false, 100), Step::Begin);
    }

    #[test]
    fn a_send_never_waits_for_itself() {
        let mut it = record();
        it.begin("a", "k".into(), 1, 100);
        assert_eq!(step(&it, "a", false, 50), Step::Resolve);
        it.own("a", 50, 100);
        assert_eq!(it.called_until_ms, 0, "it has not called");
    }
}
