//! No secret appears in an error, a Debug text or a log line, on whatever path it fails.

use std::{fmt::Write as _, sync::atomic::Ordering::SeqCst};

use serde_json::{Value, json};

use crate::{
    host::{Host, scope},
    log::Log,
};

fn config(token: &Value) -> Value {
    json!({ "id": "a", "token": token })
}

#[tokio::test(start_paused = true)]
async fn no_secret_appears_on_any_path() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let host = Host::new();
    host.secrets.values.put_secret(&scope(Some("acme")), "binary", b"canary\xff".to_vec());
    host.secret(Some("acme"), "object", r#"{"id":"canary-id"}"#);
    host.secret(Some("acme"), "refused", "canary-refused");
    let mut printed = String::new();

    let wrong = [
        config(&json!("canary-literal")),
        config(&json!(["canary-literal"])),
        config(&json!({ "secret": "token", "extra": "canary-extra" })),
        config(&json!({ "secret": "binary" })),
        config(&json!({ "secret": "refused" })),
        config(&json!({ "secret": "object", "key": "absent" })),
        config(&json!({ "secret": "token", "key": "absent" })),
        config(&json!({ "file": "/canary/path" })),
        json!({ "id": "canary-id-that-is-too-long", "token": { "secret": "token" } }),
        json!({ "id": 5, "port": "canary-port", "mode": "canary-mode", "token": { "secret": "token" } }),
        json!({ "id": "a", "token": { "secret": "token" }, "auth": { "type": "basic", "user": "u", "password": "canary-password" } }),
        json!({ "id": "a", "token": { "secret": "token" }, "auth": { "type": "canary-type" } }),
        json!({ "id": "a", "token": { "secret": "token" }, "keys": ["canary-key"], "named": { "n": "canary-named" } }),
        json!("canary-config"),
    ];
    for config in wrong {
        host.config("acme", config.clone());
        host.orchestrator.invalidate("acme").await.unwrap();
        let error = host.bind("acme").await.unwrap_err();
        write!(printed, "{error} {error:?} {error:#?}").unwrap();
        if let Err(error) = host.orchestrator.registry().check("acme", &config) {
            write!(printed, "{error} {error:?}").unwrap();
        }
    }
    host.config("acme", config(&json!({ "secret": "token" })));
    host.orchestrator.invalidate("acme").await.unwrap();
    let bound = host.bind("acme").await.unwrap();
    write!(printed, "{bound:?} {:?} {:?} {:?}", bound.cx(), host.orchestrator, host.secrets).unwrap();
    for outage in [&host.secrets.down, &host.secrets.denied, &host.directory.down] {
        outage.store(true, SeqCst);
        host.pass(7200).await;
        let error = host.bind("acme").await.unwrap_err();
        write!(printed, "{error} {error:?}").unwrap();
        outage.store(false, SeqCst);
    }
    write!(printed, "{:?}", log.lines("")).unwrap();
    assert!(!printed.contains("canary"), "{printed}");
    assert!(printed.contains("/token") && printed.contains("refused"), "something was printed");
}
