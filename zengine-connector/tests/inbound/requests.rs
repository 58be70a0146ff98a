//! Requests before they have events: limits, refusals, handshakes, the HTTP glue, records of queues.

use std::sync::atomic::Ordering::SeqCst;

use bytes::Bytes;
use zengine_connector::{
    Error, ErrorKind,
    orchestrator::{Ack, InboundSettings, Received},
    store::SecretScope,
    strategy::InboundRequest,
};

use crate::host::{Do, Host, counts, message, name, payload, request};

fn text(received: &Received) -> &str {
    std::str::from_utf8(received.response.body()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_body_above_the_limit_is_refused_before_verify_sees_it() {
    let host = Host::with(InboundSettings { max_body_bytes: 10, ..InboundSettings::default() }, true);
    // verify would panic on this secret.
    let large = request("/").header("x-secret", "panic").body(Bytes::from_static(b"12345678901")).unwrap();
    let received = host.receive("acme-shared", large).await;
    assert_eq!((received.ack, received.response.status().as_u16()), (Ack::Refused, 413));
    let fits = request("/").header("x-secret", "canary-secret").body(Bytes::from_static(b"[]        ")).unwrap();
    assert_eq!(host.receive("acme-shared", fits).await.ack, Ack::Done);
}

#[tokio::test(start_paused = true)]
async fn an_unauthenticated_request_writes_nothing_and_learns_nothing() {
    let host = Host::new();
    let body = payload(&[message("1", "a", "hello")]);
    for wrong in ["", "canary-secre", "canary-secretx", "CANARY-SECRET"] {
        let received = host.receive("acme-shared", request("/").header("x-secret", wrong).body(body.clone()).unwrap()).await;
        assert_eq!((received.ack, received.response.status().as_u16()), (Ack::Refused, 401));
        assert_eq!(text(&received), "not authenticated");
    }
    assert_eq!((host.faults.writes.load(SeqCst), host.seen.count()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_challenge_names_its_scheme() {
    let host = Host::new();
    let received = host.receive("acme-hook", request("/elsewhere").body(Bytes::new()).unwrap()).await;
    assert_eq!(received.response.status(), 401);
    assert_eq!(received.response.headers()["www-authenticate"], "Basic realm=\"inbound\"");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_is_answered_by_the_strategy_alone() {
    let host = Host::new();
    let hello = http::Request::get("/hook?challenge=a%20b").body(Bytes::new()).unwrap();
    let received = host.receive("acme-hook", hello).await;
    assert_eq!((received.ack, received.response.status().as_u16(), text(&received)), (Ack::Done, 200, "a b"));
    let wrong = host.receive("acme-hook", http::Request::get("/hook").body(Bytes::new()).unwrap()).await;
    assert_eq!((wrong.ack, wrong.response.status().as_u16()), (Ack::Refused, 405));
    assert_eq!(wrong.response.headers()["allow"], "POST");
    assert_eq!(host.faults.writes.load(SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_verify_costs_its_request_only() {
    let host = Host::new();
    let body = payload(&[message("1", "a", "hello")]);
    let received = host.receive("acme-shared", request("/").header("x-secret", "panic").body(body.clone()).unwrap()).await;
    assert_eq!((received.ack, received.response.status().as_u16()), (Ack::Redeliver, 500));
    assert_eq!(host.shared(body).await.ack, Ack::Done);
}

#[tokio::test(start_paused = true)]
async fn a_verify_that_hangs_is_given_up() {
    let host = Host::new();
    let received = host.receive("acme-shared", request("/").header("x-secret", "hang").body(Bytes::new()).unwrap()).await;
    assert_eq!((received.ack, received.response.status().as_u16()), (Ack::Redeliver, 503));
    assert!(received.response.headers().contains_key("retry-after"));
}

#[tokio::test(start_paused = true)]
async fn our_own_trouble_is_503_and_not_401() {
    let host = Host::new();
    host.memory.remove_secret(&SecretScope::application(name("acme-shared")), "app");
    assert_eq!(host.shared(payload(&[])).await.response.status(), 503);
    Host::fault(&host.faults.routes_down, true);
    let received = host.receive("acme-hook", request("/hook/one").body(payload(&[])).unwrap()).await;
    assert_eq!((received.ack, received.response.status().as_u16()), (Ack::Redeliver, 503));
}

#[tokio::test(start_paused = true)]
async fn a_broken_respond_falls_back_to_the_plain_acknowledgement() {
    let host = Host::new();
    host.on("bad", Do::NotStored);
    let send = async |respond: &str, text: &str| {
        let body = payload(&[message(text, "a", text)]);
        let request = request("/").header("x-secret", "canary-secret").header("x-respond", respond);
        host.receive("acme-shared", request.body(body).unwrap()).await
    };
    for broken in ["panic", "hang"] {
        let good = send(broken, "good").await;
        assert_eq!((good.ack, good.response.status().as_u16(), counts(&good)), (Ack::Done, 200, (1, 0, 0)), "{broken}");
        let bad = send(broken, "bad").await;
        assert_eq!((bad.ack, bad.response.status().as_u16()), (Ack::Redeliver, 503), "{broken}");
    }
    // A strategy cannot say 200 where something must come again.
    let hasty = send("always 200", "bad").await;
    assert_eq!((hasty.ack, hasty.response.status().as_u16(), text(&hasty)), (Ack::Redeliver, 503, ""));
    let fine = send("always 200", "good").await;
    assert_eq!((fine.ack, fine.response.status().as_u16(), text(&fine)), (Ack::Done, 200, "fine"));
}

#[tokio::test(start_paused = true)]
async fn receive_knows_its_strategies_and_serve_never_fails() {
    let host = Host::new();
    let unknown = host.orchestrator.receive("nobody", InboundRequest::trusted("q", "1", "[]")).await.map_err(|error: Error| error.kind());
    assert_eq!(unknown.err(), Some(ErrorKind::UnknownStrategy));
    let serve = async |strategy: &str, uri: &str, body: Bytes| {
        let request = request(uri).header("x-secret", "canary-secret").body(body).unwrap();
        host.orchestrator.serve(strategy, request).await.status().as_u16()
    };
    assert_eq!(serve("nobody", "/", Bytes::new()).await, 404);
    assert_eq!(serve("acme-shared", "/", payload(&[message("1", "a", "hello")])).await, 200);
    assert_eq!(serve("acme-hook", "/hook/unknown", payload(&[])).await, 401);
    assert_eq!(host.seen.texts(), ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn queue_records_take_the_same_path_and_are_acknowledged_one_by_one() {
    let host = Host::new();
    host.on("bad", Do::NotStored);
    let deliver = async |source: &str, record: &str, text: &str| {
        let mut element = message(record, "a", text);
        element["routes"] = serde_json::json!([]);
        let record = InboundRequest::trusted(source, record, payload(&[element])).with_attribute("sent", "1");
        host.orchestrator.receive("acme-queue", record).await.unwrap()
    };
    assert_eq!(deliver("arn:one", "1", "hello").await.ack, Ack::Done);
    assert_eq!(deliver("arn:one", "1", "hello").await.ack, Ack::Done);
    assert_eq!(deliver("arn:one", "2", "bad").await.ack, Ack::Redeliver);
    // Nobody's queue: it will never be accepted.
    assert_eq!(deliver("arn:nobody", "3", "hello").await.ack, Ack::Refused);
    // The same bytes over HTTP are nobody's word.
    let http = host.receive("acme-queue", request("/").body(payload(&[message("4", "a", "hello")])).unwrap()).await;
    assert_eq!((http.ack, http.response.status().as_u16()), (Ack::Refused, 401));
    host.heal();
    assert_eq!(deliver("arn:one", "2", "bad").await.ack, Ack::Done);
    assert_eq!(host.seen.texts(), ["hello", "bad", "bad"]);
    assert!(host.seen.events.lock().unwrap().iter().all(|event| event.tenant.as_str() == "one"));
}
