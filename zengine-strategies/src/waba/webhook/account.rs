//! Changes of the tenant's objects at the provider: account, number, partners; and what people did with its advertisements.

use zengine_connector::{
    Event,
    message::{AccountUpdate, ProviderError},
    strategy::RoutedEvent,
};

use super::reason;
use super::scope::Scope;
use super::sink::{EventResult, NOT_AN_OBJECT};
use crate::waba::identity::{Keys, Names, name};
use crate::waba::json::{Object, ValueRef};
use crate::waba::problem;

/// The event of a change of an account. Its word has different names; the whole value is in `data`.
pub(super) fn update(scope: &Scope<'_>, value: &Object<'_>, raw_value: Option<ValueRef<'_>>, raw: ValueRef<'_>) -> RoutedEvent {
    // A flow's `errors` are counts of what went wrong at its endpoint.
    let errors = if scope.field == "flows" { vec![] } else { problem::all(value) };
    let mut update = account_update(&scope.field, None, errors, raw_value);
    let alert = value.object("alert_info").unwrap_or_default();
    let words = ["event", "decision", "alert_type", "status", "type"];
    update.event = value.first_text(&words).or_else(|| alert.first_text(&words)).map(String::from);
    let names = ["rejection_reason", "reason", "alert_description", "message", "warning"];
    update.reason = reason::of(value, &names).or_else(|| reason::of(&alert, &names)).or_else(|| reason::of_parts(value));
    scope.business_event(Event::Account(update), scope.by_bytes(raw), value)
}

/// A change of an object of the tenant's, with its JSON.
pub(super) fn account_update(field: &str, event: Option<String>, errors: Vec<ProviderError>, raw: Option<ValueRef<'_>>) -> AccountUpdate {
    let mut update = AccountUpdate::default();
    field.clone_into(&mut update.field);
    (update.event, update.errors, update.data) = (event, errors, raw.map(Into::into));
    update
}

/// An element of `user_actions`: a person followed a link of an advertisement or saw its page. It names no person.
pub(super) fn user_action<'a>(scope: &Scope<'a>, raw: ValueRef<'a>, _: bool) -> EventResult {
    element(scope, raw, "user_actions", "action_type")
}

/// An element of `automatic_events`: a lead or a purchase that the provider recognised.
pub(super) fn automatic_event<'a>(scope: &Scope<'a>, raw: ValueRef<'a>, _: bool) -> EventResult {
    element(scope, raw, "automatic_events", "event_name")
}

/// An element of `state_sync`: a contact, whom `from` names, was added to or removed from the phone's address book.
pub(super) fn state_sync<'a>(scope: &Scope<'a>, raw: ValueRef<'a>, _: bool) -> EventResult {
    let mut routed = element(scope, raw, "smb_app_state_sync", "action")?;
    if let Some(contact) = raw.object().and_then(|obj| obj.object("contact")) {
        routed.from = Names::read(&contact, &Keys::PERSON).party(None);
        routed.from.name = contact.first_text(&["full_name", "first_name"]).map(Into::into);
    }
    Ok(routed)
}

fn element(scope: &Scope<'_>, raw: ValueRef<'_>, field: &str, word: &str) -> EventResult {
    let obj = raw.object().ok_or(NOT_AN_OBJECT)?;
    let event = obj.first_text(&[word, "type"]).map(Into::into);
    let update = account_update(field, event, problem::all(&obj), Some(raw));
    let dedup = match name(&obj, "id") {
        Some(id) => scope.by_id(field, &id, update.event.as_deref().as_slice()),
        None => scope.by_bytes(raw),
    };
    Ok(scope.business_event(Event::Account(update), dedup, &obj))
}
