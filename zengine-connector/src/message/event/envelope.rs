//! An event with its envelope, and the flat JSON form of the two.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Context, DedupeKey, Event};
use crate::{
    ids::{ConversationId, ProviderMessageId, StrategyName, TenantId},
    json::is_embeddable,
    message::{Channel, Participant, Party},
};

/// An event with its envelope: id, tenant, strategy, channel and times.
///
/// In JSON the envelope is flat: the event's own members are beside `id`, `tenant`, `raw` and the others.
///
/// ```
/// use zengine_connector::{Content, Event, InboundEvent};
///
/// fn text(inbound: &InboundEvent) -> Option<&str> {
///     match &inbound.event {
///         Event::Message { content: Content::Text(text) } => Some(&text.body),
///         _ => None,
///     }
/// }
/// # let _ = text;
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(into = "EventJson", try_from = "EventJson")]
#[schemars(description = "The flat JSON form.")]
#[non_exhaustive]
pub struct InboundEvent {
    /// The event's id, derived from the dedupe key; the same for a redelivery.
    pub id: String,
    /// The tenant.
    pub tenant: TenantId,
    /// The registered name of the strategy that received it.
    pub strategy: StrategyName,
    /// The channel.
    pub channel: Channel,
    /// Time of the event, in milliseconds UTC on the provider's clock.
    pub occurred_at_ms: Option<i64>,
    /// Time of receipt, in milliseconds UTC.
    pub received_at_ms: i64,
    /// The key that identifies a redelivery.
    pub dedupe_key: DedupeKey,
    /// The party that caused the event.
    pub from: Party,
    /// The recipients.
    pub to: Vec<Party>,
    /// The conversation it belongs to.
    pub conversation: Option<ConversationId>,
    /// The participant of the conversation that caused the event, if the provider tells who: the customer, an agent, a bot.
    pub sender: Option<Participant>,
    /// The provider's serial number of the event, per life of the conversation.
    pub sequence: Option<u64>,
    /// The origin of the event.
    pub source: EventSource,
    /// The provider's ids of the event.
    pub provider_ids: Vec<ProviderMessageId>,
    /// The event itself.
    pub event: Event,
    /// The context: what the event refers to, and how it arrived.
    pub context: Context,
    /// The exact slice of the provider's payload.
    pub raw: Bytes,
}

impl InboundEvent {
    /// Whether you may answer the event. `false` for an echo or a change of one (an answer would make a loop), for a conversation that
    /// another application owns, and for history.
    pub fn is_answerable(&self) -> bool {
        let Context { standby, history, echo, .. } = self.context;
        !(standby || history || echo || matches!(self.event, Event::Echo { .. }))
    }
}

debug_fields!(InboundEvent { id, tenant, strategy, event, raw_bytes: |it| it.raw.len() });

/// The origin of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventSource {
    /// The provider; absent in JSON.
    #[default]
    Provider,
    /// The strategy itself, such as the expiry of a conversation that the provider does not report.
    Local,
}

impl EventSource {
    #[allow(clippy::trivially_copy_pass_by_ref)] // serde asks with a reference to the field
    fn is_provider(&self) -> bool {
        *self == Self::Provider
    }
}

/// The version of the event's JSON form.
pub(super) const VERSION: u32 = 1;

/// The flat JSON form.
#[derive(Serialize, Deserialize, schemars::JsonSchema)]
struct EventJson {
    v: u32,
    #[serde(flatten)]
    event: Event,
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    context: Context,
    id: String,
    tenant: TenantId,
    strategy: StrategyName,
    channel: Channel,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    occurred_at_ms: Option<i64>,
    received_at_ms: i64,
    dedupe_key: DedupeKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Party>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    to: Vec<Party>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conversation: Option<ConversationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sender: Option<Participant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(default, skip_serializing_if = "EventSource::is_provider")]
    source: EventSource,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    provider_ids: Vec<ProviderMessageId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    raw: Option<Box<RawValue>>,
    /// The raw bytes in base64, if they are not JSON that a common parser reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    raw_base64: Option<String>,
}

/// Raw bytes as JSON if they are JSON that a common parser reads, else as base64.
pub(super) fn raw_parts(raw: &Bytes) -> (Option<Box<RawValue>>, Option<String>) {
    if raw.is_empty() {
        return (None, None);
    }
    let text = std::str::from_utf8(raw).ok().filter(|text| is_embeddable(text));
    match text.and_then(|text| serde_json::from_str::<Box<RawValue>>(text).ok()) {
        Some(value) => (Some(value), None),
        None => (None, Some(STANDARD.encode(raw))),
    }
}

/// The raw bytes. `None` if the text is not base64.
pub(crate) fn raw_from_parts(raw: Option<Box<RawValue>>, raw_base64: Option<String>) -> Option<Bytes> {
    match (raw, raw_base64) {
        (Some(raw), _) => Some(Bytes::copy_from_slice(raw.get().as_bytes())),
        (None, Some(text)) => STANDARD.decode(text).ok().map(Bytes::from),
        (None, None) => Some(Bytes::new()),
    }
}

impl From<InboundEvent> for EventJson {
    fn from(event: InboundEvent) -> Self {
        let (raw, raw_base64) = raw_parts(&event.raw);
        Self {
            v: VERSION,
            event: event.event,
            context: event.context,
            id: event.id,
            tenant: event.tenant,
            strategy: event.strategy,
            channel: event.channel,
            occurred_at_ms: event.occurred_at_ms,
            received_at_ms: event.received_at_ms,
            dedupe_key: event.dedupe_key,
            from: (event.from != Party::default()).then_some(event.from),
            to: event.to,
            conversation: event.conversation,
            sender: event.sender,
            sequence: event.sequence,
            source: event.source,
            provider_ids: event.provider_ids,
            raw,
            raw_base64,
        }
    }
}

impl TryFrom<EventJson> for InboundEvent {
    type Error = String;

    fn try_from(wire: EventJson) -> Result<Self, String> {
        if wire.v != VERSION {
            return Err(format!("event version {} is not known, this build reads {VERSION}", wire.v));
        }
        let raw = raw_from_parts(wire.raw, wire.raw_base64).ok_or("raw_base64 is not base64")?;
        Ok(Self {
            id: wire.id,
            tenant: wire.tenant,
            strategy: wire.strategy,
            channel: wire.channel,
            occurred_at_ms: wire.occurred_at_ms,
            received_at_ms: wire.received_at_ms,
            dedupe_key: wire.dedupe_key,
            from: wire.from.unwrap_or_default(),
            to: wire.to,
            conversation: wire.conversation,
            sender: wire.sender,
            sequence: wire.sequence,
            source: wire.source,
            provider_ids: wire.provider_ids,
            event: wire.event,
            context: wire.context,
            raw,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{
        AccountUpdate, Call, Content, Identity, Preference, Presence, SessionChange, SessionEvent, State, Status, TemplateUpdate,
    };

    fn event() -> InboundEvent {
        let (tenant, strategy) = (TenantId::new("acme").unwrap(), StrategyName::new("whatsapp-meta-cloud").unwrap());
        let dedupe_key = DedupeKey::of(&tenant, &strategy, "wamid.1");
        InboundEvent {
            id: dedupe_key.event_id(),
            tenant,
            strategy,
            channel: Channel::WhatsApp,
            occurred_at_ms: Some(1_760_000_000_000),
            received_at_ms: 1_760_000_000_123,
            dedupe_key,
            from: Party::of(Identity::phone("+15551230001").unwrap()),
            to: vec![],
            conversation: None,
            sender: None,
            sequence: None,
            source: EventSource::Provider,
            provider_ids: vec![ProviderMessageId::new("wamid.1").unwrap()],
            event: Event::message(Content::text("hi")),
            context: Context::default(),
            raw: Bytes::from_static(br#"{"id": "wamid.1", "price": 1.10}"#),
        }
    }

    #[test]
    fn the_envelope_is_flat_and_keeps_the_exact_raw_bytes() {
        let json = serde_json::to_string(&event()).unwrap();
        assert!(json.starts_with(r#"{"v":1,"type":"message","content":{"type":"text","body":"hi"}"#), "{json}");
        assert!(json.contains(r#""raw":{"id": "wamid.1", "price": 1.10}"#), "{json}");
        assert_eq!(serde_json::from_str::<InboundEvent>(&json).unwrap(), event());
    }

    #[test]
    fn no_event_has_a_member_that_is_the_envelopes() {
        let kinds = [
            Event::Edited { target: "t".into(), content: Content::text("hi") },
            Event::Deleted { target: "t".into() },
            Event::Echo { content: Content::text("hi") },
            Event::Status(Status::new("t", State::Sent)),
            Event::Typing,
            Event::Read { target: Some("t".into()) },
            Event::Presence(Presence::new("here")),
            Event::Template(TemplateUpdate { aspect: "status".into(), template_id: Some("1".into()), ..TemplateUpdate::default() }),
            Event::Account(AccountUpdate { field: "f".into(), event: Some("e".into()), ..AccountUpdate::default() }),
            Event::Call(Call { id: "call-1".into(), event: "connect".into(), ..Call::default() }),
            Event::OptIn(Preference::new("s")),
            Event::OptOut(Preference::new("s")),
            Event::Session(SessionEvent::new(SessionChange::Ended)),
            Event::Unknown { provider_type: "p".into() },
        ];
        for kind in kinds {
            assert_eq!(kind.is_ephemeral(), matches!(kind.kind(), "typing" | "presence"));
            let mut event = InboundEvent { event: kind, conversation: Some(ConversationId::new("c").unwrap()), ..event() };
            event.context.standby = true;
            let json = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<InboundEvent>(&json).unwrap(), event, "{json}");
        }
    }

    #[test]
    fn an_unknown_version_is_refused() {
        let json = serde_json::to_string(&event()).unwrap().replace(r#""v":1"#, r#""v":2"#);
        assert!(serde_json::from_str::<InboundEvent>(&json).unwrap_err().to_string().contains("version 2"));
    }

    #[test]
    fn raw_bytes_that_are_not_json_survive() {
        for raw in [&b"\xff\xfe"[..], b"\"\\ud83d\"", b"[1e999]"] {
            let broken = InboundEvent { raw: Bytes::from_static(raw), ..event() };
            let json = serde_json::to_string(&broken).unwrap();
            assert_eq!(serde_json::from_str::<InboundEvent>(&json).unwrap().raw, broken.raw);
            assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "any reader takes it");
        }
    }
}
