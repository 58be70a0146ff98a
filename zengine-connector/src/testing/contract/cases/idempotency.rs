//! One client message id is one message, whatever happens.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use serde_json::Value;

use super::{super::wire::Made, prelude::*};
use crate::{error::ErrorKind, message::Idempotency, pipeline::Outcome};

fn delivered(outcome: Result<Outcome, crate::Error>) -> crate::Delivered {
    match outcome.expect("a send") {
        Outcome::Delivered(delivered) => delivered,
        other => panic!("not delivered: {other:?}"),
    }
}

/// A second send of the same message under the same id: the first one's receipt, and no call.
pub(crate) async fn the_same_id_sends_once(kit: &Shared) -> Done {
    let world = World::new(kit);
    let first = delivered(world.send(0, 0, "once-1").await);
    let calls = world.wire.calls();
    let second = delivered(world.send(0, 0, "once-1").await);
    assert!(second.replayed && !first.replayed);
    assert_eq!(second.provider_id(), first.provider_id(), "the replay has another receipt");
    assert_eq!(world.wire.calls(), calls, "the replay called the provider");
    Ok(())
}

/// The same, by another process over the same stores.
pub(crate) async fn the_same_id_sends_once_across_a_restart(kit: &Shared) -> Done {
    let world = World::new(kit);
    let first = delivered(world.send(0, 0, "restart-1").await);
    let calls = world.wire.calls();
    let second = delivered(world.restart().send(0, 0, "restart-1").await);
    assert!(second.replayed);
    assert_eq!(second.provider_id(), first.provider_id(), "the replay has another receipt");
    assert_eq!(world.wire.calls(), calls, "the second process called the provider");
    Ok(())
}

/// Fifty callers at once.
pub(crate) async fn fifty_calls_at_once_send_once(kit: &Shared) -> Done {
    let world = World::new(kit);
    let sends = (0..50).map(|_| world.send(0, 0, "fifty-1"));
    let ids: BTreeSet<_> = join_all(sends).await.into_iter().map(|sent| format!("{:?}", delivered(sent).provider_id())).collect();
    assert_eq!(ids.len(), 1, "callers of one message have different receipts");
    assert_eq!(world.wire.effects().len(), 1, "fifty callers of one id made more than one message");
    Ok(())
}

/// Two processes at once, ten callers each: whoever may not send waits or is put off.
pub(crate) async fn two_processes_at_once_send_once(kit: &Shared) -> Done {
    let world = World::new(kit);
    let other = world.restart();
    let sends = (0..20).map(|n| if n % 2 == 0 { world.send(0, 0, "two-1") } else { other.send(0, 0, "two-1") });
    for sent in join_all(sends).await {
        let outcome = sent.expect("a send");
        assert!(matches!(outcome, Outcome::Delivered(_) | Outcome::Deferred(_)), "{outcome:?}");
    }
    assert_eq!(world.wire.effects().len(), 1, "two processes made more than one message");
    Ok(())
}

/// Retries of what was not sent, callers at once, and in the end one message.
pub(crate) async fn retries_of_concurrent_calls_send_once(kit: &Shared) -> Done {
    let world = World::new(kit);
    world.wire.next([WireFault::Refused, WireFault::Refused]);
    for sent in join_all((0..10).map(|_| world.send(0, 0, "retried-1"))).await {
        drop(delivered(sent));
    }
    assert_eq!(world.wire.effects().len(), 1);
    Ok(())
}

/// A restart in the middle of doubt: nobody sends it again on his own.
pub(crate) async fn doubt_survives_a_restart(kit: &Shared) -> Done {
    let world = World::new(kit);
    world.wire.next([WireFault::HangAfterAccepting]);
    let first = world.send(0, 0, "unclear-1").await.expect("a send");
    assert!(matches!(first, Outcome::Unknown(_)), "{first:?}");
    let second = world.restart().send(0, 0, "unclear-1").await.expect("a send");
    assert!(matches!(second, Outcome::Unknown(_)), "{second:?}");
    assert_eq!(world.wire.sends().len(), 1, "a restart sent it again");
    Ok(())
}

/// Another message under the same id is refused, and nothing leaves.
pub(crate) async fn another_message_under_the_same_id_is_refused(kit: &Shared) -> Done {
    let world = World::new(kit);
    drop(delivered(world.send(0, 0, "reused-1").await));
    let calls = world.wire.calls();
    match world.send(0, 1, "reused-1").await {
        Err(error) => assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}"),
        Ok(outcome) => panic!("another message under the same id: {outcome:?}"),
    }
    assert_eq!(world.wire.calls(), calls, "it left all the same");
    Ok(())
}

/// One id of two tenants is two messages, each with its own receipt.
pub(crate) async fn the_same_id_of_two_tenants_is_two_messages(kit: &Shared) -> Done {
    let world = World::new(kit);
    let (a, b) = (delivered(world.send(0, 0, "shared-1").await), delivered(world.send(1, 0, "shared-1").await));
    assert!(!a.replayed && !b.replayed, "one tenant got the other's result");
    assert_eq!(world.wire.effects().len(), 2);
    Ok(())
}

/// What is the same in two requests that belong together, in parts: header values, query values, leaves of JSON.
fn parts(made: &Made) -> BTreeSet<String> {
    let mut parts: BTreeSet<String> =
        made.request.headers().values().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
    parts.extend(made.request.uri().path().split('/').map(str::to_owned));
    parts.extend(made.request.uri().query().into_iter().flat_map(|query| query.split('&').map(str::to_owned)));
    match serde_json::from_slice::<Value>(made.request.body()) {
        Ok(body) => leaves(&body, &mut parts),
        Err(_) => parts.extend(String::from_utf8_lossy(made.request.body()).split(['&', '\n']).map(str::to_owned)),
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

/// Attempts of one send carry something that no other send of the same message carries: the key.
pub(crate) async fn the_key_is_the_same_in_every_attempt(kit: &Shared) -> Done {
    let message = kit.message(0);
    let world = World::new(kit);
    for (id, attempt) in [("key-a", 1), ("key-a", 2), ("key-b", 1)] {
        drop(world.attempt_json(0, &message, id, attempt, super::super::bare::TIME).await.expect("the sample message is accepted"));
    }
    let sends: Vec<_> = world.wire.sends().iter().map(parts).collect();
    let own: Vec<_> = sends[0].intersection(&sends[1]).filter(|part| !sends[2].contains(*part)).collect();
    assert!(!own.is_empty(), "the descriptor says that the provider recognises our key, and no key reaches it");
    Ok(())
}

/// The keys of two tenants differ, also for the same id and message.
pub(crate) async fn keys_of_two_tenants_differ(kit: &Shared) -> Done {
    let message = kit.message(0);
    let world = World::new(kit);
    for (tenant, id) in [(0, "key-a"), (0, "key-b"), (1, "key-a")] {
        drop(world.attempt_json(tenant, &message, id, 1, super::super::bare::TIME).await.expect("the sample message is accepted"));
    }
    let sends: Vec<_> = world.wire.sends().iter().map(parts).collect();
    let key: Vec<_> = sends[0].difference(&sends[1]).collect();
    let common: Vec<_> = key.iter().filter(|part| sends[2].contains(**part)).collect();
    assert!(common.len() < key.len().max(1), "two tenants use one key");
    Ok(())
}

/// What was delivered can be asked for, without sending.
pub(crate) async fn an_outcome_can_be_read(kit: &Shared) -> Done {
    let world = World::new(kit);
    let id = crate::ClientMessageId::new("read-1").unwrap();
    let tenant = World::id(0);
    let ask = || world.orchestrator.outcome(&tenant, kit.name.as_str(), &id);
    assert!(ask().await.expect("a question").is_none(), "an outcome before the send");
    let sent = delivered(world.send(0, 0, "read-1").await);
    let calls = world.wire.calls();
    let Some(Outcome::Delivered(read)) = ask().await.expect("a question") else { panic!("the outcome is lost") };
    assert_eq!((read.provider_id(), world.wire.calls()), (sent.provider_id(), calls));
    Ok(())
}

/// A send whose caller goes away in the middle of the call: whoever comes later does not double it.
pub(crate) async fn a_dropped_send_is_not_doubled(kit: &Shared) -> Done {
    let world = World::new(kit);
    world.wire.next([WireFault::HangAfterAccepting]);
    {
        let send = std::pin::pin!(world.send(0, 0, "dropped-1"));
        let little = std::pin::pin!(world.pass(Duration::from_millis(50)));
        let first = futures_util::future::select(send, little).await;
        assert!(matches!(first, futures_util::future::Either::Right(_)), "the call was answered");
    }
    assert_eq!(world.wire.effects().len(), 1, "the call was under way");
    // Longer than a lease: the next one takes the send over.
    world.pass(Duration::from_secs(300)).await;
    let outcome = world.restart().send(0, 0, "dropped-1").await.expect("a send");
    if kit.descriptor.idempotency == Idempotency::None {
        assert!(matches!(outcome, Outcome::Unknown(_) | Outcome::Deferred(_)), "{outcome:?}");
        assert_eq!(world.wire.sends().len(), 1, "it was sent twice");
    }
    Ok(())
}
