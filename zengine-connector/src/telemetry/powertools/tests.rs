use proptest::prelude::*;
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::telemetry::emf::tests::{Kept, Still};

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
    impl std::fmt::Debug for Chatty {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            // The writer is not held while values are printed.
            tracing::info!("inner");
            f.write_str("outer value")
        }
    }
    let lines = printed(|_| {}, || tracing::info!(value = ?Chatty, "outer"));
    assert!(lines.iter().any(|line| line["message"] == "outer" && line["value"] == "outer value"));
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
