//! The lines, spans and counts of received requests.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use zengine_connector::{
    Configure, ConfigureContext, Content, Event, HandlerContext, HandlerError, InboundContext, InboundEvent, InboundStrategy, Secret,
    SecretRef, Strategy,
    message::{ElementError, Party},
    orchestrator::{InboundSettings, Received},
    runtime::TokioClock,
    schemars,
    store::{SecretScope, TenantRow},
    strategy::{InboundRequest, RawPayload, RoutedEvent, Verified, VerifyError},
    telemetry::EmfObserver,
    verify::HmacSha256,
};

use super::*;

/// A configuration without settings.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct Nothing {}

/// Receives signed lists of texts, each from the same person.
#[derive(Strategy)]
#[strategy(name = "signed", channel = WhatsApp, config = Nothing, inbound)]
pub(crate) struct Signed;

impl Configure<Nothing> for Signed {
    type Tenant = ();

    async fn configure(&self, _: Nothing, _: &ConfigureContext) -> Result<(), Error> {
        Ok(())
    }
}

const SIGNATURE: HmacSha256 = HmacSha256::hex();

impl InboundStrategy<Nothing> for Signed {
    async fn verify(&self, request: &InboundRequest, cx: &InboundContext<()>) -> Result<Verified, VerifyError> {
        if request.method() == Some(&http::Method::GET) {
            return Err(VerifyError::MethodNotAllowed("POST"));
        }
        let signature = SIGNATURE.read(request.header("x-signature"))?;
        signature.check(request.body(), &cx.secret(&SecretRef::named("app")).await?)?;
        Ok(Verified::shared(request.body().clone()))
    }

    fn normalize(&self, payload: &RawPayload) -> Vec<Result<RoutedEvent, ElementError>> {
        let texts: Vec<String> = serde_json::from_slice(payload.body()).unwrap();
        let event = |text: String| {
            let mut event = RoutedEvent::new(Event::message(Content::text(&*text)), text, payload.body().clone());
            event.from = Party::of(Identity::phone(PHONE).unwrap());
            event.routes = vec![zengine_connector::ids::RouteKey::new("waba", "canary-route")];
            event
        };
        texts.into_iter().map(|text| Ok(event(text))).collect()
    }
}

/// An endpoint whose handler sends an answer, and does not store what asks for it.
pub(crate) struct Endpoint {
    pub(crate) host: Host,
    pub(crate) orchestrator: Orchestrator,
    pub(crate) emf: Printed,
}

impl Endpoint {
    fn new(log_handler_errors: bool) -> Self {
        Self::with(log_handler_errors, None)
    }

    /// The same with one more observer.
    pub(crate) fn with(log_handler_errors: bool, observer: Option<Arc<dyn Observer>>) -> Self {
        let (host, emf) = (Host::new(), Printed::default());
        let signed = StrategyName::new("signed").unwrap();
        host.memory.put_secret(&SecretScope::application(signed.clone()), "app", "canary-secret");
        let row = TenantRow::new(json!({})).with_routes([zengine_connector::ids::RouteKey::new("waba", "canary-route")]);
        host.memory.put_tenant(&acme(), &signed, row);
        let handle = async |event: InboundEvent, cx: HandlerContext| {
            let message = OutboundMessage::text(Identity::phone(PHONE).unwrap(), "canary-answer");
            let _ = cx.orchestrator().send("acme", "recording", format!("answer.{}", event.id), &message).await;
            if cx.correlation_id().is_some() {
                Err(io::Error::other("connection refused"))?;
            }
            Ok::<(), HandlerError>(())
        };
        let builder = Orchestrator::builder()
            .strategy(Signed)
            .strategy(host.provider.clone())
            .stores(host.memory.clone())
            .observer(Arc::clone(&host.sums) as _)
            .observer(Arc::new(EmfObserver::new("messaging", Arc::new(TokioClock::new()), emf.clone())))
            .inbound(InboundSettings { log_handler_errors, ..InboundSettings::default() })
            .on_inbound(handle);
        let orchestrator = observer.into_iter().fold(builder, zengine_connector::OrchestratorBuilder::observer).build().unwrap();
        Self { host, orchestrator, emf }
    }

    /// Delivers a body with this signature.
    async fn deliver(&self, body: &'static str, signature: Option<&str>, correlation: Option<&str>) -> Received {
        let mut request = http::Request::post("/canary-path?canary=1").header("traceparent", TRACE);
        if let Some(signature) = signature {
            request = request.header("x-signature", signature);
        }
        if let Some(id) = correlation {
            request = request.extension(CorrelationId::new(id).unwrap());
        }
        let request = InboundRequest::http(request.body(Bytes::from_static(body.as_bytes())).unwrap());
        self.orchestrator.receive("signed", request).await.unwrap()
    }

    async fn signed(&self, body: &'static str) -> Received {
        self.deliver(body, Some(&sign(body)), None).await
    }
}

pub(crate) fn sign(body: &str) -> String {
    SIGNATURE.sign(body.as_bytes(), &Secret::new(b"canary-secret".to_vec()))
}

#[tokio::test(start_paused = true)]
async fn a_refused_signature_is_a_warning_that_says_what_is_wrong_and_the_answer_does_not() {
    let endpoint = Endpoint::new(true);
    let wrong = sign("[]");
    for (signature, fault) in [(None, "missing"), (Some("canary-guess"), "malformed"), (Some(&*wrong), "wrong")] {
        let refused = endpoint.deliver(r#"["canary"]"#, signature, None).await;
        assert_eq!((refused.response.status().as_u16(), &refused.response.body()[..]), (401, &b"not authenticated"[..]));
        let line = endpoint.host.printed.lines("inbound.completed").pop().unwrap();
        assert_eq!(
            (&line["level"], &line["outcome"], &line["reason"], &line["credentials"], &line["http_status"]),
            (&json!("WARN"), &json!("refused"), &json!("not authenticated"), &json!(fault), &json!(401))
        );
    }
    let _ = endpoint.signed("[]").await;
    let line = endpoint.host.printed.lines("inbound.completed").pop().unwrap();
    assert_eq!((&line["level"], &line["credentials"]), (&json!("INFO"), &Value::Null));
    assert!(!endpoint.host.printed.text().contains("canary"), "{}", endpoint.host.printed.text());
}

#[tokio::test(start_paused = true)]
async fn inbound_events_counts_what_is_new_and_emf_has_one_record_for_each_request() {
    let endpoint = Endpoint::new(true);
    let first = endpoint.signed(r#"["a", "b"]"#).await;
    let again = endpoint.signed(r#"["a", "b", "c"]"#).await;
    assert_eq!((first.accepted, first.duplicates, again.accepted, again.duplicates), (2, 0, 3, 2));
    let of = |name| format!("{:.0}", endpoint.host.sums.of(name));
    assert_eq!([of(MetricName::InboundRequests), of(MetricName::InboundEvents), of(MetricName::InboundDuplicates)], ["2", "3", "2"]);
    let records: Vec<Value> = endpoint.emf.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<&Value> = records.iter().filter(|record| record.get("inbound_requests").is_some()).collect();
    assert_eq!(requests.len(), 2, "{records:?}");
    assert_eq!((&requests[1]["inbound_events"], &requests[1]["inbound_duplicates"]), (&json!(1), &json!(2)));
    let line = endpoint.host.printed.lines("inbound.completed").pop().unwrap();
    assert_eq!((&line["accepted"], &line["duplicates"]), (&json!(3), &json!(2)));
}

#[tokio::test(start_paused = true)]
async fn the_lines_of_a_request_and_of_what_its_handler_sends_are_in_its_spans() {
    let endpoint = Endpoint::new(true);
    let request = tracing::info_span!("request");
    let _ = tracing::Instrument::instrument(endpoint.signed(r#"["canary-text"]"#), request).await;
    let spans = &endpoint.host.spans;
    assert_eq!(spans.lines("inbound.completed")[0].path(), "request > zengine.receive");
    let sent = spans.lines("send.completed").remove(0);
    assert_eq!(sent.path(), "request > zengine.receive > zengine.handle > zengine.send");
    let (receive, handle) = (spans.ended("zengine.receive").remove(0), spans.ended("zengine.handle").remove(0));
    assert_eq!((&*receive["strategy"], &*receive["outcome"], &*receive["trace"]), ("signed", "done", TRACE));
    assert_eq!((&*handle["tenant_id"], &*handle["outcome"], &*handle["trace"]), ("acme", "accepted", TRACE));
    assert_eq!(sent.fields["client_message_id"], format!("answer.{}", handle["event_id"]));
    let told = format!("{spans:?} {} {:?} {}", endpoint.host.printed.text(), endpoint.host.sums, endpoint.emf.text());
    for canary in ["canary", PHONE.trim_start_matches('+')] {
        assert!(!told.contains(canary), "{told}");
    }
    assert_keys_are_documented(spans);
}

#[tokio::test(start_paused = true)]
async fn the_hosts_error_is_in_the_line_unless_it_is_switched_off() {
    for shown in [true, false] {
        let endpoint = Endpoint::new(shown);
        let body = r#"["a"]"#;
        let refused = endpoint.deliver(body, Some(&sign(body)), Some("conversation-4")).await;
        assert_eq!(refused.response.status().as_u16(), 503);
        let line = endpoint.host.printed.lines("inbound.unstored").remove(0);
        assert_eq!(line["reason"], "the handler did not store the event");
        assert_eq!(line["error_type"], "std::io::error::Error");
        assert_eq!(line["error"], if shown { json!("connection refused") } else { Value::Null });
        assert_eq!(endpoint.host.printed.text().contains("connection refused"), shown);
    }
}

/// Delivers a body whose handler takes long, and goes away.
async fn abandon(endpoint: &Endpoint) {
    endpoint.host.provider.answer(ProviderAnswer::Hang);
    assert!(tokio::time::timeout(Duration::from_millis(50), endpoint.signed(r#"["a", "b"]"#)).await.is_err());
    assert!(endpoint.host.printed.lines("inbound.completed").is_empty(), "the work goes on");
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_caller_went_away_is_told_once_when_its_work_ends() {
    let endpoint = Endpoint::new(true);
    abandon(&endpoint).await;
    endpoint.host.clock.advance(Duration::from_secs(600)).await;
    let lines = endpoint.host.spans.lines("inbound.completed");
    assert_eq!(lines.len(), 1);
    let of = |key: &str| lines[0].fields.get(key).map(String::as_str);
    assert_eq!([of("outcome"), of("accepted"), of("unstored"), of("http_status")], [Some("dropped"), Some("2"), Some("0"), None]);
    assert!(of("duration_ms").unwrap().parse::<u64>().unwrap() > 1_000, "it is that of the work");
    assert_eq!((&*lines[0].path(), &*endpoint.host.spans.ended("zengine.receive")[0]["outcome"]), ("zengine.receive", "dropped"));
    let sums = endpoint.host.sums.0.lock().unwrap();
    let counted = |name: &'static str| sums.get(&(name, "strategy=signed outcome=dropped".to_owned())).copied().unwrap_or_default();
    assert_eq!([counted("inbound_requests"), counted("inbound_events")].map(|sum| format!("{sum:.0}")), ["1", "2"], "{sums:?}");
    assert_keys_are_documented(&endpoint.host.spans);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_the_work_of_a_caller_that_went_away_and_flushes_its_counts() {
    let batched = Printed::default();
    let emf = EmfObserver::new("messaging", Arc::new(TokioClock::new()), batched.clone()).with_batch(1 << 20);
    let endpoint = Endpoint::with(true, Some(Arc::new(emf)));
    abandon(&endpoint).await;
    endpoint.orchestrator.shutdown(Duration::from_secs(600)).await;
    let records = batched.text();
    let records: Vec<_> = records.lines().filter(|line| line.contains("inbound_requests")).collect();
    assert!(records.len() == 1 && records[0].contains(r#""outcome":"dropped""#), "{records:?}");
}
