//! Whatever arrives: nothing panics, nothing is lost, and what is unreadable costs no neighbour.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    fixtures::bodies,
    support::{body, normalize, value},
};

#[test]
fn ten_poisoned_elements_cost_no_neighbour() {
    let poison = [json!(null), json!("x"), json!([]), json!(7), json!({"type": 7}), json!({"id": "1", "type": ["text"]})];
    let messages: Vec<Value> = (0..1_000)
        .map(|n| match n % 100 {
            42 => poison[n / 100 % poison.len()].clone(),
            _ => json!({"id": format!("wamid.{n}"), "from": "15551230001", "type": "text", "text": {"body": n.to_string()}}),
        })
        .collect();
    let results = normalize(body("messages", value("messages", json!(messages))).to_string());
    assert_eq!(results.len(), 1_000);
    for (n, result) in results.iter().enumerate() {
        match result {
            Ok(event) => assert_eq!(event.provider_ids[0].as_str(), format!("wamid.{n}")),
            Err(error) => assert_eq!((n % 100, error.path.as_str()), (42, format!("/entry/0/changes/0/value/messages/{n}").as_str())),
        }
    }
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 10);
}

#[test]
fn bytes_that_are_not_utf8_cost_their_element_only() {
    let text = |body: &str| json!({"id": "wamid.1", "type": "text", "text": {"body": body}});
    let whole = body("messages", value("messages", json!([text("one"), text("BAD"), text("three")]))).to_string();
    let broken: Vec<u8> = whole.into_bytes();
    let at = broken.windows(3).position(|window| window == b"BAD").unwrap();
    let mut broken = broken;
    broken[at..at + 3].copy_from_slice(b"\xff\xfe\x80");
    let results = normalize(broken.clone());
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    let error = results[1].as_ref().unwrap_err();
    assert_eq!((error.path.as_str(), error.reason), ("/entry/0/changes/0/value/messages/1", "not UTF-8"));
    assert!(error.raw.windows(3).any(|window| window == b"\xff\xfe\x80"), "the exact bytes");
    assert!(results[2].as_ref().unwrap().raw.ends_with(br#""type":"text"}"#));
}

#[test]
fn a_body_that_is_not_json_is_one_unreadable_element() {
    for body in ["", " ", "not json", "{", r#"{"object":"whatsapp_business_account","entry":[}"#, "{}{}", "\u{0}"] {
        let results = normalize(body);
        assert_eq!(results.len(), 1, "{body}");
        let error = results[0].as_ref().unwrap_err();
        assert_eq!((error.path.as_str(), error.reason, &*error.raw), ("", "not JSON", body.as_bytes()));
    }
}

#[test]
fn raw_is_a_view_into_the_body_and_no_copy() {
    for body in bodies().into_values() {
        let body = Bytes::from(body);
        let range = body.as_ptr_range();
        for result in normalize(body.clone()) {
            let raw = result.map_or_else(|error| error.raw, |event| event.raw);
            assert!(range.contains(&raw.as_ptr()));
        }
    }
}

/// How many elements a body has, counted on the parsed tree.
mod count {
    use serde_json::Value;

    const ARRAYS: &[&str] = &[
        "messages",
        "message_echoes",
        "statuses",
        "errors",
        "calls",
        "groups",
        "user_preferences",
        "user_actions",
        "automatic_events",
        "state_sync",
        "history",
    ];
    const FIELDS: &[&str] = &[
        "messages",
        "message_echoes",
        "smb_message_echoes",
        "history",
        "calls",
        "user_preferences",
        "automatic_events",
        "smb_app_state_sync",
        "group_lifecycle_update",
        "group_participants_update",
        "group_settings_update",
        "group_status_update",
        "standby",
    ];

    fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
        value.get(name).filter(|value| !value.is_null())
    }

    /// The elements of a list, one where it is no list, and what is left beside it. An object without the list, or with an empty one,
    /// counts as a whole.
    fn within(value: &Value, name: &str, each: impl Fn(&Value) -> usize, read: &[&str]) -> usize {
        match member(value, name) {
            None => 1,
            Some(Value::Array(items)) if items.is_empty() => 1,
            Some(Value::Array(items)) => items.iter().map(each).sum::<usize>() + left(value, read),
            Some(_) => 1 + left(value, read),
        }
    }

    pub(super) fn body(value: &Value) -> usize {
        let known = member(value, "object").is_none_or(|object| object == "whatsapp_business_account");
        if value.is_object() && known { within(value, "entry", entry, &["object", "entry"]) } else { 1 }
    }

    fn entry(value: &Value) -> usize {
        if value.is_object() { within(value, "changes", change, &["id", "time", "changes"]) } else { 1 }
    }

    fn change(change: &Value) -> usize {
        let Some(value) = member(change, "value") else { return 1 };
        let guess = if member(value, "messages").or(member(value, "statuses")).is_some() { "messages" } else { "" };
        let field = match member(change, "field") {
            None => guess,
            Some(field) => field.as_str().unwrap_or_default(),
        };
        if !FIELDS.contains(&field) {
            return 1;
        }
        match arrays(value, field == "standby") {
            0 => 1,
            elements => elements + left(change, &["field", "value"]),
        }
    }

    /// The members of an object that no reader takes.
    fn left(value: &Value, read: &[&str]) -> usize {
        let members = value.as_object().into_iter().flatten();
        members.filter(|(name, value)| !value.is_null() && !read.contains(&name.as_str())).count()
    }

    fn arrays(value: &Value, standby: bool) -> usize {
        let all = ARRAYS.iter().filter_map(|name| Some((*name, member(value, name)?)));
        let elements = all.map(|(name, list)| match list {
            Value::Array(items) if name == "history" => items.iter().map(chunk).sum(),
            Value::Array(items) => items.len(),
            _ => 1,
        });
        let copy = member(value, "standby").filter(|_| standby).map_or(0, |copy| arrays(copy, true).max(1));
        let count = elements.sum::<usize>() + copy;
        let mut read = [ARRAYS, &["messaging_product", "metadata", "contacts"]].concat();
        read.extend(standby.then_some("standby"));
        if count == 0 { 0 } else { count + left(value, &read) }
    }

    /// The errors beside elements, which an element may take: then they are no events.
    pub(super) fn errors(body: &Value) -> usize {
        let values = |name: &'static str| move |value: &Value| value[name].as_array().cloned().unwrap_or_default();
        let of = |value: &Value| values("errors")(value).len() + values("errors")(&value["standby"]).len();
        values("entry")(body).iter().flat_map(values("changes")).map(|change| of(&change["value"])).sum()
    }

    fn chunk(chunk: &Value) -> usize {
        let count = |name: &str, each: fn(&Value) -> usize| match member(chunk, name) {
            Some(Value::Array(items)) => items.iter().map(each).sum(),
            Some(_) => 1,
            None => 0,
        };
        let elements = count("threads", thread) + count("errors", |_| 1) + usize::from(member(chunk, "metadata").is_some());
        if elements == 0 { 1 } else { elements + left(chunk, &["threads", "errors", "metadata"]) }
    }

    fn thread(thread: &Value) -> usize {
        within(thread, "messages", |_| 1, &["id", "context", "messages"])
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "object",
        "entry",
        "changes",
        "field",
        "value",
        "messages",
        "statuses",
        "errors",
        "type",
        "text",
        "id",
        "from",
        "history",
        "threads",
        "standby",
        "whatsapp_business_account",
        "metadata",
        "phone_number_id",
        "contacts",
        "image",
        "interactive",
        "edit",
        "é",
        "",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
        words.clone().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(7, 80, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(words.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|members: BTreeMap<_, _>| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Removes, replaces, doubles or renames one node of a tree, counted in document order.
fn mutate(value: &mut Value, at: &mut usize, with: &Value, how: u8) -> bool {
    if *at == 0 {
        *value = with.clone();
        return true;
    }
    *at -= 1;
    match value {
        Value::Array(items) => {
            for index in 0..items.len() {
                if *at == 0 && how.is_multiple_of(3) {
                    items.remove(index);
                    return true;
                }
                if *at == 0 && how % 3 == 1 {
                    items.insert(index, with.clone());
                    return true;
                }
                if mutate(&mut items[index], at, with, how) {
                    return true;
                }
            }
        }
        Value::Object(members) => {
            for name in members.keys().cloned().collect::<Vec<_>>() {
                if *at == 0 && how.is_multiple_of(3) {
                    members.remove(&name);
                    return true;
                }
                if *at == 0 && how % 3 == 1 {
                    let old = members.remove(&name).unwrap_or_default();
                    members.insert("renamed".to_owned(), old);
                    return true;
                }
                if members.get_mut(&name).is_some_and(|member| mutate(member, at, with, how)) {
                    return true;
                }
            }
        }
        _ => {}
    }
    false
}

fn nodes(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(nodes).sum::<usize>(),
        Value::Object(members) => members.values().map(nodes).sum(),
        _ => 0,
    }
}

fn check(body: &Value) -> Result<(), TestCaseError> {
    let text = body.to_string();
    let results = normalize(text.clone());
    let (count, taken) = (count::body(body), count::errors(body));
    prop_assert!((count.saturating_sub(taken)..=count).contains(&results.len()), "{} of {count}: {text}", results.len());
    for result in results {
        match result {
            Ok(event) => {
                prop_assert!(!event.dedup.is_empty());
                // What a host stores, it can read back.
                let json = serde_json::to_string(&event.event).unwrap();
                prop_assert!(serde_json::from_str::<zengine_connector::Event>(&json).is_ok(), "{}", json);
            }
            Err(error) => {
                let place = body.pointer(&error.path);
                let raw: Value = serde_json::from_slice(&error.raw).unwrap();
                prop_assert_eq!(place, Some(&raw), "{}", error.path);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_json_gives_as_many_results_as_it_has_elements(value in any_json()) {
        check(&value)?;
    }

    #[test]
    fn changed_webhooks_give_as_many_results_as_they_have_elements(
        name in prop::sample::select(bodies().into_keys().collect::<Vec<_>>()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any_json(), any::<u8>()), 1..4),
    ) {
        let mut body: Value = serde_json::from_str(&bodies()[&name]).unwrap();
        for (place, with, how) in changes {
            let mut at = place.index(nodes(&body));
            mutate(&mut body, &mut at, &with, how);
        }
        check(&body)?;
    }

    #[test]
    fn no_bytes_panic(
        name in prop::sample::select(bodies().into_keys().collect::<Vec<_>>()),
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
        cut in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        prop_assert_eq!(normalize(bytes.clone()).len(), 1);
        let mut body = bodies()[&name].clone().into_bytes();
        for (place, byte) in noise {
            let at = place.index(body.len());
            body[at] = byte;
        }
        prop_assert!(!normalize(body.clone()).is_empty());
        body.truncate(cut.index(body.len()));
        prop_assert!(!normalize(body).is_empty());
    }
}
