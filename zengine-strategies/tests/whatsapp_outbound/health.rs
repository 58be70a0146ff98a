//! The health of a number.

use std::time::Duration;

use serde_json::{Value, json};
use zengine_connector::{
    Reach,
    http::{HttpCause, HttpError},
    strategy::HealthStatus,
};

use super::support::{Bench, TOKEN, answer, raw, refused};

#[derive(Debug, PartialEq)]
enum Verdict {
    Healthy,
    Degraded,
    Unhealthy,
    Inconclusive,
}

fn verdict(status: &HealthStatus) -> Verdict {
    match status {
        HealthStatus::Healthy => Verdict::Healthy,
        HealthStatus::Degraded(_) => Verdict::Degraded,
        HealthStatus::Unhealthy(_) => Verdict::Unhealthy,
        _ => Verdict::Inconclusive,
    }
}

#[tokio::test]
async fn the_node_decides() {
    let node = |status: &str, quality: &str, can_send: &str| json!({"id": "100200300", "status": status, "quality_rating": quality, "health_status": {"can_send_message": can_send}});
    let table: [(Value, Verdict); 15] = [
        (json!({"id": "100200301", "status": "CONNECTED"}), Verdict::Inconclusive),
        (json!({"id": 100_200_300, "status": "CONNECTED"}), Verdict::Healthy),
        (node("CONNECTED", "GREEN", "AVAILABLE"), Verdict::Healthy),
        (node("CONNECTED", "YELLOW", "AVAILABLE"), Verdict::Healthy),
        (node("CONNECTED", "RED", "AVAILABLE"), Verdict::Degraded),
        (node("CONNECTED", "GREEN", "LIMITED"), Verdict::Degraded),
        (node("CONNECTED", "GREEN", "BLOCKED"), Verdict::Unhealthy),
        (node("BANNED", "GREEN", "AVAILABLE"), Verdict::Unhealthy),
        (node("PENDING", "GREEN", "LIMITED"), Verdict::Unhealthy),
        (json!({"id": "100200300", "status": "CONNECTED"}), Verdict::Healthy),
        (json!({"health_status": {"can_send_message": "AVAILABLE"}}), Verdict::Healthy),
        (json!({"id": "100200300"}), Verdict::Inconclusive),
        (json!({"status": 7, "health_status": []}), Verdict::Inconclusive),
        (json!({}), Verdict::Inconclusive),
        (json!([]), Verdict::Inconclusive),
    ];
    for (body, expected) in table {
        let bench = Bench::new().await;
        bench.answer(answer(200, &body));
        assert_eq!(verdict(&bench.health().await), expected, "{body}");
    }
}

#[tokio::test]
async fn the_providers_words_are_there_for_who_asks_and_are_not_printed() {
    let entity = |can_send: &str, more: Value| {
        let mut entity = json!({"entity_type": "WABA", "id": "900100", "can_send_message": can_send});
        entity.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entity
    };
    let fault = json!({"error_code": 141_006, "error_description": "canary: no payment", "possible_solution": "add a card"});
    let entities = json!([
        entity("AVAILABLE", json!({"additional_info": ["nothing of this"]})),
        entity("BLOCKED", json!({"errors": [fault, {"error_description": "and a second"}, 7]})),
        entity("LIMITED", json!({"additional_info": ["not verified yet", 7]})),
    ]);
    let bench = Bench::new().await;
    bench.answer(answer(200, &json!({"status": "CONNECTED", "health_status": {"can_send_message": "BLOCKED", "entities": entities}})));
    let status = bench.health().await;
    let details = status.reason().unwrap().details().unwrap();
    assert_eq!((details.subcode.as_deref(), details.message.as_deref()), (Some("141006"), Some("add a card")));
    assert_eq!(details.title.as_deref(), Some("canary: no payment\nand a second"));
    assert_eq!(details.details.as_deref(), Some("not verified yet"));
    let printed = format!("{status:?}");
    assert!(printed.contains("blocked") && !printed.contains("canary"), "{printed}");
    assert_eq!(serde_json::to_value(&status).unwrap(), json!({"status": "unhealthy", "reason": "the number is blocked from sending"}));

    let restricted = json!({"status": "RESTRICTED", "health_status": {"can_send_message": "BLOCKED", "entities": entities}});
    bench.answer(answer(200, &restricted));
    let status = bench.health().await;
    assert_eq!(status.reason().unwrap().details().unwrap().details.as_deref(), Some("RESTRICTED\nnot verified yet"));

    bench.answer(refused(401, 190));
    let status = bench.health().await;
    assert_eq!(status.reason().unwrap().details().unwrap().title.as_deref(), Some("canary"));
}

#[tokio::test]
async fn throttled_is_not_unhealthy() {
    let table = [
        (refused(400, 4), Verdict::Inconclusive),
        (refused(400, 80_008), Verdict::Inconclusive),
        (raw(429, ""), Verdict::Inconclusive),
        (refused(401, 190), Verdict::Unhealthy),
        (refused(403, 10), Verdict::Unhealthy),
        (refused(403, 200), Verdict::Unhealthy),
        (answer(400, &json!({"error": {"code": 100, "error_subcode": 33}})), Verdict::Unhealthy),
        (refused(403, 131_031), Verdict::Unhealthy),
        (refused(500, 131_057), Verdict::Degraded),
        (refused(503, 2), Verdict::Unhealthy),
        (raw(502, "<html>"), Verdict::Unhealthy),
        (refused(400, 100), Verdict::Inconclusive),
        (raw(200, "<html>"), Verdict::Inconclusive),
    ];
    for (response, expected) in table {
        let bench = Bench::new().await;
        let shown = format!("{response:?}");
        bench.answer(response);
        assert_eq!(verdict(&bench.health().await), expected, "{shown}");
    }
}

#[tokio::test]
async fn rule_75_our_own_deadline_gives_no_verdict() {
    let lost = || HttpError::new(HttpCause::Timeout, Reach::Maybe);
    let bench = Bench::new().await;
    bench.fail(lost());
    assert_eq!(verdict(&bench.health_within(Duration::from_secs(1)).await), Verdict::Inconclusive);
    bench.fail(lost());
    assert_eq!(verdict(&bench.health().await), Verdict::Unhealthy);
    bench.fail(HttpError::new(HttpCause::Connect, Reach::NotSent));
    assert_eq!(verdict(&bench.health().await), Verdict::Unhealthy);
    let calls = bench.calls();
    assert_eq!(verdict(&bench.health_within(Duration::ZERO).await), Verdict::Inconclusive);
    assert_eq!(bench.calls(), calls);
}

#[tokio::test]
async fn the_check_reads_one_node_and_sends_nothing() {
    let bench = Bench::new().await;
    bench.answer(answer(200, &json!({})));
    bench.health().await;
    bench.last_call(|request, _| {
        assert_eq!((request.method().as_str(), request.uri().path()), ("GET", "/v26.0/100200300"));
        assert_eq!(request.uri().query(), Some("fields=id,quality_rating,status,health_status"));
        assert_eq!(request.headers()["authorization"], format!("Bearer {TOKEN}"));
        assert!(request.body().is_empty());
    });
}
