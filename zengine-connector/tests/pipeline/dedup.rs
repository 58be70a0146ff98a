//! One owner per send, and what duplicates get.

use std::sync::{Arc, Mutex};

use zengine_connector::{
    ErrorKind, Reach, Secret, SendOptions, StrategyName, StrategyRegistry, TenantId, async_trait,
    error::Disposition,
    keyring::{Key, KeyRing, StaticKeyRing},
    pipeline::{DeferredReason, RedriveOptions},
    runtime::{Clock, to_ms},
    stage::{Breaker, Dedup, Duplicates, Retry, StoreDown},
    store::{
        Applied, ClaimKey, ClaimOp, ClaimRecord, ClaimStatus, ClaimStore, InboundOp, InboundRecord, Reference, StoreError, StoreErrorKind,
    },
    strategy::ProviderKey,
    testing::{NativeProvider, ProviderAnswer, QueryableProvider, Recording, StoreCall, StoreFault},
};

use super::new_world;
use crate::log::Log;
use crate::support::{deferred, delivered, drop_after, failed, id, ms, secs, send, strategy, tenant, text, unknown, written};

/// Case 1.
#[tokio::test(start_paused = true)]
async fn rule_24_a_hundred_callers_of_one_process_share_one_call() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    let outcomes = futures_util::future::join_all((0..100).map(|_| send(&process, "1"))).await;
    let ends: Vec<_> = outcomes.into_iter().map(delivered).collect();
    assert_eq!(provider.calls().len(), 1);
    assert!(ends.iter().all(|end| end.receipt == ends[0].receipt));
    assert_eq!(ends.iter().filter(|end| end.replayed).count(), 99);
}

/// Case 2.
#[tokio::test(start_paused = true)]
async fn rule_24_ten_processes_share_one_call() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer_always(ProviderAnswer::Slow(secs(2)));
    let processes: Vec<_> = (0..10).map(|_| world.process(&provider)).collect();
    let sends = processes.iter().flat_map(|process| (0..10).map(move |_| send(process, "1")));
    let ends: Vec<_> = futures_util::future::join_all(sends).await.into_iter().map(delivered).collect();
    assert_eq!(provider.calls().len(), 1);
    assert!(ends.iter().all(|end| end.receipt == ends[0].receipt));
}

/// Case 2, the slow half: who waits longer than `wait` is told to come back.
#[tokio::test(start_paused = true)]
async fn rule_24_a_duplicate_elsewhere_waits_and_is_then_put_off() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(ProviderAnswer::Slow(secs(8)));
    let (one, two) = (world.process(&provider), world.process(&provider));
    let (first, second) = futures_util::future::join(send(&one, "1"), async {
        world.pass(ms(10)).await;
        send(&two, "1").await
    })
    .await;
    delivered(first);
    let second = deferred(second);
    assert_eq!(second.reason, DeferredReason::InProgress);
    assert!(second.retry_after > ms(0));
    assert!(delivered(send(&two, "1").await).replayed);
    assert_eq!(provider.calls().len(), 1);
}

/// Rule 24: `Reject` is selectable.
#[tokio::test(start_paused = true)]
async fn rule_24_rejected_duplicates_do_not_wait() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(ProviderAnswer::Slow(secs(8)));
    let process = world.process_with(&provider, |it| it.dedup(Dedup { duplicates: Duplicates::Reject, ..Dedup::default() }));
    let before = world.clock.monotonic();
    let (_, second) = futures_util::future::join(send(&process, "1"), async {
        let outcome = send(&process, "1").await;
        (outcome, world.clock.monotonic())
    })
    .await;
    assert_eq!(deferred(second.0).reason, DeferredReason::InProgress);
    assert_eq!(second.1, before);
}

/// Cases 3, 4 and 5.
#[tokio::test(start_paused = true)]
async fn rule_11_tenant_and_strategy_are_part_of_the_key() {
    let (world, provider) = (new_world(), Recording::new());
    let registry = StrategyRegistry::builder().register(provider.clone()).register_as("second", provider.clone());
    let process = world.host(registry, |it| it);
    let second = StrategyName::new("second").unwrap();
    let tenants = ["acme", "other", "a|b", "a"].map(|name| TenantId::new(name).unwrap());
    for name in &tenants {
        world.memory.put_tenant(name, &strategy(), serde_json::json!({}));
        world.memory.put_tenant(name, &second, serde_json::json!({}));
    }
    let sends = [(0, "recording", "1"), (1, "recording", "1"), (0, "second", "1"), (2, "recording", "c"), (3, "recording", "b|c")];
    for (who, how, what) in sends {
        let outcome = process.send(&tenants[who], how, id(what), &text("hello")).await.unwrap();
        assert!(!delivered(outcome).replayed);
    }
    assert_eq!(provider.calls().len(), sends.len());
}

/// Cases 6 and 8, and the same in another process without a warm cache.
#[tokio::test(start_paused = true)]
async fn rule_23_another_body_under_a_settled_id_is_refused() {
    let (world, provider) = (new_world(), Recording::new());
    let (warm, cold) = (world.process(&provider), world.process(&provider));
    delivered(send(&warm, "1").await);
    let before = world.record("1").await;
    for process in [&warm, &cold] {
        let error = process.send(tenant(), "recording", id("1"), &text("other")).await.unwrap_err();
        assert_eq!((error.kind(), error.disposition()), (ErrorKind::Mismatch, Disposition::Reject));
    }
    assert_eq!(provider.calls().len(), 1);
    assert_eq!(world.record("1").await, before);
}

/// Case 7, in the same process and in another; and case 19: the refused one leaves the owner's record alone.
#[tokio::test(start_paused = true)]
async fn rule_23_another_body_under_a_running_id_is_refused_at_once() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(ProviderAnswer::Slow(secs(3)));
    let (one, two) = (world.process(&provider), world.process(&provider));
    let (first, ()) = futures_util::future::join(send(&one, "1"), async {
        world.pass(ms(10)).await;
        let (before, now) = (world.record("1").await, world.clock.monotonic());
        for process in [&one, &two] {
            let error = process.send(tenant(), "recording", id("1"), &text("other")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Mismatch);
        }
        assert_eq!(world.clock.monotonic(), now);
        assert_eq!(world.record("1").await, before);
    })
    .await;
    delivered(first);
}

/// A ring whose newest key is the current one.
#[derive(Debug)]
struct Rotating(Mutex<Vec<Arc<Key>>>);

impl KeyRing for Rotating {
    fn current(&self) -> Arc<Key> {
        Arc::clone(self.0.lock().unwrap().last().unwrap())
    }

    fn by_id(&self, id: &str) -> Option<Arc<Key>> {
        self.0.lock().unwrap().iter().find(|key| key.id() == id).cloned()
    }
}

/// The fingerprints of a running send and of its duplicate may be of two keys.
#[tokio::test(start_paused = true)]
async fn rule_23_another_body_under_a_running_id_is_refused_over_a_rotation() {
    let (world, provider) = (new_world(), Recording::new());
    let key = |name, byte| Arc::new(Key::new(name, &Secret::new([byte; 32])));
    let ring = Arc::new(Rotating(Mutex::new(vec![key("old", 1)])));
    let process = world.process_with(&provider, |it| it.keys(Arc::clone(&ring) as _));
    provider.answer(ProviderAnswer::Slow(secs(3)));
    let others = async {
        world.pass(secs(1)).await;
        ring.0.lock().unwrap().push(key("new", 2));
        let other = process.send(tenant(), "recording", id("1"), &text("other")).await;
        assert_eq!(other.unwrap_err().kind(), ErrorKind::Mismatch);
        assert!(delivered(send(&process, "1").await).replayed);
    };
    let (first, ()) = futures_util::future::join(send(&process, "1"), others).await;
    delivered(first);
    assert_eq!(provider.calls().len(), 1);
}

/// Case 9: the order of members, white space and the spelling of numbers do not change the fingerprint; nor does metadata.
#[tokio::test(start_paused = true)]
async fn rule_23_another_spelling_of_the_same_message_is_the_same() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    let at = |latitude: &str, order: bool| {
        let location = format!(r#""content":{{"type":"location","latitude":{latitude},"longitude":2}}"#);
        let to = r#""to":{"ids":[{"kind":"phone","value":"+15551230001"}]}"#;
        let json = if order { format!("{{{to},{location}}}") } else { format!("{{ {location},\n {to}, \"metadata\":{{\"a\":\"b\"}} }}") };
        serde_json::value::RawValue::from_string(json).unwrap()
    };
    for message in [at("1", true), at("1.0", false), at("1e0", true)] {
        delivered(process.send(tenant(), "recording", id("1"), &message).await.unwrap());
    }
    assert_eq!(provider.calls().len(), 1);
}

/// A key rotation turns no replay into a mismatch, and hides none where the old key is still there.
#[tokio::test(start_paused = true)]
async fn rule_23_fingerprints_are_compared_under_their_own_key() {
    let (world, provider) = (new_world(), Recording::new());
    let bytes = |byte| Secret::new([byte; 32]);
    let old = || Key::new("old", &bytes(1));
    let before = world.process_with(&provider, |it| it.keys(std::sync::Arc::new(StaticKeyRing::new(old()))));
    delivered(send(&before, "1").await);
    // Put off under the old key, to be claimed anew under the new one.
    provider.answer(ProviderAnswer::throttle(secs(60)));
    deferred(send(&before, "2").await);

    let both = StaticKeyRing::new(Key::new("new", &bytes(2))).with_older(old());
    let after = world.process_with(&provider, |it| it.keys(std::sync::Arc::new(both)));
    for released_or_settled in ["1", "2"] {
        let before = world.record(released_or_settled).await;
        let error = after.send(tenant(), "recording", id(released_or_settled), &text("other")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch, "{released_or_settled}");
        assert_eq!(world.record(released_or_settled).await, before, "not claimed even for a moment: {released_or_settled}");
    }
    assert!(delivered(send(&after, "1").await).replayed);
    assert!(!delivered(send(&after, "2").await).replayed);

    let forgetful = world.process_with(&provider, |it| it.keys(std::sync::Arc::new(StaticKeyRing::new(Key::new("newest", &bytes(3))))));
    let log = Log::default();
    let subscriber = tracing::subscriber::set_default(log.clone());
    assert!(delivered(send(&forgetful, "1").await).replayed, "what cannot be compared counts as the same");
    drop(subscriber);
    let warned = log.lines("dedup.fingerprint_not_comparable").concat();
    for field in ["tenant_id=acme", "strategy=recording", "client_message_id=1", "key_id=old"] {
        assert!(warned.contains(field), "{field}: {warned}");
    }
    assert_eq!(provider.sent().len(), 2);
}

/// Case 10.
#[tokio::test(start_paused = true)]
async fn rule_14_a_claim_whose_answer_was_lost_is_recognised() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    world.faults.next(StoreCall::Claim, 1, StoreFault::AnswerLost);
    assert!(!delivered(send(&process, "1").await).replayed);
    assert_eq!(provider.calls().len(), 1);
}

/// Rule 14 for every later write: nothing is sent twice, lost or called an error because an answer was lost.
#[tokio::test(start_paused = true)]
async fn rule_14_every_write_survives_a_lost_answer() {
    for (call, answer) in [
        (StoreCall::Mark, ProviderAnswer::Accept),
        (StoreCall::Commit, ProviderAnswer::Accept),
        (StoreCall::Release, ProviderAnswer::throttle(secs(60))),
        (StoreCall::ClearEffects, ProviderAnswer::error(ErrorKind::InvalidContent, Reach::Processed)),
    ] {
        let (world, provider) = (new_world(), Recording::new());
        let process = world.process(&provider);
        provider.answer(answer);
        world.faults.next(call, 1, StoreFault::AnswerLost);
        let first = send(&process, "1").await;
        assert!(world.faults.count(call) >= 1, "{call:?}");
        let second = send(&process, "1").await;
        match call {
            StoreCall::ClearEffects => {
                assert_eq!(failed(first).failure_id, failed(second).failure_id);
                assert_eq!((world.all_letters().await.len(), provider.calls().len()), (1, 1));
            }
            StoreCall::Release => {
                deferred(first);
                assert!(!delivered(second).replayed);
            }
            StoreCall::Mark => {
                delivered(second);
                assert_eq!(provider.sent().len(), 1);
            }
            _ => {
                assert!(delivered(first).dedup_recorded);
                assert!(delivered(second).replayed);
                assert_eq!(provider.calls().len(), 1);
            }
        }
    }
}

/// Case 11.
#[tokio::test(start_paused = true)]
async fn rule_19_a_crash_before_the_mark_leads_to_one_send_after_the_lease() {
    let (world, provider) = (new_world(), Recording::new());
    let crashed = world.killed(&provider);
    world.faults.next(StoreCall::Mark, 1, StoreFault::Hang);
    drop_after(&world, &crashed, "1", secs(1)).await;
    assert_eq!(world.record("1").await.unwrap().status, ClaimStatus::Claimed);

    let other = world.process(&provider);
    assert_eq!(deferred(send(&other, "1").await).reason, DeferredReason::InProgress);
    world.pass(secs(60)).await;
    let outcomes = futures_util::future::join_all((0..10).map(|_| send(&other, "1"))).await;
    assert!(outcomes.into_iter().all(|outcome| delivered(outcome).attempts == 1));
    assert_eq!(provider.calls().len(), 1);
}

/// Case 16, the first half.
#[tokio::test(start_paused = true)]
async fn rule_15_a_late_owner_before_its_mark_sends_nothing() {
    let (world, provider) = (new_world(), Recording::new());
    let (slow, fast) = (world.process(&provider), world.process(&provider));
    world.faults.next(StoreCall::Mark, 1, StoreFault::Wait);
    let (late, ()) = futures_util::future::join(send(&slow, "1"), async {
        world.pass(ms(1)).await;
        world.clock.jump_ms(63_000);
        delivered(send(&fast, "1").await);
        world.faults.resume();
    })
    .await;
    assert_eq!(deferred(late).reason, DeferredReason::LeaseLost);
    assert_eq!(provider.calls().len(), 1);
    assert!(delivered(send(&slow, "1").await).replayed);
}

/// Case 16, the second half: a pause between mark and first byte.
#[tokio::test(start_paused = true)]
async fn rule_19_a_late_owner_after_its_mark_makes_at_most_one_message() {
    let (world, provider) = (new_world(), Recording::new());
    let (slow, fast) = (world.process(&provider), world.process(&provider));
    provider.answer(ProviderAnswer::Slow(secs(1)));
    let (late, early) = futures_util::future::join(send(&slow, "1"), async {
        world.pass(ms(1)).await;
        world.clock.jump_ms(63_000);
        send(&fast, "1").await
    })
    .await;
    unknown(early);
    delivered(late);
    assert_eq!(provider.sent().len(), 1);
    assert_eq!(world.record("1").await.unwrap().attempts, 1, "a late owner adds its attempts (rule 27)");
}

/// Case 17: the truth of a late owner replaces not knowing, and never the other way round.
#[tokio::test(start_paused = true)]
async fn rule_27_a_late_owner_upgrades_an_unknown() {
    let (world, provider) = (new_world(), Recording::new());
    let slow = world.process_with(&provider, |it| it.attempt_timeout(secs(50)));
    let fast = world.process(&provider);
    provider.answer(ProviderAnswer::Slow(secs(40)));
    let (late, ended) = futures_util::future::join(send(&slow, "1"), async {
        world.pass(secs(5)).await;
        world.clock.jump_ms(70_000);
        let ended = send(&fast, "1").await;
        world.clock.jump_ms(-70_000);
        ended
    })
    .await;
    unknown(ended);
    assert!(delivered(late).dedup_recorded);
    assert_eq!(world.record("1").await.unwrap().status, ClaimStatus::Delivered);
    assert_eq!(world.settled().len(), 1);
    assert_eq!(world.settled()[0].id, world.failed()[0].id);
    assert_eq!(provider.calls().len(), 1);
    assert!(delivered(send(&fast, "1").await).replayed);
}

/// Case 18: whoever is no longer the owner can release nothing.
#[tokio::test(start_paused = true)]
async fn rule_15_a_zombies_release_is_refused() {
    let (world, provider) = (new_world(), Recording::new());
    let (zombie, successor) = (world.process(&provider), world.process(&provider));
    world.faults.next(StoreCall::Mark, 1, StoreFault::Refused);
    world.faults.next(StoreCall::Release, 1, StoreFault::Wait);
    provider.answer(ProviderAnswer::Slow(secs(3)));
    let ((late, second), ()) = futures_util::future::join(
        futures_util::future::join(send(&zombie, "1"), async {
            world.pass(ms(1)).await;
            world.clock.jump_ms(63_000);
            send(&successor, "1").await
        }),
        async {
            world.pass(secs(1)).await;
            let before = world.record("1").await.unwrap();
            world.faults.resume();
            world.pass(ms(1)).await;
            let after = world.record("1").await.unwrap();
            assert_eq!((before.status, &before.owner), (ClaimStatus::Sending, &after.owner));
            assert_eq!(before.status, after.status);
        },
    )
    .await;
    deferred(late);
    assert!(!delivered(second).replayed);
    assert_eq!(provider.calls().len(), 1);
}

/// Case 20.
#[tokio::test(start_paused = true)]
async fn rule_26_a_delivered_send_is_delivered_whatever_the_store_says() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    world.faults.always(StoreCall::Commit, StoreFault::Refused);
    let end = delivered(send(&process, "1").await);
    assert!(!end.dedup_recorded && !end.replayed);
    assert!(world.faults.count(StoreCall::Commit) >= 3);

    world.faults.heal();
    world.faults.next(StoreCall::Commit, 2, StoreFault::Refused);
    assert!(delivered(send(&process, "2").await).dedup_recorded);
}

/// Case 21.
#[tokio::test(start_paused = true)]
async fn rule_28_no_claim_no_send_unless_the_host_prefers_doubles() {
    let (world, provider) = (new_world(), Recording::new());
    world.faults.always(StoreCall::Claim, StoreFault::Refused);
    let careful = world.process(&provider);
    assert_eq!(deferred(send(&careful, "1").await).reason, DeferredReason::StoreUnavailable);
    assert_eq!(provider.calls().len(), 0);
    let bold = world.process_with(&provider, |it| it.store_down(StoreDown::SendUnprotected));
    assert!(!delivered(send(&bold, "1").await).dedup_recorded);
    assert_eq!(provider.calls().len(), 1);
}

/// A claim that was seen is respected also when the store is down afterwards.
#[tokio::test(start_paused = true)]
async fn rule_28_a_host_that_prefers_doubles_sends_nothing_that_another_process_sends() {
    let (world, provider) = (new_world(), Recording::new());
    let bold = world.process_with(&provider, |it| it.store_down(StoreDown::SendUnprotected));
    provider.answer(ProviderAnswer::Hang);
    drop_after(&world, &world.killed(&provider), "1", ms(10)).await;
    world.faults.always(StoreCall::GetClaim, StoreFault::Refused);
    assert_eq!(deferred(send(&bold, "1").await).reason, DeferredReason::StoreUnavailable);
    world.pass(secs(63)).await;
    world.faults.heal();
    // The claim is refused, and giving the orphan up fails.
    world.faults.always(StoreCall::GiveUp, StoreFault::Refused);
    assert_eq!(deferred(send(&bold, "1").await).reason, DeferredReason::StoreUnavailable);
    assert_eq!(provider.calls().len(), 1);
}

/// Writes that collide mean that somebody is at work: the store is not down.
#[tokio::test(start_paused = true)]
async fn rule_28_a_conflict_is_not_sent_unprotected() {
    let (world, provider) = (new_world(), Recording::new());
    let bold = world.process_with(&provider, |it| it.store_down(StoreDown::SendUnprotected));
    world.faults.next(StoreCall::Claim, 1, StoreFault::Conflict);
    let log = Log::default();
    let _subscriber = tracing::subscriber::set_default(log.clone());
    assert_eq!(deferred(send(&bold, "1").await).reason, DeferredReason::StoreUnavailable);
    assert_eq!(provider.calls().len(), 0);
    assert_eq!((log.lines("dedup.store_conflict").len(), log.lines("dedup.store_unavailable").len()), (1, 0));
}

/// The end of an unprotected send is the end: its queue does not deliver it again, and its letter is kept.
#[tokio::test(start_paused = true)]
async fn rule_28_an_unprotected_send_ends_as_what_it_is() {
    for (answer, end) in
        [(ProviderAnswer::accept_then_break(), "unknown"), (ProviderAnswer::error(ErrorKind::InvalidContent, Reach::Processed), "failed")]
    {
        let (world, provider) = (new_world(), Recording::new());
        let bold = world.process_with(&provider, |it| it.store_down(StoreDown::SendUnprotected));
        provider.answer(answer);
        world.faults.always(StoreCall::Claim, StoreFault::Refused);
        let outcome = send(&bold, "1").await;
        assert_eq!((outcome.as_str(), outcome.is_replayed()), (end, false));
        let letters = world.all_letters().await;
        assert_eq!((letters.len(), letters[0].outcome.as_str(), world.failed().len()), (1, end, 1));
        assert_eq!(letters[0].first_sent_at_ms, letters[0].first_claimed_at_ms, "since when a window counts");
        assert_eq!(letters[0].failure_id, world.failed()[0].id);
        world.faults.heal();
        let options = RedriveOptions::new().force("asked");
        delivered(bold.redrive(&letters[0].failure_id, options).await.unwrap());
    }
}

/// Without a record, a duplicate cannot know of an attempt that may have arrived: the send ends Unknown.
#[tokio::test(start_paused = true)]
async fn rule_28_an_unprotected_send_in_doubt_is_unknown_and_not_put_off() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    let bold = world.process_with(&provider, |it| it.store_down(StoreDown::SendUnprotected));
    world.faults.always(StoreCall::Claim, StoreFault::Refused);
    provider.answer(ProviderAnswer::AcceptLate(secs(60)));
    unknown(send(&bold, "1").await);
    assert_eq!((provider.calls().len(), world.all_letters().await.len()), (1, 1));
}

/// A store that does not answer holds nobody for ever.
#[tokio::test(start_paused = true)]
async fn rule_28_a_store_that_hangs_puts_the_send_off() {
    for call in [StoreCall::Claim, StoreCall::Mark] {
        let (world, provider) = (new_world(), Recording::new());
        let process = world.process(&provider);
        world.faults.always(call, StoreFault::Hang);
        let outcome = tokio::time::timeout(secs(60), send(&process, "1")).await.expect("the send must end");
        assert_eq!(deferred(outcome).reason, DeferredReason::StoreUnavailable, "{call:?}");
        assert_eq!(provider.calls().len(), 0);
    }
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    world.faults.always(StoreCall::Commit, StoreFault::Hang);
    let outcome = tokio::time::timeout(secs(120), send(&process, "1")).await.expect("the send must end");
    assert!(!delivered(outcome).dedup_recorded);
}

/// Case 22.
#[tokio::test(start_paused = true)]
async fn rule_21_what_an_open_breaker_put_off_is_released() {
    let (world, provider) = (new_world(), Recording::new());
    let process =
        world.process_with(&provider, |it| it.retry(Retry::none()).breaker(Breaker { consecutive_failures: 1, ..Breaker::default() }));
    provider.answer(ProviderAnswer::unreachable());
    failed(send(&process, "1").await);
    assert_eq!(deferred(send(&process, "2").await).reason, DeferredReason::BreakerOpen);
    let record = world.record("2").await.unwrap();
    assert_eq!((record.status, record.maybe_sent, record.attempts), (ClaimStatus::Released, false, 0));
    assert!(!delivered(send(&world.process(&provider), "2").await).replayed);
}

/// Case 25.
#[tokio::test(start_paused = true)]
async fn rule_29_a_record_ends_exactly_at_its_time() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    delivered(send(&process, "1").await);
    let left = world.record("1").await.unwrap().expires_at_s * 1000 - to_ms(world.clock.now());
    world.clock.jump_ms(left - 1);
    let other = world.process(&provider);
    assert!(delivered(send(&process, "1").await).replayed);
    assert!(delivered(send(&other, "1").await).replayed);
    assert!(process.outcome(tenant(), "recording", &id("1")).await.unwrap().is_some());
    world.clock.jump_ms(1);
    assert!(process.outcome(tenant(), "recording", &id("1")).await.unwrap().is_none());
    assert!(!delivered(send(&process, "1").await).replayed);
    assert_eq!(provider.sent().len(), 2);
}

/// A store may still hold a record whose time is over; its fingerprint is not that of the message that follows.
#[tokio::test(start_paused = true)]
async fn rule_29_an_id_whose_time_is_over_names_the_next_message() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    delivered(send(&process, "1").await);
    world.clock.jump_ms(3 * 86_400_000);
    let next = text("other");
    assert!(!delivered(process.send(tenant(), "recording", "1", &next).await.unwrap()).replayed);
    let cold = world.process(&provider);
    assert!(delivered(cold.send(tenant(), "recording", "1", &next).await.unwrap()).replayed);
    let earlier = cold.send(tenant(), "recording", "1", &text("hello")).await;
    assert_eq!(earlier.unwrap_err().kind(), ErrorKind::Mismatch);
}

/// A release that sent nothing lives as long as a settled send, one in doubt for 14 days.
#[tokio::test(start_paused = true)]
async fn rule_29_a_release_is_kept_as_long_as_its_doubt() {
    let days = |days: u64| secs(days * 86_400);
    for (answer, kept) in [(ProviderAnswer::throttle(secs(60)), days(1)), (ProviderAnswer::accept_then_break(), days(14))] {
        let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
        provider.answer(answer);
        provider.answer(ProviderAnswer::throttle(secs(60)));
        deferred(send(&world.process(&provider), "1").await);
        let record = world.record("1").await.unwrap();
        assert_eq!((record.status, record.maybe_sent), (ClaimStatus::Released, kept == days(14)));
        assert_eq!(record.expires_at_s - to_ms(world.clock.now()) / 1000, i64::try_from(kept.as_secs()).unwrap());
    }
}

/// The reference of a hashed provider key lives for 14 days.
#[tokio::test(start_paused = true)]
async fn rule_29_the_way_back_to_a_send_lives_as_long_as_its_doubt() {
    let (world, provider) = (new_world(), Recording::new());
    let long = "x".repeat(200);
    delivered(send(&world.process(&provider), &long).await);
    let key = ProviderKey::derive(&tenant(), &strategy(), &id(&long), 0);
    let reference = world.claims.reference(key.hash().unwrap(), to_ms(world.clock.now())).await.unwrap().unwrap();
    assert_eq!(reference.expires_at_s - to_ms(world.clock.now()) / 1000, 14 * 86_400);
}

/// Case 26.
#[tokio::test(start_paused = true)]
async fn rule_17_no_time_left_still_writes_a_lease_that_ends() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    world.faults.always(StoreCall::Release, StoreFault::Refused);
    let options = SendOptions::new().within(ms(super::SHORTEST_MS));
    let outcome = process.send_with(tenant(), "recording", id("1"), &text("hello"), options).await.unwrap();
    assert_eq!(deferred(outcome).reason, DeferredReason::NoTimeLeft);
    let record = world.record("1").await.unwrap();
    let lease = record.lease_until_ms - to_ms(world.clock.now());
    assert!(record.status == ClaimStatus::Claimed && lease > 0 && lease <= 120_000, "{lease}");
}

/// Case 29.
#[tokio::test(start_paused = true)]
async fn rule_22_a_result_that_is_too_large_is_cut_and_still_replayed() {
    let (world, provider) = (new_world(), Recording::new());
    let big = "x".repeat(20_000);
    provider.answer(ProviderAnswer::AcceptWith(std::sync::Arc::new(move |receipt| receipt.with_data(&big).unwrap())));
    let (one, two) = (world.process(&provider), world.process(&provider));
    let first = delivered(send(&one, "1").await);
    assert!(!first.receipt.trimmed && first.dedup_recorded);
    let again = delivered(send(&two, "1").await);
    assert!(again.receipt.trimmed && again.receipt.provider_id() == first.receipt.provider_id());
    assert!(world.record("1").await.unwrap().result.unwrap().as_sealed().len() < 12_000);
}

/// Case 30, as a store reports it.
#[tokio::test(start_paused = true)]
async fn rule_22_a_record_nobody_can_read_is_an_error_and_no_send() {
    #[derive(Debug)]
    struct Damaged;
    #[async_trait]
    impl ClaimStore for Damaged {
        async fn apply(&self, _: &ClaimKey, _: &ClaimOp, _: Option<&ClaimRecord>, _: i64) -> Result<Applied<ClaimRecord>, StoreError> {
            Err(StoreError::new(StoreErrorKind::Corrupt, "a record of version 9"))
        }
        async fn get(&self, _: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
            Err(StoreError::new(StoreErrorKind::Corrupt, "a record of version 9"))
        }
        async fn apply_inbound(
            &self,
            _: &ClaimKey,
            _: &InboundOp,
            _: Option<&InboundRecord>,
            _: i64,
        ) -> Result<Applied<InboundRecord>, StoreError> {
            Err(StoreError::new(StoreErrorKind::Corrupt, "a record of version 9"))
        }
        async fn put_reference(&self, _: &str, _: &Reference) -> Result<(), StoreError> {
            Ok(())
        }
        async fn reference(&self, _: &str, _: i64) -> Result<Option<Reference>, StoreError> {
            Ok(None)
        }
    }
    let (world, provider) = (new_world(), Recording::new());
    for store_down in [StoreDown::Defer, StoreDown::SendUnprotected] {
        let process = world.process_with(&provider, |it| it.claims(std::sync::Arc::new(Damaged)).store_down(store_down));
        // It says nothing of a message that is refused either: one without a text.
        for body in ["hello", ""] {
            let error = process.send(tenant(), "recording", id("1"), &text(body)).await.unwrap_err();
            assert_eq!((error.kind(), error.disposition()), (ErrorKind::Corrupt, Disposition::RetryAfter(secs(900))), "the queue keeps it");
        }
    }
    assert_eq!(provider.calls().len(), 0);
}

/// Rule 30: what is remembered dies with its record and belongs to its tenant.
#[tokio::test(start_paused = true)]
async fn rule_30_a_warm_cache_answers_without_the_store() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    delivered(send(&process, "1").await);
    world.faults.always(StoreCall::Claim, StoreFault::Refused);
    assert!(delivered(send(&process, "1").await).replayed);
    // Another tenant's same id is not in it.
    let other = TenantId::new("other").unwrap();
    world.memory.put_tenant(&other, &strategy(), serde_json::json!({}));
    deferred(process.send(&other, "recording", id("1"), &text("hello")).await.unwrap());
}

/// Rule 32: the record names neither recipient nor content.
#[tokio::test(start_paused = true)]
async fn rule_32_the_record_holds_nothing_personal() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let process = world.process(&provider);
    delivered(send(&process, "1").await);
    let json = written(&world.record("1").await.unwrap());
    for canary in ["5551230001", "hello", "recorded-1"] {
        assert!(!json.contains(canary), "{json}");
    }
}

/// A send that another process made is remembered once it was replayed.
#[tokio::test(start_paused = true)]
async fn rule_30_a_replay_warms_the_cache() {
    let (world, provider) = (new_world(), Recording::new());
    delivered(send(&world.process(&provider), "1").await);
    let process = world.process(&provider);
    assert!(delivered(send(&process, "1").await).replayed);
    world.faults.always(StoreCall::Claim, StoreFault::Refused);
    assert!(delivered(send(&process, "1").await).replayed);
}

/// A waiter that finds another message under its id, because the one that it waited for is over, replays nothing of it.
#[tokio::test(start_paused = true)]
async fn rule_23_a_waiter_that_finds_another_message_is_refused() {
    let (world, provider) = (new_world(), Recording::new());
    let (first, second, third) = (world.process(&provider), world.process(&provider), world.process(&provider));
    world.faults.next(StoreCall::Mark, 1, StoreFault::Wait);
    let (hello, options) = (text("hello"), SendOptions::new().within(secs(200_000)));
    let waiter = async {
        world.pass(ms(10)).await;
        second.send_with(tenant(), "recording", id("1"), &hello, options).await
    };
    let others = async {
        world.pass(ms(20)).await;
        // The claim was never marked, and its record is over.
        world.clock.jump_ms(25 * 3_600_000);
        delivered(third.send(tenant(), "recording", id("1"), &text("other")).await.unwrap());
        world.pass(secs(1)).await;
        world.faults.resume();
    };
    let (late, waited, ()) = Box::pin(futures_util::future::join3(send(&first, "1"), waiter, others)).await;
    assert_eq!(deferred(late).reason, DeferredReason::LeaseLost);
    assert_eq!(waited.unwrap_err().kind(), ErrorKind::Mismatch);
    assert_eq!(provider.sent().len(), 1);
}

/// A duplicate waits for another process no longer than its own caller does.
#[tokio::test(start_paused = true)]
async fn rule_24_a_waiter_keeps_its_own_deadline() {
    let (world, provider) = (new_world(), Recording::new());
    let (one, two) = (world.process(&provider), world.process(&provider));
    provider.answer(ProviderAnswer::Slow(secs(8)));
    let (hello, options) = (text("hello"), SendOptions::new().within(secs(2)));
    let waiter = async {
        world.pass(ms(10)).await;
        let end = two.send_with(tenant(), "recording", id("1"), &hello, options).await.unwrap();
        (end, world.clock.monotonic())
    };
    let (first, (end, at)) = futures_util::future::join(send(&one, "1"), waiter).await;
    delivered(first);
    deferred(end);
    assert!(at <= ms(2_100), "{at:?}");
}

/// A send without a record needs no lease, and has nothing to renew or to release, however long it takes.
#[tokio::test(start_paused = true)]
async fn rule_28_an_unprotected_send_asks_the_store_for_nothing_more() {
    let patient = Retry { max_wait: secs(100), ..Retry::default() };
    for (wait, ended) in [(secs(80), "delivered"), (secs(600), "deferred")] {
        let (world, provider) = (new_world(), Recording::new());
        let bold = world.process_with(&provider, |it| it.store_down(StoreDown::SendUnprotected).retry(patient.clone()));
        world.faults.always(StoreCall::Claim, StoreFault::Refused);
        provider.answer(ProviderAnswer::throttle(wait));
        let options = SendOptions::new().within(secs(300));
        let end = bold.send_with(tenant(), "recording", id("1"), &text("hello"), options).await.unwrap();
        world.pass(secs(100)).await;
        assert_eq!(end.as_str(), ended);
        // The release is of the claim that may have been made although the store did not answer.
        assert_eq!(world.faults.calls(), [StoreCall::Claim, StoreCall::Claim, StoreCall::Release], "{ended}");
    }
}

/// The end of an owner that lost its claim is not stored, and is not told as if it were.
#[tokio::test(start_paused = true)]
async fn rule_15_a_late_owners_refused_end_is_not_told_as_stored() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let slow = world.process_with(&provider, |it| it.retry(Retry::none()));
    provider.answer(ProviderAnswer::AcceptThenHang);
    let (late, ()) = futures_util::future::join(send(&slow, "1"), async {
        world.pass(secs(1)).await;
        world.clock.jump_ms(63_000);
        delivered(send(&world.process(&provider), "1").await);
    })
    .await;
    assert_eq!(deferred(late).reason, DeferredReason::StoreUnavailable);
    assert!(delivered(send(&slow, "1").await).replayed);
    assert_eq!((world.all_letters().await.len(), world.failed().len(), provider.effects("1")), (0, 0, 1));
}

/// The end is not written again once the lease is over: it may be another owner's by then.
#[tokio::test(start_paused = true)]
async fn rule_26_a_commit_is_not_repeated_after_its_lease() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.dedup(Dedup { lease: secs(15), ..Dedup::default() }));
    provider.answer(ProviderAnswer::Slow(ms(9_500)));
    world.faults.always(StoreCall::Commit, StoreFault::Hang);
    assert!(!delivered(send(&process, "1").await).dedup_recorded);
    assert_eq!(world.faults.count(StoreCall::Commit), 2, "five seconds each, of which the second ends after the lease");
}

/// A release that the store does not take at once goes on after its send.
#[tokio::test(start_paused = true)]
async fn rule_21_a_release_that_fails_goes_on_in_the_background() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::throttle(secs(600)));
    world.faults.next(StoreCall::Release, 1, StoreFault::Refused);
    deferred(send(&process, "1").await);
    world.pass(secs(1)).await;
    assert_eq!(world.record("1").await.unwrap().status, ClaimStatus::Released);
    delivered(send(&process, "1").await);
}

/// The callers that follow get the leader's end, also where it is none: they do not try themselves.
#[tokio::test(start_paused = true)]
async fn rule_24_followers_are_put_off_with_their_leader() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::throttle(secs(600)));
    world.faults.next(StoreCall::Mark, 1, StoreFault::Wait);
    let callers = futures_util::future::join_all((0..10).map(|_| send(&process, "1")));
    let (ends, ()) = futures_util::future::join(callers, async {
        world.pass(ms(100)).await;
        world.faults.resume();
    })
    .await;
    for end in ends {
        assert_eq!(deferred(end).reason, DeferredReason::Throttled);
    }
    assert_eq!(provider.calls().len(), 1);
}
