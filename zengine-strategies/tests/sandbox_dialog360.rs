//! `whatsapp-360dialog` over real HTTP against the emulator of 360dialog, which judges every request on its own.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "these are tests, helpers included")]

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use zengine_connector::error::Scope;
use zengine_connector::http::{CallOptions, ReqwestClient};
use zengine_connector::ids::ConfigVersion;
use zengine_connector::message::MediaKind;
use zengine_connector::registry::TenantSetup;
use zengine_connector::runtime::TokioClock;
use zengine_connector::store::Memory;
use zengine_connector::strategy::HealthStatus;
use zengine_connector::testing::Contexts;
use zengine_connector::{
    ClientMessageId, Configure, ErrorKind, HttpClient, Identity, InboundEvent, InboundStrategy, Orchestrator, OutboundMessage,
    OutboundStrategy, Outcome, Reach, Receipt, Secret, SendError, StrategyName, TenantId,
};
use zengine_strategies::sandbox::dialog360::{Dialog360Api, Inbound, Number, Settings, Webhooks};
use zengine_strategies::sandbox::{Fault, WebhookFault};
use zengine_strategies::whatsapp_360dialog::{
    Dialog360, NewMedia, Tenant, WebhookScope, WebhookState, WebhookTarget, WhatsApp360Dialog, WhatsApp360DialogConfig,
};

const NAME: &str = "whatsapp-360dialog";
const NUMBER: &str = "100200300";
const OTHER: &str = "100200400";
const KEY: &str = "canary-key";
const HEADER: &str = "Bearer canary-header";
const URL: &str = "https://hooks.example.org/webhooks/whatsapp-360dialog";

/// Two numbers of one account.
fn settings() -> Settings {
    let number = |id: &str| Number::new(id, "900100");
    Settings::new().with_number(number(NUMBER).with_token(KEY)).with_number(number(OTHER)).with_webhooks(Webhooks::off())
}

struct Line {
    api: Dialog360Api,
    strategy: WhatsApp360Dialog,
    tenant: Tenant,
    contexts: Contexts,
}

impl Line {
    async fn open(settings: Settings) -> Self {
        Self::open_with(settings, |_| {}).await
    }

    async fn open_with(settings: Settings, change: impl FnOnce(&mut WhatsApp360DialogConfig)) -> Self {
        let api = Dialog360Api::start(settings).unwrap();
        let strategy =
            WhatsApp360Dialog::new(Arc::new(ReqwestClient::new().unwrap()), Dialog360::new().with_base_url(api.base_url()).unwrap());
        let contexts = Contexts::new(TenantId::new("acme").unwrap(), StrategyName::new(NAME).unwrap(), Arc::new(TokioClock::new()));
        let mut config = WhatsApp360DialogConfig::new(Secret::new(KEY.to_owned()));
        change(&mut config);
        let tenant = strategy.configure(config, &contexts.configure(ConfigVersion::new("1").unwrap())).await.unwrap();
        Self { api, strategy, tenant, contexts }
    }

    async fn send(&self, message: &OutboundMessage) -> Result<Receipt, SendError> {
        let cx = self.contexts.attempt(ClientMessageId::new("order-17").unwrap(), NonZeroU32::MIN);
        self.strategy.send(&self.tenant, message, &cx).await
    }

    async fn health(&self) -> HealthStatus {
        self.strategy.healthcheck(&self.tenant, &self.contexts.health()).await
    }

    async fn register(&self, scope: WebhookScope) -> WebhookState {
        let target = WebhookTarget::new(URL).with_header("Authorization", Secret::new(HEADER.to_owned()));
        self.strategy.set_webhook(&self.tenant, scope, &target, &self.contexts.event()).await.unwrap()
    }

    async fn registered(&self, scope: WebhookScope) -> Option<String> {
        let found = self.strategy.webhook(&self.tenant, scope, &self.contexts.event()).await.unwrap();
        found.and_then(|found| found.url)
    }

    /// Calls the emulator past the strategy.
    async fn call(&self, method: Method, path: &str, key: Option<&str>, body: Value) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.api.base_url()));
        request = key.into_iter().fold(request, |request, key| request.header("D360-API-KEY", key));
        let request = request.header("content-type", "application/json").body(Bytes::from(body.to_string())).unwrap();
        let response: Response<Bytes> = ReqwestClient::new().unwrap().call(request, CallOptions::DEFAULT).await.unwrap();
        (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, Some(KEY), Value::Null).await
    }
}

fn text() -> OutboundMessage {
    OutboundMessage::text(Identity::phone("+15551230001").unwrap(), "Hello")
}

fn message(content: Value) -> OutboundMessage {
    serde_json::from_value(json!({"to": "+15551230001", "content": content})).unwrap()
}

#[tokio::test]
async fn messages_are_accepted_at_both_paths_by_the_key_alone() {
    for path in ["/messages", "/v1/messages"] {
        let line = Line::open_with(settings(), |config| config.messages_path = Some(path.to_owned())).await;
        let template = json!({"type": "template", "name": "order_ready", "language": "en_US"});
        for message in [text(), message(template)] {
            assert!(line.send(&message).await.unwrap().provider_id().unwrap().as_str().starts_with("wamid."));
        }
        let mark = line.send(&message(json!({"type": "read_mark", "target": "wamid.IN"}))).await.unwrap();
        assert_eq!(mark.provider_id(), None);
        let entries = line.api.journal().entries();
        let statuses: Vec<_> = entries.iter().map(|entry| entry.status).collect();
        let success = if path == "/messages" { 200 } else { 201 };
        assert_eq!((line.api.journal().accepted_count(), statuses), (2, vec![success; 3]));
        assert!(entries.iter().all(|entry| entry.path == path && entry.sender.as_deref() == Some(NUMBER)));
    }
}

#[tokio::test]
async fn a_repetition_is_accepted_as_another_message() {
    let line = Line::open(settings()).await;
    let ids = [line.send(&text()).await.unwrap(), line.send(&text()).await.unwrap()];
    assert_ne!(ids[0].provider_id(), ids[1].provider_id());
    assert_eq!(line.api.journal().accepted_count(), 2);
}

#[tokio::test]
async fn a_request_without_a_known_key_is_401_whatever_its_path() {
    let line = Line::open(settings()).await;
    let sample = json!({"meta": {"success": false, "httpCode": 404, "developerMessage": "Invalid api_key"}});
    for key in [None, Some("another-key"), Some("")] {
        for (method, path) in [(Method::POST, "/messages"), (Method::GET, "/health_status"), (Method::GET, "/anything")] {
            assert_eq!(line.call(method, path, key, json!({})).await, (401, sample.clone()), "{path}");
        }
    }
    assert_eq!(line.get("/v25.0/100200300/messages").await.0, 403);
    assert_eq!(line.get("/messages").await.0, 405);
    assert!(line.api.set_key(NUMBER, "a-new-key"));
    let error = line.send(&text()).await.unwrap_err();
    assert_eq!((error.kind(), error.reach()), (ErrorKind::Unauthorized, Reach::Processed));
    assert!(matches!(line.health().await, HealthStatus::Unhealthy(_)));
    let journal = format!("{:?}", line.api.journal().entries());
    assert!(!journal.contains(KEY) && !journal.contains("a-new-key"), "{journal}");
}

#[tokio::test]
async fn refusals_and_losses_are_what_they_are_at_the_provider() {
    let line = Line::open_with(settings(), |config| config.send_timeout_ms = 500).await;
    let table = [
        (Fault::throttle(), ErrorKind::RateLimited, Reach::NotSent, Some(Scope::Sender)),
        (Fault::code(131_047), ErrorKind::WindowClosed, Reach::Processed, None),
        (Fault::html(502), ErrorKind::Unavailable, Reach::Maybe, None),
        (Fault::hang_after_accepting(), ErrorKind::Timeout, Reach::Maybe, None),
    ];
    for (fault, kind, reach, scope) in table {
        line.api.fail_next(fault.for_sender(NUMBER));
        let error = line.send(&text()).await.unwrap_err();
        assert_eq!((error.kind(), error.reach(), error.scope()), (kind, reach, scope), "{error}");
    }
    assert_eq!((line.api.waiting_faults(), line.api.journal().accepted_count()), (0, 1));
}

#[tokio::test]
async fn a_file_is_stored_sent_fetched_from_the_apis_host_and_deleted() {
    let line = Line::open(settings().known_media_only()).await;
    let cx = line.contexts.event();
    let stored =
        line.strategy.upload(&line.tenant, NewMedia::new(MediaKind::Image, "image/png").with_bytes("the bytes"), &cx).await.unwrap();
    let handle = json!({"type": "media", "kind": "image", "source": {"type": "handle", "id": stored.id}});
    line.send(&message(handle)).await.map(drop).unwrap();
    let info = line.get(&format!("/{}", stored.id)).await.1;
    let (host, path) = info["url"].as_str().unwrap().split_at("https://lookaside.fbsbx.com".len());
    assert_eq!(host, "https://lookaside.fbsbx.com");
    for key in [None, Some("another-key")] {
        assert_eq!(line.call(Method::GET, path, key, Value::Null).await.0, 401);
    }
    assert_eq!(line.call(Method::GET, path, Some(&format!("sandbox-token-{OTHER}")), Value::Null).await.0, 404);
    assert_eq!(line.strategy.media(&line.tenant, &(&*stored.id).into(), &cx).await.unwrap().bytes, "the bytes");
    line.api.advance(Duration::from_secs(301));
    assert_eq!(line.get(path).await.0, 404, "an address is valid for five minutes");
    let foreign = line.api.add_media(OTHER, "image/png", "not ours");
    assert!(line.strategy.media(&line.tenant, &(&*foreign).into(), &cx).await.is_err());
    line.strategy.delete_media(&line.tenant, &stored.id, &cx).await.unwrap();
    assert!(line.strategy.media_info(&line.tenant, &stored.id, &cx).await.is_err());
}

#[tokio::test]
async fn the_strategy_stops_looking_up_before_the_penalty_comes() {
    let line = Line::open(settings()).await;
    let (known, cx) = (line.api.add_media(NUMBER, "image/png", "the bytes"), line.contexts.event());
    for _ in 0..30 {
        let error = line.strategy.media_info(&line.tenant, "404", &cx).await.unwrap_err();
        assert!(error.kind() != ErrorKind::RateLimited, "{error}");
    }
    assert_eq!(line.get(&format!("/{known}")).await.0, 200);
    // What a client without such a guard gets.
    for _ in 0..20 {
        line.get("/404").await;
    }
    let blocked = (400, json!({"error": "You have exceeded the endpoint rate limit."}));
    assert_eq!(line.get(&format!("/{known}")).await, blocked);
    line.api.advance(Duration::from_secs(29 * 60));
    assert_eq!(line.get(&format!("/{known}")).await, blocked);
    line.api.advance(Duration::from_secs(61));
    assert_eq!(line.get(&format!("/{known}")).await.0, 200);
}

#[tokio::test]
async fn the_webhook_of_an_account_is_pending_until_it_is_in_use() {
    let line = Line::open(settings()).await;
    let scope = WebhookScope::Account { replace_numbers: false };
    assert_eq!(line.registered(scope).await, None);
    assert_eq!(line.register(scope).await, WebhookState::Pending);
    assert_eq!(line.registered(scope).await, None);
    line.api.advance(Duration::from_secs(21));
    assert_eq!(line.registered(scope).await.as_deref(), Some(URL));
    let WebhookState::Confirmed(found) = line.register(scope).await else { panic!("it names the same address") };
    assert_eq!((found.header_names, found.numbers.len()), (vec!["Authorization".to_owned()], 2));
}

#[tokio::test]
async fn the_webhook_of_a_number_is_confirmed_at_once_and_a_new_key_clears_it() {
    let line = Line::open(settings()).await;
    assert_eq!(line.get("/v1/configs/webhook").await.0, 404);
    assert!(matches!(line.register(WebhookScope::Number).await, WebhookState::Confirmed(_)));
    assert_eq!(line.registered(WebhookScope::Number).await.as_deref(), Some(URL));
    for body in [json!({"url": "http://example.org/"}), json!({"url": "https://example.org:8443/"}), json!({"headers": {}}), json!([])] {
        let (status, answer) = line.call(Method::POST, "/v1/configs/webhook", Some(KEY), body).await;
        assert_eq!((status, &answer["meta"]["http_code"]), (400, &json!(400)));
    }
    assert!(!format!("{:?}", line.api.journal().entries()).contains(HEADER));
    line.api.set_key(NUMBER, "a-new-key");
    let (status, answer) = line.call(Method::GET, "/v1/configs/webhook", Some("a-new-key"), Value::Null).await;
    assert_eq!((status, &answer["meta"]["success"]), (404, &json!(false)));
}

#[tokio::test]
async fn an_account_can_replace_the_webhooks_of_its_numbers() {
    let line = Line::open(settings()).await;
    line.register(WebhookScope::Number).await;
    line.register(WebhookScope::Account { replace_numbers: true }).await;
    assert!(line.registered(WebhookScope::Number).await.is_some());
    line.api.advance(Duration::from_secs(21));
    assert_eq!(line.registered(WebhookScope::Number).await, None);
}

#[tokio::test]
async fn health_follows_the_number() {
    let line = Line::open_with(settings(), |config| config.phone_number_id = Some(NUMBER.to_owned())).await;
    assert_eq!(line.health().await, HealthStatus::Healthy);
    line.api.set_node_field(NUMBER, "health_status", json!({"can_send_message": "BLOCKED", "entities": []}));
    assert!(matches!(line.health().await, HealthStatus::Unhealthy(_)));
    assert_eq!(line.get("/health_status?fields=id").await, (200, json!({"id": NUMBER})));
    assert_eq!(line.get("/health_status?fields=quality_rating").await.0, 400);
}

/// A host with the number, whose webhooks the emulator posts over loopback.
struct Host {
    orchestrator: Orchestrator,
    seen: Arc<Mutex<Vec<InboundEvent>>>,
}

impl Host {
    async fn open(api: &Dialog360Api) -> Self {
        let seen = Arc::new(Mutex::new(vec![]));
        let keep = Arc::clone(&seen);
        let settings = Dialog360::new().with_base_url(api.base_url()).unwrap();
        let strategy = WhatsApp360Dialog::new(Arc::new(ReqwestClient::new().unwrap()), settings);
        let builder = Orchestrator::builder().strategy(strategy).stores(Memory::new()).on_event(move |event| {
            keep.lock().unwrap().push(event);
            std::future::ready(Ok(()))
        });
        let orchestrator = builder.build().unwrap();
        let header = json!({"name": "Authorization", "value": {"secret": "header"}});
        let config = json!({
            "api_key": {"secret": "key"}, "phone_number_id": NUMBER, "waba_id": "900100",
            "webhook_header": header, "platform_secrets": [{"secret": "platform"}], "signature": "required"
        });
        let acme = TenantSetup::new("acme").strategy(NAME, config);
        orchestrator.set_up(acme.secret("key", KEY).secret("header", HEADER).secret("platform", "platform-secret")).await.unwrap();
        let host = Self { orchestrator, seen };
        api.set_callback(host.listen().await);
        host
    }

    async fn listen(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let orchestrator = self.orchestrator.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let orchestrator = orchestrator.clone();
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let orchestrator = orchestrator.clone();
                    async move {
                        let (mut head, body) = request.into_parts();
                        // What follows the host's own path is the provider's.
                        assert_eq!(head.uri.path(), format!("/webhooks/{NAME}"));
                        head.uri = "/".parse().unwrap();
                        let body = body.collect().await.unwrap().to_bytes();
                        let response = orchestrator.serve(NAME, Request::from_parts(head, body)).await;
                        Ok::<_, Infallible>(response.map(Full::new))
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        format!("http://{address}/webhooks/{NAME}")
    }

    fn kinds(&self) -> Vec<String> {
        let kind = |event: InboundEvent| serde_json::to_value(event).unwrap()["type"].as_str().unwrap_or_default().to_owned();
        self.seen.lock().unwrap().drain(..).map(kind).collect()
    }
}

fn inbound() -> Inbound {
    Inbound::text("15551230001", "Hi!")
}

#[tokio::test]
async fn a_webhook_is_taken_by_the_registered_header_and_the_signature_together() {
    let once = Webhooks::off().with_redelivery([]);
    let api = Dialog360Api::start(settings().with_platform_secret("platform-secret").with_webhooks(once)).unwrap();
    let host = Host::open(&api).await;
    // Nothing is registered: no header, so the signature alone does not do.
    assert_eq!(api.send_inbound(NUMBER, inbound()).await.status, Some(401));
    let tenant = host.orchestrator.bound::<WhatsApp360Dialog>(&TenantId::new("acme").unwrap(), NAME).await.unwrap();
    let target = WebhookTarget::new(URL).with_header("Authorization", Secret::new(HEADER.to_owned()));
    let state = tenant.strategy().set_webhook(&tenant, WebhookScope::Number, &target, &tenant.cx()).await.unwrap();
    assert!(matches!(state, WebhookState::Confirmed(_)));
    let delivery = api.send_inbound(NUMBER, inbound()).await;
    assert!(delivery.is_delivered(), "{delivery:?} {:?}", api.deliveries());
    for fault in [WebhookFault::wrong_signature(), WebhookFault::unsigned(), WebhookFault::corrupt()] {
        api.disturb_next(fault);
        assert_eq!(api.send_inbound(NUMBER, inbound()).await.status, Some(401));
    }
    // The other number has no registration of its own, so it goes out without the header.
    assert!(!api.send_inbound(OTHER, inbound()).await.is_delivered());
    assert_eq!(host.kinds(), ["message"]);
}

#[tokio::test]
async fn what_is_sent_comes_back_as_statuses_and_a_lost_answer_is_a_repetition() {
    let statuses = [("sent", Duration::ZERO), ("delivered", Duration::ZERO)];
    let webhooks = Webhooks::new().with_statuses(statuses).with_redelivery([Duration::ZERO]);
    let settings = settings().with_platform_secret("platform-secret").with_webhook_header("Authorization", HEADER).with_webhooks(webhooks);
    let api = Dialog360Api::start(settings).unwrap();
    let host = Host::open(&api).await;
    let outcome = host.orchestrator.send("acme", NAME, "order-17", &text()).await.unwrap();
    assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
    api.settle().await;
    assert_eq!(host.kinds(), ["status", "status"], "{:?}", api.deliveries());
    api.disturb_next(WebhookFault::ignore_answer());
    assert_eq!(api.send_inbound(NUMBER, inbound()).await.attempts, 2);
    assert_eq!(host.kinds(), ["message"]);
}
