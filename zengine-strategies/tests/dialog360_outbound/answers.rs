//! Answers to a send: the dozen shapes in which this provider and its gateways report an error.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use zengine_connector::message::MediaKind;
use zengine_connector::{ErrorKind as Kind, Fault, Reach, Secret, SendError};
use zengine_strategies::whatsapp_360dialog::{NewMedia, WebhookScope, WebhookTarget};

use crate::support::{Bench, KEY, accepted, text};

async fn refused(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> SendError {
    let bench = Bench::new().await;
    let response = headers.iter().fold(Response::builder().status(status), |response, (name, value)| response.header(*name, *value));
    bench.answer_with(Ok(response.body(body.into()).unwrap()));
    bench.send(&text()).await.unwrap_err()
}

fn graph(code: i64) -> Value {
    json!({"error": {"message": format!("(#{code}) Synthetic"), "type": "OAuthException", "code": code, "fbtrace_id": "Asynth01"}})
}

fn camel(status: u16, text: &str) -> Value {
    json!({"meta": {"httpCode": status, "developerMessage": text, "success": false}})
}

#[tokio::test(start_paused = true)]
async fn each_shape_has_its_kind_and_reach() {
    let cases: Vec<(u16, String, Kind, Reach, Option<&str>)> = vec![
        (400, graph(131_047).to_string(), Kind::WindowClosed, Reach::Processed, Some("131047")),
        (403, graph(130_429).to_string(), Kind::RateLimited, Reach::NotSent, Some("130429")),
        (400, graph(131_056).to_string(), Kind::RateLimited, Reach::NotSent, Some("131056")),
        (404, graph(132_001).to_string(), Kind::Template, Reach::Processed, Some("132001")),
        (
            400,
            r#"{"error":{"message":"undeliverable","code":"131026"}}"#.to_owned(),
            Kind::InvalidRecipient,
            Reach::Processed,
            Some("131026"),
        ),
        (400, json!({"detail": graph(131_049)}).to_string(), Kind::Policy, Reach::Processed, Some("131049")),
        (403, r#"{"detail":"Template is not approved"}"#.to_owned(), Kind::Forbidden, Reach::Processed, None),
        (401, r#"{"error":"Invalid API key"}"#.to_owned(), Kind::Unauthorized, Reach::Processed, None),
        // The number in the body is not the status.
        (401, camel(404, "Invalid api_key or token expired").to_string(), Kind::Unauthorized, Reach::Processed, None),
        (403, camel(403, "This URL *** is blocked.").to_string(), Kind::Forbidden, Reach::Processed, None),
        (400, camel(400, "Your WhatsApp for Business API has been disabled.").to_string(), Kind::Account, Reach::Processed, None),
        (400, camel(400, "Could not send message due to lack of payment.").to_string(), Kind::Billing, Reach::Processed, None),
        (400, r#"{"error":"You have exceeded the endpoint rate limit."}"#.to_owned(), Kind::RateLimited, Reach::NotSent, None),
        (
            400,
            json!({"meta": {"http_code": 400, "developer_message": "Invalid parameter", "success": false}}).to_string(),
            Kind::InvalidContent,
            Reach::Processed,
            None,
        ),
        (
            400,
            json!({"meta": {"http_code": 400, "success": false}, "errors": [{"code": 470, "title": "more than 24 hours"}]}).to_string(),
            Kind::WindowClosed,
            Reach::Processed,
            Some("470"),
        ),
        (502, "<html><title>502 Bad Gateway</title></html>".to_owned(), Kind::Unavailable, Reach::Maybe, None),
        (500, "Bad gateway".to_owned(), Kind::Unavailable, Reach::Maybe, None),
        (403, "bad json".to_owned(), Kind::Forbidden, Reach::Processed, None),
        (503, "{}".to_owned(), Kind::Unavailable, Reach::Maybe, None),
        (400, r#"{"error":"Message character limit exceeded"}"#.to_owned(), Kind::InvalidContent, Reach::Processed, None),
        (400, graph(80_008).to_string(), Kind::RateLimited, Reach::NotSent, Some("80008")),
        (409, r#"{"message":"Operation already in progress"}"#.to_owned(), Kind::Conflict, Reach::Processed, None),
        (200, json!({"meta": {"success": false, "http_code": 429}}).to_string(), Kind::RateLimited, Reach::Maybe, None),
        // A gateway's own number is no code of Meta.
        (504, r#"{"code":4,"msg":"deadline"}"#.to_owned(), Kind::Unavailable, Reach::Maybe, None),
        (503, r#"{"code":429}"#.to_owned(), Kind::Unavailable, Reach::Maybe, None),
        (503, r#"{"code":200}"#.to_owned(), Kind::Unavailable, Reach::Maybe, None),
        (401, r#"{"message":"No API key found in request"}"#.to_owned(), Kind::Unauthorized, Reach::Processed, None),
        (400, r#""Invalid Parameter""#.to_owned(), Kind::InvalidContent, Reach::Processed, None),
        (500, "x".repeat(200_000), Kind::Unavailable, Reach::Maybe, None),
        // Accepted, as far as anybody can tell: never sent again by itself.
        (200, r#"{"messaging_product":"whatsapp","contacts":[],"messages":[]}"#.to_owned(), Kind::Protocol, Reach::Maybe, None),
        (200, "<html>captive portal</html>".to_owned(), Kind::Protocol, Reach::Maybe, None),
    ];
    for (status, body, kind, reach, code) in cases {
        let error = refused(status, &[], body.clone()).await;
        let shown = &body[..body.len().min(120)];
        assert_eq!((error.kind(), error.reach(), error.provider_code()), (kind, reach, code), "{status} {shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_comes_from_the_header_or_from_the_text() {
    assert_eq!(refused(429, &[("retry-after", "7")], "{}").await.retry_after(), Some(Duration::from_secs(7)));
    let text = camel(400, "You have exceeded the limit of 1 request every 5 seconds. Try again later").to_string();
    let error = refused(400, &[], text).await;
    assert_eq!((error.kind(), error.retry_after()), (Kind::RateLimited, Some(Duration::from_secs(5))));
}

/// The answer of an overloaded gateway does not say that the message was not taken.
#[tokio::test(start_paused = true)]
async fn an_unavailable_gateway_may_have_taken_the_message_also_with_a_wait() {
    let error = refused(503, &[("retry-after", "2")], "{}").await;
    assert_eq!((error.kind(), error.reach()), (Kind::Unavailable, Reach::Maybe));
}

#[tokio::test(start_paused = true)]
async fn the_providers_words_are_kept_for_the_host_and_never_printed() {
    let body =
        json!({"meta": {"http_code": 400, "developer_message": "canary words", "success": false, "360dialog_trace_id": "synth-trace-1"}});
    let error = refused(400, &[], body.to_string()).await;
    assert_eq!(error.error().context("provider_request_id"), Some("synth-trace-1"));
    assert!(!format!("{error} {error:?}").contains("canary"));
    let details = error.error().provider_details().unwrap();
    assert!(serde_json::to_string(details).unwrap().contains("canary words"));
}

#[tokio::test(start_paused = true)]
async fn the_gateways_trace_is_named_beside_the_one_of_meta_in_the_details() {
    let body = json!({"meta": {"http_code": 400, "success": false, "360dialog_trace_id": "synth-9", "error": graph(100).to_string()}});
    let error = refused(400, &[], body.to_string()).await;
    assert_eq!((error.provider_code(), error.error().context("provider_request_id")), (Some("100"), Some("synth-9")));
    assert_eq!(error.error().provider_details().unwrap().trace_id.as_deref(), Some("Asynth01"));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_has_an_id_is_accepted_whatever_stands_beside_it() {
    let bench = Bench::new().await;
    let mut body = accepted();
    body["meta"] = json!({"success": false, "http_code": 429});
    bench.answer_json(200, &body);
    assert_eq!(bench.send(&text()).await.unwrap().provider_id().unwrap().as_str(), "wamid.OUT");
}

#[tokio::test(start_paused = true)]
async fn a_file_of_a_type_that_is_not_taken_is_a_problem_of_the_file() {
    let bench = Bench::new().await;
    bench.answer(415, r#"{"error":"Unsupported media type"}"#);
    let file = NewMedia::new(MediaKind::Image, "image/png").with_bytes(&b"picture"[..]);
    assert_eq!(bench.strategy.upload(&bench.tenant, file, &bench.cx()).await.unwrap_err().kind(), Kind::Media);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_is_confirmed_in_either_shape() {
    for body in [json!({"success": true}), json!({"meta": {"success": true, "http_code": 200, "developer_message": "deleted"}})] {
        let bench = Bench::new().await;
        bench.answer_json(200, &body);
        bench.strategy.delete_media(&bench.tenant, "77", &bench.cx()).await.unwrap();
    }
}

/// The words that are kept for the host, in a dead letter too, as JSON.
fn kept(error: &SendError) -> String {
    assert!(!format!("{error} {error:?}").contains("canary"));
    serde_json::to_string(error.error().provider_details().unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_quoted_is_printed_and_kept_nowhere() {
    let quoting = format!("bad key {KEY}");
    for body in [
        camel(401, &quoting),
        json!({"meta": {"developer_message": quoting}}),
        json!({"error": quoting}),
        json!({"detail": quoting}),
        json!({"reason": quoting, "key": KEY}),
        json!({"error": {"message": quoting, "code": 190, "error_user_msg": quoting, "error_data": {"details": quoting}}}),
        json!({"meta": {"developer_message": quoting, "360dialog_trace_id": KEY}}),
        json!({"meta": {"developer_message": quoting, "error_data": {"code": 190, "message": quoting, "real_message": quoting}}}),
        json!(quoting),
    ] {
        let error = refused(401, &[], body.to_string()).await;
        assert_eq!(error.fault(), Fault::Auth);
        let kept = kept(&error);
        assert!(!kept.contains(KEY) && kept.contains("bad key ***"), "{kept}");
    }
    let long = format!("{}{KEY}{}", "x".repeat(1_000), "y".repeat(9_000));
    assert!(!kept(&refused(401, &[], long).await).contains("canary"), "nor a part of it where a text is cut");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_quoted_is_not_in_the_health() {
    let bench = Bench::new().await;
    bench.answer_json(401, &camel(401, &format!("bad key {KEY}")));
    let health = bench.health().await;
    let details = serde_json::to_string(health.reason().unwrap().details().unwrap()).unwrap();
    assert!(!details.contains(KEY) && details.contains("bad key ***"), "{details}");
}

#[tokio::test(start_paused = true)]
async fn the_headers_of_a_webhook_that_are_quoted_are_kept_nowhere() {
    let bench = Bench::new().await;
    let target =
        WebhookTarget::new("https://hooks.example.org/").with_header("Authorization", Secret::new("Bearer canary-header".to_owned()));
    bench.answer_json(400, &camel(400, "bad header Bearer canary-header, or canary-header"));
    let error = bench.strategy.set_webhook(&bench.tenant, WebhookScope::Number, &target, &bench.cx()).await.unwrap_err();
    assert!(kept(&error).contains("bad header ***, or ***"));
}
