//! The end of conversations that nobody uses any more.

use std::{future::Future, time::Duration};

use serde::de::DeserializeOwned;

use super::{
    Conversations, Ending, Live,
    entries::{self, Change},
    record::{ConversationState, Record},
};
use crate::{
    error::SendError,
    message::EndReason,
    runtime::ms,
    strategy::{SessionError, Sessions},
};

/// Sessions that one page holds.
const PAGE: usize = 100;

/// The report of [`Conversations::sweep`].
#[derive(Clone, Default, PartialEq, Eq)]
#[must_use = "it says where to go on"]
#[non_exhaustive]
pub struct Swept {
    /// Conversations that were ended.
    pub ended: usize,
    /// Conversations that could not be ended. The next sweep tries again.
    pub failed: usize,
    /// The place to go on from. `None`: all sessions were read.
    pub next: Option<String>,
}

// `next` holds a session's key, which may name a person.
debug_fields!(Swept { ended, failed });

impl Conversations {
    /// Ends conversations that were idle for a time, and marks as ended those whose ending lapsed. Reads one page of the sessions of
    /// *all* tenants, a hundred, from `after` on; call it again with [`Swept::next`], now and then, from
    /// [`healthcheck`](crate::Configure::healthcheck) or a command of your host.
    ///
    /// `idle` should be shorter than [`with_idle`](Self::with_idle), from which on a conversation counts as ended without a call.
    ///
    /// # Errors
    /// If the store does not answer, or cannot list its sessions.
    pub async fn sweep<T, F>(
        &self,
        idle: Duration,
        after: Option<&str>,
        close: impl Fn(Live<T>) -> F + Send + Sync,
    ) -> Result<Swept, SessionError>
    where
        T: DeserializeOwned + Send + Sync,
        F: Future<Output = Result<Ending, SendError>> + Send,
    {
        let ports = self.sessions.ports();
        let page = ports.stores.list_sessions(after, PAGE).await?;
        let mut swept = Swept { next: page.next, ..Swept::default() };
        let ours =
            page.sessions.iter().filter(|session| session.scope == self.sessions.scope() && session.key.starts_with(entries::PREFIX));
        for session in ours {
            let Ok(text) = Sessions::open_stored(&*ports.keys, session) else { continue };
            let Ok(listed) = serde_json::from_slice::<Record>(&text) else { continue };
            // The list may hold what is expired or was changed meanwhile.
            let Ok((record, version)) = self.read(&listed.customer).await else { continue };
            let Some(_) = version else { continue };
            // Asked again when the end is written: it may have come back to life.
            let same = |stored: &Record| stored.is_life(record.generation, &record.key);
            let stale_ms = ms(idle.saturating_add(self.touch_after()));
            let is_stale = |stored: &Record, now_ms: i64| same(stored) && now_ms.saturating_sub(stored.active_at_ms) >= stale_ms;
            let has_lapsed = |stored: &Record, now_ms| same(stored) && stored.lease_until_ms <= now_ms;
            let ended = match record.state {
                ConversationState::Open if is_stale(&record, self.now_ms()) => {
                    self.end_if(&record.customer, EndReason::Idle, is_stale, &close).await.map_err(drop)
                }
                ConversationState::Ending if has_lapsed(&record, self.now_ms()) => {
                    let ended = self.change(&record.customer, |stored, now_ms| {
                        if stored.state != ConversationState::Ending || !has_lapsed(stored, now_ms) {
                            return Change::Keep(false);
                        }
                        stored.end(EndReason::Lost);
                        Change::Write(true)
                    });
                    ended.await.map(|(_, ended)| ended).map_err(drop)
                }
                _ => continue,
            };
            match ended {
                Ok(true) => swept.ended += 1,
                Ok(false) => {}
                Err(()) => swept.failed += 1,
            }
        }
        Ok(swept)
    }
}
