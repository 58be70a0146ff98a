//! Templates: management over HTTP, review, webhooks, and messages that use them.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use zengine_strategies::sandbox::meta_cloud::{MetaCloud, Review, Template};

use crate::support::{Answer, Callback, Client, TOKEN, bearer, message, settings};

const ACCOUNT: &str = "900100";

async fn call(meta: &MetaCloud, method: Method, path: &str, body: Value) -> Answer {
    let request = bearer(method, &format!("{}/v26.0/{path}", meta.base_url()), TOKEN).header("content-type", "application/json");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Client::new().send(request.body(body.into()).unwrap()).await.unwrap()
}

async fn create(meta: &MetaCloud, body: Value) -> Answer {
    call(meta, Method::POST, &format!("{ACCOUNT}/message_templates"), body).await
}

fn ready(name: &str) -> Value {
    json!({"name": name, "language": "en_US", "category": "UTILITY", "components": [
        {"type": "HEADER", "format": "TEXT", "text": "Order {{1}}", "example": {"header_text": ["17"]}},
        {"type": "BODY", "text": "Hi {{1}}, {{2}} is ready", "example": {"body_text": [["Ana", "it"]]}},
        {"type": "FOOTER", "text": "Thanks"},
        {"type": "BUTTONS", "buttons": [
            {"type": "QUICK_REPLY", "text": "OK"},
            {"type": "URL", "text": "Track", "url": "https://example.org/{{1}}", "example": ["x"]}
        ]}
    ]})
}

fn send(name: &str, components: Value) -> Value {
    message("template", json!({"name": name, "language": {"code": "en_US"}, "components": components}))
}

fn texts(kind: &str, texts: &[&str]) -> Value {
    let parameters: Vec<_> = texts.iter().map(|text| json!({"type": "text", "text": text})).collect();
    json!({"type": kind, "parameters": parameters})
}

fn url(index: u32) -> Value {
    json!({"type": "button", "sub_type": "url", "index": index, "parameters": [{"type": "text", "text": "17"}]})
}

#[tokio::test]
async fn a_header_may_be_a_place_or_a_product() {
    let meta = MetaCloud::start(settings()).unwrap();
    for format in ["LOCATION", "PRODUCT"] {
        let mut template = ready(&format!("with_{}", format.to_ascii_lowercase()));
        template["components"][0] = json!({"type": "HEADER", "format": format});
        let created = create(&meta, template).await.json();
        assert_eq!(created["status"], "PENDING", "{format}: {created}");
    }
}

#[tokio::test]
async fn a_template_is_created_reviewed_and_then_judges_messages() {
    let callback = Callback::start().await;
    let meta = MetaCloud::start(settings().with_callback(&callback.url).known_templates_only()).unwrap();
    let client = Client::new();
    let created = create(&meta, ready("order_ready")).await.json();
    assert_eq!((&created["status"], &created["category"]), (&json!("PENDING"), &json!("UTILITY")));
    meta.settle().await;
    let change = callback.seen()[0].json()["entry"][0].clone();
    assert_eq!((&change["id"], &change["changes"][0]["field"]), (&json!(ACCOUNT), &json!("message_template_status_update")));
    let value = callback.seen()[0].value();
    assert_eq!((&value["event"], &value["message_template_name"]), (&json!("APPROVED"), &json!("order_ready")));
    assert_eq!(value["message_template_id"].to_string(), created["id"].as_str().unwrap(), "a number here, a string there");

    let (header, body) = (texts("header", &["17"]), texts("body", &["Ana", "it"]));
    for (components, code) in [
        (json!([header, body, url(1)]), 0),
        (json!([header, body]), 131_008),
        (json!([header, body, url(0)]), 132_018),
        (json!([header, body, url(1), url(2)]), 132_018),
        (json!([header, texts("body", &["Ana"]), url(1)]), 132_000),
        (json!([body, url(1)]), 132_000),
        (json!([{"type": "header", "parameters": [{"type": "image", "image": {"id": "1"}}]}, body, url(1)]), 132_012),
    ] {
        assert_eq!(client.message(&meta, &send("order_ready", components.clone())).await.code(), code, "{components}");
    }
    assert_eq!(client.message(&meta, &send("unknown", json!([]))).await.code(), 132_001);

    let good = send("order_ready", json!([header, body, url(1)]));
    for (status, code) in [("PAUSED", 132_015), ("DISABLED", 132_016), ("REJECTED", 132_001), ("APPROVED", 0)] {
        let told = meta.set_template_status("order_ready", "en_US", status, Some("because")).await.unwrap();
        assert!(told.is_delivered());
        let value = callback.seen().last().unwrap().value();
        assert_eq!((&value["event"], &value["reason"]), (&json!(status), &json!("because")));
        assert_eq!(client.message(&meta, &good).await.code(), code, "{status}");
        meta.settle().await;
    }
    meta.set_template_quality("order_ready", "en_US", "RED").await.unwrap();
    let value = callback.seen().last().unwrap().value();
    assert_eq!((&value["previous_quality_score"], &value["new_quality_score"]), (&json!("UNKNOWN"), &json!("RED")));
    meta.set_template_category("order_ready", "en_US", "MARKETING").await.unwrap();
    let value = callback.seen().last().unwrap().value();
    assert_eq!((&value["previous_category"], &value["new_category"]), (&json!("UTILITY"), &json!("MARKETING")));
    assert!(meta.set_template_quality("order_ready", "de", "RED").await.is_none());
}

#[tokio::test]
async fn a_review_takes_its_time_rejects_or_never_comes() {
    let meta =
        MetaCloud::start(settings().with_template_review(Review::rejecting("INVALID_FORMAT").after(Duration::from_secs(86_400)))).unwrap();
    let id = create(&meta, ready("one")).await.json()["id"].as_str().unwrap().to_owned();
    let node = async || call(&meta, Method::GET, &format!("{id}?fields=status,rejected_reason,quality_score"), Value::Null).await.json();
    assert_eq!(node().await["status"], "PENDING");
    assert_eq!(call(&meta, Method::POST, &id, json!({"category": "MARKETING"})).await.code(), 100, "pending ones cannot be edited");
    meta.advance(Duration::from_secs(86_401));
    meta.settle().await;
    assert_eq!(
        node().await,
        json!({"id": id, "status": "REJECTED", "rejected_reason": "INVALID_FORMAT", "quality_score": {"score": "UNKNOWN"}})
    );
    assert_eq!(call(&meta, Method::POST, &id, json!({"category": "MARKETING"})).await.json(), json!({"success": true}));
    assert_eq!(node().await["status"], "PENDING", "reviewed again");

    let meta = MetaCloud::start(settings().with_template_review(Review::waiting())).unwrap();
    create(&meta, ready("two")).await;
    meta.settle().await;
    assert_eq!(Client::new().message(&meta, &send("two", json!([]))).await.code(), 132_001);
}

#[tokio::test]
async fn designs_are_checked() {
    let meta = MetaCloud::start(settings()).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut body = ready("x");
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let mut wrong = Vec::new();
    for (what, body, code) in [
        ("good", ready("good"), 0),
        ("again", ready("good"), 100),
        ("name", with("/name", json!("No Spaces")), 131_009),
        ("category", with("/category", json!("SPAM")), 131_009),
        ("no body", with("/components", json!([{"type": "FOOTER", "text": "x"}])), 131_008),
        ("two bodies", with("/components/0", json!({"type": "BODY", "text": "x"})), 131_009),
        ("long header", with("/components/0/text", json!("x".repeat(61))), 131_009),
        ("long body", with("/components/1/text", json!("x".repeat(1_025))), 131_009),
        ("long footer", with("/components/2/text", json!("x".repeat(61))), 131_009),
        ("gap in variables", with("/components/1/text", json!("{{1}} {{3}}")), 131_009),
        ("too few examples", with("/components/1/example", json!({"body_text": [["Ana"]]})), 131_009),
        ("no example", with("/components/1/example", json!({})), 131_008),
        ("long button", with("/components/3/buttons/0/text", json!("x".repeat(26))), 131_009),
        ("no url", with("/components/3/buttons/1", json!({"type": "URL", "text": "x"})), 131_008),
        ("eleven buttons", with("/components/3/buttons", json!(vec![json!({"type": "QUICK_REPLY", "text": "x"}); 11])), 131_009),
        (
            "two phones",
            with("/components/3/buttons", json!(vec![json!({"type": "PHONE_NUMBER", "text": "x", "phone_number": "1"}); 2])),
            131_009,
        ),
        ("media header", with("/components/0", json!({"type": "HEADER", "format": "IMAGE"})), 131_008),
        ("unknown key", json!({"name": "y", "language": "en", "category": "UTILITY", "components": [], "colour": 1}), 100),
        ("no object", json!([1]), 131_009),
    ] {
        let answer = create(&meta, body).await;
        if answer.code() != code || (answer.status == 200) != (code == 0) {
            wrong.push(format!("{what}: {} instead of {code}", answer.code()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let named = json!({"name": "named", "language": "en_US", "category": "MARKETING", "parameter_format": "NAMED", "message_send_ttl_seconds": 43_200,
        "components": [{"type": "BODY", "text": "Hi {{first_name}}", "example": {"body_text_named_params": [{"param_name": "first_name", "example": "Ana"}]}}]});
    assert_eq!(create(&meta, named).await.status, 200);
    let otp = json!({"name": "otp", "language": "en_US", "category": "AUTHENTICATION", "components": [
        {"type": "BODY", "add_security_recommendation": true}, {"type": "FOOTER", "code_expiration_minutes": 5},
        {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "copy_code"}]}]});
    assert_eq!(create(&meta, otp).await.status, 200);
    meta.settle().await;
    let client = Client::new();
    let body = |name: &str| json!({"type": "body", "parameters": [{"type": "text", "parameter_name": name, "text": "Ana"}]});
    assert_eq!(client.message(&meta, &send("named", json!([body("first_name")]))).await.code(), 0);
    assert_eq!(client.message(&meta, &send("named", json!([body("last_name")]))).await.code(), 100);
    assert_eq!(client.message(&meta, &send("named", json!([texts("body", &["Ana"])]))).await.code(), 100);
    assert_eq!(client.message(&meta, &send("otp", json!([texts("body", &["123456"]), url(0)]))).await.code(), 0);
    assert_eq!(client.message(&meta, &send("otp", json!([texts("body", &["123456"])]))).await.code(), 131_008);
}

#[tokio::test]
async fn templates_are_listed_filtered_paged_and_deleted() {
    let mut settings = settings();
    for n in 0..30 {
        settings = settings.with_template(Template::new(format!("t_{n:02}"), "en_US").for_account(ACCOUNT));
    }
    settings = settings.with_template(Template::new("t_00", "de").for_account(ACCOUNT).paused());
    settings = settings.with_template(Template::new("foreign", "de").for_account("900200"));
    let meta = MetaCloud::start(settings).unwrap();
    let list = async |query: &str| call(&meta, Method::GET, &format!("{ACCOUNT}/message_templates{query}"), Value::Null).await;
    let first = list("?fields=name,status").await.json();
    assert_eq!(first["data"].as_array().unwrap().len(), 25);
    assert_eq!(first["data"][0].as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "name", "status"]);
    let next = first["paging"]["next"].as_str().unwrap().to_owned();
    let second = Client::new().get(&next, TOKEN).await.json();
    assert_eq!((second["data"].as_array().unwrap().len(), second["paging"].get("next")), (6, None));
    assert_eq!(list("?status=PAUSED").await.json()["data"][0]["language"], "de");
    assert_eq!(list("?name=t_00").await.json()["data"].as_array().unwrap().len(), 2);
    assert_eq!(list("?name=foreign").await.json(), json!({"data": []}));
    assert_eq!(list("?fields=shoe_size").await.code(), 100);

    let id = list("?name=t_00&language=de").await.json()["data"][0]["id"].as_str().unwrap().to_owned();
    let delete = async |query: String| call(&meta, Method::DELETE, &format!("{ACCOUNT}/message_templates?{query}"), Value::Null).await;
    assert_eq!(delete(format!("name=t_00&hsm_id={id}")).await.json(), json!({"success": true}));
    assert_eq!(list("?name=t_00").await.json()["data"].as_array().unwrap().len(), 1);
    assert_eq!(delete("name=t_00".to_owned()).await.status, 200);
    assert_eq!(delete("name=t_00".to_owned()).await.code(), 100);
    assert_eq!(delete(String::new()).await.code(), 100);
    let foreign = Client::new().get(&format!("{}/v26.0/{ACCOUNT}/message_templates", meta.base_url()), "sandbox-token-100200400").await;
    assert_eq!(foreign.code(), 100);
}

#[tokio::test]
async fn a_hundred_templates_are_created_within_an_hour() {
    let meta = MetaCloud::start(settings().with_template_review(Review::waiting())).unwrap();
    for n in 0..100 {
        assert_eq!(create(&meta, ready(&format!("t_{n}"))).await.status, 200);
    }
    assert_eq!(create(&meta, ready("one_more")).await.code(), 80_008);
    meta.advance(Duration::from_secs(3_601));
    assert_eq!(create(&meta, ready("one_more")).await.status, 200);
}

#[tokio::test]
async fn templates_belong_to_accounts_and_can_be_driven_by_calls() {
    let callback = Callback::start().await;
    let meta = MetaCloud::start(settings().with_callback(&callback.url).known_templates_only()).unwrap();
    let control = |method: Method, body: Value| {
        let request = http::Request::builder().method(method).uri(format!("{}/_sandbox/templates", meta.base_url()));
        async move { Client::new().send(request.body(body.to_string().into()).unwrap()).await.unwrap() }
    };
    assert_eq!(control(Method::POST, json!({"name": "own", "language": "en_US", "account": ACCOUNT})).await.status, 200);
    assert_eq!(control(Method::POST, json!({"name": "foreign", "language": "en_US", "account": "900200"})).await.status, 200);
    let client = Client::new();
    assert_eq!(client.message(&meta, &send("own", json!([]))).await.code(), 0);
    assert_eq!(client.message(&meta, &send("foreign", json!([]))).await.code(), 132_001);
    meta.settle().await;
    let paused = control(Method::PUT, json!({"name": "own", "language": "en_US", "status": "PAUSED"})).await.json();
    assert_eq!(paused["delivered"], true);
    assert_eq!(callback.seen().last().unwrap().value()["event"], "PAUSED");
    assert_eq!(client.message(&meta, &send("own", json!([]))).await.code(), 132_015);
    assert_eq!(control(Method::PUT, json!({"name": "x", "language": "en_US", "status": "PAUSED"})).await.status, 404);
    assert_eq!(control(Method::PUT, json!({"name": "own", "language": "en_US"})).await.status, 400);
    assert_eq!(control(Method::GET, Value::Null).await.json()["templates"].as_array().unwrap().len(), 2);
}
