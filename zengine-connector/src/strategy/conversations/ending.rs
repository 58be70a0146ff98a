//! The end of a conversation, by us or by the provider.

use std::{future::Future, time::Duration};

use serde::de::DeserializeOwned;

use super::{
    Conversations, FoundConversation, Live, SKEW,
    entries::Change,
    join::{not_sent, read_live},
    record::{ConversationState, Record},
};
use crate::{
    error::{Reach, SendError},
    message::{EndReason, Identity},
    runtime::ms,
    strategy::SessionError,
};

/// Time that the provider's call which ends a conversation may take.
const CLOSING: Duration = Duration::from_secs(60);

/// How the provider ends a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// It has ended.
    Done,
    /// It ends later, and says so with an event, at the latest after this time. Until then a send is deferred.
    Within(Duration),
}

impl Conversations {
    /// Ends the customer's conversation: marks it `ending`, makes the provider's call, and marks it `ended`. The next send opens a new
    /// life. Returns `false` if none is open.
    ///
    /// # Errors
    /// That of `close`. After reach `NotSent` the conversation stays open; after another it counts as ended within a minute.
    pub async fn end<T, F>(
        &self,
        customer: &Identity,
        reason: EndReason,
        close: impl FnOnce(Live<T>) -> F + Send,
    ) -> Result<bool, SendError>
    where
        T: DeserializeOwned + Send + Sync,
        F: Future<Output = Result<Ending, SendError>> + Send,
    {
        self.end_if(customer, reason, |_, _| true, close).await
    }

    /// As [`end`](Self::end), if the conversation is so when its mark is written.
    pub(super) async fn end_if<T, F>(
        &self,
        customer: &Identity,
        reason: EndReason,
        is_so: impl Fn(&Record, i64) -> bool + Send,
        close: impl FnOnce(Live<T>) -> F + Send,
    ) -> Result<bool, SendError>
    where
        T: DeserializeOwned + Send + Sync,
        F: Future<Output = Result<Ending, SendError>> + Send,
    {
        let marked = self.change(customer, |record, now_ms| {
            if record.state != ConversationState::Open || !is_so(record, now_ms) {
                return Change::Keep(false);
            }
            record.state = ConversationState::Ending;
            record.lease_until_ms = now_ms.saturating_add(ms(CLOSING + SKEW));
            Change::Write(true)
        });
        let (record, marked) = marked.await.map_err(not_sent)?;
        if !marked {
            return Ok(false);
        }
        let closed = match read_live(&record) {
            Ok(live) => close(live).await,
            // Without its data it cannot be ended at the provider.
            Err(error) => Err(error.into_send_error().processed()),
        };
        let written = self.change(customer, |stored, now_ms| {
            if stored.state != ConversationState::Ending || !stored.is_life(record.generation, &record.key) {
                return Change::Keep(());
            }
            match &closed {
                Ok(Ending::Within(time)) => stored.lease_until_ms = now_ms.saturating_add(ms(*time)),
                Err(error) if error.reach() == Reach::NotSent => {
                    (stored.state, stored.lease_until_ms) = (ConversationState::Open, 0);
                }
                Ok(Ending::Done) | Err(_) => stored.end(reason),
            }
            Change::Write(())
        });
        // If the store does not answer, the mark lapses, which counts as ended.
        let _ = written.await;
        closed.map(|_| true)
    }

    /// Writes down that the provider ended a conversation. Returns `false` if it was known, or the customer has another life by now: the
    /// event is a late one.
    ///
    /// # Errors
    /// If the store does not answer, or what is stored cannot be read.
    pub async fn ended(&self, found: &FoundConversation, reason: EndReason) -> Result<bool, SessionError> {
        let ended = self.change(&found.customer, |record, _| {
            let current = record.is_life(found.generation, &found.key) && record.id.is_some();
            if !current {
                return Change::Keep(false);
            }
            record.end(reason);
            Change::Write(true)
        });
        ended.await.map(|(_, ended)| ended)
    }
}
