//! The end of a conversation, by us or by the provider.

use std::time::Duration;

use super::{
    Conversations, FoundConversation,
    entries::Change,
    join::{Attempt, not_sent, read_live},
    provider::{ConversationProvider, Ending},
    record::{ConversationState, Record},
};
use crate::{
    error::{ErrorKind, Reach, SendError},
    message::{EndReason, Identity},
    runtime::{ms, within},
    strategy::SessionError,
};

/// Time that the provider's call which ends or resolves a conversation may take.
pub(super) const CLOSING: Duration = Duration::from_secs(60);

/// The effect of the provider's event that a conversation has ended; see [`Conversations::ended`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The life ends by it.
    Now,
    /// The end of this life is known: the event came again, or we had ended it. Hand the event on all the same, and raise what you raise:
    /// an earlier delivery may not have been stored. Repeats are known by their keys (rules 84 and 88).
    Known,
    /// The customer has another life by now, or none: the event is a late one.
    OtherLife,
}

/// The conversation as an end finds it.
enum Marked {
    /// It is this call's to end. An earlier call that began to may have done so.
    Ours { again: bool },
    /// There is nothing to end, or another call does.
    No,
    /// It is being opened.
    Opening,
}

impl Conversations {
    /// Ends the customer's conversation: marks it `ending`, calls [`close`](ConversationProvider::close) for a minute at most, and marks it
    /// `ended`. The next send opens a new life. Returns `false` if none is open, or another call ends it.
    ///
    /// An end that is cut off before its answer is made again by the next end, send or sweep.
    ///
    /// # Errors
    /// `Busy` of reach `NotSent` while the conversation is being opened: end it later. Else that of `close`: after reach `NotSent` the
    /// conversation stays open, after `Maybe` the end is made again, after `Processed` it counts as ended.
    pub async fn end<C: ConversationProvider>(&self, customer: &Identity, reason: EndReason, provider: &C) -> Result<bool, SendError> {
        self.end_if(&self.attempt_within(customer, CLOSING), reason, provider, |_, _| true).await
    }

    /// As [`end`](Self::end), if the conversation is so when its mark is written.
    pub(super) async fn end_if<C: ConversationProvider>(
        &self,
        attempt: &Attempt<'_>,
        reason: EndReason,
        provider: &C,
        is_so: impl Fn(&Record, i64) -> bool + Send,
    ) -> Result<bool, SendError> {
        // Before the first write: an end that is dropped is made again at once.
        let mut mark = self.drawn(attempt);
        let marked = self.change(attempt.customer, |record, now_ms| {
            let again = record.is_ending_left(now_ms);
            match record.state {
                ConversationState::Opening => return Change::Keep(Marked::Opening),
                _ if !is_so(record, now_ms) => return Change::Keep(Marked::No),
                ConversationState::Ending if again => {}
                ConversationState::Open => {}
                ConversationState::Ending | ConversationState::Ended => return Change::Keep(Marked::No),
            }
            record.ending(&attempt.me, attempt.until_ms, record.reason.filter(|_| again).unwrap_or(reason));
            Change::Write(Marked::Ours { again })
        });
        let (record, marked) = marked.await.map_err(not_sent)?;
        mark.returned = !matches!(marked, Marked::Ours { .. });
        let again = match marked {
            Marked::Ours { again } => again,
            Marked::No => return Ok(false),
            Marked::Opening => return Err(SendError::of(ErrorKind::Busy, "the conversation is being opened").not_sent()),
        };
        let closed = self.close_owned(attempt, &record, provider, again).await;
        mark.returned = closed.is_ok();
        closed.map(|_| true)
    }

    /// Makes the provider's call that ends a conversation which this attempt owns the end of, and writes down what became of it. If the
    /// store does not answer then, the mark lapses, and the end is made again.
    pub(super) async fn close_owned<C: ConversationProvider>(
        &self,
        attempt: &Attempt<'_>,
        record: &Record,
        provider: &C,
        again: bool,
    ) -> Result<Ending, SendError> {
        let reason = record.reason.unwrap_or(EndReason::Other);
        let closed = match read_live(record) {
            Ok(live) => {
                let clock = &self.sessions.ports().clock;
                let closed = within(&**clock, self.remaining(attempt), provider.close(&live, reason)).await;
                closed.unwrap_or_else(|| Err(SendError::of(ErrorKind::Timeout, "the end of the conversation has no answer").maybe()))
            }
            // Without its data it cannot be ended at the provider.
            Err(error) => Err(SendError::of(ErrorKind::Corrupt, "the data of the conversation cannot be read").source(error).processed()),
        };
        let written = self.change(attempt.customer, |stored, now_ms| {
            if !stored.is_ended_by(&attempt.me, record) {
                return Change::Keep(());
            }
            match &closed {
                Ok(Ending::Within(time)) => stored.ends_later(now_ms.saturating_add(ms(*time)), false),
                Ok(Ending::Reachable(time)) => stored.ends_later(now_ms.saturating_add(ms(*time)), true),
                // An earlier call may have ended it.
                Err(error) if error.reach() == Reach::Maybe || again && error.reach() == Reach::NotSent => stored.lease_until_ms = now_ms,
                Err(error) if error.reach() == Reach::NotSent => stored.reopened(),
                Ok(Ending::Done) | Err(_) => stored.end(reason),
            }
            Change::Write(())
        });
        if let Ok((stored, ())) = written.await
            && matches!(&closed, Ok(Ending::Within(time) | Ending::Reachable(time)) if *time > self.late)
        {
            // The ways to the customer last as long as the conversation does.
            for id in stored.id.iter().chain([&stored.key]) {
                let _ = self.put_reverse(id, &stored).await;
            }
        }
        // It counts as ended, and may be open at the provider.
        if closed.as_ref().is_err_and(|error| error.reach() == Reach::Processed) {
            self.say_abandoned(record);
        }
        closed
    }

    /// Ends a conversation again whose end was cut off, for a send. Then there is none any more, or it is about to end.
    pub(super) async fn close_again<C: ConversationProvider>(
        &self,
        attempt: &Attempt<'_>,
        record: &Record,
        provider: &C,
    ) -> Result<(), SendError> {
        match self.close_owned(attempt, record, provider, true).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                self.say_abandoned(record);
                let lost = self.change(attempt.customer, |stored, _| {
                    if !stored.is_ended_by(&attempt.me, record) {
                        return Change::Keep(());
                    }
                    stored.end(EndReason::Lost);
                    Change::Write(())
                });
                lost.await.map(drop).map_err(not_sent)
            }
            Err(error) if error.reach() == Reach::Processed => Ok(()),
            Err(error) => {
                Err(SendError::of(ErrorKind::Busy, "an earlier end of the conversation is not done yet").source(error).not_sent())
            }
        }
    }

    /// Writes down that the provider ended a conversation, also one whose opening it has not answered yet.
    ///
    /// # Errors
    /// If the store does not answer, or what is stored cannot be read.
    pub async fn ended(&self, found: &FoundConversation, reason: EndReason) -> Result<Ended, SessionError> {
        let ended = self.change(&found.customer, |record, _| {
            if !record.is_life(found.generation, &found.key) {
                return Change::Keep(Ended::OtherLife);
            }
            match record.state {
                ConversationState::Ended => return Change::Keep(Ended::Known),
                ConversationState::Opening if record.reason.is_some() => return Change::Keep(Ended::Known),
                // Its owner goes on, and finds that it is over.
                ConversationState::Opening => record.reason = Some(reason),
                ConversationState::Open | ConversationState::Ending => record.end(reason),
            }
            Change::Write(Ended::Now)
        });
        ended.await.map(|(_, ended)| ended)
    }
}
