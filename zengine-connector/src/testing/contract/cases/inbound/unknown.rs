//! What the provider invented after the strategy was written.

use super::prelude::*;
use crate::message::{Content, Event};

/// Fields that nobody knows are ignored and survive in `raw`, their numbers as they were written.
pub(crate) async fn unknown_fields_are_ignored_and_kept(kit: &Shared) -> Done {
    let value = r#"{"big":12345678901234567890123,"decimal":1.10,"exponent":1E+2}"#;
    let inbox = Inbox::new(kit);
    let Some(element) = vary::marked(kit.element(1)) else { return Err(Skipped::needs("elements that are JSON objects")) };
    let body = vary::unmarked(&inbox.body(0, vec![element]), value);
    let Some(body) = vary::with_member(&body, "kit_unknown", "[null]") else { return Err(Skipped::needs("bodies that are JSON objects")) };
    let received = inbox.bytes(0, body).await;
    assert_taken(&received, "an element with a field that nobody knows");
    let seen = inbox.seen();
    assert_eq!(seen.len(), 1, "an element with a field that nobody knows gave no event: ignore unknown fields");
    let raw = String::from_utf8_lossy(&seen[0].raw);
    assert!(raw.contains(vary::MEMBER), "a field that nobody knows is lost: raw must be the bytes that arrived");
    assert!(raw.contains(value), "numbers in raw are not spelled as they arrived: do not write the JSON anew");
    let json = serde_json::to_string(&seen[0]).unwrap();
    assert!(json.contains(value), "numbers in the event's JSON are not spelled as they arrived");
    Ok(())
}

/// A type that nobody knows is an event of type Unknown with its bytes, not an error and not nothing.
pub(crate) async fn unknown_types_become_events(kit: &Shared) -> Done {
    for (n, element) in kit.inbound().unknown.iter().enumerate() {
        let inbox = Inbox::new(kit);
        let received = inbox.elements(0, vec![element.clone()]).await;
        assert_taken(&received, "an element of a type that nobody knows");
        let letters = inbox.letters().await.len();
        assert_eq!(letters, 0, "unknown element no. {n} became an element error: make it an event of type Unknown");
        let seen = inbox.seen();
        assert_eq!(seen.len(), 1, "unknown element no. {n} gave {} events: make it one of type Unknown", seen.len());
        let word = match &seen[0].event {
            Event::Unknown { provider_type } => Some(provider_type),
            event => match content(event) {
                Some(Content::Unknown { provider_type }) => Some(provider_type),
                _ => None,
            },
        };
        let Some(word) = word else { panic!("unknown element no. {n} became an event of type {}, not Unknown", seen[0].event.kind()) };
        assert!(element.to_string().contains(word.as_str()), "provider_type of unknown element no. {n} is not the provider's word");
        let raw = serde_json::from_slice::<serde_json::Value>(&seen[0].raw).unwrap_or_default();
        assert!(holds(&raw, element), "the bytes of unknown element no. {n} are lost: raw must hold them");
    }
    Ok(())
}

/// Whether a value stands anywhere in another, its own members counted and not those that a body adds.
fn holds(whole: &serde_json::Value, part: &serde_json::Value) -> bool {
    use serde_json::Value;
    let same = match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part.keys().all(|name| whole.contains_key(name)),
        (whole, part) => whole == part,
    };
    same || match whole {
        Value::Array(items) => items.iter().any(|item| holds(item, part)),
        Value::Object(members) => members.values().any(|member| holds(member, part)),
        _ => false,
    }
}
