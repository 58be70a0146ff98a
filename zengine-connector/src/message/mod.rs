//! The canonical model: what is sent, what arrives, and what becomes of a message, in one vocabulary for every channel.
//!
//! | room | what stands there |
//! |---|---|
//! | [`OutboundMessage`] | one message on its way out |
//! | [`Content`] and its kinds | what a message says, in both directions |
//! | [`Event`], [`InboundEvent`] | what a provider told us |
//! | [`Status`], [`State`], [`merge`] | what became of a message, and how late news is told from fresh |
//! | [`Party`], [`Identity`] | people, with several typed names each |
//! | [`Degrade`], [`LossReport`] | a message turned into what a poorer channel can show |
//! | [`Channel`], [`Capabilities`] | what a channel can carry, as data |
//! | [`Checker`] | what is wrong with a message or configuration, all of it at once |
//!
//! In JSON everything is tagged by `type`, in snake case, with times as integer milliseconds UTC (`…_ms`). What is not
//! understood is kept: unknown types become `unknown` with their raw JSON, never an error.

/// `Debug` that names the type and nothing of its content: messages are personal data.
macro_rules! masked {
    ($($name:ty),* $(,)?) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(***)"))
            }
        }
    )*};
}
pub(crate) use masked;

mod address;
pub(crate) mod base64_bytes;
mod canonical;
mod channel;
mod content;
mod degrade;
mod event;
mod interactive;
mod media;
mod outbound;
mod raw;
mod receipt;
mod reference;
mod status;
mod template;
mod validate;

pub use address::{Identity, IdentityKind, Party};
pub use channel::{ButtonRules, Capabilities, Channel, Length, ListRules, MediaRule, Unit};
pub use content::{
    ContactCard, ContactName, Contacts, Content, Email, EmailAttachment, FlowReply, InteractiveReply, LabelledValue, Location, Money,
    Order, OrderItem, Organization, PostalAddress, Reaction, ReplySource, System, Text, TextFormat, Unsupported,
};
pub use degrade::{Degrade, Loss, LossReport};
pub use event::{
    AccountUpdate, Call, Context, DedupeKey, ElementError, Event, Forwarded, InboundEvent, Preference, Presence, Referral, SessionChange,
    SessionEvent, TemplateUpdate,
};
pub use interactive::{
    Button, CallPermissionRequest, Carousel, CarouselCard, Catalog, CtaUrl, Flow, Header, Interactive, ListRow, ListSection, ProductItem,
    ProductSection,
};
pub use media::{Media, MediaKind, MediaSource};
pub use outbound::{Effect, Idempotency, Message, Never, OutboundMessage};
pub use raw::RawJson;
pub use receipt::Receipt;
pub use reference::MessageRef;
pub(crate) use reference::Prepared;
pub use status::{Cost, ProviderError, State, Status, Transition, merge};
pub use template::{Template, TemplateCard, TemplateComponent, TemplateParameter};
pub use validate::Checker;
