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
    json::{Obj, Raw},
    problem,
};

/// An element of `groups`: a change of an object that the business owns, in the conversation of the group.
pub(super) fn group<'a>(scope: &Scope<'a>, raw: Raw<'a>, _: bool) -> EventResult {
    let obj = Obj::read(raw).ok_or(NOT_AN_OBJECT)?;
    let mut update = AccountUpdate::default();
    (*scope.field).clone_into(&mut update.field);
    update.event = obj.owned("type");
    update.reason = reason::of(&obj, &["reason", "initiated_by"]);
    update.errors = problem::all(&obj);
    update.data = Some(raw.into());
    let mut routed = scope.event(Event::Account(update), scope.by_bytes(raw));
    let group = name(&obj, "group_id").and_then(|id| Identity::new(IdentityKind::Group, &id).ok());
    routed.conversation = scope.conversation(group.as_slice());
    // The person who asks to join.
    let names = Names::read(&obj, &Keys::PERSON);
    routed.from = names.party(scope.contact(&names, false));
    routed.to = scope.business();
    routed.occurred_at_ms = obj.time("timestamp").or(scope.time_ms);
    Ok(routed)
}
