//! The canonical model: outbound messages, inbound events and statuses, in one vocabulary for every channel.
//!
//! | type | purpose |
//! |---|---|
//! | [`OutboundMessage`] | one outbound message |
//! | [`Content`] and its kinds | the content of a message, in both directions |
//! | [`Event`], [`InboundEvent`] | one inbound event, and the same with its envelope |
//! | [`Opening`] | what the first message of a conversation tells beside its content |
//! | [`Status`], [`Standing`], [`merge`] | the status of a message, and the order in which its states count |
//! | [`Party`], [`Identity`] | people and groups, with several typed identities each |
//! | [`Participant`], [`Role`] | people and programs in a conversation, such as an agent or a bot |
//! | [`SessionEvent`], [`SessionNotice`] | a change of a conversation, inbound and outbound |
//! | [`Degrade`], [`LossReport`] | a message adapted to a channel with fewer features |
//! | [`Email`], [`Mailbox`], [`EmailRules`] | an e-mail, its addresses with names, and what a channel takes of it |
//! | [`Channel`], [`Capabilities`] | a channel and its features, as data |
//! | [`Checker`] | all violations in a message or configuration at once |
//!
//! In JSON everything is tagged by `type`, in snake case, with times as integer milliseconds UTC (`…_ms`). Unknown types
//! are kept: they become `unknown` with their raw JSON, never an error.

mod address;
pub(crate) mod base64_bytes;
mod canonical;
mod capabilities;
mod channel;
mod checker;
mod content;
mod cost;
mod currency;
mod degrade;
mod email_rules;
mod event;
mod gsm7;
mod identity;
mod interactive;
mod length;
mod location;
mod mailbox;
mod media;
mod newer_word;
mod opening;
mod outbound;
mod participant;
mod party;
mod provider_error;
mod raw;
mod receipt;
mod reference;
mod session;
mod standing;
mod state;
mod status;
mod template;
mod traits;
mod validate;

pub use capabilities::{ButtonRules, Capabilities, ListRules, MediaRule};
pub use channel::Channel;
pub use checker::Checker;
pub use content::{
    Authored, Calendar, CalendarMethod, ContactCard, ContactName, Contacts, Content, Email, EmailAttachment, EmailThread, EmailTracking,
    FlowReply, InteractiveReply, LabelledValue, Money, Order, OrderItem, Organization, PostalAddress, Reaction, ReplySource, System, Text,
    TextFormat, Unsubscribe, Unsupported,
};
pub use cost::Cost;
pub use degrade::{Degrade, Loss, LossReport};
pub use email_rules::{EmailRules, TagRules};
pub(crate) use event::raw_from_parts;
pub use event::{
    AccountUpdate, Call, Context, DedupeKey, ElementError, Event, EventSource, Forwarded, InboundEvent, Preference, Presence, Referral,
    Reorder, TemplateUpdate,
};
pub use gsm7::{SmsEncoding, SmsParts};
pub use identity::{Identity, IdentityKind};
pub use interactive::{
    Button, CallPermissionRequest, Carousel, CarouselCard, Catalog, CtaUrl, Flow, Header, Interactive, ListRow, ListSection, ProductItem,
    ProductSection,
};
pub use length::{Length, Unit};
pub use location::Location;
pub use mailbox::Mailbox;
pub(crate) use media::shown_mime;
pub use media::{Media, MediaKind, MediaSource, read_sha256};
pub use newer_word::NewerWord;
pub use opening::{Opening, PastMessage};
pub use outbound::OutboundMessage;
pub use participant::{Participant, Role};
pub use party::Party;
pub use provider_error::ProviderError;
pub use raw::RawJson;
pub use receipt::{Dropped, Receipt};
pub use reference::MessageRef;
pub(crate) use reference::Prepared;
pub use session::{EndReason, QueuePlace, SessionChange, SessionEnd, SessionEvent, SessionNotice};
pub use standing::{Standing, Transition, merge};
pub use state::State;
pub use status::{Failure, Feedback, RecipientClient, Status};
pub use template::{Template, TemplateCard, TemplateComponent, TemplateParameter};
pub use traits::{Class, Effect, Idempotency, Message, Never, Purpose};
