//! The strategy's last look at every response.

use bytes::Bytes;
use serde_json::Value;
use zengine_connector::{
    orchestrator::{InboundSettings, Received},
    runtime::Clock as _,
    strategy::InboundRequest,
};

use crate::{
    host::{Do, Host, message, payload, request},
    log::Log,
};

fn header<'a>(received: &'a Received, name: &str) -> Option<&'a str> {
    received.response.headers().get(name).map(|value| value.to_str().unwrap())
}

fn own(text: &str) -> Bytes {
    let mut element = message(text, "a", text);
    element["routes"] = serde_json::json!([]);
    payload(&[element])
}

/// A request of the site `one` at which the strategy looks once more in this way.
fn finished(path: &str, how: &str) -> http::request::Builder {
    request(path).header("x-finish", how)
}

#[tokio::test(start_paused = true)]
async fn every_refusal_is_shown_to_the_strategy_before_it_leaves() {
    let host = Host::with(InboundSettings { max_body_bytes: 1_000, max_requests: 1, ..InboundSettings::default() }, true);
    host.on("gate", Do::Gate);
    let at = |path: &str, body: Bytes| finished(path, "json").body(body).unwrap();
    let told = |name: &'static str, body: Bytes| finished("/hook/one", "json").header("x-verify", name).body(body).unwrap();
    let get = http::Request::get("/hook/one").header("x-finish", "json").body(Bytes::new()).unwrap();

    let mut refusals = vec![
        (401, host.receive("acme-hook", at("/hook/nobody", own("1"))).await),
        (405, host.receive("acme-hook", get).await),
        (413, host.receive("acme-hook", at("/hook/one", vec![b' '; 1_001].into())).await),
        (500, host.receive("acme-hook", told("panic", own("1"))).await),
        (503, host.receive("acme-hook", told("hang", own("1"))).await),
    ];
    let busy = tokio::spawn({
        let (orchestrator, gate) = (host.orchestrator.clone(), at("/hook/one", own("gate")));
        async move { orchestrator.receive("acme-hook", InboundRequest::http(gate)).await.unwrap() }
    });
    while host.seen.count() == 0 {
        tokio::task::yield_now().await;
    }
    refusals.push((503, host.receive("acme-hook", at("/hook/one", own("1"))).await));
    host.seen.gate.notify_one();
    assert_eq!(header(&busy.await.unwrap(), "access-control-allow-origin"), Some("https://acme.example"));
    host.orchestrator.shutdown(std::time::Duration::from_secs(1)).await;
    refusals.push((503, host.receive("acme-hook", at("/hook/one", own("1"))).await));

    for (status, received) in &refusals {
        assert_eq!((received.response.status().as_u16(), header(received, "vary")), (*status, Some("origin")));
        assert_eq!(header(received, "content-type"), Some("application/problem+json"), "{status}");
        let problem: Value = serde_json::from_slice(received.response.body()).unwrap();
        assert_eq!(problem["status"], *status);
        // What the request's own route tells: nothing of a site that there is not.
        assert_eq!(header(received, "access-control-allow-origin").is_some(), *status != 401, "{status}");
    }
    assert_eq!(header(&refusals[5].1, "retry-after"), Some("5"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_the_strategy_keeps_its_status_and_body() {
    let host = Host::new();
    host.on("bad", Do::NotStored);
    let hello = http::Request::get("/hook?challenge=hello").header("x-finish", "json").body(Bytes::new()).unwrap();
    let hello = host.receive("acme-hook", hello).await;
    assert_eq!(
        (hello.response.status().as_u16(), &hello.response.body()[..], header(&hello, "vary")),
        (200, &b"hello"[..], Some("origin"))
    );
    // An empty body may be replaced, the status stays.
    let bad = host.receive("acme-hook", finished("/hook/one", "always a body").body(own("bad")).unwrap()).await;
    assert_eq!((bad.response.status().as_u16(), &bad.response.body()[..]), (503, &b"{}"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_finish_that_fails_leaves_the_response_as_it_was() {
    let host = Host::new();
    for (how, line) in [("panic", "inbound.finish_panicked"), ("hang", "inbound.finish_timed_out"), ("length", "inbound.finish_refused")] {
        let log = Log::default();
        let listening = tracing::subscriber::set_default(log.clone());
        let received = host.receive("acme-hook", finished("/hook/one", how).body(own(how)).unwrap()).await;
        drop(listening);
        assert_eq!(received.response.status(), 200, "{how}");
        assert_eq!(header(&received, "content-length"), None);
        assert_eq!(header(&received, "vary").is_some(), how == "length");
        assert_eq!(log.lines(line).len(), 1, "{how}");
    }
    assert_eq!(host.seen.count(), 3, "the events are stored all the same");
}

#[tokio::test(start_paused = true)]
async fn what_finish_adds_outside_of_its_future_is_added_once() {
    let host = Host::new();
    for (strategy, path) in [("acme-quick", "/one"), ("acme-text", "/")] {
        let received = host.receive(strategy, request(path).body(own("1")).unwrap()).await;
        assert_eq!(received.response.headers().get_all("vary").iter().collect::<Vec<_>>(), ["origin"], "{strategy}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_finish_that_hangs_holds_no_answer_up_beyond_its_time() {
    let within = std::time::Duration::from_secs(1);
    let host = Host::with(InboundSettings { acknowledge_within: Some(within), ..InboundSettings::default() }, true);
    host.on("gate", Do::Gate);
    for (text, status, most_ms) in [("quick", 200, 1_000), ("gate", 503, 1_000)] {
        let began = host.clock.monotonic();
        let received = host.receive("acme-hook", finished("/hook/one", "hang").body(own(text)).unwrap()).await;
        let took = host.clock.monotonic().saturating_sub(began).as_millis();
        assert_eq!((received.response.status().as_u16(), took), (status, most_ms), "{text}");
    }
}
