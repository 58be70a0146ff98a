//! Synchronous channels: waiting until the deadline, and replies in the response.

use std::{collections::HashSet, str::FromStr, time::Duration};

use crate::{
    error::{Error, ErrorKind},
    ids::TenantId,
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

/// Maximum events that a cursor names.
pub(super) const AWAITED: usize = 8;

/// The place in a conversation from which a poll goes on. As text `17`, or `17.<key>.<key>` with the dedup keys of events under work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Number of the reply after which the response begins.
    pub(super) after: u64,
    /// Events that were under work when it was made.
    pub(super) awaited: Vec<DedupeKey>,
}

display!(Cursor, |it| std::iter::once(it.after.to_string())
    .chain(it.awaited.iter().map(DedupeKey::to_string))
    .collect::<Vec<_>>()
    .join("."));

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('.');
        let after = parts.next().unwrap_or_default().parse().map_err(drop)?;
        let awaited = parts.map(|key| DedupeKey::try_from(key.to_owned()).map_err(drop)).collect::<Result<Vec<_>, ()>>()?;
        if awaited.len() > AWAITED { Err(()) } else { Ok(Self { after, awaited }) }
    }
}

/// The conversation whose replies a response holds.
pub(super) struct ConversationReader<'a> {
    pub(super) outbox: OutboxOf<'a>,
    pub(super) tenant: &'a TenantId,
    pub(super) cursor: Cursor,
}

impl ConversationReader<'_> {
    /// The response to events begins after the client's cursor, or after the newest reply that was handed out. What the client's cursor
    /// awaits stays awaited, unless it is among the `events` of this request.
    pub(super) async fn begin(&mut self, cursor: Option<&str>, events: &[DedupeKey], until: Option<Duration>) -> Result<(), Error> {
        let handed = self.before(until, self.outbox.load()).await.map_err(unavailable)?.handed;
        // An invalid cursor does not fail the request; it uses the newest reply handed out instead.
        let given = cursor.and_then(|cursor| cursor.parse().ok());
        self.cursor = given.unwrap_or(Cursor { after: handed, awaited: vec![] });
        self.cursor.awaited.retain(|key| !events.contains(key));
        Ok(())
    }

    /// Adds the replies that are ready to `into`.
    pub(super) async fn collect(&self, events: &HashSet<String>, into: &mut Handled, until: Option<Duration>) -> Result<(), Error> {
        let outbox = self.before(until, self.outbox.load()).await.map_err(unavailable)?;
        into.replies = outbox.replies(self.cursor.after, events).map_err(unavailable)?;
        into.cursor = Some(self.text(outbox.last.max(self.cursor.after)));
        if !into.replies.is_empty() && outbox.handed < outbox.last {
            // Best effort: the replies are in this response already.
            let _ = self.before(until, self.outbox.mark(outbox.last)).await;
        }
        Ok(())
    }

    /// Sets the cursor to the start of the response if no replies can be read, so that a poll finds them.
    pub(super) fn put_off(&self, into: &mut Handled) {
        (into.pending, into.cursor) = (true, Some(self.text(self.cursor.after)));
    }

    fn text(&self, after: u64) -> String {
        Cursor { after, awaited: self.cursor.awaited.clone() }.to_string()
    }

    /// Awaits a call of the outbox. `Unavailable` if it takes longer.
    async fn before<T>(&self, until: Option<Duration>, work: impl Future<Output = Result<T, SessionError>>) -> Result<T, SessionError> {
        before(self.outbox.clock(), until, work).await.unwrap_or(Err(SessionErrorKind::Unavailable.into()))
    }
}

fn unavailable(error: SessionError) -> Error {
    Error::new(ErrorKind::Store, "the outbox does not answer").with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_names_the_events_under_work_and_is_bounded() {
        let key = DedupeKey::try_from("0123456789abcdef0123456789abcdef".to_owned()).unwrap();
        let cursor = |awaited: usize| Cursor { after: 17, awaited: vec![key; awaited] };
        for (awaited, text) in [(0, "17".to_owned()), (1, format!("17.{key}")), (8, format!("17{}", format!(".{key}").repeat(8)))] {
            assert_eq!((cursor(awaited).to_string(), text.parse()), (text, Ok(cursor(awaited))));
        }
        for odd in ["", "x", "-1", "17.", "17.x", ".", &cursor(9).to_string()] {
            assert_eq!(odd.parse::<Cursor>(), Err(()), "{odd}");
        }
    }
}
