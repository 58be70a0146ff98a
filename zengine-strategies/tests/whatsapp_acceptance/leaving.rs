//! What leaves, and what does not: H, I, K.

use serde_json::{Value, json};
use tracing::instrument::WithSubscriber;
use zengine_connector::{ErrorKind, Outcome, Secret};
use zengine_strategies::whatsapp_meta_cloud::{AppCredentials, Pin, TokenKind, WebhookOverride};

use crate::{
    host::Host,
    outbound::{Bench, PHONE, TOKEN, answer, config, interactive, message, raw, refused},
    warnings::Warnings,
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
            let error = bench.strategy.download(&bench.tenant, "777", &bench.contexts.event()).await.unwrap_err();
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
    assert_eq!(bench.strategy.download(&bench.tenant, "777", &bench.contexts.event()).await.unwrap().bytes, "hello");
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
    assert_eq!((host.script.len(), host.stores.claims().is_empty()), (0, true), "nothing was sent, nothing claimed");
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
        let warnings = Warnings::default();
        let sent = host.send(&format!("flow-{label}"), &interactive("flow", flow(label))).with_subscriber(warnings.clone()).await;
        assert!(matches!(sent.unwrap(), Outcome::Delivered(_)));
        let lines: Vec<_> = warnings.take().into_iter().filter(|line| line.contains("/content/label")).collect();
        assert_eq!(lines.len(), warned, "{lines:?}");
        assert!(
            lines.iter().all(|line| line.contains("limit=20") && line.contains(&format!("actual={label}")) && !line.contains("xxx")),
            "{lines:?}"
        );
    }
}
