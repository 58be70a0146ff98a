//! The end of conversations that are no longer used, and of what calls left that were cut off.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};

use super::{
    Conversations,
    entries::{self, Change},
    provider::{ConversationProvider, Resolution},
    record::{ConversationState, Record},
};
use crate::{
    message::EndReason,
    runtime::ms,
    store::StoredSession,
    strategy::{SessionError, Sessions},
};

/// Sessions that one page holds.
const PAGE: usize = 50;

/// Conversations that are looked at at once.
const PARALLEL: usize = 16;

/// Time of the provider's call for one of them: with a page of them, a health check's.
const CALL: Duration = Duration::from_secs(5);

/// The report of [`Conversations::sweep`].
#[derive(Clone, Default, PartialEq, Eq)]
#[must_use = "it says where to go on"]
#[non_exhaustive]
pub struct SweptConversations {
    /// Conversations that were ended.
    pub ended: usize,
    /// Openings whose end was not known, and is now.
    pub resolved: usize,
    /// Openings whose end is still not known. The next send resolves them, or the next sweep.
    pub in_doubt: usize,
    /// Conversations that could not be read or ended. The next sweep tries again, unless the provider refused the end, which the line
    /// `conversation.abandoned` tells.
    pub failed: usize,
    /// The place to go on from. `None`: all conversations were read.
    pub next: Option<String>,
}

// `next` holds a session's key, which may name a person.
debug_fields!(SweptConversations { ended, resolved, in_doubt, failed });

impl Conversations {
    /// Ends conversations that were idle for a time, ends those again whose end was cut off, and asks the provider about openings whose
    /// end is not known. Reads one page of this tenant's conversations, fifty, from `after` on, and gives each call of the provider 5 s; call it
    /// again with [`SweptConversations::next`], now and then, from [`healthcheck`](crate::Configure::healthcheck) or a command of your host.
    ///
    /// `idle` should be shorter than [`with_idle`](Self::with_idle), from which on a conversation counts as ended without a call. An
    /// opening that only a repetition resolves waits for a send, with the line `conversation.in_doubt`. One that is still not known when
    /// the idle time and the time for late events are over, counted from the last call, is given up with the line
    /// `conversation.abandoned`.
    ///
    /// # Errors
    /// If the store does not answer, or cannot [list a scope](crate::store::SessionStore::list_scope).
    pub async fn sweep<C: ConversationProvider>(
        &self,
        idle: Duration,
        after: Option<&str>,
        provider: &C,
    ) -> Result<SweptConversations, SessionError> {
        let page = self.sessions.list(entries::PREFIX, after, PAGE).await?;
        let each = |session| async move { self.sweep_one(&session, idle, provider).await };
        // At once, so that one that hangs holds up no other.
        let found: Vec<_> = stream::iter(page.sessions).map(each).buffer_unordered(PARALLEL).collect().await;
        let mut swept = SweptConversations { next: page.next, ..SweptConversations::default() };
        for found in found {
            swept.count(found);
        }
        Ok(swept)
    }

    async fn sweep_one<C: ConversationProvider>(&self, session: &StoredSession, idle: Duration, provider: &C) -> Found {
        let text = Sessions::open_stored(&*self.sessions.ports().keys, session).ok();
        let Some(listed) = text.and_then(|text| serde_json::from_slice::<Record>(&text).ok()) else { return Found::Failed };
        // The list may hold what was changed meanwhile.
        let record = match self.read(&listed.customer).await {
            Ok((record, Some(_))) => record,
            Ok((_, None)) => return Found::Nothing,
            Err(_) => return Found::Failed,
        };
        let now_ms = self.now_ms();
        let ended = |ended: Result<bool, ()>| match ended {
            Ok(true) => Found::Ended,
            Ok(false) => Found::Nothing,
            Err(()) => Found::Failed,
        };
        match record.state {
            ConversationState::Open => {
                let stale_ms = ms(idle.saturating_add(self.touch_after()));
                // Asked again when the end is written: it may have come back to life.
                let is_stale = |stored: &Record, now_ms: i64| {
                    stored.is_life(record.generation, &record.key) && now_ms.saturating_sub(stored.active_at_ms) >= stale_ms
                };
                if !is_stale(&record, now_ms) {
                    return Found::Nothing;
                }
                let attempt = self.attempt_within(&record.customer, CALL);
                ended(self.end_if(&attempt, EndReason::Idle, provider, is_stale).await.map_err(drop))
            }
            ConversationState::Ending if record.lease_until_ms <= now_ms => ended(self.end_left(&record, provider).await),
            ConversationState::Opening if record.lease_until_ms <= now_ms => self.resolve_left(&record, provider).await,
            _ => Found::Nothing,
        }
    }

    /// Ends a conversation whose end was cut off, or did not come in its time.
    async fn end_left<C: ConversationProvider>(&self, record: &Record, provider: &C) -> Result<bool, ()> {
        let attempt = self.attempt_within(&record.customer, CALL);
        let mut mark = self.drawn(&attempt);
        let owned = self.change(attempt.customer, |stored, now_ms| {
            let lapsed = stored.state == ConversationState::Ending && stored.lease_until_ms <= now_ms;
            if !lapsed || !stored.is_life(record.generation, &record.key) {
                return Change::Keep(None);
            }
            if stored.owner.is_none() {
                stored.end(stored.reason.unwrap_or(EndReason::Lost));
                return Change::Write(Some(false));
            }
            stored.ending(&attempt.me, attempt.until_ms, stored.reason.unwrap_or(EndReason::Lost));
            Change::Write(Some(true))
        });
        let (record, owned) = owned.await.map_err(drop)?;
        mark.returned = owned != Some(true);
        match owned {
            Some(true) => {
                let ended = self.close_again(&attempt, &record, provider).await;
                mark.returned = ended.is_ok();
                ended.map(|()| true).map_err(drop)
            }
            owned => Ok(owned.is_some()),
        }
    }

    /// Finds out what became of an opening that its owner left, or gives it up when its time is over.
    async fn resolve_left<C: ConversationProvider>(&self, record: &Record, provider: &C) -> Found {
        let attempt = self.attempt_within(&record.customer, CALL);
        let mut ticket = self.drawn(&attempt);
        let owned = self.change(attempt.customer, |stored, now_ms| {
            let lapsed = stored.state == ConversationState::Opening && stored.lease_until_ms <= now_ms;
            if !lapsed || !stored.is_life(record.generation, &record.key) {
                return Change::Keep(false);
            }
            stored.own(&attempt.me, now_ms, attempt.until_ms);
            Change::Write(true)
        });
        let owned = owned.await;
        ticket.returned = matches!(owned, Ok((_, false)));
        let Ok((record, owned)) = owned else { return Found::Failed };
        if !owned {
            return Found::Nothing;
        }
        let age_ms = self.now_ms().saturating_sub(record.called_until_ms);
        let found = match self.ask(&attempt, &record, provider).await {
            Ok(Resolution::Found(opened)) => {
                return match self.establish(&attempt, &record, opened, provider, ticket).await {
                    Ok(turn) => {
                        self.leave(turn).await;
                        Found::Resolved
                    }
                    Err(_) => Found::InDoubt,
                };
            }
            Ok(Resolution::NotOpened) => Found::Resolved,
            // Each sweep writes the record, so that a doubt would never expire with it.
            Ok(Resolution::Repeat) | Err(_) if age_ms < ms(self.record_ttl()) => {
                let (tenant, strategy) = self.sessions.owner();
                let age_s = age_ms / 1000;
                tracing::warn!(tenant_id = tenant, strategy, generation = record.generation, age_s, "conversation.in_doubt");
                Found::InDoubt
            }
            Ok(_) | Err(_) => {
                self.say_abandoned(&record);
                Found::Resolved
            }
        };
        ticket.returned = self.give_back(&attempt, &record, matches!(found, Found::InDoubt), false).await;
        if ticket.returned { found } else { Found::Failed }
    }
}

/// The end of the look at one conversation.
#[derive(Clone, Copy)]
enum Found {
    Nothing,
    Ended,
    Resolved,
    InDoubt,
    Failed,
}

impl SweptConversations {
    fn count(&mut self, found: Found) {
        match found {
            Found::Nothing => {}
            Found::Ended => self.ended += 1,
            Found::Resolved => self.resolved += 1,
            Found::InDoubt => self.in_doubt += 1,
            Found::Failed => self.failed += 1,
        }
    }
}
