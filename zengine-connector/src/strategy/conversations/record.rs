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
    #[serde(default, deserialize_with = "stored_reason", skip_serializing_if = "Option::is_none")]
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
}

/// Reads a reason, of a newer release too.
fn stored_reason<'de, D: Deserializer<'de>>(from: D) -> Result<Option<EndReason>, D::Error> {
    #[derive(Deserialize)]
    struct Stored(#[serde(deserialize_with = "EndReason::stored")] EndReason);
    Ok(Option::<Stored>::deserialize(from)?.map(|Stored(reason)| reason))
}
