//! `Orchestrator::status`.

use zengine_connector::{SendError, error::Scope, stage::BreakerState, store::TenantRow, testing::ProviderAnswer};

use super::*;

async fn status(host: &Host, tenant: &str) -> Value {
    let status = host.orchestrator.status(&TenantId::new(tenant).unwrap(), "recording").await.unwrap();
    let passes = status.breaker.state != BreakerState::Open && status.pauses.is_empty();
    assert_eq!(status.is_ready(), status.is_bound() && passes);
    serde_json::to_value(status).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_bound_tenant_without_a_send_is_ready_and_was_not_asked_of_the_provider() {
    let host = Host::new();
    let mut seen = status(&host, "acme").await;
    assert!(seen.as_object_mut().unwrap().remove("config_version").is_some_and(|version| version.is_string()));
    assert_eq!(
        seen,
        json!({"tenant": "acme", "strategy": "recording", "breaker": {"state": "closed", "epoch": 0, "retry_after_ms": 0},
            "bulkhead": {"in_use": 0, "limit": 512}, "budget_left": 100})
    );
    assert!(host.provider.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_status_says_why_a_tenant_is_not_bound() {
    let host = Host::new();
    assert_eq!(status(&host, "nobody").await["not_bound"]["kind"], "unknown_tenant");
    let refused = TenantRow::new(json!({"unexpected": "canary-value"}));
    host.memory.put_tenant(&TenantId::new("wrong").unwrap(), &StrategyName::new("recording").unwrap(), refused);
    let wrong = status(&host, "wrong").await;
    assert_eq!(wrong["not_bound"]["violations"][0]["pointer"], "/unexpected", "{wrong}");
    assert_eq!(wrong["not_bound"]["context"]["tenant"], "wrong", "{wrong}");
    assert_eq!((&wrong["not_bound"]["kind"], &wrong["not_bound"]["temporary"]), (&json!("config_invalid"), &json!(false)), "{wrong}");
    assert!(wrong["config_version"].is_null() && !wrong.to_string().contains("canary"), "{wrong}");
    let unknown = host.orchestrator.status(&acme(), "unknown").await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::UnknownStrategy);
}

#[tokio::test(start_paused = true)]
async fn the_status_tells_the_breaker_and_the_last_error() {
    let host = Host::new();
    host.provider.answer_always(ProviderAnswer::unreachable());
    let mut n = 0;
    while host.orchestrator.status(&acme(), "recording").await.unwrap().breaker.state != BreakerState::Open {
        n += 1;
        let _ = host.send(&format!("{n}")).await;
    }
    let seen = status(&host, "acme").await;
    let wait = seen["breaker"]["retry_after_ms"].as_i64().unwrap();
    assert!((1..=60_000).contains(&wait), "{seen}");
    assert_eq!(
        (&seen["last_error"]["kind"], &seen["last_error"]["fault"], &seen["last_error"]["reach"]),
        (&json!("unavailable"), &json!("provider"), &json!("not_sent")),
        "{seen}"
    );
    assert!(seen["last_error"]["at_ms"].as_i64().unwrap() > 0);
}

#[tokio::test(start_paused = true)]
async fn rule_45_a_pause_is_told_until_it_is_over() {
    let host = Host::new();
    host.provider.answer(ProviderAnswer::throttle_scope(Scope::Account, Duration::from_secs(600)));
    assert_eq!(host.send("1").await.as_str(), "deferred");
    let seen = status(&host, "acme").await;
    let until_ms = seen["last_error"]["at_ms"].as_i64().unwrap() + 600_000;
    assert_eq!(seen["pauses"], json!([{"scope": "account", "count": 1, "until_ms": until_ms}]));
    assert!(!host.orchestrator.status(&acme(), "recording").await.unwrap().is_ready());
    host.clock.advance(Duration::from_secs(600)).await;
    assert_eq!(status(&host, "acme").await["pauses"], Value::Null);
    assert!(host.orchestrator.status(&acme(), "recording").await.unwrap().is_ready());
}

#[tokio::test(start_paused = true)]
async fn an_error_is_past_once_the_provider_accepts_a_call() {
    let host = Host::new();
    host.provider.answer(ProviderAnswer::throttle(Duration::from_secs(600)));
    let _ = host.send("1").await;
    let before = status(&host, "acme").await;
    assert!(before["last_error"]["recovered_at_ms"].is_null() && before["pauses"].is_null(), "no scope is named: {before}");
    host.clock.advance(Duration::from_secs(60)).await;
    let _ = host.send("2").await;
    let after = status(&host, "acme").await;
    let recovered_at_ms = before["last_error"]["at_ms"].as_i64().unwrap() + 60_000;
    assert_eq!(after["last_error"]["kind"], json!("rate_limited"));
    assert_eq!(after["last_error"]["recovered_at_ms"], recovered_at_ms);
    host.clock.advance(Duration::from_secs(60)).await;
    let _ = host.send("3").await;
    assert_eq!(status(&host, "acme").await["last_error"]["recovered_at_ms"], recovered_at_ms, "the first success ended it");
    host.provider.answer(ProviderAnswer::throttle(Duration::from_secs(600)));
    let _ = host.send("4").await;
    let again = status(&host, "acme").await;
    assert!(again["last_error"]["recovered_at_ms"].is_null(), "{again}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_began_before_an_error_does_not_end_it() {
    let host = Host::new();
    host.provider.answer(ProviderAnswer::Slow(Duration::from_secs(2)));
    host.provider.answer(ProviderAnswer::throttle_scope(Scope::Account, Duration::from_secs(600)));
    let throttled = async {
        host.clock.advance(Duration::from_secs(1)).await;
        host.send("2").await
    };
    let (slow, throttled) = futures_util::future::join(host.send("1"), throttled).await;
    assert_eq!((slow.as_str(), throttled.as_str()), ("delivered", "deferred"));
    let seen = status(&host, "acme").await;
    assert!(seen["pauses"].is_array() && seen["last_error"]["recovered_at_ms"].is_null(), "{seen}");
}

#[tokio::test(start_paused = true)]
async fn calls_in_progress_fill_the_bulkhead_of_the_status() {
    let host = Host::new();
    host.provider.answer(ProviderAnswer::Hang);
    let send = host.send("1");
    let look = async {
        host.clock.advance(Duration::from_millis(10)).await;
        status(&host, "acme").await["bulkhead"]["in_use"].clone()
    };
    let (_, in_use) = futures_util::future::join(send, look).await;
    assert_eq!(in_use, 1);
    assert_eq!(status(&host, "acme").await["bulkhead"]["in_use"], 0);
}

/// An answer of the provider with all of its facts.
#[tokio::test(start_paused = true)]
async fn rule_81_lines_and_status_tell_the_providers_status_code_and_request_id() {
    let host = Host::new();
    let refusal = || {
        let refused = SendError::auth("the token has expired").code("c".repeat(1000));
        refused.context("http_status", 401).context("provider_request_id", "Atrace").processed()
    };
    host.provider.answer(ProviderAnswer::Refuse(Arc::new(refusal)));
    assert_eq!(host.send("1").await.as_str(), "failed");
    for message in ["send.attempt", "send.completed"] {
        let line = host.printed.lines(message).remove(0);
        assert_eq!(
            (&line["level"], &line["http_status"], &line["provider_request_id"]),
            (&json!("WARN"), &json!(401), &json!("Atrace")),
            "{line}"
        );
        assert_eq!(line["code"].as_str().unwrap().len(), 256, "what others wrote is bounded");
    }
    let error = &status(&host, "acme").await["last_error"];
    assert_eq!((&error["http_status"], &error["provider_request_id"]), (&json!(401), &json!("Atrace")));
    assert_eq!(error["message"], "the token has expired");
}
