//! The content of a message, by its type.

use std::borrow::Cow;

use zengine_connector::message::{
    InteractiveReply, Location, MediaKind, Money, Order, OrderItem, Reaction, ReplySource, System, Text, Unsupported,
};
use zengine_connector::{Content, Event};

use super::{contacts, interactive, media, messages::renamed, scope::Scope};
use crate::waba::json::{Object, ValueRef};
use crate::waba::problem;

/// The result of reading a message.
#[allow(clippy::large_enum_variant)] // lives for one call
pub(super) enum ReadContent {
    Content(Content),
    /// An event other than a message.
    Other(Box<Event>),
    /// An unknown type, or one whose object is missing.
    Unknown(String),
}

impl ReadContent {
    pub(super) fn other(event: Event) -> Self {
        Self::Other(Box::new(event))
    }
}

impl From<Content> for ReadContent {
    fn from(content: Content) -> Self {
        Self::Content(content)
    }
}

/// Types whose object is under the type's own name; if `type` is missing, the object decides.
#[rustfmt::skip]
const TYPES: &[&str] = &[
    "text", "image", "video", "audio", "voice", "document", "sticker", "location", "contacts", "button", "interactive", "order",
    "reaction", "system", "edit", "revoke", "unsupported",
];

/// The type of a message.
pub(super) fn kind<'a>(obj: &Object<'a>) -> Result<Cow<'a, str>, &'static str> {
    match obj.get("type") {
        Some(raw) => raw.string().ok_or("the type is not a string"),
        None => Ok(TYPES.iter().find(|name| obj.get(name).is_some()).map_or(Cow::Borrowed("message"), |name| Cow::Borrowed(*name))),
    }
}

/// Reads the content of a message.
pub(super) fn read(scope: &Scope<'_>, kind: &str, obj: &Object<'_>, alone: bool) -> ReadContent {
    if let Some(said) = known(kind, obj) {
        return said;
    }
    // The object is missing; errors of the message, or beside it if it is the only one, say why.
    let mut errors = problem::all(obj);
    if errors.is_empty() && alone && TYPES.contains(&kind) {
        errors = scope.take_errors();
    }
    if errors.is_empty() || !TYPES.contains(&kind) && obj.get(kind).is_some() {
        return ReadContent::Unknown(kind.to_owned());
    }
    Content::Unsupported(Unsupported::new(Some(kind.to_owned()), errors)).into()
}

/// `None` if the type is unknown or its object cannot be read.
fn known(kind: &str, obj: &Object<'_>) -> Option<ReadContent> {
    let part = || obj.object(kind);
    Some(match kind {
        "edit" => return edit(&part()?),
        "revoke" => ReadContent::other(Event::Deleted { target: part()?.owned_text("original_message_id")? }),
        "interactive" => return interactive::reply(obj.get(kind)?),
        _ => plain(kind, obj)?.into(),
    })
}

/// Types that are content and nothing else.
fn plain(kind: &str, obj: &Object<'_>) -> Option<Content> {
    let part = || obj.object(kind);
    Some(match kind {
        "text" => text(&part()?),
        "image" => Content::Media(media::read(MediaKind::Image, &part()?)?),
        "video" => Content::Media(media::read(MediaKind::Video, &part()?)?),
        "audio" | "voice" => {
            let mut audio = media::read(MediaKind::Audio, &part()?)?;
            audio.voice |= kind == "voice";
            Content::Media(audio)
        }
        "document" => Content::Media(media::read(MediaKind::Document, &part()?)?),
        "sticker" => Content::Media(media::read(MediaKind::Sticker, &part()?)?),
        "location" => Content::Location(location(&part()?)?),
        "contacts" => Content::Contacts(contacts::read(obj)?),
        "button" => button(&part()?)?,
        "order" => Content::Order(order(&part()?)),
        "reaction" => {
            let part = part()?;
            Content::Reaction(Reaction::new(part.owned_text("message_id")?, part.owned_text("emoji")))
        }
        "system" => Content::System(system(obj)),
        // The person opened the chat for the first time: not a conversation that changed hands, but the first thing said.
        "request_welcome" => Content::System(System::new(kind)),
        "unsupported" | "unknown" | "media_placeholder" => {
            let word = part().and_then(|part| part.owned_text("type"));
            let word = word.or_else(|| (kind == "media_placeholder").then(|| kind.to_owned()));
            Content::Unsupported(Unsupported::new(word, problem::all(obj)))
        }
        _ => return None,
    })
}

fn text(part: &Object<'_>) -> Content {
    let mut text = Text::new(part.string("body").unwrap_or_default());
    text.preview_url = part.boolean("preview_url");
    Content::Text(text)
}

fn location(part: &Object<'_>) -> Option<Location> {
    let mut location = Location::new(part.number("latitude")?, part.number("longitude")?);
    location.accuracy_m = part.number("accuracy");
    members!(location, part.owned_text: name, address, url);
    Some(location)
}

/// A tap on a quick-reply button of a template.
fn button(part: &Object<'_>) -> Option<Content> {
    let title = part.owned_text("text");
    let mut reply = InteractiveReply::new(part.owned_text("payload").or_else(|| title.clone())?, ReplySource::Quick);
    reply.title = title;
    Some(Content::InteractiveReply(reply))
}

fn order(part: &Object<'_>) -> Order {
    let mut order = Order::default();
    order.catalog = part.owned_text("catalog_id");
    order.text = part.owned_text("text");
    order.items = part
        .elements("product_items")
        .filter_map(ValueRef::object)
        .map(|item| {
            let currency = item.text("currency");
            let price = item.text("item_price").map(|price| Money::parse(price.trim(), currency.as_deref()));
            // Where the number cannot be read, zero shows it; the raw JSON has what stood there.
            let quantity = item.integer("quantity").and_then(|quantity| u32::try_from(quantity).ok()).unwrap_or(0);
            OrderItem::new(item.owned_text("product_retailer_id").unwrap_or_default(), quantity, price)
        })
        .collect();
    order
}

fn system(message: &Object<'_>) -> System {
    let part = message.object("system").unwrap_or_default();
    let mut system = System::new(part.owned_text("type").unwrap_or_else(|| "system".to_owned()));
    system.body = part.owned_text("body");
    (system.previous, system.current) = renamed(message, &part);
    system
}

fn edit(part: &Object<'_>) -> Option<ReadContent> {
    let target = part.owned_text("original_message_id")?;
    let message = part.object("message")?;
    let kind = kind(&message).ok()?;
    let content = match known(&kind, &message) {
        Some(ReadContent::Content(content)) => content,
        _ => Content::Unknown { provider_type: kind.into_owned() },
    };
    Some(ReadContent::other(Event::Edited { target, content }))
}
