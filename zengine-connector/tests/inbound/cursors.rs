//! Cursors of a synchronous channel: what they name, and what a poll makes of them.

use std::time::Duration;

use serde_json::{Value, json};
use zengine_connector::orchestrator::Ack;

use crate::host::{Do, Host, payload, request};

fn element(n: usize, conversation: &str, text: &str) -> Value {
    json!({ "id": n.to_string(), "conversation": conversation, "text": text })
}

/// A visitor of site `one` sends events, with the cursor of an earlier response if there is one.
async fn write(host: &Host, elements: &[Value], after: Option<&Value>) -> ((Ack, u16), Value) {
    let uri = after.map_or("/one".to_owned(), |after| format!("/one?seen={}", after.as_str().unwrap()));
    answer(host.receive("acme-chat", request(&uri).body(payload(elements)).unwrap()).await)
}

async fn poll(host: &Host, after: &Value) -> ((Ack, u16), Value) {
    let uri = format!("/one?conversation=c&after={}", after.as_str().unwrap());
    answer(host.receive("acme-chat", http::Request::get(uri).body(bytes::Bytes::new()).unwrap()).await)
}

fn answer(received: zengine_connector::orchestrator::Received) -> ((Ack, u16), Value) {
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
