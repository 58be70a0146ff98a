//! An event that names its routes and not yet its tenant.

use bytes::Bytes;

use crate::{
    ids::{ConversationId, ProviderMessageId, RouteKey},
    message::{Context, Event, EventSource, Participant, Party},
    strategy::ProviderKey,
};

/// An event as `normalize` returns it. The core adds tenant, strategy, channel and arrival time.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct RoutedEvent {
    /// The keys of its tenant: the first key that leads to a tenant decides. Empty: the request's own principal.
    pub routes: Vec<RouteKey>,
    /// The event itself.
    pub event: Event,
    /// The context: what the event refers to, and how it arrived.
    pub context: Context,
    /// The provider's ids of the event.
    pub provider_ids: Vec<ProviderMessageId>,
    /// The conversation it belongs to; events of one conversation are handled in order (rule 84).
    pub conversation: Option<ConversationId>,
    /// The participant of the conversation that caused the event, if the provider tells who: the customer, an agent, a bot.
    pub sender: Option<Participant>,
    /// The provider's serial number of the event, per life of the conversation.
    pub sequence: Option<u64>,
    /// The provider's id of the conversation's life, where `conversation` stays the same over several: the events of a request are
    /// sorted by `sequence` within a life. `None`: one life.
    pub life: Option<String>,
    /// The origin of the event.
    pub source: EventSource,
    /// The party that caused the event.
    pub from: Party,
    /// The recipients.
    pub to: Vec<Party>,
    /// Time of the event, in milliseconds UTC on the provider's clock.
    pub occurred_at_ms: Option<i64>,
    /// The key that identifies a redelivery within the tenant and strategy.
    pub dedup: String,
    /// The encoding that distinguishes the event from another one under the same dedup key, which is a
    /// [conflict](super::Handled::conflict). `None`, the default: each delivery under the key is the same event.
    pub fingerprint: Option<EventEncoding>,
    /// The exact slice of the payload.
    pub raw: Bytes,
    /// The key of a send, echoed by the provider: settles an Unknown (rule 27).
    pub reference: Option<ProviderKey>,
    /// Whether the event is about an object that several tenants share and goes to every tenant of its route.
    pub fan_out: bool,
}

impl RoutedEvent {
    /// An event, its dedup key and its bytes.
    pub fn new(event: Event, dedup: impl Into<String>, raw: Bytes) -> Self {
        Self {
            routes: vec![],
            event,
            context: Context::default(),
            provider_ids: vec![],
            conversation: None,
            sender: None,
            sequence: None,
            life: None,
            source: EventSource::Provider,
            from: Party::default(),
            to: vec![],
            occurred_at_ms: None,
            dedup: dedup.into(),
            fingerprint: None,
            raw,
            reference: None,
            fan_out: false,
        }
    }
}

/// The identity of an event beyond its dedup key, the same in each of its deliveries: such as the words of a message whose id its sender chose. The
/// core keeps a keyed hash of it (rule 23), compared only under the same version.
///
/// ```
/// use zengine_connector::strategy::EventEncoding;
///
/// let words = EventEncoding::new(1, "where is my order?");
/// assert_ne!(words, EventEncoding::new(1, "cancel my order"));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventEncoding {
    /// Version of the encoding: change it with each change of how `bytes` are made.
    pub version: u32,
    /// The encoding.
    pub bytes: Bytes,
}

debug_fields!(EventEncoding { version });

impl EventEncoding {
    /// An encoding.
    pub fn new(version: u32, bytes: impl Into<Bytes>) -> Self {
        Self { version, bytes: bytes.into() }
    }
}

// Without people, bytes and the dedup key, which may name a person. Of the routes only the kinds.
debug_fields!(RoutedEvent { routes, event, provider_ids, raw_bytes: |it| it.raw.len() });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_no_value_of_a_route() {
        let event = RoutedEvent::new(Event::Typing, "d", Bytes::new());
        let shown = format!("{:?}", RoutedEvent { routes: vec![RouteKey::new("url_token", "canary")], ..event });
        assert!(shown.contains("url_token") && !shown.contains("canary"), "{shown}");
    }
}
