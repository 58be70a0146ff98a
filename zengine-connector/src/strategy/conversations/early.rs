//! Events that come before the answer that opens their conversation.
//!
//! Such an event is not acknowledged before its customer is known: its `admit` waits. So nothing is stored that a crash could lose, and
//! the event keeps its place before the later ones of its conversation in the request (rule 84).

use std::{collections::BTreeMap, pin::pin, time::Duration};

use futures_util::future::select;
use serde::{Deserialize, Serialize};

use super::{Conversations, FoundConversation, record::Record};
use crate::strategy::{EventContext, SessionError, SessionErrorKind};

/// The session that lists the openings of a tenant.
const OPENINGS: &str = "conversation-openings";

/// Events of one tenant that may wait in this process.
const MAX_WAITING: usize = 20;

/// Longest time that an event waits.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Time between two looks at the store.
const POLL: Duration = Duration::from_millis(250);

/// Time that is left for what follows the wait.
const MARGIN: Duration = Duration::from_secs(1);

/// Maximum tries of a compare-and-set.
const RACES: usize = 32;

/// Openings in progress: our own key of each, and the time at which it lapses.
#[derive(Default, Serialize, Deserialize)]
struct Openings {
    v: u32,
    until_ms: BTreeMap<String, i64>,
}

impl Conversations {
    /// As [`find`](Self::find), and waits where the conversation may be one that is being opened: while any of the tenant's is, at most
    /// 60 seconds and as long as `admit` may take, at most 20 events at once. `None` then means: not ours, as far as can be known. Needs
    /// [`with_early_events`](Self::with_early_events) here and at the send.
    ///
    /// Call it in `admit`. The provider's request is answered when its events are handled, so that none is lost.
    ///
    /// # Errors
    /// If the store does not answer, or what is stored cannot be read.
    pub async fn find_or_wait(&self, cx: &EventContext, id: &str) -> Result<Option<FoundConversation>, SessionError> {
        if let Some(found) = self.find(id).await? {
            return Ok(Some(found));
        }
        let Some(waiter) = self.sessions.ports().wakeups.enter(self.wake_key(OPENINGS), MAX_WAITING) else { return Ok(None) };
        let left = cx.remaining().saturating_sub(MARGIN).min(MAX_WAIT);
        let clock = &self.sessions.ports().clock;
        let began = clock.monotonic();
        loop {
            let changed = waiter.listen();
            // In this order: the way to the customer is written before the opening is taken off the list.
            let opening = self.is_any_opening().await?;
            if let Some(found) = self.find(id).await? {
                return Ok(Some(found));
            }
            let waited = clock.monotonic().saturating_sub(began);
            if !opening || waited >= left {
                return Ok(None);
            }
            select(changed, pin!(clock.sleep(POLL.min(left.saturating_sub(waited))))).await;
        }
    }

    async fn is_any_opening(&self) -> Result<bool, SessionError> {
        let now_ms = self.now_ms();
        let listed = self.sessions.get::<Openings>(OPENINGS).await?;
        Ok(listed.is_some_and(|listed| listed.value.until_ms.values().any(|until_ms| *until_ms > now_ms)))
    }

    /// Lists an opening.
    pub(super) async fn note_opening(&self, record: &Record) -> Result<(), SessionError> {
        self.list_opening(|listed| {
            listed.insert(record.key.clone(), record.lease_until_ms);
        })
        .await
    }

    /// Takes an opening off the list, and wakes the events that wait. If the store does not answer, it lapses.
    pub(super) async fn forget_opening(&self, record: &Record) {
        let forgotten = self.list_opening(|listed| {
            listed.remove(&record.key);
        });
        let _ = forgotten.await;
    }

    async fn list_opening(&self, change: impl Fn(&mut BTreeMap<String, i64>)) -> Result<(), SessionError> {
        if !self.early {
            return Ok(());
        }
        let mut lost = SessionErrorKind::Conflict.into();
        for _ in 0..RACES {
            let stored = self.sessions.get::<Openings>(OPENINGS).await?;
            let (mut listed, version) = stored.map_or_else(Default::default, |stored| (stored.value, Some(stored.version)));
            let now_ms = self.now_ms();
            listed.v = 1;
            listed.until_ms.retain(|_, until_ms| *until_ms > now_ms);
            change(&mut listed.until_ms);
            let last_ms = listed.until_ms.values().max().copied().unwrap_or(now_ms);
            let ttl = Duration::from_millis(last_ms.saturating_sub(now_ms).unsigned_abs()) + Duration::from_secs(60);
            match self.sessions.put(OPENINGS, &listed, version, ttl).await {
                Ok(_) => {
                    self.wake(OPENINGS);
                    return Ok(());
                }
                Err(error) if error.kind == SessionErrorKind::Conflict => lost = error,
                Err(error) => return Err(error),
            }
        }
        Err(lost)
    }
}
