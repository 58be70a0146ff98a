//! Taking numbers in, keeping their tokens alive and moving their files, over real HTTP against the emulator of the Cloud
//! API, through the orchestrator's `bound`.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

use std::{sync::Arc, time::Duration};

use serde_json::json;
use zengine_connector::{
    ErrorKind, InboundStrategy as _, Orchestrator, OutboundMessage, Outcome, Secret, SecretRef, StrategyName, TenantId,
    http::ReqwestClient,
    message::MediaKind,
    orchestrator::Bound,
    runtime::{Clock, TokioClock, to_ms},
    store::{Memory, SecretScope},
    strategy::HealthStatus,
    testing::SimClock,
};
use zengine_strategies::{
    sandbox::meta_cloud::{MetaCloud, Number, Settings, Signup},
    whatsapp_meta_cloud::{
        AppCredentials, CodeMethod, MetaApp, NewMedia, Onboarding, PhoneAppData, Pin, WebhookOverride, WhatsAppMetaCloud,
    },
};

const NUMBER: &str = "100200300";
const ACCOUNT: &str = "900100";
const APP: &str = "800100";
const SECRET: &str = "canary app secret";
const NAME: &str = "whatsapp-meta-cloud";
const DAY: Duration = Duration::from_secs(24 * 3600);

fn start(number: Number) -> MetaCloud {
    let numbers = Settings::new().with_number(number).with_number(Number::new("100200400", "900200"));
    MetaCloud::start(numbers.with_app_id(APP).with_app_secret(SECRET).require_appsecret_proof()).unwrap()
}

fn app(meta: &MetaCloud) -> MetaApp {
    MetaApp::new(SecretRef::named("app"), SecretRef::named("verify")).with_base_url(meta.base_url()).unwrap()
}

fn onboarding(meta: &MetaCloud) -> Onboarding {
    let credentials = AppCredentials::new(APP, Secret::new(SECRET.to_owned()));
    Onboarding::new(Arc::new(ReqwestClient::new().unwrap()), Arc::new(TokioClock::new()), &app(meta), credentials)
}

/// A host with one tenant, whose clock goes with the emulator's.
struct Host {
    orchestrator: Orchestrator,
    clock: Arc<SimClock>,
    acme: TenantId,
}

impl Host {
    fn new(meta: &MetaCloud, token: &str, kind: &str) -> Self {
        let (acme, name) = (TenantId::new("acme").unwrap(), StrategyName::new(NAME).unwrap());
        let stores = Memory::new();
        let scope = SecretScope::tenant(name.clone(), acme.clone());
        stores.put_secret(&scope, "token", token);
        stores.put_secret(&scope, "app", SECRET);
        let config = json!({
            "phone_number_id": NUMBER, "waba_id": ACCOUNT, "access_token": {"secret": "token"}, "token_kind": kind, "app_id": APP,
            "app_secret": {"secret": "app"}, "health_checks_subscription": true
        });
        stores.put_tenant(&acme, &name, config);
        let strategy = WhatsAppMetaCloud::new(Arc::new(ReqwestClient::new().unwrap()), app(meta));
        let clock = Arc::new(SimClock::new());
        clock.jump_ms(i64::try_from(meta.now_ms()).unwrap() - to_ms(clock.now()));
        let orchestrator = Orchestrator::builder().strategy(strategy).stores(stores).clock(Arc::clone(&clock) as _).build().unwrap();
        Self { orchestrator, clock, acme }
    }

    async fn number(&self) -> Bound<WhatsAppMetaCloud> {
        self.orchestrator.bound(&self.acme, NAME).await.unwrap()
    }

    async fn send(&self, id: &str) -> Outcome {
        let text: OutboundMessage =
            serde_json::from_value(json!({"to": "+15551230001", "content": {"type": "text", "body": "Hi"}})).unwrap();
        self.orchestrator.send(&self.acme, NAME, id, &text).await.unwrap()
    }

    async fn health(&self) -> HealthStatus {
        self.orchestrator.health(&self.acme, NAME).await.unwrap()
    }

    fn pass(&self, meta: &MetaCloud, time: Duration) {
        meta.advance(time);
        self.clock.jump_ms(i64::try_from(time.as_millis()).unwrap());
    }
}

#[tokio::test]
async fn from_a_code_to_the_first_message() {
    let meta = start(Number::new(NUMBER, ACCOUNT).fresh());
    let onboarding = onboarding(&meta);
    let code = Secret::new(meta.issue_code(Signup::of([ACCOUNT])));
    let issued = onboarding.exchange_code(&code, None).await.unwrap();
    let info = onboarding.inspect(&issued.token).await.unwrap();
    assert_eq!((info.app_id.as_deref(), info.wabas(), info.expires_at), (Some(APP), Some(vec![ACCOUNT]), None));
    assert!(info.is_valid && info.has_scope("whatsapp_business_messaging"));
    let numbers = onboarding.phone_numbers(&issued.token, ACCOUNT, None).await.unwrap();
    assert_eq!((numbers.items.len(), numbers.items[0].id.as_str()), (1, NUMBER));
    onboarding.subscribe(&issued.token, ACCOUNT).await.unwrap();
    let again = onboarding.exchange_code(&code, None).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::ReauthorizationRequired);

    let host = Host::new(&meta, issued.token.expose(), "permanent");
    let number = host.number().await;
    let (wa, cx) = (number.strategy(), number.cx());
    assert!(matches!(host.send("early").await, Outcome::Failed(failed) if failed.error.kind() == ErrorKind::Account));
    let pin = Pin::new("123456").unwrap();
    assert_eq!(wa.register(&number, &pin, &cx).await.unwrap_err().kind(), ErrorKind::Account);
    wa.request_code(&number, CodeMethod::Sms, "en_US", &cx).await.unwrap();
    let code = Secret::new(meta.verification_code(NUMBER).unwrap());
    wa.verify_code(&number, &code, &cx).await.unwrap();
    wa.register(&number, &pin, &cx).await.unwrap();
    assert!(matches!(host.send("first").await, Outcome::Delivered(_)));
    assert_eq!(host.health().await, HealthStatus::Healthy);
    let wrong = wa.register(&number, &Pin::new("654321").unwrap(), &cx).await.unwrap_err();
    assert_eq!((wrong.kind(), wrong.provider_code()), (ErrorKind::InvalidContent, Some("133005")));
    wa.set_pin(&number, &Pin::new("654321").unwrap(), &cx).await.unwrap();
    wa.deregister(&number, &cx).await.unwrap();
    assert!(matches!(host.send("late").await, Outcome::Failed(_)));
    let journal = serde_json::to_string(&meta.journal().entries()).unwrap();
    assert!(!journal.contains(issued.token.expose()), "tokens travel in headers");
}

#[tokio::test]
async fn late_and_invented_codes_ask_for_a_new_signup() {
    let meta = start(Number::new(NUMBER, ACCOUNT));
    let onboarding = onboarding(&meta);
    let late = Secret::new(meta.issue_code(Signup::of([ACCOUNT])));
    meta.advance(Duration::from_secs(31));
    for code in [late, Secret::new("invented".to_owned())] {
        let error = onboarding.exchange_code(&code, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ReauthorizationRequired);
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
    let moved = Secret::new(meta.issue_code(Signup::of([ACCOUNT]).with_redirect_uri("https://example.org/back")));
    assert_eq!(onboarding.exchange_code(&moved, None).await.unwrap_err().kind(), ErrorKind::Config);
    onboarding.exchange_code(&moved, Some("https://example.org/back")).await.unwrap();
    let fetched = onboarding.fetch_customer_token("700100", &Secret::new(Number::new(NUMBER, ACCOUNT).token().to_owned())).await.unwrap();
    assert!(onboarding.inspect(&fetched.token).await.unwrap().is_valid);
    onboarding.revoke(&fetched.token).await.unwrap();
    assert!(!onboarding.inspect(&fetched.token).await.unwrap().is_valid);
}

#[tokio::test]
async fn a_token_is_renewed_in_time_again_and_again() {
    let meta = start(Number::new(NUMBER, ACCOUNT));
    let code = Secret::new(meta.issue_code(Signup::of([ACCOUNT]).lasting_60_days()));
    let first = onboarding(&meta).exchange_code(&code, None).await.unwrap();
    assert_eq!(first.expires_in, Some(DAY * 60));
    let host = Host::new(&meta, first.token.expose(), "renewable");
    assert!(matches!(host.send("day-0").await, Outcome::Delivered(_)));
    let mut tokens = vec![first.token.expose().clone()];
    // Half a year later it still works, although the configured token ended long ago.
    for round in 1..=7 {
        host.pass(&meta, DAY * 25);
        let outcome = host.send(&format!("round-{round}")).await;
        assert!(matches!(outcome, Outcome::Delivered(_)), "{round}: {outcome:?}");
        let number = host.number().await;
        let status = number.strategy().token(&number, &number.cx()).await;
        if tokens.last() != Some(status.token.expose()) {
            tokens.push(status.token.expose().clone());
        }
    }
    assert_eq!(tokens.len(), 4, "renewed every second time");
    assert!(!onboarding(&meta).inspect(&first.token).await.unwrap().is_valid);
    // A pause longer than the rest of the life cannot be made good.
    host.pass(&meta, DAY * 61);
    let Outcome::Failed(failed) = host.send("too-late").await else { panic!("sent") };
    assert_eq!(failed.error.kind(), ErrorKind::ReauthorizationRequired);
    assert!(matches!(host.health().await, HealthStatus::Unhealthy(_)));
}

#[tokio::test]
async fn a_revoked_token_stops_sending_and_says_so() {
    let meta = start(Number::new(NUMBER, ACCOUNT));
    let code = Secret::new(meta.issue_code(Signup::of([ACCOUNT]).lasting_60_days()));
    let first = onboarding(&meta).exchange_code(&code, None).await.unwrap();
    let host = Host::new(&meta, first.token.expose(), "renewable");
    meta.invalidate_token(first.token.expose(), 460);
    let Outcome::Failed(failed) = host.send("1").await else { panic!("sent") };
    assert_eq!(failed.error.kind(), ErrorKind::ReauthorizationRequired);
    assert!(matches!(host.health().await, HealthStatus::Unhealthy(_)));
}

#[tokio::test]
async fn files_are_stored_fetched_and_deleted() {
    let meta = start(Number::new(NUMBER, ACCOUNT).with_token("the-token"));
    let host = Host::new(&meta, "the-token", "permanent");
    let number = host.number().await;
    let (wa, cx) = (number.strategy(), number.cx());
    let file = NewMedia::new(MediaKind::Image, "image/png").with_filename("a.png").with_bytes("the bytes");
    let stored = wa.upload(&number, file, &cx).await.unwrap();
    let info = wa.media_info(&number, &stored.id, &cx).await.unwrap();
    assert_eq!((info.mime.as_deref(), info.bytes), (Some("image/png"), Some(9)));
    let fetched = wa.media(&number, &(&*stored.id).into(), &cx).await.unwrap();
    assert_eq!((&*fetched.bytes, fetched.warnings.len()), (b"the bytes".as_slice(), 0));
    wa.delete_media(&number, &stored.id, &cx).await.unwrap();
    for gone in [
        wa.media(&number, &(&*stored.id).into(), &cx).await.map(drop).unwrap_err(),
        wa.delete_media(&number, &stored.id, &cx).await.unwrap_err(),
    ] {
        assert_eq!(gone.kind(), ErrorKind::Config, "{gone}");
    }
    let foreign = meta.add_media("100200400", "image/png", "not ours");
    assert_eq!(wa.media(&number, &(&*foreign).into(), &cx).await.map(drop).unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test]
async fn subscriptions_and_the_phone_app() {
    let meta = start(Number::new(NUMBER, ACCOUNT).with_token("the-token").coexisting());
    let host = Host::new(&meta, "the-token", "permanent");
    let number = host.number().await;
    let (wa, cx) = (number.strategy(), number.cx());
    let at = WebhookOverride::new("https://example.org/hook", Secret::new("canary verify".to_owned())).unwrap();
    wa.unsubscribe(&number, &cx).await.unwrap();
    assert!(matches!(host.health().await, HealthStatus::Degraded(_)), "nothing would arrive");
    assert_eq!(wa.subscribe_at(&number, &at, &cx).await.unwrap_err().kind(), ErrorKind::InvalidContent);
    wa.subscribe(&number, &cx).await.unwrap();
    wa.subscribe_at(&number, &at, &cx).await.unwrap();
    wa.override_webhook(&number, Some(&at), &cx).await.unwrap();
    let apps = wa.subscribed_apps(&number, &cx).await.unwrap();
    assert_eq!((apps[0].id.as_str(), apps[0].override_callback_uri.as_deref()), (APP, Some("https://example.org/hook")));
    assert_eq!(wa.webhook_overrides(&number, &cx).await.unwrap().phone_number.as_deref(), Some("https://example.org/hook"));
    wa.override_webhook(&number, None, &cx).await.unwrap();
    assert_eq!(wa.webhook_overrides(&number, &cx).await.unwrap().phone_number, None);
    assert_eq!(host.health().await, HealthStatus::Healthy);
    assert_eq!(wa.phone_numbers(&number, None, &cx).await.unwrap().items[0].id, NUMBER);
    for what in [PhoneAppData::Contacts, PhoneAppData::History] {
        assert!(wa.synchronise(&number, what, &cx).await.unwrap().is_some());
        let again = wa.synchronise(&number, what, &cx).await.unwrap_err();
        assert_eq!((again.kind(), again.provider_code()), (ErrorKind::InvalidContent, Some("2593107")));
    }
}
