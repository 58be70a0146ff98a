//! Spoken calls.

use zengine_connector::Event;
use zengine_connector::message::Call;
use zengine_connector::strategy::{ProviderKey, RoutedEvent};

use super::reason;
use super::scope::{Scope, provider_id};
use super::sink::{EventResult, NOT_AN_OBJECT};
use crate::waba::identity::{Keys, Names, name};
use crate::waba::json::{Object, ValueRef};
use crate::waba::problem;

/// An element of `calls`.
pub(super) fn call<'a>(scope: &Scope<'a>, raw: ValueRef<'a>, alone: bool) -> EventResult {
    let obj = raw.object().ok_or(NOT_AN_OBJECT)?;
    let event = match obj.get("event") {
        Some(raw) => raw.string().ok_or("the event is not a string")?.into_owned(),
        None => return Ok(scope.unknown("call", raw)),
    };
    let mut call = Call::default();
    call.event = event;
    call.direction = obj.owned_text("direction");
    call.status = obj.get("status").and_then(|raw| reason::words(raw).next()).map(Into::into);
    call.duration_ms = obj.integer("duration").and_then(|seconds| u64::try_from(seconds).ok()?.checked_mul(1_000));
    call.session = obj.get("session").or_else(|| obj.get("connection")).map(Into::into);
    // Notices of recordings and transcriptions name no direction.
    let is = |word: &str| call.direction.as_ref().is_some_and(|direction| direction.eq_ignore_ascii_case(word));
    let from_business = is("BUSINESS_INITIATED") || !is("USER_INITIATED") && scope.is_from_business(&obj, &Names::default()) == Some(true);
    let names = Names::read(&obj, if from_business { &Keys::TO } else { &Keys::FROM });
    let mut routed = routed(scope, &obj, raw, call, &names, from_business, alone);
    routed.context.errors.extend(scope.take_errors_of_call("calls", &obj));
    Ok(routed)
}

/// An element of `statuses` with the progress of a call.
pub(super) fn status<'a>(scope: &Scope<'a>, obj: &Object<'a>, raw: ValueRef<'a>, word: Option<&str>, alone: bool) -> RoutedEvent {
    let Some(word) = word else { return scope.unknown("call", raw) };
    let mut call = Call::default();
    word.clone_into(&mut call.event);
    let names = Names::read(obj, &Keys::RECIPIENT);
    let mut routed = routed(scope, obj, raw, call, &names, true, alone);
    routed.context.errors.extend(scope.take_errors_of_call("statuses", obj));
    routed
}

fn routed<'a>(
    scope: &Scope<'a>,
    obj: &Object<'a>,
    raw: ValueRef<'a>,
    mut call: Call,
    names: &Names<'a>,
    from_business: bool,
    alone: bool,
) -> RoutedEvent {
    let id = name(obj, "id");
    id.as_deref().unwrap_or_default().clone_into(&mut call.id);
    call.reference = obj.owned_text("biz_opaque_callback_data");
    call.data = Some(raw.into());
    let reference = call.reference.clone();
    let dedup = match &id {
        Some(id) => scope.by_id("call", id, &[&call.event]),
        None => scope.by_bytes(raw),
    };
    let mut routed = scope.event(Event::Call(call), dedup);
    let person = names.party(scope.contact(names, alone));
    routed.conversation = scope.conversation(&person.ids);
    (routed.from, routed.to) =
        if from_business { (scope.business().pop().unwrap_or_default(), vec![person]) } else { (person, scope.business()) };
    routed.to.retain(|party| !party.ids.is_empty());
    routed.context.errors = problem::all(obj);
    routed.provider_ids = provider_id(id.as_deref());
    routed.occurred_at_ms = obj.time_ms("timestamp").or(scope.time_ms);
    routed.reference = reference.map(ProviderKey::echoed);
    routed
}
