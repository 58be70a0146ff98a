//! `entry[]` × `changes[]`, and the arrays of one change.

use std::{borrow::Cow, rc::Rc};

use zengine_connector::Event;
use zengine_connector::json::Unread;
use zengine_connector::message::ElementError;
use zengine_connector::strategy::{RawPayload, RoutedEvent};

use super::scope::{ACCOUNT_FIELDS, Mode, Owner, Scope, WebhookEntry, is_of_template};
use super::sink::{EventResult, NOT_AN_ARRAY, NOT_AN_OBJECT, Path, Sink, elements, is_left, rest};
use super::{account, calls, groups, handovers, history, messages, preferences, statuses, templates};
use crate::waba::identity::name;
use crate::waba::json::{Document, Object, ValueRef};
use crate::waba::{json, problem};

/// The `object` of this family.
const OBJECT: &str = "whatsapp_business_account";

/// Maximum length of a field's name, in bytes: events and their keys hold it.
const MAX_FIELD: usize = 1_024;

/// The events of a body, in document order.
pub(crate) fn normalize(payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
    read(payload, |sink, raw| body(sink, &Path::ROOT, raw))
}

/// The events of a body by a reader of its root.
pub(super) fn read(payload: &RawPayload, root: impl FnOnce(&mut Sink<'_>, ValueRef<'_>)) -> Vec<Result<RoutedEvent, ElementError>> {
    let text = json::text_of(payload.body());
    let mut sink = Sink::new(payload, &text, matches!(text, Cow::Owned(_)));
    match Document::read(text.trim_start_matches('\u{feff}')) {
        Ok(document) => root(&mut sink, document.root()),
        Err(Unread::NotJson) => sink.refuse_body("not JSON"),
        // It is kept: a refusal would bring it back for days.
        Err(Unread::TooDeep | Unread::TooLarge) => sink.refuse_body("nested deeper or of more items than is read"),
    }
    sink.finish()
}

pub(super) fn body(sink: &mut Sink<'_>, path: &Path<'_>, raw: ValueRef<'_>) {
    let Some(root) = raw.object() else { return sink.put(path, raw, Err(NOT_AN_OBJECT)) };
    let nobody = Scope::new(Cow::Borrowed("body"), Mode::Live, &WebhookEntry { id: None, time_ms: None }, &Object::EMPTY, &mut None);
    let whole = |sink: &mut Sink<'_>, word: &str| sink.put(path, raw, Ok(nobody.unknown(word, raw)));
    match root.get("object").map(ValueRef::string) {
        // A relay may leave it out; what is there says enough.
        None => {}
        Some(Some(object)) if object == OBJECT => {}
        Some(object) => return whole(sink, object.as_deref().unwrap_or("object")),
    }
    if elements(sink, path, &root, "entry", entry) {
        rest(sink, path, &nobody, raw, &root, |name, _| matches!(name, "object" | "entry"));
    } else {
        whole(sink, OBJECT);
    }
}

fn entry(sink: &mut Sink<'_>, path: &Path<'_>, raw: ValueRef<'_>) {
    let Some(obj) = raw.object() else { return sink.put(path, raw, Err(NOT_AN_OBJECT)) };
    let entry = WebhookEntry { id: name(&obj, "id"), time_ms: obj.time_ms("time") };
    let mut owner = None;
    let any = elements(sink, path, &obj, "changes", |sink, path, raw| change(sink, path, &entry, &mut owner, raw));
    let is_read = |name: &str| any && matches!(name, "id" | "time" | "changes");
    if any && !is_left(&obj, is_read) {
        return;
    }
    let scope = Scope::new(Cow::Borrowed("entry"), Mode::Live, &entry, &Object::EMPTY, &mut None);
    if any {
        rest(sink, path, &scope, raw, &obj, |name, _| is_read(name));
    } else {
        sink.put(path, raw, Ok(scope.unknown("entry", raw)));
    }
}

/// `owner` is the owner of the last change: most changes of a body belong to one number.
fn change<'a>(sink: &mut Sink<'_>, path: &Path<'_>, entry: &WebhookEntry<'a>, owner: &mut Option<Rc<Owner<'a>>>, raw: ValueRef<'a>) {
    let Some(obj) = raw.object() else { return sink.put(path, raw, Err(NOT_AN_OBJECT)) };
    // Looked up once: a change may have as many values as it has bytes.
    let field = match obj.get("field").map(ValueRef::string) {
        None => None,
        Some(Some(field)) if field.len() <= MAX_FIELD => Some(field),
        Some(Some(_)) => return sink.put(path, raw, Err("the field has more than 1,024 bytes")),
        Some(None) => return sink.put(path, raw, Err("the field is not a string")),
    };
    let mut values = obj.get_all("value").peekable();
    let first = values.next();
    // Where the member is repeated, each is a change of its own, told apart by its bytes.
    let is_one = values.peek().is_none();
    let mut is_whole = false;
    for value in std::iter::once(first).chain(values.map(Some)) {
        if sink.is_full() {
            return;
        }
        let raw = value.filter(|_| !is_one).unwrap_or(raw);
        is_whole = of_value(sink, path, entry, owner, field.clone(), raw, value) && is_one;
    }
    let is_read = |name: &str| matches!(name, "field" | "value");
    if !is_whole && is_left(&obj, is_read) {
        let value = obj.object("value").unwrap_or_default();
        let field = field.unwrap_or(Cow::Borrowed("change"));
        let scope = Scope::new(field.clone(), mode(&field), entry, &value, owner);
        rest(sink, path, &scope, raw, &obj, |name, _| is_read(name));
    }
}

fn mode(field: &str) -> Mode {
    match field {
        "standby" => Mode::Standby,
        "history" => Mode::History,
        _ => Mode::Live,
    }
}

/// Fields whose value holds arrays of elements.
#[rustfmt::skip]
const OF_ARRAYS: &[&str] = &[
    "messages", "message_echoes", "smb_message_echoes", "history", "standby", "calls", "user_preferences", "automatic_events",
    "smb_app_state_sync", "group_lifecycle_update", "group_participants_update", "group_settings_update", "group_status_update",
];

/// One value of a change: `raw` are the bytes of the event if the value is one as a whole. Returns whether it is.
fn of_value<'a>(
    sink: &mut Sink<'_>,
    path: &Path<'_>,
    entry: &WebhookEntry<'a>,
    owner: &mut Option<Rc<Owner<'a>>>,
    field: Option<Cow<'a, str>>,
    raw: ValueRef<'a>,
    raw_value: Option<ValueRef<'a>>,
) -> bool {
    let value = match raw_value.map(ValueRef::object) {
        None => Object::EMPTY,
        Some(Some(value)) => value,
        Some(None) => {
            sink.put(path, raw, Err("the value is not an object"));
            return true;
        }
    };
    let field = field.unwrap_or_else(|| match value.get("messages").or_else(|| value.get("statuses")) {
        Some(_) => Cow::Borrowed("messages"),
        None => Cow::Borrowed("change"),
    });
    let before = sink.len();
    let value_path = path.member("value");
    let mode = mode(&field);
    let scope = Scope::new(field, mode, entry, &value, owner);
    match &*scope.field {
        field if OF_ARRAYS.contains(&field) => {
            arrays(sink, &value_path, &scope, &value, raw_value.unwrap_or(raw), is_alone(&value, mode));
            if sink.len() > before {
                return false;
            }
        }
        "messaging_handovers" => sink.put(path, raw, Ok(handovers::handover(&scope, &value, raw_value, raw))),
        field if is_of_template(field) => sink.put(path, raw, Ok(templates::update(&scope, &value, raw_value, raw))),
        field if ACCOUNT_FIELDS.contains(&field) => sink.put(path, raw, Ok(account::update(&scope, &value, raw_value, raw))),
        _ => {}
    }
    // None of the arrays, or an unknown field: the change is the event. A list that is new says more than the field it came with.
    if sink.len() == before {
        let mut lists = value.members().filter(|(name, raw)| raw.elements().is_some() && name != "contacts" && reader(name).is_none());
        let new = lists.next().filter(|_| OF_ARRAYS.contains(&&*scope.field)).map(|(name, _)| name);
        sink.put(path, raw, Ok(scope.unknown(new.as_deref().unwrap_or(&scope.field), raw)));
    }
    true
}

/// Whether a value and the copies in it hold one element, without the errors beside it.
pub(super) fn is_alone(value: &Object<'_>, mode: Mode) -> bool {
    fn count(value: &Object<'_>, mode: Mode) -> usize {
        let counts = value.members().map(|(name, raw)| match &*name {
            "errors" => 0,
            "standby" if mode == Mode::Standby => raw.object().map_or(0, |copy| count(&copy, mode)),
            name if reader(name).is_some() => raw.elements().map_or(0, |items| items.take(2).count()),
            _ => 0,
        });
        counts.sum()
    }
    count(value, mode) == 1
}

/// The known arrays of a value, in document order, and what is left beside them. Copies are mostly wrapped in `standby`. `alone`
/// says whether the change has one element, which is then what the members beside it are about.
pub(super) fn arrays<'a>(sink: &mut Sink<'_>, path: &Path<'_>, scope: &Scope<'a>, value: &Object<'a>, raw: ValueRef<'a>, alone: bool) {
    let before = sink.len();
    let known = || value.members().filter_map(|(name, raw)| Some((reader(&name)?, name, raw))).filter(|(.., raw)| !raw.is_null());
    let mut context = value.get("conversation_context").filter(|_| alone);
    for (read, name, raw) in known().filter(|(_, name, _)| name != "errors") {
        array(sink, &path.member(&name), scope, &read, raw, alone, &mut context);
    }
    for copy in value.get_all("standby").filter(|_| scope.mode == Mode::Standby) {
        let (path, before) = (path.member("standby"), sink.len());
        match copy.object() {
            Some(inner) => arrays(sink, &path, scope, &inner, copy, alone),
            None => sink.put(&path, copy, Err(NOT_AN_OBJECT)),
        }
        if sink.len() == before {
            sink.put(&path, copy, Ok(scope.unknown("standby", copy)));
        }
    }
    // Errors come last: an element may have taken them.
    for (read, name, raw) in known().filter(|(_, name, raw)| name == "errors" && !scope.has_taken(*raw)) {
        array(sink, &path.member(&name), scope, &read, raw, alone, &mut context);
    }
    let given = value.get("conversation_context").filter(|_| alone && context.is_none()).map(ValueRef::as_json);
    let is_read = |name: &str, raw: ValueRef<'_>| match name {
        "messaging_product" | "metadata" | "contacts" => true,
        "standby" => scope.mode == Mode::Standby,
        "conversation_context" => given.is_some_and(|given| std::ptr::eq(given, raw.as_json())),
        name => reader(name).is_some(),
    };
    if sink.len() > before {
        rest(sink, path, scope, raw, value, is_read);
    }
}

/// One of the known arrays. `context` goes with the first element.
fn array<'a>(
    sink: &mut Sink<'_>,
    path: &Path<'_>,
    scope: &Scope<'a>,
    read: &Reader,
    raw: ValueRef<'a>,
    alone: bool,
    context: &mut Option<ValueRef<'a>>,
) {
    let Some(items) = raw.elements() else { return sink.put(path, raw, Err(NOT_AN_ARRAY)) };
    sink.expect(items.count());
    for (index, raw) in items.enumerate() {
        if sink.is_full() {
            return;
        }
        let path = path.element(index);
        match read {
            Reader::One(read) => {
                let mut made = read(scope, raw, alone);
                if let Ok(routed) = &mut made {
                    routed.context.conversation = context.take().map(Into::into);
                }
                sink.put(&path, raw, made);
            }
            Reader::Many(read) => read(sink, &path, scope, raw),
        }
    }
}

enum Reader {
    /// An element is one event.
    One(for<'a> fn(&Scope<'a>, ValueRef<'a>, bool) -> EventResult),
    /// An element holds elements.
    Many(for<'a> fn(&mut Sink<'_>, &Path<'_>, &Scope<'a>, ValueRef<'a>)),
}

fn reader(name: &str) -> Option<Reader> {
    Some(Reader::One(match name {
        "messages" => messages::message,
        "message_echoes" => messages::echo,
        "statuses" => statuses::status,
        "errors" => error,
        "calls" => calls::call,
        "groups" => groups::group,
        "user_preferences" => preferences::preference,
        "user_actions" => account::user_action,
        "automatic_events" => account::automatic_event,
        "state_sync" => account::state_sync,
        "history" => return Some(Reader::Many(history::history)),
        _ => return None,
    }))
}

/// An error of the whole number.
fn error<'a>(scope: &Scope<'a>, raw: ValueRef<'a>, _: bool) -> EventResult {
    let obj = raw.object().ok_or(NOT_AN_OBJECT)?;
    let update = account::account_update(&scope.field, Some("error".to_owned()), vec![problem::one(raw)], Some(raw));
    Ok(scope.business_event(Event::Account(update), scope.by_bytes(raw), &obj))
}
