//! Raised events that died processes left.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::stream::{self, StreamExt as _};

use super::{HandOver, Kept, LocalEvents, PREFIX, hand_over};
use crate::{
    error::Error,
    orchestrator::Orchestrator,
    pipeline::Swept,
    runtime::within,
    store::{StoreError, StoreErrorKind, StoredSession},
    strategy::Sessions,
    sync::Mutex,
};

/// The start of the places of this sweep among those of [`Orchestrator::sweep`].
const PLACE: &str = "raised-events|";

/// Events of one tenant and strategy that a page looks at, and the sessions that it lists at once.
const MAX_OF_SCOPE: usize = 1_000;
const PAGE: usize = 100;

/// Pages of a sweep in the background, so that a store whose places repeat does not hold it up.
const MAX_PAGES: usize = 10_000;

/// Conversations whose events are handed over at once.
const PARALLEL: usize = 16;

/// Time that a sweep waits for one handler, which goes on afterwards; and time after which a page begins no further event.
const HANDLER_TIME: Duration = Duration::from_secs(5);
const PAGE_TIME: Duration = Duration::from_secs(10);

/// The result of a page of [`Orchestrator::sweep_raised`].
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweptEvents {
    /// Events that were handed over now, or were already, or became dead letters.
    pub done: usize,
    /// Events that wait: their handler takes long, its tenant or a store is not available, another process works on them, or an
    /// earlier event of their conversation waits.
    pub waiting: usize,
    /// Events that were removed without a handler: it is known no longer whether one got them. A line `event.raised_expired` names each.
    pub expired: usize,
    /// The place at which the next page begins. `None` if there are no more pages.
    pub next: Option<String>,
}

// `next` holds a session's key, which may name a person.
debug_fields!(SweptEvents { done, waiting, expired });

impl Orchestrator {
    /// Hands over the events that strategies raised and that no handler got, because a process died or a store was away: those of a
    /// conversation in their order. Reads a page of at most `limit` sessions of every tenant, waits 5 seconds for a handler, and begins no
    /// further event after 10. [`sweep`](Self::sweep) does it too: call this one where a process starts. Events of living processes are
    /// left to them.
    ///
    /// ```
    /// # use zengine_connector::{Error, Orchestrator};
    /// async fn at_start(orchestrator: &Orchestrator) -> Result<(), Error> {
    ///     let mut after = None;
    ///     loop {
    ///         let swept = orchestrator.sweep_raised(after.as_deref(), 100).await?;
    ///         let Some(next) = swept.next else { return Ok(()) };
    ///         after = Some(next);
    ///     }
    /// }
    /// # let _ = at_start;
    /// ```
    ///
    /// # Errors
    /// `Unsupported` if the session store cannot list its sessions, `Store` if it does not answer.
    pub async fn sweep_raised(&self, after: Option<&str>, limit: usize) -> Result<SweptEvents, Error> {
        let page = self.engine.stores.list_sessions(after, limit).await?;
        let swept = Mutex::new(SweptEvents { next: page.next, ..SweptEvents::default() });
        let began = self.engine.clock.monotonic();
        let left = self.raised_events(page.sessions).await?;
        stream::iter(left)
            .for_each_concurrent(PARALLEL, |events| async {
                let mut events = events.into_iter();
                for event in events.by_ref() {
                    let is_over = self.engine.clock.monotonic().saturating_sub(began) >= PAGE_TIME;
                    match if is_over { None } else { self.hand_over_left(event).await } {
                        Some(true) => swept.lock().done += 1,
                        Some(false) => swept.lock().expired += 1,
                        None => {
                            swept.lock().waiting += 1;
                            break;
                        }
                    }
                }
                // None overtakes an earlier one.
                swept.lock().waiting += events.len();
            })
            .await;
        let swept = swept.lock().clone();
        Ok(swept)
    }

    /// The raised events among these sessions, with the others of their tenants and strategies: those of each conversation in their order.
    async fn raised_events(&self, sessions: Vec<StoredSession>) -> Result<Vec<Vec<(StoredSession, Kept)>>, StoreError> {
        let found: Vec<_> = sessions.into_iter().filter(|session| session.key.starts_with(PREFIX)).collect();
        let scopes: BTreeSet<_> = found.iter().map(|session| session.scope.clone()).collect();
        let mut all = Vec::new();
        for scope in scopes {
            match self.raised_of(&scope).await {
                Ok(of_scope) => all.extend(of_scope),
                // Then those of the page are in their order.
                Err(error) if error.kind == StoreErrorKind::Unsupported => {}
                Err(error) => return Err(error),
            }
        }
        // The listing of a scope leaves expired ones out.
        let known: BTreeSet<_> = all.iter().map(|session: &StoredSession| (session.scope.clone(), session.key.clone())).collect();
        all.extend(found.into_iter().filter(|session| !known.contains(&(session.scope.clone(), session.key.clone()))));
        let mut events: Vec<_> = all.into_iter().filter_map(|session| Some((self.read_kept(&session)?, session))).collect();
        let of = |kept: &Kept| (kept.event.tenant.clone(), kept.event.strategy.clone(), kept.event.conversation.clone());
        events.sort_by_cached_key(|(kept, _)| (of(kept), kept.event.received_at_ms, kept.number));
        let mut by_conversation: Vec<Vec<(StoredSession, Kept)>> = Vec::new();
        for (kept, session) in events {
            match by_conversation.last_mut().filter(|last| last.last().is_some_and(|(_, before)| of(before) == of(&kept))) {
                Some(same) => same.push((session, kept)),
                None => by_conversation.push(vec![(session, kept)]),
            }
        }
        Ok(by_conversation)
    }

    async fn raised_of(&self, scope: &str) -> Result<Vec<StoredSession>, StoreError> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = self.engine.stores.list_scope(scope, PREFIX, after.as_deref(), PAGE).await?;
            found.extend(page.sessions);
            after = page.next;
            if after.is_none() || found.len() >= MAX_OF_SCOPE {
                return Ok(found);
            }
        }
    }

    fn read_kept(&self, session: &StoredSession) -> Option<Kept> {
        let read = Sessions::open_stored(&*self.engine.keys, session).ok().and_then(|json| serde_json::from_slice::<Kept>(&json).ok());
        if read.is_none() {
            tracing::warn!("event.raised_unreadable");
        }
        read
    }

    /// Hands an event over, and removes it. `Some(false)` removes it alone, `None` leaves it.
    async fn hand_over_left(&self, (session, kept): (StoredSession, Kept)) -> Option<bool> {
        let event = kept.event;
        let expired = kept.until_ms.is_some_and(|until_ms| until_ms <= self.engine.now_ms());
        if expired {
            // The record by which a second hand-over is known is gone too.
            tracing::warn!(tenant_id = %event.tenant, strategy = %event.strategy, event_id = %event.id, "event.raised_expired");
            let _ = self.engine.stores.erase_session(&session).await;
            return Some(false);
        }
        if within(&*self.engine.clock, HANDLER_TIME, hand_over(self, event)).await != Some(HandOver::Done) {
            return None;
        }
        let _: Result<(), StoreError> = self.engine.stores.delete_session(&session.scope, &session.key, session.version).await;
        Some(true)
    }

    /// Goes on with a sweep of sends by one of raised events, page by page.
    pub(in crate::orchestrator) async fn sweep_with_raised(&self, after: Option<&str>, limit: usize) -> Result<Swept, Error> {
        let (mut swept, after) = match after.and_then(|after| after.strip_prefix(PLACE)) {
            Some(after) => (Swept::default(), Some(after)),
            None => (crate::pipeline::sweep(&self.engine, after, limit).await?, None),
        };
        if swept.next.is_some() || self.inbound.handler.is_none() {
            return Ok(swept);
        }
        match self.sweep_raised(after, limit).await {
            Ok(events) => {
                (swept.raised, swept.raised_waiting, swept.raised_expired) = (events.done, events.waiting, events.expired);
                swept.next = events.next.map(|next| format!("{PLACE}{next}"));
            }
            Err(error) if error.kind() == crate::error::ErrorKind::Unsupported => {}
            Err(error) => return Err(error),
        }
        Ok(swept)
    }
}

/// Sweeps all raised events, for the sweep in the background.
pub(in crate::orchestrator) async fn sweep_all(events: Arc<LocalEvents>) {
    let mut after: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let Some(orchestrator) = events.orchestrator().filter(|it| it.inbound.handler.is_some() && !it.engine.is_closing()) else { return };
        match orchestrator.sweep_raised(after.as_deref(), PAGE).await {
            Ok(swept) if swept.next.is_some() => after = swept.next,
            Ok(_) => return,
            Err(error) => {
                if error.kind() != crate::error::ErrorKind::Unsupported {
                    tracing::warn!(%error, "sweep.failed");
                }
                return;
            }
        }
    }
}
