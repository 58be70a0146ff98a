//! Changes of groups.

use zengine_connector::{
    Event, Identity,
    message::{AccountUpdate, IdentityKind},
};

use super::{
    scope::Scope,
    sink::{EventResult, NOT_AN_OBJECT},
};
use crate::waba::{
    identity::Names,
    json::{Obj, Raw},
    problem,
};

/// An element of `groups`: a change of an object that the business owns, in the conversation of the group.
pub(super) fn group<'a>(scope: &Scope<'a>, raw: Raw<'a>, _: bool) -> EventResult {
    let obj = Obj::read(raw).ok_or(NOT_AN_OBJECT)?;
    let mut update = AccountUpdate::default();
    (*scope.field).clone_into(&mut update.field);
    update.event = obj.owned("type");
    update.reason = obj.first(&["reason", "initiated_by"]).map(Into::into);
    update.errors = problem::all(&obj);
    update.data = Some(raw.into());
    let mut routed = scope.event(Event::Account(update), scope.by_bytes(raw));
    let group = obj.text("group_id").and_then(|id| Identity::new(IdentityKind::Group, &id).ok());
    routed.conversation = scope.conversation(group.as_slice());
    // Who asks to join.
    let names = Names { phone: obj.text("wa_id"), user_id: obj.text("user_id"), ..Names::default() };
    routed.from = names.party(scope.contact(&names, false));
    routed.to = scope.business();
    routed.occurred_at_ms = obj.time("timestamp").or(scope.time_ms);
    Ok(routed)
}
