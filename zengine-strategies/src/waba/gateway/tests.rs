//! The calls that the providers share, through a gateway with a key and paths of its own.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zengine_connector::http::HttpCause;
use zengine_connector::message::{Media, MediaKind, Text, Unit};
use zengine_connector::strategy::{HealthStatus, MediaRequest};
use zengine_connector::testing::{Contexts, SimClock};
use zengine_connector::{ClientMessageId, Content, OutboundMessage, Receipt, StrategyName, TenantId, async_trait};

use super::*;
use crate::waba::capabilities::CAPABILITIES;
use crate::waba::mapper::Rules;
use crate::waba::{files, health, send};

const ROOT: &str = "https://waba.example";
const FILE: &str = "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=7&ext=9&hash=x";

/// A provider that answers from a script and keeps what it was asked.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<VecDeque<Response<Bytes>>>,
    calls: Mutex<Vec<http::Request<Bytes>>>,
}

#[async_trait]
impl HttpClient for Script {
    async fn call(&self, request: http::Request<Bytes>, options: CallOptions) -> Result<Response<Bytes>, HttpError> {
        self.calls.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop_front().ok_or_else(|| HttpError::new(HttpCause::Connect, Reach::NotSent))?;
        if answer.body().len() > options.max_response_bytes {
            return Err(HttpError::new(HttpCause::TooLarge, Reach::Maybe));
        }
        Ok(answer)
    }
}

impl Script {
    fn of(answers: impl IntoIterator<Item = Response<Bytes>>) -> Self {
        Self { answers: Mutex::new(answers.into_iter().collect()), ..Self::default() }
    }

    /// Method and address of every call; each carries the key, and no other proof.
    fn calls(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        let shown = calls.iter().map(|call| {
            assert_eq!(call.headers()["d360-api-key"], "canary-key");
            assert!(call.headers()["d360-api-key"].is_sensitive() && !call.headers().contains_key(header::AUTHORIZATION));
            format!("{} {}", call.method(), call.uri())
        });
        shown.collect()
    }
}

fn raw(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    Response::builder().status(status).body(body.into()).unwrap()
}

fn answer(body: &Value) -> Response<Bytes> {
    raw(200, body.to_string())
}

fn paths() -> Paths {
    Paths {
        messages: "/messages".to_owned(),
        media: "/media".to_owned(),
        file_query: String::new(),
        health: "/health_status".to_owned(),
        files: Files::Swapped(vec!["lookaside.fbsbx.com".to_owned()]),
    }
}

const LIMITS: Limits =
    Limits { send: Duration::from_secs(10), media: Duration::from_secs(20), health: Duration::from_secs(5), file_bytes: 1_000 };

fn gateway<'a>(http: &'a Script, paths: &'a Paths) -> Gateway<'a> {
    let access = Access::key(HeaderName::from_static("d360-api-key"), &Secret::new("canary-key".to_owned())).unwrap();
    Gateway::new(http, ROOT, access).with_paths(paths)
}

fn contexts() -> Contexts {
    Contexts::new(TenantId::new("acme").unwrap(), StrategyName::new("whatsapp-x").unwrap(), Arc::new(SimClock::new()))
}

async fn sent(http: &Script, content: Content) -> Result<Receipt, SendError> {
    let (message, cx) = (OutboundMessage::new(zengine_connector::Identity::phone("+15551230001").unwrap(), content), contexts());
    let rules = Rules {
        unit: Unit::Chars,
        strict_template_text: true,
        fill_contact_first_name: false,
        group_typing: false,
        check_identity_key: true,
        one_time_codes_to_user_ids: false,
    };
    let cx = cx.send(ClientMessageId::new("order-17").unwrap());
    let request = send::prepare(&message, &CAPABILITIES, rules, &cx)?;
    send::carry(&gateway(http, &paths()), &LIMITS, "", request, &cx).await
}

async fn fetched(http: &Script, handle: &str) -> Result<zengine_connector::strategy::MediaFile, SendError> {
    files::fetch(&gateway(http, &paths()), &LIMITS, &MediaRequest::new(handle), &contexts().event()).await
}

fn accepted() -> Response<Bytes> {
    answer(&json!({"contacts": [{"input": "15551230001"}], "messages": [{"id": "wamid.1"}]}))
}

fn info(sha256: &str) -> Response<Bytes> {
    answer(&json!({"url": FILE, "mime_type": "image/png", "sha256": sha256, "file_size": 3, "id": "7"}))
}

#[tokio::test]
async fn a_send_goes_to_the_path_with_the_key() {
    let http = Script::of([accepted()]);
    let receipt = sent(&http, Content::Text(Text::new("hello"))).await.unwrap();
    assert_eq!(receipt.provider_id().unwrap().as_str(), "wamid.1");
    assert_eq!(http.calls(), ["POST https://waba.example/messages"]);
}

#[tokio::test]
async fn a_file_is_stored_before_the_message_that_names_it() {
    let http = Script::of([answer(&json!({"id": "777"})), accepted()]);
    let mut file = Media::inline(MediaKind::Image, vec![1, 2, 3]);
    file.mime = Some("image/png".to_owned());
    assert!(sent(&http, Content::Media(file)).await.is_ok());
    assert_eq!(http.calls(), ["POST https://waba.example/media", "POST https://waba.example/messages"]);
    let body: Value = serde_json::from_slice(http.calls.lock().unwrap()[1].body()).unwrap();
    assert_eq!(body["image"], json!({"id": "777"}));
}

#[tokio::test]
async fn a_file_is_fetched_from_the_root_and_never_from_the_host_that_is_named() {
    for digest in
        [format!("{:x}", Bytes::copy_from_slice(&Sha256::digest("abc"))), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=".to_owned()]
    {
        let http = Script::of([info(&digest), raw(200, "abc")]);
        let file = fetched(&http, "7").await.unwrap();
        assert_eq!((&file.bytes[..], file.mime.as_deref(), file.warnings.len()), (&b"abc"[..], Some("image/png"), 0));
        let path = "https://waba.example/whatsapp_business/attachments/?mid=7&ext=9&hash=x";
        assert_eq!(http.calls(), ["GET https://waba.example/7".to_owned(), format!("GET {path}")]);
    }
}

#[tokio::test]
async fn another_digest_than_the_announced_one_is_a_warning_where_the_address_is_swapped() {
    let http = Script::of([info(&"0".repeat(64)), raw(200, "abc")]);
    assert_eq!(fetched(&http, "7").await.unwrap().warnings, ["the file has another digest than the provider announced"]);
}

#[tokio::test]
async fn a_redirect_is_not_followed_where_the_address_is_swapped() {
    let redirect = Response::builder().status(302).header("location", FILE).body(Bytes::new()).unwrap();
    let http = Script::of([info("x"), redirect, raw(200, "abc")]);
    assert_eq!(fetched(&http, "7").await.unwrap_err().kind(), ErrorKind::Media);
    assert_eq!(http.calls().len(), 2);
}

#[tokio::test]
async fn more_bytes_than_the_tenant_takes_are_not_read() {
    let http = Script::of([info("x"), raw(200, vec![0; 1_001])]);
    assert_eq!(fetched(&http, "7").await.unwrap_err().kind(), ErrorKind::Media);
}

#[tokio::test]
async fn a_handle_that_is_a_path_is_never_called() {
    let http = Script::default();
    for odd in ["..", "../messages", "a/b", "%2e%2e", ""] {
        assert_eq!(fetched(&http, odd).await.unwrap_err().kind(), ErrorKind::MessageInvalid, "{odd}");
    }
    assert!(http.calls().is_empty());
}

#[tokio::test]
async fn the_health_of_a_number_is_asked_with_its_key() {
    let health = |word: &str| answer(&json!({"id": "1", "health_status": {"can_send_message": word, "entities": []}}));
    let refused = raw(401, r#"{"error": "Invalid API key"}"#);
    let http = Script::of([health("AVAILABLE"), health("LIMITED"), health("BLOCKED"), refused]);
    let (paths, cx) = (paths(), contexts().health());
    let gateway = gateway(&http, &paths);
    let mut seen = vec![];
    for _ in 0..4 {
        let answer = health::ask(&gateway, &LIMITS, &cx).await.unwrap();
        seen.push(match health::judge(&gateway, &answer, None) {
            HealthStatus::Healthy => "healthy".to_owned(),
            HealthStatus::Degraded(detail) => format!("degraded: {}", detail.text()),
            HealthStatus::Unhealthy(detail) => format!("unhealthy: {}", detail.text()),
            other => format!("{other:?}"),
        });
    }
    assert_eq!(
        seen,
        [
            "healthy",
            "degraded: the number may send with limits",
            "unhealthy: the number is blocked from sending",
            "unhealthy: the key is refused"
        ]
    );
    assert_eq!(http.calls()[0], "GET https://waba.example/health_status");
}

#[test]
fn an_id_is_no_path() {
    assert!(is_id("100200300") && is_id("wamid-1_A.b"));
    for odd in ["", ".", "..", "a/b", "a?b", "a#b", "a b", "é", "a%2f"] {
        assert!(!is_id(odd), "{odd}");
    }
}
