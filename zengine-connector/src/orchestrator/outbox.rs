//! The outbox of a synchronous channel: replies that wait for a response or a poll, one session record per conversation.
//!
//! A reply is written here first, so that a late one is not lost. Only replies that were handed out are dropped to make
//! space. If there are none, the outbox is full and refuses the reply.

use std::{collections::HashSet, ops::ControlFlow};

use serde::{Deserialize, Serialize};
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};

use super::{InboundSettings, Orchestrator};
use crate::{
    error::{Error, ErrorKind},
    ids::{ConversationId, StrategyName, TenantId},
    message::OutboundMessage,
    runtime::{Clock, Rng},
    strategy::{ReplyMessage, SessionError, SessionErrorKind, Sessions},
};

/// Number of replies whose ids are kept after their content was dropped, so that a handler that runs again does not repeat
/// them.
const REMEMBERED: usize = 512;

/// The outbox, as stored.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Outbox {
    /// Version of this format: 1.
    v: u32,
    /// Number of the newest reply.
    pub(super) last: u64,
    /// Number of the newest reply that was handed out. A response begins after it.
    pub(super) handed: u64,
    items: Vec<Item>,
    /// Members of a newer release, which are written back.
    #[serde(flatten)]
    unread: Map<String, Value>,
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
    /// The content as it was written: a newer release may know more members of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    author: Option<Box<RawValue>>,
    #[serde(flatten)]
    unread: Map<String, Value>,
}

/// A stored reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) seq: u64,
    /// Whether the reply was stored before.
    pub(super) replayed: bool,
}

/// The key of an outbox among the tenant's sessions. Strategies keep their own entries there; this prefix is the core's.
fn key_of(conversation: &ConversationId) -> String {
    format!("core:outbox/{conversation}")
}

/// The outbox of one conversation.
pub(super) struct OutboxOf<'a> {
    orchestrator: &'a Orchestrator,
    sessions: Sessions,
    key: String,
}

impl Orchestrator {
    /// The outbox of a conversation.
    pub(super) fn outbox(&self, tenant: &TenantId, strategy: &StrategyName, conversation: &ConversationId) -> OutboxOf<'_> {
        let sessions = self.engine.tenants.sessions(tenant, strategy);
        OutboxOf { orchestrator: self, sessions, key: key_of(conversation) }
    }
}

impl OutboxOf<'_> {
    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.orchestrator.engine.clock
    }

    pub(super) fn rng(&self) -> &dyn Rng {
        &*self.orchestrator.engine.rng
    }

    /// Stores answer `n` to an event, unless there is no room. The same answer again keeps its first number.
    pub(super) async fn place(
        &self,
        event: &str,
        n: u32,
        message: &OutboundMessage,
        now_ms: i64,
    ) -> Result<Result<Placed, Error>, SessionError> {
        let json = || Ok((to_raw_value(&message.content)?, message.author.as_ref().map(to_raw_value).transpose()?));
        let (content, author) = match json() {
            Ok(json) => json,
            Err(error) => return Ok(Err(Error::from_json(ErrorKind::MessageInvalid, "the reply has no JSON form", &error))),
        };
        let place = |outbox: &mut Outbox| {
            if let Some(seq) = outbox.find(event, n) {
                return ControlFlow::Break(Ok(Placed { seq, replayed: true }));
            }
            let bytes = content.get().len() + author.as_ref().map_or(0, |author| author.get().len());
            if let Err(full) = outbox.make_room(bytes, &self.orchestrator.inbound.settings) {
                return ControlFlow::Break(Err(full));
            }
            let seq = outbox.last.saturating_add(1).max(u64::try_from(now_ms).unwrap_or(0));
            outbox.last = seq;
            let (event, content, author) = (event.to_owned(), Some(content.clone()), author.clone());
            outbox.items.push(Item { seq, event, n, bytes, content, author, unread: Map::new() });
            ControlFlow::Continue(Ok(Placed { seq, replayed: false }))
        };
        self.change(place).await
    }

    /// Marks replies as handed out. If it fails, the next response hands them out again.
    pub(super) async fn mark(&self, seq: u64) -> Result<(), SessionError> {
        let mark = |outbox: &mut Outbox| {
            // An outbox that expired meanwhile is not made anew.
            if outbox.last < seq || outbox.handed >= seq {
                return ControlFlow::Break(());
            }
            outbox.handed = seq;
            ControlFlow::Continue(())
        };
        self.change(mark).await
    }

    /// The outbox, as stored; an empty one if there is none.
    pub(super) async fn load(&self) -> Result<Outbox, SessionError> {
        Ok(self.sessions.get_any(&self.key).await?.map_or_else(Outbox::empty, |stored| stored.value))
    }

    /// Changes the record and stores it. A break stores nothing.
    async fn change<T>(&self, change: impl Fn(&mut Outbox) -> ControlFlow<T, T>) -> Result<T, SessionError> {
        let keep = self.orchestrator.inbound.settings.outbox_keep;
        let changed = self.sessions.change(&self.key, keep, |stored| {
            let mut outbox = stored.unwrap_or_else(Outbox::empty);
            match change(&mut outbox) {
                ControlFlow::Continue(done) => ControlFlow::Continue((outbox, done)),
                ControlFlow::Break(unchanged) => ControlFlow::Break(unchanged),
            }
        });
        changed.await
    }
}

impl Outbox {
    fn empty() -> Self {
        Self { v: 1, ..Self::default() }
    }

    /// The replies after a cursor, and all replies to the given events: a redelivered request gets its first replies again.
    ///
    /// # Errors
    /// `Corrupt` if one of them cannot be read.
    pub(super) fn replies(&self, after: u64, events: &HashSet<String>) -> Result<Vec<ReplyMessage>, SessionError> {
        let wanted = self.items.iter().filter(|item| item.seq > after || events.contains(&item.event));
        let kept = wanted.filter_map(|item| Some((item, item.content.as_ref()?)));
        let read = kept.map(|(item, content)| {
            let mut reply = ReplyMessage::new(item.seq.to_string(), serde_json::from_str(content.get())?);
            reply.author = item.author.as_ref().map(|author| serde_json::from_str(author.get())).transpose()?;
            Ok(reply)
        });
        read.collect::<Result<_, serde_json::Error>>().map_err(|_| SessionErrorKind::Corrupt.into())
    }

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
                (item.content, item.author, item.bytes) = (None, None, 0);
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
    use crate::message::{Content, Role};

    fn filled(replies: u64, handed: u64) -> Outbox {
        let content = |text| to_raw_value(&Content::text(text)).ok();
        let item = |seq| Item { seq, event: format!("e{seq}"), n: 0, bytes: 10, content: content("hi"), author: None, unread: Map::new() };
        Outbox { v: 1, last: replies, handed, items: (1..=replies).map(item).collect(), unread: Map::new() }
    }

    #[test]
    fn the_stored_key_is_that_of_the_formats() {
        assert_eq!(key_of(&ConversationId::new("c-1").unwrap()), "core:outbox/c-1");
    }

    #[test]
    fn what_a_newer_release_wrote_is_written_back() {
        let newer = r#"{"v":1,"last":1,"handed":0,"items":[{"seq":1,"event":"e","n":0,"bytes":9,"content":{"type":"text","body":"hi","new":1.0},"author":{"role":"bot","new":1.0},"new":[2]}],"new":{"x":3}}"#;
        let outbox: Outbox = serde_json::from_str(newer).unwrap();
        assert_eq!(outbox.replies(0, &HashSet::new()).unwrap()[0].author, Some(Role::Bot.into()));
        assert_eq!(serde_json::to_string(&outbox).unwrap(), newer);
        let unread = newer.replace("\"text\"", "\"hologram\"");
        let outbox: Outbox = serde_json::from_str(&unread).unwrap();
        assert_eq!(outbox.replies(0, &HashSet::new()).unwrap_err().kind, SessionErrorKind::Corrupt);
        assert_eq!(serde_json::to_string(&outbox).unwrap(), unread);
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
