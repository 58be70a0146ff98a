//! Configurations that do not fit.

use serde_json::json;
use zengine_strategies::whatsapp_360dialog::Dialog360;

use crate::support::{Host, acme, header};

async fn violations(more: serde_json::Value) -> Vec<String> {
    let host = Host::new(Dialog360::new());
    match host.orchestrator.set_up(acme(more)).await {
        Ok(()) => vec![],
        Err(error) => error.violations().iter().map(|violation| violation.pointer.clone()).collect(),
    }
}

#[tokio::test(start_paused = true)]
async fn something_must_prove_a_webhook() {
    assert_eq!(violations(json!({})).await, ["/webhook_header"]);
    assert_eq!(violations(json!({"platform_secrets": [{"secret": "platform"}], "signature": "ignore"})).await, ["/webhook_header"]);
    assert_eq!(violations(json!({"webhook_header": header("X-A"), "signature": "required"})).await, ["/platform_secrets"]);
    assert!(violations(json!({"receives": false})).await.is_empty());
    assert!(violations(json!({"platform_secrets": [{"secret": "platform"}]})).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_header_has_hyphens_and_a_path_no_dots() {
    assert_eq!(violations(json!({"webhook_header": header("X_Hook")})).await, ["/webhook_header/name"]);
    let hook = json!({"webhook_header": header("X-Hook")});
    assert!(violations(hook.clone()).await.is_empty());
    for path in ["messages", "/", "/v1//messages", "/../messages", "/messages?x=1", "/messages/"] {
        let mut config = hook.clone();
        config["messages_path"] = path.into();
        assert_eq!(violations(config).await, ["/messages_path"], "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_must_find_its_tenant_and_a_header_must_arrive_as_it_is() {
    let config = json!({"webhook_header": header("X-Hook"), "phone_number_id": null});
    assert_eq!(violations(config).await, ["/phone_number_id"]);
    assert!(Dialog360::new().with_user_agent("line\nbreak").is_err());
    assert!(Dialog360::new().with_signature_header("not a name").is_err());
}
