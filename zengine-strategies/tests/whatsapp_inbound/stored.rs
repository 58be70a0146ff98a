//! What was acknowledged is read back: every event that a handler got, and every letter, also of bodies that nobody meant.

use proptest::prelude::*;
use serde_json::{Value, json};
use zengine_connector::{Content, Event, InboundEvent, store::DeadLetter};

use crate::{
    fixtures::bodies,
    received::Host,
    support::{message, only},
};

/// Reads everything back that the host was given or has kept, and returns how much that was.
async fn read_back(host: &Host) -> Result<usize, TestCaseError> {
    let events = std::mem::take(&mut *host.seen.lock().unwrap());
    for event in &events {
        let json = serde_json::to_string(event).unwrap();
        prop_assert!(serde_json::from_str::<Value>(&json).is_ok(), "{}", json);
        let again = serde_json::from_str::<InboundEvent>(&json).map_err(|error| TestCaseError::fail(format!("{error}: {json}")))?;
        prop_assert_eq!((&again.id, &again.raw, again.event.kind()), (&event.id, &event.raw, event.event.kind()));
    }
    let letters = host.stores.dead_letters().list(None, 10_000).await.unwrap();
    prop_assert!(letters.unreadable.is_empty());
    for letter in &letters.letters {
        let json = serde_json::to_string(letter).unwrap();
        prop_assert_eq!(&serde_json::from_str::<DeadLetter>(&json).unwrap(), letter);
        let body = letter.open(&*host.stores.keys()).unwrap();
        prop_assert!(serde_json::from_slice::<Value>(&body).is_ok(), "{}", String::from_utf8_lossy(&body));
    }
    Ok(events.len() + letters.letters.len())
}

/// JSON that some readers take and others refuse, to be put in the place of any value.
fn odd_json() -> impl Strategy<Value = String> {
    prop_oneof![
        (1..140_usize).prop_map(|depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth))),
        (1..140_usize).prop_map(|depth| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth))),
        prop::sample::select(vec![
            r#""\ud83d""#,
            r#"{"\udc00":1}"#,
            "1e999",
            "-1E400",
            "[1e999]",
            "12345678901234567890123",
            "\"\\u0000\"",
            "null"
        ])
        .prop_map(str::to_owned),
    ]
}

#[test]
fn answers_that_no_reader_takes_are_kept_as_text() {
    let deep = format!("{}{}", "[".repeat(126), "]".repeat(126));
    for answer in [deep.as_str(), r#"{"a":"\ud83d"}"#, r#"{"a":1e999}"#] {
        let form = json!({"type": "interactive", "interactive": {"type": "nfm_reply", "nfm_reply": {"response_json": answer}}});
        let Event::Message { content: Content::FlowReply(reply) } = only(&message(form)).event else { panic!() };
        assert_eq!((reply.text.as_str(), reply.data.is_none()), (answer, true));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_event_and_letter_is_read_back(
        name in prop::sample::select(bodies().into_keys().collect::<Vec<_>>()),
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        odd in prop::collection::vec((any::<prop::sample::Index>(), odd_json()), 0..4),
    ) {
        let mut body = bodies()[&name].clone();
        for (place, json) in odd {
            // In the place of a value: after a colon, where a text or number stands.
            let places: Vec<_> = body.match_indices(": ").map(|(at, _)| at + 2).filter(|at| !body[*at..].starts_with(['{', '['])).collect();
            if places.is_empty() {
                continue;
            }
            let at = *place.get(&places);
            let end = at + body[at..].find([',', '\n', '}']).unwrap_or(0);
            body.replace_range(at..end, &json);
        }
        let mut body = body.into_bytes();
        for (place, byte) in noise {
            let at = place.index(body.len());
            body[at] = byte;
        }
        let host = Host::new();
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            prop_assert_eq!(host.post_bytes(body.clone()).await, 200);
            prop_assert!(read_back(&host).await? > 0, "{}", String::from_utf8_lossy(&body));
            Ok(())
        })?;
    }
}
