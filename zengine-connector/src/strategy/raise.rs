//! Changes of conversations that a strategy learns itself.

use std::fmt::Debug;

use crate::{
    ids::{ConversationId, StrategyName, TenantId},
    message::{Party, SessionEvent},
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
        format!("local|{}|{}|{}", self.conversation, self.generation, self.event.change.as_str())
    }
}

/// The part of the host that publishes raised events. Never fails; bounded in time.
pub(crate) trait Raise: Debug + Send + Sync {
    fn raise<'a>(&'a self, tenant: &'a TenantId, strategy: &'a StrategyName, raised: RaisedEvent) -> BoxFuture<'a, ()>;
}
