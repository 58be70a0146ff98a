//! Properties of `zengine_connector::json` over any bytes. The fuzz target in `fuzz/` runs the same function.

use serde_json::Value;
use zengine_connector::{
    json::{Document, Limits, Object, Unread, ValueRef, check_depth, text_of},
    message::RawJson,
};

/// Reads bytes in every way.
///
/// # Panics
/// If a property does not hold.
pub(crate) fn check(body: &[u8]) {
    let _ = Limits::DEFAULT.check(body);
    let text = text_of(body);
    assert_eq!(text.len(), body.len(), "every byte keeps its place");
    if let Ok(whole) = std::str::from_utf8(body) {
        assert_eq!(whole, text);
    }
    embedding(&text);

    let document = Document::read(&text);
    let any = serde_json::from_str::<serde::de::IgnoredAny>(&text);
    match document {
        Ok(document) => {
            assert!(any.is_ok(), "serde_json refuses it");
            let everything = Limits { name_bytes: usize::MAX, ..Limits::DEFAULT };
            assert_eq!(everything.check(text.as_bytes()), Ok(()), "it is within the limits");
            let values = walk(document.root(), 0..text.len());
            assert!(values <= text.len(), "no more values than bytes: the memory is linear");
            // serde_json refuses half surrogate pairs and numbers beyond a double.
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                same(document.root(), &value);
            }
        }
        Err(Unread::NotJson) => assert!(any.is_err(), "serde_json reads it"),
        Err(Unread::TooDeep) => assert!(check_depth(text.as_bytes(), Limits::DEFAULT.json_depth).is_err()),
        Err(Unread::TooLarge) => assert!(text.len() >= Limits::DEFAULT.json_items),
    }
}

/// JSON that may be embedded is read again; other JSON becomes text.
fn embedding(text: &str) {
    let carried = RawJson::lenient(text);
    let value = carried.parse::<Value>().expect("it is read again");
    match RawJson::from_text(text) {
        Ok(json) => {
            assert_eq!(json.as_str(), text.trim_matches([' ', '\n', '\t', '\r']), "it is that text");
            let document = format!("[{json_text},{json_text}]", json_text = json.as_str());
            assert_eq!(serde_json::from_str::<Vec<Value>>(&document).expect("it can be embedded"), [value.clone(), value]);
        }
        Err(_) => assert_eq!(value, Value::from(text)),
    }
}

/// Looks at every value in every way; returns how many there are.
fn walk(value: ValueRef<'_>, around: std::ops::Range<usize>) -> usize {
    let range = value.range();
    assert!(range.start < range.end && around.start <= range.start && range.end <= around.end, "{range:?} is in {around:?}");
    assert_eq!(value.as_json().len(), range.len());
    let kinds = [value.object().is_some(), value.elements().is_some(), value.string().is_some(), value.is_null()];
    assert!(kinds.iter().filter(|is| **is).count() <= 1, "a value is of one kind");
    let _ = value.text();
    let inside = range.start + 1..range.end.saturating_sub(1);
    let elements: usize = value.elements().into_iter().flatten().map(|element| walk(element, inside.clone())).sum();
    let object = value.object().unwrap_or_default();
    let members: usize = object.members().map(|(name, member)| 1 + look_up(&object, &name) + walk(member, inside.clone())).sum();
    1 + elements + members
}

/// Every look-up of one name; it counts no value.
fn look_up(object: &Object<'_>, name: &str) -> usize {
    let last = object.members().filter(|(other, _)| other == name).last().map(|(_, member)| member.range());
    assert_eq!(object.get(name).map(ValueRef::range), last.filter(|_| object.get(name).is_some()), "the last of a name");
    let _ = (object.integer(name), object.number(name), object.boolean(name), object.time_ms(name), object.owned_text(name));
    assert_eq!(object.object(name).is_some(), object.get(name).and_then(ValueRef::object).is_some());
    0
}

/// A value is what `serde_json` takes it for.
fn same(value: ValueRef<'_>, expected: &Value) {
    match expected {
        Value::Null => assert!(value.is_null()),
        Value::Bool(is) => assert_eq!(value.as_json(), is.to_string()),
        Value::Number(_) => {
            assert_eq!(value.text().as_deref(), Some(value.as_json()));
            assert_eq!(serde_json::from_str::<Value>(value.as_json()).ok().as_ref(), Some(expected));
        }
        Value::String(text) => assert_eq!(value.string().as_deref(), Some(&**text)),
        Value::Array(items) => {
            let elements: Vec<_> = value.elements().expect("an array").collect();
            assert_eq!(elements.len(), items.len());
            elements.into_iter().zip(items).for_each(|(element, item)| same(element, item));
        }
        Value::Object(members) => {
            let object = value.object().expect("an object");
            for (name, member) in members {
                // Of a repeated name, serde_json also keeps the last.
                match object.get(name) {
                    Some(found) => same(found, member),
                    None => assert!(object.members().any(|(other, value)| other == *name && value.is_null())),
                }
            }
            assert!(object.members().all(|(name, _)| members.contains_key(&*name)));
        }
    }
}
