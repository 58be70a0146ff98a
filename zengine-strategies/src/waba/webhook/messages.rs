//! Messages: from people, from another application of the business, and of older conversations.

use std::borrow::Cow;

use zengine_connector::message::{Context, Forwarded, IdentityKind, Party, ProductItem, Referral};
use zengine_connector::{Content, Event, Identity};

use super::content::{self, ReadContent};
use super::scope::{Mode, Scope, digest, provider_id};
use super::sink::{EventResult, NOT_AN_OBJECT};
use crate::waba::identity::{Keys, Names, name};
use crate::waba::json::{Object, ValueRef};
use crate::waba::{identity, problem};

/// The direction of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// From a person to the business.
    In,
    /// From the business to a person, by another application or the phone.
    Out,
}

/// An element of `messages`.
pub(super) fn message<'a>(scope: &Scope<'a>, raw: ValueRef<'a>, alone: bool) -> EventResult {
    let obj = raw.object().ok_or(NOT_AN_OBJECT)?;
    let direction = match &*scope.field {
        "message_echoes" | "smb_message_echoes" => Direction::Out,
        // A file that follows: what the business wrote comes as an echo, unless its number or a recipient says so here.
        "history" => old_direction(scope, &obj, &Names::default()),
        _ => Direction::In,
    };
    read(scope, &obj, raw, direction, None, alone)
}

/// An element of `message_echoes`.
pub(super) fn echo<'a>(scope: &Scope<'a>, raw: ValueRef<'a>, alone: bool) -> EventResult {
    let obj = raw.object().ok_or(NOT_AN_OBJECT)?;
    read(scope, &obj, raw, Direction::Out, None, alone)
}

/// A message of an older conversation with the person `with`. Whoever else wrote in it is the business, however its number is
/// spelled.
pub(super) fn old<'a>(scope: &Scope<'a>, raw: ValueRef<'a>, with: &Names<'a>) -> EventResult {
    let obj = raw.object().ok_or(NOT_AN_OBJECT)?;
    read(scope, &obj, raw, old_direction(scope, &obj, with), Some(with), false)
}

/// The direction of a message of an older conversation, where both sides are in one list. Its own word counts first; only what the
/// business wrote names a recipient.
fn old_direction(scope: &Scope<'_>, obj: &Object<'_>, with: &Names<'_>) -> Direction {
    let from = Names::read(obj, &Keys::FROM);
    let is_other = || !from.is_empty() && !with.is_empty() && !from.is_same(with);
    let names_recipient = || obj.get("to").or_else(|| obj.get("to_user_id")).is_some();
    let word = obj.object("history_context").and_then(|context| context.boolean("from_me"));
    let is_from_business = word.or_else(|| scope.is_from_business(obj, with)).unwrap_or_else(|| names_recipient() || is_other());
    if is_from_business { Direction::Out } else { Direction::In }
}

fn read<'a>(
    scope: &Scope<'a>,
    outer: &Object<'a>,
    raw: ValueRef<'a>,
    direction: Direction,
    with: Option<&Names<'a>>,
    alone: bool,
) -> EventResult {
    // A copied echo may be the request that was sent, beside its id and time.
    let request = outer.object("message").filter(|_| direction == Direction::Out && outer.get("type").is_none());
    let obj = request.as_ref().unwrap_or(outer);
    let kind = content::kind(obj)?;
    let id = name(outer, "id");
    let at = outer.text("timestamp");
    let keys = if direction == Direction::In { &Keys::FROM } else { &Keys::TO };
    let mut names = Names::read(obj, keys);
    if request.is_some() {
        names = names.or(&Names::read(outer, keys));
    }
    names.key_hash = key_hash(obj);
    // A notice about a person's ids may name the person nowhere else.
    if names.is_empty()
        && with.is_none_or(Names::is_empty)
        && let Some(system) = obj.object("system")
    {
        names = names.or(&Names::read(&system, &Keys { phone: &[], ..Keys::CURRENT })).or(&Names::read(&system, &Keys::PREVIOUS));
    }
    if let Some(with) = with
        && (names.is_empty() || names.is_same(with))
    {
        names = names.or(with);
    }
    if scope.mode == Mode::History && direction == Direction::Out {
        names = names.or(&Names { phone: None, ..Names::read(obj, &Keys::FROM) });
    }
    let to_group = obj.text("recipient_type").as_deref() == Some("group");
    let group = name(outer, "group_id").or_else(|| name(obj, "group_id")).or_else(|| names.phone.take_if(|_| to_group));
    // The file that follows may be from another person of the conversations than the contact.
    let is_other = scope.mode == Mode::History && names.phone.is_some();
    let person = names.party(scope.contact(&names, alone && !to_group && !is_other));

    let said = content::read(scope, &kind, obj, alone);
    let dedup = match &id {
        Some(id) => dedup(scope, id, &kind, obj, at.as_deref().unwrap_or_default(), direction),
        None => scope.by_bytes(raw),
    };
    let event = match said {
        ReadContent::Content(content) if direction == Direction::Out => Event::Echo { content },
        ReadContent::Content(content) => Event::message(content),
        // That it went out must not be lost with the type.
        ReadContent::Unknown(provider_type) if direction == Direction::Out => Event::Echo { content: Content::Unknown { provider_type } },
        ReadContent::Unknown(provider_type) => Event::Unknown { provider_type },
        ReadContent::Other(event) => *event,
    };

    let mut routed = scope.event(event, dedup);
    refer(&mut routed.context, obj);
    routed.context.group = group.as_deref().map(str::to_owned);
    routed.context.echo = direction == Direction::Out && !matches!(routed.event, Event::Echo { .. });
    routed.provider_ids = provider_id(id.as_deref());
    routed.occurred_at_ms = outer.time_ms("timestamp").or(scope.time_ms);
    routed.conversation = match group.as_deref().and_then(|group| Identity::new(IdentityKind::Group, group).ok()) {
        Some(group) => scope.conversation(&[group]),
        None => scope.conversation(&person.ids),
    };
    (routed.from, routed.to) = match direction {
        Direction::In => (person, scope.business()),
        Direction::Out if person == Party::default() => (scope.business().pop().unwrap_or_default(), vec![]),
        Direction::Out => (scope.business().pop().unwrap_or_default(), vec![person]),
    };
    Ok(routed)
}

/// The dedup key: the number and the message id. An edit may keep the id of the message it edits, twice within a second, and in
/// an older conversation the file follows under the id of its placeholder.
fn dedup(scope: &Scope<'_>, id: &str, kind: &str, obj: &Object<'_>, at: &str, direction: Direction) -> String {
    let word = if direction == Direction::Out { "echo" } else { "message" };
    match (scope.mode, kind) {
        (_, "edit") => digest(&[obj.get(kind).map_or("", ValueRef::as_json)], |digest| scope.by_id(word, id, &[kind, at, digest])),
        (_, "revoke") => scope.by_id(word, id, &[kind, at]),
        (Mode::History, _) => scope.by_id(word, id, &[kind]),
        _ => scope.by_id(word, id, &[]),
    }
}

/// Fills in the context of a message: what it refers to.
fn refer(context: &mut Context, message: &Object<'_>) {
    // An edit has the context of the new text inside.
    if let Some(obj) = message.object("context").or_else(|| message.object("edit")?.object("message")?.object("context")) {
        context.reply_to = obj.first_text(&["id", "message_id"]).map(Cow::into_owned);
        context.reply_to_from = Names::read(&obj, &Keys::FROM).identities(None);
        context.forwarded = match (obj.boolean("frequently_forwarded"), obj.boolean("forwarded")) {
            (Some(true), _) => Some(Forwarded::Many),
            (_, Some(true)) => Some(Forwarded::Once),
            _ => None,
        };
        if let Some(product) = obj.object("referred_product") {
            context.catalog = product.owned_text("catalog_id");
            context.product = product.owned_text("product_retailer_id").map(|sku| ProductItem { sku });
        }
    }
    context.referral = message.get("referral").and_then(referral).map(Box::new);
    context.errors = problem::all(message);
}

fn referral(raw: ValueRef<'_>) -> Option<Referral> {
    let obj = raw.object()?;
    let mut referral = Referral::default();
    members!(referral, obj.owned_text: source_type, source_id, source_url, headline, body);
    referral.click_id = obj.owned_text("ctwa_clid");
    referral.data = Some(raw.into());
    Some(referral)
}

/// The digest of a person's identity key: an object, in older webhooks the digest itself.
fn key_hash<'a>(obj: &Object<'a>) -> Option<Cow<'a, str>> {
    obj.object("identity").and_then(|identity| identity.text("hash")).or_else(|| obj.text("identity"))
}

/// The person of a notice about ids: the previous and the current identities.
pub(super) fn renamed(message: &Object<'_>, system: &Object<'_>) -> (Vec<Identity>, Vec<Identity>) {
    let (mut current, mut previous) = (Names::read(system, &Keys::CURRENT), Names::read(system, &Keys::PREVIOUS));
    current.key_hash = key_hash(message).or_else(|| key_hash(system));
    // Only where a new number takes its place has the old one become wrong.
    let address = |phone: &Option<Cow<'_, str>>| phone.as_deref().and_then(identity::address);
    let old = system.text("customer").or_else(|| message.text("from"));
    previous.phone = old.filter(|old| address(&current.phone).is_some_and(|new| identity::address(old) != Some(new)));
    let old = message.text("from_user_id").filter(|old| current.user_id.as_ref().is_some_and(|new| new != old));
    previous.user_id = previous.user_id.or(old);
    (previous.identities(None), current.identities(None))
}
