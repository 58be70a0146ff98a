//! Calls to the provider: which are allowed, and when.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;

use super::{super::response, prelude::*};
use crate::{
    ids::ClientMessageId,
    pipeline::Outcome,
    strategy::{HealthStatus, ProviderKey},
};

/// Binding checks the configuration and makes no call: an unauthenticated request may trigger it.
pub(crate) async fn configure_makes_no_call(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    for n in 0..TENANTS {
        drop(host.bind(n).await.expect("a sample tenant binds"));
    }
    assert_eq!(host.wire.calls(), 0, "configure called the provider");
    Ok(())
}

/// A health check sends no message.
pub(crate) async fn a_health_check_sends_no_message(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    for n in 0..TENANTS {
        let status = host.orchestrator.health(&TestHost::id(n), kit.name.as_str()).await.expect("a health check ends");
        if host.wire.calls() == 0 {
            assert_eq!(status, HealthStatus::Passive, "a check without a call must be passive");
        }
    }
    assert_eq!(host.wire.sends().len(), 0, "a health check sent a message");
    Ok(())
}

/// A health check of a failing provider ends, with a status that holds nothing secret.
pub(crate) async fn a_health_check_of_a_failing_provider_ends(kit: &SharedKit) -> CaseResult {
    let refusal = |code| WireFault::Response(response::json(code, &json!({ "error": { "message": kit.secrets.join(" ") } })));
    for fault in [WireFault::Refused, WireFault::Hang, WireFault::Reset, WireFault::garbage(), refusal(401), refusal(429), refusal(500)] {
        let (host, name) = (TestHost::new(kit), fault.name());
        let before = host.now_ms();
        host.wire.nth(0, fault.clone());
        let status = host.orchestrator.health(&TestHost::id(0), kit.name.as_str()).await;
        assert!(host.now_ms() - before <= 31_000, "{name}: the check does not end");
        let status = status.unwrap_or_else(|error| panic!("{name}: {error}"));
        kit.assert_clean("a health status", &format!("{status:?}"));
        // A check may look at the status alone.
        let visible = !matches!(fault, WireFault::Scrambled(..));
        assert!(!visible || status != HealthStatus::Healthy, "{name}: the provider counts as healthy");
    }
    Ok(())
}

/// Fifty different messages of all tenants, sent concurrently: each goes out once and has its own receipt.
pub(crate) async fn fifty_concurrent_sends_are_independent(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let sends = (0..50).map(|n| {
        let host = &host;
        async move { host.send(n % TENANTS, n, &format!("parallel-{n}")).await.expect("a send") }
    });
    let outcomes = join_all(sends).await;
    let effects = host.wire.effects();
    assert_eq!(effects.len(), 50, "fifty messages are fifty calls that send");
    let mut ids = BTreeSet::new();
    for (n, outcome) in outcomes.iter().enumerate() {
        let Outcome::Delivered(delivered) = outcome else { panic!("message {n}: {outcome:?}") };
        let Some(id) = delivered.provider_id() else { continue };
        assert!(ids.insert(id.clone()), "two messages have the receipt {id}");
        // If the request shows its message, the receipt must belong to that call.
        let message = kit.message(n).to_string();
        let words: Vec<_> = Sample::new(n).canaries().into_iter().filter(|word| message.contains(word.as_str())).collect();
        let call = effects.iter().find(|call| words.iter().any(|word| call.printed().contains(word.as_str())));
        if let Some(answer) = call.and_then(|call| call.accepted.as_ref()) {
            let given = format!("{} {:?}", String::from_utf8_lossy(answer.body()), answer.headers());
            assert!(given.contains(id.as_str()), "message {n} has the receipt of another");
        }
    }
    Ok(())
}

/// The fixture's messages of other kinds are delivered, with one call that sends each.
pub(crate) async fn other_kinds_of_messages_are_delivered(kit: &SharedKit) -> CaseResult {
    for (n, message) in kit.outbound().more.iter().enumerate() {
        let host = TestHost::new(kit);
        let outcome = host.send_json(0, message, &format!("kind-{n}"), |options| options).await;
        assert!(matches!(outcome, Ok(Outcome::Delivered(_))), "message {n} of another kind: {outcome:?}");
        assert_eq!(host.wire.effects().len(), 1, "message {n} of another kind is not one call that sends");
    }
    Ok(())
}

/// Each pair of a message and its requests.
pub(crate) async fn pairs_of_messages_and_requests(kit: &SharedKit) -> CaseResult {
    let folder = kit.outbound().pairs.as_ref().expect("a folder of pairs");
    let mut results = vec![];
    for (name, text) in super::super::pairs::inputs(folder, "json") {
        let message = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}.in.json: {error}"));
        let host = TestHost::new(kit);
        let sent = host.attempt_json(0, &message, &name, 1, super::super::attempt::ATTEMPT_TIME).await;
        let error = sent.err().map(|error| json!({ "error": error.kind().as_str(), "reach": error.reach().as_str() }));
        let calls = host.wire.recorded();
        let key = ProviderKey::derive(&TestHost::id(0), &kit.name, &ClientMessageId::new(&name).expect("a file's name"), 0);
        let requests = calls.iter().map(|call| {
            let request = &call.request;
            let shown = kit.shown((request.method(), request.uri(), request.headers()), request.body()).to_string();
            serde_json::from_str::<serde_json::Value>(&shown.replace(key.as_str(), "<provider key>")).expect("a request as JSON")
        });
        results.push((name, error.into_iter().chain(requests).collect()));
    }
    super::super::pairs::compare(folder, &results);
    Ok(())
}
