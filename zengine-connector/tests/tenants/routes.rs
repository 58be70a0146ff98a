//! The tenants behind a provider's key, and the application's secrets.

use std::sync::atomic::Ordering::SeqCst;

use futures_util::future::join_all;
use serde_json::json;
use zengine_connector::{ids::RouteKey, store::TenantRow};

use crate::{
    host::{Host, id, name, scope},
    log::Log,
};

fn route(host: &Host, token: &str) {
    let row = TenantRow::new(json!({ "id": "a", "token": { "secret": "token" } })).with_routes([RouteKey::new("url_token", token)]);
    host.directory.rows.put_tenant(&id("acme"), &name(), row);
}

#[tokio::test(start_paused = true)]
async fn a_route_is_looked_up_once_in_30_seconds_however_many_ask() {
    let host = Host::new();
    route(&host, "/t");
    for _ in 0..2 {
        for (status, body) in join_all((0..100).map(|_| host.request("/t", None))).await {
            assert_eq!((status, body.as_str()), (200, "acme"));
        }
    }
    assert_eq!(host.reads().2, 1);
    host.pass(30).await;
    host.request("/t", None).await;
    assert_eq!(host.reads().2, 2);
}

#[tokio::test(start_paused = true)]
async fn a_route_that_leads_nowhere_is_remembered_too() {
    let host = Host::new();
    for _ in 0..10 {
        assert_eq!(host.request("/t", None).await.1, "");
    }
    assert_eq!(host.reads().2, 1);
    route(&host, "/t");
    host.orchestrator.invalidate("acme").await.unwrap();
    assert_eq!(host.request("/t", None).await.1, "acme", "invalidate forgets misses as well");
}

#[tokio::test(start_paused = true)]
async fn a_route_that_leads_nowhere_is_looked_up_again_after_a_second() {
    let host = Host::new();
    assert_eq!(host.request("/t", None).await.1, "");
    route(&host, "/t");
    assert_eq!(host.request("/t", None).await.1, "");
    host.pass(1).await;
    assert_eq!(host.request("/t", None).await.1, "acme");
}

#[tokio::test(start_paused = true)]
async fn a_key_longer_than_any_provider_gives_is_not_looked_up() {
    let host = Host::new();
    assert_eq!(host.request(&format!("/{}", "t".repeat(2000)), None).await.1, "");
    assert_eq!(host.reads().2, 0);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_made_up_keys_evicts_and_does_not_grow() {
    let caching = zengine_connector::registry::Caching { max_routes: 8, ..zengine_connector::registry::Caching::default() };
    let host = Host::caching(caching);
    route(&host, "/t");
    for n in 0..200 {
        host.request(&format!("/{n}"), None).await;
    }
    assert_eq!(host.request("/t", None).await.1, "acme");
    let before = host.reads().2;
    for n in 0..200 {
        host.request(&format!("/{n}"), None).await;
    }
    assert!(host.reads().2 - before >= 192, "at most eight of two hundred were still there");
}

#[tokio::test(start_paused = true)]
async fn without_the_directory_a_request_is_told_to_come_back() {
    let host = Host::new();
    host.directory.down.store(true, SeqCst);
    for _ in 0..100 {
        assert_eq!(host.request("/t", None).await.0, 503);
    }
    assert_eq!(host.reads().2, 1, "an outage is remembered for a second, for requests that are not authenticated");
    host.directory.down.store(false, SeqCst);
    host.pass(1).await;
    assert_eq!(host.request("/t", None).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_secret_of_the_application_is_read_once_in_five_minutes_and_survives_an_outage() {
    let host = Host::new();
    host.secret(None, "app", "old");
    for (_, body) in join_all((0..100).map(|_| host.request("/", Some("app")))).await {
        assert_eq!(body, "old");
    }
    assert_eq!(host.reads().1, 1);
    host.secrets.values.rotate_secret(&scope(None), "app", "new");
    host.secrets.down.store(true, SeqCst);
    host.pass(300).await;
    for _ in 0..100 {
        assert_eq!(host.request("/", Some("app")).await.1, "old");
    }
    assert_eq!(host.reads().1, 2, "an outage is remembered for a second");
    host.secrets.down.store(false, SeqCst);
    host.pass(1).await;
    assert_eq!(host.request("/", Some("app")).await.1, "new", "the newest first");
    host.secrets.down.store(true, SeqCst);
    host.pass(3600).await;
    assert_eq!(host.request("/", Some("app")).await.0, 503);
}

#[tokio::test(start_paused = true)]
async fn a_secret_of_the_application_that_is_empty_or_missing_is_our_fault() {
    let host = Host::new();
    host.secret(None, "empty", "");
    for name in ["empty", "missing"] {
        assert_eq!(host.request("/", Some(name)).await.0, 503, "{name}");
    }
}

/// 50,000 forged requests are not 50,000 look-ups at a secret store that fails, nor as many warnings.
#[tokio::test(start_paused = true)]
async fn unauthenticated_requests_do_not_drive_the_secret_store_while_it_fails() {
    let (host, log) = (Host::new(), Log::default());
    route(&host, "/t");
    host.secrets.down.store(true, SeqCst);
    let _guard = tracing::subscriber::set_default(log.clone());
    for (second, reads) in [(0, 2), (1, 4)] {
        for _ in 0..200 {
            assert_eq!(host.request("/", Some("app")).await.0, 503);
            assert_eq!(host.request("/t", None).await.0, 503);
        }
        assert_eq!(host.reads().1, reads, "second {second}: one of the application and one of the tenant");
        assert_eq!(log.lines("inbound.verify_unavailable").len(), second + 1);
        host.pass(1).await;
    }
    // A send is not held up by what a request was told, and ends the outage for requests.
    host.request("/t", None).await;
    host.secrets.down.store(false, SeqCst);
    host.bind("acme").await.unwrap();
    assert_eq!(host.request("/t", None).await, (200, "acme".to_owned()));
}
