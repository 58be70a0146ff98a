//! Events that come before the answer that opens their conversation.
//!
//! Such an event is not acknowledged before its customer is known: its `admit` waits. So nothing is stored that a crash could lose, and
//! the event keeps its place before the later ones of its conversation in the request (rule 84).

use std::{collections::HashSet, pin::pin, time::Duration};

use futures_util::future::select;
use serde::{Deserialize, Serialize};

use super::{
    Conversations, FoundConversation,
    record::{ConversationState, Record, VERSION, known_version},
};
use crate::strategy::{EventContext, SessionError, SessionErrorKind, Sessions, wakeups::Waiter};

/// The start of the keys of openings, each a session of its own, so that no two of them share a compare-and-set.
const OPENINGS: &str = "conversation-opening/";

/// Events of one tenant that may wait in this process.
const MAX_WAITING: usize = 20;

/// Longest time that an event waits.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Time between two looks at the store.
const POLL: Duration = Duration::from_millis(250);

/// Time that is left for what follows the wait.
const MARGIN: Duration = Duration::from_secs(1);

/// Openings that one page holds, and the pages that are read: more openings in doubt are as undecided.
const PAGE: usize = 100;
const MAX_PAGES: usize = 10;

/// An opening that is in progress, or whose end is not known. It expires with its conversation, and the doubt with it.
#[derive(Clone, Serialize, Deserialize)]
struct Noted {
    #[serde(deserialize_with = "known_version")]
    v: u32,
    /// The send that opens it, or left it in doubt.
    owner: String,
    /// The end of that send. From then on it is in doubt.
    lease_until_ms: i64,
}

/// The state of the listed openings, for an event without a known conversation.
enum Listed {
    Nothing,
    InDoubt,
    InProgress,
}

fn note_key(record: &Record) -> String {
    format!("{OPENINGS}{}", record.key)
}

impl Conversations {
    /// As [`find`](Self::find), and waits where the conversation may be one that is being opened: while any of the tenant's is that was as the
    /// event came, at most 60 seconds and as long as `admit` may take, at most 20 events at once. `None`: the conversation is not ours. Needs
    /// [`with_early_events`](Self::with_early_events) here and at the send, and a session store that
    /// [lists a scope](crate::store::SessionStore::list_scope).
    ///
    /// Call it in `admit`. The provider's request is answered when its events are handled, so that none is lost.
    ///
    /// # Errors
    /// [`Undecided`](SessionErrorKind::Undecided) if the conversation may still be one of ours: the wait is over, too many wait, or the
    /// end of an opening is not known, until a send or a sweep finds it out or the customer's record expires. Give `admit`'s error for
    /// it, so that the event comes again. Otherwise if the store does not answer or list, or what is stored cannot be read.
    pub async fn find_or_wait(&self, cx: &EventContext, id: &str) -> Result<Option<FoundConversation>, SessionError> {
        if let Some(found) = self.find(id).await? {
            return Ok(Some(found));
        }
        let wakeups = &self.sessions.ports().wakeups;
        let left = cx.remaining().saturating_sub(MARGIN).min(MAX_WAIT);
        let clock = &self.sessions.ports().clock;
        let began = clock.monotonic();
        let mut waiter = None;
        // The openings that were listed as the event came: it cannot be of a later one.
        let mut first = None;
        loop {
            let changed = waiter.as_ref().map(Waiter::listen);
            // In this order: the way to the customer is written before the opening is taken off the list.
            let listed = self.listed(&mut first).await?;
            if let Some(found) = self.find(id).await? {
                return Ok(Some(found));
            }
            let waited = clock.monotonic().saturating_sub(began);
            match listed {
                Listed::Nothing => return Ok(None),
                Listed::InProgress if waited < left => {}
                Listed::InProgress | Listed::InDoubt => return Err(SessionErrorKind::Undecided.into()),
            }
            let Some(changed) = changed else {
                waiter = Some(wakeups.enter(self.wake_key(OPENINGS), MAX_WAITING).ok_or(SessionErrorKind::Undecided)?);
                continue;
            };
            select(changed, pin!(clock.sleep(POLL.min(left.saturating_sub(waited))))).await;
        }
    }

    /// The state of the openings that are listed; of the `first` ones, once they are known.
    async fn listed(&self, first: &mut Option<HashSet<String>>) -> Result<Listed, SessionError> {
        let (mut listed, mut after, mut keys) = (Listed::Nothing, None, HashSet::new());
        for _ in 0..MAX_PAGES {
            let page = self.sessions.list(OPENINGS, after.as_deref(), PAGE).await?;
            let now_ms = self.now_ms();
            for session in page.sessions {
                if first.as_ref().is_some_and(|first| !first.contains(&session.key)) {
                    continue;
                }
                let text = Sessions::open_stored(&*self.sessions.ports().keys, &session).ok();
                let noted = text.and_then(|text| serde_json::from_slice::<Noted>(&text).ok());
                match listed {
                    _ if noted.is_some_and(|noted| noted.lease_until_ms > now_ms) => listed = Listed::InProgress,
                    // What else is in doubt changes nothing more.
                    Listed::InProgress | Listed::InDoubt => {}
                    Listed::Nothing if self.is_in_doubt(&session.key).await? => listed = Listed::InDoubt,
                    // Left by a crash, or by a store that did not answer; or unreadable, and of an opening whose end is known.
                    Listed::Nothing => drop(self.sessions.remove_any(&session.key, session.version).await),
                }
                keys.insert(session.key);
            }
            after = page.next;
            if after.is_none() {
                first.get_or_insert(keys);
                return Ok(listed);
            }
        }
        // There are more than are read.
        Ok(Listed::InDoubt)
    }

    /// Whether the opening of a note is still to be resolved.
    async fn is_in_doubt(&self, note: &str) -> Result<bool, SessionError> {
        let key = note.strip_prefix(OPENINGS).unwrap_or_default();
        // Without the way to its customer its record is not known.
        let Some(found) = self.find(key).await? else { return Ok(true) };
        let (record, _) = self.read(&found.customer).await?;
        Ok(record.state == ConversationState::Opening && record.is_life(found.generation, key))
    }

    /// Notes an opening under its owner, or gives it this one.
    pub(super) async fn note_opening(&self, record: &Record) -> Result<(), SessionError> {
        let Some(owner) = record.owner.clone().filter(|_| self.early) else { return Ok(()) };
        let noted = Noted { v: VERSION, owner, lease_until_ms: record.lease_until_ms };
        self.put_over(&note_key(record), &noted, self.record_ttl(), |_| false).await?;
        self.wake(OPENINGS);
        Ok(())
    }

    /// Notes that the end of an opening is not known: events wait for it no longer, and come again. If the store does not answer, its
    /// lease ends.
    pub(super) async fn doubt_opening(&self, record: &Record) {
        let Some(owner) = record.owner.clone().filter(|_| self.early) else { return };
        let noted = Noted { v: VERSION, owner, lease_until_ms: self.now_ms() };
        let of_another = |stored: &Noted| stored.owner != noted.owner;
        let _ = self.put_over(&note_key(record), &noted, self.record_ttl(), of_another).await;
        self.wake(OPENINGS);
    }

    /// Removes the note of an opening whose end is known, and wakes the events that wait. If the store does not answer, it lapses.
    pub(super) async fn forget_opening(&self, record: &Record) {
        if !self.early {
            return;
        }
        let _ = self.sessions.delete_any(&note_key(record)).await;
        self.wake(OPENINGS);
    }
}
