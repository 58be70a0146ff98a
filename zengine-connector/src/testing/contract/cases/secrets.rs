//! Secrets that are missing, broken or rotated.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{super::wire::Made, prelude::*};
use crate::{
    error::{Error, ErrorKind},
    pipeline::Outcome,
    secret::{Secret, SecretRef},
    store::{SecretError, SecretScope, SecretStore},
};

/// The send is not delivered, quickly, without any call; gives the error.
async fn fails_fast(world: &World, what: &str) -> Error {
    let before = world.now_ms();
    let sent = world.send(0, 0, "secret-1").await;
    assert!(world.now_ms() - before <= 30_000, "{what}: it took {} ms to fail", world.now_ms() - before);
    assert_eq!(world.wire.calls(), 0, "{what}: a request left");
    match sent {
        Err(error) => error,
        Ok(Outcome::Deferred(end)) => end.error.unwrap_or_else(|| panic!("{what}: put off without a word")),
        Ok(outcome) => panic!("{what}: {outcome:?}"),
    }
}

/// Each secret that the configuration names, where it does not exist.
pub(crate) async fn a_missing_secret_fails_fast(kit: &Shared) -> Done {
    for (name, _) in &kit.tenant(0).secrets {
        let world = World::new(kit);
        world.stores.secrets().remove(&world.scope(0), name);
        let error = fails_fast(&world, "a missing secret").await;
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{error}");
        assert!(error.to_string().contains(name.as_str()), "the error does not name the secret: {error}");
    }
    Ok(())
}

/// Nothing where a secret should be, and bytes that are no text.
pub(crate) async fn an_unreadable_secret_fails_fast(kit: &Shared) -> Done {
    for (name, _) in &kit.tenant(0).secrets {
        for value in [&b""[..], b"\xff\xfe"] {
            let world = World::new(kit);
            world.stores.secrets().put(&world.scope(0), name, value);
            let error = fails_fast(&world, "an unreadable secret").await;
            assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{error}");
        }
    }
    Ok(())
}

/// What a broken store does.
#[derive(Clone, Copy, Debug)]
enum Broken {
    Unavailable,
    Denied,
    Hangs,
}

#[async_trait]
impl SecretStore for Broken {
    async fn get(&self, _: &SecretScope, _: &SecretRef) -> Result<Vec<Secret<Vec<u8>>>, SecretError> {
        match self {
            Self::Unavailable => Err(SecretError::Unavailable(Some("no route".into()))),
            Self::Denied => Err(SecretError::Denied),
            Self::Hangs => std::future::pending().await,
        }
    }
}

/// A secret store that is down, refuses, or never answers.
pub(crate) async fn a_secret_store_that_is_down_fails_fast(kit: &Shared) -> Done {
    for broken in [Broken::Unavailable, Broken::Denied, Broken::Hangs] {
        let world = World::with(kit, |builder| builder.secrets(Arc::new(broken)));
        let error = fails_fast(&world, &format!("{broken:?}")).await;
        assert_eq!(error.kind(), ErrorKind::Secret, "{broken:?}: {error}");
        assert!(error.is_temporary(), "{broken:?}: it passes: {error}");
    }
    Ok(())
}

/// A secret in clear in the configuration is refused and not repeated.
pub(crate) async fn a_secret_in_clear_is_refused(kit: &Shared) -> Done {
    let sample = kit.tenant(0);
    for pointer in super::schema::secret_places(&sample.config, kit) {
        let world = World::new(kit);
        let mut config = sample.config.clone();
        *config.pointer_mut(&pointer).expect("a place of the configuration") = "canary-in-clear".into();
        world.put_config(0, config).await;
        let error = fails_fast(&world, "a secret in clear").await;
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{error}");
        assert!(error.violations().iter().any(|v| v.pointer == pointer), "{pointer} is not named: {error}");
    }
    Ok(())
}

/// A secret with line breaks or other letters than ASCII adds no header and breaks nothing.
pub(crate) async fn an_odd_secret_adds_no_header(kit: &Shared) -> Done {
    for (name, value) in &kit.tenant(0).secrets {
        for odd in [format!("{value}\r\nx-injected: 1"), format!("{value}\n"), format!("{value}é😀"), format!("{value}\0")] {
            let world = World::new(kit);
            world.stores.secrets().put(&world.scope(0), name, odd.clone());
            let sent = world.send(0, 0, "odd-1").await;
            if let Err(error) = &sent {
                assert!(!error.to_string().contains("x-injected"), "an error repeats the secret");
            }
            for made in world.wire.made() {
                assert!(made.request.headers().get("x-injected").is_none(), "the secret {name} added a header");
            }
            for line in kit.logs.lines() {
                assert!(!line.contains("x-injected"), "a log line repeats the secret {name}: {line}");
            }
        }
    }
    Ok(())
}

/// Gives tenant 0 new values for its secrets: those of tenant 2, which have the right form.
fn rotate(kit: &Kit, world: &World) {
    for (name, value) in &kit.tenant(2).secrets {
        world.stores.secrets().put(&world.scope(0), name, value.as_bytes());
    }
}

/// Requests carry none of the old values, and the new ones where they carry any.
fn rotated(kit: &Kit, made: &[Made]) {
    assert!(!made.is_empty(), "nothing was sent");
    let (old, new) = (kit.secrets_of(0), kit.secrets_of(2));
    let carries = |made: &Made, values: &[String]| values.iter().any(|value| made.printed().contains(value.as_str()));
    assert!(!made.iter().any(|made| carries(made, &old)), "an old secret is still used");
    assert!(!kit.shows_secret() || made.iter().any(|made| carries(made, &new)), "the new secret is not used");
}

/// After a rotation the new value is used, and the old one is not.
pub(crate) async fn a_rotated_secret_takes_effect(kit: &Shared) -> Done {
    let world = World::new(kit);
    drop(world.send(0, 0, "old-1").await.expect("a send"));
    let before = world.wire.made().len();
    rotate(kit, &world);
    world.orchestrator.invalidate(&World::id(0)).await;
    let outcome = world.send(0, 1, "new-1").await.expect("a send");
    assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
    rotated(kit, &world.wire.made()[before..]);
    Ok(())
}

/// Without anybody's word a rotation takes effect after a while, too.
pub(crate) async fn a_rotated_secret_takes_effect_in_time(kit: &Shared) -> Done {
    let world = World::new(kit);
    drop(world.send(0, 0, "old-1").await.expect("a send"));
    let before = world.wire.made().len();
    rotate(kit, &world);
    world.pass(Duration::from_secs(24 * 3600)).await;
    drop(world.send(0, 1, "new-1").await.expect("a send"));
    rotated(kit, &world.wire.made()[before..]);
    Ok(())
}

/// Neither the host's handles nor the strategy's registry print a secret.
pub(crate) async fn nothing_of_the_host_prints_a_secret(kit: &Shared) -> Done {
    let world = World::new(kit);
    for n in 0..TENANTS {
        drop(world.bind(n).await.expect("a sample tenant binds"));
    }
    let bound = world.bind(0).await.expect("a sample tenant binds");
    let printed = [
        format!("{:?}", world.orchestrator),
        format!("{:?}", world.orchestrator.registry()),
        format!("{:?}", world.stores),
        format!("{:?}", world.orchestrator.engine),
        format!("{bound:?}"),
        format!("{:?}", kit.descriptor),
    ];
    for text in printed {
        kit.assert_clean("a handle's Debug", &text);
    }
    Ok(())
}
