//! What a provider told us.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{Content, Identity, Party, ProviderError, RawJson, Status};
use crate::{
    channel::Channel,
    hex::hex,
    ids::{ConversationId, ProviderMessageId, StrategyName, TenantId},
};

super::masked!(MessageEvent, Referral, AccountUpdate, Call);

/// What a provider told us. In JSON the kind stands in `type`.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// Somebody wrote to us.
    Message(MessageEvent),
    /// Somebody changed a message.
    Edited {
        /// The message.
        target: String,
        /// What it says now.
        content: Content,
    },
    /// Somebody took a message back.
    Deleted {
        /// The message.
        target: String,
    },
    /// A message that went out by another way: another app, the phone itself. Not inbound: answering one makes a loop.
    Echo(MessageEvent),
    /// News of a message of ours.
    Status(Status),
    /// Somebody types.
    Typing,
    /// Somebody read our messages.
    Read {
        /// Up to and including this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
    },
    /// Somebody came or went.
    Presence(Presence),
    /// News of a template.
    Template(TemplateUpdate),
    /// News of the account, the number, or anything else that the tenant owns at the provider.
    Account(AccountUpdate),
    /// A spoken call.
    Call(Call),
    /// Somebody wants messages.
    OptIn(Preference),
    /// Somebody wants no more messages.
    OptOut(Preference),
    /// A conversation changed hands or ended.
    Session(SessionEvent),
    /// A kind we do not know; the raw JSON holds it.
    Unknown {
        /// The provider's word for the kind.
        provider_type: String,
    },
}

impl Event {
    /// The kind, as it stands in `type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::Edited { .. } => "edited",
            Self::Deleted { .. } => "deleted",
            Self::Echo(_) => "echo",
            Self::Status(_) => "status",
            Self::Typing => "typing",
            Self::Read { .. } => "read",
            Self::Presence(_) => "presence",
            Self::Template(_) => "template",
            Self::Account(_) => "account",
            Self::Call(_) => "call",
            Self::OptIn(_) => "opt_in",
            Self::OptOut(_) => "opt_out",
            Self::Session(_) => "session",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// A message with content and nothing else.
    pub fn message(content: Content) -> Self {
        Self::Message(MessageEvent::new(content))
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event({})", self.kind())
    }
}

/// A message that arrived, or an echo of one that went out.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct MessageEvent {
    /// What it says.
    pub content: Content,
    /// What it refers to.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    pub context: Context,
}

impl MessageEvent {
    /// A message without context.
    pub fn new(content: Content) -> Self {
        Self { content, context: Context::default() }
    }
}

/// What a message refers to.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Context {
    /// The message it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Who wrote the message it answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reply_to_from: Vec<Identity>,
    /// Whether it was passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<Forwarded>,
    /// What the answered message said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quoted: Option<Box<Content>>,
    /// The group it was written in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The advertisement or post that led here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referral: Option<Referral>,
    /// The product it asks about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<super::ProductItem>,
    /// The catalogue of that product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalog: Option<String>,
    /// Another application owns the conversation: read, do not answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub standby: bool,
    /// Part of an older conversation that was handed over, not a new message.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub history: bool,
    /// What went wrong with the message, in the provider's errors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProviderError>,
}

impl Context {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How often a message was passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Forwarded {
    /// At least once.
    Once,
    /// Many times.
    Many,
}

/// The advertisement or post that led somebody here.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Referral {
    /// `ad` or `post`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_type: Option<String>,
    /// The advertisement's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// Where it can be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_url: Option<String>,
    /// Its headline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headline: Option<String>,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The id of the click.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub click_id: Option<String>,
    /// Everything the provider says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
}

/// Somebody came or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Presence {
    /// In the provider's word.
    pub state: String,
}

impl Presence {
    /// A presence in the provider's word.
    pub fn new(state: impl Into<String>) -> Self {
        Self { state: state.into() }
    }
}

/// News of a template.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct TemplateUpdate {
    /// What changed: `status`, `quality`, `category`, `components`.
    pub aspect: String,
    /// The template's id at the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_id: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// What it is now, in the provider's word (`APPROVED`, `RED`, `MARKETING`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Everything the provider says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
}

/// News of something the tenant owns at the provider.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct AccountUpdate {
    /// What it is about, in the provider's word (`account_update`, `phone_number_quality_update`).
    pub field: String,
    /// What happened, in the provider's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Errors the provider names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProviderError>,
    /// Everything the provider says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
}

/// A spoken call.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Call {
    /// The provider's id of the call.
    pub id: String,
    /// What happened, in the provider's word (`connect`, `terminate`, `RINGING`).
    pub event: String,
    /// Who started it, in the provider's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// How it ended, in the provider's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// How long it was, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The session description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<RawJson>,
    /// The reference the provider echoes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Everything the provider says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
}

/// What somebody wants or no longer wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Preference {
    /// Of which messages, in the provider's word (`marketing_messages`).
    pub scope: String,
    /// The provider's own word for the choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The provider's explanation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Preference {
    /// A choice about a kind of message.
    pub fn new(scope: impl Into<String>) -> Self {
        Self { scope: scope.into(), value: None, detail: None }
    }
}

/// How a conversation changed hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SessionChange {
    /// It began.
    Started,
    /// Somebody joined it.
    Joined,
    /// Somebody left it.
    Left,
    /// It was handed to somebody else.
    Transferred,
    /// It ended.
    Ended,
}

/// A conversation changed hands or ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct SessionEvent {
    /// What happened.
    pub change: SessionChange,
    /// Who did it, in the provider's word for the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Who had it before, in the provider's word for the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_role: Option<String>,
    /// Everything the provider says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<RawJson>,
}

impl SessionEvent {
    /// A change.
    pub fn new(change: SessionChange) -> Self {
        Self { change, role: None, previous_role: None, data: None }
    }
}

/// What makes a redelivered event recognisable: 16 bytes of SHA-256 over tenant, strategy and the strategy's own key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DedupeKey([u8; 16]);

impl DedupeKey {
    /// The key of an event of a tenant and strategy.
    pub fn of(tenant: &TenantId, strategy: &StrategyName, key: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [tenant.as_str(), strategy.as_str(), key] {
            // Each part carries its length, so that no two different triples look alike.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut key = [0; 16];
        key.copy_from_slice(&hash.finalize()[..16]);
        Self(key)
    }

    /// The id of the event, derived from the key, so that a redelivery has the same id (a UUID of version 8).
    pub fn event_id(&self) -> String {
        let mut bytes = self.0;
        bytes[6] = (bytes[6] & 0x0f) | 0x80;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex = hex(&bytes);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

impl fmt::Display for DedupeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for DedupeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DedupeKey({self})")
    }
}

impl Serialize for DedupeKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DedupeKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let byte = |i: usize| text.get(2 * i..2 * i + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let mut key = [0; 16];
        for (i, slot) in key.iter_mut().enumerate() {
            *slot = byte(i).ok_or_else(|| serde::de::Error::custom("a dedupe key is 32 hex digits"))?;
        }
        if text.len() == 32 { Ok(Self(key)) } else { Err(serde::de::Error::custom("a dedupe key is 32 hex digits")) }
    }
}

impl schemars::JsonSchema for DedupeKey {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DedupeKey".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{32}$" })
    }
}

/// An event, stamped with whose it is and when it came.
///
/// In JSON the envelope is flat: the event's own members stand beside `id`, `tenant`, `raw` and the others.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "Wire", try_from = "Wire")]
#[non_exhaustive]
pub struct InboundEvent {
    /// Ours; the same for a redelivery of the same event.
    pub id: String,
    /// Whose event it is.
    pub tenant: TenantId,
    /// The registered name of the strategy that received it.
    pub strategy: StrategyName,
    /// The channel.
    pub channel: Channel,
    /// When it happened, in milliseconds UTC on the provider's clock.
    pub occurred_at_ms: Option<i64>,
    /// When we received it, in milliseconds UTC.
    pub received_at_ms: i64,
    /// What makes a redelivery recognisable.
    pub dedupe_key: DedupeKey,
    /// Who caused it.
    pub from: Party,
    /// Whom it was meant for.
    pub to: Vec<Party>,
    /// The conversation it belongs to.
    pub conversation: Option<ConversationId>,
    /// The provider's ids of it.
    pub provider_ids: Vec<ProviderMessageId>,
    /// What happened.
    pub event: Event,
    /// The exact slice of the provider's payload.
    pub raw: Bytes,
}

impl fmt::Debug for InboundEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundEvent")
            .field("id", &self.id)
            .field("tenant", &self.tenant)
            .field("strategy", &self.strategy)
            .field("event", &self.event)
            .field("raw_bytes", &self.raw.len())
            .finish_non_exhaustive()
    }
}

/// The version of the event's JSON form.
const VERSION: u32 = 1;

/// The flat JSON form.
#[derive(Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "InboundEvent")]
struct Wire {
    v: u32,
    #[serde(flatten)]
    event: Event,
    id: String,
    tenant: TenantId,
    strategy: StrategyName,
    channel: Channel,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    occurred_at_ms: Option<i64>,
    received_at_ms: i64,
    dedupe_key: DedupeKey,
    #[serde(default, skip_serializing_if = "is_nobody")]
    from: Option<Party>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    to: Vec<Party>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conversation: Option<ConversationId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    provider_ids: Vec<ProviderMessageId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    raw: Option<Box<RawValue>>,
    /// Where the raw bytes are not JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    raw_base64: Option<String>,
}

#[allow(clippy::ref_option)] // serde asks with a reference to the field
fn is_nobody(party: &Option<Party>) -> bool {
    party.is_none()
}

/// Raw bytes as JSON where they are JSON, else as base64.
fn raw_parts(raw: &Bytes) -> (Option<Box<RawValue>>, Option<String>) {
    match serde_json::from_slice::<Box<RawValue>>(raw) {
        Ok(value) => (Some(value), None),
        Err(_) if raw.is_empty() => (None, None),
        Err(_) => (None, Some(STANDARD.encode(raw))),
    }
}

impl From<InboundEvent> for Wire {
    fn from(event: InboundEvent) -> Self {
        let (raw, raw_base64) = raw_parts(&event.raw);
        Self {
            v: VERSION,
            event: event.event,
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
            provider_ids: event.provider_ids,
            raw,
            raw_base64,
        }
    }
}

impl TryFrom<Wire> for InboundEvent {
    type Error = String;

    fn try_from(wire: Wire) -> Result<Self, String> {
        if wire.v != VERSION {
            return Err(format!("event version {} is not known, this build reads {VERSION}", wire.v));
        }
        let raw = match (wire.raw, wire.raw_base64) {
            (Some(raw), _) => Bytes::copy_from_slice(raw.get().as_bytes()),
            (None, Some(text)) => STANDARD.decode(text).map_err(|_| "raw_base64 is not base64".to_owned())?.into(),
            (None, None) => Bytes::new(),
        };
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
            provider_ids: wire.provider_ids,
            event: wire.event,
            raw,
        })
    }
}

impl schemars::JsonSchema for InboundEvent {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "InboundEvent".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Wire::json_schema(generator)
    }
}

/// One element of a payload that could not be read. Its neighbours are not touched.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ElementError {
    /// JSON pointer to the element.
    pub path: String,
    /// What is wrong with it.
    pub reason: &'static str,
    /// The exact slice of the payload.
    pub raw: Bytes,
}

impl ElementError {
    /// An element that could not be read.
    pub fn new(path: impl Into<String>, reason: &'static str, raw: Bytes) -> Self {
        Self { path: path.into(), reason, raw }
    }
}

impl fmt::Debug for ElementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ElementError")
            .field("path", &self.path)
            .field("reason", &self.reason)
            .field("raw_bytes", &self.raw.len())
            .finish_non_exhaustive()
    }
}

impl Serialize for ElementError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form<'a> {
            v: u32,
            r#type: &'static str,
            path: &'a str,
            reason: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            raw: Option<Box<RawValue>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            raw_base64: Option<String>,
        }
        let (raw, raw_base64) = raw_parts(&self.raw);
        Form { v: VERSION, r#type: "element_error", path: &self.path, reason: self.reason, raw, raw_base64 }.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            provider_ids: vec![ProviderMessageId::new("wamid.1").unwrap()],
            event: Event::message(Content::text("hi")),
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
    fn an_unknown_version_is_refused() {
        let json = serde_json::to_string(&event()).unwrap().replace(r#""v":1"#, r#""v":2"#);
        assert!(serde_json::from_str::<InboundEvent>(&json).unwrap_err().to_string().contains("version 2"));
    }

    #[test]
    fn raw_bytes_that_are_not_json_survive() {
        let mut broken = event();
        broken.raw = Bytes::from_static(b"\xff\xfe");
        let json = serde_json::to_string(&broken).unwrap();
        assert_eq!(serde_json::from_str::<InboundEvent>(&json).unwrap().raw, broken.raw);
    }

    #[test]
    fn parts_of_a_dedupe_key_cannot_be_shifted() {
        let key = |tenant: &str, key: &str| DedupeKey::of(&TenantId::new(tenant).unwrap(), &StrategyName::new("s").unwrap(), key);
        assert_ne!(key("ab", "c"), key("a", "bc"));
        assert_eq!(key("a", "b").to_string().len(), 32);
    }
}
