//! Variants of JSON: the same value in other bytes, and slightly changed values.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    message::{ElementError, EventSource, Party},
    strategy::RoutedEvent,
};

/// The name of a member that no provider has.
pub(crate) const MEMBER: &str = "kit_unknown";
/// A placeholder for another JSON value.
const MARK: &str = "kit: another value";

/// Escapes every character outside ASCII as `\uXXXX` and every slash in a string as `\/`, as PHP and several providers do.
pub(crate) fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_string, mut after_backslash) = (false, false);
    for char in json.chars() {
        match char {
            '/' if in_string && !after_backslash => out.push_str("\\/"),
            char if !char.is_ascii() => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            char => {
                in_string ^= char == '"' && !after_backslash;
                out.push(char);
            }
        }
        after_backslash = char == '\\' && !after_backslash;
    }
    out
}

/// Adds white space wherever JSON allows it between tokens.
pub(crate) fn spaced(json: &str) -> String {
    let mut out = String::with_capacity(2 * json.len());
    let (mut in_string, mut after_backslash) = (false, false);
    for char in json.chars() {
        in_string ^= char == '"' && !after_backslash;
        after_backslash = in_string && char == '\\' && !after_backslash;
        match char {
            '{' | '[' | ',' | ':' if !in_string => {
                out.push(char);
                out.push_str(" \n\t ");
            }
            '}' | ']' if !in_string => {
                out.push(' ');
                out.push(char);
            }
            char => out.push(char),
        }
    }
    out
}

/// Adds a member at the front of a JSON object, with its value as text. `None` if it is not an object.
pub(crate) fn with_member(json: &str, name: &str, value: &str) -> Option<String> {
    let rest = json.trim_start().strip_prefix('{')?;
    let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
    Some(format!("{{\"{name}\":{value}{comma}{rest}"))
}

/// Adds a member with a placeholder to an element; [`unmarked`] inserts the value. `None` if it is not an object.
pub(crate) fn marked(mut element: Value) -> Option<Value> {
    element.as_object_mut()?.insert(MEMBER.to_owned(), MARK.into());
    Some(element)
}

/// Inserts a value at the placeholder of [`marked`].
pub(crate) fn unmarked(body: &str, value: &str) -> String {
    body.replace(&format!("\"{MARK}\""), value)
}

/// One body for each value in it, with `other` in that value's place. Empty if the body is not JSON.
pub(crate) fn with_each_value(body: &str, other: &str) -> Vec<String> {
    let Ok(value) = serde_json::from_str::<Value>(body) else { return vec![] };
    let mut pointers = Vec::new();
    collect(&value, String::new(), &mut pointers);
    let with = |pointer: &String| {
        let mut changed = value.clone();
        *changed.pointer_mut(pointer)? = MARK.into();
        Some(unmarked(&changed.to_string(), other))
    };
    pointers.iter().filter_map(with).collect()
}

fn collect(value: &Value, at: String, into: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().enumerate().for_each(|(n, item)| collect(item, format!("{at}/{n}"), into)),
        Value::Object(members) => {
            for (name, member) in members {
                collect(member, format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), into);
            }
        }
        _ => {}
    }
    into.push(at);
}

/// Whether a dead letter of an element holds these bytes.
pub(crate) fn kept(letter: &Value, bytes: &[u8]) -> bool {
    if let Some(raw) = letter.get("raw") {
        return serde_json::from_slice::<Value>(bytes).is_ok_and(|value| value == *raw);
    }
    decoded(letter).is_some_and(|raw| raw == bytes)
}

/// Whether a dead letter of an element holds a part of these bytes that is not JSON.
pub(crate) fn kept_part(letter: &Value, bytes: &[u8]) -> bool {
    decoded(letter).is_some_and(|raw| !raw.is_empty() && bytes.windows(raw.len()).any(|part| part == raw))
}

fn decoded(letter: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(letter["raw_base64"].as_str()?).ok()
}

/// The result of `normalize` for one element, without its bytes and empty members.
pub(crate) fn printed(read: &Result<RoutedEvent, ElementError>) -> Value {
    let event = match read {
        Err(error) => return json!({ "path": error.path, "reason": error.reason }),
        Ok(event) => event,
    };
    let ids = |party: &Party| Value::from(party.ids.iter().map(ToString::to_string).collect::<Vec<_>>());
    let mut printed = json!({ "event": event.event, "dedup": event.dedup });
    let more = [
        ("context", json!(event.context)),
        ("routes", event.routes.iter().map(|route| format!("{}:{}", route.kind(), route.value())).collect()),
        ("fan_out", event.fan_out.into()),
        ("from", ids(&event.from)),
        ("from_name", event.from.name.clone().into()),
        ("to", event.to.iter().map(ids).collect()),
        ("conversation", json!(event.conversation)),
        ("sender", json!(event.sender)),
        ("sequence", event.sequence.into()),
        ("source", json!((event.source != EventSource::Provider).then_some(event.source))),
        ("provider_ids", json!(event.provider_ids)),
        ("occurred_at_ms", event.occurred_at_ms.into()),
        ("reference", json!(event.reference)),
        ("context", json!(event.context)),
    ];
    for (name, value) in more {
        if !matches!(&value, Value::Null | Value::Bool(false)) && value != json!([]) && value != json!({}) {
            printed[name] = value;
        }
    }
    printed
}

/// The bytes of a request that name its event: the body, or the query if there is none.
pub(crate) fn content(request: &http::Request<Bytes>) -> Bytes {
    match request.uri().query() {
        Some(query) if request.body().is_empty() => Bytes::copy_from_slice(query.as_bytes()),
        _ => request.body().clone(),
    }
}

/// A request with other bytes of this kind. `None` if they are no query.
pub(crate) fn with_content(request: &http::Request<Bytes>, bytes: Bytes) -> Option<http::Request<Bytes>> {
    let mut changed = request.clone();
    if request.body().is_empty() && request.uri().query().is_some() {
        let query = std::str::from_utf8(&bytes).ok()?;
        *changed.uri_mut() = format!("{}?{query}", request.uri().path()).parse().ok()?;
    } else {
        *changed.body_mut() = bytes;
    }
    Some(changed)
}

/// Other values than a token: parts of it, longer ones, and none.
pub(crate) fn other_tokens(token: &str) -> Vec<String> {
    let half = token[..token.len() / 2].to_owned();
    let mut tokens = vec![String::new(), half, token[1..].to_owned(), format!("{token}0"), token.to_uppercase(), "%00".to_owned()];
    tokens.retain(|other| other != token);
    tokens
}

/// A request with another value of a header, or without the header.
pub(crate) fn with_header(request: &http::Request<Bytes>, name: &'static str, value: Option<&str>) -> Option<http::Request<Bytes>> {
    let mut changed = request.clone();
    changed.headers_mut().remove(name);
    if let Some(value) = value {
        changed.headers_mut().insert(name, http::HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    Some(changed)
}

/// A header of a request as text.
pub(crate) fn header_of(request: &http::Request<Bytes>, name: &str) -> Option<String> {
    request.headers().get(name)?.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_json_in_other_bytes_is_the_same_json() {
        let json = r#"{"a/b":"é 😀 \"q\" \\/ \\","n":[1.10,{},[]],"s":" : , { "}"#;
        let value: Value = serde_json::from_str(json).unwrap();
        for other in [escaped(json), spaced(json), spaced(&escaped(json))] {
            assert_eq!(serde_json::from_str::<Value>(&other).unwrap(), value, "{other}");
            assert_ne!(other, json);
        }
        assert!(escaped(json).is_ascii());
    }

    #[test]
    fn a_member_is_added_to_objects_only() {
        assert_eq!(with_member("{}", "x", "1").as_deref(), Some(r#"{"x":1}"#));
        assert_eq!(with_member(r#"{"a":2}"#, "x", "1").as_deref(), Some(r#"{"x":1,"a":2}"#));
        assert_eq!(with_member("[]", "x", "1"), None);
        let element = marked(json!({ "a": 1 })).unwrap();
        assert_eq!(unmarked(&json!([element]).to_string(), "1.10"), r#"[{"a":1,"kit_unknown":1.10}]"#);
        assert!(marked(json!(7)).is_none());
    }

    #[test]
    fn each_value_is_replaced_once() {
        let bodies = with_each_value(r#"{"a":[1,"x"],"b~/":{}}"#, "1e999");
        let expected = [
            r#"{"a":[1e999,"x"],"b~/":{}}"#,
            r#"{"a":[1,1e999],"b~/":{}}"#,
            r#"{"a":1e999,"b~/":{}}"#,
            r#"{"a":[1,"x"],"b~/":1e999}"#,
            "1e999",
        ];
        assert_eq!(bodies, expected);
    }
}
