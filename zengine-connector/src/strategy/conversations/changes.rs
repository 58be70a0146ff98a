//! The changes of a conversation's record, which are pure.

use serde_json::value::RawValue;

use super::record::{ConversationState, Record, Ticket};
use crate::message::EndReason;

impl Record {
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
