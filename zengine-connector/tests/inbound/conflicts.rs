//! Another event under the key of one, and the same event twice at one time.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use zengine_connector::{
    Secret,
    keyring::{Key, StaticKeyRing},
    message::DedupeKey,
    orchestrator::{Ack, InboundSettings, Received, Replayed},
    store::{ClaimKey, InboundOp, Lease, Memory, OwnerToken},
};

use crate::{
    host::{Do, Host, counts, id, message, name, payload, request},
    log::Log,
};

/// The visitor of site `one` writes words under an id.
async fn write(host: &Host, event: &str, words: &str) -> (Received, Value) {
    let element = json!({ "id": event, "conversation": "c", "text": words, "same": [1, words] });
    let received = host.receive("acme-chat", request("/one").body(payload(&[element])).unwrap()).await;
    let body = serde_json::from_slice(received.response.body()).unwrap();
    (received, body)
}

async fn poll(host: &Host, cursor: &Value) -> (u16, Value) {
    let uri = format!("/one?conversation=c&after={}", cursor.as_str().unwrap());
    let received = host.receive("acme-chat", http::Request::get(uri).body(bytes::Bytes::new()).unwrap()).await;
    (received.response.status().as_u16(), serde_json::from_slice(received.response.body()).unwrap())
}

fn status(received: &Received) -> (Ack, u16) {
    (received.ack, received.response.status().as_u16())
}

/// A message of tenant `one` at the shared endpoint, with its words as fingerprint.
fn worded(event: &str, words: &str, version: u32) -> Value {
    let mut element = message(event, "a", words);
    element["same"] = json!([version, words]);
    element
}

#[tokio::test(start_paused = true)]
async fn rule_84_other_words_under_an_id_are_a_conflict_in_every_state() {
    let host = Host::new();
    host.on("hello", Do::Reply { n: 0, after: Duration::ZERO, with: "hi".into() });
    assert_eq!(status(&write(&host, "1", "hello").await.0), (Ack::Done, 200));
    let (other, body) = write(&host, "1", "canary other").await;
    assert_eq!((status(&other), counts(&other)), ((Ack::Refused, 409), (0, 0, 0)));
    // The strategy's own key, and not the replies to the first.
    assert_eq!((&body["conflict"], &body["replies"]), (&json!(["1"]), &json!([])));
    assert_eq!((host.seen.count(), host.letters().await.len()), (1, 0));
    // The first one is recognised as ever.
    let (again, body) = write(&host, "1", "hello").await;
    assert_eq!((status(&again), body["replies"][0]["content"]["body"].as_str()), ((Ack::Done, 200), Some("hi")));

    host.on("slow", Do::Slow(Duration::from_secs(30)));
    assert_eq!(write(&host, "2", "slow").await.0.response.status(), 202);
    assert_eq!(status(&write(&host, "2", "else").await.0), (Ack::Refused, 409));
    host.on("poison", Do::Poison);
    assert_eq!(write(&host, "3", "poison").await.0.response.status(), 200);
    assert_eq!(status(&write(&host, "3", "else").await.0), (Ack::Refused, 409));
    // What was never stored may be said in other words.
    host.on("bad", Do::NotStored);
    assert_eq!(write(&host, "4", "bad").await.0.response.status(), 503);
    assert_eq!(write(&host, "4", "good").await.0.response.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_conflict_is_told_without_its_words() {
    let (host, log) = (Host::new(), Log::default());
    let _first = write(&host, "canary-id", "hello").await;
    let listening = tracing::subscriber::set_default(log.clone());
    let _other = write(&host, "canary-id", "canary words").await;
    drop(listening);
    assert_eq!(log.lines("inbound.conflict").len(), 1);
    assert!(log.lines("inbound.completed")[0].contains("conflicts=1"));
    assert!(log.lines("canary").is_empty(), "{:?}", log.lines("canary"));
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_conflict_on_a_channel_that_acknowledges_is_kept_as_a_letter() {
    let host = Host::new();
    let first = host.shared(payload(&[worded("1", "first", 1)])).await;
    assert_eq!(counts(&first), (1, 0, 0));
    for _ in 0..2 {
        // In one request with its neighbours, and again: one letter.
        let batch = host.shared(payload(&[worded("1", "second", 1), worded("2", "beside", 1)])).await;
        assert_eq!((status(&batch), counts(&batch)), ((Ack::Done, 200), (1, 1, 0)));
    }
    let letters = host.letters().await;
    assert_eq!((letters.len(), host.seen.texts()), (1, vec!["first".to_owned(), "beside".to_owned()]));
    let (letter, body) = &letters[0];
    assert_eq!(body["content"]["body"], "second");
    // Replayed on purpose, it is an event of its own.
    assert_eq!(host.orchestrator.replay(letter.failure_id.clone()).await.unwrap(), Replayed::Stored);
    assert_eq!(host.seen.texts(), ["first", "beside", "second"]);
    let events = host.seen.events.lock().unwrap();
    assert_ne!(events[0].id, events[2].id);
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_conflict_has_one_letter_whatever_key_is_current() {
    let (memory, [older, newer]) = (Memory::new(), [6, 7].map(|byte| Secret::new([byte; 32])));
    let key = |id: &'static str, bytes: &Secret<[u8; 32]>| Key::new(id, bytes);
    let before = StaticKeyRing::new(key("k1", &older));
    let after = StaticKeyRing::new(key("k2", &newer)).with_older(key("k1", &older));
    let host = |ring| Host::under(memory.clone(), Arc::new(ring), InboundSettings::default(), true);
    let (before, after) = (host(before), host(after));
    assert_eq!(counts(&before.shared(payload(&[worded("1", "first", 1)])).await), (1, 0, 0));
    for host in [&before, &after] {
        assert_eq!(counts(&host.shared(payload(&[worded("1", "second", 1)])).await), (0, 1, 0));
    }
    assert_eq!(memory.dead_letters().list(None, 10).await.unwrap().letters.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_84_what_cannot_be_compared_counts_as_the_same_event() {
    let (host, log) = (Host::new(), Log::default());
    let listening = tracing::subscriber::set_default(log.clone());
    for (first, second, warned) in [
        (worded("1", "a", 1), worded("1", "b", 2), 1),
        (message("2", "a", "a"), worded("2", "b", 1), 0),
        (worded("3", "a", 1), message("3", "a", "b"), 0),
    ] {
        let before = log.lines("inbound.fingerprint_not_comparable").len();
        assert_eq!(counts(&host.shared(payload(&[first])).await), (1, 0, 0));
        let again = host.shared(payload(&[second])).await;
        assert_eq!((counts(&again), again.duplicates), ((1, 0, 0), 1));
        assert_eq!(log.lines("inbound.fingerprint_not_comparable").len() - before, warned);
    }
    drop(listening);
    assert!(host.letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_duplicate_of_what_is_under_work_is_answered_as_a_late_reply() {
    let memory = Memory::new();
    let (first, second) =
        (Arc::new(Host::over(memory.clone(), InboundSettings::default(), true)), Host::over(memory, InboundSettings::default(), true));
    first.on("hello", Do::Reply { n: 0, after: Duration::from_secs(10), with: "hi".into() });
    let waiting = tokio::spawn({
        let first = Arc::clone(&first);
        async move { write(&first, "1", "hello").await.1 }
    });
    first.clock.advance(Duration::from_secs(1)).await;
    // In the same process and in another one: at once, with a cursor.
    for host in [&*first, &second] {
        let (duplicate, body) = write(host, "1", "hello").await;
        assert_eq!((status(&duplicate), duplicate.unstored, &body["pending"]), ((Ack::Done, 202), 0, &json!(true)));
        let (polled, body) = poll(host, &body["cursor"]).await;
        assert_eq!((polled, &body["pending"], &body["replies"]), (202, &json!(true), &json!([])));
    }
    let cursor = waiting.await.unwrap()["cursor"].clone();
    first.clock.advance(Duration::from_secs(20)).await;
    let (polled, body) = poll(&second, &cursor).await;
    assert_eq!((polled, body["replies"][0]["content"]["body"].as_str(), &body["resend"]), (200, Some("hi"), &json!(0)));
    assert!(!body["cursor"].as_str().unwrap().contains('.'), "nothing is awaited any more");
    assert_eq!((first.seen.count(), second.seen.count()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn rule_84_the_polls_for_work_that_died_end_and_have_it_sent_again() {
    let host = Host::new();
    let (tenant, strategy) = (id("one"), name("acme-chat"));
    let now_ms = zengine_connector::testing::SimClock::EPOCH_MS;
    let lease = Lease { owner: OwnerToken::named("a process that dies"), boot: None, until_ms: now_ms + 60_000 };
    let key = ClaimKey::inbound(&tenant, &strategy, &DedupeKey::of(&tenant, &strategy, "1"));
    let claim = InboundOp::Claim { lease, fingerprint: None, ttl_s: 86_400 };
    assert!(host.memory.claims().apply_inbound(&key, &claim, None, now_ms).await.unwrap().done);

    let (duplicate, body) = write(&host, "1", "hello").await;
    assert_eq!(status(&duplicate), (Ack::Done, 202));
    let cursor = body["cursor"].clone();
    host.clock.advance(Duration::from_secs(30)).await;
    assert_eq!(poll(&host, &cursor).await.0, 202);
    host.clock.advance(Duration::from_secs(31)).await;
    let (polled, body) = poll(&host, &cursor).await;
    assert_eq!((polled, &body["pending"], &body["resend"]), (200, &json!(false), &json!(1)));
    assert_eq!((write(&host, "1", "hello").await.0.response.status().as_u16(), host.seen.count()), (200, 1));
    assert_eq!(poll(&host, &cursor).await.1["resend"], json!(0));
}

#[tokio::test(start_paused = true)]
async fn rule_84_without_a_cursor_to_ask_with_a_duplicate_comes_again() {
    let host = Host::new();
    host.on("slow", Do::Slow(Duration::from_secs(30)));
    let element = json!({ "id": "1", "text": "slow" });
    let deliver = async || host.receive("acme-chat", request("/one").body(payload(std::slice::from_ref(&element))).unwrap()).await;
    let _first = deliver().await;
    assert_eq!(status(&deliver().await), (Ack::Redeliver, 503));
}
