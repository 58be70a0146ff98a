//! Requests that end at the service, before a strategy sees them, and the names that strangers put into them.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request};
use http_body::{Body, Frame, SizeHint};
use metrics_exporter_prometheus::PrometheusBuilder;
use tower_service::Service as _;
use zengine_connector::{http::Peer, strategy::InboundRequest, telemetry::MetricsObserver};

use super::{
    inbound::{Endpoint, sign},
    *,
};

/// A body in one piece, and what follows it.
#[derive(Debug, Default)]
struct Upload {
    left: Option<Bytes>,
    then: Then,
    announced: u64,
}

#[derive(Debug, Default)]
enum Then {
    #[default]
    End,
    Stall,
    Break,
}

impl Body for Upload {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        if let Some(data) = self.left.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match self.then {
            Then::End => Poll::Ready(None),
            Then::Stall => Poll::Pending,
            Then::Break => Poll::Ready(Some(Err("canary"))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.announced);
        hint
    }
}

fn upload(then: Then) -> Upload {
    Upload { left: Some(Bytes::from_static(b"canary")), then, announced: 0 }
}

fn post(path: &str, body: Upload) -> Request<Upload> {
    Request::post(path).header("traceparent", TRACE).body(body).unwrap()
}

async fn call(endpoint: &Endpoint, request: Request<Upload>) -> u16 {
    let Ok(response) = endpoint.orchestrator.service().call(request).await;
    response.status().as_u16()
}

#[tokio::test(start_paused = true)]
async fn each_request_that_is_refused_at_the_edge_has_its_line_span_and_count() {
    let too_large = Upload { announced: u64::MAX, ..Upload::default() };
    let get = Request::get("/signed").header("traceparent", TRACE).body(Upload::default()).unwrap();
    for (request, status, strategy, reason) in [
        (post("/signed", upload(Then::Stall)), 408, "signed", "the body did not arrive in time"),
        (post("/signed", too_large), 413, "signed", "too large"),
        (post("/signed", upload(Then::Break)), 400, "signed", "the body broke off"),
        (get, 405, "signed", "method not allowed"),
        (post("/signed", Upload::default()), 401, "signed", "not authenticated"),
        (post("/canary", Upload::default()), 404, "unknown", "no strategy is registered under this name"),
        (post("/", Upload::default()), 404, "unknown", "no strategy is registered under this name"),
        (post("/recording/canary", Upload::default()), 404, "recording", "the strategy only sends"),
    ] {
        let endpoint = Endpoint::with(true, None);
        assert_eq!(call(&endpoint, request).await, status);
        let (lines, ended) = (endpoint.host.spans.lines("inbound.completed"), endpoint.host.spans.ended("zengine.receive"));
        assert_eq!((lines.len(), ended.len(), &*lines[0].path()), (1, 1, "zengine.receive"), "{status}");
        let fields = &lines[0].fields;
        assert_eq!((&*fields["strategy"], &*fields["outcome"], &*fields["http_status"]), (strategy, "refused", &*status.to_string()));
        assert_eq!((&*fields["reason"], &*fields["trace"]), (reason, TRACE));
        assert_eq!((&*ended[0]["strategy"], &*ended[0]["outcome"], &*ended[0]["trace"]), (strategy, "refused", TRACE));
        let counted = format!("{:?}", endpoint.host.sums);
        let key = format!("(\"inbound_requests\", \"strategy={strategy} outcome=refused\"): 1.0");
        assert!(counted.contains(&key) && counted.matches("inbound_requests").count() == 1, "{counted}");
        assert_keys_are_documented(&endpoint.host.spans);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_caller_goes_away_before_its_body_is_there_is_told_at_once() {
    let endpoint = Endpoint::with(true, None);
    let stalled = call(&endpoint, post("/signed", upload(Then::Stall)));
    assert!(tokio::time::timeout(Duration::from_secs(1), stalled).await.is_err());
    let lines = endpoint.host.spans.lines("inbound.completed");
    assert_eq!((lines.len(), &*lines[0].fields["outcome"], &*lines[0].fields["accepted"]), (1, "dropped", "0"));
    assert!(!lines[0].fields.contains_key("body_bytes") && !lines[0].fields.contains_key("http_status"), "{lines:?}");
    assert_eq!(endpoint.host.spans.ended("zengine.receive")[0]["outcome"], "dropped");
}

/// Characters that end a line, colour a terminal, turn the text or end a JSON string, as an address has them.
const ODD: &str = "canary%0Acanary%1B%5B31m%E2%80%AE%E2%80%A8%22%7D%00%C2%9B";

async fn attack(endpoint: &Endpoint) {
    let (long, longer) = ("canary".repeat(10_000), "canary".repeat(17_000));
    for path in [&*format!("/{ODD}"), &format!("/{long}"), &format!("/signed/{ODD}?{ODD}"), &format!("/%E2%80%AE{ODD}/signed")] {
        let request = Request::builder()
            .method(Method::from_bytes(longer.as_bytes()).unwrap())
            .uri(path)
            .header("traceparent", &longer)
            .header("x-correlation-id", &longer)
            .header("x-signature", &longer)
            .header("user-agent", b"canary\xe2\x80\xae".as_slice())
            .extension(Peer(std::net::IpAddr::from([192, 0, 2, 77])))
            .body(Upload::default())
            .unwrap();
        call(endpoint, request).await;
    }
    // Names in a payload that is authentic.
    let names = Bytes::from(json!([longer, "canary\u{202e}\n\u{1b}[31m"]).to_string());
    let signature = sign(std::str::from_utf8(&names).unwrap());
    let body = Upload { left: Some(names), ..Upload::default() };
    assert_eq!(call(endpoint, Request::post("/signed").header("x-signature", signature).body(body).unwrap()).await, 200);
    // A record of a queue.
    for id in ["canary\u{202e}", "canary\n", &longer] {
        let record = InboundRequest::trusted(longer.clone(), id, "canary").with_attribute("traceparent", &*longer);
        let _ = endpoint.orchestrator.receive("signed", record).await.unwrap();
        let _ = endpoint.orchestrator.receive(&longer, InboundRequest::trusted("q", id, "canary")).await.unwrap_err();
    }
}

#[test]
fn no_name_of_a_stranger_reaches_a_line_a_span_or_a_metric() {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let endpoint = Endpoint::with(true, Some(Arc::new(MetricsObserver::new().with_tenants())));
            attack(&endpoint).await;
            let Endpoint { host, emf, .. } = &endpoint;
            assert_eq!(host.printed.lines("inbound.completed").len(), 11, "one for each request");
            let told = format!("{}{:?}{:?}{}{}", host.printed.text(), host.spans, host.sums, emf.text(), recorder.handle().render());
            assert!(told.contains("strategy=unknown") && told.contains("strategy=\"unknown\""), "{told}");
            for stranger in ["canary", "CANARY", "192.0.2.77", "\u{202e}", "\u{2028}", "\u{1b}", "\u{9b}", "\\u{202e}"] {
                assert!(!told.contains(stranger), "{stranger:?} in {told}");
            }
            assert!(told.len() < 100_000, "{}", told.len());
        });
    });
}
