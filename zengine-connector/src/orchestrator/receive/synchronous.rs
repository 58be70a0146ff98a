//! Synchronous channels: waiting until the deadline, and replies in the response.

use std::{collections::HashSet, time::Duration};

use super::cursor::{Cursor, CursorPlace};
use crate::{
    error::{Error, ErrorKind},
    message::DedupeKey,
    orchestrator::outbox::OutboxOf,
    runtime::{Clock, within},
    strategy::{Handled, SessionError, SessionErrorKind},
};

/// Awaits the work, until a time of the monotonic clock if one is given. `None` if it takes longer.
pub(super) async fn before<T>(clock: &dyn Clock, until: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    match until {
        None => Some(work.await),
        Some(until) => within(clock, until.saturating_sub(clock.monotonic()), work).await,
    }
}

/// The conversation whose replies a response holds.
pub(super) struct ConversationReader<'a> {
    pub(super) outbox: OutboxOf<'a>,
    pub(super) place: CursorPlace<'a>,
    pub(super) cursor: Cursor,
}

impl ConversationReader<'_> {
    /// The response to events begins after the client's cursor, or after the newest reply that was handed out. What the client's cursor
    /// awaits stays awaited, unless it is among the `events` of this request.
    pub(super) async fn begin(&mut self, cursor: Option<&str>, events: &[DedupeKey], until: Option<Duration>) -> Result<(), Error> {
        let handed = self.before(until, self.outbox.load()).await.map_err(unavailable)?.handed;
        // An invalid cursor does not fail the request; it uses the newest reply handed out instead.
        let given = cursor.and_then(|cursor| self.place.read(cursor).ok());
        self.cursor = given.unwrap_or(Cursor { after: handed, ..Cursor::default() });
        self.cursor.awaited.retain(|key| !events.contains(key));
        Ok(())
    }

    /// Adds the replies that are ready to `into`.
    pub(super) async fn collect(&self, events: &HashSet<String>, into: &mut Handled, until: Option<Duration>) -> Result<(), Error> {
        let outbox = self.before(until, self.outbox.load()).await.map_err(unavailable)?;
        into.replies = outbox.replies(self.cursor.after, events).map_err(unavailable)?;
        into.cursor = Some(self.text(outbox.last.max(self.cursor.after))?);
        if !into.replies.is_empty() && outbox.handed < outbox.last {
            // Best effort: the replies are in this response already.
            let _ = self.before(until, self.outbox.mark(outbox.last)).await;
        }
        Ok(())
    }

    /// Sets the cursor to the start of the response if no replies can be read, so that a poll finds them.
    pub(super) fn put_off(&self, into: &mut Handled) {
        (into.pending, into.cursor) = (true, self.text(self.cursor.after).ok());
    }

    fn text(&self, after: u64) -> Result<String, Error> {
        self.place.write(after, &self.cursor.awaited, self.outbox.rng())
    }

    /// Awaits a call of the outbox. `Unavailable` if it takes longer.
    async fn before<T>(&self, until: Option<Duration>, work: impl Future<Output = Result<T, SessionError>>) -> Result<T, SessionError> {
        before(self.outbox.clock(), until, work).await.unwrap_or(Err(SessionErrorKind::Unavailable.into()))
    }
}

fn unavailable(error: SessionError) -> Error {
    Error::new(ErrorKind::Store, "the outbox does not answer").with_source(error)
}
