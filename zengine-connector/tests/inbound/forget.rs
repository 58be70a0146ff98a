//! Erasure of what receiving keeps: letters of events, sessions, outboxes.

use bytes::Bytes;
use serde_json::{Value, json};
use zengine_connector::{Identity, orchestrator::Received};

use crate::host::{Do, Host, id, message, payload, request};

async fn write(host: &Host, tenant: &str, conversation: &str, event: &str) -> Received {
    let element = json!({ "id": event, "conversation": conversation, "text": "hello" });
    host.receive("acme-chat", request(&format!("/{tenant}")).body(payload(&[element])).unwrap()).await
}

/// The replies that a poll gets.
async fn polled(host: &Host, tenant: &str, conversation: &str) -> usize {
    let poll = http::Request::get(format!("/{tenant}?conversation={conversation}")).body(Bytes::new()).unwrap();
    let body: Value = serde_json::from_slice(host.receive("acme-chat", poll).await.response.body()).unwrap();
    body["replies"].as_array().unwrap().len()
}

/// The number that the keeper's sessions give to the next message of a conversation.
async fn numbered(host: &Host, tenant: &str, event: &str) -> String {
    let mut element = message(event, "a", event);
    element["routes"] = json!([]);
    let _ = host.receive("acme-keeper", request(&format!("/{tenant}")).body(payload(&[element])).unwrap()).await;
    host.seen.events.lock().unwrap().last().unwrap().from.name.clone().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_tenants_sessions_outboxes_and_letters_of_events_go() {
    let host = Host::new();
    host.on("hello", Do::Reply { n: 0, after: std::time::Duration::ZERO, with: "hi".to_owned() });
    host.on("bad", Do::Poison);
    for tenant in ["one", "two"] {
        let _ = write(&host, tenant, "c", "1").await;
        assert_eq!(numbered(&host, tenant, "k1").await, "message 1");
    }
    let _ = host.shared(payload(&[message("9", "a", "bad"), json!(7)])).await;
    assert_eq!(host.letters().await.len(), 2, "an event of the tenant, and an element that led to none");

    let forgotten = host.orchestrator.forget(&id("one")).await.unwrap();
    assert!(forgotten.is_complete(), "{forgotten:?}");
    assert_eq!((forgotten.letters, forgotten.sessions), (1, 2));
    assert_eq!((polled(&host, "one", "c").await, polled(&host, "two", "c").await), (0, 1));
    assert_eq!(numbered(&host, "one", "k2").await, "message 1");
    assert_eq!(numbered(&host, "two", "k2").await, "message 2");
    assert_eq!(host.orchestrator.forget(&id("(none)")).await.unwrap().letters, 1);

    let seen = host.seen.count();
    let _ = host.shared(payload(&[message("9", "a", "bad")])).await;
    assert_eq!(host.seen.count(), seen, "the event's record stays, so that its redelivery is not handled again");
}

#[tokio::test(start_paused = true)]
async fn expired_sessions_go_too() {
    let host = Host::new();
    assert_eq!(numbered(&host, "one", "k1").await, "message 1");
    host.clock.advance(std::time::Duration::from_secs(2 * 3600)).await;
    assert_eq!(host.orchestrator.forget(&id("one")).await.unwrap().sessions, 1);
}

#[tokio::test(start_paused = true)]
async fn a_persons_letters_of_events_and_outboxes_go_and_the_others_stay() {
    let host = Host::new();
    host.on("hello", Do::Reply { n: 0, after: std::time::Duration::ZERO, with: "hi".to_owned() });
    host.on("bad", Do::Poison);
    for (n, number) in ["15551230001", "15551230002"].into_iter().enumerate() {
        let mut element = message(&n.to_string(), number, "bad");
        element["sender"] = json!(number);
        let _ = host.shared(payload(&[element])).await;
        let _ = write(&host, "one", number, &n.to_string()).await;
    }
    let forgotten = host.orchestrator.forget_person(&id("one"), &Identity::phone("+1 555 123 0001").unwrap()).await.unwrap();
    assert_eq!((forgotten.letters, forgotten.sessions, forgotten.is_complete()), (1, 1, true));
    assert_eq!((polled(&host, "one", "15551230001").await, polled(&host, "one", "15551230002").await), (0, 1));
    assert_eq!(host.letters().await.len(), 1);
    // A visitor who is known by the conversation alone.
    let visitor = Identity::opaque("acme", "15551230002").unwrap();
    assert_eq!(host.orchestrator.forget_person(&id("one"), &visitor).await.unwrap().sessions, 1);
}
