//! Limits of the simple message types: text, media, location, contacts, reaction, pin.

use super::check::Is::{AnyText, Bool, Integer, List, Number, Strings, Text, Word};
use super::check::{Checked, Is, Param, object};
use super::errors::GraphError;

pub(in crate::sandbox) const TEXT: Is<'_> = object!["body" ! Text(1, 4096), "preview_url" ? Bool];

pub(in crate::sandbox) const LOCATION: Is<'_> = object![
    "latitude" ! Number(-90.0, 90.0), "longitude" ! Number(-180.0, 180.0), "name" ? AnyText, "address" ? AnyText,
];

pub(in crate::sandbox) const REACTION: Is<'_> = object!["message_id" ! Text(1, 1024), "emoji" ! Is::By(emoji)];

pub(in crate::sandbox) const CONTACTS: Is<'_> = List(
    1,
    257,
    &object![
        "name" ! Is::By(|name| {
            name.required("formatted_name")?.text_of(1, 1024)?;
            name.is(&Strings(&["formatted_name", "first_name", "last_name", "middle_name", "suffix", "prefix"]))
        }),
        "phones" ? List(0, usize::MAX, &object!["phone" ? Text(1, usize::MAX), "type" ? AnyText, "wa_id" ? AnyText]),
        "emails" ? List(0, usize::MAX, &object!["email" ? Text(1, usize::MAX), "type" ? AnyText]),
        "urls" ? List(0, usize::MAX, &object!["url" ? Text(1, usize::MAX), "type" ? AnyText]),
        "addresses" ? List(0, usize::MAX, &Strings(&["street", "city", "state", "zip", "country", "country_code", "type"])),
        "org" ? Strings(&["company", "department", "title"]),
        "birthday" ? Is::By(|birthday| if is_date(birthday.text()?) { Ok(()) } else { Err(birthday.invalid("must be YYYY-MM-DD")) }),
    ],
);

/// Checks a media object; `extra` are the keys beside `id` and `link`. Returns the id of media sent by id.
pub(in crate::sandbox) fn media<'a>(param: &Param<'a>, extra: &[&str]) -> Checked<Option<&'a str>> {
    param.only(&[&["id", "link"], extra].concat())?;
    param.is(&Is::Open(object!(= "caption" ? Text(0, 1024), "filename" ? Text(1, usize::MAX), "voice" ? Bool)))?;
    match (param.optional("id"), param.optional("link")) {
        (Some(id), None) => id.text_of(1, 256).map(Some),
        (None, Some(link)) => link.url().map(|_| None),
        (None, None) => Err(GraphError::missing(&format!("{}['id'] or {}['link']", param.path, param.path))),
        (Some(_), Some(_)) => Err(param.invalid("takes either id or link, not both")),
    }
}

/// The keys of a media type beside `id` and `link`; `None` for other types.
pub(in crate::sandbox) fn media_keys(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "image" | "video" => Some(&["caption"]),
        "audio" => Some(&["voice"]),
        "document" => Some(&["caption", "filename"]),
        "sticker" => Some(&[]),
        _ => None,
    }
}

fn emoji(emoji: &Param<'_>) -> Checked {
    // The empty string removes the reaction. The longest emoji in use is a family of joined people.
    if emoji.text_of(0, 32)?.chars().any(|c| c.is_ascii_alphabetic() || c.is_whitespace()) {
        return Err(emoji.invalid("must be an emoji"));
    }
    Ok(())
}

pub(in crate::sandbox) fn pin(param: &Param<'_>) -> Checked {
    param.is(&object!["type" ! Word(&["pin", "unpin"]), "message_id" ! Text(1, 1024), "expiration_days" ? Is::Any])?;
    if param.value["type"] == "pin" { param.required("expiration_days")?.is(&Integer(1, 30)) } else { Ok(()) }
}

fn is_date(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let digits = |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    let within = |part: &str, most: u8| digits(part, 2) && part.parse().is_ok_and(|number: u8| (1..=most).contains(&number));
    digits(year, 4) && within(month, 12) && within(day, 31)
}
