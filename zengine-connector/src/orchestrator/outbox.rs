//! The outbox of a synchronous channel: replies that wait for a response or a poll, one session record per conversation.
//!
//! A reply is written here first, so that a late one is not lost. Only replies that were handed out are dropped to make
//! space. If there are none, the outbox is full and refuses the reply.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::InboundSettings;
use crate::{
    error::{Error, ErrorKind},
    ids::ConversationId,
    message::Content,
    strategy::{ReplyMessage, SessionError, SessionErrorKind, Sessions},
};

/// Maximum tries of a compare-and-set.
const RACES: usize = 32;

/// Number of replies whose ids are kept after their content was dropped, so that a handler that runs again does not repeat
/// them.
const REMEMBERED: usize = 512;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Outbox {
    /// Version of this format: 1.
    v: u32,
    /// Number of the newest reply.
    last: u64,
    /// Number of the newest reply that was handed out.
    handed: u64,
    items: Vec<Item>,
}

#[derive(Serialize, Deserialize)]
struct Item {
    /// Increases within the conversation, even after the record expired, because it follows the clock.
    seq: u64,
    /// Id of the event that this answers.
    event: String,
    /// Number of this answer to the event.
    n: u32,
    bytes: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<Content>,
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Item").field("seq", &self.seq).field("n", &self.n).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// A stored reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) seq: u64,
    /// Whether the reply was stored before.
    pub(super) replayed: bool,
}

/// The reason for which a reply was not stored.
#[derive(Debug)]
pub(super) enum NoPlace {
    Sessions(SessionError),
    /// The reply is refused, for good or for now.
    Refused(Error),
}

impl From<SessionError> for NoPlace {
    fn from(error: SessionError) -> Self {
        Self::Sessions(error)
    }
}

/// The replies for a response or a poll.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) replies: Vec<ReplyMessage>,
    pub(super) cursor: u64,
    /// To be noted as handed out.
    pub(super) unmarked: Option<u64>,
}

/// The key of an outbox among the tenant's sessions. Strategies keep their own entries there; this prefix is the core's.
fn key_of(conversation: &ConversationId) -> String {
    format!("core:outbox/{conversation}")
}

/// The outbox of one conversation.
pub(super) struct OutboxOf<'a> {
    pub(super) sessions: &'a Sessions,
    pub(super) settings: &'a InboundSettings,
    pub(super) conversation: &'a ConversationId,
}

impl OutboxOf<'_> {
    fn key(&self) -> String {
        key_of(self.conversation)
    }

    async fn load(&self) -> Result<(Outbox, Option<u64>), SessionError> {
        let stored = self.sessions.get::<Outbox>(&self.key()).await?;
        Ok(stored.map_or_else(|| (Outbox { v: 1, ..Outbox::default() }, None), |stored| (stored.value, Some(stored.version))))
    }

    async fn store(&self, outbox: &Outbox, version: Option<u64>) -> Result<(), SessionError> {
        self.sessions.put(&self.key(), outbox, version, self.settings.outbox_keep).await.map(|_| ())
    }

    /// Number of the newest reply that was handed out. A response begins after it.
    pub(super) async fn handed(&self) -> Result<u64, SessionError> {
        Ok(self.load().await?.0.handed)
    }

    /// Stores answer `n` to an event. The same answer again keeps its first number.
    pub(super) async fn place(&self, event: &str, n: u32, content: &Content, now_ms: i64) -> Result<Placed, NoPlace> {
        let bytes = serde_json::to_vec(content)
            .map_err(|error| NoPlace::Refused(Error::from_json(ErrorKind::MessageInvalid, "the reply has no JSON form", &error)))?
            .len();
        for _ in 0..RACES {
            let (mut outbox, version) = self.load().await?;
            if let Some(seq) = outbox.find(event, n) {
                return Ok(Placed { seq, replayed: true });
            }
            outbox.make_room(bytes, self.settings).map_err(NoPlace::Refused)?;
            let seq = outbox.last.saturating_add(1).max(u64::try_from(now_ms).unwrap_or(0));
            outbox.last = seq;
            outbox.items.push(Item { seq, event: event.to_owned(), n, bytes, content: Some(content.clone()) });
            match self.store(&outbox, version).await {
                Ok(()) => return Ok(Placed { seq, replayed: false }),
                Err(error) if error.kind == SessionErrorKind::Conflict => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(SessionError::from(SessionErrorKind::Conflict).into())
    }

    /// The replies after a cursor, and all replies to the given events: a redelivered request gets its first replies again.
    pub(super) async fn take(&self, after: u64, events: &HashSet<String>) -> Result<Taken, SessionError> {
        let outbox = self.load().await?.0;
        let wanted = |item: &&Item| item.seq > after || events.contains(&item.event);
        let replies: Vec<_> = outbox
            .items
            .iter()
            .filter(wanted)
            .filter_map(|item| item.content.clone().map(|content| ReplyMessage::new(item.seq.to_string(), content)))
            .collect();
        let cursor = outbox.last.max(after);
        let unmarked = (!replies.is_empty() && outbox.handed < outbox.last).then_some(outbox.last);
        Ok(Taken { replies, cursor, unmarked })
    }

    /// Marks replies as handed out. If it fails, the next response hands them out again.
    pub(super) async fn mark(&self, seq: u64) -> Result<(), SessionError> {
        for _ in 0..RACES {
            let (mut outbox, version) = self.load().await?;
            if version.is_none() || outbox.handed >= seq {
                return Ok(());
            }
            outbox.handed = seq;
            match self.store(&outbox, version).await {
                Err(error) if error.kind == SessionErrorKind::Conflict => {}
                stored => return stored,
            }
        }
        Err(SessionErrorKind::Conflict.into())
    }
}

impl Outbox {
    fn find(&self, event: &str, n: u32) -> Option<u64> {
        self.items.iter().find(|item| item.n == n && item.event == event).map(|item| item.seq)
    }

    /// Drops the content of the oldest replies that were handed out, until the new one fits.
    fn make_room(&mut self, bytes: usize, settings: &InboundSettings) -> Result<(), Error> {
        if bytes > settings.outbox_bytes {
            return Err(Error::new(ErrorKind::MessageInvalid, "the reply is larger than the conversation's outbox")
                .with_context("limit", settings.outbox_bytes)
                .with_context("actual", bytes)
                .with_context("unit", "bytes"));
        }
        let (mut count, mut size) =
            self.items.iter().filter(|item| item.content.is_some()).fold((0, 0), |(count, size), item| (count + 1, size + item.bytes));
        for item in &mut self.items {
            if count < settings.outbox_replies && size + bytes <= settings.outbox_bytes {
                break;
            }
            if item.content.is_some() && item.seq <= self.handed {
                (count, size) = (count - 1, size - item.bytes);
                (item.content, item.bytes) = (None, 0);
            }
        }
        if count >= settings.outbox_replies || size + bytes > settings.outbox_bytes {
            return Err(Error::new(ErrorKind::Busy, "the conversation's outbox is full")
                .with_context("limit", settings.outbox_replies)
                .with_context("actual", count));
        }
        let mut forget = self.items.iter().filter(|item| item.content.is_none()).count().saturating_sub(REMEMBERED);
        self.items.retain(|item| {
            let drop = forget > 0 && item.content.is_none();
            forget -= usize::from(drop);
            !drop
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(replies: u64, handed: u64) -> Outbox {
        let item = |seq| Item { seq, event: format!("e{seq}"), n: 0, bytes: 10, content: Some(Content::text("hi")) };
        Outbox { v: 1, last: replies, handed, items: (1..=replies).map(item).collect() }
    }

    #[test]
    fn the_stored_key_is_that_of_the_formats() {
        assert_eq!(key_of(&ConversationId::new("c-1").unwrap()), "core:outbox/c-1");
    }

    #[test]
    fn only_what_was_handed_out_makes_room() {
        let settings = InboundSettings { outbox_replies: 3, outbox_bytes: 1024, ..InboundSettings::default() };
        let mut outbox = filled(3, 1);
        outbox.make_room(10, &settings).unwrap();
        assert_eq!(outbox.items.iter().filter(|item| item.content.is_some()).count(), 2);
        // The reply is still recognised.
        assert_eq!(outbox.find("e1", 0), Some(1));

        let full = filled(3, 0).make_room(10, &settings).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::Busy);
        assert!(full.is_temporary());
    }

    #[test]
    fn room_is_counted_in_bytes_too() {
        let settings = InboundSettings { outbox_replies: 100, outbox_bytes: 1024, ..InboundSettings::default() };
        let mut outbox = filled(100, 100);
        outbox.make_room(900, &settings).unwrap();
        let size: usize = outbox.items.iter().map(|item| item.bytes).sum();
        assert!(size + 900 <= 1024, "{size}");
        assert_eq!(outbox.make_room(1025, &settings).unwrap_err().kind(), ErrorKind::MessageInvalid);
    }

    #[test]
    fn memory_of_dropped_replies_is_bounded() {
        let settings = InboundSettings { outbox_replies: 1, outbox_bytes: 1024, ..InboundSettings::default() };
        let mut outbox = filled(2_000, 2_000);
        outbox.make_room(10, &settings).unwrap();
        assert_eq!(outbox.items.len(), REMEMBERED);
        assert_eq!(outbox.items.last().map(|item| item.seq), Some(2_000));
    }
}
