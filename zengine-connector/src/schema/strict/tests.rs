//! Messages handed in as JSON: every message that the model can hold is accepted, and no member is ignored.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::{
    error::{Error, ErrorKind, Violation},
    json::Document,
    message::{Capabilities, Content, InboundEvent, Message as _, OutboundMessage},
    schema::{Checks, Schema, outbound_message, schema_of},
};

static CHECKS: LazyLock<Checks> = LazyLock::new(|| Checks::new(outbound_message));
static SCHEMA: LazyLock<Schema> = LazyLock::new(outbound_message);

fn read(message: &Value) -> Result<OutboundMessage, Error> {
    let text = message.to_string();
    read_text(&text)
}

fn read_text(text: &str) -> Result<OutboundMessage, Error> {
    let others = |text: &str| match serde_json::from_str::<OutboundMessage>(text).map(|message| message.content) {
        Ok(Content::Text(text)) if text.body.is_empty() => vec![Violation::new("/content/body", "too short")],
        _ => vec![],
    };
    let parsed = serde_json::from_str(text).map_err(|error| Error::from_json(ErrorKind::MessageInvalid, "does not parse", &error));
    CHECKS.message(text, parsed, others)
}

fn said(message: &Value) -> Vec<String> {
    let error = read(message).map(drop).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    error.violations().iter().map(ToString::to_string).collect()
}

/// Values of a schema, chosen by a stream of bytes.
struct Maker<'a> {
    root: &'a Value,
    choices: std::slice::Iter<'a, u8>,
}

impl Maker<'_> {
    fn choose(&mut self, of: usize) -> usize {
        usize::from(*self.choices.next().unwrap_or(&0)) % of
    }

    fn make(&mut self, schema: &Value, depth: usize) -> Value {
        // It reads as a phone number, a user name, an opaque id and base64.
        let text = || json!("+15551230001");
        for forms in ["anyOf", "oneOf"].map(|keyword| list(schema, keyword)) {
            if !forms.is_empty() {
                let at = self.choose(forms.len());
                return self.make(&forms[at], depth);
            }
        }
        let referred = target(self.root, schema).map(|target| self.make(target, depth));
        if let Some(word) = schema.get("const") {
            return word.clone();
        }
        let mut made = match schema.get("type").and_then(|name| name.as_str().or_else(|| name.get(0)?.as_str())) {
            Some("string") if schema.get("enum").is_some() => list(schema, "enum")[self.choose(list(schema, "enum").len())].clone(),
            Some("string") => text(),
            Some("integer") => json!(1),
            Some("number") => json!(1.5),
            Some("boolean") => json!(true),
            Some("null") => Value::Null,
            Some("array") => (0..self.choose(3)).map(|_| self.make(&schema["items"], depth + 1)).collect(),
            Some("object") => Value::Object(self.members(schema, depth)),
            _ if referred.is_some() => Value::Null,
            _ => json!({ "free": { "x": [1, { "y": null }] } }),
        };
        match (&mut made, referred) {
            (Value::Object(members), Some(Value::Object(more))) => members.extend(more),
            (Value::Null, Some(referred)) => return referred,
            _ => {}
        }
        made
    }

    fn members(&mut self, schema: &Value, depth: usize) -> Map<String, Value> {
        if schema.get("properties").is_none() {
            return Map::from_iter([("any name".to_owned(), json!("text"))]);
        }
        let parts = schema["properties"].as_object().unwrap();
        let is_required = |name: &String| list(schema, "required").iter().any(|required| required == name);
        let mut members = Map::new();
        for (name, part) in parts {
            if is_required(name) || (depth < 6 && self.choose(2) == 1) {
                members.insert(name.clone(), self.make(part, depth + 1));
            }
        }
        members
    }
}

/// Messages of every kind that can be sent.
fn messages() -> impl Strategy<Value = Value> {
    prop::collection::vec(any::<u8>(), 200..201).prop_filter_map("not every text is of every kind of identity", |bytes| {
        let schema = SCHEMA.as_value();
        let made = Maker { root: schema, choices: bytes.iter() }.make(schema, 0);
        serde_json::from_value::<OutboundMessage>(made.clone()).is_ok().then_some(made)
    })
}

/// Objects with members of any name.
const OPEN: &[&str] = &["/metadata", "/opening/attributes", "/content/headers", "/content/tags"];

/// The pointers of the objects whose members are known.
fn closed(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) if !members.contains_key("free") && !OPEN.contains(&at) => {
            found.push(at.to_owned());
            members.iter().for_each(|(name, member)| closed(member, &join(at, name), found));
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(n, item)| closed(item, &format!("{at}/{n}"), found)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 20_000, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn a_message_is_accepted_as_it_is_written_and_as_it_was_read(made in messages()) {
        let message = read(&made);
        prop_assert!(message.is_ok(), "{made}: {message:?}");
        let again = serde_json::to_value(message.unwrap()).unwrap();
        prop_assert!(read(&again).is_ok(), "{again}");
    }

    #[test]
    fn a_member_added_anywhere_is_refused_with_its_pointer(made in messages(), at in any::<prop::sample::Index>()) {
        let mut places = vec![];
        closed(&made, "", &mut places);
        let place = at.get(&places);
        let mut longer = made.clone();
        longer.pointer_mut(place).unwrap()["no_such_member"] = json!("canary");
        let stored = serde_json::from_value::<OutboundMessage>(longer.clone());
        prop_assert_eq!(stored.ok(), serde_json::from_value(made).ok(), "what was stored is read without it");
        let found = said(&longer);
        prop_assert!(found.len() == 1 && found[0].starts_with(&format!("{place}/*: is not a known field (member ")), "{found:?}");
        prop_assert!(found[0].contains("; known: "), "{found:?}");
    }

    #[test]
    fn parsed_and_unparsed_json_are_checked_alike(made in messages(), at in any::<prop::sample::Index>(), other in prop::sample::select(vec![json!(1), json!({"a": []}), json!("x")])) {
        let mut places = vec![];
        closed(&made, "", &mut places);
        let mut changed = made;
        let place = at.get(&places).as_str();
        let members = changed.pointer_mut(place).unwrap().as_object_mut().unwrap();
        for member in members.values_mut().take(1) {
            *member = other.clone();
        }
        let text = changed.to_string();
        let document = Document::read(&text).unwrap();
        // The names of parsed JSON are shown, so that no place is.
        let said = |found: Vec<Violation>| found.iter().map(|violation| without_place(&violation.to_string())).collect::<Vec<_>>();
        prop_assert_eq!(said(violations(SCHEMA.as_value(), document.root())), said(violations(SCHEMA.as_value(), &changed)));
    }
}

#[test]
fn violations_say_what_was_meant_and_what_is_allowed() {
    let (to, content) = (json!("+15551230001"), json!({ "type": "text", "body": "canary" }));
    for (message, expected) in [
        (json!({ "to": to, "content": { "type": "text", "body": "canary", "preview": true } }), vec!["/content/*: is not a known field"]),
        (
            json!({ "to": to, "content": content, "replyto": "canary", "meta": 1 }),
            vec!["/*: is not a known field", "/replyto: is not a known field; did you mean reply_to?"],
        ),
        (
            json!({ "to": { "kind": "phone", "value": "+15551230001", "nam": "canary" }, "content": content }),
            vec!["/to/*: is not a known field"],
        ),
        (
            json!({ "to": { "ids": [{ "kind": "phon", "value": "+1" }] }, "content": content }),
            vec!["/to/ids/0/kind: must be one of phone, bsuid, parent_bsuid, username, wa_id, group, email, opaque; did you mean phone?"],
        ),
        (
            json!({ "to": 5, "content": content }),
            vec![
                "/to: has none of the allowed forms: string (One string whose kind is guessed), array (Identities in order of preference), \
                 object with kind and value (One identity), object with ids (All details)",
            ],
        ),
        (json!({ "to": to, "content": "canary" }), vec![r#"/content: must be an object such as {"type": "text", "body": "…"}"#]),
        (json!({ "to": to, "content": content, "metadata": { "canary": "any name" }, "+1555": 1 }), vec!["/*: is not a known field"]),
        (
            json!({ "to": to, "content": { "type": "text", "body": "x", "format": "plian" } }),
            vec!["/content/format: must be one of plain, markdown, html; did you mean plain?"],
        ),
    ] {
        // The list of known members, and the places of others, are another test's.
        let said: Vec<_> =
            said(&message).iter().map(|line| without_place(line).split("; known: ").next().unwrap_or_default().to_owned()).collect();
        assert_eq!(said, expected, "{message}");
    }
}

/// A violation without the place of a member whose name is hidden.
fn without_place(line: &str) -> String {
    match line.split_once(" (member ") {
        Some((before, rest)) => before.to_owned() + rest.split_once(')').unwrap().1,
        None => line.to_owned(),
    }
}

#[test]
fn members_whose_names_are_hidden_are_told_by_their_place_each_on_its_own() {
    let text = r#"{ "canary": 1, "to": "+15551230001", "content": { "type": "text", "body": "b", "+15551230002": 2 }, "+1555": {}, "replyto": "x" }"#;
    let error = read_text(text).unwrap_err();
    let said: Vec<_> = error.violations().iter().map(ToString::to_string).collect();
    let begins = [
        "/*: is not a known field (member 1 of 5); known: ",
        "/*: is not a known field (member 4 of 5); known: ",
        "/content/*: is not a known field (member 3 of 3)",
    ];
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(begins.iter().zip(&said).all(|(begin, line)| line.starts_with(begin)), "{said:?}");
    assert_eq!(said[3], "/replyto: is not a known field; did you mean reply_to?");
    assert!(!said.concat().contains("canary") && !said.concat().contains("+1555"), "{said:?}");
}

#[cfg(feature = "schema-validation")]
#[test]
fn a_nested_form_knows_the_members_around_it_and_is_told_by_its_own_tag() {
    let of = |content: Value| said(&json!({ "to": "+15551230001", "content": content }));
    let flow = json!({ "type": "interactive", "kind": "flow", "body": "b", "flow_id": "1" });
    assert_eq!(of(flow.clone()), ["/content/label: is required"]);
    let mut more = flow;
    more["lable"] = json!("canary");
    assert_eq!(of(more), ["/content/label: is required", "/content/lable: is not a known field; did you mean label?"]);
    let found = of(json!({ "type": "interactive", "kind": "button", "body": "b", "buttons": [{ "id": "1", "title": "t" }] }));
    let [kind] = &found[..] else { panic!("{found:?}") };
    assert!(kind.starts_with("/content/kind: must be one of ") && kind.ends_with("; did you mean buttons?"), "{kind}");
    let template = json!({ "type": "template", "name": "n", "language": "l", "components": [{ "type": "BODY", "parameters": [] }] });
    assert!(of(template)[0].ends_with("; did you mean body?"));
    let header = json!({ "type": "interactive", "kind": "buttons", "header": "H", "body": "b", "buttons": [] });
    assert_eq!(of(header), [r#"/content/header: must be an object such as {"type": "text", "text": "…"}"#]);
}

#[test]
fn a_value_that_its_type_refuses_has_a_pointer_and_hides_no_other_violation() {
    const PHONE: &str = "a phone number is + and 1 to 15 digits, without a leading zero";
    let empty = json!({ "type": "text", "body": "" });
    for (to, refused) in [
        (json!("+0155"), format!("/to: {PHONE}")),
        (json!("+1555-123-CANARY"), format!("/to: {PHONE}")),
        (json!("tel:15551230001"), format!("/to: {PHONE}")),
        (json!({ "kind": "phone", "value": "15551230001" }), format!("/to/value: {PHONE}")),
        (json!([{ "kind": "phone", "value": "1" }]), format!("/to/0/value: {PHONE}")),
        (
            json!({ "ids": [{ "kind": "username", "value": "ana" }, { "kind": "phone", "value": "1" }] }),
            format!("/to/ids/1/value: {PHONE}"),
        ),
        (json!(""), "/to: an identity is 1 to 512 bytes without control characters".to_owned()),
    ] {
        assert_eq!(said(&json!({ "to": to, "content": empty })), ["/content/body: too short".to_owned(), refused], "{to}");
    }
    let media = |more: Value| {
        let mut media = json!({ "type": "media", "kind": "image", "source": { "type": "handle", "id": "1" } });
        media.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        said(&json!({ "to": "+0", "content": media, "replyto": "x" }))
    };
    let to = format!("/to: {PHONE}");
    let inline = |data: &str| media(json!({ "source": { "type": "inline", "data": data } }));
    for data in ["data:image/png;base64,iVBORw0KGgo=", "iVBORw0KGgo", "_-__", "iVBO\nRw0K", " iVBO"] {
        let base64 = "/content/source/data: must be base64 of the standard alphabet with padding, without a prefix, spaces or line breaks";
        assert_eq!(inline(data), [base64, "/replyto: is not a known field; did you mean reply_to?", &to], "{data}");
    }
    let whole = "must be a whole number, without a fraction or an exponent";
    for (more, refused) in [
        (json!({ "bytes": 1.0 }), format!("/content/bytes: {whole}")),
        (json!({ "bytes": -1 }), "/content/bytes: must be a whole number from 0 to 18446744073709551615".to_owned()),
        (json!({ "source": { "type": "url", "url": "u", "expires_at_ms": 1e30 } }), format!("/content/source/expires_at_ms: {whole}")),
    ] {
        assert_eq!(media(more), [refused, "/replyto: is not a known field; did you mean reply_to?".to_owned(), to.clone()]);
    }
}

#[test]
fn a_member_that_comes_twice_is_refused_wherever_it_is() {
    let read = |text: &str| {
        let error = read_text(text).map(drop).unwrap_err();
        error.violations().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let content = r#""content": {"type": "text", "body": "canary"}"#;
    assert_eq!(read(&format!(r#"{{"to": "+15551230001", "to": "+15551230002", {content}}}"#)), ["/to: is there twice"]);
    assert_eq!(read(r#"{"to": "+15551230001", "content": {"type": "text", "body": "a", "body": "b"}}"#), ["/content/body: is there twice"]);
    let metadata = r#""metadata": {"canary": "a", "canary": "b"}"#;
    assert_eq!(read(&format!(r#"{{"to": "+15551230001", {content}, {metadata}}}"#)), ["/metadata/*: is there twice"]);
}

#[test]
fn only_what_can_be_sent_is_listed() {
    for content in [json!({ "type": "txet" }), json!({}), json!({ "type": "order" }), json!({ "type": "compound", "parts": [] })] {
        let found = said(&json!({ "to": "+15551230001", "content": content }));
        let [listed] = &found[..] else { panic!("{found:?}") };
        assert!(listed.starts_with("/content/type: "), "{listed}");
        assert!(listed.contains("one of text, media, location") && listed.contains("native"), "{listed}");
        for arrives in ["order", "flow_reply", "system", "unknown", "compound"] {
            assert!(!listed.contains(arrives), "{listed}");
        }
    }
}

/// The mark in the schema and the rule of the check are one list.
#[test]
fn kinds_that_are_marked_as_arriving_are_those_that_no_channel_sends() {
    let schema = schema_of::<InboundEvent>();
    let kinds = schema.as_value()["$defs"]["Content"]["oneOf"].as_array().unwrap();
    for kind in kinds {
        let made = (0..=255_u8).find_map(|first| {
            let bytes: Vec<_> = (0..100_u8).map(|n| first.wrapping_add(n)).collect();
            let made = Maker { root: schema.as_value(), choices: bytes.iter() }.make(kind, 5);
            serde_json::from_value::<Content>(made).ok()
        });
        let content = made.unwrap_or_else(|| panic!("{kind}"));
        let name = content.kind();
        let found = OutboundMessage::new(crate::Identity::phone("+15551230001").unwrap(), content)
            .validate(&Capabilities::NONE)
            .err()
            .unwrap_or_default();
        let refused = found.iter().any(|violation| {
            violation.pointer == "/content"
                && (violation.message.contains("only arrives") || violation.message == "a message holds one content")
        });
        assert_eq!(kind.get("x-arrives").is_some(), refused, "{name}: {found:?}");
    }
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    let schema =
        json!({ "$ref": "#/$defs/a", "$defs": { "a": { "anyOf": [{ "$ref": "#/$defs/a" }, { "allOf": [{ "$ref": "#/$defs/a" }] }] } } });
    assert_eq!(violations(&schema, &json!({ "x": [[[1]]] })), []);
}

#[test]
fn of_very_many_violations_some_are_said() {
    let message: Map<_, _> = (0..100_000).map(|n| (format!("n{n}"), json!(n))).collect();
    let found = violations(SCHEMA.as_value(), &Value::Object(message));
    assert_eq!(found.len(), MAX_FOUND + 1);
}
