//! Changes of conversations that a strategy learns itself.

use std::fmt::Debug;

use crate::{
    ids::{ConversationId, StrategyName, TenantId},
    message::{Party, SessionChange, SessionEvent},
    runtime::BoxFuture,
};

/// A change of a conversation that a strategy learnt in a call of its own, for [`SendContext::raise`](super::SendContext::raise).
///
/// ```
/// use zengine_connector::{
///     ids::ConversationId,
///     message::{SessionChange, SessionEvent},
///     strategy::RaisedEvent,
/// };
///
/// # fn main() -> Result<(), zengine_connector::Error> {
/// let opened = RaisedEvent::new(ConversationId::new("c-1")?, 1, SessionEvent::new(SessionChange::Started));
/// assert_eq!(opened.dedup(), "local|c-1|1|started");
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct RaisedEvent {
    /// The conversation.
    pub conversation: ConversationId,
    /// The life of the conversation: a new one for each opening, so that a second start is another event.
    pub generation: u64,
    /// The change.
    pub event: SessionEvent,
    /// The customer, to whom an answer goes.
    pub from: Party,
}

debug_fields!(RaisedEvent { generation, event: |it| it.event.change });

impl RaisedEvent {
    /// A change of one life of a conversation.
    pub fn new(conversation: ConversationId, generation: u64, event: SessionEvent) -> Self {
        Self { conversation, generation, event, from: Party::default() }
    }

    setters! {
        /// Names the customer.
        with_from(party: impl Into<Party>) => from = party.into();
    }

    /// The key under which the host's handler gets it once.
    pub fn dedup(&self) -> String {
        let change = match &self.event.change {
            // Two words of a newer release are two events.
            SessionChange::Newer(word) => word.as_str(),
            known => known.as_str(),
        };
        format!("local|{}|{}|{change}", self.conversation, self.generation)
    }
}

/// The part of the host that publishes raised events. Never fails; bounded in time.
pub(crate) trait Raise: Debug + Send + Sync {
    fn raise<'a>(&'a self, tenant: &'a TenantId, strategy: &'a StrategyName, raised: RaisedEvent) -> BoxFuture<'a, ()>;
}

#[cfg(test)]
#[allow(clippy::expect_used)] // a test
mod tests {
    use super::*;
    use crate::message::NewerWord;

    #[test]
    fn rule_88_changes_of_a_newer_release_are_events_of_their_own() {
        let of = |word| {
            let change = SessionChange::Newer(NewerWord::new(word).expect("a word"));
            RaisedEvent::new(ConversationId::new("c-1").expect("an id"), 1, SessionEvent::new(change)).dedup()
        };
        assert_eq!((of("muted"), of("unmuted")), ("local|c-1|1|muted".to_owned(), "local|c-1|1|unmuted".to_owned()));
    }
}
