//! Raised events that died processes left.

use std::{sync::Arc, time::Duration};

use futures_util::stream::{self, StreamExt as _};

use super::{HandOver, LocalEvents, hand_over, kept::LeftEvent, left::OfPage};
use crate::{
    error::Error,
    orchestrator::Orchestrator,
    pipeline::Swept,
    runtime::within,
    store::{StoreError, StoredSession},
    strategy::Sessions,
    sync::Mutex,
};

/// The start of the places of this sweep among those of [`Orchestrator::sweep`].
const PLACE: &str = "raised-events|";

/// Sessions of a page of a sweep in the background.
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
        let began_ms = self.engine.now_ms();
        let page = self.engine.stores.list_sessions(after, limit).await?;
        let began = self.engine.clock.monotonic();
        let OfPage { by_conversation, expired, held_up } = self.raised_events(page.sessions, began_ms).await?;
        for left in &expired {
            // The record by which a second hand-over is known is gone too.
            let (tenant, strategy) = Sessions::owner_of(&left.session.scope);
            tracing::warn!(tenant_id = tenant, strategy, event_id = left.event_id(), "event.raised_expired");
            let _ = self.engine.stores.erase_session(&left.session).await;
        }
        let swept = Mutex::new(SweptEvents { waiting: held_up, expired: expired.len(), next: page.next, ..SweptEvents::default() });
        stream::iter(by_conversation)
            .for_each_concurrent(PARALLEL, |events| async {
                let mut events = events.into_iter();
                for left in events.by_ref() {
                    let is_over = self.engine.clock.monotonic().saturating_sub(began) >= PAGE_TIME;
                    if is_over || !self.hand_over_left(&left).await {
                        swept.lock().waiting += 1;
                        break;
                    }
                    swept.lock().done += 1;
                }
                // None overtakes an earlier one.
                swept.lock().waiting += events.len();
            })
            .await;
        let swept = swept.lock().clone();
        Ok(swept)
    }

    /// Hands an event over, and removes it.
    async fn hand_over_left(&self, left: &LeftEvent) -> bool {
        let Some(event) = left.event() else { return false };
        if within(&*self.engine.clock, HANDLER_TIME, hand_over(self, event)).await != Some(HandOver::Done) {
            return false;
        }
        let StoredSession { scope, key, version, .. } = &left.session;
        let _: Result<(), StoreError> = self.engine.stores.delete_session(scope, key, *version).await;
        true
    }

    /// Goes on with a sweep of sends by one of raised events, page by page.
    pub(in crate::orchestrator) async fn sweep_with_raised(&self, after: Option<&str>, limit: usize) -> Result<Swept, Error> {
        let place = after.and_then(|after| after.strip_prefix(PLACE));
        let mut swept = match place {
            Some(_) => Swept::default(),
            None => crate::pipeline::sweep(&self.engine, after, limit).await?,
        };
        if swept.next.is_some() || self.inbound.handler.is_none() {
            return Ok(swept);
        }
        match self.sweep_raised(place.filter(|place| !place.is_empty()), limit).await {
            Ok(events) => {
                (swept.raised, swept.raised_waiting, swept.raised_expired) = (events.done, events.waiting, events.expired);
                swept.next = events.next.map(|next| format!("{PLACE}{next}"));
            }
            Err(error) if error.kind() == crate::error::ErrorKind::Unsupported => {}
            Err(error) if place.is_some() => return Err(error),
            // What was swept is told; the next page meets the error again, or not.
            Err(_) => swept.next = Some(PLACE.to_owned()),
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
