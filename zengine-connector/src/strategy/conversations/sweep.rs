//! The end of conversations that nobody uses any more.

use std::{future::Future, time::Duration};

use serde::de::DeserializeOwned;

use super::{
    Conversations, Ending, Live, entries,
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
            let now_ms = self.now_ms();
            let unused_ms = now_ms.saturating_sub(record.active_at_ms);
            let lapsed = record.state == ConversationState::Ending && record.lease_until_ms <= now_ms;
            let stale = record.state == ConversationState::Open && unused_ms >= ms(idle.saturating_add(self.touch_after()));
            let ended = match version {
                Some(_) if lapsed => {
                    let found = super::FoundConversation { customer: record.customer, generation: record.generation, key: record.key };
                    self.ended(&found, EndReason::Lost).await.is_ok()
                }
                Some(_) if stale => self.end(&record.customer, EndReason::Idle, &close).await.is_ok(),
                _ => continue,
            };
            *if ended { &mut swept.ended } else { &mut swept.failed } += 1;
        }
        Ok(swept)
    }
}
