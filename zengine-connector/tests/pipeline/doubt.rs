//! Sends whose owner is gone after something may have been sent, and how each kind of provider settles them.

use std::sync::Arc;

use zengine_connector::{
    Configure, ConfigureContext, Error, ErrorKind, Fault, Orchestrator, OutboundMessage, OutboundStrategy, Reach, Receipt, SendContext,
    SendError, SendOptions, Strategy, StrategyRegistry,
    message::State,
    pipeline::{DeferredReason, RedriveOptions},
    runtime::{Clock, to_ms},
    stage::{Breaker, Retry},
    store::{ClaimOp, ClaimStatus, Evidence, Lease, OwnerToken},
    strategy::Descriptor,
    testing::{
        NativeProvider, NoTasks, ProviderAnswer, ProviderKind, QueryableProvider, Recording, RecordingConfig, StoreCall, StoreFault,
    },
};

use super::new_world;
use crate::support::{World, deferred, delivered, drop_after, failed, id, key, ms, secs, send, tenant, text, unknown};

/// Leaves a send that the provider took and whose owner crashed before it knew.
async fn crashed_after_sending<P: ProviderKind>(world: &World, provider: &Recording<P>, what: &str) {
    let crashed = world.killed(provider);
    provider.answer(ProviderAnswer::AcceptThenHang);
    drop_after(world, &crashed, what, secs(1)).await;
    assert_eq!(world.record(what).await.unwrap().status, ClaimStatus::Sending);
    world.pass(secs(63)).await;
}

/// Case 12.
#[tokio::test(start_paused = true)]
async fn rule_19_a_crash_after_the_mark_is_unknown_where_nothing_protects() {
    let (world, provider) = (new_world(), Recording::new());
    let crashed = world.killed(&provider);
    provider.answer(ProviderAnswer::Hang);
    drop_after(&world, &crashed, "1", secs(1)).await;
    world.pass(secs(63)).await;
    let other = world.process(&provider);
    let ends: Vec<_> = futures_util::future::join_all((0..10).map(|_| send(&other, "1"))).await.into_iter().map(unknown).collect();
    assert!(ends.iter().all(|end| end.failure_id == ends[0].failure_id));
    assert_eq!((provider.calls().len(), world.all_letters().await.len(), world.failed().len()), (1, 1, 1));
    assert_eq!(world.failed()[0].id, ends[0].failure_id);
}

/// Case 13.
#[tokio::test(start_paused = true)]
async fn rule_19_a_crash_after_sending_is_sent_again_under_the_same_key() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    crashed_after_sending(&world, &provider, "1").await;
    delivered(send(&world.process(&provider), "1").await);
    let calls = provider.calls();
    assert_eq!((calls.len(), provider.effects("1")), (2, 1));
    assert_eq!(calls[0].provider_key, calls[1].provider_key);
}

/// Case 14.
#[tokio::test(start_paused = true)]
async fn rule_19_after_the_providers_window_nothing_is_sent_again() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    crashed_after_sending(&world, &provider, "1").await;
    world.pass(secs(3600)).await;
    unknown(send(&world.process(&provider), "1").await);
    assert_eq!((provider.calls().len(), world.all_letters().await.len()), (1, 1));
}

/// Case 15, both halves.
#[tokio::test(start_paused = true)]
async fn rule_19_a_provider_that_can_be_asked_is_asked_first() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    crashed_after_sending(&world, &provider, "taken").await;
    let other = world.process(&provider);
    delivered(send(&other, "taken").await);
    assert_eq!(provider.calls().len(), 1);

    provider.answer(ProviderAnswer::Hang);
    drop_after(&world, &world.killed(&provider), "lost", secs(1)).await;
    world.pass(secs(63)).await;
    // An attempt may have begun as late as the end of the lost lease, and the provider shows it 10 seconds later.
    assert_eq!(deferred(send(&other, "lost").await).reason, DeferredReason::LookupFailed);
    world.pass(secs(10)).await;
    delivered(send(&other, "lost").await);
    assert_eq!((provider.calls().len(), provider.effects("lost")), (3, 1));
}

/// Rule 19: what the provider cannot show yet is not what it does not have.
#[tokio::test(start_paused = true)]
async fn rule_19_not_found_counts_only_after_the_visibility_delay() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::broken());
    let early = deferred(send(&process, "1").await);
    assert_eq!(early.reason, DeferredReason::LookupFailed);
    assert!(early.retry_after > secs(5) && early.retry_after <= secs(10), "{:?}", early.retry_after);
    assert_eq!(provider.calls().len(), 1);
    let record = world.record("1").await.unwrap();
    assert_eq!((record.status, record.maybe_sent), (ClaimStatus::Released, true));

    deferred(send(&process, "1").await);
    assert_eq!(provider.calls().len(), 1);
    world.pass(early.retry_after).await;
    delivered(send(&process, "1").await);
    assert_eq!((provider.calls().len(), provider.effects("1")), (2, 1));
}

/// The request of an attempt may have left as late as the attempt's end.
#[tokio::test(start_paused = true)]
async fn rule_19_the_visibility_delay_counts_from_the_end_of_an_attempt() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::AcceptLate(ms(9_900)));
    let began = world.clock.monotonic();
    assert_eq!(deferred(send(&process, "1").await).reason, DeferredReason::LookupFailed);
    // The attempt timed out after 10 s, so it counts from 20 s.
    let left = secs(20) - (world.clock.monotonic() - began);
    world.pass(left - ms(150)).await;
    assert_eq!(deferred(send(&process, "1").await).reason, DeferredReason::LookupFailed);
    world.pass(ms(151)).await;
    delivered(send(&process, "1").await);
    assert_eq!((provider.calls().len(), provider.effects("1")), (1, 1));
}

/// The waits before an attempt may outlast the provider's window, as where the process is frozen meanwhile.
#[tokio::test(start_paused = true)]
async fn rule_21_the_providers_window_is_looked_at_right_before_each_attempt() {
    for frozen_in in ["backoff", "mark"] {
        let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
        provider.answer(ProviderAnswer::accept_then_break());
        let long = async || {
            let mut options = SendOptions::new();
            options.time = Some(secs(3 * 3600));
            world.process(&provider).send_with(tenant(), "recording", id("1"), &text("hello"), options).await.unwrap()
        };
        let sending = async {
            if frozen_in == "backoff" {
                return long().await;
            }
            let once = world.process_with(&provider, |it| it.breaker(Breaker { consecutive_failures: 1, ..Breaker::default() }));
            assert_eq!(deferred(send(&once, "1").await).reason, DeferredReason::BreakerOpen);
            world.faults.next(StoreCall::Mark, 1, StoreFault::Wait);
            long().await
        };
        let freeze = async {
            world.pass(ms(if frozen_in == "backoff" { 50 } else { 1_000 })).await;
            world.clock.jump_ms(3_600_000);
            world.faults.resume();
        };
        let (end, ()) = futures_util::future::join(sending, freeze).await;
        unknown(end);
        assert_eq!((provider.calls().len(), provider.effects("1")), (1, 1), "{frozen_in}");
    }
}

/// The window may end between two attempts of one send: the second is not made.
#[tokio::test(start_paused = true)]
async fn rule_21_the_window_may_end_between_two_attempts() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::accept_then_break());
    provider.answer(ProviderAnswer::throttle(secs(600)));
    deferred(send(&process, "1").await);
    let first = provider.calls()[0].at_ms;
    let until = first + 3_600_000 - 13_000;
    world.pass(ms((until - to_ms(world.clock.now())).unsigned_abs())).await;
    provider.answer(ProviderAnswer::Refuse(Arc::new(|| SendError::provider("broke").retry_after(secs(4)).maybe())));
    provider.answer(ProviderAnswer::Slow(ms(9_500)));
    let end = send(&process, "1").await;
    assert_eq!(provider.effects("1"), 1, "{end:?}");
}

/// A provider that never says whether the message arrived puts it off, but not for ever.
#[tokio::test(start_paused = true)]
async fn rule_08_look_ups_that_always_fail_end_with_max_age() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    crashed_after_sending(&world, &provider, "1").await;
    let process = world.process(&provider);
    for _ in 0..2 {
        provider.answer_lookup(ProviderAnswer::unreachable());
        assert_eq!(deferred(send(&process, "1").await).reason, DeferredReason::LookupFailed);
    }
    world.clock.jump_ms(86_400_000);
    provider.answer_lookup(ProviderAnswer::unreachable());
    unknown(send(&process, "1").await);
    assert_eq!((provider.calls().len(), world.all_letters().await.len()), (1, 1));
}

/// A doubt that no attempt renews ends after its time, however often duplicates put it off.
#[tokio::test(start_paused = true)]
async fn rule_29_looking_up_does_not_renew_a_doubt() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    crashed_after_sending(&world, &provider, "1").await;
    let process = world.process(&provider);
    let expiry = world.record("1").await.unwrap().expires_at_s;
    for _ in 0..3 {
        world.clock.jump_ms(3_600_000);
        provider.answer_lookup(ProviderAnswer::unreachable());
        deferred(send(&process, "1").await);
        assert_eq!(world.record("1").await.unwrap().expires_at_s, expiry);
    }
}

/// A look-up that fails, hangs or breaks the strategy leaves the send in doubt, whatever it is.
#[tokio::test(start_paused = true)]
async fn rule_21_a_failed_look_up_keeps_the_doubt() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    crashed_after_sending(&world, &provider, "1").await;
    let process = world.process(&provider);
    for fault in [
        ProviderAnswer::unreachable(),
        ProviderAnswer::error(ErrorKind::Unauthorized, Reach::Processed),
        ProviderAnswer::Hang,
        ProviderAnswer::Panic,
    ] {
        provider.answer_lookup(fault);
        assert_eq!(deferred(send(&process, "1").await).reason, DeferredReason::LookupFailed);
        let record = world.record("1").await.unwrap();
        assert_eq!((record.status, record.maybe_sent), (ClaimStatus::Released, true));
    }
    delivered(send(&process, "1").await);
    assert_eq!(provider.calls().len(), 1);
}

/// Rule 34: before a provider that can be asked leaves us in the dark, it is asked.
#[tokio::test(start_paused = true)]
async fn rule_34_the_last_attempt_is_looked_up_too() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    let process = world.process_with(&provider, |it| it.retry(Retry::none()));
    // It is visible when the attempt times out.
    provider.answer(ProviderAnswer::AcceptThenHang);
    delivered(send(&process, "taken").await);
    provider.answer(ProviderAnswer::broken());
    unknown(send(&process, "lost").await);
}

/// Case 23.
#[tokio::test(start_paused = true)]
async fn rule_21_only_protection_allows_a_release_after_a_maybe() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let process = world.process_with(&provider, |it| it.breaker(Breaker { consecutive_failures: 1, ..Breaker::default() }));
    provider.answer(ProviderAnswer::accept_then_break());
    assert_eq!(deferred(send(&process, "1").await).reason, DeferredReason::BreakerOpen);
    let record = world.record("1").await.unwrap();
    assert_eq!((record.status, record.maybe_sent, record.attempts), (ClaimStatus::Released, true, 1));
    let end = delivered(send(&world.process(&provider), "1").await);
    assert_eq!((end.attempts, provider.effects("1")), (2, 1));
    assert_eq!(provider.calls()[0].provider_key, provider.calls()[1].provider_key);

    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.breaker(Breaker { consecutive_failures: 1, ..Breaker::default() }));
    provider.answer(ProviderAnswer::broken());
    unknown(send(&process, "1").await);
}

/// Case 24.
#[tokio::test(start_paused = true)]
async fn rule_20_a_later_refusal_does_not_make_a_maybe_a_failure() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    crashed_after_sending(&world, &provider, "1").await;
    provider.answer(ProviderAnswer::error(ErrorKind::InvalidContent, Reach::Processed));
    unknown(send(&world.process(&provider), "1").await);

    // The same within one call.
    provider.answer(ProviderAnswer::broken());
    provider.answer(ProviderAnswer::error(ErrorKind::InvalidContent, Reach::Processed));
    unknown(send(&world.process(&provider), "2").await);
}

/// Cases 27 and 28: the attached callers settle what their dropped leader leaves, at once and once.
#[tokio::test(start_paused = true)]
async fn rule_24_attached_callers_settle_a_dropped_leaders_record_at_once() {
    // What the leader hangs on when it is dropped; the ends of the attached; calls to the provider.
    type Case = (Option<(StoreCall, StoreFault)>, Option<ProviderAnswer>, &'static str, usize);
    let cases: [Case; 6] = [
        (Some((StoreCall::Claim, StoreFault::Hang)), None, "delivered", 1),
        (Some((StoreCall::Claim, StoreFault::DoneThenHang)), None, "delivered", 1),
        (Some((StoreCall::Mark, StoreFault::Hang)), None, "delivered", 1),
        (None, Some(ProviderAnswer::Hang), "unknown", 1),
        (None, Some(ProviderAnswer::AcceptThenHang), "unknown", 1),
        (Some((StoreCall::Commit, StoreFault::DoneThenHang)), None, "delivered", 1),
    ];
    for (hang, answer, ended, calls) in cases {
        let (world, provider) = (new_world(), Recording::new());
        let process = world.process(&provider);
        if let Some((call, fault)) = hang {
            world.faults.next(call, 1, fault);
        }
        if let Some(answer) = answer.clone() {
            provider.answer(answer);
        }
        let attached = async {
            world.pass(ms(1)).await;
            futures_util::future::join_all((0..100).map(|_| send(&process, "1"))).await
        };
        let (outcomes, ()) = futures_util::future::join(attached, drop_after(&world, &process, "1", secs(1))).await;
        assert!(world.clock.monotonic() <= secs(2) + ms(500), "nobody waits for the lease: {hang:?} {answer:?}");
        for outcome in outcomes {
            assert_eq!(outcome.as_str(), ended, "{hang:?} {answer:?}");
        }
        assert_eq!(provider.calls().len(), calls, "{hang:?} {answer:?}");
        assert!(provider.effects("1") <= 1);
        assert!(world.all_letters().await.len() <= 1);
    }
}

/// The claims of all leaders that were dropped are known, not only the latest.
#[tokio::test(start_paused = true)]
async fn rule_24_attached_callers_settle_the_record_of_an_earlier_leader() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.killed(&provider);
    provider.answer(ProviderAnswer::Hang);
    let first = drop_after(&world, &process, "1", secs(1));
    let second = async {
        world.pass(ms(1)).await;
        // It leads from 1 s, and its first call hangs.
        drop_after(&world, &process, "1", secs(2)).await;
    };
    let third = async {
        world.pass(ms(2)).await;
        world.faults.next(StoreCall::Claim, 1, StoreFault::Hang);
        send(&process, "1").await
    };
    let (.., end) = Box::pin(futures_util::future::join3(first, second, third)).await;
    unknown(end);
    assert!(world.clock.monotonic() < secs(5));
}

/// A caller that comes while the followers of a dropped leader wake up leads, and learns from them.
#[tokio::test(start_paused = true)]
async fn rule_24_a_leader_learns_from_its_followers_of_earlier_leaders() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::Hang);
    let attached = async {
        world.pass(ms(1)).await;
        send(&process, "1").await
    };
    let between = async {
        drop_after(&world, &process, "1", secs(1)).await;
        // The follower has been woken and has not run yet.
        send(&process, "1").await
    };
    for end in <[_; 2]>::from(futures_util::future::join(between, attached).await) {
        unknown(end);
    }
    assert!(world.clock.monotonic() < secs(5), "nobody waits for the lease");
}

/// Case 88, and case 14 once more: a release that was protected is not for ever.
#[tokio::test(start_paused = true)]
async fn rule_13_a_released_maybe_is_not_claimed_like_a_fresh_one() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::accept_then_break());
    provider.answer(ProviderAnswer::throttle(secs(600)));
    assert_eq!(deferred(send(&process, "1").await).reason, DeferredReason::Throttled);
    assert!(world.record("1").await.unwrap().maybe_sent);
    world.pass(secs(3600)).await;
    let end = unknown(send(&process, "1").await);
    assert_eq!(end.error.fault(), Fault::Provider, "the attempt that may have arrived is the reason");
    assert_eq!((provider.calls().len(), provider.effects("1")), (2, 1));
}

/// Case 89.
#[tokio::test(start_paused = true)]
async fn rule_29_a_record_in_doubt_never_becomes_absent() {
    for days in [2, 15] {
        let (world, provider) = (new_world(), Recording::new());
        provider.answer(ProviderAnswer::AcceptThenHang);
        drop_after(&world, &world.killed(&provider), "1", secs(1)).await;
        world.clock.jump_ms(days * 86_400_000);
        unknown(send(&world.process(&provider), "1").await);
        assert_eq!(provider.calls().len(), 1);
    }
    // A native provider, and long over.
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    crashed_after_sending(&world, &provider, "1").await;
    world.clock.jump_ms(15 * 86_400_000);
    unknown(send(&world.process(&provider), "1").await);
    assert_eq!(provider.calls().len(), 1);
}

async fn tell(world: &World, what: &str, state: State) {
    let evidence = Evidence::new(state, to_ms(world.clock.now()), None);
    world
        .claims
        .apply(&key(what), &ClaimOp::Tell { key_generation: 0, evidence, skew_ms: 2_000, ttl_s: 86_400 }, None, to_ms(world.clock.now()))
        .await
        .unwrap();
}

/// Case 90.
#[tokio::test(start_paused = true)]
async fn rule_27_what_the_provider_told_meanwhile_decides() {
    let (world, provider) = (new_world(), Recording::new());
    crashed_after_sending(&world, &provider, "1").await;
    tell(&world, "1", State::Delivered).await;
    delivered(send(&world.process(&provider), "1").await);
    assert_eq!((world.all_letters().await.len(), world.failed().len(), provider.calls().len()), (0, 0, 1));

    crashed_after_sending(&world, &provider, "2").await;
    tell(&world, "2", State::Failed).await;
    failed(send(&world.process(&provider), "2").await);
    assert_eq!((world.all_letters().await.len(), world.failed().len(), provider.calls().len()), (1, 1, 2));
}

/// An id that is used again after its record is gone has the same provider key, and statuses of its earlier life may be late.
#[tokio::test(start_paused = true)]
async fn rule_27_a_status_of_an_earlier_life_proves_nothing() {
    let (world, provider) = (new_world(), Recording::new());
    delivered(send(&world.process(&provider), "1").await);
    let (first_life, days) = (to_ms(world.clock.now()), 2 * 86_400_000);
    world.clock.jump_ms(days);
    crashed_after_sending(&world, &provider, "1").await;
    let tell = async |at_ms| {
        let tell =
            ClaimOp::Tell { key_generation: 0, evidence: Evidence::new(State::Delivered, at_ms, None), skew_ms: 2_000, ttl_s: 86_400 };
        world.claims.apply(&key("1"), &tell, None, to_ms(world.clock.now())).await.unwrap().done
    };
    assert!(!tell(first_life).await);
    unknown(send(&world.process(&provider), "1").await);
    assert!(!tell(first_life + days - 3_001).await);
    // The provider's clock may be behind ours, and names whole seconds.
    assert!(tell(first_life + days - 3_000).await);
    delivered(send(&world.process(&provider), "1").await);
}

/// News that comes for a send that its owner holds for not sent: the provider knows better.
#[tokio::test(start_paused = true)]
async fn rule_27_proof_of_delivery_stops_another_send() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::throttle(secs(60)));
    deferred(send(&process, "1").await);
    tell(&world, "1", State::Delivered).await;
    delivered(send(&process, "1").await);
    assert_eq!(provider.calls().len(), 1);
}

/// Late bad news is a failure that its event has not announced yet: both are told.
#[tokio::test(start_paused = true)]
async fn rule_27_an_unknown_that_turns_out_failed_is_still_announced() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::broken());
    world.faults.next(StoreCall::Publish, 1, StoreFault::Refused);
    unknown(send(&process, "1").await);
    assert_eq!(world.failed().len(), 0);
    tell(&world, "1", State::Failed).await;
    failed(send(&process, "1").await);
    assert_eq!((world.failed().len(), world.settled().len()), (1, 1));
    assert_eq!(world.failed()[0].id, world.settled()[0].id);
}

/// Attempts are counted over all owners, and each owner has its own three.
#[tokio::test(start_paused = true)]
async fn rule_33_attempts_are_counted_over_owners() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    crashed_after_sending(&world, &provider, "1").await;
    provider.answer(ProviderAnswer::unreachable());
    provider.answer(ProviderAnswer::unreachable());
    provider.answer(ProviderAnswer::throttle(secs(60)));
    deferred(send(&world.process(&provider), "1").await);
    let numbers: Vec<_> = provider.calls().iter().map(|call| call.attempt).collect();
    assert_eq!(numbers, [1, 1, 2, 3], "a crashed owner cannot say what it did");
    let end = delivered(send(&world.process(&provider), "1").await);
    assert_eq!((end.attempts, provider.calls().last().unwrap().attempt), (4, 4));
}

/// Rule 17: a wall clock that jumps neither sends twice nor stops for ever.
#[tokio::test(start_paused = true)]
async fn rule_17_clock_jumps_do_no_harm() {
    for jump in [3_600_000, -3_600_000] {
        let (world, provider) = (new_world(), Recording::new());
        let process = world.process(&provider);
        provider.answer(ProviderAnswer::unreachable());
        let (outcome, ()) = futures_util::future::join(send(&process, "1"), async {
            world.pass(ms(100)).await;
            world.clock.jump_ms(jump);
        })
        .await;
        if outcome.is_terminal() {
            delivered(outcome);
        } else {
            delivered(send(&process, "1").await);
        }
        assert_eq!(provider.effects("1"), 1);
    }
}

/// A window that closes while the send is put off protects no release any more.
#[tokio::test(start_paused = true)]
async fn rule_21_a_send_put_off_past_the_window_is_unknown() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::accept_then_break());
    provider.answer(ProviderAnswer::throttle(secs(600)));
    let began = world.clock.monotonic();
    deferred(send(&process, "1").await);
    world.pass(secs(3600 - 13) - (world.clock.monotonic() - began)).await;
    // One second before the last attempt that the window covers.
    provider.answer(ProviderAnswer::Refuse(Arc::new(|| SendError::provider("broke").retry_after(secs(4)).maybe())));
    provider.answer(ProviderAnswer::throttle(secs(600)));
    unknown(send(&process, "1").await);
    assert_eq!((provider.effects("1"), world.all_letters().await.len()), (1, 1));
}

/// A send without an attempt that may have arrived is not looked up: the provider cannot have it.
#[tokio::test(start_paused = true)]
async fn rule_34_what_never_left_is_not_looked_up() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    provider.answer(ProviderAnswer::unreachable());
    delivered(send(&world.process(&provider), "1").await);
    assert_eq!(provider.calls().len(), 2);
}

/// Leaves a send in doubt that its owner gave back.
async fn put_off_in_doubt(world: &World, process: &Orchestrator, provider: &Recording<QueryableProvider>, what: &str) {
    provider.answer(ProviderAnswer::accept_then_break());
    assert_eq!(deferred(send(process, what).await).reason, DeferredReason::LookupFailed);
    world.pass(secs(10)).await;
}

/// A look-up is a call like others: it needs time, and a place in the bulkhead.
#[tokio::test(start_paused = true)]
async fn rule_21_a_look_up_passes_the_limits() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    let process = world.process_with(&provider, |it| it.bulkhead(1));
    put_off_in_doubt(&world, &process, &provider, "1").await;
    let options = SendOptions::new().within(ms(100));
    let end = process.send_with(tenant(), "recording", id("1"), &text("hello"), options).await.unwrap();
    assert_eq!(deferred(end).reason, DeferredReason::NoTimeLeft);

    provider.answer(ProviderAnswer::Slow(secs(1)));
    let (other, end) = futures_util::future::join(send(&process, "2"), async {
        world.pass(ms(100)).await;
        send(&process, "1").await
    })
    .await;
    delivered(other);
    assert_eq!(deferred(end).reason, DeferredReason::Busy);
    delivered(send(&process, "1").await);
    assert_eq!((provider.calls().len(), provider.effects("1")), (2, 1));
}

/// A window that would close during the attempt, by any clock, is closed.
#[tokio::test(start_paused = true)]
async fn rule_19_a_window_must_cover_the_attempt_and_the_skew() {
    for (left, ended) in [(ms(12_100), "delivered"), (ms(11_900), "unknown")] {
        let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
        let process = world.process(&provider);
        provider.answer(ProviderAnswer::accept_then_break());
        provider.answer(ProviderAnswer::throttle(secs(600)));
        let began = world.clock.monotonic();
        deferred(send(&process, "1").await);
        world.pass(secs(3600) - left - (world.clock.monotonic() - began)).await;
        assert_eq!(send(&process, "1").await.as_str(), ended, "{left:?}");
        assert_eq!(provider.effects("1"), 1);
    }
}

/// A send that the provider reported as failed is not sent again like a new one.
#[tokio::test(start_paused = true)]
async fn rule_27_proof_of_failure_stops_another_send() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::throttle(secs(60)));
    deferred(send(&process, "1").await);
    tell(&world, "1", State::Failed).await;
    failed(send(&process, "1").await);
    assert_eq!((provider.calls().len(), world.all_letters().await.len()), (1, 1));

    // Nor what its key would protect.
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    crashed_after_sending(&world, &provider, "1").await;
    tell(&world, "1", State::Failed).await;
    failed(send(&world.process(&provider), "1").await);
    assert_eq!((provider.calls().len(), world.all_letters().await.len()), (1, 1));
}

/// The claim that a leader took over is as well known as one that it made.
#[tokio::test(start_paused = true)]
async fn rule_24_attached_callers_settle_what_a_dropped_leader_took_over() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    crashed_after_sending(&world, &provider, "1").await;
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::Hang);
    let began = world.clock.monotonic();
    let attached = async {
        world.pass(ms(1)).await;
        send(&process, "1").await
    };
    let (end, ()) = futures_util::future::join(attached, drop_after(&world, &process, "1", secs(1))).await;
    delivered(end);
    assert!(world.clock.monotonic() - began < secs(2));
    assert_eq!((provider.calls().len(), provider.effects("1")), (3, 1));
}

/// A bus that refuses the failure does not get its end first.
#[tokio::test(start_paused = true)]
async fn rule_65_the_end_of_a_failure_is_published_after_the_failure() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::broken());
    world.faults.next(StoreCall::Publish, 1, StoreFault::Refused);
    unknown(send(&process, "1").await);
    tell(&world, "1", State::Failed).await;
    world.faults.next(StoreCall::Publish, 1, StoreFault::Refused);
    assert!(failed(send(&process, "1").await).replayed);
    assert_eq!((world.failed().len(), world.settled().len()), (0, 0), "the bus refused the failure again");
    assert!(failed(send(&process, "1").await).replayed);
    assert_eq!((world.failed().len(), world.settled().len()), (1, 1));
}

/// A delivery that is still to be announced is not answered from the cache: the next duplicate announces it.
#[tokio::test(start_paused = true)]
async fn rule_69_a_delivery_is_remembered_once_it_is_announced() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::broken());
    unknown(send(&process, "1").await);
    tell(&world, "1", State::Delivered).await;
    world.faults.next(StoreCall::Publish, 1, StoreFault::Refused);
    assert!(delivered(send(&process, "1").await).replayed);
    assert!(world.settled().is_empty());
    assert!(delivered(send(&process, "1").await).replayed);
    assert_eq!(world.settled().len(), 1);
}

/// Rule 24: where no task gives a dropped caller's claim back, the attached ones do.
#[tokio::test(start_paused = true)]
async fn rule_24_attached_callers_give_a_dropped_leaders_claim_back() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.spawner(Arc::new(NoTasks)));
    world.faults.next(StoreCall::Claim, 1, StoreFault::DoneThenHang);
    let attached = async {
        world.pass(ms(1)).await;
        send(&process, "1").await
    };
    let (end, ()) = futures_util::future::join(attached, drop_after(&world, &process, "1", secs(1))).await;
    delivered(end);
    assert!(world.clock.monotonic() < secs(2));
}

/// Rule 29: the doubt of an earlier owner keeps the record of one that sent nothing.
#[tokio::test(start_paused = true)]
async fn rule_29_a_release_without_an_attempt_is_kept_as_long_as_the_doubt_before() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    crashed_after_sending(&world, &provider, "1").await;
    provider.answer_lookup(ProviderAnswer::unreachable());
    assert_eq!(deferred(send(&world.process(&provider), "1").await).reason, DeferredReason::LookupFailed);
    let record = world.record("1").await.unwrap();
    assert_eq!(record.status, ClaimStatus::Released);
    assert!(record.expires_at_s - to_ms(world.clock.now()) / 1000 > 13 * 86_400, "{record:?}");
}

/// Rule 14: an orphan that this call gave up is known by its token, although the answer was lost.
#[tokio::test(start_paused = true)]
async fn rule_14_a_send_given_up_is_recognised_when_its_answer_was_lost() {
    let (world, provider) = (new_world(), Recording::new());
    crashed_after_sending(&world, &provider, "1").await;
    world.faults.next(StoreCall::GiveUp, 1, StoreFault::AnswerLost);
    assert!(!unknown(send(&world.process(&provider), "1").await).replayed);
    assert_eq!((provider.calls().len(), world.all_letters().await.len(), world.failed().len()), (1, 1, 1));
}

/// Rule 29: after its time a doubt ends Unknown, also where the provider could be asked.
#[tokio::test(start_paused = true)]
async fn rule_29_a_doubt_whose_time_is_over_is_not_looked_up() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    crashed_after_sending(&world, &provider, "1").await;
    world.clock.jump_ms(15 * 86_400_000);
    unknown(send(&world.process(&provider), "1").await);
    assert_eq!((provider.calls().len(), world.all_letters().await.len()), (1, 1));
}

/// A window whose beginning nobody noted began with the claim at the latest.
#[tokio::test(start_paused = true)]
async fn rule_19_a_window_of_an_unknown_beginning_counts_from_the_claim() {
    for (passed, ended) in [(secs(1800), "delivered"), (secs(5400), "unknown")] {
        let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
        delivered(send(&world.process(&provider), "1").await);
        let fingerprint = world.record("1").await.unwrap().fingerprint;
        world.clock.jump_ms(25 * 3_600_000);
        let now_ms = to_ms(world.clock.now());
        // The redrive of a letter that does not say when its message left; its owner is gone.
        let redrive = ClaimOp::Redrive {
            lease: Lease { owner: OwnerToken::named("gone"), boot: world.claims.boot().map(Into::into), until_ms: now_ms + 1000 },
            fingerprint,
            generation: 0,
            first_claimed_at_ms: None,
            key_generation: 0,
            maybe_sent: true,
            first_sent_at_ms: None,
            last_attempt_at_ms: None,
            idempotency: None,
            ttl_s: 14 * 86_400,
        };
        assert!(world.claims.apply(&key("1"), &redrive, None, now_ms).await.unwrap().done);
        world.pass(passed).await;
        assert_eq!(send(&world.process(&provider), "1").await.as_str(), ended, "{passed:?}");
    }
}

/// A process that is killed in the middle of an attempt is the reason of the doubt, whatever an earlier attempt said.
#[tokio::test(start_paused = true)]
async fn rule_19_a_killed_process_is_the_reason_of_its_doubt() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    provider.answer(ProviderAnswer::broken());
    provider.answer(ProviderAnswer::throttle(secs(600)));
    deferred(send(&world.process(&provider), "1").await);
    provider.answer(ProviderAnswer::AcceptThenHang);
    drop_after(&world, &world.killed(&provider), "1", secs(1)).await;
    world.pass(secs(3600)).await;
    let end = unknown(send(&world.process(&provider), "1").await);
    assert_eq!((end.error.kind(), end.error.fault()), (ErrorKind::Cancelled, Fault::Cancelled));
    assert_eq!(provider.calls().len(), 3);
}

/// The window counts from the first of several attempts of one owner that may have arrived.
#[tokio::test(start_paused = true)]
async fn rule_21_the_window_counts_from_the_first_of_several_doubts() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let patient = Retry { max_wait: secs(7200), ..Retry::default() };
    let process = world.process_with(&provider, |it| it.retry(patient));
    for _ in 0..2 {
        provider.answer(ProviderAnswer::AcceptThen(Arc::new(|| SendError::provider("broke").retry_after(secs(1_900)).maybe())));
    }
    let options = SendOptions::new().within(secs(3 * 3600));
    let end = unknown(process.send_with(tenant(), "recording", id("1"), &text("hello"), options).await.unwrap());
    assert_eq!(end.error.kind(), ErrorKind::Unavailable, "the real error stays visible");
    assert_eq!((provider.calls().len(), provider.effects("1")), (2, 1));
}

/// The last answer of a look-up stays visible when `max_age` ends the send, and its hint is kept before.
#[tokio::test(start_paused = true)]
async fn rule_39_the_error_of_a_look_up_stays_visible() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    crashed_after_sending(&world, &provider, "1").await;
    let process = world.process(&provider);
    provider.answer_lookup(ProviderAnswer::throttle(secs(90)));
    let later = deferred(send(&process, "1").await);
    assert_eq!((later.reason, later.retry_after), (DeferredReason::LookupFailed, secs(90)));
    world.clock.jump_ms(86_400_000);
    provider.answer_lookup(ProviderAnswer::unreachable());
    assert_eq!(unknown(send(&process, "1").await).error.kind(), ErrorKind::Unavailable);
}

/// A full bulkhead says nothing about the message: when it is free again, the look-up comes first.
#[tokio::test(start_paused = true)]
async fn rule_21_a_look_up_that_finds_no_place_is_not_one_that_finds_nothing() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    let process = world.process_with(&provider, |it| it.bulkhead(1));
    provider.answer(ProviderAnswer::AcceptThen(Arc::new(|| SendError::provider("broke").retry_after(secs(4)).maybe())));
    provider.answer(ProviderAnswer::Slow(secs(9)));
    let options = SendOptions::new().within(secs(300));
    let message = text("hello");
    let (end, ()) = futures_util::future::join(process.send_with(tenant(), "recording", id("1"), &message, options), async {
        world.pass(ms(100)).await;
        // The next attempt has to renew its lease, and meanwhile the place becomes free.
        world.clock.jump_ms(45_000);
        world.faults.next(StoreCall::Renew, 1, StoreFault::Wait);
        delivered(send(&process, "2").await);
        world.faults.resume();
    })
    .await;
    assert_eq!(deferred(end.unwrap()).reason, DeferredReason::Busy);
    assert_eq!((provider.effects("1"), provider.effects("2")), (1, 1));
}

/// Exactly the shortest time is enough for a look-up.
#[tokio::test(start_paused = true)]
async fn rule_40_the_shortest_time_is_enough_for_a_look_up() {
    if super::SHORTEST_MS == 0 {
        let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
        crashed_after_sending(&world, &provider, "1").await;
        let options = SendOptions::new().within(secs(1));
        delivered(world.process(&provider).send_with(tenant(), "recording", id("1"), &text("hello"), options).await.unwrap());
        assert_eq!(provider.calls().len(), 1);
    }
}

/// The end of another owner's send is written once.
#[tokio::test(start_paused = true)]
async fn rule_19_an_end_made_for_another_owner_is_written_once() {
    let (world, provider) = (new_world(), Recording::new());
    crashed_after_sending(&world, &provider, "1").await;
    unknown(send(&world.process(&provider), "1").await);
    world.pass(secs(1)).await;
    assert_eq!([StoreCall::GiveUp, StoreCall::PutLetter, StoreCall::Publish].map(|call| world.faults.count(call)), [1, 1, 1]);
}

/// A provider that is said to answer look-ups, and a strategy that cannot ask it.
#[derive(Clone)]
struct Mute(Recording<QueryableProvider>);

impl Configure<RecordingConfig> for Mute {
    type Tenant = ();

    async fn configure(&self, _: RecordingConfig, _: &ConfigureContext) -> Result<(), Error> {
        Ok(())
    }
}

impl OutboundStrategy<RecordingConfig, OutboundMessage> for Mute {
    async fn send(&self, (): &(), message: &OutboundMessage, cx: &SendContext) -> Result<Receipt, SendError> {
        OutboundStrategy::send(&self.0, &(), message, cx).await
    }
}

impl Strategy for Mute {
    type Config = RecordingConfig;
    type Message = OutboundMessage;
    const DESCRIPTOR: &'static Descriptor = QueryableProvider::DESCRIPTOR;

    fn halves() -> zengine_connector::private::Halves<Self> {
        zengine_connector::private::Halves::new().outbound()
    }
}

/// Without a look-up, nothing is sent again.
#[tokio::test(start_paused = true)]
async fn rule_19_a_strategy_that_cannot_look_up_sends_nothing_again() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    crashed_after_sending(&world, &provider, "1").await;
    world.pass(secs(60)).await;
    let process = world.host(StrategyRegistry::builder().register(Mute(provider.clone())), |it| it);
    assert_eq!(unknown(send(&process, "1").await).error.kind(), ErrorKind::Unexpected);
    assert_eq!((provider.effects("1"), world.all_letters().await.len()), (1, 1));
}

/// A process that was frozen in an attempt: "not found" counts from when it woke up, by the wall clock (rules 19 and 31).
#[tokio::test(start_paused = true)]
async fn rule_19_the_end_of_an_attempt_is_read_from_the_wall_clock() {
    for dropped in [false, true] {
        let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
        let process = world.process(&provider);
        provider.answer(ProviderAnswer::AcceptLate(ms(3_605_000)));
        let frozen = async {
            world.pass(secs(2)).await;
            world.clock.jump_ms(3_600_000);
            world.pass(secs(if dropped { 2 } else { 20 })).await;
        };
        let options = SendOptions::new().within(secs(3 * 3600));
        let (tenant, message) = (tenant(), text("hello"));
        tokio::select! { biased;
            end = process.send_with(&tenant, "recording", id("1"), &message, options) => assert_eq!(end.unwrap().as_str(), "deferred"),
            () = frozen => assert!(dropped)
        }
        world.pass(ms(1)).await;
        let end = send(&process, "1").await;
        assert_eq!(provider.calls().len(), 1, "{}", end.as_str());
        world.pass(secs(60)).await;
        delivered(send(&process, "1").await);
        assert_eq!((provider.effects("1"), provider.calls().len()), (1, 1));
    }
}

/// A status that arrives between two attempts stops the next one (rule 27).
#[tokio::test(start_paused = true)]
async fn rule_27_proof_between_two_attempts_stops_the_second() {
    async fn status_arrives(world: &World) {
        world.pass(ms(100)).await;
        let now_ms = to_ms(world.clock.now());
        let evidence = Evidence::new(State::Delivered, now_ms, None);
        let tell = ClaimOp::Tell { key_generation: 0, evidence, skew_ms: 2_000, ttl_s: 86_400 };
        assert!(world.claims.apply(&key("1"), &tell, None, now_ms).await.unwrap().done);
    }
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::accept_then_break());
    let (end, ()) = futures_util::future::join(send(&process, "1"), status_arrives(&world)).await;
    delivered(end);
    assert_eq!(provider.calls().len(), 1);

    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::accept_then_break());
    let failure = unknown(send(&process, "1").await).failure_id;
    provider.answer(ProviderAnswer::unreachable());
    let redrive = process.redrive(&failure, RedriveOptions::new().force("the customer asked"));
    let (end, ()) = futures_util::future::join(redrive, status_arrives(&world)).await;
    delivered(end.unwrap());
    assert_eq!((provider.effects("1"), provider.calls().len()), (1, 2));
}

/// A doubt lives as long as the latest attempt that may have left, however often later ones begin and do not leave (rule 29).
#[tokio::test(start_paused = true)]
async fn rule_29_an_attempt_that_never_left_renews_no_doubt() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let process = world.process_with(&provider, |it| it.retry(Retry::none()));
    provider.answer(ProviderAnswer::AcceptThenHang);
    drop_after(&world, &process, "1", secs(1)).await;
    world.pass(ms(1)).await;
    let first = world.record("1").await.unwrap().expires_at_s;
    for _ in 0..3 {
        world.pass(secs(600)).await;
        provider.answer(ProviderAnswer::throttle(secs(600)));
        deferred(send(&process, "1").await);
        assert_eq!(world.record("1").await.unwrap().expires_at_s, first);
    }
}

/// A clock that was ahead when the doubt arose does not keep it for years.
#[tokio::test(start_paused = true)]
async fn rule_29_a_doubt_from_a_clock_that_was_ahead_ends_in_its_time() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let process = world.process_with(&provider, |it| it.retry(Retry::none()));
    let ten_years_ms = 10 * 365 * 86_400_000;
    world.clock.jump_ms(ten_years_ms);
    provider.answer(ProviderAnswer::AcceptThenHang);
    drop_after(&world, &process, "1", secs(1)).await;
    world.pass(ms(1)).await;
    world.clock.jump_ms(-ten_years_ms);
    world.pass(secs(600)).await;
    provider.answer(ProviderAnswer::throttle(secs(600)));
    deferred(send(&process, "1").await);
    let left_s = world.record("1").await.unwrap().expires_at_s - to_ms(world.clock.now()) / 1000;
    assert!(left_s <= 14 * 86_400, "{left_s}");
}

/// Callers that are told to come again leave no task behind.
#[tokio::test(start_paused = true)]
async fn rule_19_a_doubt_that_the_store_does_not_end_gathers_no_tasks() {
    let (world, provider) = (new_world(), Recording::new());
    crashed_after_sending(&world, &provider, "1").await;
    world.pass(secs(63)).await;
    let process = world.process(&provider);
    world.faults.always(StoreCall::GiveUp, StoreFault::Refused);
    for _ in 0..100 {
        deferred(send(&process, "1").await);
    }
    assert!(format!("{process:?}").contains("running: 0"), "{process:?}");
    world.faults.heal();
    unknown(send(&process, "1").await);
}
