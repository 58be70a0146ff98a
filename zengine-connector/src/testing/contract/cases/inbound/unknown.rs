//! Fields and types unknown to the strategy.

use super::prelude::*;
use crate::message::{Content, Event};

/// Unknown fields are ignored and kept in `raw`, with their numbers as written.
pub(crate) async fn unknown_fields_are_ignored_and_kept(kit: &SharedKit) -> CaseResult {
    let value = r#"{"big":12345678901234567890123,"decimal":1.10,"exponent":1E+2}"#;
    let inbox = Inbox::new(kit);
    let Some(element) = vary::marked(kit.element(1)) else { return Err(Skipped::needs("elements that are JSON objects")) };
    let body = vary::unmarked(&inbox.body(0, vec![element]), value);
    let Some(body) = vary::with_member(&body, "kit_unknown", "[null]") else { return Err(Skipped::needs("bodies that are JSON objects")) };
    let received = inbox.bytes(0, body).await;
    assert_accepted(&received, "an element with an unknown field");
    let seen = inbox.seen();
    assert_eq!(seen.len(), 1, "an element with an unknown field gave no event: ignore unknown fields");
    let raw = String::from_utf8_lossy(&seen[0].raw);
    assert!(raw.contains(vary::MEMBER), "an unknown field is lost: raw must be the received bytes");
    assert!(raw.contains(value), "numbers in raw are not spelled as received: do not reserialize the JSON");
    let json = serde_json::to_string(&seen[0]).unwrap();
    assert!(json.contains(value), "numbers in the event's JSON are not spelled as received");
    Ok(())
}

/// An element of an unknown type is an event of type Unknown with its bytes: neither an error nor dropped.
pub(crate) async fn unknown_types_become_events(kit: &SharedKit) -> CaseResult {
    for (n, element) in kit.inbound().unknown.iter().enumerate() {
        let inbox = Inbox::new(kit);
        let received = inbox.elements(0, vec![element.clone()]).await;
        assert_accepted(&received, "an element of an unknown type");
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

/// Whether a value is part of another, ignoring members that a body adds.
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
