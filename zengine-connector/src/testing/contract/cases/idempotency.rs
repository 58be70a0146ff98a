//! One client message id is one message, whatever fails.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::future::join_all;
use serde_json::Value;

use super::{super::wire::RecordedCall, prelude::*};
use crate::{error::ErrorKind, message::Idempotency, pipeline::Outcome, testing::NoTasks};

fn delivered(outcome: Result<Outcome, crate::Error>) -> crate::Delivered {
    match outcome.expect("a send") {
        Outcome::Delivered(delivered) => delivered,
        other => panic!("not delivered: {other:?}"),
    }
}

/// A second send of the same message under the same id returns the first receipt without a call.
pub(crate) async fn the_same_id_sends_once(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let first = delivered(host.send(0, 0, "once-1").await);
    let calls = host.wire.calls();
    let second = delivered(host.send(0, 0, "once-1").await);
    assert!(second.replayed && !first.replayed);
    assert_eq!(second.provider_id(), first.provider_id(), "the replay has another receipt");
    assert_eq!(host.wire.calls(), calls, "the replay called the provider");
    assert_eq!(host.wire.effects().len(), 1, "two callers of one id made more than one message");
    Ok(())
}

/// A second send by another process over the same stores does so too.
pub(crate) async fn the_same_id_sends_once_across_a_restart(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let first = delivered(host.send(0, 0, "restart-1").await);
    let calls = host.wire.calls();
    let second = delivered(host.restart().send(0, 0, "restart-1").await);
    assert!(second.replayed);
    assert_eq!(second.provider_id(), first.provider_id(), "the replay has another receipt");
    assert_eq!(host.wire.calls(), calls, "the second process called the provider");
    Ok(())
}

/// Fifty concurrent callers of one id make one message and get one receipt.
pub(crate) async fn fifty_concurrent_calls_send_once(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let sends = (0..50).map(|_| host.send(0, 0, "fifty-1"));
    let ids: BTreeSet<_> = join_all(sends).await.into_iter().map(|sent| format!("{:?}", delivered(sent).provider_id())).collect();
    assert_eq!(ids.len(), 1, "callers of one message have different receipts");
    assert_eq!(host.wire.effects().len(), 1, "fifty callers of one id made more than one message");
    Ok(())
}

/// Two concurrent processes with ten callers each make one message: the other callers wait or are deferred.
pub(crate) async fn two_concurrent_processes_send_once(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let other = host.restart();
    let sends = (0..20).map(|n| if n % 2 == 0 { host.send(0, 0, "two-1") } else { other.send(0, 0, "two-1") });
    for sent in join_all(sends).await {
        let outcome = sent.expect("a send");
        assert!(matches!(outcome, Outcome::Delivered(_) | Outcome::Deferred(_)), "{outcome:?}");
    }
    assert_eq!(host.wire.effects().len(), 1, "two processes made more than one message");
    Ok(())
}

/// Concurrent callers with retries of unsent attempts make one message.
pub(crate) async fn retries_of_concurrent_calls_send_once(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    host.wire.next([WireFault::Refused, WireFault::Refused]);
    for sent in join_all((0..10).map(|_| host.send(0, 0, "retried-1"))).await {
        drop(delivered(sent));
    }
    assert_eq!(host.wire.effects().len(), 1, "ten callers of one id made more than one message");
    Ok(())
}

/// A message with an unknown outcome is not sent again after a restart.
pub(crate) async fn an_unknown_outcome_survives_a_restart(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    host.wire.next([WireFault::HangAfterAccepting]);
    let first = host.send(0, 0, "unclear-1").await.expect("a send");
    assert!(matches!(first, Outcome::Unknown(_)), "{first:?}");
    let second = host.restart().send(0, 0, "unclear-1").await.expect("a send");
    assert!(matches!(second, Outcome::Unknown(_)), "{second:?}");
    assert_eq!(host.wire.sends().len(), 1, "a restart sent it again");
    Ok(())
}

/// Another message under the same id is refused without a call.
pub(crate) async fn another_message_under_the_same_id_is_refused(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    drop(delivered(host.send(0, 0, "reused-1").await));
    let calls = host.wire.calls();
    match host.send(0, 1, "reused-1").await {
        Err(error) => assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}"),
        Ok(outcome) => panic!("another message under the same id: {outcome:?}"),
    }
    assert_eq!(host.wire.calls(), calls, "it left all the same");
    Ok(())
}

/// One id of two tenants is two messages, each with its own receipt.
pub(crate) async fn the_same_id_of_two_tenants_is_two_messages(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let (a, b) = (delivered(host.send(0, 0, "shared-1").await), delivered(host.send(1, 0, "shared-1").await));
    assert!(!a.replayed && !b.replayed, "one tenant got the other's result");
    assert_eq!(host.wire.effects().len(), 2, "two ids are two messages");
    Ok(())
}

/// The comparable parts of a request: header values, path segments, query parameters, leaves of JSON.
fn parts(call: &RecordedCall) -> BTreeSet<String> {
    let mut parts: BTreeSet<String> =
        call.request.headers().values().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
    parts.extend(call.request.uri().path().split('/').map(str::to_owned));
    parts.extend(call.request.uri().query().into_iter().flat_map(|query| query.split('&').map(str::to_owned)));
    match serde_json::from_slice::<Value>(call.request.body()) {
        Ok(body) => leaves(&body, &mut parts),
        Err(_) => parts.extend(String::from_utf8_lossy(call.request.body()).split(['&', '\n']).map(str::to_owned)),
    }
    parts
}

fn leaves(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => members.values().for_each(|member| leaves(member, into)),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, into)),
        Value::String(text) => drop(into.insert(text.clone())),
        other => drop(into.insert(other.to_string())),
    }
}

/// Attempts of one send carry a common key that no other send of the same message carries.
pub(crate) async fn the_key_is_the_same_in_every_attempt(kit: &SharedKit) -> CaseResult {
    let message = kit.message(0);
    let host = TestHost::new(kit);
    for (id, attempt) in [("key-a", 1), ("key-a", 2), ("key-b", 1)] {
        drop(
            host.attempt_json(0, &message, id, attempt, super::super::attempt::ATTEMPT_TIME).await.expect("the sample message is accepted"),
        );
    }
    let sends: Vec<_> = host.wire.sends().iter().map(parts).collect();
    let own: Vec<_> = sends[0].intersection(&sends[1]).filter(|part| !sends[2].contains(*part)).collect();
    assert!(!own.is_empty(), "the descriptor says that the provider recognises an idempotency key, and no key reaches it");
    Ok(())
}

/// The keys of two tenants differ, also for the same id and message.
pub(crate) async fn keys_of_two_tenants_differ(kit: &SharedKit) -> CaseResult {
    let message = kit.message(0);
    let host = TestHost::new(kit);
    for (tenant, id) in [(0, "key-a"), (0, "key-b"), (1, "key-a")] {
        drop(
            host.attempt_json(tenant, &message, id, 1, super::super::attempt::ATTEMPT_TIME).await.expect("the sample message is accepted"),
        );
    }
    let sends: Vec<_> = host.wire.sends().iter().map(parts).collect();
    let key: Vec<_> = sends[0].difference(&sends[1]).collect();
    let common: Vec<_> = key.iter().filter(|part| sends[2].contains(**part)).collect();
    assert!(common.len() < key.len().max(1), "two tenants use one key");
    Ok(())
}

/// The outcome of a delivered message can be read without a call.
pub(crate) async fn a_stored_outcome_can_be_read(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let id = crate::ClientMessageId::new("read-1").unwrap();
    let tenant = TestHost::id(0);
    let read = || host.orchestrator.outcome(&tenant, kit.name.as_str(), &id);
    assert!(read().await.expect("a stored outcome").is_none(), "an outcome before the send");
    let sent = delivered(host.send(0, 0, "read-1").await);
    let calls = host.wire.calls();
    let Some(Outcome::Delivered(stored)) = read().await.expect("a stored outcome") else { panic!("the outcome is lost") };
    assert_eq!((stored.provider_id(), host.wire.calls()), (sent.provider_id(), calls));
    Ok(())
}

/// A send dropped in the middle of its call is not duplicated by a later one.
pub(crate) async fn a_dropped_send_is_not_duplicated(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    host.wire.next([WireFault::HangAfterAccepting]);
    {
        let send = std::pin::pin!(host.send(0, 0, "dropped-1"));
        let pause = std::pin::pin!(host.pass(Duration::from_millis(50)));
        let first = futures_util::future::select(send, pause).await;
        assert!(matches!(first, futures_util::future::Either::Right(_)), "the call was answered");
    }
    assert_eq!(host.wire.effects().len(), 1, "the call was under way");
    // Longer than a lease: the next send takes over.
    host.pass(Duration::from_secs(300)).await;
    let outcome = host.restart().send(0, 0, "dropped-1").await.expect("a send");
    if kit.idempotency(0) == Idempotency::None {
        assert!(matches!(outcome, Outcome::Unknown(_) | Outcome::Deferred(_)), "{outcome:?}");
        assert_eq!(host.wire.sends().len(), 1, "it was sent twice");
    }
    Ok(())
}

/// After a crash in the middle of a call, the duplicate is sent again, looked up or given up, as the protection says that the strategy
/// states for the tenant.
pub(crate) async fn a_duplicate_after_a_crash_is_treated_as_the_tenants_protection_says(kit: &SharedKit) -> CaseResult {
    for tenant in 0..TENANTS {
        let host = TestHost::with(kit, |builder| builder.spawner(Arc::new(NoTasks)));
        host.wire.next([WireFault::HangAfterAccepting]);
        {
            let send = std::pin::pin!(host.send(tenant, 0, "crashed-1"));
            let pause = std::pin::pin!(host.pass(Duration::from_millis(50)));
            let first = futures_util::future::select(send, pause).await;
            assert!(matches!(first, futures_util::future::Either::Right(_)), "the call was answered");
        }
        assert_eq!(host.wire.sends().len(), 1, "the call was under way");
        host.pass(Duration::from_secs(300)).await;
        let outcome = host.restart().send(tenant, 0, "crashed-1").await.expect("a send");
        let (sends, stated) = (host.wire.sends().len(), kit.idempotency(tenant));
        let fits = match stated {
            Idempotency::None => matches!(outcome, Outcome::Unknown(_)) && sends == 1,
            Idempotency::Queryable { .. } => matches!(outcome, Outcome::Delivered(_)) && sends == 1,
            Idempotency::Native { window_ms } if window_ms > 600_000 => matches!(outcome, Outcome::Delivered(_)) && sends == 2,
            // The window may be over by now.
            Idempotency::Native { .. } => true,
        };
        assert!(fits, "tenant {tenant} is said to have {stated:?}: {sends} calls sent, then {outcome:?}");
    }
    Ok(())
}
