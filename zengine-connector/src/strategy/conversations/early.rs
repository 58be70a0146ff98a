//! Events that come before the answer that opens their conversation.
//!
//! Such an event is not acknowledged before its customer is known: its `admit` waits. So nothing is stored that a crash could lose, and
//! the event keeps its place before the later ones of its conversation in the request (rule 84).

use std::{collections::BTreeMap, pin::pin, time::Duration};

use futures_util::future::select;
use serde::{Deserialize, Serialize};

use super::{Conversations, FoundConversation, record::Record};
use crate::{
    runtime::ms,
    strategy::{EventContext, SessionError, SessionErrorKind, wakeups::Waiter},
};

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

/// Openings that are listed one by one.
const MAX_LISTED: usize = 256;

/// Openings that are in progress, or whose end is not known, by our own key of each.
#[derive(Default, Serialize, Deserialize)]
struct Openings {
    v: u32,
    #[serde(default, rename = "openings")]
    by_key: BTreeMap<String, Noted>,
    /// The time at which the last of those that the list has no place for lapses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    more_until_ms: Option<i64>,
}

/// One opening.
#[derive(Serialize, Deserialize)]
struct Noted {
    /// The send that opens it, or left it in doubt.
    owner: String,
    /// The end of that send. From then on it is in doubt.
    lease_until_ms: i64,
    /// The time at which its conversation expires, and with it the doubt.
    until_ms: i64,
}

/// What the list says of an event that no conversation is known for.
enum Listed {
    Nothing,
    InDoubt,
    InProgress,
}

impl Openings {
    /// Removes what is over, and what is too much.
    fn prune(&mut self, now_ms: i64) {
        self.by_key.retain(|_, noted| noted.until_ms > now_ms);
        self.more_until_ms = self.more_until_ms.filter(|until_ms| *until_ms > now_ms);
        while self.by_key.len() > MAX_LISTED {
            // The one that is in doubt the longest.
            let Some(key) = self.by_key.iter().min_by_key(|(_, noted)| noted.lease_until_ms).map(|(key, _)| key.clone()) else { return };
            let until_ms = self.by_key.remove(&key).map(|noted| noted.until_ms);
            self.more_until_ms = self.more_until_ms.max(until_ms);
        }
    }

    fn listed(&self, now_ms: i64) -> Listed {
        if self.by_key.values().any(|noted| noted.lease_until_ms > now_ms) {
            Listed::InProgress
        } else if self.by_key.is_empty() && self.more_until_ms.is_none() {
            Listed::Nothing
        } else {
            Listed::InDoubt
        }
    }

    fn last_ms(&self) -> Option<i64> {
        self.by_key.values().map(|noted| noted.until_ms).max().max(self.more_until_ms)
    }
}

impl Conversations {
    /// As [`find`](Self::find), and waits where the conversation may be one that is being opened: while any of the tenant's is, at most
    /// 60 seconds and as long as `admit` may take, at most 20 events at once. `None`: the conversation is not ours. Needs
    /// [`with_early_events`](Self::with_early_events) here and at the send.
    ///
    /// Call it in `admit`. The provider's request is answered when its events are handled, so that none is lost.
    ///
    /// # Errors
    /// [`Undecided`](SessionErrorKind::Undecided) if the conversation may still be one of ours: the wait is over, too many wait, or the
    /// end of an opening is not known, until a send finds it out or the customer's record expires. Give `admit`'s error for it, so that
    /// the event comes again. Otherwise if the store does not answer, or what is stored cannot be read.
    pub async fn find_or_wait(&self, cx: &EventContext, id: &str) -> Result<Option<FoundConversation>, SessionError> {
        if let Some(found) = self.find(id).await? {
            return Ok(Some(found));
        }
        let wakeups = &self.sessions.ports().wakeups;
        let left = cx.remaining().saturating_sub(MARGIN).min(MAX_WAIT);
        let clock = &self.sessions.ports().clock;
        let began = clock.monotonic();
        let mut waiter = None;
        loop {
            let changed = waiter.as_ref().map(Waiter::listen);
            // In this order: the way to the customer is written before the opening is taken off the list.
            let listed = self.listed().await?;
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

    async fn listed(&self) -> Result<Listed, SessionError> {
        let Some(mut stored) = self.sessions.get::<Openings>(OPENINGS).await? else { return Ok(Listed::Nothing) };
        let now_ms = self.now_ms();
        stored.value.prune(now_ms);
        Ok(stored.value.listed(now_ms))
    }

    /// Lists an opening under its owner, or gives it this one.
    pub(super) async fn note_opening(&self, record: &Record) -> Result<(), SessionError> {
        let Some(owner) = &record.owner else { return Ok(()) };
        let until_ms = self.now_ms().saturating_add(ms(self.record_ttl()));
        self.list_opening(|listed| {
            let noted = Noted { owner: owner.clone(), lease_until_ms: record.lease_until_ms, until_ms };
            listed.insert(record.key.clone(), noted);
        })
        .await
    }

    /// Lists that the end of an opening is not known: events wait for it no longer, and come again. If the store does not answer, its
    /// lease ends.
    pub(super) async fn doubt_opening(&self, record: &Record) {
        let now_ms = self.now_ms();
        let doubted = self.list_opening(|listed| {
            if let Some(noted) = listed.get_mut(&record.key).filter(|noted| Some(&noted.owner) == record.owner.as_ref()) {
                noted.lease_until_ms = noted.lease_until_ms.min(now_ms);
            }
        });
        let _ = doubted.await;
    }

    /// Takes an opening off the list whose end is known, if this owner noted it, and wakes the events that wait. If the store does not
    /// answer, it lapses.
    pub(super) async fn forget_opening(&self, record: &Record) {
        let forgotten = self.list_opening(|listed| {
            if listed.get(&record.key).is_some_and(|noted| Some(&noted.owner) == record.owner.as_ref()) {
                listed.remove(&record.key);
            }
        });
        let _ = forgotten.await;
    }

    async fn list_opening(&self, change: impl Fn(&mut BTreeMap<String, Noted>)) -> Result<(), SessionError> {
        if !self.early {
            return Ok(());
        }
        let mut lost = SessionErrorKind::Conflict.into();
        for _ in 0..RACES {
            let stored = self.sessions.get::<Openings>(OPENINGS).await?;
            let (mut listed, version) = stored.map_or_else(Default::default, |stored| (stored.value, Some(stored.version)));
            let now_ms = self.now_ms();
            listed.v = 1;
            change(&mut listed.by_key);
            listed.prune(now_ms);
            let last_ms = listed.last_ms().unwrap_or(now_ms);
            let ttl = Duration::from_millis(last_ms.saturating_sub(now_ms).unsigned_abs()).saturating_add(Duration::from_secs(60));
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
