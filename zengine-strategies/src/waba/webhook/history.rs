//! Older conversations of a number, delivered when it is connected.

use zengine_connector::Event;

use super::account::account_update;
use super::messages;
use super::scope::Scope;
use super::sink::{NOT_AN_ARRAY, NOT_AN_OBJECT, Path, Sink, elements, rest};
use crate::waba::identity::{Keys, Names};
use crate::waba::json::ValueRef;
use crate::waba::problem;

/// An element of `history`: a chunk of threads, each with its messages, and its progress. A chunk or thread without any is itself
/// the event.
pub(super) fn history<'a>(sink: &mut Sink<'_>, path: &Path<'_>, scope: &Scope<'a>, raw: ValueRef<'a>) {
    let Some(chunk) = raw.object() else { return sink.put(path, raw, Err(NOT_AN_OBJECT)) };
    let before = sink.len();
    for (name, list) in chunk.members().filter(|(name, raw)| matches!(&**name, "threads" | "errors") && !raw.is_null()) {
        let path = path.member(&name);
        let Some(items) = list.elements() else {
            sink.put(&path, list, Err(NOT_AN_ARRAY));
            continue;
        };
        for (index, raw) in items.enumerate() {
            if sink.is_full() {
                return;
            }
            let path = path.element(index);
            match &*name {
                "threads" => thread(sink, &path, scope, raw),
                // The person declined to share, or a chunk failed.
                _ if raw.object().is_none() => sink.put(&path, raw, Err(NOT_AN_OBJECT)),
                _ => sink.put(&path, raw, Ok(notice(scope, "error", raw))),
            }
        }
    }
    let mut steps = chunk.get_all("metadata").enumerate().peekable();
    // A later synchronisation makes the same progress, so the key is that of the whole.
    let key = if steps.peek().is_some() { scope.by_bytes(raw) } else { String::new() };
    for (index, metadata) in steps {
        if sink.is_full() {
            return;
        }
        let mut progress = notice(scope, "progress", metadata);
        progress.dedup = if index == 0 { format!("{key}|metadata") } else { format!("{key}|metadata|{index}") };
        sink.put(&path.member("metadata"), metadata, Ok(progress));
    }
    if sink.len() == before {
        return sink.put(path, raw, Ok(notice(scope, "progress", raw)));
    }
    rest(sink, path, scope, raw, &chunk, |name, _| matches!(name, "threads" | "errors" | "metadata"));
}

fn thread<'a>(sink: &mut Sink<'_>, path: &Path<'_>, scope: &Scope<'a>, raw: ValueRef<'a>) {
    let Some(thread) = raw.object() else { return sink.put(path, raw, Err(NOT_AN_OBJECT)) };
    let mut with = thread.object("context").map_or_else(Names::default, |context| Names::read(&context, &Keys::PERSON));
    with = Names::read(&thread, &Keys::THREAD).or(&with);
    if !elements(sink, path, &thread, "messages", |sink, path, raw| sink.put(path, raw, messages::old(scope, raw, &with))) {
        return sink.put(path, raw, Ok(notice(scope, "thread", raw)));
    }
    rest(sink, path, scope, raw, &thread, |name, _| matches!(name, "id" | "context" | "messages"));
}

fn notice(scope: &Scope<'_>, event: &str, raw: ValueRef<'_>) -> zengine_connector::strategy::RoutedEvent {
    let errors = if event == "error" { vec![problem::one(raw)] } else { vec![] };
    let update = account_update(&scope.field, Some(event.to_owned()), errors, Some(raw));
    scope.event(Event::Account(update), scope.by_bytes(raw))
}
