//! Secrets: whose, how long, and what happens while their store is down.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use serde_json::json;
use zengine_connector::{ErrorKind, registry::Caching, store::SecretScope};

use crate::host::{Acme, Host, name, scope};

#[tokio::test(start_paused = true)]
async fn rule_85_a_rotated_secret_is_used_within_five_minutes_and_work_under_way_keeps_the_old_one() {
    let host = Host::new();
    let under_way = host.bind("acme").await.unwrap();
    host.secrets.values.rotate_secret(&scope(Some("acme")), "token", "canary-new");
    for _ in 0..9 {
        host.pass(30).await;
        assert_eq!(host.bind("acme").await.unwrap().token.expose(), "canary-token");
    }
    host.pass(30).await;
    assert_eq!(host.bind("acme").await.unwrap().token.expose(), "canary-new");
    assert_eq!(under_way.token.expose(), "canary-token");
    assert_eq!(host.configured(), 2);
}

#[tokio::test(start_paused = true)]
async fn secrets_that_did_not_change_configure_nothing() {
    let host = Host::new();
    for _ in 0..5 {
        assert_eq!(host.bind("acme").await.unwrap().serial, 0);
        host.pass(300).await;
    }
    assert_eq!((host.configured(), host.reads().1), (1, 5));
}

#[tokio::test(start_paused = true)]
async fn rule_85_stale_secrets_serve_for_an_hour_under_an_unchanged_version() {
    let host = Host::new();
    host.bind("acme").await.unwrap();
    host.secrets.down.store(true, SeqCst);
    for _ in 0..119 {
        host.pass(30).await;
        assert_eq!(host.bind("acme").await.unwrap().serial, 0);
    }
    host.pass(30).await;
    let error = host.bind("acme").await.unwrap_err();
    assert_eq!((error.kind(), error.context("secret")), (ErrorKind::Secret, Some("token")));
    host.secrets.down.store(false, SeqCst);
    host.bind("acme").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_85_stale_secrets_serve_a_tenant_that_was_idle() {
    let host = Host::caching(Caching { idle: Duration::from_secs(60), ..Caching::default() });
    host.bind("acme").await.unwrap();
    host.secrets.down.store(true, SeqCst);
    host.pass(600).await;
    assert_eq!(host.bind("acme").await.unwrap().serial, 0);
}

#[tokio::test(start_paused = true)]
async fn rule_85_a_new_version_never_gets_stale_secrets() {
    let host = Host::new();
    host.bind("acme").await.unwrap();
    host.secrets.down.store(true, SeqCst);
    host.config("acme", json!({ "id": "b", "token": { "secret": "token" } }));
    host.pass(30).await;
    assert_eq!(host.bind("acme").await.unwrap_err().kind(), ErrorKind::Secret);
    host.secrets.down.store(false, SeqCst);
    assert_eq!(host.bind("acme").await.unwrap().serial, 1, "and it binds as soon as the store is back");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_back_is_noticed_within_30_seconds() {
    let host = Host::new();
    host.bind("acme").await.unwrap();
    host.secrets.down.store(true, SeqCst);
    host.pass(300).await;
    host.bind("acme").await.unwrap();
    host.secrets.down.store(false, SeqCst);
    host.secret(Some("acme"), "token", "canary-new");
    host.pass(30).await;
    assert_eq!(host.bind("acme").await.unwrap().token.expose(), "canary-new");
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_gone_or_refused_is_not_replaced_by_the_stale_one() {
    let host = Host::new();
    host.bind("acme").await.unwrap();
    host.secrets.denied.store(true, SeqCst);
    host.pass(300).await;
    assert_eq!(host.bind("acme").await.unwrap_err().kind(), ErrorKind::Secret);
    host.secrets.denied.store(false, SeqCst);
    host.bind("acme").await.unwrap();
    host.secrets.values.remove_secret(&scope(Some("acme")), "token");
    host.pass(300).await;
    let error = host.bind("acme").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
    assert_eq!(error.violations()[0].to_string(), "/token: the secret does not exist in the tenant's scope, nor in the shared one");
}

#[tokio::test(start_paused = true)]
async fn every_place_that_the_schema_marks_is_resolved_and_no_other() {
    let host = Host::new();
    for name in ["second", "k1", "k2", "n", "password"] {
        host.shared(name, &format!("shared {name}"));
    }
    host.shared("json", r#"{"id":"an id"}"#);
    host.config(
        "acme",
        json!({
            "id": "a",
            "token": { "secret": "json", "key": "id" },
            "second": { "secret": "second" },
            "auth": { "type": "basic", "user": "u", "password": { "secret": "password" } },
            "keys": [{ "secret": "k1" }, { "secret": "k2" }],
            "named": { "a/b~c": { "secret": "n" } },
            "label": { "secret": "second" },
        }),
    );
    let bound = host.bind("acme").await.unwrap();
    assert_eq!(bound.token.expose(), "an id");
    let others: Vec<_> = bound.others.iter().map(|secret| secret.expose().as_str()).collect();
    assert_eq!(others, ["shared second", "shared k1", "shared k2", "shared n", "shared password"]);
    assert_eq!(host.reads().1, 12, "six in each scope: the label is left alone");
}

#[tokio::test(start_paused = true)]
async fn a_tenants_own_secret_comes_before_the_shared_one_and_each_scope_is_asked_once() {
    let host = Host::new();
    host.shared("token", "shared");
    host.shared("second", "shared");
    let config = json!({ "id": "a", "token": { "secret": "token" }, "second": { "secret": "second" }, "keys": [{ "secret": "token" }] });
    host.config("acme", config.clone());
    host.config("other", config.clone());
    let bound = host.bind("acme").await.unwrap();
    let texts = |bound: &zengine_connector::orchestrator::Bound<Acme>| {
        std::iter::once(&bound.token).chain(&bound.others).map(|secret| secret.expose().clone()).collect::<Vec<_>>()
    };
    assert_eq!(texts(&bound), ["canary-token", "shared", "canary-token"]);
    let shared = SecretScope::shared(name());
    assert_eq!(*host.secrets.batches.lock().unwrap(), [(scope(Some("acme")), 2), (shared.clone(), 1)]);
    assert_eq!(texts(&host.bind("other").await.unwrap()), ["shared", "shared", "shared"]);
    assert_eq!(host.secrets.batches.lock().unwrap()[2..], [(scope(Some("other")), 2), (shared, 2)]);

    // Nothing is missing: the shared scope is not asked.
    host.secret(Some("acme"), "second", "canary-own");
    host.orchestrator.invalidate("acme").await.unwrap();
    assert_eq!(texts(&host.bind("acme").await.unwrap()), ["canary-token", "canary-own", "canary-token"]);
    assert_eq!(host.secrets.batches.lock().unwrap()[4..], [(scope(Some("acme")), 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_malformed_or_empty_own_secret_is_an_error_and_the_shared_one_does_not_stand_in() {
    for (own, said) in [
        ("canary, no JSON", "/token: the secret is not a JSON object, or a member of it comes twice"),
        (r#"{"id":""}"#, "/token: the secret is empty"),
    ] {
        let host = Host::new();
        host.shared("json", r#"{"id":"shared"}"#);
        host.secret(Some("acme"), "json", own);
        host.config("acme", json!({ "id": "a", "token": { "secret": "json", "key": "id" } }));
        let error = host.bind("acme").await.unwrap_err();
        assert_eq!((error.kind(), error.violations()[0].to_string().as_str()), (ErrorKind::ConfigInvalid, said));
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenants_configuration_does_not_reach_the_applications_secrets() {
    let host = Host::new();
    host.secret(None, "app", "canary-app");
    host.config("acme", json!({ "id": "a", "token": { "secret": "app" } }));
    let error = host.bind("acme").await.unwrap_err();
    assert_eq!(error.violations()[0].to_string(), "/token: the secret does not exist in the tenant's scope, nor in the shared one");
    // Nor does the application reach a tenant's, or the shared ones.
    host.shared("token", "shared");
    assert_eq!(host.request("/", Some("token")).await.0, 503);
    assert_eq!(host.request("/", Some("app")).await, (200, "canary-app".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_absent_or_null_optional_secret_is_none() {
    let host = Host::new();
    host.config("acme", json!({ "id": "a", "token": { "secret": "token" }, "second": null, "auth": { "type": "open" } }));
    assert!(host.bind("acme").await.unwrap().others.is_empty());
}

#[tokio::test(start_paused = true)]
async fn all_secrets_that_fail_are_named_at_once() {
    let host = Host::new();
    host.shared("empty", "");
    host.config(
        "acme",
        json!({ "id": "a", "token": { "secret": "no-1" }, "second": { "secret": "empty" }, "keys": [{ "secret": "token" }, { "secret": "no-2" }] }),
    );
    let error = host.bind("acme").await.unwrap_err();
    let said: Vec<_> = error.violations().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "/keys/1: the secret does not exist in the tenant's scope, nor in the shared one",
            "/second: the secret is empty",
            "/token: the secret does not exist in the tenant's scope, nor in the shared one"
        ]
    );
    assert_eq!((error.kind(), error.context("secret")), (ErrorKind::ConfigInvalid, Some("no-2, empty, no-1")));
}

#[tokio::test(start_paused = true)]
async fn local_references_in_a_tenants_configuration_need_the_hosts_leave() {
    let config = json!({ "id": "a", "token": { "env": "CARGO_PKG_NAME" }, "second": { "file": "/canary/path" } });
    let host = Host::new();
    host.config("acme", config.clone());
    let error = host.bind("acme").await.unwrap_err();
    let said: Vec<_> = error.violations().iter().map(|violation| violation.pointer.as_str()).collect();
    assert_eq!((error.kind(), said), (ErrorKind::ConfigInvalid, vec!["/second", "/token"]));
    assert_eq!(host.reads().1, 0);

    let host = Host::with(|builder| builder.allow_local_refs(true));
    host.config("acme", config);
    let error = host.bind("acme").await.unwrap_err();
    assert_eq!(error.violations().iter().map(ToString::to_string).collect::<Vec<_>>(), ["/second: the secret does not exist"]);
    assert!(!format!("{error:?}").contains("canary"));
    host.config("acme", json!({ "id": "a", "token": { "env": "CARGO_PKG_NAME" } }));
    host.pass(1).await;
    assert_eq!(host.bind("acme").await.unwrap().token.expose(), "zengine-connector");
}
