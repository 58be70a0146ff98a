//! The raised events of a page of sessions, in their order.

use std::collections::BTreeSet;

use super::{PREFIX, kept::LeftEvent};
use crate::{
    ids::ConversationId,
    orchestrator::Orchestrator,
    store::{StoreError, StoreErrorKind, StoredSession},
};

/// Maximum events that a page of a sweep hands over, and the sessions that it lists at once.
const MAX_EVENTS: usize = 1_000;
const PAGE: usize = 100;

/// The raised events of a page.
#[derive(Default)]
pub(super) struct OfPage {
    /// Those of each conversation in their order.
    pub(super) by_conversation: Vec<Vec<LeftEvent>>,
    /// Those of which it is known no longer whether a handler got them.
    pub(super) expired: Vec<LeftEvent>,
    /// Further ones that wait, behind one that cannot be read.
    pub(super) held_up: usize,
}

impl Orchestrator {
    /// The raised events of the tenants and strategies that these sessions are of: the oldest of each, so that none is missing before
    /// another of its conversation.
    pub(super) async fn raised_events(&self, sessions: Vec<StoredSession>, began_ms: i64) -> Result<OfPage, StoreError> {
        let read = |session: StoredSession| LeftEvent::read(session, &*self.engine.keys);
        let of_page: Vec<_> = sessions.into_iter().filter(|session| session.key.starts_with(PREFIX)).collect();
        let keys: BTreeSet<_> = of_page.iter().map(|session| (session.scope.clone(), session.key.clone())).collect();
        let of_page: Vec<_> = of_page.into_iter().filter_map(read).collect();
        let (expired, mut events): (Vec<_>, Vec<_>) = of_page.into_iter().partition(|left| left.is_expired(began_ms));
        // Also those of which nothing on this page can be read: no other page sees to them.
        let scopes: BTreeSet<_> = keys.iter().map(|(scope, _)| scope.clone()).collect();
        let mut held_up = 0;
        let most = (MAX_EVENTS / scopes.len().max(1)).max(1);
        for scope in scopes {
            let is_of_page = |key: &str| keys.contains(&(scope.clone(), key.to_owned()));
            match self.oldest_of(&scope, most, began_ms, is_of_page).await {
                Ok((oldest, behind)) => {
                    events.retain(|left| left.session.scope != scope);
                    events.extend(oldest);
                    held_up += behind;
                }
                // Then those of the page are in their order.
                Err(error) if error.kind == StoreErrorKind::Unsupported => {}
                Err(error) => return Err(error),
            }
        }
        events.sort_by(|a, b| (a.conversation(), a.place()).cmp(&(b.conversation(), b.place())));
        let mut by_conversation: Vec<Vec<LeftEvent>> = Vec::new();
        for event in events {
            match by_conversation.last_mut().filter(|last| last.last().is_some_and(|before| before.conversation() == event.conversation()))
            {
                Some(same) => same.push(event),
                None => by_conversation.push(vec![event]),
            }
        }
        Ok(OfPage { by_conversation, expired, held_up })
    }

    /// The oldest events of a scope, unless its first one is of another page, which sees to them; and the number of those behind one that
    /// cannot be read. Those that were raised since the sweep began are left to their process: the listing may have passed the one before.
    async fn oldest_of(
        &self,
        scope: &str,
        most: usize,
        began_ms: i64,
        is_of_page: impl Fn(&str) -> bool,
    ) -> Result<(Vec<LeftEvent>, usize), StoreError> {
        let (mut oldest, mut held_up, mut after): (Vec<LeftEvent>, _, _) = (Vec::new(), 0, None);
        let mut end = None;
        loop {
            let page = self.engine.stores.list_scope(scope, PREFIX, after.as_deref(), PAGE).await?;
            if after.is_none() && page.sessions.first().is_some_and(|first| !is_of_page(&first.key)) {
                return Ok((oldest, held_up));
            }
            let read = page.sessions.into_iter().filter_map(|session| LeftEvent::read(session, &*self.engine.keys));
            oldest.extend(read.filter(|left| left.place().0 <= began_ms && !left.is_expired(began_ms)));
            held_up += cut(&mut oldest, most, &mut end);
            after = page.next;
            if after.is_none() {
                return Ok((oldest, held_up));
            }
        }
    }
}

/// Leaves the `most` oldest that can be read, and of each conversation the first that cannot, which takes no place of another conversation's.
/// Returns how many it removed behind such a one. `end` is the place of the first for which there was no room on any page: what is behind it
/// would overtake it.
pub(super) fn cut(events: &mut Vec<LeftEvent>, most: usize, end: &mut Option<(i64, u64)>) -> usize {
    events.sort_by_key(LeftEvent::place);
    events.retain(|left| end.is_none_or(|end| left.place() < end));
    let (mut held, mut readable, mut removed) = (BTreeSet::<ConversationId>::new(), 0, 0);
    events.retain(|left| {
        let (_, conversation) = left.conversation();
        if held.contains(conversation) {
            removed += 1;
            return false;
        }
        if !left.is_readable() {
            held.insert(conversation.clone());
            return true;
        }
        readable += 1;
        if readable == most + 1 {
            *end = Some(left.place());
        }
        readable <= most
    });
    removed
}
