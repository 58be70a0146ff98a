//! People's preferences about messages.

use zengine_connector::{Event, message::Preference};

use super::scope::Scope;
use super::sink::{EventResult, NOT_AN_OBJECT};
use crate::waba::json::ValueRef;

/// An element of `user_preferences`.
pub(super) fn preference<'a>(scope: &Scope<'a>, raw: ValueRef<'a>, alone: bool) -> EventResult {
    let obj = raw.object().ok_or(NOT_AN_OBJECT)?;
    let value = obj.owned_text("value");
    let mut preference = Preference::new(obj.owned_text("category").unwrap_or_else(|| "marketing_messages".to_owned()));
    preference.value.clone_from(&value);
    preference.detail = obj.owned_text("detail");
    let event = match value.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("stop") => Event::OptOut(preference),
        Some("resume" | "signup" | "accept") => Event::OptIn(preference),
        _ => Event::Unknown { provider_type: value.unwrap_or_else(|| "user_preferences".to_owned()) },
    };
    Ok(scope.person_event(event, raw, &obj, &obj, alone))
}
