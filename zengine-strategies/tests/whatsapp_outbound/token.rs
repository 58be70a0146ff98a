//! Tokens that end: watched, renewed in time by one caller, kept where all processes find them.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    task::{Context, Waker},
    time::Duration,
};

use serde_json::{Value, json};
use zengine_connector::{
    Configure, Error, ErrorKind, OutboundMessage, Reach, Secret, SendError, TenantId, async_trait, ids::ConfigVersion,
    strategy::HealthStatus, testing::SimClock,
};
use zengine_strategies::whatsapp_meta_cloud::{TokenHook, TokenKind, TokenStatus, WhatsAppMetaCloudConfig};

use super::support::{Bench, accepted, answer, config, message, raw, refused};

const DAY: i64 = 24 * 3_600_000;
const NOW_S: i64 = SimClock::EPOCH_MS / 1000;

fn ending(kind: TokenKind) -> WhatsAppMetaCloudConfig {
    let mut config = config();
    config.access_token = Secret::new("canary-old".to_owned());
    config.token_kind = kind;
    config.app_id = Some("600700".to_owned());
    config.app_secret = Some(Secret::new("canary-secret".to_owned()));
    config
}

async fn bench(kind: TokenKind) -> (Bench, Arc<SimClock>) {
    let clock = Arc::new(SimClock::new());
    (Bench::on(Arc::clone(&clock) as _, ending(kind), |strategy| strategy).await.unwrap(), clock)
}

/// What Meta says of a token issued `issued` and ending `ends` days from the start of the test.
fn info(issued: i64, ends: i64) -> Value {
    json!({"data": {
        "app_id": "600700", "type": "SYSTEM_USER", "is_valid": true, "issued_at": NOW_S + issued * DAY / 1000, "expires_at": NOW_S + ends * DAY / 1000,
        "scopes": ["whatsapp_business_management", "whatsapp_business_messaging"],
        "granular_scopes": [{"scope": "whatsapp_business_management", "target_ids": ["900100"]}]
    }})
}

fn text() -> OutboundMessage {
    message(json!({"type": "text", "body": "Hello"}))
}

fn bearer(bench: &Bench, n: usize) -> String {
    bench.call(n, |request| request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default())
}

fn operation(bench: &Bench, n: usize) -> String {
    bench.call(n, |request| request.uri().path().rsplit('/').next().unwrap().to_owned())
}

/// Two days of life are left of sixty: the token is inspected, renewed, and the new one inspected.
async fn renewed(bench: &Bench) {
    bench.answers([info(-58, 2), json!({"access_token": "canary-new", "expires_in": 5_184_000}), info(0, 60), accepted()]);
    bench.sent(&text()).await;
}

#[tokio::test]
async fn a_token_without_an_end_is_asked_nothing_about() {
    let (bench, clock) = bench(TokenKind::Permanent).await;
    clock.jump_ms(400 * DAY);
    bench.sent(&text()).await;
    assert_eq!((bench.calls(), bearer(&bench, 0)), (1, "Bearer canary-old".to_owned()));
}

#[tokio::test]
async fn a_young_token_is_asked_about_once_and_left_alone() {
    let (bench, clock) = bench(TokenKind::Renewable).await;
    bench.answers([info(0, 60), accepted(), accepted()]);
    bench.sent(&text()).await;
    clock.jump_ms(47 * DAY);
    bench.sent(&text()).await;
    let asked: Vec<_> = (0..bench.calls()).map(|n| operation(&bench, n)).collect();
    assert_eq!(asked, ["debug_token", "messages", "messages"]);
    assert_eq!(bearer(&bench, 2), "Bearer canary-old");
}

#[tokio::test]
async fn four_fifths_are_when_a_token_is_renewed() {
    let (bench, clock) = bench(TokenKind::Renewable).await;
    bench.answers([info(0, 60), accepted()]);
    bench.sent(&text()).await;
    clock.jump_ms(48 * DAY);
    bench.answers([info(0, 60), json!({"access_token": "canary-new"}), info(48, 108), accepted(), accepted()]);
    bench.sent(&text()).await;
    let asked: Vec<_> = (2..bench.calls()).map(|n| operation(&bench, n)).collect();
    assert_eq!(asked, ["debug_token", "access_token", "debug_token", "messages"]);
    let form = "client_id=600700&client_secret=canary-secret&grant_type=fb_exchange_token&set_token_expires_in_60_days=true&fb_exchange_token=canary-old";
    assert_eq!(bench.line(3), format!("POST /v26.0/oauth/access_token {form}"));
    assert_eq!((bearer(&bench, 5), bearer(&bench, 3)), ("Bearer canary-new".to_owned(), String::new()));
    // The proof is the new token's.
    let proof = |n| bench.call(n, |request| request.uri().query().unwrap().to_owned());
    assert_ne!(proof(1), proof(5));
    clock.jump_ms(30 * DAY);
    bench.sent(&text()).await;
    assert_eq!((bench.calls(), bearer(&bench, 6)), (7, "Bearer canary-new".to_owned()));
}

#[tokio::test]
async fn a_renewed_token_is_found_by_the_next_process() {
    let (bench, _clock) = bench(TokenKind::Renewable).await;
    renewed(&bench).await;
    // The same sessions, another instance.
    let again =
        bench.strategy.configure(ending(TokenKind::Renewable), &bench.contexts.configure(ConfigVersion::new("1").unwrap())).await.unwrap();
    let restarted = Bench { tenant: again, ..bench };
    let before = restarted.calls();
    restarted.sent(&text()).await;
    assert_eq!((restarted.calls(), bearer(&restarted, before)), (before + 1, "Bearer canary-new".to_owned()));
    // A host that put the new token into its configuration has nothing to wait for either.
    let mut mine = ending(TokenKind::Renewable);
    mine.access_token = Secret::new("canary-new".to_owned());
    let tenant = restarted.strategy.configure(mine, &restarted.contexts.configure(ConfigVersion::new("2").unwrap())).await.unwrap();
    let kept = Bench { tenant, ..restarted };
    kept.sent(&text()).await;
    assert_eq!(kept.calls(), before + 2);
    // A configured token that the record does not know goes before what it says.
    let mut fresh = ending(TokenKind::Renewable);
    fresh.access_token = Secret::new("canary-fresh".to_owned());
    let tenant = kept.strategy.configure(fresh, &kept.contexts.configure(ConfigVersion::new("3").unwrap())).await.unwrap();
    let reauthorised = Bench { tenant, ..kept };
    reauthorised.answers([info(0, 60), accepted()]);
    reauthorised.sent(&text()).await;
    assert_eq!(bearer(&reauthorised, before + 3), "Bearer canary-fresh");
}

#[tokio::test]
async fn the_old_token_stays_until_the_new_one_has_proved_itself() {
    let other_app = |mut info: Value| {
        info["data"]["app_id"] = "1".into();
        info
    };
    let other_account = |mut info: Value| {
        info["data"]["granular_scopes"][0]["target_ids"] = json!(["1"]);
        info
    };
    let broken: [Vec<http::Response<bytes::Bytes>>; 7] = [
        vec![refused(500, 2)],
        vec![raw(502, "<html>canary</html>")],
        vec![answer(200, &json!({"access_token": "canary-new"})), refused(503, 2)],
        vec![answer(200, &json!({"access_token": "canary-new"})), answer(200, &json!({"data": {"is_valid": false}}))],
        vec![answer(200, &json!({"access_token": "canary-new"})), answer(200, &other_app(info(0, 60)))],
        vec![answer(200, &json!({"access_token": "canary-new"})), answer(200, &other_account(info(0, 60)))],
        vec![answer(200, &json!({"access_token": "canary-new"})), answer(200, &info(0, 2))],
    ];
    for answers in broken {
        let (bench, clock) = bench(TokenKind::Renewable).await;
        bench.answers([info(-58, 2)]);
        let calls = answers.len() + 1;
        for answer in answers {
            bench.answer(answer);
        }
        bench.answers([accepted(), accepted()]);
        bench.sent(&text()).await;
        assert_eq!(bearer(&bench, calls), "Bearer canary-old");
        // It is not tried again with every message, but later.
        clock.jump_ms(30_000);
        bench.sent(&text()).await;
        assert_eq!(bench.calls(), calls + 2);
        clock.jump_ms(3_600_000);
        renewed(&bench).await;
        assert_eq!(bearer(&bench, bench.calls() - 1), "Bearer canary-new");
    }
}

#[tokio::test]
async fn an_expired_token_asks_for_a_new_signup_and_sends_nothing() {
    let (bench, clock) = bench(TokenKind::Renewable).await;
    bench.answers([info(0, 60), accepted()]);
    bench.sent(&text()).await;
    clock.jump_ms(61 * DAY);
    bench.answers([json!({"data": {"app_id": "600700", "is_valid": false, "error": {"code": 190, "subcode": 463}}})]);
    let refused = |error: SendError| {
        assert_eq!((error.kind(), error.reach()), (ErrorKind::ReauthorizationRequired, Reach::NotSent));
        assert!(!format!("{error} {error:?}").contains("canary"));
    };
    refused(bench.try_send(&text()).await.unwrap_err());
    refused(bench.try_send(&text()).await.unwrap_err());
    assert_eq!(bench.calls(), 3, "two sends, one question about the token");
    assert!(matches!(bench.health().await, HealthStatus::Unhealthy(_)));
    bench.answers([json!({"data": {"is_valid": false}})]);
    refused(bench.strategy.renew_token(&bench.tenant, &bench.contexts.event()).await.unwrap_err());
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_watched() {
    let (bench, clock) = bench(TokenKind::Expiring).await;
    let healthy = || json!({"status": "CONNECTED"});
    bench.answers([info(0, 60), healthy(), healthy()]);
    assert_eq!(bench.health().await, HealthStatus::Healthy);
    clock.jump_ms(55 * DAY);
    assert!(matches!(bench.health().await, HealthStatus::Degraded(_)));
    assert_eq!(bench.calls(), 3, "nothing is asked about it again");
    clock.jump_ms(6 * DAY);
    assert!(matches!(bench.health().await, HealthStatus::Unhealthy(_)));
    assert_eq!(bench.try_send(&text()).await.unwrap_err().kind(), ErrorKind::ReauthorizationRequired);
    assert_eq!(bench.calls(), 3);
}

#[tokio::test]
async fn many_callers_renew_once() {
    let (bench, _clock) = bench(TokenKind::Renewable).await;
    bench.answer_to("debug_token", &info(-58, 2));
    bench.answer_to("access_token", &json!({"access_token": "canary-new"}));
    bench.answer_to("debug_token", &info(0, 60));
    let bench = Arc::new(bench);
    let sends: Vec<_> = (0..20)
        .map(|_| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { bench.sent(&text()).await })
        })
        .collect();
    for send in sends {
        send.await.unwrap();
    }
    let operations: Vec<_> = (0..bench.calls()).map(|n| operation(&bench, n)).collect();
    assert_eq!(operations.iter().filter(|name| *name == "access_token").count(), 1);
    assert_eq!(operations.len(), 23);
    // The others did not wait: they went out with the token that was there.
    let old = (0..23).filter(|n| operation(&bench, *n) == "messages" && bearer(&bench, *n) == "Bearer canary-old").count();
    assert_eq!(old, 19);
}

#[tokio::test]
async fn a_process_that_is_at_it_is_left_alone() {
    let (bench, clock) = bench(TokenKind::Renewable).await;
    bench.contexts.sessions().put("token.turn", &true, None, Duration::from_secs(60)).await.unwrap();
    bench.sent(&text()).await;
    assert_eq!((bench.calls(), bearer(&bench, 0)), (1, "Bearer canary-old".to_owned()));
    let busy = bench.strategy.renew_token(&bench.tenant, &bench.contexts.event()).await.unwrap_err();
    assert_eq!((busy.kind(), busy.reach(), busy.retry_after()), (ErrorKind::Busy, Reach::NotSent, Some(Duration::from_secs(60))));
    clock.jump_ms(61_000);
    renewed(&bench).await;
    assert_eq!(bearer(&bench, bench.calls() - 1), "Bearer canary-new");
}

#[tokio::test]
async fn a_call_in_a_hurry_does_not_stop_for_the_token() {
    let (bench, _clock) = bench(TokenKind::Renewable).await;
    let hurried = Bench { contexts: bench.contexts.clone().with_time_left(Duration::from_secs(1)), ..bench };
    hurried.sent(&text()).await;
    assert_eq!((hurried.calls(), operation(&hurried, 0)), (1, "messages".to_owned()));
}

#[derive(Debug, Default)]
struct Vault {
    kept: Mutex<Vec<(String, String)>>,
    fails: bool,
}

#[async_trait]
impl TokenHook for Vault {
    async fn renewed(&self, tenant: &TenantId, token: &TokenStatus) -> Result<(), Error> {
        assert!(token.is_renewed && token.expires_at.is_some());
        self.kept.lock().unwrap().push((tenant.to_string(), token.token.expose().clone()));
        if self.fails { Err(Error::new(ErrorKind::Store, "full")) } else { Ok(()) }
    }
}

#[tokio::test]
async fn the_host_is_told_of_a_renewed_token() {
    for fails in [false, true] {
        let vault = Arc::new(Vault { fails, ..Vault::default() });
        let hook = Arc::clone(&vault);
        let config = ending(TokenKind::Renewable);
        let bench = Bench::on(Arc::new(SimClock::new()), config, |strategy| strategy.with_token_hook(hook)).await.unwrap();
        renewed(&bench).await;
        assert_eq!(*vault.kept.lock().unwrap(), [("acme".to_owned(), "canary-new".to_owned())]);
        let status = bench.strategy.token(&bench.tenant, &bench.contexts.event()).await;
        assert_eq!((status.token.expose().as_str(), status.is_renewed), ("canary-new", true));
        let printed = format!("{status:?} {:?} {:?}", bench.tenant, bench.strategy);
        assert!(!printed.contains("canary"), "{printed}");
    }
}

#[tokio::test]
async fn a_token_that_ends_needs_its_app() {
    let mut lonely = config();
    lonely.token_kind = TokenKind::Renewable;
    let Err(error) = Bench::of(lonely).await else { panic!("configured") };
    let pointers: Vec<_> = error.violations().iter().map(|violation| violation.pointer.as_str()).collect();
    assert_eq!(pointers, ["/app_id", "/app_secret"]);
}

#[tokio::test]
async fn a_refused_token_is_looked_up_again() {
    let (bench, _clock) = bench(TokenKind::Renewable).await;
    renewed(&bench).await;
    // Another process renewed it again, and this one still has the token in memory.
    let record: zengine_connector::strategy::Versioned<Value> = bench.contexts.sessions().get("token").await.unwrap().unwrap();
    let mut newer = record.value;
    newer["token"] = "canary-newest".into();
    bench.contexts.sessions().put("token", &newer, Some(record.version), Duration::from_secs(3600)).await.unwrap();
    bench.answer(refused(401, 190));
    assert_eq!(bench.try_send(&text()).await.unwrap_err().kind(), ErrorKind::Unauthorized);
    bench.sent(&text()).await;
    assert_eq!(bearer(&bench, bench.calls() - 1), "Bearer canary-newest");
}

#[tokio::test]
async fn a_dropped_caller_leaves_the_renewal_to_the_next() {
    let (bench, clock) = bench(TokenKind::Renewable).await;
    let (strategy, tenant, cx) = (&bench.strategy, &bench.tenant, bench.contexts.event());
    // Polled once: the question about the token is on its way, and nobody waits for the answer any more.
    let mut call = Box::pin(strategy.renew_token(tenant, &cx));
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(call);
    assert_eq!(bench.calls(), 1);
    bench.answers([accepted()]);
    bench.sent(&text()).await;
    assert_eq!(bearer(&bench, bench.calls() - 1), "Bearer canary-old", "whoever took the turn might still be at it");
    clock.jump_ms(3_600_000);
    renewed(&bench).await;
    assert_eq!(bearer(&bench, bench.calls() - 1), "Bearer canary-new");
}

#[tokio::test]
async fn an_ended_token_is_looked_up_again_before_a_send_is_refused() {
    let (bench, clock) = bench(TokenKind::Renewable).await;
    bench.answers([info(-40, 20), accepted()]);
    bench.sent(&text()).await;
    clock.jump_ms(20 * DAY - 60_000);
    // This process tries and fails, and is then told to wait; meanwhile the token ends.
    bench.answer(refused(500, 2));
    bench.sent(&text()).await;
    let record: zengine_connector::strategy::Versioned<Value> = bench.contexts.sessions().get("token").await.unwrap().unwrap();
    let mut newer = record.value;
    newer["token"] = "canary-newest".into();
    newer["expires_at_s"] = (NOW_S + 80 * DAY / 1000).into();
    bench.contexts.sessions().put("token", &newer, Some(record.version), Duration::from_secs(30 * 24 * 3600)).await.unwrap();
    clock.jump_ms(61_000);
    bench.sent(&text()).await;
    assert_eq!(bearer(&bench, bench.calls() - 1), "Bearer canary-newest");
}
