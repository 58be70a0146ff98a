//! Changes of groups.

use zengine_connector::message::IdentityKind;
use zengine_connector::{Event, Identity};

use super::account::account_update;
use super::reason;
use super::scope::Scope;
use super::sink::{EventResult, NOT_AN_OBJECT};
use crate::waba::identity::{Keys, Names, name};
use crate::waba::json::{Object, ValueRef};
use crate::waba::problem;

/// An element of `groups`: a change of an object that the business owns, in the conversation of the group.
pub(super) fn group<'a>(scope: &Scope<'a>, raw: ValueRef<'a>, _: bool) -> EventResult {
    let obj = raw.object().ok_or(NOT_AN_OBJECT)?;
    let mut update = account_update(&scope.field, obj.owned_text("type"), problem::with_parts(&obj), Some(raw));
    update.reason = reason::of(&obj, &["reason"]);
    let mut routed = scope.business_event(Event::Account(update), scope.by_bytes(raw), &obj);
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
    Ok(routed)
}
