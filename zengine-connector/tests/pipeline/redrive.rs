//! Failed messages sent again on purpose.

use std::sync::Arc;

use zengine_connector::{
    ErrorKind, FailureId, Orchestrator, Outcome, Reach, Secret, SendError, SendOptions,
    error::Disposition,
    keyring::{Key, StaticKeyRing},
    message::State,
    pipeline::{DeferredReason, RedriveOptions},
    runtime::{Clock, to_ms},
    stage::{Breaker, Retry},
    store::{ClaimOp, ClaimStatus, Evidence},
    testing::{NativeProvider, ProviderAnswer, ProviderKind, QueryableProvider, Recording, StoreCall, StoreFault},
};

use super::new_world;
use crate::log::Log;
use crate::support::{World, deferred, delivered, failed, id, key, ms, secs, send, tenant, text, unknown};

fn refusal() -> ProviderAnswer {
    ProviderAnswer::error(ErrorKind::Unauthorized, Reach::Processed)
}

async fn redrive(process: &Orchestrator, failure: &FailureId) -> Outcome {
    process.redrive(failure, RedriveOptions::new()).await.unwrap()
}

fn forced() -> RedriveOptions {
    let mut options = RedriveOptions::new();
    (options.force, options.reason) = (true, Some("the customer asked".to_owned()));
    options
}

/// Leaves a send that ended in Unknown.
async fn an_unknown<P: ProviderKind>(world: &World, provider: &Recording<P>, what: &str) -> FailureId {
    let process = world.process_with(provider, |it| it.retry(Retry::none()));
    provider.answer(ProviderAnswer::broken());
    unknown(send(&process, what).await).failure_id
}

/// Case 79, the first half; and the letter is closed.
#[tokio::test(start_paused = true)]
async fn rule_70_a_failure_is_redriven_under_a_new_key() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let process = world.process(&provider);
    provider.answer(refusal());
    let failure = failed(send(&process, "1").await).failure_id;
    let end = delivered(redrive(&process, &failure).await);
    assert!(!end.replayed);
    let calls = provider.calls();
    assert_ne!(calls[0].provider_key, calls[1].provider_key);
    assert_eq!(calls[1].client_message_id, id("1"));
    let record = world.record("1").await.unwrap();
    assert_eq!((record.status, record.generation), (ClaimStatus::Delivered, 1));
    assert!(world.all_letters().await.is_empty());
    let error = process.redrive(&failure, RedriveOptions::new()).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Reject);
    assert_eq!(error.context("failure_id"), Some(failure.as_str()));
}

/// Case 79, the second half.
#[tokio::test(start_paused = true)]
async fn rule_70_an_unknown_is_redriven_under_the_same_key() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    provider.answer(ProviderAnswer::accept_then_break());
    let once = world.process_with(&provider, |it| it.retry(Retry::none()));
    let failure = unknown(send(&once, "1").await).failure_id;
    delivered(redrive(&world.process(&provider), &failure).await);
    let calls = provider.calls();
    assert_eq!(calls[0].provider_key, calls[1].provider_key);
    assert_eq!(provider.effects("1"), 1);
}

/// The letter of a redriven Unknown still tells why it was unknown.
#[tokio::test(start_paused = true)]
async fn rule_64_a_redriven_unknown_keeps_the_attempts_before_it() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    provider.answer(ProviderAnswer::broken());
    let once = world.process_with(&provider, |it| it.retry(Retry::none()));
    let failure = unknown(send(&once, "1").await).failure_id;
    provider.answer(refusal());
    assert_eq!(unknown(redrive(&once, &failure).await).attempts, 2);
    let letter = world.all_letters().await.pop().unwrap();
    let attempts: Vec<_> = letter.attempts.iter().map(|attempt| (attempt.n, attempt.reach)).collect();
    assert_eq!((letter.generation, attempts), (1, vec![(1, Reach::Maybe), (2, Reach::Processed)]));
}

/// Rule 71, and what protects only for a while protects no more afterwards.
#[tokio::test(start_paused = true)]
async fn rule_71_an_unprotected_unknown_needs_force() {
    let (world, provider) = (new_world(), Recording::new());
    let failure = an_unknown(&world, &provider, "1").await;
    let process = world.process(&provider);
    let error = process.redrive(&failure, RedriveOptions::new()).await.unwrap_err();
    assert_eq!((error.context("rule"), provider.calls().len()), (Some("71"), 1));
    delivered(process.redrive(&failure, forced()).await.unwrap());

    for gone in [false, true] {
        let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
        let failure = an_unknown(&world, &provider, "1").await;
        world.clock.jump_ms(if gone { 3 * 86_400_000 } else { 3_600_000 });
        let process = world.process(&provider);
        let error = process.redrive(&failure, RedriveOptions::new()).await.unwrap_err();
        assert_eq!((error.context("rule"), provider.calls().len()), (Some("71"), 1));
        delivered(process.redrive(&failure, forced()).await.unwrap());
    }
}

/// Rule 71 where an earlier owner was the first to send: the provider's window began with it.
#[tokio::test(start_paused = true)]
async fn rule_71_the_window_begins_with_the_first_owner() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let process = world.process_with(&provider, |it| it.retry(Retry { max_attempts: 2, ..Retry::default() }));
    provider.answer(ProviderAnswer::broken());
    provider.answer(ProviderAnswer::throttle(secs(600)));
    deferred(send(&process, "1").await);
    world.pass(secs(3000)).await;
    provider.answer(ProviderAnswer::broken());
    provider.answer(ProviderAnswer::broken());
    let failure = unknown(send(&process, "1").await).failure_id;
    world.pass(secs(900)).await;
    let error = process.redrive(&failure, RedriveOptions::new()).await.unwrap_err();
    assert_eq!(error.context("rule"), Some("71"));
}

/// An Unknown at a provider that can be asked is asked first.
#[tokio::test(start_paused = true)]
async fn rule_70_an_unknown_is_looked_up_before_it_is_sent_again() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    provider.answer(ProviderAnswer::AcceptThen(std::sync::Arc::new(|| SendError::provider("broke").maybe())));
    provider.answer_lookup(ProviderAnswer::unreachable());
    let once = world.process_with(&provider, |it| it.retry(Retry::none()));
    let failure = unknown(send(&once, "1").await).failure_id;
    world.pass(secs(60)).await;
    delivered(redrive(&world.process(&provider), &failure).await);
    assert_eq!((provider.calls().len(), provider.effects("1")), (1, 1));
}

/// Case 78: both read the letter before one takes it; and one comes while the other sends.
#[tokio::test(start_paused = true)]
async fn rule_70_two_who_redrive_at_once_make_one_send() {
    for together in [true, false] {
        let (world, provider) = (new_world(), Recording::new());
        let (one, two) = (world.process(&provider), world.process(&provider));
        provider.answer(refusal());
        let failure = failed(send(&one, "1").await).failure_id;
        provider.answer_always(ProviderAnswer::Slow(secs(1)));
        if together {
            world.faults.next(StoreCall::TakeLetter, 2, StoreFault::Wait);
        }
        let later = async {
            if !together {
                world.pass(ms(500)).await;
            }
            redrive(&two, &failure).await
        };
        let both = futures_util::future::join(redrive(&one, &failure), later);
        let ((first, second), ()) = futures_util::future::join(both, async {
            world.pass(ms(1)).await;
            world.faults.resume();
        })
        .await;
        assert!(!delivered(first).replayed);
        if together {
            assert_eq!(deferred(second).reason, DeferredReason::InProgress);
        } else {
            assert!(delivered(second).replayed);
        }
        assert_eq!((provider.calls().len(), provider.sent().len()), (2, 1));
    }
}

/// Case 80.
#[tokio::test(start_paused = true)]
async fn rule_70_a_redrive_works_when_the_record_is_gone() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let process = world.process(&provider);
    provider.answer(refusal());
    let failure = failed(send(&process, "1").await).failure_id;
    world.clock.jump_ms(3 * 86_400_000);
    provider.answer(refusal());
    let second = failed(redrive(&process, &failure).await).failure_id;
    assert_ne!(second, failure);
    assert_eq!(world.record("1").await.unwrap().generation, 1);
    world.clock.jump_ms(3 * 86_400_000);
    delivered(redrive(&process, &second).await);
    assert_eq!(world.record("1").await.unwrap().generation, 2);
    let keys: std::collections::BTreeSet<_> = provider.calls().iter().map(|call| call.provider_key.as_str().to_owned()).collect();
    assert_eq!(keys.len(), 3);
    assert!(world.all_letters().await.is_empty());
}

/// The record of another message, whose time is over, lends its fingerprint to no redrive.
#[tokio::test(start_paused = true)]
async fn rule_72_a_redrive_over_an_expired_record_is_a_send_of_its_own_message() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(refusal());
    let failure = failed(send(&process, "1").await).failure_id;
    world.clock.jump_ms(3 * 86_400_000);
    delivered(process.send(tenant(), "recording", id("1"), &text("other")).await.unwrap());
    world.clock.jump_ms(3 * 86_400_000);
    delivered(redrive(&process, &failure).await);
    assert!(delivered(send(&world.process(&provider), "1").await).replayed);
}

/// Nor does one whose key is not known here, although what cannot be compared counts as the same.
#[tokio::test(start_paused = true)]
async fn rule_72_a_redrive_over_an_expired_record_of_an_unknown_key_is_a_send_of_its_own_message() {
    let (world, provider) = (new_world(), Recording::new());
    let key_of = |name: &str, byte| Key::new(name, &Secret::new([byte; 32]));
    let old = world.process_with(&provider, |it| it.keys(Arc::new(StaticKeyRing::new(key_of("old", 1)))));
    let both = || StaticKeyRing::new(key_of("new", 2)).with_older(key_of("old", 1));
    let new = world.process_with(&provider, |it| it.keys(Arc::new(both())));
    provider.answer(refusal());
    let failure = failed(send(&old, "1").await).failure_id;
    world.clock.jump_ms(3 * 86_400_000);
    delivered(new.send(tenant(), "recording", id("1"), &text("other")).await.unwrap());
    world.clock.jump_ms(3 * 86_400_000);
    delivered(redrive(&old, &failure).await);
    let cold = world.process_with(&provider, |it| it.keys(Arc::new(both())));
    assert!(delivered(send(&cold, "1").await).replayed);
}

/// Case 81.
#[tokio::test(start_paused = true)]
async fn rule_70_nothing_is_redriven_through_an_open_breaker() {
    let (world, provider) = (new_world(), Recording::new());
    let process =
        world.process_with(&provider, |it| it.retry(Retry::none()).breaker(Breaker { consecutive_failures: 1, ..Breaker::default() }));
    provider.answer(ProviderAnswer::unreachable());
    let failure = failed(send(&process, "1").await).failure_id;
    let error = process.redrive(&failure, RedriveOptions::new()).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Busy && matches!(error.disposition(), Disposition::RetryAfter(_)));
    assert_eq!((provider.calls().len(), world.all_letters().await[0].redrive_count), (1, 0));
    // Where nothing else is sent, the redrive is the probe that closes it.
    world.pass(secs(40)).await;
    delivered(redrive(&process, &failure).await);
    delivered(send(&process, "2").await);
}

/// Rule 70: after three times it stays where it is.
#[tokio::test(start_paused = true)]
async fn rule_70_the_fourth_redrive_is_refused_and_its_letter_says_so() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer_always(refusal());
    let mut failure = failed(send(&process, "1").await).failure_id;
    for n in 1..=3 {
        failure = failed(redrive(&process, &failure).await).failure_id;
        let letters = world.all_letters().await;
        assert_eq!((letters.len(), letters[0].redrive_count, letters[0].generation), (1, n, n));
        assert_eq!(letters[0].redrivable, n < 3);
    }
    let error = process.redrive(&failure, RedriveOptions::new()).await.unwrap_err();
    assert_eq!((error.context("limit"), provider.calls().len()), (Some("3"), 4));
    assert_eq!(world.failed().len(), 4, "one event per generation");
    let ids: std::collections::BTreeSet<_> = world.failed().into_iter().map(|event| event.id).collect();
    assert_eq!(ids.len(), 4);
}

/// Rule 72.
#[tokio::test(start_paused = true)]
async fn rule_72_redriven_and_fresh_sends_are_the_same_send() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(refusal());
    let failure = failed(send(&process, "1").await).failure_id;
    provider.answer_always(ProviderAnswer::Slow(secs(2)));
    let (again, fresh) = futures_util::future::join(redrive(&process, &failure), async {
        world.pass(ms(100)).await;
        send(&process, "1").await
    })
    .await;
    delivered(again);
    assert!(delivered(fresh).replayed);
    assert_eq!((provider.calls().len(), provider.effects("1")), (2, 1));
}

/// A redrive that is put off goes on later, whoever asks, and whether it may have arrived or not.
#[tokio::test(start_paused = true)]
async fn rule_72_a_redrive_that_was_put_off_goes_on() {
    // After a failure; after an Unknown; each continued by a redrive and by a fresh send.
    for (after_unknown, by_send) in [(false, false), (false, true), (true, false), (true, true)] {
        let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
        let process = world.process(&provider);
        let failure = if after_unknown {
            an_unknown(&world, &provider, "1").await
        } else {
            provider.answer(refusal());
            failed(send(&process, "1").await).failure_id
        };
        provider.answer(ProviderAnswer::throttle(secs(60)));
        deferred(redrive(&process, &failure).await);
        assert_eq!(world.all_letters().await.len(), 1, "the letter stays until the message is settled");
        let end = if by_send { send(&process, "1").await } else { redrive(&process, &failure).await };
        delivered(end);
        assert_eq!((provider.calls().len(), provider.effects("1")), (3, 1), "{after_unknown} {by_send}");
        let keys: Vec<_> = provider.calls().into_iter().map(|call| call.provider_key).collect();
        assert_eq!(keys[0] == keys[1], after_unknown);
        assert_eq!(keys[1], keys[2]);
        if by_send {
            // Whoever looks at the letter later finds it settled.
            assert!(delivered(redrive(&process, &failure).await).replayed);
        }
        assert!(world.all_letters().await.is_empty(), "{after_unknown} {by_send}");
    }
}

/// A redrive that crashed is settled like any send that crashed.
#[tokio::test(start_paused = true)]
async fn rule_72_a_redrive_that_crashed_is_settled_by_the_next() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let process = world.process(&provider);
    provider.answer(refusal());
    let failure = failed(send(&process, "1").await).failure_id;
    provider.answer(ProviderAnswer::AcceptThenHang);
    let crashed = world.process(&provider);
    tokio::select! {
        biased;
        _ = redrive(&crashed, &failure) => panic!("it was not to end"),
        () = world.pass(secs(1)) => {}
    }
    world.pass(secs(63)).await;
    delivered(redrive(&process, &failure).await);
    assert_eq!((provider.calls().len(), provider.effects("1")), (3, 1));
    assert!(world.all_letters().await.is_empty());
}

/// Rule 27: redriving what arrived after all replays it and closes the letter.
#[tokio::test(start_paused = true)]
async fn rule_27_redriving_what_arrived_after_all_closes_the_letter() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let failure = an_unknown(&world, &provider, "1").await;
    let now_ms = to_ms(world.clock.now());
    let evidence = Evidence::new(State::Delivered, now_ms, None);
    world
        .claims
        .apply(&key("1"), &ClaimOp::Tell { key_generation: 0, evidence, skew_ms: 2_000, ttl_s: 86_400 }, None, now_ms)
        .await
        .unwrap();
    let end = delivered(redrive(&world.process(&provider), &failure).await);
    assert!(end.replayed);
    assert_eq!((provider.calls().len(), world.all_letters().await.len()), (1, 0));
}

/// Rule 70: what turned out failed is sent under a new key, whatever its letter says.
#[tokio::test(start_paused = true)]
async fn rule_70_an_unknown_that_turned_out_failed_gets_a_new_key() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let failure = an_unknown(&world, &provider, "1").await;
    let now_ms = to_ms(world.clock.now());
    let evidence = Evidence::new(State::Failed, now_ms, None);
    world
        .claims
        .apply(&key("1"), &ClaimOp::Tell { key_generation: 0, evidence, skew_ms: 2_000, ttl_s: 86_400 }, None, now_ms)
        .await
        .unwrap();
    delivered(redrive(&world.process(&provider), &failure).await);
    assert_ne!(provider.calls()[0].provider_key, provider.calls()[1].provider_key);
}

/// Rule 67: a redrive finishes what the failure still asks for; no event is lost under it.
#[tokio::test(start_paused = true)]
async fn rule_67_a_redrive_finishes_the_failures_own_effects_first() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(refusal());
    world.faults.next(StoreCall::Publish, 1, StoreFault::Refused);
    let failure = failed(send(&process, "1").await).failure_id;
    assert!(world.failed().is_empty());
    delivered(redrive(&process, &failure).await);
    assert_eq!(world.failed().into_iter().map(|event| event.id).collect::<Vec<_>>(), [failure]);
}

/// Rule 68 for a redrive: its own letter is stored before the old one goes, and nothing is sent again for it.
#[tokio::test(start_paused = true)]
async fn rule_68_a_redrive_that_fails_leaves_exactly_one_letter() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer_always(refusal());
    let failure = failed(send(&process, "1").await).failure_id;
    world.faults.always(StoreCall::PutLetter, StoreFault::Refused);
    let error = process.redrive(&failure, RedriveOptions::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadLetterFailed);
    assert_eq!(world.all_letters().await.len(), 1);
    world.faults.heal();
    let end = failed(redrive(&process, &failure).await);
    let letters = world.all_letters().await;
    assert_eq!((provider.calls().len(), letters.len(), &letters[0].failure_id), (2, 1, &end.failure_id));
    assert_eq!((letters[0].generation, letters[0].redrive_count), (1, 1));
}

/// Another message took the id over after the record was gone: the letter's own is not sent in its place.
#[tokio::test(start_paused = true)]
async fn rule_72_an_id_that_now_names_another_message_is_a_mismatch() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(refusal());
    let failure = failed(send(&process, "1").await).failure_id;
    world.clock.jump_ms(3 * 86_400_000);
    delivered(process.send(tenant(), "recording", id("1"), &text("other")).await.unwrap());
    let error = process.redrive(&failure, RedriveOptions::new()).await.unwrap_err();
    assert_eq!((error.kind(), provider.calls().len()), (ErrorKind::Mismatch, 2));
}

/// The event of a failure outlives a redrive while the bus is down.
#[tokio::test(start_paused = true)]
async fn rule_67_a_redrive_waits_until_the_failure_is_announced() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(refusal());
    world.faults.always(StoreCall::Publish, StoreFault::Refused);
    let failure = failed(send(&process, "1").await).failure_id;
    assert_eq!(deferred(redrive(&process, &failure).await).reason, DeferredReason::StoreUnavailable);
    assert_eq!((provider.calls().len(), world.all_letters().await.len()), (1, 1));
    world.faults.heal();
    delivered(redrive(&process, &failure).await);
    assert_eq!(world.failed().into_iter().map(|event| event.id).collect::<Vec<_>>(), [failure]);
}

/// What is settled needs no permission: neither force, nor a closed breaker, nor a redrive that is left.
#[tokio::test(start_paused = true)]
async fn rule_27_redriving_what_arrived_after_all_needs_no_force() {
    let (world, provider) = (new_world(), Recording::new());
    let failure = an_unknown(&world, &provider, "1").await;
    let now_ms = to_ms(world.clock.now());
    let evidence = Evidence::new(State::Delivered, now_ms, None);
    world
        .claims
        .apply(&key("1"), &ClaimOp::Tell { key_generation: 0, evidence, skew_ms: 2_000, ttl_s: 86_400 }, None, now_ms)
        .await
        .unwrap();
    let process = world.process_with(&provider, |it| it.breaker(Breaker::fast_fail()));
    for other in 2..40 {
        provider.answer(ProviderAnswer::unreachable());
        let _ = send(&process, &other.to_string()).await;
    }
    assert_eq!(deferred(send(&process, "40").await).reason, DeferredReason::BreakerOpen);
    assert!(delivered(redrive(&process, &failure).await).replayed);
    assert_eq!((provider.effects("1"), world.all_letters().await.len()), (0, 0));
}

/// Rule 70: a redrive that was put off does not count, and may be asked for again.
#[tokio::test(start_paused = true)]
async fn rule_70_a_forced_redrive_that_is_put_off_does_not_count() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    let failure = an_unknown(&world, &provider, "1").await;
    for _ in 0..5 {
        world.faults.next(StoreCall::Mark, 1, StoreFault::Refused);
        deferred(process.redrive(&failure, forced()).await.unwrap());
    }
    // The doubt stays: without force nothing is sent.
    let error = process.redrive(&failure, RedriveOptions::new()).await.unwrap_err();
    assert_eq!((error.kind(), provider.calls().len()), (ErrorKind::Unsupported, 1));
    delivered(process.redrive(&failure, forced()).await.unwrap());
    let record = world.record("1").await.unwrap();
    assert_eq!((record.generation, provider.calls().len(), world.all_letters().await.len()), (1, 2, 0));
}

/// Rule 20: a duplicate of a redrive that was put off finds the doubt of the failure.
#[tokio::test(start_paused = true)]
async fn rule_20_a_redrive_that_is_put_off_keeps_the_doubt() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    let failure = an_unknown(&world, &provider, "1").await;
    world.faults.next(StoreCall::Mark, 1, StoreFault::Refused);
    deferred(process.redrive(&failure, forced()).await.unwrap());
    unknown(send(&process, "1").await);
    assert_eq!(provider.calls().len(), 1);
}

/// Rule 70: an Unknown that turned out failed keeps its new key, also where its redrive was put off.
#[tokio::test(start_paused = true)]
async fn rule_70_a_redrive_that_was_put_off_keeps_its_new_key() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let failure = an_unknown(&world, &provider, "1").await;
    let now_ms = to_ms(world.clock.now());
    let evidence = Evidence::new(State::Failed, now_ms, None);
    world
        .claims
        .apply(&key("1"), &ClaimOp::Tell { key_generation: 0, evidence, skew_ms: 2_000, ttl_s: 86_400 }, None, now_ms)
        .await
        .unwrap();
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::throttle(secs(600)));
    assert_eq!(deferred(redrive(&process, &failure).await).reason, DeferredReason::Throttled);
    delivered(redrive(&process, &failure).await);
    let keys: Vec<_> = provider.calls().into_iter().map(|call| call.provider_key).collect();
    assert_ne!(keys[0], keys[1]);
    assert_eq!(keys[1], keys[2]);
}

/// Rule 31: a caller that goes away while its redrive is claimed gives the claim back.
#[tokio::test(start_paused = true)]
async fn rule_31_a_redrive_dropped_before_sending_gives_the_claim_back() {
    for fault in [StoreFault::DoneThenHang, StoreFault::Hang] {
        let (world, provider) = (new_world(), Recording::new());
        let process = world.process(&provider);
        provider.answer(refusal());
        let failure = failed(send(&process, "1").await).failure_id;
        world.faults.next(StoreCall::Redrive, 1, fault);
        tokio::select! { biased;
            end = process.redrive(&failure, RedriveOptions::new()) => panic!("{end:?}"),
            () = world.pass(secs(1)) => {}
        }
        world.pass(ms(1)).await;
        delivered(redrive(&process, &failure).await);
        assert_eq!(provider.calls().len(), 2);
    }
}

/// A redrive that is put off again and again grows old like any send.
#[tokio::test(start_paused = true)]
async fn rule_08_a_redrive_that_is_put_off_ends_with_max_age() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(refusal());
    let failure = failed(send(&process, "1").await).failure_id;
    for _ in 0..3 {
        provider.answer(ProviderAnswer::throttle(secs(600)));
        assert_eq!(deferred(redrive(&process, &failure).await).reason, DeferredReason::Throttled);
        world.clock.jump_ms(2 * 3_600_000 + 1000);
    }
    assert_eq!(failed(redrive(&process, &failure).await).error.kind(), ErrorKind::Expired);
    assert_eq!(provider.calls().len(), 4);
}

/// A message that the provider refused for good is not sent again by mistake.
#[tokio::test(start_paused = true)]
async fn rule_34_a_message_refused_for_good_is_redriven_by_force_only() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::error(ErrorKind::InvalidContent, Reach::Processed));
    let failure = failed(send(&process, "1").await).failure_id;
    let refused = process.redrive(&failure, RedriveOptions::new()).await.unwrap_err();
    assert_eq!((refused.kind(), refused.context("rule")), (ErrorKind::Unsupported, Some("34")));
    assert_eq!(provider.calls().len(), 1);
    delivered(process.redrive(&failure, forced()).await.unwrap());
}

/// Rule 81: a redrive is a send, with its line.
#[tokio::test(start_paused = true)]
async fn rule_81_a_redrive_has_a_line_like_any_send() {
    let (world, provider, log) = (new_world(), Recording::new(), Log::default());
    let _guard = tracing::subscriber::set_default(log.clone());
    let process = world.process(&provider);
    provider.answer(refusal());
    let failure = failed(send(&process, "1").await).failure_id;
    delivered(redrive(&process, &failure).await);
    let lines = log.lines("send.completed");
    assert!(lines.len() == 2 && lines[1].contains("outcome=\"delivered\"") && lines[1].contains("client_message_id=\"1\""), "{lines:?}");
}

/// A redrive that began and never closed its letter may have sent the message; its record may be gone by now.
#[tokio::test(start_paused = true)]
async fn rule_71_a_redrive_that_crashed_long_ago_needs_force() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(refusal());
    let failure = failed(send(&process, "1").await).failure_id;
    world.faults.next(StoreCall::RemoveLetter, 1, StoreFault::Refused);
    delivered(redrive(&process, &failure).await);
    world.clock.jump_ms(2 * 86_400_000);
    let later = world.process(&provider);
    let error = later.redrive(&failure, RedriveOptions::new()).await.unwrap_err();
    assert_eq!((error.context("rule"), provider.calls().len()), (Some("71"), 2));
    delivered(later.redrive(&failure, forced()).await.unwrap());
    assert_eq!(provider.calls().len(), 3);

    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    let process = world.process(&provider);
    provider.answer(refusal());
    let failure = failed(send(&process, "1").await).failure_id;
    world.faults.next(StoreCall::RemoveLetter, 1, StoreFault::Refused);
    delivered(redrive(&process, &failure).await);
    world.clock.jump_ms(2 * 86_400_000);
    delivered(redrive(&world.process(&provider), &failure).await);
    assert_eq!(provider.calls().len(), 2, "it is looked up first");
}

/// Rule 27: proof that arrives while the redrive is claimed stops it before its first byte.
#[tokio::test(start_paused = true)]
async fn rule_27_proof_of_delivery_stops_a_redrive_that_is_under_way() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    let failure = an_unknown(&world, &provider, "1").await;
    world.faults.next(StoreCall::Mark, 1, StoreFault::Wait);
    let proof = async {
        world.pass(ms(10)).await;
        let now_ms = to_ms(world.clock.now());
        let evidence = Evidence::new(State::Delivered, now_ms, None);
        let tell = ClaimOp::Tell { key_generation: 0, evidence, skew_ms: 2_000, ttl_s: 86_400 };
        assert!(world.claims.apply(&key("1"), &tell, None, now_ms).await.unwrap().done);
        world.faults.resume();
        world.pass(ms(10)).await;
    };
    let (end, ()) = futures_util::future::join(process.redrive(&failure, forced()), proof).await;
    delivered(end.unwrap());
    assert_eq!((provider.calls().len(), world.all_letters().await.len()), (1, 0));
}

/// Rules 19 and 29: a redrive that crashed keeps its doubt for 14 days, and is looked up before it is sent again.
#[tokio::test(start_paused = true)]
async fn rule_29_a_redriven_unknown_lives_as_long_as_its_doubt() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::accept_then_break());
    provider.answer_lookup(ProviderAnswer::error(ErrorKind::Unavailable, Reach::NotSent));
    let once = world.process_with(&provider, |it| it.retry(Retry::none()));
    let failure = unknown(send(&once, "1").await).failure_id;
    provider.answer_lookup(ProviderAnswer::Hang);
    tokio::select! { biased;
        end = process.redrive(&failure, RedriveOptions::new()) => panic!("{end:?}"),
        () = async {
            world.faults.always(StoreCall::Release, StoreFault::Refused);
            world.pass(secs(1)).await;
        } => {}
    }
    world.pass(secs(10)).await;
    world.faults.heal();
    assert_eq!(world.record("1").await.unwrap().status, ClaimStatus::Claimed);
    world.clock.jump_ms(25 * 3_600_000);
    delivered(send(&world.process(&provider), "1").await);
    assert_eq!((provider.calls().len(), provider.effects("1")), (1, 1));
}

/// Rule 71: a doubt that is older than its record's time is still one.
#[tokio::test(start_paused = true)]
async fn rule_71_a_redrive_that_was_put_off_in_doubt_needs_force_after_its_time_too() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let process = world.process(&provider);
    provider.answer(refusal());
    let failure = failed(send(&process, "1").await).failure_id;
    provider.answer(ProviderAnswer::accept_then_break());
    provider.answer(ProviderAnswer::throttle(secs(600)));
    deferred(redrive(&process, &failure).await);
    world.clock.jump_ms(15 * 86_400_000);
    let error = process.redrive(&failure, RedriveOptions::new()).await.unwrap_err();
    assert_eq!((error.context("rule"), provider.effects("1")), (Some("71"), 1));
}

/// Rule 71: the window of a redrive that was put off began with its own first byte, not with that of the failure.
#[tokio::test(start_paused = true)]
async fn rule_71_the_window_of_a_redrive_begins_with_its_own_first_byte() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let process = world.process(&provider);
    provider.answer(refusal());
    let failure = failed(send(&process, "1").await).failure_id;
    world.pass(secs(3000)).await;
    provider.answer(ProviderAnswer::accept_then_break());
    provider.answer(ProviderAnswer::throttle(secs(600)));
    deferred(redrive(&process, &failure).await);
    world.pass(secs(1800)).await;
    delivered(redrive(&process, &failure).await);
    assert_eq!((provider.calls().len(), provider.effects("1")), (4, 1));
}

/// Rule 72: a later failure answers for the letter that it replaced, whatever the breaker says.
#[tokio::test(start_paused = true)]
async fn rule_72_the_letter_of_an_earlier_failure_is_closed_by_the_later_one() {
    let (world, provider) = (new_world(), Recording::new());
    let process =
        world.process_with(&provider, |it| it.retry(Retry::none()).breaker(Breaker { consecutive_failures: 1, ..Breaker::default() }));
    provider.answer(refusal());
    let first = failed(send(&process, "1").await).failure_id;
    provider.answer(ProviderAnswer::unreachable());
    world.faults.next(StoreCall::RemoveLetter, 1, StoreFault::Refused);
    let later = failed(redrive(&process, &first).await).failure_id;
    assert_eq!(world.all_letters().await.len(), 2);
    let end = failed(redrive(&process, &first).await);
    assert!(end.replayed && end.failure_id == later);
    let letters = world.all_letters().await;
    assert_eq!((letters.len(), &letters[0].failure_id, provider.calls().len()), (1, &later, 2));
}

/// Rule 67: effects whose flags could not be cleared still put a redrive off; its letter stays.
#[tokio::test(start_paused = true)]
async fn rule_67_a_redrive_waits_until_the_flags_are_cleared() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(refusal());
    world.faults.always(StoreCall::ClearEffects, StoreFault::Refused);
    let failure = failed(send(&process, "1").await).failure_id;
    assert_eq!(deferred(redrive(&process, &failure).await).reason, DeferredReason::StoreUnavailable);
    assert_eq!((provider.calls().len(), world.all_letters().await.len()), (1, 1));
    world.faults.heal();
    delivered(redrive(&process, &failure).await);
}

/// A doubt whose latest attempt nobody knows counts from the claim: what the provider does not show yet may still come.
#[tokio::test(start_paused = true)]
async fn rule_19_a_doubt_of_an_unknown_end_counts_from_the_claim() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    let process = world.process(&provider);
    let options = SendOptions::new().created_at(world.clock.now() - secs(7 * 3600));
    let failure = failed(process.send_with(tenant(), "recording", id("1"), &text("hello"), options).await.unwrap()).failure_id;
    // A redrive that was killed may have sent it, and left no record.
    world.faults.next(StoreCall::Mark, 1, StoreFault::Hang);
    let killed = world.killed(&provider);
    tokio::select! { biased;
        end = killed.redrive(&failure, forced()) => panic!("{end:?}"),
        () = world.pass(secs(1)) => {}
    }
    world.clock.jump_ms(3 * 86_400_000);
    let Outcome::Deferred(early) = process.redrive(&failure, forced()).await.unwrap() else { panic!("it was looked up too early") };
    assert_eq!((early.reason, provider.calls().len()), (DeferredReason::LookupFailed, 0));
    world.pass(early.retry_after).await;
    delivered(process.redrive(&failure, forced()).await.unwrap());
    assert_eq!(provider.effects("1"), 1);
}
