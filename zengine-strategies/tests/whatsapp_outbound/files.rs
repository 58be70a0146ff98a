//! Files that events name: whom the token goes to, and what is believed.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};
use zengine_connector::{
    ErrorKind, InboundStrategy as _, Reach,
    http::{HttpCause, HttpError},
    strategy::MediaRequest,
};

use super::support::{Bench, TOKEN, answer, raw, refused};

const ADDRESS: &str = "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=7";
/// Of `hello`.
const HEX: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const BASE64: &str = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";

fn node(url: &str, more: Value) -> Response<Bytes> {
    let mut body = json!({"messaging_product": "whatsapp", "id": "777", "url": url, "mime_type": "text/plain"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    answer(200, &body)
}

fn redirect(to: &str) -> Response<Bytes> {
    Response::builder().status(302).header("location", to).body(Bytes::new()).unwrap()
}

#[tokio::test]
async fn a_file_is_resolved_and_fetched_with_the_token() {
    for digest in [json!({"sha256": HEX, "file_size": 5}), json!({"sha256": BASE64, "file_size": "5"}), json!({})] {
        let bench = Bench::new().await;
        bench.answer(node(ADDRESS, digest));
        bench.answer(raw(200, "hello"));
        assert_eq!(bench.file("777").await.unwrap(), "hello");
        bench.call(0, |request| assert_eq!(request.uri(), "https://graph.facebook.com/v26.0/777?phone_number_id=100200300"));
        bench.call(1, |request| {
            assert_eq!(request.uri(), ADDRESS);
            assert_eq!(request.headers()["authorization"], format!("Bearer {TOKEN}"));
        });
    }
}

#[tokio::test]
async fn the_token_never_goes_to_another_host() {
    for url in [
        "https://evil.example/x",
        "http://lookaside.fbsbx.com/x",
        "https://lookaside.fbsbx.com.evil.example/x",
        "https://evilfbsbx.com/x",
        "https://lookaside.fbsbx.com@evil.example/x",
        "https://lookaside.fbsbx.com:8443/x",
        "https://169.254.169.254/latest",
        "http://127.0.0.1/x",
        "file:///etc/passwd",
        "/relative",
        "",
    ] {
        let bench = Bench::new().await;
        bench.answer(node(url, json!({})));
        let error = bench.file("777").await.unwrap_err();
        assert_eq!((error.kind(), bench.calls()), (ErrorKind::Protocol, 1), "{url}");
        let bench = Bench::new().await;
        bench.answer(node(ADDRESS, json!({})));
        bench.answer(redirect(if url.starts_with('/') { "//evil.example/x" } else { url }));
        let error = bench.file("777").await.unwrap_err();
        assert_eq!((error.kind(), bench.calls()), (ErrorKind::Protocol, 2), "redirect to {url}");
    }
}

#[tokio::test]
async fn redirects_among_metas_hosts_are_followed_a_few_times() {
    let bench = Bench::new().await;
    bench.answer(node(ADDRESS, json!({})));
    bench.answer(redirect("https://scontent.xx.fbcdn.net/f?x=1"));
    bench.answer(redirect("/g"));
    bench.answer(raw(200, "hello"));
    assert_eq!(bench.file("777").await.unwrap(), "hello");
    bench.call(3, |request| assert_eq!(request.uri(), "https://scontent.xx.fbcdn.net/g"));
    let bench = Bench::new().await;
    bench.answer(node(ADDRESS, json!({})));
    (0..9).for_each(|_| bench.answer(redirect(ADDRESS)));
    assert_eq!(bench.file("777").await.unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(bench.calls(), 5);
}

#[tokio::test]
async fn an_expired_address_is_asked_for_once_more() {
    let bench = Bench::new().await;
    bench.answer(node(ADDRESS, json!({})));
    bench.answer(raw(404, ""));
    bench.answer(node(ADDRESS, json!({})));
    bench.answer(raw(200, "hello"));
    assert_eq!(bench.file("777").await.unwrap(), "hello");
    let bench = Bench::new().await;
    for _ in 0..2 {
        bench.answer(node(ADDRESS, json!({})));
        bench.answer(raw(404, ""));
    }
    assert_eq!(bench.file("777").await.unwrap_err().kind(), ErrorKind::Media);
    assert_eq!(bench.calls(), 4);
}

#[tokio::test]
async fn a_file_that_is_too_large_or_another_is_refused() {
    let small = Bench::with(|config| config.max_media_bytes = 4).await;
    small.answer(node(ADDRESS, json!({"file_size": 5})));
    let error = small.file("777").await.unwrap_err();
    assert_eq!((error.kind(), error.error().context("limit"), error.error().context("actual")), (ErrorKind::Media, Some("4"), Some("5")));
    small.answer(node(ADDRESS, json!({})));
    small.answer(raw(200, "hello"));
    assert_eq!(small.file("777").await.unwrap_err().kind(), ErrorKind::Media);
    small.last_call(|_, options| assert_eq!(options.max_response_bytes, 4));
    let bench = Bench::new().await;
    bench.answer(node(ADDRESS, json!({"file_size": 5})));
    let request = MediaRequest::new("777").with_max_bytes(4);
    let error = bench.strategy.media(&bench.tenant, &request, &bench.contexts.event()).await.unwrap_err();
    assert_eq!((error.kind(), error.error().context("limit"), bench.calls()), (ErrorKind::Media, Some("4"), 1));
    let bench = Bench::new().await;
    bench.answer(node(ADDRESS, json!({"sha256": HEX})));
    bench.answer(raw(200, "hullo"));
    assert_eq!(bench.file("777").await.unwrap_err().kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn a_file_that_is_cut_off_is_refused_where_no_digest_tells() {
    for (announced, arrived, fine) in
        [(json!(99), "hello", false), (json!("5"), "", false), (json!(5), "hello", true), (json!(3), "hello", true)]
    {
        let bench = Bench::new().await;
        bench.answer(node(ADDRESS, json!({"file_size": announced, "sha256": "unreadable"})));
        bench.answer(raw(200, arrived));
        let file = bench.file("777").await;
        assert_eq!(
            file.as_ref().map_err(zengine_connector::SendError::kind).map_or_else(Some, |_| None),
            (!fine).then_some(ErrorKind::Protocol)
        );
    }
    let bench = Bench::new().await;
    bench.answer(node(ADDRESS, json!({"file_size": 99, "sha256": HEX})));
    bench.answer(raw(200, "hello"));
    assert_eq!(bench.file("777").await.unwrap(), "hello", "the digest decides");
}

#[tokio::test]
async fn a_media_id_is_no_path() {
    let bench = Bench::new().await;
    for id in ["", "..", "../me", "7/8", "7?x=1", "7#x", "7 8", "é", &"7".repeat(257)] {
        assert_eq!(bench.file(id).await.unwrap_err().kind(), ErrorKind::MessageInvalid, "{id}");
    }
    assert_eq!(bench.calls(), 0);
}

#[tokio::test]
async fn fetching_a_file_sends_nothing_whatever_goes_wrong() {
    for (response, kind) in [
        (refused(401, 190), ErrorKind::Unauthorized),
        (answer(400, &json!({"error": {"code": 100, "error_subcode": 33}})), ErrorKind::Config),
        (refused(503, 2), ErrorKind::Unavailable),
        (raw(200, "<html>"), ErrorKind::Protocol),
    ] {
        let bench = Bench::new().await;
        bench.answer(response);
        let error = bench.file("777").await.unwrap_err();
        assert_eq!((error.kind(), error.reach()), (kind, Reach::NotSent), "{error}");
    }
    let bench = Bench::new().await;
    bench.answer(node(ADDRESS, json!({})));
    bench.fail(HttpError::new(HttpCause::Timeout, Reach::Maybe));
    let error = bench.file("777").await.unwrap_err();
    assert_eq!((error.kind(), error.reach()), (ErrorKind::Timeout, Reach::NotSent));
    let bench = Bench::new().await;
    bench.answer(node(ADDRESS, json!({})));
    bench.answer(raw(401, ""));
    assert_eq!(bench.file("777").await.unwrap_err().kind(), ErrorKind::Unauthorized);
}
