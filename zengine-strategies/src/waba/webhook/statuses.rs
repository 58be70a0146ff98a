//! Statuses of sent messages, and two kinds that come in the same array: payments and calls.

use zengine_connector::message::{Cost, Failure, IdentityKind, State, Status};
use zengine_connector::strategy::{ProviderKey, RoutedEvent};
use zengine_connector::{ErrorKind, Event, Identity};

use super::account::account_update;
use super::calls;
use super::scope::{Scope, provider_id};
use super::sink::{EventResult, NOT_AN_OBJECT};
use crate::waba::identity::{Keys, Names, name};
use crate::waba::json::{Object, ValueRef};
use crate::waba::problem;

/// An element of `statuses`.
pub(super) fn status<'a>(scope: &Scope<'a>, raw: ValueRef<'a>, alone: bool) -> EventResult {
    let obj = raw.object().ok_or(NOT_AN_OBJECT)?;
    let word = match obj.get("status") {
        Some(raw) => Some(raw.string().ok_or("the status is not a string")?),
        None => None,
    };
    let kind = obj.text("type").unwrap_or_default();
    let mut routed = if kind == "call" || scope.field == "calls" {
        return Ok(calls::status(scope, &obj, raw, word.as_deref(), alone));
    } else if kind == "payment" || obj.get("payment").is_some() {
        payment(scope, &obj, raw, word.as_deref())
    } else {
        match (word.as_deref().and_then(state), name(&obj, "id")) {
            (Some(state), Some(id)) => delivery(scope, &obj, &id, state),
            _ => scope.unknown(word.as_deref().unwrap_or("status"), raw),
        }
    };
    let (recipient, participant) = people(scope, &obj, alone);
    routed.conversation = scope.conversation(&recipient.0);
    let person = if participant.is_empty() { &recipient.0 } else { &participant };
    routed.from = zengine_connector::message::Party::of_all(person.iter().cloned());
    routed.from.name = recipient.1;
    routed.to = scope.business();
    routed.provider_ids = provider_id(name(&obj, "id").as_deref());
    routed.occurred_at_ms = obj.time_ms("timestamp").or(scope.time_ms);
    if let Event::Status(status) = &mut routed.event {
        routed.dedup = scope.by_status(&status.target, status.state.as_str(), participant.first());
        (status.recipient, status.participant) = (recipient.0, participant);
    }
    Ok(routed)
}

/// The states that Meta names. A pending payment or a ringing call is none of them.
fn state(word: &str) -> Option<State> {
    Some(match word.to_ascii_lowercase().as_str() {
        "accepted" => State::Accepted,
        "held_for_quality_assessment" => State::Held,
        "sent" => State::Sent,
        "delivered" => State::Delivered,
        "read" => State::Read,
        "played" => State::Played,
        "failed" => State::Failed,
        "deleted" => State::Deleted,
        _ => return None,
    })
}

fn delivery(scope: &Scope<'_>, obj: &Object<'_>, id: &str, state: State) -> RoutedEvent {
    let mut status = Status::new(id, state);
    status.at_ms = obj.time_ms("timestamp");
    let mut errors = problem::all(obj).into_iter();
    status.error = errors.next();
    status.more_errors = errors.collect();
    status.failure = status.error.as_ref().filter(|_| state == State::Failed).and_then(|error| failure(error.kind));
    status.cost = cost(obj);
    status.reference = obj.owned_text("biz_opaque_callback_data");
    let reference = status.reference.clone();
    let mut routed = scope.event(Event::Status(status), String::new());
    routed.reference = reference.map(ProviderKey::echoed);
    routed
}

/// Whether a failure is final, where the class of its error tells. Whoever stopped a business's messages gets none of the kind.
fn failure(kind: ErrorKind) -> Option<Failure> {
    match kind {
        ErrorKind::OptedOut => Some(Failure::suppressed()),
        ErrorKind::InvalidRecipient => Some(Failure::new(Some(true))),
        _ => None,
    }
}

/// The cost of a message. The price is in the status; in one sample of a group it is inside `conversation`.
fn cost(obj: &Object<'_>) -> Option<Cost> {
    let pricing = obj.object("pricing").or_else(|| obj.object("conversation")?.object("pricing"))?;
    let mut cost = Cost::default();
    cost.category = pricing.owned_text("category");
    cost.billable = pricing.boolean("billable");
    cost.model = pricing.owned_text("pricing_model");
    cost.kind = pricing.owned_text("type");
    Some(cost)
}

/// The recipient, with the name the contact gives, and in a group the member. It is a group's status if it names a group or a member,
/// or says so; the recipient is then the group, and whatever else it names the member. A person's number is no group.
fn people<'a>(scope: &Scope<'a>, obj: &Object<'a>, alone: bool) -> ((Vec<Identity>, Option<String>), Vec<Identity>) {
    let (mut recipient, mut member) = (Names::read(obj, &Keys::RECIPIENT), Names::read(obj, &Keys::PARTICIPANT));
    let kind = obj.text("recipient_type");
    let says = |word: &str| kind.as_ref().is_some_and(|kind| kind.eq_ignore_ascii_case(word));
    let is_person = says("individual") && recipient.number().is_some();
    let is_group = says("group") || !is_person && !member.is_empty();
    let group = name(obj, "group_id");
    if group.is_none() && !is_group {
        let person = recipient.party(scope.contact(&recipient, alone));
        return ((person.ids, person.name), vec![]);
    }
    let stated = recipient.phone.take_if(|id| group.as_ref().map_or(is_group, |group| group == id));
    let group = group.or(stated).and_then(|id| Identity::new(IdentityKind::Group, &id).ok());
    if member.is_empty() {
        member = recipient;
    }
    let member = member.party(scope.contact(&member, alone));
    ((group.into_iter().collect(), member.name), member.ids)
}

/// The status of a payment (India, Brazil): an account event, never a state of a message.
fn payment(scope: &Scope<'_>, obj: &Object<'_>, raw: ValueRef<'_>, word: Option<&str>) -> RoutedEvent {
    let update = account_update("payment", word.map(str::to_owned), problem::all(obj), Some(raw));
    let mut routed = scope.event(Event::Account(update), scope.by_bytes(raw));
    routed.reference = obj.owned_text("biz_opaque_callback_data").map(ProviderKey::echoed);
    routed
}
