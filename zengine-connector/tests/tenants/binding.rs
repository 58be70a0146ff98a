//! When a tenant is bound, and when its instance is used again.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use futures_util::{FutureExt as _, future::join_all};
use serde_json::json;
use zengine_connector::{ErrorKind, registry::Caching};

use crate::host::{Host, id, name};

#[tokio::test(start_paused = true)]
async fn a_hundred_concurrent_calls_configure_once() {
    let host = Host::new();
    let bound = join_all((0..100).map(|_| host.bind("acme"))).await;
    assert!(bound.into_iter().all(|bound| bound.unwrap().serial == 0));
    assert_eq!((host.configured(), host.reads()), (1, (1, 1, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_on_several_threads_configure_once() {
    // The clock of tests stands on tokio's, which moves by itself here.
    let host = std::sync::Arc::new(Host::new());
    let callers = (0..100).map(|_| {
        let host = std::sync::Arc::clone(&host);
        tokio::spawn(async move { host.bind("acme").await.unwrap().serial })
    });
    assert!(join_all(callers).await.into_iter().all(|serial| serial.unwrap() == 0));
    assert_eq!((host.configured(), host.reads().0), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_does_not_take_the_others_with_it() {
    let host = Host::new();
    let mut first = Box::pin(host.bind("acme"));
    assert!((&mut first).now_or_never().is_none());
    let mut second = Box::pin(host.bind("acme"));
    assert!((&mut second).now_or_never().is_none());
    drop(first);
    second.await.unwrap();
    assert_eq!((host.configured(), host.reads().0), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn rule_85_a_configuration_is_read_again_after_30_seconds_and_configured_again_only_when_it_changed() {
    let host = Host::new();
    host.bind("acme").await.unwrap();
    host.pass(29).await;
    host.bind("acme").await.unwrap();
    assert_eq!(host.reads().0, 1);
    host.pass(1).await;
    assert_eq!(host.bind("acme").await.unwrap().serial, 0);
    assert_eq!(host.reads().0, 2);

    host.config("acme", json!({ "id": "b", "token": { "secret": "token" } }));
    host.pass(30).await;
    assert_eq!(host.bind("acme").await.unwrap().serial, 1);
}

#[tokio::test(start_paused = true)]
async fn rule_85_an_old_version_is_never_used_for_new_work_and_work_under_way_keeps_it() {
    let host = Host::new();
    let under_way = host.bind("acme").await.unwrap();
    host.config("acme", json!({ "id": "too long an id", "token": { "secret": "token" } }));
    host.pass(30).await;
    assert_eq!(host.bind("acme").await.unwrap_err().kind(), ErrorKind::ConfigInvalid);
    // Also not when the directory goes down right after it.
    host.directory.down.store(true, SeqCst);
    host.pass(2).await;
    assert_eq!(host.bind("acme").await.unwrap_err().kind(), ErrorKind::Store);
    assert_eq!(under_way.token.expose(), "canary-token");
    assert_eq!(under_way.version().as_str(), "1");
}

#[tokio::test(start_paused = true)]
async fn rule_85_without_the_directory_a_known_configuration_serves_for_30_seconds() {
    let host = Host::new();
    host.bind("acme").await.unwrap();
    host.directory.down.store(true, SeqCst);
    host.pass(29).await;
    host.bind("acme").await.unwrap();
    host.pass(1).await;
    let error = host.bind("acme").await.unwrap_err();
    assert_eq!((error.kind(), error.context("strategy"), error.context("tenant")), (ErrorKind::Store, Some("acme"), Some("acme")));
    host.directory.down.store(false, SeqCst);
    assert_eq!(host.bind("acme").await.unwrap().serial, 0, "the same version needs no new instance");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_callers_of_a_directory_that_is_down_ask_it_once() {
    let host = Host::new();
    host.directory.down.store(true, SeqCst);
    let results = join_all((0..100).map(|_| host.bind("acme"))).await;
    assert!(results.into_iter().all(|result| result.unwrap_err().kind() == ErrorKind::Store));
    assert_eq!(host.reads().0, 1);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_without_the_strategy_and_one_that_switched_it_off_are_told_apart() {
    let host = Host::new();
    let missing = host.bind("nobody").await.unwrap_err();
    host.directory.rows.tenant_writer().set_enabled(&id("acme"), &name(), false).await.unwrap();
    let off = host.bind("acme").await.unwrap_err();
    assert_eq!((missing.kind(), off.kind()), (ErrorKind::UnknownTenant, ErrorKind::UnknownTenant));
    assert_ne!(missing.message(), off.message());

    // Remembered for a moment, and no longer.
    host.bind("acme").await.unwrap_err();
    assert_eq!(host.reads().0, 2);
    host.directory.rows.tenant_writer().set_enabled(&id("acme"), &name(), true).await.unwrap();
    host.pass(1).await;
    host.bind("acme").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn invalidate_forgets_at_once() {
    let host = Host::new();
    let under_way = host.bind("acme").await.unwrap();
    host.config("acme", json!({ "id": "b", "token": { "secret": "token" } }));
    assert_eq!(host.bind("acme").await.unwrap().serial, 0);
    host.orchestrator.invalidate("acme").await.unwrap();
    assert_eq!(host.bind("acme").await.unwrap().serial, 1);
    assert_eq!(under_way.serial, 0);
}

#[tokio::test(start_paused = true)]
async fn invalidate_touches_no_other_tenant() {
    let host = Host::new();
    host.shared("token", "shared");
    host.config("other", json!({ "id": "o", "token": { "secret": "token" } }));
    host.bind("other").await.unwrap();
    let before = host.reads();
    host.orchestrator.invalidate("acme").await.unwrap();
    host.bind("other").await.unwrap();
    assert_eq!(host.reads(), before);
}

#[tokio::test(start_paused = true)]
async fn no_more_tenants_are_kept_than_allowed() {
    let host = Host::caching(Caching { max_bound: 4, ..Caching::default() });
    host.shared("token", "shared");
    let mut handles = vec![];
    for n in 0..50 {
        let tenant = format!("tenant-{n}");
        host.config(&tenant, json!({ "id": "t", "token": { "secret": "token" } }));
        handles.push(host.bind(&tenant).await.unwrap());
    }
    assert_eq!(host.configured(), 50);
    for n in 0..50 {
        host.bind(&format!("tenant-{n}")).await.unwrap();
    }
    assert!(host.configured() >= 96, "at most four of fifty were still there: {}", host.configured());
    assert!(handles.iter().all(|bound| bound.token.expose() == "shared"));
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_nobody_uses_is_forgotten_after_an_hour() {
    let host = Host::new();
    host.shared("token", "shared");
    host.config("other", json!({ "id": "o", "token": { "secret": "token" } }));
    host.bind("acme").await.unwrap();
    host.bind("other").await.unwrap();
    for _ in 0..7 {
        host.pass(600).await;
        host.bind("other").await.unwrap();
    }
    assert_eq!(host.configured(), 2);
    host.bind("acme").await.unwrap();
    assert_eq!(host.configured(), 3, "idle for more than an hour");
    host.bind("other").await.unwrap();
    assert_eq!(host.configured(), 3, "used all the time");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_configure_is_an_error_for_all_who_wait() {
    let host = Host::new();
    host.config("acme", json!({ "id": "poison", "token": { "secret": "token" } }));
    for result in join_all((0..3).map(|_| host.bind("acme"))).await {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Unexpected);
    }
}

#[tokio::test(start_paused = true)]
async fn without_caching_every_use_asks_and_only_a_change_configures() {
    let host = Host::caching(Caching::off());
    for _ in 0..3 {
        host.bind("acme").await.unwrap();
    }
    assert_eq!((host.configured(), host.reads()), (1, (3, 3, 0)));
    host.secret(Some("acme"), "token", "canary-new");
    assert_eq!(host.bind("acme").await.unwrap().token.expose(), "canary-new");
    assert_eq!(host.configured(), 2);
    assert_eq!(Caching::off().config_ttl, Duration::ZERO);
}
