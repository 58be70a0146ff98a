//! The stored form of a conversation, and its changes, which are pure.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value, value::RawValue};

use crate::message::{EndReason, Identity};

/// The version of the stored forms.
pub(super) const VERSION: u32 = 1;

/// Sends that may wait for one conversation, the one that has its turn left out.
pub(super) const MAX_WAITING: usize = 20;

/// Ids of writes that a record keeps: more than the tickets that may be drawn while the answer of one write is lost.
const MAX_WRITES: usize = 24;

words! {
    /// The state of a conversation. Only a compare-and-set moves it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[non_exhaustive]
    pub enum ConversationState {
        /// One send opens it at the provider.
        Opening = "opening",
        /// It is open.
        Open = "open",
        /// It was asked to end, and may still bring events.
        Ending = "ending",
        /// It has ended, or was never opened.
        Ended = "ended",
    }
}

/// A conversation, as stored under its customer.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Record {
    #[serde(deserialize_with = "known_version")]
    pub(super) v: u32,
    pub(super) customer: Identity,
    /// The number of this life. The first one's is the time in milliseconds, so that it stays higher than those of a record that
    /// expired; each opening adds one, also if it fails.
    pub(super) generation: u64,
    pub(super) state: ConversationState,
    /// Ids of the last writes, the newest last, by which a writer whose answer was lost knows its own, also where others wrote after it.
    #[serde(default)]
    pub(super) writes: Vec<String>,
    /// Our own key of this life, random.
    pub(super) key: String,
    /// The call that opens it, or ends it and has no answer yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) owner: Option<String>,
    /// The end of the opening or of the ending, from which others may take it over.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) lease_until_ms: i64,
    /// The time until which an earlier owner may have called the provider to open this life; 0 while none has.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) called_until_ms: i64,
    /// The sends that wait, the one that has its turn first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) queue: Vec<Ticket>,
    /// The provider's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    /// The strategy's own data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<Box<RawValue>>,
    /// The last use that was written down.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) active_at_ms: i64,
    /// The reason of its end, from the first word of it on: it may be said of a conversation whose opening has no answer yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<EndReason>,
    /// Whether messages still reach it while it is about to end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) reachable: bool,
    /// Members of a newer release, which are written back. They are those of a life, and go with it.
    #[serde(flatten)]
    pub(super) unread: Map<String, Value>,
}

/// The place of a send that waits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ticket {
    pub(super) owner: String,
    /// The end of the send's attempt, after which it holds up no other.
    pub(super) until_ms: i64,
}

/// Reads a version. A newer one is an error, so that its entry is neither misread nor written over.
pub(super) fn known_version<'de, D: Deserializer<'de>>(reader: D) -> Result<u32, D::Error> {
    match u32::deserialize(reader)? {
        version @ 0..=VERSION => Ok(version),
        _ => Err(D::Error::custom("an entry of a newer version")),
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks with a reference to the field
fn is_zero(ms: &i64) -> bool {
    *ms == 0
}

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
    /// The first record of a customer, before any life.
    pub(super) fn new(customer: Identity) -> Self {
        Self {
            v: VERSION,
            customer,
            generation: 0,
            state: ConversationState::Ended,
            writes: vec![],
            key: String::new(),
            owner: None,
            lease_until_ms: 0,
            called_until_ms: 0,
            queue: vec![],
            id: None,
            data: None,
            active_at_ms: 0,
            reason: None,
            reachable: false,
            unread: Map::new(),
        }
    }

    /// Removes the tickets of sends that ended, and the lease of one that is known to be gone.
    pub(super) fn prune(&mut self, now_ms: i64, is_gone: impl Fn(&str) -> bool) {
        self.queue.retain(|ticket| ticket.until_ms > now_ms && !is_gone(&ticket.owner));
        if self.owner.as_deref().is_some_and(is_gone) {
            self.lease_until_ms = self.lease_until_ms.min(now_ms);
        }
    }

    /// Gives the next write its id.
    pub(super) fn wrote(&mut self, id: String) {
        self.writes.push(id);
        let over = self.writes.len().saturating_sub(MAX_WRITES);
        self.writes.drain(..over);
    }

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

    /// Adds a ticket at the end.
    pub(super) fn draw(&mut self, me: &str, until_ms: i64) {
        self.leave(me);
        self.queue.push(Ticket { owner: me.to_owned(), until_ms });
    }

    /// Removes a ticket.
    pub(super) fn leave(&mut self, me: &str) {
        self.queue.retain(|ticket| ticket.owner != me);
    }

    /// Makes a send the owner of the opening or the ending, first in the queue.
    pub(super) fn own(&mut self, me: &str, now_ms: i64, until_ms: i64) {
        if self.state == ConversationState::Opening && self.owner.as_deref().is_some_and(|owner| owner != me) {
            // The one before has not said whether it called.
            self.called_until_ms = self.called_until_ms.max(self.lease_until_ms.min(now_ms));
        }
        self.leave(me);
        self.queue.insert(0, Ticket { owner: me.to_owned(), until_ms });
        (self.owner, self.lease_until_ms) = (Some(me.to_owned()), until_ms);
    }

    /// Begins a new life that this send opens.
    pub(super) fn begin(&mut self, me: &str, key: String, now_ms: i64, until_ms: i64) {
        self.own(me, now_ms, until_ms);
        (self.state, self.called_until_ms) = (ConversationState::Opening, 0);
        self.generation = if self.generation == 0 { now_ms.unsigned_abs().max(1) } else { self.generation + 1 };
        self.key = key;
        (self.id, self.data, self.reason, self.reachable) = (None, None, None, false);
        self.unread.clear();
    }

    /// Whether messages reach it.
    pub(super) fn is_open(&self, now_ms: i64) -> bool {
        let until_it_ends = self.state == ConversationState::Ending && self.reachable && self.lease_until_ms > now_ms;
        self.state == ConversationState::Open || until_it_ends
    }

    /// Whether it is in this life. An entry of an older release has no key.
    pub(super) fn is_life(&self, generation: u64, key: &str) -> bool {
        self.generation == generation && (key.is_empty() || self.key == key)
    }

    /// Whether a send still owns the opening.
    pub(super) fn is_opened_by(&self, me: &str, generation: u64) -> bool {
        self.state == ConversationState::Opening && self.generation == generation && self.owner.as_deref() == Some(me)
    }

    /// The opening is done, and the conversation too if the provider has said so before.
    pub(super) fn opened(&mut self, id: String, data: Box<RawValue>, now_ms: i64) {
        if let Some(reason) = self.reason {
            return self.end(reason);
        }
        (self.state, self.owner, self.lease_until_ms, self.called_until_ms) = (ConversationState::Open, None, 0, 0);
        (self.id, self.data, self.active_at_ms) = (Some(id), Some(data), now_ms);
    }

    /// The opening surely did not happen: all that wait come again.
    pub(super) fn failed(&mut self) {
        self.end(EndReason::Other);
        self.queue.clear();
    }

    /// The opening may have happened: the next send finds out, from now on.
    pub(super) fn in_doubt(&mut self, me: &str, called: bool, now_ms: i64) {
        self.leave(me);
        (self.owner, self.lease_until_ms) = (None, 0);
        if called {
            self.called_until_ms = now_ms;
        }
    }

    /// Marks it as about to end by this owner.
    pub(super) fn ending(&mut self, me: &str, until_ms: i64, reason: EndReason) {
        (self.state, self.owner, self.lease_until_ms) = (ConversationState::Ending, Some(me.to_owned()), until_ms);
        (self.reason, self.reachable) = (Some(reason), false);
    }

    /// The provider ends it later, and takes messages until then or not.
    pub(super) fn ends_later(&mut self, until_ms: i64, reachable: bool) {
        (self.owner, self.lease_until_ms, self.reachable) = (None, until_ms, reachable);
    }

    /// The end did not leave: it is open.
    pub(super) fn reopened(&mut self) {
        (self.state, self.owner, self.lease_until_ms, self.reason) = (ConversationState::Open, None, 0, None);
    }

    /// Whether this owner still ends this life.
    pub(super) fn is_ended_by(&self, me: &str, of: &Self) -> bool {
        self.state == ConversationState::Ending && self.is_life(of.generation, &of.key) && self.owner.as_deref() == Some(me)
    }

    /// Whether an end was begun whose owner gave no answer in its time.
    pub(super) fn is_ending_left(&self, now_ms: i64) -> bool {
        self.state == ConversationState::Ending && self.owner.is_some() && self.lease_until_ms <= now_ms
    }

    /// The life has ended. Its id and data go: a late event is found by its own entry.
    pub(super) fn end(&mut self, reason: EndReason) {
        (self.state, self.owner, self.lease_until_ms, self.called_until_ms) = (ConversationState::Ended, None, 0, 0);
        (self.id, self.data, self.reason, self.reachable) = (None, None, Some(reason), false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
