//! `whatsapp-meta-cloud` over real HTTP against the emulator of the Cloud API, which judges every request on its own.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "these are tests, helpers included")]

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use serde_json::{Value, json};
use zengine_connector::{
    ClientMessageId, Configure, Error, ErrorKind, InboundStrategy, Orchestrator, OutboundMessage, OutboundStrategy, Outcome, Reach,
    Receipt, Secret, SecretRef, SendError, StrategyName, TenantId,
    error::Scope,
    http::ReqwestClient,
    ids::ConfigVersion,
    runtime::TokioClock,
    store::{Memory, SecretScope},
    strategy::HealthStatus,
    testing::Contexts,
};
use zengine_strategies::{
    sandbox::{
        Fault,
        meta_cloud::{MetaCloud, Number, Settings, Template},
    },
    whatsapp_meta_cloud::{MetaApp, Tenant, WhatsAppMetaCloud, WhatsAppMetaCloudConfig},
};

const NUMBER: &str = "100200300";

struct Line {
    meta: MetaCloud,
    strategy: WhatsAppMetaCloud,
    tenant: Tenant,
    contexts: Contexts,
}

impl Line {
    async fn open(settings: Settings) -> Self {
        Self::open_with(settings, |_| {}).await
    }

    async fn open_with(settings: Settings, change: impl FnOnce(&mut WhatsAppMetaCloudConfig)) -> Self {
        let meta = MetaCloud::start(settings.with_number(Number::new(NUMBER, "900100").with_token("the-token"))).unwrap();
        let app = MetaApp::new(SecretRef::named("app"), SecretRef::named("verify")).with_base_url(meta.base_url()).unwrap();
        let strategy = WhatsAppMetaCloud::new(Arc::new(ReqwestClient::new().unwrap()), app);
        let names = (TenantId::new("acme").unwrap(), StrategyName::new("whatsapp-meta-cloud").unwrap());
        let contexts = Contexts::new(names.0, names.1, Arc::new(TokioClock::new()));
        let mut config = WhatsAppMetaCloudConfig::new(NUMBER, "900100", Secret::new("the-token".to_owned()));
        change(&mut config);
        let tenant = strategy.configure(config, &contexts.configure(ConfigVersion::new("1").unwrap())).await.unwrap();
        Self { meta, strategy, tenant, contexts }
    }

    async fn send(&self, message: &OutboundMessage) -> Result<Receipt, SendError> {
        let cx = self.contexts.attempt(ClientMessageId::new("order-17").unwrap(), NonZeroU32::MIN);
        self.strategy.send(&self.tenant, message, &cx).await
    }

    async fn health(&self) -> HealthStatus {
        self.strategy.healthcheck(&self.tenant, &self.contexts.health()).await
    }
}

fn message(content: Value) -> OutboundMessage {
    to(json!("+15551230001"), content)
}

fn to(party: Value, content: Value) -> OutboundMessage {
    serde_json::from_value(json!({"to": party, "content": content})).unwrap()
}

fn text() -> OutboundMessage {
    message(json!({"type": "text", "body": "Hello"}))
}

/// One of everything that makes a message with an id.
fn contents() -> Vec<Value> {
    let link = |kind: &str| json!({"kind": kind, "source": {"type": "url", "url": "https://example.org/file"}});
    let media = |kind: &str, more: Value| {
        let mut content = link(kind);
        content["type"] = "media".into();
        content.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        content
    };
    let interactive = |kind: &str, mut members: Value| {
        members["type"] = "interactive".into();
        members["kind"] = kind.into();
        members
    };
    let template = |components: Value| json!({"type": "template", "name": "order_ready", "language": "en_US", "components": components});
    let button = |sub_type: &str, parameters: Value| {
        template(json!([{"type": "button", "sub_type": sub_type, "index": 0, "parameters": parameters}]))
    };
    let header = |parameter: Value| template(json!([{"type": "header", "parameters": [parameter]}]));
    let picture = json!({"type": "media", "media": link("image")});
    let order = json!({
        "reference_id": "R1", "type": "digital-goods", "currency": "INR", "total_amount": {"value": 100, "offset": 100},
        "order": {
            "status": "pending", "subtotal": {"value": 100, "offset": 100},
            "items": [{"name": "Tea", "amount": {"value": 100, "offset": 100}, "quantity": 1}]
        }
    });
    let link_card = json!({"type": "link", "media": link("image"), "body": "b", "label": "Open", "url": "https://example.org"});
    let reply_card = json!({"type": "replies", "media": link("video"), "buttons": [{"id": "1", "title": "One"}]});
    let product_card = json!({"type": "product", "catalog": "C", "sku": "S"});
    vec![
        json!({"type": "text", "body": "Olá 👋", "preview_url": true}),
        media("image", json!({"caption": "c", "mime": "image/png"})),
        media("video", json!({"caption": "c"})),
        media("audio", json!({"voice": true, "mime": "audio/ogg; codecs=opus"})),
        media("document", json!({"caption": "c", "filename": "f.pdf"})),
        media("sticker", json!({})),
        json!({"type": "location", "latitude": -23.5, "longitude": -46.6, "name": "Shop", "address": "Main St"}),
        json!({"type": "contacts", "contacts": [{
            "name": {"formatted_name": "Ana", "first_name": "Ana"}, "phones": [{"value": "+15551230009", "label": "WORK", "wa_id": "15551230009"}],
            "emails": [{"value": "a@example.org"}], "urls": [{"value": "https://example.org"}], "addresses": [{"city": "X", "label": "HOME"}],
            "org": {"company": "Acme"}, "birthday": "1990-02-28"
        }]}),
        json!({"type": "reaction", "target": "wamid.IN", "emoji": "👍🏽"}),
        json!({"type": "reaction", "target": "wamid.IN"}),
        json!({"type": "native", "value": {"type": "text", "text": {"body": "raw"}}}),
        interactive(
            "buttons",
            json!({"header": picture, "body": "b", "footer": "f", "buttons": [{"id": "1", "title": "One"}, {"id": "2", "title": "Two"}]}),
        ),
        interactive(
            "list",
            json!({
                "header": {"type": "text", "text": "h"}, "body": "b", "footer": "f", "button": "Open",
                "sections": [{"title": "s", "rows": [{"id": "1", "title": "One", "description": "d"}]}, {"title": "t", "rows": [{"id": "2", "title": "Two"}]}]
            }),
        ),
        interactive("cta_url", json!({"header": picture, "body": "b", "footer": "f", "label": "Open", "url": "https://example.org"})),
        interactive("product", json!({"body": "b", "footer": "f", "catalog": "C", "sku": "S"})),
        interactive(
            "product_list",
            json!({
                "header": {"type": "text", "text": "h"}, "body": "b", "catalog": "C", "sections": [{"title": "s", "items": [{"sku": "1"}, {"sku": "2"}]}]
            }),
        ),
        interactive("catalog", json!({"body": "b", "thumbnail_sku": "S"})),
        interactive("catalog", json!({"body": "b"})),
        interactive(
            "flow",
            json!({"header": picture, "body": "b", "label": "Start", "flow_id": "F", "token": "T", "screen": "S", "data": {"a": 1}}),
        ),
        interactive("flow", json!({"body": "b", "label": "Start", "flow_name": "n", "draft": true})),
        interactive("location_request", json!({"body": "b"})),
        interactive("address_request", json!({"body": "b", "country": "IN", "parameters": {"values": {"name": "Ana"}}})),
        interactive("voice_call", json!({"body": "b", "label": "Call", "ttl_minutes": 60, "payload": "p"})),
        interactive("call_permission_request", json!({"body": "b"})),
        interactive("call_permission_request", json!({})),
        interactive("contact_info_request", json!({"body": "b"})),
        interactive("carousel", json!({"body": "b", "cards": [link_card, link_card]})),
        interactive("carousel", json!({"body": "b", "cards": [reply_card, reply_card]})),
        interactive("carousel", json!({"body": "b", "cards": [product_card, product_card]})),
        interactive("order_details", json!({"body": "b", "parameters": order})),
        interactive("order_status", json!({"body": "b", "parameters": {"reference_id": "R1", "order": {"status": "shipped"}}})),
        template(json!([])),
        header(json!({"type": "text", "text": "x"})),
        header(json!({"type": "media", "media": link("image")})),
        header(json!({"type": "media", "media": link("video")})),
        header(
            json!({"type": "media", "media": {"kind": "document", "filename": "f.pdf", "source": {"type": "url", "url": "https://example.org/f"}}}),
        ),
        header(json!({"type": "gif", "media": link("video")})),
        header(json!({"type": "location", "location": {"latitude": 1.0, "longitude": 2.0, "name": "n", "address": "a"}})),
        header(json!({"type": "product", "catalog": "C", "sku": "S"})),
        template(json!([{"type": "body", "parameters": [
            {"type": "text", "text": "A"},
            {"type": "currency", "fallback": "$1", "code": "USD", "amount_1000": 1000},
            {"type": "date_time", "fallback": "June 1"}
        ]}])),
        template(json!([{"type": "body", "parameters": [{"type": "text", "text": "Ana", "name": "first_name"}]}])),
        template(json!([{"type": "body", "parameters": [{"type": "group_id", "group_id": "G"}]}])),
        button("quick_reply", json!([{"type": "payload", "payload": "P"}])),
        button("url", json!([{"type": "text", "text": "suffix"}])),
        button("copy_code", json!([{"type": "coupon_code", "code": "SAVE20"}])),
        button("flow", json!([{"type": "action", "action": {"flow_token": "t"}}])),
        button("catalog", json!([{"type": "action", "action": {"thumbnail_product_retailer_id": "s"}}])),
        button(
            "mpm",
            json!([{"type": "action", "action": {
                "thumbnail_product_retailer_id": "s", "sections": [{"title": "t", "product_items": [{"product_retailer_id": "s"}]}]
            }}]),
        ),
        button("voice_call", json!([{"type": "ttl_minutes", "minutes": 60}, {"type": "payload", "payload": "x"}])),
        button("order_details", json!([{"type": "action", "action": {"order_details": {"reference_id": "R"}}}])),
        button("flow", json!([])),
        button("reminder", json!([])),
        template(json!([{"type": "limited_time_offer", "expires_at_ms": 1_893_456_000_000_i64}])),
        template(json!([{"type": "tap_target", "url": "https://example.org", "title": "T"}])),
        template(json!([{"type": "carousel", "cards": [{"card_index": 0, "components": [
            {"type": "header", "parameters": [{"type": "media", "media": link("image")}]},
            {"type": "body", "parameters": [{"type": "text", "text": "A"}]},
            {"type": "button", "sub_type": "quick_reply", "index": 0, "parameters": [{"type": "payload", "payload": "P"}]}
        ]}]}])),
    ]
}

#[tokio::test]
async fn every_kind_is_accepted() {
    let line = Line::open(Settings::new()).await;
    let contents = contents();
    for content in &contents {
        let receipt = line.send(&message(content.clone())).await.unwrap_or_else(|error| panic!("{content}: {error}"));
        assert!(receipt.provider_id().unwrap().as_str().starts_with("wamid."), "{content}");
    }
    assert_eq!(line.meta.journal().accepted_count(), contents.len() as u64);
}

#[tokio::test]
async fn every_kind_of_recipient_is_accepted() {
    let line = Line::open(Settings::new()).await;
    for (kind, value) in [("wa_id", "15551230001"), ("bsuid", "US.13500000000000000001"), ("group", "G1")] {
        line.send(&to(json!({"kind": kind, "value": value}), json!({"type": "text", "body": "x"}))).await.map(drop).unwrap();
    }
    let pin = json!({"type": "pin", "pin": {"type": "pin", "message_id": "wamid.1", "expiration_days": 7}});
    line.send(&to(json!({"kind": "group", "value": "G1"}), json!({"type": "native", "value": pin}))).await.map(drop).unwrap();
    line.send(&text().with_reply_to("wamid.IN")).await.map(drop).unwrap();
}

#[tokio::test]
async fn read_marks_and_typing_notices_are_accepted() {
    let line = Line::open(Settings::new()).await;
    for content in [json!({"type": "read_mark", "target": "wamid.IN"}), json!({"type": "typing", "target": "wamid.IN"})] {
        assert_eq!(line.send(&message(content)).await.unwrap().provider_id(), None);
    }
}

#[tokio::test]
async fn bytes_are_stored_and_then_sent() {
    let line = Line::open(Settings::new().known_media_only()).await;
    let source = json!({"type": "inline", "data": "aGVsbG8="});
    for (kind, mime) in [("image", "image/png"), ("document", "application/pdf"), ("audio", "audio/ogg; codecs=opus")] {
        let content = json!({"type": "media", "kind": kind, "source": source, "mime": mime, "filename": "Größe \"1\".bin"});
        line.send(&message(content)).await.map(drop).unwrap();
    }
    assert_eq!(line.meta.journal().accepted_count(), 3);
    let unknown = message(json!({"type": "media", "kind": "image", "source": {"type": "handle", "id": "404"}}));
    assert!(line.send(&unknown).await.is_err());
}

#[tokio::test]
async fn a_file_is_fetched_by_its_media_id() {
    let line = Line::open(Settings::new().with_number(Number::new("100200400", "900200"))).await;
    let id = line.meta.add_media(NUMBER, "image/png", "the bytes");
    let cx = line.contexts.event();
    assert_eq!(line.strategy.media(&line.tenant, &(&*id).into(), &cx).await.unwrap().bytes, "the bytes");
    let foreign = line.meta.add_media("100200400", "image/png", "not ours");
    assert_eq!(line.strategy.media(&line.tenant, &(&*foreign).into(), &cx).await.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test]
async fn an_app_that_wants_proof_gets_it() {
    let settings = || Settings::new().with_app_secret("app secret").require_appsecret_proof();
    let line = Line::open(settings()).await;
    assert_eq!(line.send(&text()).await.unwrap_err().kind(), ErrorKind::Config);
    let line = Line::open_with(settings(), |config| config.app_secret = Some(Secret::new("app secret".to_owned()))).await;
    line.send(&text()).await.map(drop).unwrap();
    assert_eq!(line.health().await, HealthStatus::Healthy);
    let shown = format!("{:?} {:?}", line.tenant, line.strategy);
    assert!(!shown.contains("app secret"), "{shown}");
}

#[tokio::test]
async fn refusals_are_what_the_provider_says() {
    let line = Line::open(Settings::new().with_template(Template::new("gone", "en_US").paused())).await;
    let table = [
        (Fault::throttle(), ErrorKind::RateLimited, Reach::NotSent, Some(Scope::Sender)),
        (Fault::code(131_056), ErrorKind::RateLimited, Reach::NotSent, Some(Scope::Recipient)),
        (Fault::code(131_047), ErrorKind::WindowClosed, Reach::Processed, None),
        (Fault::code(131_026), ErrorKind::InvalidRecipient, Reach::Processed, None),
        (Fault::code(131_000), ErrorKind::Unavailable, Reach::Maybe, None),
        (Fault::code(134_102), ErrorKind::Template, Reach::Processed, None),
        (Fault::html(502), ErrorKind::Unavailable, Reach::Maybe, None),
    ];
    for (fault, kind, reach, scope) in table {
        line.meta.fail_next(fault);
        let error = line.send(&text()).await.unwrap_err();
        assert_eq!((error.kind(), error.reach(), error.scope()), (kind, reach, scope), "{error}");
    }
    let paused = message(json!({"type": "template", "name": "gone", "language": "en_US"}));
    assert_eq!(line.send(&paused).await.unwrap_err().kind(), ErrorKind::Template);
    assert_eq!(line.meta.journal().accepted_count(), 0);
}

#[tokio::test]
async fn lost_answers_may_have_been_sent_and_refused_connections_were_not() {
    let line = Line::open_with(Settings::new(), |config| config.send_timeout_ms = 500).await;
    for fault in [Fault::hang_after_accepting(), Fault::reset_after_accepting(), Fault::cut_body()] {
        line.meta.fail_next(fault);
        let error = line.send(&text()).await.unwrap_err();
        assert_eq!(error.reach(), Reach::Maybe, "{error}");
    }
    assert_eq!(line.meta.journal().accepted_count(), 3);
    line.meta.refuse_connections().await.unwrap();
    let error = line.send(&text()).await.unwrap_err();
    assert_eq!((error.kind(), error.reach()), (ErrorKind::Unavailable, Reach::NotSent));
}

#[tokio::test]
async fn a_rotated_token_is_an_authorisation_error() {
    let line = Line::open(Settings::new()).await;
    line.meta.set_token(NUMBER, "another-token");
    let error = line.send(&text()).await.unwrap_err();
    assert_eq!((error.kind(), error.reach()), (ErrorKind::Unauthorized, Reach::Processed));
    assert!(matches!(line.health().await, HealthStatus::Unhealthy(_)));
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("the-token") && !shown.contains("15551230001"), "{shown}");
}

#[tokio::test]
async fn health_follows_the_node() {
    let line = Line::open(Settings::new()).await;
    assert_eq!(line.health().await, HealthStatus::Healthy);
    line.meta.set_node_field(NUMBER, "quality_rating", "RED");
    assert!(matches!(line.health().await, HealthStatus::Degraded(_)));
    line.meta.set_node_field(NUMBER, "status", "BANNED");
    assert!(matches!(line.health().await, HealthStatus::Unhealthy(_)));
    line.meta.refuse_connections().await.unwrap();
    assert!(matches!(line.health().await, HealthStatus::Unhealthy(_)));
    assert_eq!(line.meta.journal().accepted_count(), 0);
}

#[tokio::test]
async fn the_reference_comes_back_in_the_statuses() {
    let line = Line::open(Settings::new()).await;
    line.send(&text()).await.map(drop).unwrap();
    let entries = line.meta.journal().entries();
    let reference = entries.last().unwrap().body["biz_opaque_callback_data"].as_str().unwrap().to_owned();
    let cx = line.contexts.send(ClientMessageId::new("order-17").unwrap());
    assert_eq!(reference, cx.provider_key().as_str());
    assert!(reference.len() <= 512 && cx.remaining() > Duration::ZERO);
}

/// The same number behind an orchestrator.
fn host(meta: &MetaCloud) -> (Orchestrator, Memory, TenantId) {
    let (acme, name) = (TenantId::new("acme").unwrap(), StrategyName::new("whatsapp-meta-cloud").unwrap());
    let stores = Memory::new();
    stores.put_secret(&SecretScope::tenant(name.clone(), acme.clone()), "token", "the-token");
    let config = json!({"phone_number_id": NUMBER, "waba_id": "900100", "access_token": {"secret": "token"}});
    stores.put_tenant(&acme, &name, config);
    let app = MetaApp::new(SecretRef::named("app"), SecretRef::named("verify")).with_base_url(meta.base_url()).unwrap();
    let strategy = WhatsAppMetaCloud::new(Arc::new(ReqwestClient::new().unwrap()), app);
    (Orchestrator::builder().strategy(strategy).stores(stores.clone()).build().unwrap(), stores, acme)
}

async fn send_as(host: &Orchestrator, tenant: &TenantId, id: &str, message: &OutboundMessage) -> Result<Outcome, Error> {
    host.send(tenant, "whatsapp-meta-cloud", id, message).await
}

#[tokio::test]
async fn what_breaks_a_limit_of_the_strategy_takes_no_claim() {
    let meta = MetaCloud::start(Settings::new().with_number(Number::new(NUMBER, "900100").with_token("the-token"))).unwrap();
    let (host, stores, acme) = host(&meta);
    let wrong = json!({"type": "interactive", "kind": "cta_url", "body": "b", "label": "x".repeat(21), "url": "https://example.org"});
    let error = send_as(&host, &acme, "1", &message(wrong)).await.unwrap_err();
    assert_eq!((error.kind(), error.violations()[0].pointer.as_str()), (ErrorKind::MessageInvalid, "/content/label"));
    assert_eq!((error.violations()[0].limit, error.violations()[0].actual), (Some(20), Some(21)));
    assert!(stores.claim_count() == 0 && stores.dead_letter_count() == 0);
    // The id is free for the mended message.
    let mended = json!({"type": "interactive", "kind": "cta_url", "body": "b", "label": "Open", "url": "https://example.org"});
    assert!(matches!(send_as(&host, &acme, "1", &message(mended)).await.unwrap(), Outcome::Delivered(_)));
}

#[tokio::test]
async fn a_tenants_secrets_are_resolved_and_a_literal_is_refused() {
    let number = Number::new(NUMBER, "900100").with_token("the-token");
    let meta = MetaCloud::start(Settings::new().with_number(number).with_app_secret("app secret").require_appsecret_proof()).unwrap();
    let name = StrategyName::new("whatsapp-meta-cloud").unwrap();
    let with_secret = |secret: Value| {
        let (host, stores, acme) = host(&meta);
        stores.put_secret(&SecretScope::tenant(name.clone(), acme.clone()), "proof", "app secret");
        let config = json!({"phone_number_id": NUMBER, "waba_id": "900100", "access_token": {"secret": "token"}, "app_secret": secret});
        stores.put_tenant(&acme, &name, config);
        (host, acme)
    };
    let (host, acme) = with_secret(json!({"secret": "proof"}));
    assert!(matches!(send_as(&host, &acme, "1", &text()).await.unwrap(), Outcome::Delivered(_)));
    let (host, acme) = with_secret(json!("app secret"));
    let refused = send_as(&host, &acme, "1", &text()).await;
    let shown = format!("{refused:?}");
    assert!(!matches!(refused, Ok(Outcome::Delivered(_))) && !shown.contains("app secret"), "{shown}");
}

#[tokio::test]
async fn r7_what_may_have_been_sent_is_sent_once() {
    let meta = MetaCloud::start(Settings::new().with_number(Number::new(NUMBER, "900100").with_token("the-token"))).unwrap();
    let (host, stores, acme) = host(&meta);
    for (n, code) in [131_000, 131_016, 2, 133_004].into_iter().enumerate() {
        meta.fail_next(Fault::code(code).accepting());
        let outcome = send_as(&host, &acme, &n.to_string(), &text()).await.unwrap();
        assert!(matches!(outcome, Outcome::Unknown(_)), "{code}: {outcome:?}");
        assert_eq!(meta.journal().request_count(), n as u64 + 1, "{code}");
    }
    meta.fail_next(Fault::code(131_047));
    let outcome = send_as(&host, &acme, "late", &text()).await.unwrap();
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    assert_eq!(stores.dead_letter_count(), 5);
}

#[tokio::test]
async fn r7_what_was_surely_not_accepted_is_sent_again() {
    let meta = MetaCloud::start(Settings::new().with_number(Number::new(NUMBER, "900100").with_token("the-token"))).unwrap();
    let (host, _, acme) = host(&meta);
    meta.fail_next(Fault::code(130_429));
    let outcome = send_as(&host, &acme, "1", &text()).await.unwrap();
    assert!(matches!(&outcome, Outcome::Delivered(end) if end.attempts == 2), "{outcome:?}");
    assert_eq!((meta.journal().request_count(), meta.journal().accepted_count()), (2, 1));
}

#[tokio::test]
async fn r1_success_means_accepted_and_not_delivered() {
    let meta = MetaCloud::start(Settings::new().with_number(Number::new(NUMBER, "900100").with_token("the-token"))).unwrap();
    let (host, stores, acme) = host(&meta);
    // Meta takes it, and will say by webhook that it cannot be delivered.
    meta.fail_next(Fault::undeliverable(131_026));
    let Outcome::Delivered(accepted) = send_as(&host, &acme, "1", &text()).await.unwrap() else { panic!("it was accepted") };
    let id = accepted.provider_id().unwrap().as_str();
    assert_eq!(meta.journal().accepted()[0].message_id.as_deref(), Some(id));
    assert!(stores.dead_letter_count() == 0);
}
