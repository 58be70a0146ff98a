//! The health of a number.

use serde_json::json;
use zengine_connector::strategy::HealthStatus;
use zengine_strategies::whatsapp_360dialog::{Dialog360, Hosting};

use crate::support::Bench;

fn word(status: &HealthStatus) -> &'static str {
    match status {
        HealthStatus::Healthy => "healthy",
        HealthStatus::Degraded { .. } => "degraded",
        HealthStatus::Unhealthy { .. } => "unhealthy",
        _ => "other",
    }
}

#[tokio::test(start_paused = true)]
async fn the_providers_word_decides() {
    for (given, expected) in [("AVAILABLE", "healthy"), ("LIMITED", "degraded"), ("BLOCKED", "unhealthy")] {
        for member in ["can_send_message", "can_send_messages"] {
            let bench = Bench::new().await;
            bench.answer_json(200, &json!({"id": "100200300", "health_status": {member: given, "entities": []}}));
            assert_eq!(word(&bench.health().await), expected, "{member} {given}");
            assert_eq!(bench.calls(), ["GET https://waba-v2.360dialog.io/health_status"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_is_unhealthy_and_a_bad_request_is_about_the_account() {
    for (status, expected) in [(401, "unhealthy"), (400, "degraded"), (500, "unhealthy")] {
        let bench = Bench::new().await;
        bench.answer_json(status, &json!({"meta": {"httpCode": 404, "developerMessage": "Invalid api_key", "success": false}}));
        assert_eq!(word(&bench.health().await), expected, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_health_is_not_told_the_webhook_is_asked_and_its_absence_is_fine() {
    for first in [403, 404] {
        for (second, expected) in [(200, "healthy"), (404, "healthy"), (401, "unhealthy")] {
            let bench = Bench::new().await;
            bench.answer_json(first, &json!({"meta": {"httpCode": 403, "developerMessage": "This URL *** is blocked.", "success": false}}));
            bench.answer_json(second, &json!({"error": "Not found"}));
            assert_eq!(word(&bench.health().await), expected, "{first} {second}");
            assert_eq!(bench.calls()[1], "GET https://waba-v2.360dialog.io/v1/configs/webhook");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_sandbox_is_asked_for_its_webhook_and_the_older_hosting_for_nothing() {
    let bench = Bench::with(Dialog360::new(), |config| config.hosting = Hosting::Sandbox).await;
    bench.answer_json(404, &json!({}));
    assert_eq!(word(&bench.health().await), "healthy");
    assert_eq!(bench.calls(), ["GET https://waba-sandbox.360dialog.io/v1/configs/webhook"]);
    let bench = Bench::with(Dialog360::new(), |config| config.hosting = Hosting::OnPremise).await;
    assert_eq!(word(&bench.health().await), "other");
}
