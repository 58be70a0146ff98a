//! Webhooks through an orchestrator: whose they are, what comes twice, what nobody wants.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::{Value, json};
use zengine_connector::{
    HandlerContext, InboundEvent, Orchestrator, Secret, StrategyName, TenantId,
    ids::RouteKey,
    store::{Memory, SecretScope, TenantRow},
    verify::HmacSha256,
};

use crate::support::{body, message, status, strategy};

pub(crate) struct Host {
    orchestrator: Orchestrator,
    pub(crate) stores: Memory,
    pub(crate) seen: Arc<Mutex<Vec<InboundEvent>>>,
}

impl Host {
    /// Two tenants with a number each, of one account that they share.
    pub(crate) fn new() -> Self {
        let stores = Memory::new();
        let name = StrategyName::new("whatsapp-meta-cloud").unwrap();
        for (secret, value) in [("app-secret", "the secret"), ("verify-token", "the token")] {
            stores.put_secret(&SecretScope::application(name.clone()), secret, value);
        }
        for (tenant, number) in [("acme", "100200300"), ("bolt", "100200301")] {
            let tenant = TenantId::new(tenant).unwrap();
            stores.put_secret(&SecretScope::tenant(name.clone(), tenant.clone()), "token", "t");
            let config = json!({"phone_number_id": number, "waba_id": "900100", "access_token": {"secret": "token"}});
            let routes = [RouteKey::new("phone_number_id", number), RouteKey::new("waba_id", "900100")];
            stores.put_tenant(&tenant, &name, TenantRow::new(config).with_routes(routes));
        }
        let seen = Arc::new(Mutex::new(vec![]));
        let keep = Arc::clone(&seen);
        let handler = move |event: InboundEvent, _: HandlerContext| {
            keep.lock().unwrap().push(event);
            std::future::ready(Ok(()))
        };
        let orchestrator = Orchestrator::builder().strategy(strategy()).stores(stores.clone()).on_inbound(handler).build().unwrap();
        Self { orchestrator, stores, seen }
    }

    async fn post(&self, body: &Value) -> u16 {
        self.post_bytes(body.to_string()).await
    }

    pub(crate) async fn post_bytes(&self, body: impl Into<Bytes>) -> u16 {
        let body = body.into();
        let signature = HmacSha256::hex_with_prefix("sha256=").sign(&body, &Secret::new(b"the secret".to_vec()));
        let request = http::Request::post("/hook").header("x-hub-signature-256", signature).body(body).unwrap();
        self.orchestrator.serve("whatsapp-meta-cloud", request).await.status().as_u16()
    }

    fn take(&self) -> Vec<(String, &'static str)> {
        let mut seen: Vec<_> = self.seen.lock().unwrap().drain(..).map(|event| (event.tenant.to_string(), event.event.kind())).collect();
        seen.sort();
        seen
    }
}

fn of_number(number: &str, mut body: Value) -> Value {
    body["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = number.into();
    body
}

fn text(id: &str) -> Value {
    message(json!({"id": id, "type": "text", "text": {"body": "hi"}}))
}

#[tokio::test]
async fn b_one_post_for_two_tenants_reaches_each_its_own() {
    let host = Host::new();
    let mut both = text("wamid.1");
    let other = of_number("100200301", status(json!({})))["entry"][0].clone();
    both["entry"].as_array_mut().unwrap().push(other);
    assert_eq!(host.post(&both).await, 200);
    assert_eq!(host.take(), [("acme".to_owned(), "message"), ("bolt".to_owned(), "status")]);
}

#[tokio::test]
async fn e_a_redelivery_is_answered_and_not_handled_again() {
    let host = Host::new();
    assert_eq!(host.post(&text("wamid.1")).await, 200);
    assert_eq!(host.post(&text("wamid.1")).await, 200);
    assert_eq!(host.take(), [("acme".to_owned(), "message")]);
}

#[tokio::test]
async fn r9_news_of_an_account_reach_its_tenants_and_peoples_words_do_not() {
    let host = Host::new();
    assert_eq!(host.post(&body("account_review_update", json!({"decision": "APPROVED"}))).await, 200);
    assert_eq!(host.take(), [("acme".to_owned(), "account"), ("bolt".to_owned(), "account")]);

    let mut nobodys = text("wamid.2");
    nobodys["entry"][0]["changes"][0]["value"].as_object_mut().unwrap().remove("metadata");
    assert_eq!(host.post(&nobodys).await, 200, "kept, not sent again for days");
    assert_eq!((host.take(), host.stores.dead_letter_count()), (vec![], 1));
}

#[tokio::test]
async fn d_unknown_tenants_and_unreadable_elements_are_kept_and_answered_with_200() {
    let host = Host::new();
    let mut batch = text("wamid.3");
    batch["entry"][0]["changes"][0]["value"]["messages"].as_array_mut().unwrap().insert(0, json!("poison"));
    let mut strangers = of_number("42", text("wamid.4"))["entry"][0].clone();
    strangers["id"] = "43".into();
    batch["entry"].as_array_mut().unwrap().push(strangers);
    batch["entry"].as_array_mut().unwrap().push(json!({"id": "0", "changes": [{"field": "account_update", "value": {"event": "X"}}]}));
    assert_eq!(host.post(&batch).await, 200);
    assert_eq!((host.take(), host.stores.dead_letter_count()), (vec![("acme".to_owned(), "message")], 3));
}

#[tokio::test]
async fn j_the_handshake_and_a_forged_delivery_are_answered_without_a_handler() {
    let host = Host::new();
    let get =
        http::Request::get("/hook?hub.mode=subscribe&hub.verify_token=the%20token&hub.challenge=1158201444").body(Bytes::new()).unwrap();
    let answer = host.orchestrator.serve("whatsapp-meta-cloud", get).await;
    assert_eq!((answer.status().as_u16(), &**answer.body()), (200, b"1158201444".as_slice()));

    let forged = http::Request::post("/hook").header("x-hub-signature-256", format!("sha256={}", "0".repeat(64)));
    let answer = host.orchestrator.serve("whatsapp-meta-cloud", forged.body(Bytes::from(text("wamid.5").to_string())).unwrap()).await;
    assert_eq!((answer.status().as_u16(), host.take(), host.stores.dead_letter_count()), (401, vec![], 0));
}
