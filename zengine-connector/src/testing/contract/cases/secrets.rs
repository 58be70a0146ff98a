//! Secrets that are missing, broken or rotated.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{super::wire::RecordedCall, prelude::*};
use crate::{
    error::{Error, ErrorKind},
    pipeline::Outcome,
    store::{SecretAnswer, SecretError, SecretScope, SecretStore},
};

/// Checks that a send fails quickly without a call, and returns the error.
async fn fails_fast(host: &TestHost, what: &str) -> Error {
    let before = host.now_ms();
    let sent = host.send(0, 0, "secret-1").await;
    assert!(host.now_ms() - before <= 30_000, "{what}: it took {} ms to fail", host.now_ms() - before);
    assert_eq!(host.wire.calls(), 0, "{what}: a request left");
    match sent {
        Err(error) => error,
        Ok(Outcome::Deferred(end)) => end.error.unwrap_or_else(|| panic!("{what}: deferred without an error")),
        Ok(outcome) => panic!("{what}: {outcome:?}"),
    }
}

/// A missing secret fails fast, with an error that names it.
pub(crate) async fn a_missing_secret_fails_fast(kit: &SharedKit) -> CaseResult {
    for (name, _) in &kit.tenant(0).secrets {
        let host = TestHost::new(kit);
        host.stores.remove_secret(&host.scope(0), name);
        let error = fails_fast(&host, "a missing secret").await;
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{error}");
        assert!(error.to_string().contains(name.as_str()), "the error does not name the secret: {error}");
    }
    Ok(())
}

/// An empty secret and one that is not text fail fast.
pub(crate) async fn an_unreadable_secret_fails_fast(kit: &SharedKit) -> CaseResult {
    for (name, _) in &kit.tenant(0).secrets {
        for value in [&b""[..], b"\xff\xfe"] {
            let host = TestHost::new(kit);
            host.stores.put_secret(&host.scope(0), name, value);
            let error = fails_fast(&host, "an unreadable secret").await;
            assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{error}");
        }
    }
    Ok(())
}

/// A secret store with a fault.
#[derive(Clone, Copy, Debug)]
enum FaultySecretStore {
    Unavailable,
    Denied,
    Hangs,
}

#[async_trait]
impl SecretStore for FaultySecretStore {
    async fn get(&self, _: &SecretScope, _: &str) -> SecretAnswer {
        match self {
            Self::Unavailable => Err(SecretError::unavailable("no route")),
            Self::Denied => Err(SecretError::Denied),
            Self::Hangs => std::future::pending().await,
        }
    }
}

/// A secret store that is down, refuses, or never responds makes the send fail fast with a temporary error.
pub(crate) async fn a_secret_store_that_is_down_fails_fast(kit: &SharedKit) -> CaseResult {
    for store in [FaultySecretStore::Unavailable, FaultySecretStore::Denied, FaultySecretStore::Hangs] {
        let host = TestHost::with(kit, |builder| builder.secrets(Arc::new(store)));
        let error = fails_fast(&host, &format!("{store:?}")).await;
        assert_eq!(error.kind(), ErrorKind::Secret, "{store:?}: {error}");
        assert!(error.is_temporary(), "{store:?}: must be temporary: {error}");
    }
    Ok(())
}

/// A plain-text secret in the configuration is refused and not repeated.
pub(crate) async fn a_plain_text_secret_is_refused(kit: &SharedKit) -> CaseResult {
    let sample = kit.tenant(0);
    for pointer in super::schema::secret_places(&sample.config, kit) {
        let host = TestHost::new(kit);
        let mut config = sample.config.clone();
        *config.pointer_mut(&pointer).expect("a place of the configuration") = "canary-plain-text".into();
        host.put_config(0, config).await;
        let error = fails_fast(&host, "a plain-text secret").await;
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{error}");
        assert!(error.violations().iter().any(|v| v.pointer == pointer), "{pointer} is not named: {error}");
    }
    Ok(())
}

/// A secret with line breaks or non-ASCII characters adds no header and leaks nowhere.
pub(crate) async fn an_odd_secret_adds_no_header(kit: &SharedKit) -> CaseResult {
    for (name, value) in &kit.tenant(0).secrets {
        for odd in [format!("{value}\r\nx-injected: 1"), format!("{value}\n"), format!("{value}é😀"), format!("{value}\0")] {
            let host = TestHost::new(kit);
            host.stores.put_secret(&host.scope(0), name, odd.clone());
            let sent = host.send(0, 0, "odd-1").await;
            if let Err(error) = &sent {
                assert!(!error.to_string().contains("x-injected"), "an error repeats the secret");
            }
            for call in host.wire.recorded() {
                assert!(call.request.headers().get("x-injected").is_none(), "the secret {name} added a header");
            }
            for line in kit.logs.lines() {
                assert!(!line.contains("x-injected"), "a log line repeats the secret {name}: {line}");
            }
        }
    }
    Ok(())
}

/// Sets tenant 0's secrets to those of tenant 2, which have the right form.
fn rotate(kit: &Kit, host: &TestHost) {
    for (name, value) in &kit.tenant(2).secrets {
        host.stores.put_secret(&host.scope(0), name, value.as_bytes());
    }
}

/// Checks that requests carry no old value, and the new ones if they carry any.
fn assert_rotated(kit: &Kit, calls: &[RecordedCall]) {
    assert!(!calls.is_empty(), "nothing was sent");
    let (old, new) = (kit.secrets_of(0), kit.secrets_of(2));
    let carries = |call: &RecordedCall, values: &[String]| values.iter().any(|value| call.printed().contains(value.as_str()));
    assert!(!calls.iter().any(|call| carries(call, &old)), "an old secret is still used");
    assert!(!kit.shows_secret() || calls.iter().any(|call| carries(call, &new)), "the new secret is not used");
}

/// After a rotation and an invalidation the new value is used, and the old one is not.
pub(crate) async fn a_rotated_secret_takes_effect(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    drop(host.send(0, 0, "old-1").await.expect("a send"));
    let before = host.wire.recorded().len();
    rotate(kit, &host);
    host.orchestrator.invalidate(TestHost::id(0)).await.expect("a valid id");
    let outcome = host.send(0, 1, "new-1").await.expect("a send");
    assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
    assert_rotated(kit, &host.wire.recorded()[before..]);
    Ok(())
}

/// Without an invalidation a rotation takes effect within a day.
pub(crate) async fn a_rotated_secret_takes_effect_in_time(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    drop(host.send(0, 0, "old-1").await.expect("a send"));
    let before = host.wire.recorded().len();
    rotate(kit, &host);
    host.pass(Duration::from_secs(24 * 3600)).await;
    drop(host.send(0, 1, "new-1").await.expect("a send"));
    assert_rotated(kit, &host.wire.recorded()[before..]);
    Ok(())
}

/// The host's handles and the strategy's registry print no secret.
pub(crate) async fn the_host_prints_no_secret(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    for n in 0..TENANTS {
        drop(host.bind(n).await.expect("a sample tenant binds"));
    }
    let bound = host.bind(0).await.expect("a sample tenant binds");
    let printed = [
        format!("{:?}", host.orchestrator),
        format!("{:?}", host.orchestrator.registry()),
        format!("{:?}", host.stores),
        format!("{:?}", host.orchestrator.engine),
        format!("{bound:?}"),
        format!("{:?}", kit.descriptor),
    ];
    for text in printed {
        kit.assert_clean("a handle's Debug", &text);
    }
    Ok(())
}
