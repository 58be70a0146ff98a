//! Canonical message to the body of `POST /messages`. Pure.
//!
//! Meta's limits are checked here as far as the core's [`Capabilities`](zengine_connector::message::Capabilities) cannot express
//! them; every violation is found in one pass, and none repeats the message's content.

mod carousel;
mod cx;
mod interactive;
mod media;
mod native;
mod plain;
mod recipient;
mod template;

use serde_json::{Map, Value, json};
use zengine_connector::error::Violation;
use zengine_connector::message::{Media, MediaSource};
use zengine_connector::{Content, OutboundMessage};

pub(crate) use cx::Rules;
use cx::{Cx, Object};
use recipient::Recipient;

/// Maximum length of the reference that Meta echoes, in characters.
const MAX_REFERENCE: usize = 512;

/// The request to post.
#[derive(Debug, PartialEq)]
pub(crate) struct Request<'m> {
    /// The JSON body.
    pub(crate) body: Value,
    /// Whether the answer names a message; read marks and typing notices have none.
    pub(crate) numbered: bool,
    /// The file that must be stored at Meta first; its id then goes into the body.
    pub(crate) upload: Option<&'m Media>,
}

/// The mapped content.
enum Part {
    /// The object of a message type.
    Typed { kind: &'static str, object: Value },
    /// Keys beside the envelope's.
    Native(Map<String, Value>),
    /// A read mark, perhaps with a typing notice.
    Mark { target: String, typing: bool },
}

/// The violations in a message that the core's capabilities do not express.
pub(crate) fn check(message: &OutboundMessage, rules: Rules) -> Result<(), Vec<Violation>> {
    let mut cx = Cx::new(rules);
    part(message, recipient(message).as_ref(), &mut cx);
    cx.check.finish()
}

/// The request of a message. Meta echoes `reference` in the message's statuses.
pub(crate) fn request<'m>(message: &'m OutboundMessage, rules: Rules, reference: &str) -> Result<Request<'m>, Vec<Violation>> {
    let recipient = recipient(message);
    let mut cx = Cx::new(rules);
    let part = part(message, recipient.as_ref(), &mut cx);
    cx.check.rule("reference.length").count("/client_message_id", reference.chars().count(), 0, MAX_REFERENCE as u64);
    cx.check.without_warnings().finish()?;
    if let Some(Part::Mark { target, typing }) = part {
        let mut body = Object::new().with("messaging_product", "whatsapp").with("status", "read").with("message_id", target);
        if typing {
            body.put("typing_indicator", json!({"type": "text"}));
        }
        return Ok(Request { body: body.into(), numbered: false, upload: None });
    }
    let mut body = Object::new().with("messaging_product", "whatsapp");
    // Without a violation there are both; nothing is posted if that ever breaks.
    let (Some(part), Some(recipient)) = (part, recipient) else { return Err(vec![]) };
    let key = recipient::identity_key(&message.to).filter(|_| rules.check_identity_key && !matches!(recipient, Recipient::Group(_)));
    recipient.write(&mut body);
    if let Some(key) = key {
        body.put("recipient_identity_key_hash", key);
    }
    match part {
        Part::Typed { kind, object } => {
            body.put("type", kind);
            body.put(kind, object);
        }
        Part::Native(members) => body.extend(members),
        Part::Mark { .. } => {}
    }
    if let Some(quoted) = &message.reply_to {
        body.put("context", json!({"message_id": quoted}));
    }
    if !reference.is_empty() {
        body.put("biz_opaque_callback_data", reference);
    }
    let upload = match &message.content {
        Content::Media(item) if matches!(item.source, MediaSource::Inline { .. }) => Some(item),
        _ => None,
    };
    Ok(Request { body: body.into(), numbered: true, upload })
}

/// The recipient of a message.
fn recipient(message: &OutboundMessage) -> Option<Recipient> {
    match &message.content {
        Content::Template(item) if template::one_time_code(item).is_some() => Recipient::number_first(&message.to),
        _ => Recipient::of(&message.to),
    }
}

fn part(message: &OutboundMessage, recipient: Option<&Recipient>, cx: &mut Cx) -> Option<Part> {
    let at = "/content";
    // A mark names its message and needs nobody to go to.
    let mark = matches!(message.content, Content::ReadMark { .. } | Content::Typing { .. });
    let missing = if recipient::lacks_plus(&message.to) {
        "a phone number begins with + and its country code"
    } else {
        "holds no phone number, WhatsApp id, business-scoped id or group"
    };
    cx.require("recipient.unsupported", mark || recipient.is_some(), "/to", missing);
    if let Some(quoted) = &message.reply_to {
        cx.id("/reply_to", quoted);
    }
    if matches!(recipient, Some(Recipient::Group(_))) {
        let carried = match &message.content {
            Content::Text(_) | Content::Media(_) | Content::Template(_) | Content::Native { .. } | Content::ReadMark { .. } => true,
            Content::Typing { .. } => cx.rules.group_typing,
            _ => false,
        };
        cx.require("group.unsupported", carried, at, "groups do not take this kind of message");
    }
    if matches!(recipient, Some(Recipient::User(_))) {
        let code = match &message.content {
            Content::Template(item) => template::one_time_code(item).is_some() && !cx.rules.one_time_codes_to_user_ids,
            Content::Native { value } => native::is_authentication(value),
            _ => false,
        };
        cx.require("one_time_code.recipient", !code, at, "a one-time code needs a phone number, not a business-scoped id");
    }
    let typed = |kind: &'static str, object: Value| Some(Part::Typed { kind, object });
    match &message.content {
        Content::Text(text) => typed("text", plain::text(cx, text)),
        Content::Media(item) => typed(item.kind.as_str(), media::message(cx, at, item)),
        Content::Location(place) => typed("location", plain::location(place)),
        Content::Contacts(cards) => typed("contacts", plain::contacts(cx, at, cards)),
        Content::Reaction(reaction) => {
            cx.require("reaction.quote", message.reply_to.is_none(), "/reply_to", "a reaction cannot quote a message");
            typed("reaction", plain::reaction(cx, at, reaction))
        }
        Content::Interactive(item) => typed("interactive", interactive::message(cx, at, item)),
        Content::Template(item) => typed("template", template::message(cx, at, item)),
        Content::ReadMark { target } => {
            cx.id("/content/target", target);
            cx.require("read_mark.quote", message.reply_to.is_none(), "/reply_to", "a read mark cannot quote a message");
            Some(Part::Mark { target: target.clone(), typing: false })
        }
        Content::Typing { target } => typing(cx, target.as_deref(), message.reply_to.as_deref()),
        Content::Native { value } => Some(Part::Native(native::members(cx, at, value, message.reply_to.is_some()))),
        _ => {
            cx.check.rule("content.unsupported").add(at, "WhatsApp does not carry this content");
            None
        }
    }
}

/// A typing notice. It answers an inbound message, named by the notice or by the message's `reply_to`.
fn typing(cx: &mut Cx, target: Option<&str>, reply_to: Option<&str>) -> Option<Part> {
    match (target, reply_to) {
        (Some(target), Some(other)) if target != other => {
            cx.check.rule("typing.target").add("/reply_to", "names another message than the typing notice");
        }
        (None, None) => cx.check.rule("typing.target").add("/content/target", "a typing notice needs the inbound message that it answers"),
        (Some(target), _) => cx.id("/content/target", target),
        (None, Some(_)) => {}
    }
    Some(Part::Mark { target: target.or(reply_to)?.to_owned(), typing: true })
}
