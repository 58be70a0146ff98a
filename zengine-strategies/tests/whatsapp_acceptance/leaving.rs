//! What leaves, and what does not: H, I, K.

use serde_json::{Value, json};
use tracing::instrument::WithSubscriber;
use zengine_connector::{ErrorKind, Identity, InboundStrategy as _, Outcome, Secret, message::MediaKind};
use zengine_strategies::whatsapp_meta_cloud::{
    AppCredentials, BusinessProfile, CodeMethod, NewMedia, PhoneAppData, Pin, QrImage, TokenKind, WebhookOverride,
};

use crate::{
    host::Host,
    outbound::{Bench, PHONE, TOKEN, answer, config, interactive, message, raw, refused},
    warnings::Lines,
};

#[tokio::test(start_paused = true)]
async fn acceptance_h_the_token_goes_to_no_foreign_host() {
    let foreign = [
        "https://evil.example/file",
        "http://lookaside.fbsbx.com/file",
        "https://lookaside.fbsbx.com.evil.example/file",
        "https://evilfbcdn.net/file",
        "https://lookaside.fbsbx.com@evil.example/file",
        "https://lookaside.fbsbx.com:8443/file",
        "https://169.254.169.254/latest",
        "http://localhost/file",
    ];
    for url in foreign {
        let redirect = http::Response::builder().status(302).header("location", url).body(bytes::Bytes::new()).unwrap();
        let node = |url: &str| answer(200, &json!({"id": "777", "url": url}));
        for answers in [vec![node(url), raw(200, "hello")], vec![node("https://lookaside.fbsbx.com/x"), redirect, raw(200, "hello")]] {
            let bench = Bench::new().await;
            let most = answers.len() - 1;
            for answer in answers {
                bench.answer(answer);
            }
            let error = bench.strategy.media(&bench.tenant, &"777".into(), &bench.contexts.event()).await.unwrap_err();
            assert_eq!((error.kind(), bench.calls()), (ErrorKind::Protocol, most), "{url}");
            for n in 0..bench.calls() {
                bench.call(n, |request| {
                    let host = request.uri().host().unwrap();
                    assert!(matches!(host, "graph.facebook.com" | "lookaside.fbsbx.com"), "{host}");
                    assert_eq!(request.uri().scheme_str(), Some("https"));
                });
            }
        }
    }
    // To Meta's own hosts it goes, because they demand it.
    let bench = Bench::new().await;
    bench.answer(answer(200, &json!({"url": "https://lookaside.fbsbx.com/x"})));
    bench.answer(raw(200, "hello"));
    assert_eq!(bench.strategy.media(&bench.tenant, &"777".into(), &bench.contexts.event()).await.unwrap().bytes, "hello");
    bench.last_call(|request, _| assert_eq!(request.headers()["authorization"], format!("Bearer {TOKEN}")));
}

#[tokio::test(start_paused = true)]
async fn acceptance_i_nothing_that_can_be_printed_holds_a_secret() {
    let mut config = config();
    config.app_secret = Some(Secret::new("canary-secret".to_owned()));
    config.app_id = Some("600700".to_owned());
    config.token_kind = TokenKind::Expiring;
    let mut printed = vec![format!("{config:?}")];
    let bench = Bench::of(config).await.unwrap();
    let app = AppCredentials::new("600700", Secret::new("canary-secret".to_owned()));
    let at = WebhookOverride::new("https://example.org", Secret::new("canary-verify".to_owned())).unwrap();
    let onboarding = bench.strategy.onboarding(std::sync::Arc::new(zengine_connector::testing::SimClock::new()), app.clone());
    printed.push(format!("{:?} {:?} {app:?} {at:?} {onboarding:?} {:?}", bench.tenant, bench.strategy, Pin::new("771177").unwrap()));
    bench.answer(refused(400, 100));
    bench.answer(answer(200, &json!({"access_token": "canary-issued"})));
    let error = onboarding.exchange_code(&Secret::new("canary-code".to_owned()), None).await.unwrap_err();
    printed.push(format!("{error} {error:?} {:?}", onboarding.exchange_code(&Secret::new("canary-code".to_owned()), None).await));
    bench.answer(refused(401, 190));
    bench.answer(refused(401, 190));
    let error = bench.try_send(&message(json!({"type": "text", "body": "canary-body"}))).await.unwrap_err();
    let health = bench.health().await;
    printed.push(format!("{error} {error:?} {health:?} {:?}", bench.strategy.token(&bench.tenant, &bench.contexts.event()).await));
    let printed = printed.join(" ");
    for secret in ["canary", TOKEN, "771177", "15551230001"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
    for n in 0..bench.calls() {
        bench.call(n, |request| assert!(!format!("{:?}", request.headers()).contains("canary")));
    }
}

fn x(count: usize) -> String {
    "x".repeat(count)
}

fn list(rows: usize) -> Value {
    let rows: Vec<_> = (0..rows).map(|row| json!({"id": row.to_string(), "title": format!("Row {row}")})).collect();
    json!({"body": "b", "button": "Open", "sections": [{"title": "s", "rows": rows}]})
}

fn buttons(count: usize, title: &str) -> Value {
    let buttons: Vec<_> = (0..count).map(|n| json!({"id": n.to_string(), "title": format!("{title}{n}")})).collect();
    json!({"body": "b", "buttons": buttons})
}

fn flow(label: usize) -> Value {
    json!({"body": "b", "label": x(label), "flow_id": "F", "screen": "S"})
}

#[tokio::test(start_paused = true)]
async fn acceptance_k_what_is_over_a_limit_is_refused_here_with_limit_and_size() {
    let host = Host::new();
    let table = [
        (interactive("list", list(11)), "/content/sections", (10, 11)),
        (interactive("buttons", buttons(4, "t")), "/content/buttons", (3, 4)),
        (interactive("buttons", buttons(1, &x(20))), "/content/buttons/0/title", (20, 21)),
        (message(json!({"type": "text", "body": x(4097)})), "/content/body", (4096, 4097)),
        (interactive("flow", flow(31)), "/content/label", (30, 31)),
    ];
    for (message, pointer, (limit, actual)) in table {
        let error = host.send("1", &message).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MessageInvalid, "{pointer}");
        let violation =
            error.violations().iter().find(|violation| violation.pointer == pointer).unwrap_or_else(|| panic!("{pointer}: {error}"));
        assert_eq!((violation.limit, violation.actual), (Some(limit), Some(actual)), "{pointer}");
        assert!(!format!("{error} {error:?}").contains("xxx") && !format!("{error:?}").contains(PHONE));
    }
    let email = host.send("1", &message(json!({"type": "email", "subject": "s"}))).await.unwrap_err();
    let said: Vec<_> = email.violations().iter().map(ToString::to_string).collect();
    assert_eq!(said, ["/content: the channel carries no e-mail"], "the strategy does not say it once more");
    assert_eq!((host.script.len(), host.stores.claim_count() == 0), (0, true), "nothing was sent, nothing claimed");
    // At the limit everything goes out.
    for (n, message) in [
        interactive("list", list(10)),
        interactive("buttons", buttons(3, "t")),
        interactive("buttons", buttons(1, &x(19))),
        message(json!({"type": "text", "body": x(4096)})),
    ]
    .iter()
    .enumerate()
    {
        assert!(matches!(host.send(&format!("ok-{n}"), message).await.unwrap(), Outcome::Delivered(_)));
    }
    // A form's label of 21 to 30 characters goes out with one warning; up to 20 without.
    for (label, warned) in [(20, 0), (21, 1), (30, 1)] {
        let sent = host.send(&format!("flow-{label}"), &interactive("flow", flow(label))).await.unwrap();
        let Outcome::Delivered(sent) = sent else { panic!("{sent:?}") };
        let warnings = &sent.receipt.warnings;
        assert_eq!(warnings.len(), warned, "{warnings:?}");
        for warning in warnings {
            assert_eq!((warning.pointer.as_str(), warning.limit, warning.actual), ("/content/label", Some(20), Some(label as u64)));
            assert!(!warning.to_string().contains("xxx"), "{warning}");
        }
    }
}

/// Every method of the strategy against one answer; what they say when it is no good.
async fn everything(bench: &Bench) -> Vec<String> {
    let (meta, number, cx) = (&bench.strategy, &bench.tenant, bench.contexts.event());
    let app = meta.onboarding(
        std::sync::Arc::new(zengine_connector::testing::SimClock::new()),
        AppCredentials::new("600700", Secret::new("canary-secret".to_owned())),
    );
    let (token, pin) = (Secret::new("canary-token-2".to_owned()), Pin::new("771177").unwrap());
    let at = WebhookOverride::new("https://example.org/canary-hook", Secret::new("canary-verify".to_owned())).unwrap();
    let person = [Identity::phone(PHONE).unwrap()];
    let file = NewMedia::new(MediaKind::Image, "image/png").with_bytes("canary-bytes").with_filename("canary.png");
    let template = json!({"name": "canary", "language": "en", "category": "UTILITY"});
    let sent = message(json!({"type": "text", "body": "canary-body"}));
    macro_rules! said {
        ($($call:expr),* $(,)?) => { vec![$({ let said = $call.await; format!("{said:?}") }),*] };
    }
    said![
        app.exchange_code(&token, Some("https://example.org/canary")),
        app.extend(&token),
        app.renew(&token),
        app.inspect(&token),
        app.revoke(&token),
        app.fetch_customer_token("77", &token),
        app.phone_numbers(&token, "900100", None),
        app.subscribe(&token, "900100"),
        meta.upload(number, file, &cx),
        meta.media_info(number, "777", &cx),
        meta.media(number, &"777".into(), &cx),
        meta.delete_media(number, "777", &cx),
        meta.request_code(number, CodeMethod::Sms, "en_US", &cx),
        meta.verify_code(number, &Secret::new("771177".to_owned()), &cx),
        meta.register(number, &pin, &cx),
        meta.set_pin(number, &pin, &cx),
        meta.deregister(number, &cx),
        meta.subscribe(number, &cx),
        meta.subscribe_at(number, &at, &cx),
        meta.unsubscribe(number, &cx),
        meta.override_webhook(number, Some(&at), &cx),
        meta.webhook_overrides(number, &cx),
        meta.synchronise(number, PhoneAppData::History, &cx),
        meta.block_users(number, &person, &cx),
        meta.unblock_users(number, &person, &cx),
        meta.create_qr_code(number, "canary", QrImage::Png, &cx),
        meta.create_template(number, &template, &cx),
        meta.edit_template(number, "17", &template, &cx),
        meta.delete_template(number, "canary", None, &cx),
        meta.delivery_events(number, "wamid.canary", &cx),
        meta.phone_numbers(number, None, &cx),
        meta.subscribed_apps(number, &cx),
        meta.blocked_users(number, None, &cx),
        meta.business_profile(number, &cx),
        meta.set_business_profile(number, &BusinessProfile::default(), &cx),
        meta.qr_codes(number, &cx),
        meta.delete_qr_code(number, "ABC", &cx),
        meta.templates(number, None, None, &cx),
        meta.renew_token(number, &cx),
        bench.try_send(&sent),
    ]
}

#[tokio::test(start_paused = true)]
async fn acceptance_i_no_error_and_no_log_line_of_any_method_holds_a_secret_or_a_person() {
    let canary = json!({"error": {"code": 100, "error_subcode": 7, "message": "canary +15551230001", "error_data": {"details": "canary"}, "fbtrace_id": "x"}});
    let hostile = [
        answer(400, &canary),
        answer(500, &canary),
        raw(200, "canary <html>"),
        raw(302, "canary"),
        raw(200, ""),
        answer(200, &json!({"error": {"code": "canary", "message": "canary"}})),
        answer(401, &json!({"error": {"code": 190, "error_subcode": 463, "message": "canary"}})),
        answer(200, &json!(null)),
        answer(200, &json!([{"canary": 1}])),
    ];
    let logged = Lines::default();
    for response in hostile {
        let mut config = config();
        (config.token_kind, config.app_id) = (TokenKind::Renewable, Some("600700".to_owned()));
        config.app_secret = Some(Secret::new("canary-secret".to_owned()));
        let bench = Bench::of(config).await.unwrap();
        bench.script.answer_always(response.clone());
        let said = everything(&bench).with_subscriber(logged.clone()).await;
        for line in &said {
            assert!(line.starts_with("Err("), "{line}");
            for secret in ["canary", TOKEN, "771177", "15551230001", "appsecret_proof="] {
                assert!(!line.contains(secret), "{secret} in {line}");
            }
        }
    }
    let lines = logged.take();
    assert!(!lines.is_empty(), "the subscriber listens");
    for (_, line) in lines {
        for secret in ["canary", TOKEN, "771177", "15551230001", "appsecret_proof="] {
            assert!(!line.contains(secret), "{secret} in {line}");
        }
    }
}
