//! The stored form of a raised event.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::PREFIX;
use crate::{
    ids::ConversationId,
    keyring::KeyRing,
    message::{DedupeKey, InboundEvent},
    store::StoredSession,
    strategy::Sessions,
};

/// The version of the form.
const VERSION: u32 = 1;

/// A raised event, as stored. What orders it stands beside the event, so that one of a newer release, which is unreadable here, holds its
/// place.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    v: u32,
    conversation: ConversationId,
    /// The time at which it was raised. It does not go back within a process.
    at_ms: i64,
    /// Its place among the events that its process raised.
    number: u64,
    /// The time from which on it is known no longer whether its handler got it.
    until_ms: i64,
    event: Box<RawValue>,
}

impl Kept {
    pub(super) fn of(
        event: &InboundEvent,
        conversation: &ConversationId,
        (at_ms, number): (i64, u64),
        until_ms: i64,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self { v: VERSION, conversation: conversation.clone(), at_ms, number, until_ms, event: to_raw_value(event)? })
    }
}

/// A kept event that a sweep found.
pub(super) struct LeftEvent {
    /// Its session, without the value.
    pub(super) session: StoredSession,
    v: u32,
    conversation: ConversationId,
    place: (i64, u64),
    until_ms: i64,
    /// `None` if a newer release wrote it, or it is of another tenant or strategy than its scope.
    event: Option<Box<InboundEvent>>,
}

impl LeftEvent {
    /// Reads a stored one. `None` with a line if not even its place can be read.
    pub(super) fn read(mut session: StoredSession, keys: &dyn KeyRing) -> Option<Self> {
        let json = Sessions::open_stored(keys, &session).ok();
        let Some(Kept { v, conversation, at_ms, number, until_ms, event }) = json.and_then(|json| serde_json::from_slice(&json).ok())
        else {
            say_unreadable(&session, None);
            return None;
        };
        let read = serde_json::from_str::<InboundEvent>(event.get()).ok();
        let event = read.filter(|event| v <= VERSION && Sessions::is_scope(&session.scope, &event.tenant, &event.strategy));
        session.value = Bytes::new();
        Some(Self { session, v, conversation, place: (at_ms, number), until_ms, event: event.map(Box::new) })
    }

    /// The conversation: its scope, which names the tenant and the strategy, and its id.
    pub(super) fn conversation(&self) -> (&str, &ConversationId) {
        (&self.session.scope, &self.conversation)
    }

    /// Its place in the order of a scope.
    pub(super) fn place(&self) -> (i64, u64) {
        self.place
    }

    /// Whether it is known no longer if its handler got it.
    pub(super) fn is_expired(&self, now_ms: i64) -> bool {
        self.until_ms <= now_ms
    }

    /// Whether it can be handed over. One that cannot holds up its conversation.
    pub(super) const fn is_readable(&self) -> bool {
        self.event.is_some()
    }

    /// The event. `None` with a line if it cannot be read.
    pub(super) fn event(&self) -> Option<InboundEvent> {
        if self.event.is_none() {
            say_unreadable(&self.session, Some(self.v));
        }
        self.event.as_deref().cloned()
    }

    /// The id of the event, from its key.
    pub(super) fn event_id(&self) -> Option<String> {
        let key = self.session.key.strip_prefix(PREFIX)?;
        Some(DedupeKey::try_from(key.to_owned()).ok()?.event_id())
    }
}

fn say_unreadable(session: &StoredSession, v: Option<u32>) {
    let (tenant, strategy) = Sessions::owner_of(&session.scope);
    tracing::warn!(tenant_id = tenant, strategy, v, "event.raised_unreadable");
}

#[cfg(all(test, feature = "testing", feature = "tokio"))]
#[allow(clippy::unwrap_used)] // a test's helpers
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use serde_json::{Value, json};

    use super::{super::left::cut, LeftEvent, PREFIX};
    use crate::{
        Orchestrator, StrategyName, StrategyRegistry, TenantId, keyring,
        message::{DedupeKey, InboundEvent},
        runtime::SystemRng,
        store::{Memory, StoredSession, session_place},
        testing::Recording,
    };

    const SCOPE: &str = "acme|recording";

    /// The number of the n-th event's key.
    fn key(n: usize) -> String {
        format!("{n:032x}")
    }

    /// A record of the n-th event of a conversation.
    fn record(conversation: &str, n: usize) -> Value {
        let key = DedupeKey::try_from(key(n)).unwrap();
        let event = json!({
            "v": 1, "id": key.event_id(), "tenant": "acme", "strategy": "recording", "channel": "whatsapp", "received_at_ms": 1,
            "dedupe_key": key, "from": { "ids": [] }, "conversation": conversation, "source": "local", "raw": "",
            "type": "session", "change": "started",
        });
        json!({ "v": 1, "conversation": conversation, "at_ms": 1, "number": n, "until_ms": i64::MAX, "event": event })
    }

    /// The n-th event of a conversation, as a sweep finds it.
    fn left(conversation: &str, n: usize, is_readable: bool) -> LeftEvent {
        let json = if is_readable { record(conversation, n) } else { unreadable(conversation, n) };
        let memory = Memory::new();
        let key = format!("{PREFIX}{}", key(n));
        let value = keyring::seal(&*memory.keys(), &SystemRng, &session_place(SCOPE, &key), json.to_string().as_bytes()).unwrap();
        LeftEvent::read(StoredSession { scope: SCOPE.to_owned(), key, value, version: 1 }, &*memory.keys()).unwrap()
    }

    #[test]
    fn an_event_without_room_on_one_page_is_not_overtaken_by_one_of_the_next() {
        let (mut events, mut end) = ((1..=10).map(|n| left("d", n, true)).collect::<Vec<_>>(), None);
        events.push(left("c", 11, true));
        assert_eq!((cut(&mut events, 10, &mut end), events.len()), (0, 10));
        // An older one of `d` that cannot be read frees the room of all of them.
        events.extend([left("d", 0, false), left("c", 12, true)]);
        assert_eq!(cut(&mut events, 10, &mut end), 10);
        assert_eq!(events.len(), 1, "the second of `c` waits for its first");
    }

    /// The ids of these events.
    fn ids(of: &[usize]) -> Vec<String> {
        of.iter().map(|n| DedupeKey::try_from(key(*n)).unwrap().event_id()).collect()
    }

    /// One that a newer release wrote.
    fn unreadable(conversation: &str, n: usize) -> Value {
        let mut record = record(conversation, n);
        record["event"]["type"] = json!("dreaming");
        record
    }

    /// Sweeps these records in pages. Returns how many events wait, and the sorted ids of those that were handed over.
    async fn sweep(records: &[Value], limit: usize) -> (usize, Vec<String>) {
        let (memory, seen) = (Memory::new(), Arc::new(Mutex::new(vec![])));
        memory.put_tenant(&TenantId::new("acme").unwrap(), &StrategyName::new("recording").unwrap(), json!({}));
        for (n, record) in records.iter().enumerate() {
            let key = format!("{PREFIX}{}", key(n));
            let sealed = keyring::seal(&*memory.keys(), &SystemRng, &session_place(SCOPE, &key), record.to_string().as_bytes()).unwrap();
            memory.sessions().put(SCOPE, &key, sealed, None, Duration::from_secs(900), i64::MAX / 4).await.unwrap();
        }
        let registry = StrategyRegistry::builder().register(Recording::new()).build().unwrap();
        let told = Arc::clone(&seen);
        let handler = move |event: InboundEvent| {
            told.lock().unwrap().push(event.id);
            async { Ok(()) }
        };
        let host = Orchestrator::builder().registry(&registry).stores(memory).on_event(handler).build().unwrap();
        let (mut waiting, mut after) = (0, None);
        loop {
            let swept = host.sweep_raised(after.as_deref(), limit).await.unwrap();
            (waiting, after) = (waiting + swept.waiting, swept.next);
            if after.is_none() {
                break;
            }
        }
        let mut seen = seen.lock().unwrap().clone();
        seen.sort();
        (waiting, seen)
    }

    #[tokio::test]
    async fn an_event_that_a_newer_release_wrote_holds_up_its_conversation_and_no_other() {
        assert_eq!(sweep(&[record("c", 0), record("c", 1), record("d", 2)], 100).await, (0, ids(&[0, 1, 2])));
        let changed = unreadable("c", 0);
        let mut newer = record("c", 0);
        newer["v"] = json!(2);
        let mut of_another_tenant = record("c", 0);
        of_another_tenant["event"]["tenant"] = json!("other");
        for unreadable in [changed, newer, of_another_tenant] {
            assert_eq!(sweep(&[unreadable.clone(), record("c", 1), record("d", 2)], 100).await, (2, ids(&[2])), "{unreadable}");
        }
    }

    #[tokio::test]
    async fn rule_88_unreadable_events_take_no_place_of_those_of_other_conversations() {
        for conversations in [1, 1_000] {
            let mut records: Vec<_> = (0..1_000).map(|n| unreadable(&format!("c{}", n % conversations), n)).collect();
            records.push(record("d", 1_000));
            assert_eq!(sweep(&records, 100).await, (1_000, ids(&[1_000])), "{conversations}");
        }
    }

    #[tokio::test]
    async fn rule_88_a_record_of_which_nothing_can_be_read_hides_no_other_page() {
        assert_eq!(sweep(&[json!({ "v": 9 }), record("c", 1), record("c", 2)], 1).await, (0, ids(&[1, 2])));
        let mut expired = record("c", 0);
        expired["until_ms"] = json!(0);
        assert_eq!(sweep(&[expired, record("c", 1)], 1).await, (0, ids(&[1])));
    }
}
