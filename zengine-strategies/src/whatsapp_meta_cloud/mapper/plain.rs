//! Text, places, contact cards, reactions.

use serde_json::{Value, json};
use zengine_connector::message::{ContactCard, Contacts, LabelledValue, Location, PostalAddress, Reaction, Text};

use super::cx::{Cx, Object};

pub(super) fn text(cx: &mut Cx, text: &Text) -> Value {
    cx.words("/content/body", &text.body);
    Object::new().with("body", text.body.as_str()).with_some("preview_url", text.preview_url).into()
}

/// A location. WhatsApp's has no accuracy and no web page.
pub(super) fn location(cx: &mut Cx, at: &str, place: &Location) -> Value {
    let object = texts(cx, at, &[("name", &place.name), ("address", &place.address)]);
    object.with("latitude", place.latitude).with("longitude", place.longitude).into()
}

/// An object of texts that people see, without those that are absent or empty.
fn texts(cx: &mut Cx, at: &str, texts: &[(&str, &Option<String>)]) -> Object {
    texts.iter().fold(Object::new(), |object, (key, text)| {
        if let Some(text) = text {
            cx.words(&format!("{at}/{key}"), text);
        }
        object.with_text(if *key == "label" { "type" } else { key }, text.as_deref())
    })
}

/// A reaction; an empty emoji removes it.
pub(super) fn reaction(cx: &mut Cx, at: &str, reaction: &Reaction) -> Value {
    cx.id(format!("{at}/target"), &reaction.target);
    if let Some(emoji) = &reaction.emoji {
        cx.single(&format!("{at}/emoji"), emoji);
        // The longest emoji in use, a family of joined people with skin colours, has some 15 characters.
        let looks = emoji.chars().count() <= 32 && !emoji.chars().any(|c| c.is_ascii_alphabetic() || c.is_whitespace());
        cx.check.require(looks, format!("{at}/emoji"), "must be one emoji");
    }
    json!({"message_id": reaction.target, "emoji": reaction.emoji.as_deref().unwrap_or_default()})
}

pub(super) fn contacts(cx: &mut Cx, at: &str, contacts: &Contacts) -> Value {
    contacts.contacts.iter().enumerate().map(|(i, card)| contact(cx, &format!("{at}/contacts/{i}"), card)).collect()
}

fn contact(cx: &mut Cx, at: &str, card: &ContactCard) -> Value {
    let name = &card.name;
    if let Some(birthday) = &card.birthday {
        cx.check.require(is_date(birthday), format!("{at}/birthday"), "must be YYYY-MM-DD");
    }
    let parts = [
        ("first_name", &name.first_name),
        ("last_name", &name.last_name),
        ("middle_name", &name.middle_name),
        ("prefix", &name.prefix),
        ("suffix", &name.suffix),
    ];
    let mut name = texts(cx, &format!("{at}/name"), &parts);
    let whole = card.display_name().unwrap_or_default();
    cx.words(&format!("{at}/name/formatted_name"), &whole);
    if cx.rules.fill_contact_first_name && parts.iter().all(|(_, part)| part.is_none()) {
        name.put("first_name", whole.as_str());
    }
    let org = card
        .org
        .as_ref()
        .map(|org| texts(cx, &format!("{at}/org"), &[("company", &org.company), ("department", &org.department), ("title", &org.title)]));
    Object::new()
        .with("name", name.with("formatted_name", whole))
        .with_some("phones", list(cx, &format!("{at}/phones"), &card.phones, |cx, at, phone| labelled(cx, at, "phone", phone)))
        .with_some("emails", list(cx, &format!("{at}/emails"), &card.emails, |cx, at, email| labelled(cx, at, "email", email)))
        .with_some("urls", list(cx, &format!("{at}/urls"), &card.urls, |cx, at, url| labelled(cx, at, "url", url)))
        .with_some("addresses", list(cx, &format!("{at}/addresses"), &card.addresses, address))
        .with_some("org", org)
        .with_text("birthday", card.birthday.as_deref())
        .into()
}

fn list<T>(cx: &mut Cx, at: &str, items: &[T], each: impl Fn(&mut Cx, &str, &T) -> Object) -> Option<Value> {
    let each = |(i, item)| Value::from(each(cx, &format!("{at}/{i}"), item));
    (!items.is_empty()).then(|| items.iter().enumerate().map(each).collect())
}

fn labelled(cx: &mut Cx, at: &str, key: &str, entry: &LabelledValue) -> Object {
    cx.check.require(!entry.value.is_empty(), format!("{at}/value"), "must not be empty");
    cx.words(&format!("{at}/value"), &entry.value);
    let object = texts(cx, at, &[("label", &entry.label)]).with(key, entry.value.as_str());
    // Only a phone has one; without it the recipient is offered to invite the person.
    if key == "phone" { object.with_text("wa_id", entry.wa_id.as_deref()) } else { object }
}

fn address(cx: &mut Cx, at: &str, address: &PostalAddress) -> Object {
    let parts = [
        ("street", &address.street),
        ("city", &address.city),
        ("state", &address.state),
        ("zip", &address.zip),
        ("country", &address.country),
        ("country_code", &address.country_code),
        ("label", &address.label),
    ];
    texts(cx, at, &parts)
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut next = |len: usize, max: u32| {
        let part = parts.next().filter(|part| part.len() == len && part.bytes().all(|b| b.is_ascii_digit()));
        part.and_then(|part| part.parse::<u32>().ok()).is_some_and(|n| (1..=max).contains(&n))
    };
    next(4, 9999) && next(2, 12) && next(2, 31) && parts.next().is_none()
}
