//! A host on the WhatsApp strategy, fed with what a stranger might post: every element becomes an event or is kept, and the
//! events have the published JSON form.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

use std::{
    collections::BTreeSet,
    fmt::Write,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json, value::RawValue};
use zengine_connector::{
    HandlerContext, HttpClient, InboundEvent, Orchestrator, Reach, Secret, SecretRef, StrategyName, StrategyRegistry, TenantId,
    async_trait,
    http::{CallOptions, HttpCause, HttpError},
    ids::RouteKey,
    store::{Memory, SecretScope, TenantRow},
    verify::HmacSha256,
};
use zengine_strategies::whatsapp_meta_cloud::{MetaApp, WhatsAppMetaCloud};

const NAME: &str = "whatsapp-meta-cloud";
const SIGNATURE: HmacSha256 = HmacSha256::hex_with_prefix("sha256=");

#[derive(Debug)]
struct NoNetwork;

#[async_trait]
impl HttpClient for NoNetwork {
    async fn call(&self, _: Request<Bytes>, _: CallOptions) -> Result<http::Response<Bytes>, HttpError> {
        Err(HttpError::new(HttpCause::Connect, Reach::NotSent))
    }
}

/// Two tenants, `acme` with number 1550001 and `globex` with 1550002, and what their handler was given, as JSON text.
struct Host {
    orchestrator: Orchestrator,
    stores: Memory,
    events: Arc<Mutex<Vec<String>>>,
    broken: Arc<Mutex<bool>>,
}

impl Host {
    fn new() -> Self {
        let (stores, name) = (Memory::new(), StrategyName::new(NAME).unwrap());
        let shared = SecretScope::application(name.clone());
        stores.put_secret(&shared, "app-secret", "example-app-secret");
        stores.put_secret(&shared, "verify-token", "example-verify-token");
        for (tenant, number, account) in [("acme", "1550001", "1440001"), ("globex", "1550002", "1440002")] {
            let tenant = TenantId::new(tenant).unwrap();
            stores.put_secret(&SecretScope::tenant(name.clone(), tenant.clone()), "token", "example-token");
            let config = json!({ "phone_number_id": number, "waba_id": account, "access_token": { "secret": "token" } });
            let routes = [RouteKey::new("phone_number_id", number), RouteKey::new("waba_id", account)];
            stores.put_tenant(&tenant, &name, TenantRow::new(config).with_routes(routes));
        }
        let app = MetaApp::new(SecretRef::named("app-secret"), SecretRef::named("verify-token"));
        let registry = StrategyRegistry::builder().register(WhatsAppMetaCloud::new(Arc::new(NoNetwork), app)).build().unwrap();
        let (events, broken) = (Arc::new(Mutex::new(vec![])), Arc::new(Mutex::new(false)));
        let (kept, fails) = (Arc::clone(&events), Arc::clone(&broken));
        let orchestrator = Orchestrator::builder()
            .registry(&registry)
            .stores(stores.clone())
            .on_inbound(move |event: InboundEvent, _: HandlerContext| {
                let (kept, fails) = (Arc::clone(&kept), *fails.lock().unwrap());
                async move {
                    if fails {
                        return Err("the disk is full".into());
                    }
                    let json = serde_json::to_string(&event)?;
                    kept.lock().unwrap().push(json);
                    Ok(())
                }
            })
            .build()
            .unwrap();
        Self { orchestrator, stores, events, broken }
    }

    async fn serve(&self, request: Request<Bytes>) -> (u16, String) {
        let response = self.orchestrator.serve(NAME, request).await;
        (response.status().as_u16(), String::from_utf8_lossy(response.body()).into_owned())
    }

    /// Posts a body under a correct signature.
    async fn post(&self, body: impl Into<Bytes>) -> u16 {
        let body = body.into();
        let signature = SIGNATURE.sign(&body, &Secret::new(b"example-app-secret".to_vec()));
        self.serve(Request::post("/webhook").header("x-hub-signature-256", signature).body(body).unwrap()).await.0
    }

    async fn get(&self, query: &str) -> (u16, String) {
        self.serve(Request::get(format!("/webhook?{query}")).body(Bytes::new()).unwrap()).await
    }

    /// Events handled since the last call; each is checked against the published form.
    fn take(&self, body: &str) -> Vec<Value> {
        let texts = std::mem::take(&mut *self.events.lock().unwrap());
        texts.iter().map(|text| published(text, body)).collect()
    }

    /// The dead letters, opened.
    async fn kept(&self) -> Vec<Value> {
        let letters = self.stores.dead_letters().list(None, 10_000).await.unwrap().letters;
        letters.iter().map(|letter| serde_json::from_slice(&letter.open(&*self.stores.keys()).unwrap()).unwrap()).collect()
    }
}

/// An event in the form of `zengine-connector/guide/formats.md`, with the exact bytes that stood in the body.
fn published(text: &str, body: &str) -> Value {
    #[derive(serde::Deserialize)]
    struct Raw<'a> {
        #[serde(borrow)]
        raw: &'a RawValue,
    }
    const TYPES: &str = "message edited deleted echo status typing read presence template account call opt_in opt_out session unknown";
    const KINDS: &str = "phone bsuid parent_bsuid username wa_id group email opaque";
    let event: Value = serde_json::from_str(text).unwrap();
    assert_eq!((&event["v"], &event["strategy"], &event["channel"]), (&json!(1), &json!(NAME), &json!("whatsapp")), "{text}");
    let kind = event["type"].as_str().unwrap();
    assert!(TYPES.split(' ').any(|known| known == kind), "{text}");
    let key = event["dedupe_key"].as_str().unwrap();
    assert!(key.len() == 32 && key.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{text}");
    assert!(event["id"].as_str().is_some_and(|id| !id.is_empty()) && event["received_at_ms"].is_i64(), "{text}");
    assert!(event.get("occurred_at_ms").is_none_or(Value::is_i64), "{text}");
    for party in event.get("from").into_iter().chain(event["to"].as_array().into_iter().flatten()) {
        for id in party["ids"].as_array().unwrap() {
            assert!(KINDS.split(' ').any(|known| id["kind"] == known) && id["value"].is_string(), "{text}");
        }
    }
    if matches!(kind, "message" | "echo" | "edited") {
        assert!(event["content"]["type"].is_string(), "{text}");
    }
    let raw = serde_json::from_str::<Raw<'_>>(text).unwrap().raw.get();
    assert!(body.contains(raw), "raw is not of the body: {raw}");
    // What was written is read again.
    let back: InboundEvent = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_value(&back).unwrap(), event);
    event
}

fn change(number: &str, field: &str, value: &Value) -> Value {
    let mut value = value.clone();
    value["messaging_product"] = "whatsapp".into();
    value["metadata"] = json!({ "display_phone_number": "15550001111", "phone_number_id": number });
    json!({ "field": field, "value": value })
}

fn webhook(changes: &[Value]) -> String {
    json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1440001", "changes": changes }] }).to_string()
}

fn text(id: &str) -> Value {
    json!({ "from": "15551230001", "id": id, "timestamp": "1760000000", "type": "text", "text": { "body": "hello" } })
}

fn messages(messages: &[Value]) -> String {
    webhook(&[change("1550001", "messages", &json!({ "messages": messages }))])
}

#[tokio::test]
async fn who_does_not_sign_is_refused_and_nothing_is_kept() {
    let host = Host::new();
    let body = messages(&[text("wamid.1")]);
    let signed = |bytes: &str, secret: &str| SIGNATURE.sign(bytes.as_bytes(), &Secret::new(secret.into()));
    let good = signed(&body, "example-app-secret");
    for header in [
        Some(signed(&body, "a guess")),
        Some(signed(&format!("{body} "), "example-app-secret")),
        Some(good.replace("sha256=", "")),
        Some(good.replace("sha256=", "sha1=")),
        Some("sha256=".to_owned()),
        Some(format!("{good}00")),
        None,
    ] {
        let mut request = Request::post("/webhook").body(Bytes::from(body.clone())).unwrap();
        if let Some(header) = &header {
            request.headers_mut().insert("x-hub-signature-256", header.parse().unwrap());
        }
        let (status, answer) = host.serve(request).await;
        assert_eq!(status, 401, "{header:?}");
        assert!(!answer.contains("sha256"), "{answer}");
    }
    assert!(host.take(&body).is_empty() && host.kept().await.is_empty());
    assert_eq!(host.serve(Request::builder().method(Method::PUT).uri("/webhook").body(Bytes::new()).unwrap()).await.0, 405);
    let elsewhere = Request::post("/webhook").body(Bytes::new()).unwrap();
    assert_eq!(host.orchestrator.serve("nothing-here", elsewhere).await.status(), 404);
}

#[tokio::test]
async fn the_handshake_answers_who_knows_the_token() {
    let host = Host::new();
    let right = "hub.mode=subscribe&hub.verify_token=example-verify-token&hub.challenge=1158201444";
    assert_eq!(host.get(right).await, (200, "1158201444".to_owned()));
    for wrong in [
        "hub.mode=subscribe&hub.verify_token=a-guess&hub.challenge=1",
        "hub.mode=subscribe&hub.challenge=1",
        "hub.mode=unsubscribe&hub.verify_token=example-verify-token&hub.challenge=1",
        "",
    ] {
        assert_eq!(host.get(wrong).await.0, 403, "{wrong}");
    }
}

#[tokio::test]
async fn bodies_beyond_the_size_are_refused_and_signed_ones_beyond_the_depth_are_kept() {
    let host = Host::new();
    for megabytes in [4, 5] {
        assert_eq!(host.post(messages(&[text(&"x".repeat(megabytes << 20))])).await, 413);
    }
    for deep in ["[".repeat(100_000), format!("{}{}", "{\"a\":".repeat(100_000), "}".repeat(100_000))] {
        let host = Host::new();
        assert_eq!(host.post(deep).await, 200);
        assert_eq!(host.kept().await.len(), 1, "the whole body is one dead letter");
    }
}

#[tokio::test]
async fn signed_bytes_that_are_no_webhook_are_kept() {
    for body in ["", " ", "canary", "{", "\u{feff}", "null", "7", "[]", "\"x\"", "{\"object\":\"whatsapp_business_account\",\"entry\":7}"] {
        let host = Host::new();
        assert_eq!(host.post(body.to_owned()).await, 200, "{body:?}");
        let events = host.take(body);
        let kept = host.kept().await;
        assert_eq!(events.len() + kept.len(), 1, "{body:?}: {events:?} {kept:?}");
        assert!(kept.iter().all(|letter| letter["type"] == "element_error" && letter["v"] == 1), "{body:?}: {kept:?}");
    }
    let host = Host::new();
    assert_eq!(host.post(&b"{\"object\":\"\xff\xfe\"}"[..]).await, 200);
    assert_eq!(host.kept().await.len(), 1);
}

#[tokio::test]
async fn json_of_another_form_is_kept_with_its_bytes() {
    for (body, kind) in [
        (json!({ "object": "page", "entry": [{ "id": "1440001" }] }), "unknown"),
        (json!({ "object": "whatsapp_business_account", "entry": [] }), "unknown"),
        (json!({}), "unknown"),
        (json!({ "object": "whatsapp_business_account", "entry": ["x"] }), "element_error"),
        (
            json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1440001", "changes": { "field": "messages" } }] }),
            "element_error",
        ),
    ] {
        let host = Host::new();
        assert_eq!(host.post(body.to_string()).await, 200, "{body}");
        let all: Vec<_> = host.take(&body.to_string()).into_iter().chain(host.kept().await).collect();
        assert_eq!(all.len(), 1, "{body}: {all:?}");
        assert_eq!(all[0]["type"], kind, "{body}: {all:?}");
    }
}

#[tokio::test]
async fn ten_bad_elements_among_a_thousand_cost_no_neighbour() {
    let host = Host::new();
    let elements: Vec<Value> = (0..1000)
        .map(|n| match n {
            n if n % 100 != 50 => text(&format!("wamid.{n}")),
            n if n % 200 == 50 => json!(n),
            n => json!({ "id": format!("wamid.{n}"), "type": n }),
        })
        .collect();
    let body = messages(&elements);
    assert_eq!(host.post(body.clone()).await, 200);
    let events = host.take(&body);
    let ids: Vec<_> = events.iter().map(|event| event["provider_ids"][0].as_str().unwrap().to_owned()).collect();
    let expected: Vec<_> = (0..1000).filter(|n| n % 100 != 50).map(|n| format!("wamid.{n}")).collect();
    assert_eq!(ids, expected); // one person's messages stay in order
    assert_eq!(events.iter().map(|event| event["dedupe_key"].to_string()).collect::<BTreeSet<_>>().len(), 990);
    let paths: BTreeSet<_> = host.kept().await.iter().map(|kept| kept["path"].as_str().unwrap().to_owned()).collect();
    let bad: BTreeSet<_> = (0..10).map(|n| format!("/entry/0/changes/0/value/messages/{}", 100 * n + 50)).collect();
    assert_eq!(paths, bad);
    // Delivered again, nothing is new.
    assert_eq!(host.post(body.clone()).await, 200);
    assert!(host.take(&body).is_empty());
    assert_eq!(host.kept().await.len(), 10);
}

#[tokio::test]
async fn what_was_not_stored_is_asked_for_again_with_the_same_id() {
    let host = Host::new();
    let body = messages(&[text("wamid.1"), text("wamid.2")]);
    *host.broken.lock().unwrap() = true;
    assert_eq!(host.post(body.clone()).await, 503);
    assert!(host.take(&body).is_empty());
    *host.broken.lock().unwrap() = false;
    assert_eq!(host.post(body.clone()).await, 200);
    assert_eq!(host.take(&body).len(), 2);
    assert_eq!(host.post(body.clone()).await, 200);
    assert!(host.take(&body).is_empty());
}

#[tokio::test]
async fn one_post_for_two_tenants_and_a_stranger_reaches_each_its_own() {
    let host = Host::new();
    let of = |number: &str, id: &str| change(number, "messages", &json!({ "messages": [text(id)] }));
    let body = json!({ "object": "whatsapp_business_account", "entry": [
        { "id": "1440001", "changes": [of("1550001", "wamid.1")] },
        { "id": "1440002", "changes": [of("1550002", "wamid.2")] },
        { "id": "1440009", "changes": [of("1550009", "wamid.3")] },
    ] })
    .to_string();
    assert_eq!(host.post(body.clone()).await, 200);
    let got: BTreeSet<_> = host.take(&body).iter().map(|event| format!("{} {}", event["tenant"], event["provider_ids"][0])).collect();
    assert_eq!(got, BTreeSet::from(["\"acme\" \"wamid.1\"".to_owned(), "\"globex\" \"wamid.2\"".to_owned()]));
    let kept = host.kept().await;
    assert_eq!(kept.len(), 1);
    assert_eq!((&kept[0]["type"], &kept[0]["provider_ids"][0]), (&json!("message"), &json!("wamid.3")));
}

/// Meta signs what it writes: other than ASCII as lower-case escapes, slashes escaped.
#[tokio::test]
async fn text_in_the_spelling_of_meta_arrives_as_it_was_written() {
    let host = Host::new();
    let said = "Caf\u{e9} 🎉 a/b <i>";
    let body = messages(&[json!({ "from": "15551230001", "id": "wamid.1", "type": "text", "text": { "body": said } })]);
    let mut escaped = String::new();
    for c in body.chars() {
        match c {
            '/' => escaped.push_str("\\/"),
            '<' => escaped.push_str("\\u003C"),
            c if c.is_ascii() => escaped.push(c),
            c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| write!(escaped, "\\u{unit:04x}").unwrap()),
        }
    }
    assert!(escaped.contains("\\u00e9") && escaped.contains("\\ud83c\\udf89"));
    assert_eq!(host.post(escaped.clone()).await, 200);
    let events = host.take(&escaped);
    assert_eq!(events[0]["content"]["body"], said);
    // The same bytes in another spelling are not what was signed.
    let signature = SIGNATURE.sign(escaped.as_bytes(), &Secret::new(b"example-app-secret".to_vec()));
    let plain = Request::post("/webhook").header("x-hub-signature-256", signature).body(body.into()).unwrap();
    assert_eq!(host.serve(plain).await.0, 401);
}

#[tokio::test]
async fn a_person_without_a_number_has_a_business_scoped_id() {
    let host = Host::new();
    let value = json!({
        "contacts": [{ "profile": { "name": "Ana", "username": "ana.v" }, "user_id": "US.13500000000000000001" }],
        "messages": [{ "from_user_id": "US.13500000000000000001", "id": "wamid.1", "timestamp": "1760000000", "type": "text", "text": { "body": "hi" } }],
    });
    let body = webhook(&[change("1550001", "messages", &value)]);
    assert_eq!(host.post(body.clone()).await, 200);
    let events = host.take(&body);
    let ids = events[0]["from"]["ids"].as_array().unwrap();
    assert_eq!(ids[0], json!({ "kind": "bsuid", "value": "US.13500000000000000001" }));
    assert!(ids.iter().all(|id| id["kind"] != "phone" && id["kind"] != "wa_id"), "{ids:?}");
}
