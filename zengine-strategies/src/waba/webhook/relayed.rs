//! Forms that only a partner of Meta sends: a bare `value`, as its older and its sandbox number have it, and events of its own about
//! channels and templates.

use std::borrow::Cow;

use zengine_connector::Event;
use zengine_connector::ids::RouteKey;
use zengine_connector::message::{ElementError, TemplateUpdate};
use zengine_connector::strategy::{RawPayload, RoutedEvent};

use super::scope::{Mode, Scope, WebhookEntry};
use super::sink::{NOT_AN_OBJECT, Path, Sink};
use super::{account, envelope, reason, templates};
use crate::waba::identity::name;
use crate::waba::json::{Object, ValueRef};
use crate::waba::problem;

/// The events of a body in Meta's form or in one of the partner's, in document order.
pub(crate) fn normalize_relayed(payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
    envelope::read(payload, |sink, raw| match raw.elements() {
        None => one(sink, &Path::ROOT, raw),
        Some(items) => {
            sink.expect(items.count());
            for (index, raw) in items.enumerate() {
                if sink.is_full() {
                    return;
                }
                one(sink, &Path::ROOT.element(index), raw);
            }
        }
    })
}

fn one(sink: &mut Sink<'_>, path: &Path<'_>, raw: ValueRef<'_>) {
    let Some(obj) = raw.object() else { return sink.put(path, raw, Err(NOT_AN_OBJECT)) };
    if obj.get("entry").is_some() || obj.get("object").is_some() {
        envelope::body(sink, path, raw);
    } else if let (Some(data), Some(word)) = (obj.object("data"), obj.first_text(&["event", "type"])) {
        sink.put(path, raw, Ok(partner_event(&obj, &data, &word, raw)));
    } else {
        bare_value(sink, path, &obj, raw);
    }
}

/// A `value` without its envelope. Without metadata it names no number: it is the request's own tenant's.
fn bare_value(sink: &mut Sink<'_>, path: &Path<'_>, value: &Object<'_>, raw: ValueRef<'_>) {
    let before = sink.len();
    let nothing = WebhookEntry { id: None, time_ms: None };
    let scope = Scope::new(Cow::Borrowed("messages"), Mode::Live, &nothing, value, &mut None);
    envelope::arrays(sink, path, &scope, value, raw, envelope::is_alone(value, Mode::Live));
    if sink.len() == before {
        sink.put(path, raw, Ok(scope.unknown("body", raw)));
    }
}

/// An event of the partner's own: `{id, event, data}`.
fn partner_event(obj: &Object<'_>, data: &Object<'_>, word: &str, raw: ValueRef<'_>) -> RoutedEvent {
    let template = data.object("template");
    // The account that `data.id` names is Meta's; of a channel it is the partner's own id.
    let account = template.as_ref().and_then(|_| name(data, "id"));
    let field = if template.is_some() { word.trim_start_matches("waba_") } else { word };
    let entry = WebhookEntry { id: account, time_ms: obj.time_ms("timestamp") };
    let scope = Scope::new(Cow::Borrowed(field), Mode::Live, &entry, &Object::EMPTY, &mut None);
    // It is not documented that `id` is one event's: it may be the object's.
    let dedup = scope.by_bytes(raw);
    if let Some(template) = template {
        return scope.event(Event::Template(template_update(&scope, &template, obj)), dedup);
    }
    let status = data.owned_text("status");
    let mut update = account::account_update(field, status, problem::all(data), obj.get("data"));
    update.reason = reason::of(data, &["reason"]);
    let mut routed = scope.event(Event::Account(update), dedup);
    if let Some(channel) = name(data, "id") {
        routed.routes = vec![RouteKey::new("channel_id", channel)];
    }
    routed
}

/// The change of a template, which the partner names by its own id and by Meta's.
fn template_update(scope: &Scope<'_>, template: &Object<'_>, obj: &Object<'_>) -> TemplateUpdate {
    let mut update = TemplateUpdate::default();
    let aspect = scope.field.trim_start_matches("template_").trim_end_matches("_changed");
    aspect.clone_into(&mut update.aspect);
    update.current = template.owned_text(&format!("new_{aspect}"));
    update.template_id = template.owned_text("external_id");
    update.hub_id = template.owned_text("id");
    update.name = template.owned_text("name");
    update.language = template.text("language").map(|spelled| templates::language(&spelled));
    update.reason = reason::of(template, &["rejected_reason", "reason"]);
    update.waba_id = scope.account().map(str::to_owned);
    update.data = obj.get("data").map(Into::into);
    update
}
