//! Whatever is sent, the emulator answers and stands.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::{Method, Request};
use http_body_util::Full;
use proptest::prelude::*;
use serde_json::json;
use zengine_strategies::sandbox::meta_cloud::{MetaCloud, Review, Template, Webhooks};

use crate::support::{Client, NUMBER, TOKEN, settings, text};

/// Panics on the threads of emulators, which nobody else would see.
static PANICS: AtomicU32 = AtomicU32::new(0);

/// Counts panics of emulators from now on.
pub(crate) fn watch_panics() -> impl Fn() -> u32 {
    static WATCHING: LazyLock<()> = LazyLock::new(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name() == Some("zengine-sandbox") {
                PANICS.fetch_add(1, Ordering::Relaxed);
            }
            usual(panic);
        }));
    });
    LazyLock::force(&WATCHING);
    || PANICS.load(Ordering::Relaxed)
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(NUMBER.to_owned()),
        Just("900100".to_owned()),
        Just("800100".to_owned()),
        Just("v26.0".to_owned()),
        prop::sample::select(
            [
                "messages",
                "media",
                "message_templates",
                "message_history",
                "phone_numbers",
                "register",
                "deregister",
                "request_code",
                "verify_code",
                "settings",
                "smb_app_data",
                "subscribed_apps",
                "subscriptions",
                "access_tokens",
                "oauth",
                "access_token",
                "debug_token",
                "revoke",
                "system_user_access_tokens",
                "700100",
                "600100",
            ]
            .to_vec()
        )
        .prop_map(str::to_owned),
        "[a-z0-9%.+-]{0,8}",
    ]
}

fn control() -> impl Strategy<Value = String> {
    prop::sample::select(
        [
            "faults",
            "webhook-faults",
            "updates",
            "webhooks",
            "webhooks/raw",
            "rules",
            "numbers",
            "node",
            "codes",
            "tokens",
            "media",
            "templates",
            "handshake",
            "clock",
            "state",
            "credentials",
            "deliveries",
            "verification-code",
            "journal",
            "",
            "x",
        ]
        .to_vec(),
    )
    .prop_map(|call| format!("/_sandbox/{call}"))
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::collection::vec(word(), 1..5).prop_map(|parts| format!("/v26.0/{}", parts.join("/"))),
        1 => prop::collection::vec(word(), 0..5).prop_map(|parts| format!("/{}", parts.join("/"))),
        2 => control(),
    ]
}

fn query() -> impl Strategy<Value = String> {
    let key = prop::sample::select(
        [
            "fields",
            "limit",
            "after",
            "before",
            "name",
            "hsm_id",
            "client_id",
            "client_secret",
            "code",
            "grant_type",
            "input_token",
            "fb_exchange_token",
            "phone_number_id",
            "message_id",
            "appsecret_proof",
            "appsecret_time",
            "number",
            "type",
            "wait",
            "kind",
            "pin",
        ]
        .to_vec(),
    );
    let value = prop_oneof![
        Just(NUMBER.to_owned()),
        Just("800100".to_owned()),
        Just("app%20secret".to_owned()),
        Just("fb_exchange_token".to_owned()),
        Just(TOKEN.to_owned()),
        Just("id,status".to_owned()),
        Just("18446744073709551615".to_owned()),
        "[a-zA-Z0-9%=._-]{0,12}",
    ];
    prop::collection::vec((key, value), 0..5)
        .prop_map(|pairs| pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&"))
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        Just(json!(NUMBER)),
        Just(json!("whatsapp")),
        Just(json!("UTILITY")),
        ".{0,12}".prop_map(|value| json!(value)),
    ];
    let key = prop::sample::select(
        [
            "messaging_product",
            "to",
            "type",
            "text",
            "body",
            "template",
            "name",
            "language",
            "category",
            "components",
            "pin",
            "code",
            "code_method",
            "sync_type",
            "webhook_configuration",
            "override_callback_uri",
            "verify_token",
            "storage_configuration",
            "fault",
            "times",
            "probability",
            "ms",
            "number",
            "message",
            "from",
            "status",
            "field",
            "value",
            "advance_ms",
            "accounts",
            "id",
            "account",
            "statuses",
            "callback",
            "batch",
            "redelivery_ms",
            "format",
            "buttons",
            "example",
        ]
        .to_vec(),
    );
    let any_json = leaf.prop_recursive(3, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|members| members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    });
    prop_oneof![
        4 => any_json.prop_map(|value| value.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => query().prop_map(String::into_bytes),
    ]
}

#[test]
fn any_request_gets_an_answer() {
    let panics = watch_panics();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let made = settings()
        .with_template(Template::new("t", "en"))
        .with_template_review(Review::waiting())
        .with_webhooks(Webhooks::off().with_redelivery([]).with_timeout(Duration::from_millis(50)));
    let (meta, client) = (MetaCloud::start(made).unwrap(), Client::new());
    let methods = prop::sample::select(vec![Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS]);
    let types = prop::sample::select(vec!["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=B", "x"]);
    proptest!(ProptestConfig::with_cases(600), |(method in methods, path in path(), query in query(), body in body(), kind in types)| {
        let uri = format!("{}{path}?{query}", meta.base_url());
        let request = Request::builder().method(method).uri(uri).header("authorization", format!("Bearer {TOKEN}"));
        let request = request.header("content-type", kind).body(Full::from(body));
        prop_assume!(request.is_ok());
        // A queued fault may rightly leave requests without an answer, and a rule may refuse the rest of the test's.
        let sent = runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(5), client.send(request.unwrap())).await
        });
        meta.clear_faults();
        meta.clear_webhook_faults();
        let answer = sent.expect("an answer in time").expect("an answer");
        prop_assert!((200..600).contains(&answer.status) || answer.status == 206);
        prop_assert!(answer.status != 500 || answer.code() != 0, "{:?}", answer.body);
    });
    assert_eq!(panics(), 0);
    meta.reset();
    assert_eq!(runtime.block_on(client.message(&meta, &text())).status, 200);
}
