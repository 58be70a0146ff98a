//! Events that only mean something now: typing.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use serde_json::{Value, json};
use zengine_connector::{
    orchestrator::{Ack, InboundSettings},
    runtime::Clock as _,
};

use crate::host::{Do, Host, counts, message, payload, request};

fn typing(id: &str, at_ms: Option<i64>) -> Value {
    json!({ "routes": [["phone", "one"]], "id": id, "conversation": "a", "typing": true, "at_ms": at_ms })
}

#[tokio::test(start_paused = true)]
async fn rule_87_a_typing_event_takes_no_record_and_makes_no_letter() {
    let host = Host::new();
    Host::fault(&host.faults.claims_down, true);
    let body = payload(&[typing("1", None)]);
    for n in 1..=2 {
        assert_eq!((counts(&host.shared(body.clone()).await), host.seen.count()), ((1, 0, 0), n), "handed over each time");
    }
    for todo in [Do::NotStored, Do::Poison, Do::Panic] {
        host.on("", todo);
        let received = host.shared(body.clone()).await;
        assert_eq!((counts(&received), received.ack), ((1, 0, 0), Ack::Done), "it is not worth another delivery");
    }
    assert!(host.seen.count() == 5 && host.letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn rule_87_a_late_typing_event_is_dropped() {
    let host = Host::new();
    let now = host.clock.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let at = |ago: i64| typing("1", Some(i64::try_from(now).unwrap() - ago));
    for (ago, handled) in [(60_001, 0), (60_000, 1), (-5_000, 2)] {
        assert_eq!((counts(&host.shared(payload(&[at(ago)])).await), host.seen.count()), ((1, 0, 0), handled), "{ago}");
    }
    // Its conversation comes again without it.
    host.on("bad", Do::NotStored);
    let received = host.shared(payload(&[message("1", "a", "bad"), at(0)])).await;
    assert_eq!((counts(&received), host.seen.count()), ((1, 0, 1), 3));
}

#[tokio::test(start_paused = true)]
async fn rule_87_a_typing_event_of_an_unknown_tenant_leaves_no_letter() {
    let host = Host::new();
    let mut event = typing("1", None);
    event["routes"] = json!([["phone", "nobody"]]);
    let received = host.shared(payload(&[event])).await;
    assert_eq!((counts(&received), received.ack), ((0, 0, 0), Ack::Done));
    assert!(host.letters().await.is_empty() && host.seen.count() == 0);
}

#[tokio::test(start_paused = true)]
async fn rule_87_a_cursor_awaits_no_typing_event() {
    let host = Host::new();
    host.on("slow", Do::Slow(Duration::from_secs(10)));
    let body = payload(&[typing("1", None), json!({ "id": "2", "conversation": "a", "text": "slow" })]);
    let written = host.receive("acme-chat", request("/one").body(body).unwrap()).await;
    let told: Value = serde_json::from_slice(written.response.body()).unwrap();
    assert_eq!((written.response.status().as_u16(), host.seen.count()), (202, 2));
    host.clock.advance(Duration::from_secs(20)).await;
    let uri = format!("/one?conversation=a&after={}", told["cursor"].as_str().unwrap());
    let polled = host.receive("acme-chat", http::Request::get(uri).body(bytes::Bytes::new()).unwrap()).await;
    let told: Value = serde_json::from_slice(polled.response.body()).unwrap();
    assert_eq!((&told["pending"], &told["resend"]), (&json!(false), &json!(0)));
}

#[tokio::test(start_paused = true)]
async fn rule_87_a_request_waits_two_seconds_for_all_its_typing_events_together() {
    let host = Host::new();
    host.on("", Do::Slow(Duration::from_secs(10)));
    let began = host.clock.monotonic();
    let typing: Vec<_> = (0..100).map(|n| typing(&n.to_string(), None)).collect();
    let received = host.shared(payload(&typing)).await;
    let took = host.clock.monotonic().saturating_sub(began);
    host.clock.advance(Duration::from_secs(1)).await;
    assert_eq!((counts(&received), host.seen.count(), took), ((100, 0, 0), 100, Duration::from_secs(2)));
}

#[tokio::test(start_paused = true)]
async fn rule_87_handlers_that_outlast_their_request_are_bounded_and_a_shutdown_waits_for_them() {
    let host = Host::with(InboundSettings { max_ephemeral: 2, ..InboundSettings::default() }, true);
    host.on("", Do::Gate);
    for handed in [1, 2, 2, 2] {
        let received = host.shared(payload(&[typing("1", None)])).await;
        assert_eq!((counts(&received), received.ack, host.seen.count()), ((1, 0, 0), Ack::Done, handed));
    }
    host.seen.gate.notify_one();
    while host.seen.running.load(SeqCst) > 1 {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    let _ = host.shared(payload(&[typing("1", None)])).await;
    assert_eq!(host.seen.count(), 3, "a handler that ended makes room");

    let shut = tokio::spawn({
        let orchestrator = host.orchestrator.clone();
        async move { orchestrator.shutdown(Duration::from_secs(60)).await }
    });
    host.clock.advance(Duration::from_secs(10)).await;
    assert!(!shut.is_finished(), "the handlers still run");
    host.seen.gate.notify_waiters();
    host.clock.advance(Duration::from_secs(1)).await;
    shut.await.unwrap();
    assert_eq!(host.seen.running.load(SeqCst), 0);
}
