//! Limits of the simple message types: text, media, location, contacts, reaction, pin.

use super::check::{Checked, Param};
use super::errors::GraphError;

pub(super) fn text(param: &Param<'_>) -> Checked {
    param.only(&["body", "preview_url"])?;
    param.required("body")?.text_of(1, 4096)?;
    param.optional("preview_url").map_or(Ok(()), |preview| preview.boolean().map(drop))
}

/// Checks a media object; `extra` are the keys beside `id` and `link`. Returns the id of media sent by id.
pub(super) fn media<'a>(param: &Param<'a>, extra: &[&str]) -> Checked<Option<&'a str>> {
    param.only(&[&["id", "link"], extra].concat())?;
    if let Some(caption) = param.optional("caption") {
        caption.text_of(0, 1024)?;
    }
    if let Some(filename) = param.optional("filename") {
        filename.text_of(1, 240)?;
    }
    if let Some(voice) = param.optional("voice") {
        voice.boolean()?;
    }
    match (param.optional("id"), param.optional("link")) {
        (Some(id), None) => id.text_of(1, 256).map(Some),
        (None, Some(link)) => link.url().map(|_| None),
        (None, None) => Err(GraphError::missing(&format!("{}['id'] or {}['link']", param.path, param.path))),
        (Some(_), Some(_)) => Err(param.invalid("takes either id or link, not both")),
    }
}

/// The keys of a media type beside `id` and `link`; `None` for other types.
pub(super) fn media_keys(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "image" | "video" => Some(&["caption"]),
        "audio" => Some(&["voice"]),
        "document" => Some(&["caption", "filename"]),
        "sticker" => Some(&[]),
        _ => None,
    }
}

pub(super) fn location(param: &Param<'_>) -> Checked {
    param.only(&["latitude", "longitude", "name", "address"])?;
    param.required("latitude")?.number_of(-90.0, 90.0)?;
    param.required("longitude")?.number_of(-180.0, 180.0)?;
    for key in ["name", "address"] {
        if let Some(value) = param.optional(key) {
            value.text()?;
        }
    }
    Ok(())
}

pub(super) fn reaction(param: &Param<'_>) -> Checked {
    param.only(&["message_id", "emoji"])?;
    param.required("message_id")?.text_of(1, 1024)?;
    let emoji = param.required("emoji")?;
    // The empty string removes the reaction. The longest emoji in use is a family of joined people.
    if emoji.text_of(0, 16)?.chars().any(|c| c.is_ascii_alphabetic() || c.is_whitespace()) {
        return Err(emoji.invalid("must be an emoji"));
    }
    Ok(())
}

pub(super) fn pin(param: &Param<'_>) -> Checked {
    param.only(&["type", "message_id", "expiration_days"])?;
    param.required("message_id")?.text_of(1, 1024)?;
    if param.required("type")?.one_of(&["pin", "unpin"])? == "pin" {
        param.required("expiration_days")?.integer_of(1, 30)?;
    }
    Ok(())
}

pub(super) fn contacts(param: &Param<'_>) -> Checked {
    for card in param.items_of(1, 257)? {
        card.only(&["name", "phones", "emails", "urls", "addresses", "org", "birthday"])?;
        let name = card.required("name")?;
        name.only(&["formatted_name", "first_name", "last_name", "middle_name", "suffix", "prefix"])?;
        name.required("formatted_name")?.text_of(1, 1024)?;
        strings(&name, &["first_name", "last_name", "middle_name", "suffix", "prefix"])?;
        each(&card, "phones", &["phone", "type", "wa_id"], true)?;
        each(&card, "emails", &["email", "type"], true)?;
        each(&card, "urls", &["url", "type"], true)?;
        each(&card, "addresses", &["street", "city", "state", "zip", "country", "country_code", "type"], false)?;
        if let Some(org) = card.optional("org") {
            org.only(&["company", "department", "title"])?;
            strings(&org, &["company", "department", "title"])?;
        }
        if let Some(birthday) = card.optional("birthday")
            && !is_date(birthday.text()?)
        {
            return Err(birthday.invalid("must be YYYY-MM-DD"));
        }
    }
    Ok(())
}

/// Checks an optional array of objects with only string members. A first member that is a value shows something.
fn each(card: &Param<'_>, key: &str, keys: &[&str], is_value: bool) -> Checked {
    let Some(list) = card.optional(key) else { return Ok(()) };
    for item in list.items_of(0, usize::MAX)? {
        item.only(keys)?;
        if let Some(first) = item.optional(keys[0]).filter(|_| is_value) {
            first.text_of(1, usize::MAX)?;
        }
        strings(&item, keys)?;
    }
    Ok(())
}

fn strings(param: &Param<'_>, keys: &[&str]) -> Checked {
    keys.iter().filter_map(|key| param.optional(key)).try_for_each(|value| value.text().map(drop))
}

fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let within = |range: std::ops::Range<usize>, most: u8| {
        bytes.get(range).is_some_and(|part| (1..=most).contains(&part.iter().fold(0_u8, |sum, digit| sum * 10 + (digit - b'0'))))
    };
    bytes.len() == 10
        && digits(0..4)
        && bytes[4] == b'-'
        && digits(5..7)
        && bytes[7] == b'-'
        && digits(8..10)
        && within(5..7, 12)
        && within(8..10, 31)
}
