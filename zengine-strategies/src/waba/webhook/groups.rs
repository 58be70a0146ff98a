//! Changes of groups.

use zengine_connector::{
    Event, Identity,
    message::{AccountUpdate, IdentityKind},
};

use super::{
    reason,
    scope::Scope,
    sink::{EventResult, NOT_AN_OBJECT},
};
use crate::waba::{
    identity::{Keys, Names, name},
    json::{Object, ValueRef},
    problem,
};

/// An element of `groups`: a change of an object that the business owns, in the conversation of the group.
pub(super) fn group<'a>(scope: &Scope<'a>, raw: ValueRef<'a>, _: bool) -> EventResult {
    let obj = raw.object().ok_or(NOT_AN_OBJECT)?;
    let mut update = AccountUpdate::default();
    (*scope.field).clone_into(&mut update.field);
    update.event = obj.owned_text("type");
    update.reason = reason::of(&obj, &["reason"]);
    update.errors = problem::with_parts(&obj);
    update.data = Some(raw.into());
    let mut routed = scope.event(Event::Account(update), scope.by_bytes(raw));
    let group = name(&obj, "group_id").and_then(|id| Identity::new(IdentityKind::Group, &id).ok());
    routed.conversation = scope.conversation(group.as_slice());
    let person = |obj: &Object<'a>| {
        let names = Names::read(obj, &Keys::PERSON);
        names.party(scope.contact(&names, false))
    };
    let changed = obj.elements("added_participants").chain(obj.elements("removed_participants"));
    let mut changed: Vec<_> = changed.filter_map(ValueRef::object).map(|obj| person(&obj)).filter(|party| !party.ids.is_empty()).collect();
    (routed.from, routed.to) = match (obj.text("initiated_by").as_deref(), changed.as_mut_slice()) {
        (Some("business"), _) => (scope.business().pop().unwrap_or_default(), changed),
        (Some("participant"), [only]) => (std::mem::take(only), scope.business()),
        // The person who asks to join, or whom the change is about.
        _ => (person(&obj), scope.business().into_iter().chain(changed).collect()),
    };
    routed.occurred_at_ms = obj.time_ms("timestamp").or(scope.time_ms);
    Ok(routed)
}
