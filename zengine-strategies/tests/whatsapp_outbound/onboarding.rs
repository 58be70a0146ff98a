//! From a signup's code to a registered number, byte for byte.

use std::sync::Arc;

use serde_json::{Value, json};
use zengine_connector::{
    ErrorKind, Reach, Secret, SendError,
    http::{HttpCause, HttpError},
    runtime::TokioClock,
};
use zengine_strategies::whatsapp_meta_cloud::{AppCredentials, CodeMethod, IssuedToken, Onboarding, PhoneAppData, Pin, WebhookOverride};

use super::support::{Bench, answer, raw, refused};

const PROOF_LEN: usize = "appsecret_proof=".len() + 64;

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn app(bench: &Bench) -> Onboarding {
    bench.strategy.onboarding(Arc::new(TokioClock::new()), AppCredentials::new("600700", secret("canary&secret")))
}

/// Meta's error body with a code and a subcode.
fn coded(code: i64, subcode: i64) -> Value {
    json!({"error": {"message": "canary", "type": "OAuthException", "code": code, "error_subcode": subcode}})
}

#[tokio::test]
async fn a_code_is_exchanged_with_every_secret_in_the_body() {
    let bench = Bench::new().await;
    bench.answers([json!({"access_token": "canary-new", "token_type": "bearer"}), json!({"access_token": "T", "expires_in": "5184000"})]);
    let issued = app(&bench).exchange_code(&secret("co/de|1"), None).await.unwrap();
    assert_eq!((issued.token.expose().as_str(), issued.expires_in), ("canary-new", None));
    assert!(!format!("{issued:?}").contains("canary"));
    let issued = app(&bench).exchange_code(&secret("c"), Some("https://example.org/back?x=1")).await.unwrap();
    assert_eq!(issued.expires_in.unwrap().as_secs(), 5_184_000);
    assert_eq!(bench.line(0), "POST /v26.0/oauth/access_token client_id=600700&client_secret=canary%26secret&code=co%2Fde%7C1");
    let redirect = "client_id=600700&client_secret=canary%26secret&code=c&redirect_uri=https%3A%2F%2Fexample.org%2Fback%3Fx%3D1";
    assert_eq!(bench.line(1), format!("POST /v26.0/oauth/access_token {redirect}"));
    bench.call(0, |request| {
        assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
        assert!(!request.headers().contains_key("authorization"));
    });
}

#[tokio::test]
async fn tokens_are_extended_renewed_inspected_and_revoked() {
    let bench = Bench::new().await;
    let onboarding = app(&bench);
    let data = json!({
        "app_id": "600700", "type": "SYSTEM_USER", "is_valid": true, "issued_at": 1_760_000_000, "expires_at": 1_765_184_000,
        "scopes": ["whatsapp_business_management", "whatsapp_business_messaging"], "user_id": "42",
        "granular_scopes": [{"scope": "whatsapp_business_management", "target_ids": ["900100"]}]
    });
    bench.answers([json!({"access_token": "B"}), json!({"access_token": "C"}), json!({"data": data}), json!({"success": true})]);
    onboarding.extend(&secret("A")).await.unwrap();
    onboarding.renew(&secret("B")).await.unwrap();
    let info = onboarding.inspect(&secret("C|&")).await.unwrap();
    onboarding.revoke(&secret("C")).await.unwrap();
    let own = "client_id=600700&client_secret=canary%26secret";
    assert_eq!(bench.line(0), format!("POST /v26.0/oauth/access_token {own}&grant_type=fb_exchange_token&fb_exchange_token=A"));
    let renewal = "grant_type=fb_exchange_token&set_token_expires_in_60_days=true&fb_exchange_token=B";
    assert_eq!(bench.line(1), format!("POST /v26.0/oauth/access_token {own}&{renewal}"));
    assert_eq!(bench.line(2), "GET /v26.0/debug_token?input_token=C%7C%26");
    bench.call(2, |request| {
        assert_eq!(request.headers()["authorization"], "Bearer 600700|canary&secret");
        assert!(request.headers()["authorization"].is_sensitive());
    });
    assert_eq!(bench.line(3), format!("POST /v26.0/oauth/revoke {own}&revoke_token=C&access_token=C"));
    assert_eq!((info.wabas(), info.covers("900100"), info.covers("1"), info.is_valid), (Some(vec!["900100"]), true, false, true));
    assert!(info.has_scope("whatsapp_business_messaging") && !info.has_scope("email"));
}

#[tokio::test]
async fn what_is_of_no_more_use_asks_for_a_new_signup() {
    let refusals: [(Value, ErrorKind); 7] = [
        (coded(100, 36_007), ErrorKind::ReauthorizationRequired),
        (coded(100, 36_009), ErrorKind::ReauthorizationRequired),
        (coded(190, 463), ErrorKind::ReauthorizationRequired),
        (json!({"error": {"code": "190"}}), ErrorKind::ReauthorizationRequired),
        (coded(100, 36_008), ErrorKind::Config),
        (json!({"error": {"code": 100}}), ErrorKind::InvalidContent),
        (coded(101, 0), ErrorKind::InvalidContent),
    ];
    for (body, kind) in refusals {
        let bench = Bench::new().await;
        for _ in 0..2 {
            bench.answer(answer(400, &body));
        }
        for error in
            [app(&bench).exchange_code(&secret("canary"), None).await.unwrap_err(), app(&bench).renew(&secret("canary")).await.unwrap_err()]
        {
            assert_eq!((error.kind(), error.reach()), (kind, Reach::Processed), "{body}");
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
        assert_eq!(bench.calls(), 2, "a code works once, so nothing is repeated");
    }
    // Their support asks for the trace, and their words are there.
    let bench = Bench::new().await;
    let refused = json!({"message": "canary", "code": 100, "error_subcode": 36_009, "fbtrace_id": "Atrace"});
    bench.answer(answer(400, &json!({"error": refused})));
    let error = app(&bench).exchange_code(&secret("code"), None).await.unwrap_err();
    let words = error.error().provider_details().unwrap();
    assert_eq!((words.subcode.as_deref(), words.title.as_deref()), (Some("36009"), Some("canary")));
    assert_eq!((error.error().context("provider_request_id"), error.provider_code()), (Some("Atrace"), Some("100")));
}

#[tokio::test]
async fn a_lost_exchange_may_have_used_the_code_up() {
    let bench = Bench::new().await;
    bench.fail(HttpError::new(HttpCause::Timeout, Reach::Maybe));
    bench.answer(refused(500, 2));
    bench.answer(raw(200, "canary"));
    bench.answer(answer(200, &json!({"access_token": "can ary"})));
    bench.answer(answer(200, &json!({"access_token": ""})));
    for kind in [ErrorKind::Timeout, ErrorKind::Unavailable, ErrorKind::Protocol, ErrorKind::Protocol, ErrorKind::Protocol] {
        let error: SendError = app(&bench).exchange_code(&secret("canary"), None).await.map(|_: IssuedToken| ()).unwrap_err();
        assert_eq!((error.kind(), error.reach()), (kind, Reach::Maybe), "{error}");
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
    assert_eq!(bench.calls(), 5);
    // A question may be asked again.
    bench.fail(HttpError::new(HttpCause::Timeout, Reach::Maybe));
    assert_eq!(app(&bench).inspect(&secret("canary")).await.unwrap_err().reach(), Reach::NotSent);
    bench.answers([json!({"data": {"is_valid": false, "error": {"code": 190, "subcode": 463, "message": "canary"}}})]);
    let dead = app(&bench).inspect(&secret("canary")).await.unwrap();
    assert_eq!((dead.is_valid, dead.error), (false, Some((190, Some(463)))));
}

#[tokio::test]
async fn a_customers_account_is_looked_at_before_there_is_a_tenant() {
    let bench = Bench::new().await;
    let onboarding = app(&bench);
    let first = json!({"data": [{"id": "100200300", "display_phone_number": "+1 555", "is_on_biz_app": true}, {"no": "id"}], "paging": {"next": "https://canary", "cursors": {"after": "a b"}}});
    bench.answers([
        first,
        json!({"data": [], "paging": {"cursors": {"after": "end"}}}),
        json!({"success": true}),
        json!({"access_token": "K"}),
    ]);
    let page = onboarding.phone_numbers(&secret("customer"), "900100", None).await.unwrap();
    assert_eq!((page.items.len(), page.items[0].is_on_biz_app, page.next.as_deref()), (1, true, Some("a b")));
    let last = onboarding.phone_numbers(&secret("customer"), "900100", page.next.as_deref()).await.unwrap();
    assert_eq!((last.items.len(), last.next), (0, None));
    onboarding.subscribe(&secret("customer"), "900100").await.unwrap();
    onboarding.fetch_customer_token("77", &secret("own")).await.unwrap();
    let fields = "fields=id,display_phone_number,verified_name,quality_rating,status,name_status,code_verification_status,platform_type,is_on_biz_app";
    let without_proof = |line: String| line[..line.len() - PROOF_LEN].to_owned();
    assert_eq!(without_proof(bench.line(0)), format!("GET /v26.0/900100/phone_numbers?{fields}&limit=100&"));
    assert_eq!(without_proof(bench.line(1)), format!("GET /v26.0/900100/phone_numbers?{fields}&limit=100&after=a%20b&"));
    assert_eq!(without_proof(bench.line(2)), "POST /v26.0/900100/subscribed_apps?");
    bench.call(2, |request| assert_eq!(request.headers()["authorization"], "Bearer customer"));
    let hosted = bench.line(3);
    assert!(
        hosted.starts_with("POST /v26.0/77/system_user_access_tokens appsecret_proof=") && hosted.ends_with("&fetch_only=true"),
        "{hosted}"
    );
    for id in ["", "..", "1/2", "1?x"] {
        assert_eq!(onboarding.subscribe(&secret("t"), id).await.unwrap_err().kind(), ErrorKind::MessageInvalid);
        assert_eq!(onboarding.phone_numbers(&secret("t"), id, None).await.unwrap_err().kind(), ErrorKind::MessageInvalid);
    }
    assert_eq!(bench.calls(), 4);
}

#[tokio::test]
async fn a_number_is_verified_registered_and_given_up() {
    let bench = Bench::new().await;
    let (meta, number, cx) = (&bench.strategy, &bench.tenant, bench.contexts.event());
    let pin = Pin::new("123456").unwrap();
    (0..7).for_each(|_| bench.answers([json!({"success": true})]));
    meta.request_code(number, CodeMethod::Sms, "en_US", &cx).await.unwrap();
    meta.request_code(number, CodeMethod::Voice, "pt_BR", &cx).await.unwrap();
    meta.verify_code(number, &secret("123-456"), &cx).await.unwrap();
    meta.register(number, &pin, &cx).await.unwrap();
    meta.set_pin(number, &pin, &cx).await.unwrap();
    meta.deregister(number, &cx).await.unwrap();
    let lines: Vec<_> = (0..6).map(|n| bench.line(n)).collect();
    assert_eq!(
        lines,
        [
            r#"POST /v26.0/100200300/request_code {"code_method":"SMS","language":"en_US"}"#,
            r#"POST /v26.0/100200300/request_code {"code_method":"VOICE","language":"pt_BR"}"#,
            r#"POST /v26.0/100200300/verify_code {"code":"123456"}"#,
            r#"POST /v26.0/100200300/register {"messaging_product":"whatsapp","pin":"123456"}"#,
            r#"POST /v26.0/100200300 {"pin":"123456"}"#,
            "POST /v26.0/100200300/deregister",
        ]
    );
    for odd in ["", "12345", "1234567", "12345a", "١٢٣٤٥٦"] {
        let error = Pin::new(odd).unwrap_err();
        assert!(odd.is_empty() || !format!("{error} {error:?}").contains(odd));
    }
    for language in ["", "e", "en US", "en/US"] {
        assert_eq!(meta.request_code(number, CodeMethod::Sms, language, &cx).await.unwrap_err().kind(), ErrorKind::MessageInvalid);
    }
    assert_eq!(meta.verify_code(number, &secret("canary"), &cx).await.unwrap_err().kind(), ErrorKind::MessageInvalid);
    assert_eq!(bench.calls(), 6);
}

#[tokio::test]
async fn registration_says_what_is_wrong() {
    let table = [
        (refused(400, 133_005), ErrorKind::InvalidContent, None),
        (refused(400, 133_016), ErrorKind::Quota, Some(72 * 3600)),
        (refused(400, 133_006), ErrorKind::Account, None),
        (refused(400, 133_015), ErrorKind::Unavailable, Some(300)),
        (refused(401, 190), ErrorKind::Unauthorized, None),
        (answer(400, &json!({"error": {"code": 100, "error_subcode": 33}})), ErrorKind::Config, None),
    ];
    for (response, kind, wait) in table {
        let bench = Bench::new().await;
        bench.answer(response);
        let error = bench.strategy.register(&bench.tenant, &Pin::new("987123").unwrap(), &bench.contexts.event()).await.unwrap_err();
        assert_eq!((error.kind(), error.retry_after().map(|wait| wait.as_secs())), (kind, wait), "{error}");
        assert_eq!((error.error().context("operation"), bench.calls()), (Some("register"), 1));
        let printed = format!("{error} {error:?}");
        assert!(!printed.contains("987123") && !printed.contains("canary"), "{printed}");
    }
}

#[tokio::test]
async fn what_a_subcode_says_of_a_number_is_not_a_template() {
    let of = async |subcode: i64| {
        let bench = Bench::new().await;
        bench.answer(answer(400, &coded(100, subcode)));
        let error = bench.strategy.request_code(&bench.tenant, CodeMethod::Sms, "en_US", &bench.contexts.event()).await.unwrap_err();
        (error.kind(), error.retry_after().map(|wait| wait.as_secs()), error.reach())
    };
    for (subcode, kind, wait) in [
        (2_388_001, ErrorKind::Conflict, None),
        (2_388_004, ErrorKind::RateLimited, None),
        (2_388_012, ErrorKind::Conflict, None),
        (2_388_091, ErrorKind::RateLimited, Some(3600)),
        (2_388_093, ErrorKind::InvalidContent, None),
        (2_388_103, ErrorKind::Account, None),
        (2_388_104, ErrorKind::Template, None),
    ] {
        assert_eq!(of(subcode).await, (kind, wait, Reach::Processed), "{subcode}");
    }
}

#[tokio::test]
async fn webhooks_are_subscribed_moved_and_read_back() {
    let bench = Bench::new().await;
    let (meta, number, cx) = (&bench.strategy, &bench.tenant, bench.contexts.event());
    let at = WebhookOverride::new("https://example.org/hook/acme", secret("canary-verify")).unwrap();
    assert!(!format!("{at:?}").contains("canary"));
    bench.answers([
        json!({"success": true}),
        json!({"success": "true"}),
        json!({"success": true}),
        json!({"success": true}),
        json!({"success": true}),
    ]);
    meta.subscribe(number, &cx).await.unwrap();
    meta.subscribe_at(number, &at, &cx).await.unwrap();
    meta.override_webhook(number, Some(&at), &cx).await.unwrap();
    meta.override_webhook(number, None, &cx).await.unwrap();
    meta.unsubscribe(number, &cx).await.unwrap();
    bench.answers([
        json!({"data": [{"whatsapp_business_api_data": {"id": 600_700, "name": "App", "link": "l"}, "override_callback_uri": "https://o"}, 7]}),
        json!({"id": "100200300", "webhook_configuration": {"phone_number": "https://p", "application": "https://a"}}),
        json!({"messaging_product": "whatsapp", "request_id": "R1"}),
        json!({"messaging_product": "whatsapp"}),
    ]);
    let apps = meta.subscribed_apps(number, &cx).await.unwrap();
    assert_eq!((apps.len(), apps[0].id.as_str(), apps[0].override_callback_uri.as_deref()), (1, "600700", Some("https://o")));
    let overrides = meta.webhook_overrides(number, &cx).await.unwrap();
    assert_eq!(
        (overrides.phone_number.as_deref(), overrides.whatsapp_business_account, overrides.application.as_deref()),
        (Some("https://p"), None, Some("https://a"))
    );
    assert_eq!(meta.synchronise(number, PhoneAppData::Contacts, &cx).await.unwrap().as_deref(), Some("R1"));
    assert_eq!(meta.synchronise(number, PhoneAppData::History, &cx).await.unwrap(), None);
    let moved = r#"{"override_callback_uri":"https://example.org/hook/acme","verify_token":"canary-verify"}"#;
    let lines: Vec<_> = (0..9).map(|n| bench.line(n)).collect();
    assert_eq!(
        lines,
        [
            "POST /v26.0/900100/subscribed_apps".to_owned(),
            format!("POST /v26.0/900100/subscribed_apps {moved}"),
            format!(r#"POST /v26.0/100200300 {{"webhook_configuration":{moved}}}"#),
            r#"POST /v26.0/100200300 {"webhook_configuration":{"override_callback_uri":""}}"#.to_owned(),
            "DELETE /v26.0/900100/subscribed_apps".to_owned(),
            "GET /v26.0/900100/subscribed_apps".to_owned(),
            "GET /v26.0/100200300?fields=webhook_configuration".to_owned(),
            r#"POST /v26.0/100200300/smb_app_data {"messaging_product":"whatsapp","sync_type":"smb_app_state_sync"}"#.to_owned(),
            r#"POST /v26.0/100200300/smb_app_data {"messaging_product":"whatsapp","sync_type":"history"}"#.to_owned(),
        ]
    );
    for url in ["", "http://example.org", "example.org", &format!("https://example.org/{}", "x".repeat(200))] {
        assert!(WebhookOverride::new(url, secret("t")).is_err(), "{url}");
    }
    assert!(WebhookOverride::new("https://example.org", secret("")).is_err());
}
