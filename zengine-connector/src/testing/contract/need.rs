//! Needs of a case that a fixture must meet.

use super::{inbound::Form, kit::Kit};
use crate::{message::Idempotency, strategy::Reply};

/// A need of a case. Some are observed in a successful attempt and a health check. A case with an unmet need is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Need {
    /// An outbound half.
    Outbound,
    /// A provider behind the wire: [`Outbound::provider`](super::Outbound::provider).
    Provider,
    /// Rows of the provider's error table.
    ErrorTable,
    /// A second kind of message: [`Outbound::also`](super::Outbound::also).
    MoreMessages,
    /// A message that is sent with a warning: [`Outbound::warned`](super::Outbound::warned).
    WarnedMessage,
    /// A message that the strategy refuses: [`Outbound::refused`](super::Outbound::refused).
    RefusedMessage,
    /// Pairs of messages and requests.
    OutboundPairs,
    /// Canonical messages, not the strategy's own type.
    Canonical,
    /// A provider that recognises an idempotency key.
    NativeIdempotency,
    /// A provider that has no idempotency.
    NoIdempotency,
    /// A provider that can be asked for a message by our key.
    Queryable,
    /// Sessions in a successful attempt.
    Sessions,
    /// A provider whose messages go through conversations: [`Outbound::conversations`](super::Outbound::conversations).
    Conversations,
    /// A message that ends a conversation: [`ConversationScript::ended_by`](super::ConversationScript::ended_by).
    ConversationEnds,
    /// Events of conversations: [`ConversationScript::event`](super::ConversationScript::event).
    ConversationEvents,
    /// A provider that names its messages.
    NamedMessages,
    /// Calls before the one that sends: a sign-in, an upload.
    PreparingCalls,
    /// A health check that calls the provider.
    ActiveHealth,
    /// A channel that carries text.
    Text,
    /// A channel that carries files.
    Media,
    /// The core's feature `schema-validation`.
    SchemaValidation,
    /// Secrets in the configuration.
    Secrets,
    /// An inbound half.
    Inbound,
    /// A header that authenticates requests.
    Signature,
    /// Webhooks in JSON.
    Json,
    /// Bodies of several elements.
    Batches,
    /// Bodies with elements of several tenants.
    Mixed,
    /// A handshake.
    Handshake,
    /// Elements of unknown types.
    UnknownTypes,
    /// Pairs of webhooks and events.
    InboundPairs,
    /// A channel that answers with the handlers' replies.
    Synchronous,
    /// Requests that fetch late replies: [`Inbound::polls`](super::Inbound::polls).
    Polls,
    /// Media that events name: [`Inbound::media`](super::Inbound::media).
    InboundMedia,
    /// Records of a queue: [`Inbound::records`](super::Inbound::records).
    Records,
    /// Both halves.
    BothHalves,
}

impl Need {
    /// A description of the need, for messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outbound => "an outbound half",
            Self::Provider => "a scripted provider",
            Self::ErrorTable => "rows of the provider's error table",
            Self::MoreMessages => "a message of another kind",
            Self::WarnedMessage => "a message that is sent with a warning",
            Self::RefusedMessage => "a message that the strategy's check refuses",
            Self::OutboundPairs => "a folder of pairs of messages and requests",
            Self::Canonical => "canonical messages",
            Self::NativeIdempotency => "a provider that recognises an idempotency key",
            Self::NoIdempotency => "a provider that has no idempotency",
            Self::Queryable => "a provider that can be asked for a message by our key",
            Self::Sessions => "sessions in a successful attempt",
            Self::Conversations => "a provider whose messages go through conversations",
            Self::ConversationEnds => "a message that ends a conversation",
            Self::ConversationEvents => "events of conversations",
            Self::NamedMessages => "a provider that names its messages",
            Self::PreparingCalls => "calls before the one that sends",
            Self::ActiveHealth => "a health check that calls the provider",
            Self::Text => "a channel that carries text",
            Self::Media => "a channel that carries files",
            Self::SchemaValidation => "the core's feature schema-validation",
            Self::Secrets => "secrets in the configuration",
            Self::Inbound => "an inbound half",
            Self::Signature => "a header that authenticates requests",
            Self::Json => "webhooks in JSON",
            Self::Batches => "bodies of several elements",
            Self::Mixed => "bodies with elements of several tenants",
            Self::Handshake => "a handshake",
            Self::UnknownTypes => "elements of unknown types",
            Self::InboundPairs => "a folder of pairs of webhooks and events",
            Self::Synchronous => "a channel that answers with the handlers' replies",
            Self::Polls => "requests that fetch late replies",
            Self::InboundMedia => "media that events name",
            Self::Records => "records of a queue",
            Self::BothHalves => "both halves",
        }
    }

    pub(crate) fn is_met(self, kit: &Kit) -> bool {
        let out = kit.outbound.as_ref().filter(|_| kit.descriptor.direction.outbound);
        let inbound = kit.inbound.as_ref().filter(|_| kit.descriptor.direction.inbound);
        let talks = out.filter(|out| out.provider.is_some()).and_then(|out| out.conversations.as_ref());
        match self {
            Self::Outbound => out.is_some(),
            Self::Provider => out.is_some_and(|out| out.provider.is_some()),
            Self::ErrorTable => out.is_some_and(|out| !out.error_table.is_empty() && out.provider.is_some()),
            Self::MoreMessages => out.is_some_and(|out| !out.more.is_empty() && out.provider.is_some()),
            Self::WarnedMessage => out.is_some_and(|out| out.warned.is_some() && out.provider.is_some()),
            Self::RefusedMessage => out.is_some_and(|out| out.refused.is_some() && out.provider.is_some()),
            Self::OutboundPairs => out.is_some_and(|out| out.pairs.is_some() && out.provider.is_some()),
            Self::Canonical => out.is_some() && kit.canonical,
            Self::NativeIdempotency => out.is_some() && matches!(kit.idempotency(0), Idempotency::Native { .. }),
            Self::NoIdempotency => out.is_some() && kit.idempotency(0) == Idempotency::None,
            Self::Queryable => out.is_some() && matches!(kit.idempotency(0), Idempotency::Queryable { .. }),
            Self::Sessions => kit.session_calls() > 0,
            Self::Conversations => talks.is_some(),
            Self::ConversationEnds => talks.is_some_and(|script| script.end.is_some()),
            Self::ConversationEvents => inbound.is_some() && talks.is_some_and(|script| script.event.is_some()),
            Self::NamedMessages => kit.names_messages(),
            Self::PreparingCalls => kit.calls_before() > 0,
            Self::ActiveHealth => kit.health_calls_provider(),
            Self::Text => kit.tables().iter().any(|(_, table)| table.text.is_some()),
            Self::Media => kit.tables().iter().any(|(_, table)| !table.media.is_empty()),
            Self::SchemaValidation => cfg!(feature = "schema-validation"),
            Self::Secrets => !kit.tenant(0).secrets.is_empty(),
            Self::Inbound => inbound.is_some(),
            Self::Signature => inbound.is_some_and(|inbound| !inbound.signatures.is_empty()),
            Self::Json => inbound.is_some_and(|inbound| matches!(inbound.form, Form::Json { .. })),
            Self::Batches => inbound.is_some_and(|inbound| inbound.batches),
            Self::Mixed => inbound.is_some_and(|inbound| inbound.mixed.is_some()),
            Self::Handshake => inbound.is_some_and(|inbound| inbound.handshake.is_some()),
            Self::UnknownTypes => inbound.is_some_and(|inbound| !inbound.unknown.is_empty()),
            Self::InboundPairs => inbound.is_some_and(|inbound| inbound.pairs.is_some()),
            Self::Synchronous => inbound.is_some() && matches!(kit.descriptor.reply, Reply::Synchronous { .. }),
            Self::Polls => inbound.is_some_and(|inbound| inbound.polls.is_some()),
            Self::InboundMedia => inbound.is_some_and(|inbound| inbound.media.is_some()),
            Self::Records => inbound.is_some_and(|inbound| inbound.records.is_some()),
            Self::BothHalves => out.is_some_and(|out| out.provider.is_some()) && inbound.is_some(),
        }
    }
}

/// The reason why a case did not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped(pub String);

impl Skipped {
    /// Creates the reason from a need that the fixture does not meet.
    pub fn needs(what: &str) -> Self {
        Self(format!("needs {what}"))
    }
}
