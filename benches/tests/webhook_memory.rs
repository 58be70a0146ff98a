//! The memory that a signed webhook makes the reader hold: linear in the body, whatever its shape.
//!
//! It stands here because a counting allocator needs `unsafe`, which the published crates forbid.

use std::sync::Arc;

use serde_json::{Value, json};
use zengine_connector::{HttpClient, InboundStrategy, SecretRef, http::ReqwestClient, strategy::RawPayload};
use zengine_strategies::whatsapp_meta_cloud::{MetaApp, WhatsAppMetaCloud};

#[allow(dead_code, unreachable_pub, reason = "shared with the benchmarks, which also count calls")]
#[path = "../src/harness/alloc.rs"]
mod alloc;

#[global_allocator]
static COUNTING: alloc::Counting = alloc::Counting;

/// A webhook of about this many bytes, of one adversarial shape.
type Shape = fn(usize) -> Value;

fn body(field: &str, value: &Value) -> Value {
    json!({"object": "whatsapp_business_account", "entry": [{"id": "9", "changes": [{"field": field, "value": value}]}]})
}

fn long(bytes: usize) -> String {
    "7".repeat(bytes / 2)
}

/// Elements of half of the body.
fn many(bytes: usize, element: &Value) -> Vec<Value> {
    vec![element.clone(); bytes / 2 / element.to_string().len()]
}

const SHAPES: &[(&str, Shape)] = &[
    ("errors beside messages", |bytes| {
        let messages = many(bytes, &json!({"type": "interactive"}));
        body("messages", &json!({"messages": messages, "errors": many(bytes, &json!({"code": 1}))}))
    }),
    ("errors beside calls that ended", |bytes| {
        let calls = many(bytes, &json!({"event": "terminate"}));
        body("calls", &json!({"calls": calls, "errors": many(bytes, &json!({"code": 1}))}))
    }),
    ("a long id of the number", |bytes| {
        body("messages", &json!({"metadata": {"phone_number_id": long(bytes)}, "messages": many(bytes, &json!({"type": "text"}))}))
    }),
    ("a long id of the account", |bytes| {
        let mut all = body("messages", &json!({"messages": many(bytes, &json!({"type": "text"}))}));
        all["entry"][0]["id"] = long(bytes).into();
        all
    }),
    ("a long displayed number", |bytes| {
        body("messages", &json!({"metadata": {"display_phone_number": long(bytes)}, "statuses": many(bytes, &json!({"status": "sent"}))}))
    }),
    ("a contact with long names", |bytes| {
        let contact = json!({"wa_id": "1", "profile": {"name": long(bytes / 2), "username": long(bytes / 4)}, "user_id": long(bytes / 4)});
        body("messages", &json!({"contacts": [contact], "messages": many(bytes, &json!({"from": "1"}))}))
    }),
    ("as many contacts as messages", |bytes| {
        let contacts = many(bytes, &json!({"wa_id": "1", "profile": {"name": "A"}}));
        body("messages", &json!({"contacts": contacts, "messages": many(bytes, &json!({"from": "1"}))}))
    }),
    ("a long id of a thread", |bytes| {
        let thread =
            json!({"id": long(bytes / 2), "context": {"username": long(bytes / 2)}, "messages": many(bytes, &json!({"from": "1"}))});
        body("history", &json!({"history": [{"threads": [thread]}]}))
    }),
    ("a long name of the field", |bytes| {
        let change = json!({"field": "messages", "value": {"user_actions": many(bytes / 2, &json!({"a": 1}))}});
        let mut all = body(&format!("template_{}", long(bytes / 2)), &json!({"event": "A"}));
        all["entry"][0]["changes"] = json!([all["entry"][0]["changes"][0], change]);
        all
    }),
];

#[test]
fn memory_is_linear_in_the_body() -> Result<(), zengine_connector::Error> {
    let http: Arc<dyn HttpClient> = Arc::new(ReqwestClient::new()?);
    let strategy = WhatsAppMetaCloud::new(http, MetaApp::new(SecretRef::named("a"), SecretRef::named("v")));
    let peak = |body: &Value| {
        let payload = RawPayload::unverified(body.to_string());
        let before = alloc::reset_peak();
        let results = strategy.normalize(&payload);
        assert!(results.len() > 10);
        alloc::peak() - before
    };
    for (shape, of) in SHAPES {
        let (small, large) = (of(50_000), of(400_000));
        let (few, many) = (peak(&small), peak(&large));
        let bytes = i64::try_from(large.to_string().len()).unwrap_or(i64::MAX);
        // Eight times the body: a quadratic reader holds 64 times as much.
        assert!(many < 12 * few, "{shape}: {few} bytes, then {many}");
        assert!(many < 500 * bytes, "{shape}: {many} bytes for {bytes}");
    }
    Ok(())
}
