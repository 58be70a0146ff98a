//! Cursors of a synchronous channel: what they name, and what a poll makes of them.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, json};
use zengine_connector::{
    orchestrator::{Ack, InboundSettings, Received},
    telemetry::MetricName,
};

use crate::host::{Do, Host, payload, request};

fn element(n: usize, conversation: &str, text: &str) -> Value {
    json!({ "id": n.to_string(), "conversation": conversation, "text": text })
}

/// A visitor of site `one` sends events, with the cursor of an earlier response if there is one.
async fn write(host: &Host, elements: &[Value], after: Option<&Value>) -> ((Ack, u16), Value) {
    let uri = after.map_or("/one".to_owned(), |after| format!("/one?seen={}", after.as_str().unwrap()));
    answer(&host.receive("acme-chat", request(&uri).body(payload(elements)).unwrap()).await)
}

async fn poll(host: &Host, after: &Value) -> ((Ack, u16), Value) {
    answer(&get(host, &format!("/one?conversation=c&after={}", after.as_str().unwrap())).await)
}

async fn get(host: &Host, uri: &str) -> Received {
    host.receive("acme-chat", http::Request::get(uri).body(Bytes::new()).unwrap()).await
}

fn answer(received: &Received) -> ((Ack, u16), Value) {
    ((received.ack, received.response.status().as_u16()), serde_json::from_slice(received.response.body()).unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_cursor_names_what_is_under_work_and_not_what_ended() {
    let host = Host::new();
    host.on("slow", Do::Slow(Duration::from_secs(10)));
    // The last of ten is under work.
    let mut elements: Vec<_> = (0..9).map(|n| element(n, "c", "quick")).collect();
    elements.push(element(9, "c", "slow"));
    let (answer, body) = write(&host, &elements, None).await;
    assert_eq!((answer, &body["pending"]), ((Ack::Done, 202), &json!(true)));
    let (polled, polled_body) = poll(&host, &body["cursor"]).await;
    assert_eq!((polled, &polled_body["pending"]), ((Ack::Done, 202), &json!(true)));
    host.clock.advance(Duration::from_secs(10)).await;
    let (polled, body) = poll(&host, &body["cursor"]).await;
    assert_eq!((polled, &body["pending"], &body["resend"]), ((Ack::Done, 200), &json!(false), &json!(0)));
}

#[tokio::test(start_paused = true)]
async fn rule_84_what_no_poll_can_ask_for_comes_again() {
    let host = Host::new();
    host.on("slow", Do::Slow(Duration::from_secs(10)));
    let two = [element(10, "c", "quick"), element(11, "d", "slow")];
    assert_eq!(write(&host, &two, None).await.0, (Ack::Redeliver, 503));
    host.clock.advance(Duration::from_secs(10)).await;
    assert_eq!((write(&host, &two, None).await.0, host.seen.count()), ((Ack::Done, 200), 2));
}

#[tokio::test(start_paused = true)]
async fn rule_84_what_an_earlier_cursor_awaits_stays_awaited() {
    let host = Host::new();
    host.on("slow", Do::Slow(Duration::from_secs(30)));
    let (_, first) = write(&host, &[element(1, "c", "slow")], None).await;
    let (answer, second) = write(&host, &[element(2, "c", "quick")], Some(&first["cursor"])).await;
    assert_eq!((answer, &second["pending"]), ((Ack::Done, 202), &json!(true)));
    assert_eq!(poll(&host, &second["cursor"]).await.1["pending"], json!(true));
    // The event itself, again: named once.
    let (_, again) = write(&host, &[element(1, "c", "slow")], Some(&second["cursor"])).await;
    assert_eq!(again["cursor"].as_str().unwrap().len(), first["cursor"].as_str().unwrap().len());
    host.clock.advance(Duration::from_secs(30)).await;
    let (answer, third) = write(&host, &[element(3, "c", "quick")], Some(&second["cursor"])).await;
    assert_eq!((answer, &third["pending"], &third["resend"]), ((Ack::Done, 200), &json!(false), &json!(0)));
}

#[tokio::test(start_paused = true)]
async fn a_forged_cursor_harms_its_own_client_alone() {
    let host = Host::new();
    host.on("slow", Do::Slow(Duration::from_secs(30)));
    host.on("hello", Do::Reply { n: 0, after: Duration::ZERO, with: "hi".into() });
    // Events of a conversation `d` are under work, and those who ask for `c` do not learn it.
    let (_, foreign) = write(&host, &[element(1, "d", "slow")], None).await;
    let (answer, body) = poll(&host, &foreign["cursor"]).await;
    assert_eq!((answer, &body["pending"], &body["resend"]), ((Ack::Done, 200), &json!(false), &json!(1)));
    let named = zengine_connector::message::DedupeKey::of(&crate::host::id("one"), &crate::host::name("acme-chat"), "1");
    assert_eq!(poll(&host, &json!(format!("0.{named}"))).await.1["pending"], json!(false));

    // The highest number skips the replies of the client that sends it, and of no other poll.
    let (_, first) = write(&host, &[element(2, "c", "hello")], Some(&json!("18446744073709551615"))).await;
    assert_eq!(first["replies"].as_array().unwrap().len(), 1, "the replies to what is asked");
    assert_eq!(poll(&host, &json!("18446744073709551615")).await.1["replies"], json!([]));
    assert_eq!(poll(&host, &json!("0")).await.1["replies"].as_array().unwrap().len(), 1);

    for odd in ["x", "0.?", &"9".repeat(30_000), &format!("0.{}", "A".repeat(30_000))] {
        assert_eq!(poll(&host, &json!(odd)).await.0, (Ack::Refused, 400));
    }
}

#[tokio::test(start_paused = true)]
async fn polls_are_bounded_and_end_with_their_time() {
    let host = Arc::new(Host::with(InboundSettings { max_polls: 4, ..InboundSettings::default() }, true));
    host.faults.sessions_hang.store(true, SeqCst);
    let waiting = tokio::spawn({
        let host = Arc::clone(&host);
        async move { get(&host, "/one?conversation=c").await }
    });
    tokio::task::yield_now().await;
    let busy = get(&host, "/one?conversation=d").await;
    assert_eq!((busy.response.status().as_u16(), &busy.response.headers()["retry-after"]), (503, &"5".parse().unwrap()));
    assert_eq!(host.metrics.of(MetricName::InboundBusy), 1);
    host.clock.advance(Duration::from_secs(10)).await;
    assert_eq!(waiting.await.unwrap().response.status(), 503);
    host.faults.sessions_hang.store(false, SeqCst);
    assert_eq!(get(&host, "/one?conversation=c").await.response.status(), 200);
}
