//! What the strategy may call, and when.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;

use super::{super::answer, prelude::*};
use crate::{
    ids::ClientMessageId,
    pipeline::Outcome,
    strategy::{HealthStatus, ProviderKey},
};

/// Binding checks the configuration and calls nobody: an unauthenticated request may lead there.
pub(crate) async fn configure_calls_nobody(kit: &Shared) -> Done {
    let world = World::new(kit);
    for n in 0..TENANTS {
        drop(world.bind(n).await.expect("a sample tenant binds"));
    }
    assert_eq!(world.wire.calls(), 0, "configure called the provider");
    Ok(())
}

/// A health check asks, and sends nothing to anybody.
pub(crate) async fn a_health_check_sends_no_message(kit: &Shared) -> Done {
    let world = World::new(kit);
    for n in 0..TENANTS {
        let status = world.orchestrator.health(&World::id(n), kit.name.as_str()).await.expect("a health check ends");
        if world.wire.calls() == 0 {
            assert_eq!(status, HealthStatus::Passive, "a check that asks nobody knows nothing");
        }
    }
    assert_eq!(world.wire.sends().len(), 0, "a health check sent a message");
    Ok(())
}

/// A health check against a provider in trouble ends, in words that hold nothing secret.
pub(crate) async fn a_health_check_of_a_dead_provider_ends(kit: &Shared) -> Done {
    let refusal = |code| WireFault::Answer(answer::json(code, &json!({ "error": { "message": kit.secrets().join(" ") } })));
    for fault in [WireFault::Refused, WireFault::Hang, WireFault::Reset, WireFault::garbage(), refusal(401), refusal(429), refusal(500)] {
        let (world, name) = (World::new(kit), fault.name());
        let before = world.now_ms();
        world.wire.nth(0, fault.clone());
        let status = world.orchestrator.health(&World::id(0), kit.name.as_str()).await;
        assert!(world.now_ms() - before <= 31_000, "{name}: the check does not end");
        let status = status.unwrap_or_else(|error| panic!("{name}: {error}"));
        kit.assert_clean("a health status", &format!("{status:?}"));
        // A check may look at the status alone.
        let told = !matches!(fault, WireFault::Scrambled(..));
        assert!(!told || status != HealthStatus::Healthy, "{name}: the provider counts as healthy");
    }
    Ok(())
}

/// Fifty different messages of all tenants at once: each goes out once, and each has its own receipt.
pub(crate) async fn fifty_sends_at_once_share_nothing(kit: &Shared) -> Done {
    let world = World::new(kit);
    let sends = (0..50).map(|n| {
        let world = &world;
        async move { world.send(n % TENANTS, n, &format!("parallel-{n}")).await.expect("a send") }
    });
    let outcomes = join_all(sends).await;
    let effects = world.wire.effects();
    assert_eq!(effects.len(), 50, "fifty messages are fifty calls that send");
    let mut ids = BTreeSet::new();
    for (n, outcome) in outcomes.iter().enumerate() {
        let Outcome::Delivered(delivered) = outcome else { panic!("message {n}: {outcome:?}") };
        let Some(id) = delivered.provider_id() else { continue };
        assert!(ids.insert(id.clone()), "two messages have the receipt {id}");
        // Where the request shows which message it is, the receipt must be that call's.
        let message = kit.message(n).to_string();
        let words: Vec<_> = Sample::new(n).canaries().into_iter().filter(|word| message.contains(word.as_str())).collect();
        let call = effects.iter().find(|made| words.iter().any(|word| made.printed().contains(word.as_str())));
        if let Some(answer) = call.and_then(|made| made.accepted.as_ref()) {
            let given = format!("{} {:?}", String::from_utf8_lossy(answer.body()), answer.headers());
            assert!(given.contains(id.as_str()), "message {n} has the receipt of another");
        }
    }
    Ok(())
}

/// Messages of the other kinds that the fixture names are delivered, one call each that sends.
pub(crate) async fn other_kinds_of_messages_are_delivered(kit: &Shared) -> Done {
    for (n, message) in kit.outbound().more.iter().enumerate() {
        let world = World::new(kit);
        let outcome = world.send_json(0, message, &format!("kind-{n}"), |options| options).await;
        assert!(matches!(outcome, Ok(Outcome::Delivered(_))), "message {n} of another kind: {outcome:?}");
        assert_eq!(world.wire.effects().len(), 1, "message {n} of another kind is not one call that sends");
    }
    Ok(())
}

/// Each pair of a message and its requests.
pub(crate) async fn pairs_of_messages_and_requests(kit: &Shared) -> Done {
    let folder = kit.outbound().pairs.as_ref().expect("a folder of pairs");
    let mut results = vec![];
    for (name, text) in super::super::pairs::inputs(folder) {
        let message = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}.in.json: {error}"));
        let world = World::new(kit);
        let sent = world.attempt_json(0, &message, &name, 1, super::super::bare::TIME).await;
        let error = sent.err().map(|error| json!({ "error": error.kind().as_str(), "reach": error.reach().as_str() }));
        let made = world.wire.made();
        let key = ProviderKey::derive(&World::id(0), &kit.name, &ClientMessageId::new(&name).expect("a file's name"), 0);
        let requests = made.iter().map(|made| shown(kit, &made.request, &key));
        results.push((name, error.into_iter().chain(requests).collect()));
    }
    super::super::pairs::compare(folder, &results);
    Ok(())
}

/// A request as pairs have it: JSON bodies as JSON, secrets masked, our key by its name.
fn shown(kit: &Kit, request: &http::Request<bytes::Bytes>, key: &ProviderKey) -> serde_json::Value {
    let masked = |text: String| {
        let text = text.replace(key.as_str(), "<provider key>");
        kit.secrets().iter().fold(text, |text, secret| text.replace(secret.as_str(), "***"))
    };
    let headers: serde_json::Map<_, _> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), masked(String::from_utf8_lossy(value.as_bytes()).into_owned()).into()))
        .collect();
    let text = masked(String::from_utf8_lossy(request.body()).into_owned());
    let body: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|_| text.into());
    json!({ "method": request.method().as_str(), "url": masked(request.uri().to_string()), "headers": headers, "body": body })
}
