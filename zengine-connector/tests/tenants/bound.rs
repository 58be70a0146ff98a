//! `bound`, health and media.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use zengine_connector::{
    Configure, ConfigureContext, Error, ErrorKind, InboundEvent, Memory, Orchestrator, OutboundMessage, OutboundStrategy, Receipt, Secret,
    SendContext, SendError, Strategy,
    keyring::{Key, StaticKeyRing},
    message::{Media, MediaKind, MediaSource, Message},
    runtime::{Clock as _, to_ms},
    store::NewFile,
    strategy::{HealthStatus, MediaRequest},
};

use crate::{
    host::{Acme, AcmeConfig, Host, id},
    log::Log,
};

/// Another type, never registered.
#[derive(Strategy)]
#[strategy(name = "acme", channel = WhatsApp, config = AcmeConfig, outbound = OutboundMessage)]
struct Another;

impl Configure<AcmeConfig> for Another {
    type Tenant = ();

    async fn configure(&self, _: AcmeConfig, _: &ConfigureContext) -> Result<(), Error> {
        Ok(())
    }
}

impl OutboundStrategy<AcmeConfig, OutboundMessage> for Another {
    async fn send(&self, (): &(), message: &OutboundMessage, _: &SendContext) -> Result<Receipt, SendError> {
        let _ = message.effect();
        Ok(Receipt::unnumbered())
    }
}

#[tokio::test(start_paused = true)]
async fn the_typed_door_gives_strategy_tenant_and_a_context() {
    let host = Host::new();
    let bound = host.bind("acme").await.unwrap();
    assert_eq!(bound.strategy().configured.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert_eq!((bound.token.expose().as_str(), bound.tenant().serial, bound.tenant_id().as_str()), ("canary-token", 0, "acme"));
    let cx = bound.cx();
    assert_eq!((cx.remaining(), cx.tenant().as_str(), cx.strategy().as_str()), (Duration::from_secs(30), "acme", "acme"));
    cx.sessions().put("k", &1_u32, None, Duration::from_secs(60)).await.unwrap();
    assert_eq!(bound.health_cx().sessions().get::<u32>("k").await.unwrap().unwrap().value, 1);
    assert_eq!(bound.cx_within(Duration::from_secs(5)).remaining(), Duration::from_secs(5));
    assert!(bound.cx_within(Duration::MAX).remaining() > Duration::from_secs(86_400));
    assert!(!format!("{bound:?}").contains("canary"));
}

#[tokio::test(start_paused = true)]
async fn a_method_of_a_strategy_waits_within_the_callers_time_only() {
    let host = Host::new();
    let bound = host.bind("acme").await.unwrap();
    let cx = bound.cx_within(Duration::from_secs(5));
    let mut asked = 0;
    while cx.sleep(Duration::from_secs(2)).await {
        asked += 1;
    }
    assert_eq!((asked, cx.remaining()), (2, Duration::from_secs(1)), "what does not fit is not waited for at all");
    assert!(!cx.sleep(Duration::from_secs(1)).await && cx.sleep(Duration::from_millis(999)).await);
    assert!(cx.sleep(Duration::ZERO).await && !cx.sleep(Duration::MAX).await);
}

#[tokio::test(start_paused = true)]
async fn the_typed_door_refuses_another_type_and_another_name() {
    let host = Host::new();
    let error = host.orchestrator.bound::<Another>(&id("acme"), "acme").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Settings);
    assert!(error.context("actual").unwrap().ends_with("Acme") && error.context("expected").unwrap().ends_with("Another"));
    let error = host.orchestrator.bound::<Acme>(&id("acme"), "acmee").await.unwrap_err();
    assert_eq!((error.kind(), error.context("did_you_mean")), (ErrorKind::UnknownStrategy, Some("acme")));
    assert!(error.to_string().contains("strategy=acmee, known=acme"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_health_check_may_answer_hang_or_panic() {
    let host = Host::new();
    assert_eq!(host.orchestrator.health(&id("acme"), "acme").await.unwrap(), HealthStatus::Healthy);
    for (tenant, mode) in [("h", "hang"), ("p", "panic")] {
        host.shared("token", "x");
        host.config(tenant, json!({ "id": "a", "token": { "secret": "token" }, "mode": mode }));
    }
    assert!(matches!(host.orchestrator.health(&id("h"), "acme").await.unwrap(), HealthStatus::Inconclusive(_)));
    assert_eq!(host.orchestrator.health(&id("p"), "acme").await.unwrap_err().kind(), ErrorKind::Unexpected);
    assert_eq!(host.orchestrator.health(&id("nobody"), "acme").await.unwrap_err().kind(), ErrorKind::UnknownTenant);
}

fn event(tenant: &str) -> InboundEvent {
    let json = json!({
        "v": 1, "type": "unknown", "provider_type": "x", "id": "1", "tenant": tenant, "strategy": "acme", "channel": "whatsapp",
        "occurred_at_ms": 0, "received_at_ms": 0, "dedupe_key": "0".repeat(32), "from": { "ids": [] }, "raw": {}
    });
    serde_json::from_value(json).unwrap()
}

/// The strategy of these tests looks at neither.
#[tokio::test(start_paused = true)]
async fn the_core_compares_size_and_digest_of_a_file_that_was_fetched() {
    let host = Host::new();
    let photo = |digest: &str| {
        let mut photo = Media::handle(MediaKind::Image, "photo").with_mime("image/png");
        photo.sha256 = Some(digest.to_owned());
        MediaRequest::of(&photo).unwrap()
    };
    let (own, other) = ("33jcfySnBMLLD+gE3ILooba2E0KEfAqhQEm2lkaigio=", "0000000000000000000000000000000000000000000000000000000000000000");
    let file = host.orchestrator.media(&event("acme"), photo(own).with_max_bytes(13)).await.unwrap();
    assert_eq!((&*file.bytes, file.mime.as_deref()), (b"photo of acme".as_slice(), Some("image/png")));
    let error = host.orchestrator.media(&event("acme"), photo(other)).await.unwrap_err();
    assert_eq!((error.kind(), error.context("strategy")), (ErrorKind::Protocol, Some("acme")));
    let error = host.orchestrator.media(&event("acme"), photo(own).with_max_bytes(12)).await.unwrap_err();
    assert_eq!((error.kind(), error.context("limit"), error.context("actual")), (ErrorKind::Media, Some("12"), Some("13")));
}

#[tokio::test(start_paused = true)]
async fn a_file_of_an_event_is_kept_to_be_sent_on_another_channel() {
    let host = Host::new();
    let photo = Media::handle(MediaKind::Image, "photo").with_mime("image/png").with_filename("me.png").with_caption("Look");
    let kept = host.orchestrator.keep_media(&event("acme"), &photo, Duration::from_secs(60)).await.unwrap();
    let MediaSource::Store { key } = &kept.source else { panic!("not stored") };
    let facts = (kept.kind, kept.mime.as_deref(), kept.filename.as_deref(), kept.caption.as_deref(), kept.bytes);
    assert_eq!(facts, (MediaKind::Image, Some("image/png"), Some("me.png"), Some("Look"), Some(13)));
    let (files, now) = (host.memory.media(), 0);
    assert_eq!(files.get(&id("acme"), key, 0..100, now).await.unwrap().unwrap(), "photo of acme");
    assert_eq!(files.info(&id("acme"), key, now).await.unwrap().unwrap().name.as_deref(), Some("me.png"));
    assert!(files.info(&id("other"), key, now).await.unwrap().is_none());

    // Kept again it is not fetched, stays the same, and ends at the later time.
    host.config("acme", json!({ "id": "a", "token": { "secret": "token" }, "mode": "panic" }));
    host.orchestrator.invalidate("acme").await.unwrap();
    assert_eq!(host.orchestrator.keep_media(&event("acme"), &photo, Duration::from_secs(90)).await.unwrap(), kept);
    let ends = files.info(&id("acme"), key, now).await.unwrap().unwrap().expires_at_ms;
    assert_eq!(host.orchestrator.keep_media(&event("acme"), &photo, Duration::from_secs(60)).await.unwrap(), kept);
    assert_eq!(files.info(&id("acme"), key, now).await.unwrap().unwrap().expires_at_ms, ends);
    host.clock.advance(Duration::from_secs(89)).await;
    assert_eq!(host.orchestrator.keep_media(&event("acme"), &photo, Duration::from_secs(60)).await.unwrap(), kept);
    let panics = host.orchestrator.keep_media(&event("acme"), &Media::handle(MediaKind::Image, "another"), Duration::from_secs(60)).await;
    assert_eq!(panics.unwrap_err().kind(), ErrorKind::Unexpected);
    let link = Media::link(MediaKind::Image, "https://example.com/a.png");
    let error = host.orchestrator.keep_media(&event("acme"), &link, Duration::from_secs(60)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

/// Until it is fetched, each may be as large as a file can be.
#[tokio::test(start_paused = true)]
async fn a_file_that_finds_no_room_in_memory_waits_for_it_and_is_not_fetched() {
    let host = Host::with(|it| it.max_file_bytes(1));
    host.shared("token", "x");
    host.config("h", json!({ "id": "a", "token": { "secret": "token" }, "mode": "hang" }));
    let keep = async |tenant: &str, handle: &str, after_s: u64| {
        host.clock.sleep(Duration::from_secs(after_s)).await;
        host.orchestrator.keep_media(&event(tenant), &Media::handle(MediaKind::Image, handle), Duration::from_secs(60)).await
    };
    let began = host.clock.monotonic();
    let refused = async {
        let refused = keep("acme", "1", 1).await;
        (refused, host.clock.monotonic().saturating_sub(began))
    };
    let (hung, (refused, at), waited) = tokio::join!(keep("h", "0", 0), refused, keep("acme", "2", 21));
    let refused = refused.unwrap_err();
    assert_eq!((refused.kind(), refused.is_temporary(), at.as_secs()), (ErrorKind::Busy, true, 11));
    assert_eq!((hung.unwrap_err().kind(), waited.unwrap().bytes), (ErrorKind::Timeout, Some(9)));
}

/// A host that holds on to what it fetched has it counted; of a fetched file its own size, not the most that it may have had.
#[tokio::test(start_paused = true)]
async fn a_file_that_the_host_asked_for_counts_until_its_bytes_are_dropped() {
    let host = Host::with(|it| it.max_file_bytes(40));
    host.shared("token", "x");
    host.config("acme", json!({ "id": "a", "token": { "secret": "token" } }));
    let of = async |tenant: &str, max| host.orchestrator.media(&event(tenant), MediaRequest::new("photo").with_max_bytes(max)).await;
    let fetch = async |max| of("acme", max).await;
    host.config("other", json!({ "id": "a", "token": { "secret": "token" } }));
    let first = fetch(40).await.unwrap();
    assert_eq!(first.bytes.len(), 13);
    let (kept, refused) = (first.bytes.clone(), fetch(30).await.unwrap_err());
    assert_eq!((refused.kind(), refused.is_temporary()), (ErrorKind::Busy, true));
    drop(first);
    assert_eq!(fetch(30).await.unwrap_err().kind(), ErrorKind::Busy, "a clone of the bytes is left");
    let theirs = of("other", 20).await.unwrap();
    assert_eq!(fetch(13).await.unwrap_err().kind(), ErrorKind::Busy, "while others hold bytes, a tenant takes half");
    drop(theirs);
    assert!(fetch(13).await.is_ok());
    assert_eq!(fetch(7).await.unwrap_err().kind(), ErrorKind::Media, "there is room, and the file is larger");
    drop(kept);
    assert!(fetch(30).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_file_is_stored_once_under_an_id_of_its_content() {
    let host = Host::new();
    let store = async |tenant: &str, file: &NewFile, ttl_s| host.orchestrator.store_media(tenant, file, Duration::from_secs(ttl_s)).await;
    let pdf = NewFile::new("%PDF").with_mime("application/pdf").with_name("17.pdf");
    let stored = store("acme", &pdf, 60).await.unwrap();
    assert_eq!(store("acme", &pdf, 30).await.unwrap(), stored);
    assert_eq!(stored.expires_at_ms, to_ms(host.clock.now()) + 60_000);
    let same_facts = NewFile::new("%PDG").with_mime("application/pdf").with_name("17.pdf");
    let others = [NewFile::new("%PDF"), pdf.clone().with_name(""), pdf.clone().with_name("18.pdf"), same_facts];
    for other in others {
        assert_ne!(store("acme", &other, 60).await.unwrap().id, stored.id);
    }
    assert_ne!(store("other", &pdf, 60).await.unwrap().id, stored.id);
    let large = store("acme", &NewFile::new("").with_name("x".repeat(1025)), 60).await.unwrap_err();
    assert_eq!((large.kind(), store("", &pdf, 60).await.unwrap_err().kind()), (ErrorKind::Unsupported, ErrorKind::MessageInvalid));
}

/// Processes change their keys one after the other, so either may come first with the other's.
#[tokio::test(start_paused = true)]
async fn a_file_has_one_id_while_the_keys_are_rotated() {
    let memory = Memory::new();
    let key = |name: &str| Key::new(name.to_owned(), &Secret::new([name.as_bytes()[1]; 32]));
    let process = |ring: StaticKeyRing| {
        let builder = Orchestrator::builder().strategy(zengine_connector::testing::Recording::new()).stores(memory.clone());
        builder.keys(Arc::new(ring)).build().unwrap()
    };
    let before = process(StaticKeyRing::new(key("k1")).with_older(key("k2")));
    let after = process(StaticKeyRing::new(key("k2")).with_older(key("k1")));
    let (pdf, day) = (NewFile::new("%PDF"), Duration::from_secs(86_400));
    let stored = before.store_media("acme", &pdf, day).await.unwrap();
    assert_eq!(after.store_media("acme", &pdf, day).await.unwrap().id, stored.id);
    let newer = NewFile::new("%PDG");
    let stored = after.store_media("acme", &newer, day).await.unwrap();
    assert_eq!(before.store_media("acme", &newer, day).await.unwrap().id, stored.id);
}

#[tokio::test(start_paused = true)]
async fn warnings_about_a_file_that_is_kept_are_logged() {
    let (host, log) = (Host::new(), Log::default());
    let listening = tracing::subscriber::set_default(log.clone());
    let file = Media::handle(MediaKind::Image, "unchecked");
    let _kept = host.orchestrator.keep_media(&event("acme"), &file, Duration::from_secs(60)).await.unwrap();
    drop(listening);
    assert!(log.lines("media.warning")[0].contains("the provider gave no digest"));
}

#[tokio::test(start_paused = true)]
async fn media_are_fetched_as_the_tenant_of_the_event() {
    let host = Host::new();
    assert_eq!(host.orchestrator.media(&event("acme"), "photo").await.unwrap().bytes, "photo of acme");
    let error = host.orchestrator.media(&event("acme"), "none").await.unwrap_err();
    assert_eq!((error.kind(), error.context("strategy")), (ErrorKind::InvalidContent, Some("acme")));
    assert_eq!(host.orchestrator.media(&event("nobody"), "photo").await.unwrap_err().kind(), ErrorKind::UnknownTenant);
    for (tenant, mode, kind) in [("h", "hang", ErrorKind::Timeout), ("p", "panic", ErrorKind::Unexpected)] {
        host.shared("token", "x");
        host.config(tenant, json!({ "id": "a", "token": { "secret": "token" }, "mode": mode }));
        assert_eq!(host.orchestrator.media(&event(tenant), "photo").await.unwrap_err().kind(), kind);
    }
}
