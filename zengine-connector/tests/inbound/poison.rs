//! Events that can never be handled are kept.

use bytes::Bytes;
use serde_json::json;
use zengine_connector::{orchestrator::Ack, store::LetterDirection};

use crate::host::{Do, Host, counts, message, payload, request};

#[tokio::test(start_paused = true)]
async fn bad_elements_are_kept_and_cost_their_neighbours_nothing() {
    let host = Host::new();
    // Ten bad elements, some of them equal, among a thousand.
    let elements: Vec<_> =
        (0..1000).map(|n| if n % 100 == 7 { json!(n % 300) } else { message(&n.to_string(), &format!("{}", n % 50), "x") }).collect();
    let body = payload(&elements);
    for _ in 0..2 {
        let received = host.shared(body.clone()).await;
        assert_eq!((received.ack, received.response.status().as_u16(), counts(&received)), (Ack::Done, 200, (990, 10, 0)));
    }
    assert_eq!(host.seen.count(), 990);
    let letters = host.letters().await;
    assert_eq!(letters.len(), 10);
    let paths: std::collections::BTreeSet<_> = letters.iter().map(|(_, body)| body["path"].as_str().unwrap().to_owned()).collect();
    assert_eq!(paths.len(), 10);
    for (letter, body) in letters {
        assert_eq!((letter.direction, letter.outcome.as_str(), letter.redrivable), (LetterDirection::Inbound, "poison", false));
        assert_eq!((&body["type"], &body["reason"]), (&json!("element_error"), &json!("not an element")));
        assert!(body["raw"].is_number());
    }
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_makes_normalize_panic_is_kept_whole() {
    let host = Host::new();
    let received = host.shared(Bytes::from_static(b"panic")).await;
    assert_eq!((received.ack, received.response.status().as_u16(), counts(&received)), (Ack::Done, 200, (0, 1, 0)));
    let letters = host.letters().await;
    assert_eq!(letters.len(), 1);
    // Not JSON, so it is kept as base64 of `panic`.
    assert_eq!((&letters[0].1["path"], &letters[0].1["raw_base64"]), (&json!(""), &json!("cGFuaWM=")));
}

#[tokio::test(start_paused = true)]
async fn a_tenants_bad_element_is_that_tenants_letter() {
    let host = Host::new();
    let received = host.receive("acme-hook", request("/hook/two").body(Bytes::from_static(b"[1]")).unwrap()).await;
    assert_eq!(counts(&received), (0, 1, 0));
    assert_eq!(host.letters().await[0].0.tenant.as_str(), "two");
}

#[tokio::test(start_paused = true)]
async fn what_the_handler_calls_poison_is_kept_and_never_runs_again() {
    let host = Host::new();
    host.on("bad", Do::Poison);
    let body = payload(&[message("1", "a", "bad"), message("2", "a", "next")]);
    for _ in 0..2 {
        let received = host.shared(body.clone()).await;
        assert_eq!((received.ack, counts(&received)), (Ack::Done, (1, 1, 0)));
    }
    // Poison does not stop its conversation.
    assert_eq!(host.seen.texts(), ["bad", "next"]);
    let letters = host.letters().await;
    assert_eq!(letters.len(), 1);
    let (letter, event) = &letters[0];
    assert_eq!((letter.tenant.as_str(), letter.last_error.as_ref().unwrap().message.as_str()), ("one", "told to"));
    assert_eq!((&event["type"], &event["content"]["body"], &event["conversation"]), (&json!("message"), &json!("bad"), &json!("a")));
}

#[tokio::test(start_paused = true)]
async fn without_the_dead_letter_store_poison_must_come_again() {
    let host = Host::new();
    host.on("bad", Do::Poison);
    Host::fault(&host.faults.dead_letters_down, true);
    let body = payload(&[json!(7), message("1", "a", "bad"), message("2", "b", "fine")]);
    let received = host.shared(body.clone()).await;
    assert_eq!((received.ack, received.response.status().as_u16(), counts(&received)), (Ack::Redeliver, 503, (1, 0, 2)));
    Host::fault(&host.faults.dead_letters_down, false);
    assert_eq!(counts(&host.shared(body).await), (1, 2, 0));
    assert_eq!(host.letters().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_letter_shows_nothing_without_its_key() {
    let host = Host::new();
    host.on("canary-text", Do::Poison);
    let _ = host.shared(payload(&[message("1", "a", "canary-text"), json!("canary-element")])).await;
    let letters = host.memory.dead_letters().list(None, 10).await.unwrap().letters;
    assert_eq!(letters.len(), 2);
    for letter in letters {
        let stored = format!("{} {letter:?}", serde_json::to_string(&letter).unwrap());
        assert!(!stored.contains("canary"), "{stored}");
        assert!(!String::from_utf8_lossy(&letter.body).contains("canary"));
        assert!(String::from_utf8_lossy(&letter.open(&*host.memory.keys()).unwrap()).contains("canary"));
    }
}
