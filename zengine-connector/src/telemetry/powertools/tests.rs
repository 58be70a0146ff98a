use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::{
    error::{ErrorKind, Fault, Reach},
    ids::{ClientMessageId, CorrelationId, FailureId, TenantId},
    keyring::Key,
    secret::Secret,
    telemetry::{
        AttemptLine, InboundLine, RecipientHmac, SendLine, TraceParent,
        emf::tests::{Kept, Still},
    },
};

fn printed(set_up: impl FnOnce(&PowertoolsHandle), log: impl FnOnce()) -> Vec<Value> {
    let kept = Kept::default();
    let layer = Powertools::builder("demo", Arc::new(Still)).function_name("fn").key("env", "test").build(kept.clone());
    set_up(&layer.handle());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
    kept.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn rule_81_a_line_has_the_keys_of_powertools() {
    let set_up = |handle: &PowertoolsHandle| {
        handle.begin(Invocation { function_request_id: Some("r-1"), xray_trace_id: Some("1-2-3"), correlation_id: Some("c-1") });
    };
    let lines = printed(set_up, || tracing::warn!(attempt = 2_u32, "some {}", "text"));
    let location = lines[0]["location"].as_str().unwrap();
    assert!(location.starts_with("zengine_connector::telemetry::powertools::tests:"), "{location}");
    assert_eq!(
        lines[0],
        json!({
            "level": "WARN", "location": location, "message": "some text", "timestamp": "2025-10-09T08:53:20.123Z", "service": "demo",
            "cold_start": true, "function_name": "fn", "env": "test", "function_request_id": "r-1", "correlation_id": "c-1",
            "xray_trace_id": "1-2-3", "attempt": 2,
        })
    );
}

#[test]
fn rule_81_keys_of_a_call_are_gone_in_the_next() {
    let kept = Kept::default();
    let layer = Powertools::builder("demo", Arc::new(Still)).key("env", "test").build(kept.clone());
    let handle = layer.handle();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::info!("before");
        handle.begin(Invocation { correlation_id: Some("c-1"), ..Invocation::default() });
        handle.append("tenant_id", "acme");
        handle.append("tenant_id", "beta");
        handle.append("gone", 1);
        handle.remove("gone");
        tracing::info!("first");
        handle.begin(Invocation::default());
        tracing::info!("second");
        handle.append("tenant_id", "acme");
        handle.clear();
        tracing::info!("after");
    });
    let text = kept.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let keys =
        |n: usize| [&lines[n]["env"], &lines[n]["cold_start"], &lines[n]["correlation_id"], &lines[n]["tenant_id"], &lines[n]["gone"]];
    assert_eq!(keys(0), [&json!("test"), &Value::Null, &Value::Null, &Value::Null, &Value::Null]);
    assert_eq!(keys(1), [&json!("test"), &json!(true), &json!("c-1"), &json!("beta"), &Value::Null]);
    assert_eq!(keys(2), [&json!("test"), &json!(false), &Value::Null, &Value::Null, &Value::Null]);
    assert_eq!(keys(3), keys(0));
    assert_eq!(text.matches("tenant_id").count(), 1, "a key stands in a line once");
}

#[test]
fn an_events_own_fields_win_over_the_calls_and_never_over_the_first_five() {
    let set_up = |handle: &PowertoolsHandle| handle.begin(Invocation { correlation_id: Some("of the call"), ..Invocation::default() });
    let lines = printed(set_up, || {
        tracing::info!(correlation_id = "of the event", level = 7, service = "x", timestamp = true, "text");
        tracing::info!(correlation_id = None::<&str>, "text");
        tracing::info!(only = 1);
    });
    assert_eq!(lines[0]["correlation_id"], "of the event");
    assert_eq!((&lines[0]["level"], &lines[0]["service"], &lines[0]["message"]), (&json!("INFO"), &json!("demo"), &json!("text")));
    assert_eq!((&lines[0]["level_"], &lines[0]["service_"], &lines[0]["timestamp_"]), (&json!(7), &json!("x"), &json!(true)));
    assert_eq!(lines[1]["correlation_id"], "of the call");
    assert_eq!(lines[2]["message"], "");
}

#[test]
fn keys_are_bounded() {
    let set_up = |handle: &PowertoolsHandle| (0..100).for_each(|n| handle.append(&format!("k{n}"), n));
    let lines = printed(set_up, || tracing::info!(k0 = "own", k61 = "own", k70 = "own", "text"));
    assert_eq!(
        (&lines[0]["k0"], &lines[0]["k61"], &lines[0]["k70"], &lines[0]["k60"]),
        (&json!("own"), &json!("own"), &json!("own"), &json!(60))
    );
    assert_eq!(lines[0].get("k80"), None);
}

#[test]
fn a_value_that_logs_while_it_is_printed_harms_nothing() {
    struct Chatty;
    impl fmt::Debug for Chatty {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            // The writer is not held while values are printed.
            tracing::info!("inner");
            f.write_str("outer value")
        }
    }
    let lines = printed(|_| {}, || tracing::info!(value = ?Chatty, "outer"));
    assert!(lines.iter().any(|line| line["message"] == "outer" && line["value"] == "outer value"));
}

#[test]
fn canary_no_line_holds_a_recipient_or_a_body() {
    let tenant = TenantId::new("acme").unwrap();
    let id = ClientMessageId::new("order-17").unwrap();
    let (failure, correlation) = (FailureId::new("f-1").unwrap(), CorrelationId::new("c-1").unwrap());
    let trace = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
    let hmac = RecipientHmac::new(&Key::new("k1", &Secret::new(*b"canary-key-of-thirty-two-bytes!!")), "acme", "tel:+canary15551230001");
    let lines = printed(
        |_| {},
        || {
            let mut line = SendLine::new(&tenant, "demo", &id, "unknown");
            line.reason = Some("breaker_open");
            (line.kind, line.reach, line.code) = (Some(ErrorKind::Timeout), Some(Reach::Maybe), Some("131000"));
            (line.attempts, line.replayed, line.dedup_recorded) = (3, true, false);
            (line.waited, line.duration) = (Duration::from_millis(7), Duration::from_micros(12_999));
            (line.lease_owner, line.breaker_state, line.breaker_epoch) = (Some("o-1"), Some("closed"), Some(4));
            (line.failure_id, line.recipient_hmac, line.correlation_id, line.trace) =
                (Some(&failure), Some(hmac), Some(&correlation), Some(trace));
            line.emit();
            let mut line = AttemptLine::new(&tenant, "demo", &id, 2);
            (line.outcome, line.fault, line.reach, line.code) = ("timeout", Some(Fault::Provider), Some(Reach::Maybe), Some("131000"));
            (line.delay, line.duration) = (Duration::from_millis(500), Duration::from_millis(9));
            (line.breaker_state, line.breaker_epoch) = (Some("half_open"), Some(5));
            (line.correlation_id, line.trace) = (Some(&correlation), Some(trace));
            line.emit();
            let mut line = InboundLine::new("demo", "done", 200);
            (line.tenant_id, line.reason, line.correlation_id, line.trace) = (Some(&tenant), Some("none"), Some(&correlation), Some(trace));
            (line.accepted, line.poisoned, line.unstored, line.body_bytes) = (3, 1, 2, 512);
            line.emit();
        },
    );
    let common = |message: &str, level: &str, place: &Value| {
        json!({"level": level, "location": place, "message": message, "timestamp": "2025-10-09T08:53:20.123Z", "service": "demo",
            "function_name": "fn", "env": "test", "strategy": "demo", "tenant_id": "acme", "correlation_id": "c-1", "trace": trace.to_string()})
    };
    let own = [
        json!({"client_message_id": "order-17", "outcome": "unknown", "reason": "breaker_open", "kind": "timeout", "fault": "provider",
            "reach": "maybe", "code": "131000", "attempts": 3, "replayed": true, "dedup_recorded": false, "waited_ms": 7,
            "lease_owner": "o-1", "breaker_state": "closed", "breaker_epoch": 4, "failure_id": "f-1",
            "recipient_hmac": hmac.as_str(), "duration_ms": 12}),
        json!({"client_message_id": "order-17", "outcome": "timeout", "fault": "provider", "reach": "maybe", "code": "131000", "attempt": 2,
            "delay_ms": 500, "breaker_state": "half_open", "breaker_epoch": 5, "duration_ms": 9}),
        json!({"outcome": "done", "reason": "none", "http_status": 200, "accepted": 3, "poisoned": 1, "unstored": 2, "body_bytes": 512,
            "duration_ms": 0}),
    ];
    for ((line, own), (message, level)) in
        lines.iter().zip(own).zip([("send.completed", "WARN"), ("send.attempt", "INFO"), ("inbound.completed", "INFO")])
    {
        let mut expected = common(message, level, &line["location"]);
        expected.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        assert_eq!(*line, expected);
        assert!(!line.to_string().contains("canary"));
    }
    assert_eq!(lines.len(), 3);
    assert!(!format!("{hmac:?} {hmac}").contains("canary"));
}

#[test]
fn the_level_of_a_send_follows_from_its_end() {
    let (tenant, id) = (TenantId::new("acme").unwrap(), ClientMessageId::new("m").unwrap());
    let lines = printed(
        |_| {},
        || {
            for (outcome, kind) in
                [("delivered", None), ("failed", Some(ErrorKind::Template)), ("error", Some(ErrorKind::DeadLetterFailed))]
            {
                let mut line = SendLine::new(&tenant, "demo", &id, outcome);
                line.kind = kind;
                line.emit();
            }
        },
    );
    let levels: Vec<_> = lines.iter().map(|line| line["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["INFO", "INFO", "ERROR"]);
    assert!(lines[0].get("fault").is_none(), "absent facts are absent keys");
}

#[test]
fn without_a_subscriber_a_line_goes_nowhere() {
    let (tenant, id) = (TenantId::new("acme").unwrap(), ClientMessageId::new("m").unwrap());
    tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::new(), || SendLine::new(&tenant, "demo", &id, "failed").emit());
}

proptest! {
    #[test]
    fn any_content_of_fields_gives_one_line_of_valid_json(
        text in any::<String>(), key in any::<String>(), value in any::<String>(), service in any::<String>(),
        float in any::<f64>(), big in any::<i128>(), small in any::<i64>(),
    ) {
        let kept = Kept::default();
        let layer = Powertools::builder(service.clone(), Arc::new(Still)).build(kept.clone());
        let handle = layer.handle();
        handle.begin(Invocation { function_request_id: Some(&value), xray_trace_id: Some(&text), correlation_id: Some(&text) });
        handle.append(&key, value.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!(own_text = &*text, debug = ?value, display = %value, float, big, small, bytes = text.as_bytes(), "{text}");
        });
        let all = kept.text();
        prop_assert!(all.ends_with('\n') && all.matches('\n').count() == 1);
        let line: Value = serde_json::from_str(&all).unwrap();
        prop_assert_eq!((&line["message"], &line["own_text"], &line["display"]), (&json!(text), &json!(text), &json!(value)));
        prop_assert_eq!((&line["service"], &line["small"]), (&json!(service), &json!(small)));
    }
}
