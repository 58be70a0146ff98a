//! Text, places, contact cards, reactions.

use serde_json::{Value, json};
use zengine_connector::message::{ContactCard, Contacts, LabelledValue, Location, Organization, PostalAddress, Reaction, Text};

use super::cx::{Cx, Object};

pub(super) fn text(cx: &mut Cx, text: &Text) -> Value {
    cx.words("/content/body", &text.body);
    Object::new().with("body", text.body.as_str()).with_some("preview_url", text.preview_url).into()
}

/// A location. WhatsApp's has no accuracy and no web page.
pub(super) fn location(cx: &mut Cx, at: &str, place: &Location) -> Value {
    for (key, text) in [("name", &place.name), ("address", &place.address)] {
        if let Some(text) = text {
            cx.readable(&format!("{at}/{key}"), text);
        }
    }
    Object::new()
        .with("latitude", place.latitude)
        .with("longitude", place.longitude)
        .with_text("name", place.name.as_deref())
        .with_text("address", place.address.as_deref())
        .into()
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
    let alone = [&name.first_name, &name.last_name, &name.middle_name, &name.prefix, &name.suffix].iter().all(|part| part.is_none());
    let whole = card.display_name().unwrap_or_default();
    let first = if alone && cx.rules.fill_contact_first_name { Some(whole.as_str()) } else { name.first_name.as_deref() };
    let name = Object::new()
        .with("formatted_name", whole.as_str())
        .with_text("first_name", first)
        .with_text("last_name", name.last_name.as_deref())
        .with_text("middle_name", name.middle_name.as_deref())
        .with_text("prefix", name.prefix.as_deref())
        .with_text("suffix", name.suffix.as_deref());
    Object::new()
        .with("name", name)
        .with_some("phones", list(&card.phones, |phone| labelled("phone", phone)))
        .with_some("emails", list(&card.emails, |email| labelled("email", email)))
        .with_some("urls", list(&card.urls, |url| labelled("url", url)))
        .with_some("addresses", list(&card.addresses, address))
        .with_some("org", card.org.as_ref().map(organization))
        .with_text("birthday", card.birthday.as_deref())
        .into()
}

fn list<T>(items: &[T], each: impl Fn(&T) -> Value) -> Option<Value> {
    (!items.is_empty()).then(|| items.iter().map(each).collect())
}

fn labelled(key: &str, entry: &LabelledValue) -> Value {
    let object = Object::new().with(key, entry.value.as_str()).with_text("type", entry.label.as_deref());
    // Only a phone has one; without it the recipient is offered to invite the person.
    if key == "phone" { object.with_text("wa_id", entry.wa_id.as_deref()) } else { object }.into()
}

fn address(address: &PostalAddress) -> Value {
    Object::new()
        .with_text("street", address.street.as_deref())
        .with_text("city", address.city.as_deref())
        .with_text("state", address.state.as_deref())
        .with_text("zip", address.zip.as_deref())
        .with_text("country", address.country.as_deref())
        .with_text("country_code", address.country_code.as_deref())
        .with_text("type", address.label.as_deref())
        .into()
}

fn organization(org: &Organization) -> Value {
    Object::new()
        .with_text("company", org.company.as_deref())
        .with_text("department", org.department.as_deref())
        .with_text("title", org.title.as_deref())
        .into()
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut next = |len: usize, max: u32| {
        let part = parts.next().filter(|part| part.len() == len && part.bytes().all(|b| b.is_ascii_digit()));
        part.and_then(|part| part.parse::<u32>().ok()).is_some_and(|n| (1..=max).contains(&n))
    };
    next(4, 9999) && next(2, 12) && next(2, 31) && parts.next().is_none()
}
