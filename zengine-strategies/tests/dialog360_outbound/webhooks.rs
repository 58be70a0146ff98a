//! The registration of webhooks.

use serde_json::json;
use zengine_connector::{ErrorKind, Secret};
use zengine_strategies::whatsapp_360dialog::{WebhookScope, WebhookState, WebhookTarget};

use crate::support::Bench;

const URL: &str = "https://hooks.example.org/webhooks/whatsapp-360dialog/token-1";

fn target() -> WebhookTarget {
    WebhookTarget::new(URL).with_header("Authorization", Secret::new("Bearer canary".to_owned()))
}

#[tokio::test(start_paused = true)]
async fn a_registration_is_confirmed_once_it_reads_back() {
    let bench = Bench::new().await;
    bench.answer_json(201, &json!({"url": URL}));
    bench.answer_json(200, &json!({"url": URL, "headers": {"Authorization": "Bearer canary"}}));
    let state = bench.strategy.set_webhook(&bench.tenant, WebhookScope::Number, &target(), &bench.cx()).await.unwrap();
    let WebhookState::Confirmed(found) = state else { panic!("{state:?}") };
    assert_eq!(found.header_names, ["Authorization"]);
    let path = "https://waba-v2.360dialog.io/v1/configs/webhook";
    assert_eq!(bench.calls(), [format!("POST {path}"), format!("GET {path}")]);
    assert!(!format!("{found:?} {:?}", target()).contains("canary") && !format!("{found:?}").contains("token-1"));
}

#[tokio::test(start_paused = true)]
async fn an_accounts_registration_is_pending_until_the_provider_names_it() {
    let bench = Bench::new().await;
    let scope = WebhookScope::Account { replace_numbers: true };
    bench.answer_json(200, &json!({"message": "Operation started"}));
    bench.answer_json(200, &json!({"waba_id": "900100", "phone_numbers": ["15550009999"], "url": "https://old.example.org/"}));
    assert_eq!(bench.strategy.set_webhook(&bench.tenant, scope, &target(), &bench.cx()).await.unwrap(), WebhookState::Pending);
    bench.answer_json(200, &json!({"waba_id": "900100", "phone_numbers": ["15550009999"], "url": URL}));
    let found = bench.strategy.webhook(&bench.tenant, scope, &bench.cx()).await.unwrap().unwrap();
    assert_eq!((found.url.as_deref(), found.numbers), (Some(URL), vec!["15550009999".to_owned()]));
    assert_eq!(bench.calls()[0], "POST https://waba-v2.360dialog.io/waba_webhook");
}

#[tokio::test(start_paused = true)]
async fn a_number_without_a_webhook_has_none() {
    let bench = Bench::new().await;
    bench.answer_json(404, &json!({"error": "Not found"}));
    assert!(bench.strategy.webhook(&bench.tenant, WebhookScope::Number, &bench.cx()).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn what_the_provider_would_refuse_is_refused_before_the_call() {
    let bench = Bench::new().await;
    let header = |name: &str, value: &str| WebhookTarget::new(URL).with_header(name, Secret::new(value.to_owned()));
    let odd = [
        (WebhookTarget::new("http://hooks.example.org/"), "/url"),
        (WebhookTarget::new("https://hooks.example.org:8443/"), "/url"),
        (WebhookTarget::new("https://hooks_1.example.org/"), "/url"),
        (WebhookTarget::new("https://user@hooks.example.org/"), "/url"),
        (WebhookTarget::new("https://hooks.example.org/#a"), "/url"),
        (WebhookTarget::new(""), "/url"),
        (header("X_Hook", "value"), "/headers/X_Hook"),
        (header("X-Hook", "line\nbreak"), "/headers/X-Hook"),
        (header("X-Hook", ""), "/headers/X-Hook"),
    ];
    for (target, pointer) in odd {
        let error = bench.strategy.set_webhook(&bench.tenant, WebhookScope::Number, &target, &bench.cx()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MessageInvalid);
        assert_eq!(error.error().violations()[0].pointer, pointer, "{}", target.url());
    }
    assert!(bench.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_success_that_says_false_is_none() {
    let bench = Bench::new().await;
    bench.answer_json(200, &json!({"meta": {"success": false, "http_code": 400, "developer_message": "no"}}));
    assert!(bench.strategy.set_webhook(&bench.tenant, WebhookScope::Number, &target(), &bench.cx()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_header_that_is_still_the_old_one_is_not_confirmed() {
    let bench = Bench::new().await;
    for (listed, confirmed) in
        [(json!({"authorization": "Bearer canary"}), true), (json!({"Authorization": "Bearer old"}), false), (json!({}), true)]
    {
        bench.answer_json(200, &json!({"url": URL}));
        bench.answer_json(200, &json!({"url": URL, "headers": listed}));
        let state = bench.strategy.set_webhook(&bench.tenant, WebhookScope::Number, &target(), &bench.cx()).await.unwrap();
        assert_eq!(matches!(state, WebhookState::Confirmed(_)), confirmed, "{listed}");
    }
}
