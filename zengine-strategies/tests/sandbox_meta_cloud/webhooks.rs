//! Webhooks: bytes, signature, order, redelivery, handshake.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use zengine_strategies::sandbox::Fault;
use zengine_strategies::sandbox::meta_cloud::{HandshakeError, Inbound, MetaCloud, Number, Webhooks};

use crate::support::{Callback, Client, NUMBER, message, post, settings, start, text};

async fn linked() -> (MetaCloud, Callback, Client) {
    let callback = Callback::start().await;
    let meta = MetaCloud::start(settings().with_callback(&callback.url)).unwrap();
    (meta, callback, Client::new())
}

fn quick() -> Webhooks {
    Webhooks::new().with_statuses([("sent", Duration::ZERO), ("delivered", Duration::ZERO), ("read", Duration::ZERO)])
}

fn names(callback: &Callback) -> Vec<String> {
    callback.statuses().iter().map(|status| status["status"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_message_is_followed_by_sent_delivered_and_read() {
    let (meta, callback, client) = linked().await;
    let mut body = text();
    body["biz_opaque_callback_data"] = "ref-é-1".into();
    let wamid = client.message(&meta, &body).await.wamid();
    meta.settle().await;
    let statuses = callback.statuses();
    assert_eq!(names(&callback), ["sent", "delivered", "read"]);
    for status in &statuses {
        assert_eq!(status["id"], wamid);
        assert_eq!(status["recipient_id"], "15551230001");
        assert_eq!(status["biz_opaque_callback_data"], "ref-é-1");
        assert!(status["timestamp"].as_str().unwrap().parse::<u64>().is_ok());
    }
    assert_eq!(statuses.iter().map(|status| status.get("pricing").is_some()).collect::<Vec<_>>(), [true, true, false]);
    let value = callback.seen()[0].value();
    assert_eq!(value["metadata"], json!({"display_phone_number": "15550009999", "phone_number_id": NUMBER}));
    assert_eq!(value["contacts"][0]["wa_id"], "15551230001");
    assert_eq!(callback.seen()[0].json()["entry"][0]["id"], "900100");
    assert_eq!(callback.seen()[0].json()["object"], "whatsapp_business_account");
    assert_eq!(meta.deliveries().len(), 3);
}

#[tokio::test]
async fn signatures_hold_for_the_exact_bytes_and_nothing_else() {
    let (meta, callback, _) = linked().await;
    let sent = meta.send_inbound(NUMBER, Inbound::text("15551230001", "é 👍 a/b").named("Zoë")).await;
    assert!(sent.is_delivered() && sent.message_id.unwrap().starts_with("wamid."));
    let seen = &callback.seen()[0];
    let wire = std::str::from_utf8(&seen.body).unwrap();
    assert!(wire.is_ascii());
    assert!(wire.contains(r"\u00e9 \ud83d\udc4d a\/b") && wire.contains(r"Zo\u00eb"), "{wire}");
    assert_eq!(seen.signature(), Some(meta.sign(&seen.body).as_str()));
    assert_ne!(seen.signature(), Some(meta.sign(seen.json().to_string().as_bytes()).as_str()), "re-serialised bytes must not verify");
    assert_eq!(seen.value()["messages"][0]["text"]["body"], "é 👍 a/b");

    meta.send_raw_webhook("{\"a\": 1}").await;
    meta.send_wrongly_signed_webhook("{\"a\": 1}").await;
    meta.send_unsigned_webhook("{\"a\": 1}").await;
    let signed: Vec<_> = callback.seen().iter().skip(1).map(|seen| seen.signature().map(|found| found == meta.sign(&seen.body))).collect();
    assert_eq!(signed, [Some(true), Some(false), None]);
    assert_eq!(&callback.seen()[1].body[..], b"{\"a\": 1}");
}

#[tokio::test]
async fn anything_but_200_is_delivered_again_with_the_same_bytes() {
    let (meta, callback, _) = linked().await;
    meta.set_webhooks(quick().with_redelivery([Duration::from_millis(1), Duration::from_millis(2), Duration::from_millis(3)]));
    callback.answer_next(&[500, 204]);
    let sent = meta.send_inbound(NUMBER, Inbound::text("15551230001", "Hi")).await;
    assert_eq!((sent.attempts, sent.status), (3, Some(200)));
    let seen = callback.seen();
    assert!(seen.iter().all(|again| again.body == seen[0].body && again.signature() == seen[0].signature()));

    callback.answer_next(&[500; 4]);
    let given_up = meta.send_inbound(NUMBER, Inbound::text("15551230001", "Hi")).await;
    assert_eq!((given_up.attempts, given_up.status, given_up.is_delivered()), (4, Some(500), false));
}

#[tokio::test]
async fn a_failing_status_does_not_hold_up_the_next() {
    let (meta, callback, client) = linked().await;
    meta.set_webhooks(quick().with_redelivery([Duration::from_millis(200)]));
    callback.answer_next(&[503]);
    client.message(&meta, &text()).await;
    meta.settle().await;
    assert_eq!(names(&callback), ["sent", "delivered", "read", "sent"]);
}

#[tokio::test]
async fn order_copies_and_statuses_can_be_chosen() {
    let (meta, callback, client) = linked().await;
    meta.set_webhooks(quick().reversed().with_copies(2));
    client.message(&meta, &text()).await;
    meta.settle().await;
    assert_eq!(names(&callback), ["read", "read", "delivered", "delivered", "sent", "sent"]);

    meta.set_webhooks(Webhooks::off());
    client.message(&meta, &text()).await;
    meta.settle().await;
    assert_eq!(callback.seen().len(), 6);

    meta.set_webhooks(quick());
    client.message(&meta, &message("reaction", json!({"message_id": "wamid.X", "emoji": "👍"}))).await;
    meta.settle().await;
    assert_eq!(names(&callback)[6..], ["sent"]);
}

#[tokio::test]
async fn batches_mix_tenants_in_one_post() {
    let (meta, callback, client) = linked().await;
    meta.set_webhooks(quick().with_statuses([("sent", Duration::ZERO)]).batched(2, Duration::from_secs(60)));
    client.message(&meta, &text()).await;
    let url = format!("{}/v26.0/100200400/messages", meta.base_url());
    client.send(post(&url, "sandbox-token-100200400", &text())).await.unwrap();
    meta.settle().await; // does not wait for the minute
    let body = callback.seen()[0].json();
    let accounts: Vec<_> = body["entry"].as_array().unwrap().iter().map(|entry| entry["id"].clone()).collect();
    assert_eq!(accounts, ["900100", "900200"]);

    let sent = meta.send_inbound_batch([(NUMBER, Inbound::text("1555", "a")), ("100200400", Inbound::text("1555", "b"))]).await;
    assert!(sent.is_delivered());
    assert_eq!(callback.seen()[1].json()["entry"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_undeliverable_message_is_accepted_and_then_fails() {
    let (meta, callback, client) = linked().await;
    meta.fail_next(Fault::undeliverable(131_026));
    assert_eq!(client.message(&meta, &text()).await.status, 200);
    meta.settle().await;
    assert_eq!(names(&callback), ["failed"]);
    assert_eq!(callback.statuses()[0]["errors"][0]["code"], 131_026);
    assert_eq!(callback.seen()[0].value().get("contacts"), None);

    meta.set_webhooks(quick().with_statuses([("sent", Duration::ZERO), ("failed", Duration::ZERO)]));
    client.message(&meta, &text()).await;
    meta.settle().await;
    assert_eq!(names(&callback)[1..], ["sent", "failed"]);
    assert_eq!(callback.statuses()[2]["errors"][0]["code"], 131_026);
}

#[tokio::test]
async fn inbound_messages_have_the_shapes_of_the_documentation() {
    let (meta, callback, _) = linked().await;
    let photo = meta.add_media(NUMBER, "image/png", &b"png"[..]);
    let from = "15551230001";
    let messages = [
        (Inbound::button_reply(from, "yes", "Yes").replying_to("wamid.X"), "/interactive/button_reply/id", json!("yes")),
        (Inbound::list_reply(from, "row", "Row"), "/interactive/list_reply/id", json!("row")),
        (Inbound::template_button(from, "Stop", "STOP"), "/button/payload", json!("STOP")),
        (Inbound::reaction(from, "wamid.X", "👍"), "/reaction/emoji", json!("👍")),
        (Inbound::location(from, 1.5, 2.5), "/location/longitude", json!(2.5)),
        (Inbound::media(from, "image", photo).with_caption("c"), "/image/mime_type", json!("image/png")),
        (Inbound::flow_reply(from, &json!({"a": 1})), "/interactive/nfm_reply/response_json", json!("{\"a\":1}")),
        (Inbound::from(json!({"from": from, "id": "wamid.own", "type": "brand_new"})), "/id", json!("wamid.own")),
    ];
    for (message, pointer, expected) in messages {
        assert!(meta.send_inbound(NUMBER, message).await.is_delivered());
        let value = callback.seen().last().unwrap().value();
        let message = &value["messages"][0];
        assert_eq!(message.pointer(pointer), Some(&expected), "{message}");
        assert!(message["id"].is_string() && message["timestamp"].is_string(), "{message}");
        assert_eq!(value["contacts"][0]["wa_id"], from);
    }
    meta.send_inbound(NUMBER, Inbound::text(from, "Hi").without_phone()).await;
    let value = callback.seen().last().unwrap().value();
    assert_eq!((value["messages"][0].get("from"), value["contacts"][0].get("wa_id")), (None, None));
    assert!(value["messages"][0]["from_user_id"].as_str().unwrap().starts_with("US."));

    let lost = meta.send_inbound("999", Inbound::text(from, "Hi")).await;
    assert_eq!((lost.attempts, lost.message_id), (0, None), "there is no such number");

    meta.send_field(NUMBER, "account_update", json!({"event": "PARTNER_REMOVED"})).await;
    let body = callback.seen().last().unwrap().json();
    assert_eq!(body["entry"][0]["changes"][0], json!({"field": "account_update", "value": {"event": "PARTNER_REMOVED"}}));
    let built = meta.inbound_request(NUMBER, Inbound::text(from, "Hi")).unwrap().into_body();
    assert_eq!(serde_json::from_slice::<Value>(&built).unwrap()["object"], "whatsapp_business_account");
}

#[tokio::test]
async fn the_handshake_wants_its_challenge_back() {
    let callback = Callback::start().await;
    let meta = MetaCloud::start(settings().with_callback(&callback.url).with_verify_token("verify me & more")).unwrap();
    assert_eq!(meta.verify_callback().await, Ok(()));
    let seen = &callback.seen()[0];
    assert_eq!((&seen.method, seen.signature(), seen.uri.path()), (&Method::GET, None, "/hook"));
    assert_eq!(meta.verify_callback_with("other").await, Err(HandshakeError::Refused(403)));
    callback.answer_next(&[200]);
    assert_eq!(meta.verify_callback().await, Err(HandshakeError::WrongChallenge));
    assert_eq!(start().verify_callback().await, Err(HandshakeError::NoCallback));
    meta.set_callback("http://127.0.0.1:1/nobody");
    assert_eq!(meta.verify_callback().await, Err(HandshakeError::NoAnswer));
}

#[tokio::test]
async fn nothing_secret_shows_in_debug_output() {
    let settings = settings().with_verify_token("canary-verify").with_app_secret("canary-secret");
    let number = Number::new("1", "2").with_token("canary-token");
    let inbound = Inbound::text("15551230001", "canary-body");
    let shown =
        format!("{settings:?} {number:?} {inbound:?} {:?}", MetaCloud::start(settings.clone().with_number(number.clone())).unwrap());
    assert!(!shown.contains("canary") && !shown.contains("15551230001"), "{shown}");
}

#[test]
fn the_emulator_runs_outside_of_any_runtime() {
    let meta = start();
    let delivery =
        std::thread::scope(|scope| scope.spawn(|| block_on(meta.send_inbound(NUMBER, Inbound::text("1555", "Hi")))).join()).unwrap();
    assert_eq!((delivery.attempts, delivery.status, delivery.is_delivered()), (0, None, false), "there is no callback");
}

#[tokio::test]
async fn a_taken_port_is_an_error_and_handles_are_free_to_move() {
    fn free<T: Send + Sync + 'static>(_: &T) {}
    fn sent<T: Send>(future: T) -> T {
        future
    }
    let meta = start();
    free(&meta);
    sent(meta.send_inbound(NUMBER, Inbound::text("1555", "Hi"))).await;
    let port = meta.base_url().rsplit_once(':').unwrap().1.parse().unwrap();
    let error = MetaCloud::start(settings().with_port(port)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    drop(meta);
    assert!(MetaCloud::start(settings().with_port(port)).is_ok(), "a dropped emulator has freed its port");
}

/// A runtime that is none.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let waker = std::task::Waker::noop();
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut std::task::Context::from_waker(waker)) {
            return value;
        }
        std::thread::yield_now();
    }
}
