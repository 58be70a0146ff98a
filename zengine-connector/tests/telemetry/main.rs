//! The telemetry of a host: the lines that Powertools' layer prints, the spans around them, the numbers that an observer gets, and the
//! status of a tenant.

#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected fails")]

mod edge;
mod inbound;
mod observers;
mod spans;
mod status;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt as _;
use zengine_connector::{
    Error, ErrorKind, Identity, Memory, Orchestrator, OutboundMessage, Outcome, Reach, SendOptions, StrategyName, TenantId,
    ids::CorrelationId,
    telemetry::{Invocation, Metric, MetricName, Observer, Powertools},
    testing::{ProviderAnswer, Recording, SimClock},
};

use spans::Spans;

/// A writer whose bytes can be read.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl io::Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Printed {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines with a message, oldest first.
    fn lines(&self, message: &str) -> Vec<Value> {
        let lines = self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
        lines.into_iter().filter(|line| line["message"] == message).collect()
    }
}

/// Sums of what was counted, by name and dimensions.
#[derive(Debug, Default)]
struct Sums(Mutex<BTreeMap<(&'static str, String), f64>>);

impl Observer for Sums {
    fn record(&self, metric: &Metric<'_>) {
        let dimensions: Vec<_> = metric.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
        *self.0.lock().unwrap().entry((metric.name.as_str(), dimensions.join(" "))).or_default() += metric.value;
    }
}

impl Sums {
    /// The sum over all dimensions.
    fn of(&self, name: MetricName) -> f64 {
        self.0.lock().unwrap().iter().filter(|((known, _), _)| *known == name.as_str()).map(|(_, sum)| sum).sum()
    }
}

/// A host with all of its telemetry, on time that stands still.
struct Host {
    provider: Recording,
    orchestrator: Orchestrator,
    clock: Arc<SimClock>,
    printed: Printed,
    spans: Spans,
    sums: Arc<Sums>,
    memory: Memory,
    _subscriber: tracing::subscriber::DefaultGuard,
}

impl Host {
    fn new() -> Self {
        let (printed, spans, sums, clock) = (Printed::default(), Spans::default(), Arc::new(Sums::default()), Arc::new(SimClock::new()));
        let layer = Powertools::builder("connectors-social", Arc::clone(&clock) as _).build(printed.clone());
        layer.handle().begin(Invocation { function_request_id: Some("req-1"), ..Invocation::default() });
        let subscriber = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer).with(spans.clone()));
        let (provider, memory) = (Recording::new(), Memory::new());
        memory.put_tenant(&acme(), &StrategyName::new("recording").unwrap(), json!({}));
        let orchestrator = Orchestrator::builder()
            .strategy(provider.clone())
            .stores(memory.clone())
            .clock(Arc::clone(&clock) as _)
            .observer(Arc::clone(&sums) as _)
            .build()
            .unwrap();
        Self { provider, orchestrator, clock, printed, spans, sums, memory, _subscriber: subscriber }
    }

    async fn send(&self, id: &str) -> Outcome {
        self.send_text(id, "canary-body").await.unwrap()
    }

    async fn send_text(&self, id: &str, body: &str) -> Result<Outcome, Error> {
        let message = OutboundMessage::text(Identity::phone(PHONE).unwrap(), body);
        let options = SendOptions::new().correlation_id(CorrelationId::new("conversation-4").unwrap()).traceparent(TRACE);
        self.orchestrator.send_with(&acme(), "recording", id, &message, options).await
    }
}

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const PHONE: &str = "+15551239876";

fn acme() -> TenantId {
    TenantId::new("acme").unwrap()
}

/// The line's keys without those of every line, which are checked here.
fn own(mut line: Value) -> Value {
    let keys = line.as_object_mut().unwrap();
    for key in ["location", "timestamp"] {
        assert!(keys.remove(key).is_some_and(|value| !value.as_str().unwrap().is_empty()), "{key}");
    }
    let common = [
        ("service", "connectors-social"),
        ("function_request_id", "req-1"),
        ("tenant_id", "acme"),
        ("strategy", "recording"),
        ("correlation_id", "conversation-4"),
        ("trace", TRACE),
    ];
    for (key, value) in common {
        assert_eq!(keys.remove(key), Some(json!(value)), "{key}");
    }
    assert!(keys.remove("cold_start").is_some_and(|value| value.is_boolean()));
    line
}

/// Takes a value that is random, after a look at its form.
fn random(line: &mut Value, key: &str) -> String {
    let value = line.as_object_mut().unwrap().remove(key).unwrap();
    let text = value.as_str().unwrap().to_owned();
    assert!(text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}: {text}");
    text
}

#[tokio::test(start_paused = true)]
async fn rule_81_a_send_has_one_line_and_each_attempt_has_one() {
    let host = Host::new();
    host.provider.answer(ProviderAnswer::throttle(Duration::from_secs(3)));
    assert!(matches!(host.send("order-17").await, Outcome::Delivered(_)));

    let attempts: Vec<_> = host.printed.lines("send.attempt").into_iter().map(own).collect();
    let delay = attempts[1]["delay_ms"].as_u64().unwrap();
    assert!((3000..=10_000).contains(&delay), "{delay}");
    let attempt = |n: u32, delay: u64| {
        json!({"level": "INFO", "message": "send.attempt", "client_message_id": "order-17", "attempt": n, "delay_ms": delay,
            "outcome": "accepted", "breaker_state": "closed", "breaker_epoch": 0, "duration_ms": 0})
    };
    let mut throttled = attempt(1, 0);
    throttled.as_object_mut().unwrap().extend([
        ("outcome".into(), json!("rate_limited")),
        ("fault".into(), json!("throttled")),
        ("reach".into(), json!("not_sent")),
        ("code".into(), json!("throttled")),
    ]);
    assert_eq!(attempts, [throttled, attempt(2, delay)]);

    let mut sends: Vec<_> = host.printed.lines("send.completed").into_iter().map(own).collect();
    assert_eq!(sends.len(), 1);
    let (owner, recipient) = (random(&mut sends[0], "lease_owner"), random(&mut sends[0], "recipient_hmac"));
    assert_ne!(owner, recipient);
    let took = sends[0].as_object_mut().unwrap().remove("duration_ms").and_then(|took| took.as_u64()).unwrap();
    assert!((delay..=delay + 1).contains(&took), "{took} of {delay}");
    assert_eq!(
        sends[0],
        json!({"level": "INFO", "message": "send.completed", "client_message_id": "order-17", "outcome": "delivered", "attempts": 2,
            "replayed": false, "dedup_recorded": true, "waited_ms": 0, "budget_left": 100, "breaker_state": "closed", "breaker_epoch": 0})
    );
}

#[tokio::test(start_paused = true)]
async fn rule_81_replays_refusals_and_doubt_have_their_line_too() {
    let host = Host::new();
    let _ = host.send("first").await;
    assert!(host.send("first").await.is_replayed());
    assert_eq!(host.send_text("first", "another canary-body").await.unwrap_err().kind(), ErrorKind::Mismatch);
    host.provider.answer(ProviderAnswer::accept_then_break());
    let Outcome::Unknown(unknown) = host.send("second").await else { panic!("nobody can know") };

    let sends = host.printed.lines("send.completed");
    let seen = |key: &str| sends.iter().map(|line| line[key].clone()).collect::<Vec<_>>();
    assert_eq!(seen("outcome"), ["delivered", "delivered", "error", "unknown"]);
    assert_eq!(seen("level"), ["INFO", "INFO", "WARN", "WARN"]);
    assert_eq!(seen("replayed"), [false, true, false, false]);
    assert_eq!(seen("dedup_recorded"), [json!(true), json!(true), Value::Null, Value::Null], "only a delivery can be recorded or not");
    assert_eq!(seen("attempts"), [1, 1, 0, 1]);
    assert_eq!(seen("kind"), [Value::Null, Value::Null, json!("mismatch"), json!("unavailable")]);
    assert_eq!((&sends[3]["reach"], &sends[3]["fault"]), (&json!("maybe"), &json!("provider")));
    assert_eq!(sends[3]["failure_id"], unknown.failure_id.as_str());
    assert_eq!(host.printed.lines("send.attempt").len(), 2);
    let recipients: Vec<_> = [0, 3].map(|n: usize| sends[n]["recipient_hmac"].clone()).to_vec();
    assert!(recipients[0].is_string() && recipients[0] == recipients[1], "the same recipient has the same hash");
}

#[tokio::test(start_paused = true)]
async fn a_refused_send_says_why_and_repeats_nothing_of_the_message() {
    let host = Host::new();
    let text = format!(r#"{{"to":"{PHONE}","content":{{"type":"text","body":"canary-body"}},"{PHONE}":1}}"#);
    let message: Box<serde_json::value::RawValue> = serde_json::from_str(&text).unwrap();
    host.orchestrator.send(&acme(), "recording", "a", &message).await.unwrap_err();
    host.orchestrator
        .send("nobody", "recording", "b", &OutboundMessage::text(Identity::phone(PHONE).unwrap(), "canary-body"))
        .await
        .unwrap_err();
    host.provider.answer_always(ProviderAnswer::throttle(Duration::from_secs(3_600)));
    assert!(matches!(host.send("c").await, Outcome::Deferred(_)));

    let lines = host.printed.lines("send.completed");
    let seen = |key: &str| lines.iter().map(|line| line[key].clone()).collect::<Vec<_>>();
    assert_eq!(seen("level"), ["INFO", "WARN", "INFO"]);
    assert_eq!(seen("kind"), ["message_invalid", "unknown_tenant", "rate_limited"]);
    assert!(lines.iter().all(|line| line["error"].is_string()), "{lines:?}");
    let violations = lines[0]["violations"].as_str().unwrap();
    assert!(violations.starts_with("/*: is not a known field (member 3 of 3); known: "), "{violations}");
    assert_eq!(lines[2]["retry_after_ms"].as_u64().map(|wait| wait >= 3_600_000), Some(true));
    assert!(!host.printed.text().contains("canary") && !host.printed.text().contains(PHONE.trim_start_matches('+')));
}

#[tokio::test(start_paused = true)]
async fn rule_82_success_at_once_and_after_a_retry_are_separate_metrics() {
    let host = Host::new();
    for id in ["a", "b", "a"] {
        let _ = host.send(id).await;
    }
    host.provider.answer(ProviderAnswer::unreachable());
    let _ = host.send("c").await;
    host.provider.answer(ProviderAnswer::broken());
    let _ = host.send("d").await;
    let sums = [
        (MetricName::Sends, 5.0),
        (MetricName::FirstTrySuccess, 2.0),
        (MetricName::RetriedSuccess, 1.0),
        (MetricName::Attempts, 5.0),
        (MetricName::Unknown, 1.0),
        (MetricName::DeadLetters, 1.0),
        (MetricName::DedupNotRecorded, 0.0),
    ];
    for (name, sum) in sums {
        assert!((host.sums.of(name) - sum).abs() < f64::EPSILON, "{name:?}: {:?}", host.sums);
    }
    let retried = ("retried_success", "tenant=acme strategy=recording outcome=delivered".to_owned());
    assert!(host.sums.0.lock().unwrap().contains_key(&retried), "{:?}", host.sums);
}

/// Names that a caller makes up are one series, not one each.
#[tokio::test(start_paused = true)]
async fn rule_82_a_name_that_is_not_registered_is_unknown_in_metrics() {
    let host = Host::new();
    let message = OutboundMessage::text(Identity::phone(PHONE).unwrap(), "hello");
    let send = async |tenant: &str, strategy: &str, message: &OutboundMessage| {
        host.orchestrator.send(&TenantId::new(tenant).unwrap(), strategy, "1", message).await
    };
    let invalid = OutboundMessage::text(Identity::phone(PHONE).unwrap(), "");
    for n in 0..50 {
        let name = format!("made-up-{n}");
        assert_eq!(send(&name, "recording", &message).await.unwrap_err().kind(), ErrorKind::UnknownTenant);
        assert_eq!(send(&name, &name, &message).await.unwrap_err().kind(), ErrorKind::UnknownStrategy);
        send(&name, "recording", &invalid).await.unwrap_err();
    }
    assert_eq!(send("acme", "recording", &message).await.unwrap().as_str(), "delivered");
    send("acme", "recording", &invalid).await.unwrap_err();
    let sums = host.sums.0.lock().unwrap();
    let sends = sums.keys().filter(|(name, _)| *name == "sends");
    let mut names: Vec<_> = sends.map(|(_, dimensions)| dimensions.split(" outcome").next().unwrap()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names, ["tenant=acme strategy=recording", "tenant=unknown strategy=recording", "tenant=unknown strategy=unknown"]);
}

#[tokio::test(start_paused = true)]
async fn of_a_long_name_of_a_strategy_the_beginning_is_logged() {
    let host = Host::new();
    let message = OutboundMessage::text(Identity::phone(PHONE).unwrap(), "hello");
    host.orchestrator.send("acme", &*"é".repeat(1 << 20), "1", &message).await.unwrap_err();
    let line = host.spans.lines("send.completed").remove(0);
    assert_eq!(line.fields["strategy"], "é".repeat(64));
    host.orchestrator.send("acme", "odd\u{202e}\n", "1", &message).await.unwrap_err();
    assert_eq!(host.spans.lines("send.completed")[1].fields["strategy"], "unknown");
    assert!(host.printed.text().len() < 10_000 && format!("{:?}", host.spans).len() < 100_000);
}

#[tokio::test(start_paused = true)]
async fn rule_81_no_line_span_metric_or_status_holds_a_recipient_or_a_body() {
    let host = Host::new();
    let answers = [
        ProviderAnswer::Accept,
        ProviderAnswer::broken(),
        ProviderAnswer::Panic,
        ProviderAnswer::Hang,
        ProviderAnswer::error(ErrorKind::InvalidRecipient, Reach::Processed),
    ];
    for (n, answer) in answers.into_iter().enumerate() {
        host.provider.answer(answer);
        let _ = host.send(&format!("order-{n}")).await;
    }
    host.provider.answer_always(ProviderAnswer::unreachable());
    while host.sums.of(MetricName::BreakerTransitions) < 1.0 {
        let _ = host.send(&format!("later-{}", host.sums.of(MetricName::Sends))).await;
        host.clock.advance(Duration::from_secs(1)).await;
    }
    // The attempt that tripped it asked while it was closed; the next send asks and is put off.
    assert_eq!(host.printed.lines("send.attempt").last().unwrap()["breaker_state"], "closed");
    assert_eq!(
        host.printed.lines("breaker.changed").last().map(|line| (line["state"].clone(), line["level"].clone())),
        Some((json!("open"), json!("WARN")))
    );
    assert!(matches!(host.send("put-off").await, Outcome::Deferred(_)));
    let put_off = host.printed.lines("send.completed").pop().unwrap();
    assert_eq!((&put_off["breaker_state"], &put_off["reason"]), (&json!("open"), &json!("breaker_open")));
    let status = host.orchestrator.status(&acme(), "recording").await.unwrap();
    let status = format!("{status:?} {}", serde_json::to_string(&status).unwrap());
    let told = format!("{} {:?} {:?} {status}", host.printed.text(), host.sums, host.spans);
    for line in [
        "zengine.send",
        "zengine.attempt",
        "last_error",
        "send.attempt",
        "send.completed",
        "breaker.changed",
        "breaker_transitions",
        "outcome=open",
    ] {
        assert!(told.contains(line), "{line} is missing");
    }
    for canary in ["canary", PHONE.trim_start_matches('+')] {
        assert!(!told.contains(canary), "{told}");
    }
    assert_keys_are_documented(&host.spans);
}

/// Checks that the documentation has each key of the lines and spans.
fn assert_keys_are_documented(spans: &Spans) {
    let documented = documentation();
    for key in spans.keys() {
        assert!(documented.contains(&format!("`{key}`")), "{key} is missing in guide/logging.md");
    }
}

fn documentation() -> String {
    std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("guide/logging.md")).unwrap()
}

/// The messages of the lines that a source file logs, which are the last literal of each call. Tests in it do not count.
fn messages(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let calls = code.match_indices("tracing::").filter_map(|(at, path)| {
        let (name, arguments) = code[at + path.len()..].split_once("!(")?;
        ["trace", "debug", "info", "warn", "error", "event", "info_span"].contains(&name).then_some(arguments)
    });
    calls.filter_map(last_literal).collect()
}

/// The last string literal before the closing bracket of a call.
fn last_literal(arguments: &str) -> Option<String> {
    let (mut depth, mut start, mut found) = (1, None, None);
    for (at, c) in arguments.char_indices() {
        match (start, c) {
            (Some(from), '"') => (start, found) = (None, Some(arguments[from..at].to_owned())),
            (None, '"') => start = Some(at + 1),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

/// Queries and alarms look for the message: it is a name, and the documentation has each.
#[test]
fn every_line_and_span_has_a_name_that_the_documentation_lists() {
    let core = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let documented = documentation();
    let (mut folders, mut found) = (vec![core.join("src")], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && name != "testing" {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") && name != "tests.rs" {
                found.extend(messages(&std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(found.len() > 50, "{found:?}");
    for message in found {
        // Its explanation becomes a field.
        let parts: Vec<_> = message.split('.').collect();
        let is_name =
            parts.len() == 2 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|c| c.is_ascii_lowercase() || c == b'_'));
        assert!(is_name, "not a name: {message}");
        assert!(documented.contains(&format!("`{message}`")), "{message} is missing in `guide/logging.md`");
    }
}
