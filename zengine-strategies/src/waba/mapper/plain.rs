//! Text, places, contact cards, reactions.

use serde_json::{Value, json};
use zengine_connector::message::{ContactCard, Contacts, LabelledValue, Location, PostalAddress, Reaction, Text};

use super::cx::{Cx, Object, is_control};

pub(super) fn text(cx: &mut Cx, text: &Text) -> Value {
    cx.words("/content/body", &text.body);
    Object::new().with("body", text.body.as_str()).with_some("preview_url", text.preview_url).into()
}

/// A location. WhatsApp's has no accuracy and no web page.
pub(super) fn location(place: &Location) -> Value {
    let object = texts(&[("name", &place.name), ("address", &place.address)]);
    object.with("latitude", place.latitude).with("longitude", place.longitude).into()
}

/// An object of optional texts, without those that are absent or show nothing. Cards and places come as other people filled them
/// in, and can be sent on: a control character becomes a space.
fn texts(texts: &[(&str, &Option<String>)]) -> Object {
    texts.iter().fold(Object::new(), |object, (key, text)| {
        let text = text.as_deref().map(|text| text.replace(is_control, " ")).filter(|text| !text.trim().is_empty());
        object.with_some(key, text)
    })
}

/// A reaction; an empty emoji removes it.
pub(super) fn reaction(cx: &mut Cx, at: &str, reaction: &Reaction) -> Value {
    cx.id(format!("{at}/target"), &reaction.target);
    if let Some(emoji) = &reaction.emoji {
        cx.single(&format!("{at}/emoji"), emoji);
        // The longest emoji in use, a family of joined people with skin colours, has some 15 characters.
        let looks = emoji.chars().count() <= 32 && !emoji.chars().any(|c| c.is_ascii_alphabetic() || c.is_whitespace());
        cx.require("reaction.emoji", looks, format!("{at}/emoji"), "must be one emoji");
    }
    json!({"message_id": reaction.target, "emoji": reaction.emoji.as_deref().unwrap_or_default()})
}

pub(super) fn contacts(cx: &mut Cx, at: &str, contacts: &Contacts) -> Value {
    contacts.contacts.iter().enumerate().map(|(i, card)| contact(cx, &format!("{at}/contacts/{i}"), card)).collect()
}

fn contact(cx: &mut Cx, at: &str, card: &ContactCard) -> Value {
    let name = &card.name;
    if let Some(birthday) = &card.birthday {
        cx.require("contacts.birthday", is_date(birthday), format!("{at}/birthday"), "must be YYYY-MM-DD");
    }
    let parts = [
        ("first_name", &name.first_name),
        ("last_name", &name.last_name),
        ("middle_name", &name.middle_name),
        ("prefix", &name.prefix),
        ("suffix", &name.suffix),
    ];
    let mut name = texts(&parts);
    let whole = card.display_name().unwrap_or_default();
    cx.words(&format!("{at}/name/formatted_name"), &whole);
    if cx.rules.fill_contact_first_name && name.is_empty() {
        name.put("first_name", whole.as_str());
    }
    let org = card
        .org
        .as_ref()
        .map(|org| texts(&[("company", &org.company), ("department", &org.department), ("title", &org.title)]))
        .filter(|org| !org.is_empty());
    Object::new()
        .with("name", name.with("formatted_name", whole))
        .with_some("phones", list(cx, &format!("{at}/phones"), &card.phones, |cx, at, phone| labelled(cx, at, "phone", phone)))
        .with_some("emails", list(cx, &format!("{at}/emails"), &card.emails, |cx, at, email| labelled(cx, at, "email", email)))
        .with_some("urls", list(cx, &format!("{at}/urls"), &card.urls, |cx, at, url| labelled(cx, at, "url", url)))
        .with_some("addresses", list(cx, &format!("{at}/addresses"), &card.addresses, |_, _, place| address(place)))
        .with_some("org", org)
        .with_text("birthday", card.birthday.as_deref())
        .into()
}

fn list<T>(cx: &mut Cx, at: &str, items: &[T], each: impl Fn(&mut Cx, &str, &T) -> Object) -> Option<Value> {
    let all = items.iter().enumerate().map(|(i, item)| each(cx, &format!("{at}/{i}"), item));
    let all: Vec<Value> = all.filter(|object| !object.is_empty()).map(Value::from).collect();
    (!all.is_empty()).then(|| all.into())
}

fn labelled(cx: &mut Cx, at: &str, key: &str, entry: &LabelledValue) -> Object {
    let object = texts(&[("type", &entry.label)]);
    // Only a phone has one; without it the recipient is offered to invite the person.
    let wa_id = entry.wa_id.as_deref().filter(|id| key == "phone" && !id.trim().is_empty());
    let object = object.with_some("wa_id", wa_id);
    if wa_id.is_some() && entry.value.trim().is_empty() {
        return object;
    }
    cx.require("contacts.value", !entry.value.is_empty(), format!("{at}/value"), "must not be empty");
    cx.words(&format!("{at}/value"), &entry.value);
    object.with(key, entry.value.as_str())
}

fn address(address: &PostalAddress) -> Object {
    let parts = [
        ("street", &address.street),
        ("city", &address.city),
        ("state", &address.state),
        ("zip", &address.zip),
        ("country", &address.country),
        ("country_code", &address.country_code),
        ("type", &address.label),
    ];
    texts(&parts)
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut next = |len: usize, max: u32| {
        let part = parts.next().filter(|part| part.len() == len && part.bytes().all(|b| b.is_ascii_digit()));
        part.and_then(|part| part.parse::<u32>().ok()).is_some_and(|n| (1..=max).contains(&n))
    };
    next(4, 9999) && next(2, 12) && next(2, 31) && parts.next().is_none()
}
