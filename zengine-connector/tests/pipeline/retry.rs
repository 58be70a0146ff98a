//! Attempts, the time between them, and deadlines.

use std::sync::Arc;

use zengine_connector::{
    ErrorKind, Outcome, Reach, SendError, SendOptions,
    error::Poison,
    pipeline::DeferredReason,
    runtime::{Clock, to_ms},
    stage::{Dedup, Retry},
    store::ClaimStatus,
    testing::{NativeProvider, ProviderAnswer, Recording, Sent, StoreCall, StoreFault},
};

use super::new_world;
use crate::log::Log;
use crate::support::{deferred, delivered, drop_after, failed, id, ms, secs, send, tenant, text, unknown};

fn gaps(calls: &[Sent]) -> Vec<i64> {
    calls.windows(2).map(|pair| pair[1].at_ms - pair[0].at_ms).collect()
}

/// Cases 31 and 46.
#[tokio::test(start_paused = true)]
async fn rule_33_three_attempts_are_three_calls_and_the_real_error_stays() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer_always(ProviderAnswer::unreachable());
    for n in 0..20 {
        let what = n.to_string();
        if n % 2 == 0 {
            // Another process, so that this one's breaker does not open.
            let end = failed(send(&world.process(&provider), &what).await);
            assert_eq!((end.attempts, end.error.kind(), end.error.provider_code()), (3, ErrorKind::Unavailable, Some("refused")));
            assert_eq!(end.error.context("attempts"), Some("3"));
            let calls: Vec<_> = provider.calls().into_iter().filter(|call| call.client_message_id.as_str() == what).collect();
            let gaps = gaps(&calls);
            assert!(gaps.len() == 2 && (400..=600).contains(&gaps[0]) && (800..=1200).contains(&gaps[1]), "{gaps:?}");
        }
    }
    drop(process);
}

/// Case 38, and rule 4: every attempt carries the same key.
#[tokio::test(start_paused = true)]
async fn rule_34_what_never_left_is_tried_again_even_where_nothing_protects() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(ProviderAnswer::unreachable());
    provider.answer(ProviderAnswer::unreachable());
    let end = delivered(send(&world.process(&provider), "1").await);
    let calls = provider.calls();
    assert_eq!((end.attempts, calls.len()), (3, 3));
    assert!(calls.iter().all(|call| call.provider_key == calls[0].provider_key));
    assert_eq!(calls.iter().map(|call| call.attempt).collect::<Vec<_>>(), [1, 2, 3]);
}

/// Case 34: a hint is a floor, and none when it is in the past.
#[tokio::test(start_paused = true)]
async fn rule_36_a_hint_is_never_undercut() {
    for (hint, least, most) in [(ms(2000), 2000, 2400), (ms(0), 400, 600)] {
        let (world, provider) = (new_world(), Recording::new());
        provider.answer(ProviderAnswer::throttle(hint));
        delivered(send(&world.process(&provider), "1").await);
        let gap = gaps(&provider.calls())[0];
        assert!((least..=most).contains(&gap), "{gap}");
    }
}

/// Cases 35 and 36.
#[tokio::test(start_paused = true)]
async fn rule_36_a_long_hint_puts_the_send_off() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::throttle(secs(600)));
    let end = deferred(send(&process, "1").await);
    assert!(end.reason == DeferredReason::Throttled && end.retry_after >= secs(600));
    assert_eq!((provider.calls().len(), world.all_letters().await.len()), (1, 0));
    assert_eq!(world.record("1").await.unwrap().status, ClaimStatus::Released);

    provider.answer(ProviderAnswer::throttle(secs(4)));
    let options = SendOptions::new().within(secs(3));
    let end = deferred(process.send_with(tenant(), "recording", id("2"), &text("hello"), options).await.unwrap());
    assert!(end.retry_after >= secs(4));
    assert_eq!(provider.calls().len(), 2);
}

/// A limit is not a broken message, however often it is met.
#[tokio::test(start_paused = true)]
async fn rule_34_throttling_is_put_off_when_attempts_run_out() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer_always(ProviderAnswer::throttle(ms(100)));
    let end = deferred(send(&world.process(&provider), "1").await);
    assert_eq!((end.reason, provider.calls().len()), (DeferredReason::Throttled, 3));
    assert_eq!(end.error.unwrap().kind(), ErrorKind::RateLimited);
    assert!(world.all_letters().await.is_empty());
}

/// Case 37.
#[tokio::test(start_paused = true)]
async fn rule_34_a_timeout_after_the_first_byte_is_unknown_where_nothing_protects() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(ProviderAnswer::AcceptThenHang);
    let before = world.clock.monotonic();
    let end = unknown(send(&world.process(&provider), "1").await);
    assert_eq!((end.error.kind(), end.attempts, provider.calls().len()), (ErrorKind::Timeout, 1, 1));
    assert_eq!(world.clock.monotonic() - before, secs(10));
}

/// Case 40.
#[tokio::test(start_paused = true)]
async fn rule_34_a_refused_message_is_not_tried_again() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(ProviderAnswer::error(ErrorKind::InvalidContent, Reach::Processed));
    let end = failed(send(&world.process(&provider), "1").await);
    assert_eq!((end.attempts, provider.calls().len()), (1, 1));
    assert!(end.error.is_domain() && !world.all_letters().await[0].redrivable);
}

/// A mailbox that is full, a phone that is off: not now, but a redrive may arrive.
#[tokio::test(start_paused = true)]
async fn rule_34_a_recipient_who_is_not_there_now_is_not_tried_again_and_may_be_redriven() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    for n in 0..10 {
        provider.answer(ProviderAnswer::error(ErrorKind::RecipientUnavailable, Reach::Processed));
        let end = failed(send(&process, &n.to_string()).await);
        assert_eq!((end.attempts, end.error.is_domain(), end.error.poison()), (1, true, Poison::Nothing));
    }
    assert!(world.all_letters().await.iter().all(|letter| letter.redrivable));
    delivered(send(&process, "the breaker is closed").await);
}

/// An edit that is not due yet: nothing was sent, and the provider says when it may be.
#[tokio::test(start_paused = true)]
async fn rule_34_a_message_that_is_refused_until_a_time_may_be_redriven() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(ProviderAnswer::Refuse(Arc::new(|| SendError::of(ErrorKind::Policy, "too early").retry_after(secs(3600)).not_sent())));
    let end = failed(send(&world.process(&provider), "1").await);
    assert_eq!((end.attempts, end.reach, end.error.is_domain()), (1, Reach::NotSent, true));
    assert!(world.all_letters().await[0].redrivable);
}

/// Case 41, without the health check.
#[tokio::test(start_paused = true)]
async fn rule_34_refused_credentials_are_not_tried_again() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(ProviderAnswer::error(ErrorKind::Unauthorized, Reach::Processed));
    let end = failed(send(&world.process(&provider), "1").await);
    assert_eq!((end.error.kind(), provider.calls().len()), (ErrorKind::Unauthorized, 1));
    assert!(world.all_letters().await[0].redrivable);
}

/// Case 47.
#[tokio::test(start_paused = true)]
async fn rule_40_no_attempt_begins_without_the_time_for_one() {
    let (world, provider) = (new_world(), Recording::new());
    let options = SendOptions::new().within(ms(100));
    let process = world.process(&provider);
    let end = deferred(process.send_with(tenant(), "recording", id("1"), &text("hello"), options).await.unwrap());
    assert_eq!((end.reason, provider.calls().len()), (DeferredReason::NoTimeLeft, 0));
    assert_eq!(world.record("1").await.unwrap().status, ClaimStatus::Released);
}

/// Rule 40: an attempt leaves time to store its result.
#[tokio::test(start_paused = true)]
async fn rule_40_an_attempts_time_is_what_is_left_without_the_commit_slack() {
    for (time, limit) in [(secs(60), secs(10)), (secs(7), secs(5)), (ms(2500), secs(1))] {
        let (world, provider) = (new_world(), Recording::new());
        provider.answer(ProviderAnswer::Hang);
        let before = world.clock.monotonic();
        let options = SendOptions::new().within(time);
        let process = world.process(&provider);
        unknown(process.send_with(tenant(), "recording", id("1"), &text("hello"), options).await.unwrap());
        assert_eq!(world.clock.monotonic() - before, limit);
    }
}

/// No sleep that would end after the deadline.
#[tokio::test(start_paused = true)]
async fn rule_40_no_sleep_beyond_the_deadline() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer_always(ProviderAnswer::unreachable());
    let before = world.clock.monotonic();
    let options = SendOptions::new().within(ms(1300));
    let process = world.process(&provider);
    let end = deferred(process.send_with(tenant(), "recording", id("1"), &text("hello"), options).await.unwrap());
    assert_eq!((end.reason, provider.calls().len()), (DeferredReason::NoTimeLeft, 1));
    assert_eq!(world.clock.monotonic(), before);
    assert_eq!(end.error.unwrap().kind(), ErrorKind::Unavailable);
}

/// Case 48: the caller goes away while it waits for the next attempt.
#[tokio::test(start_paused = true)]
async fn rule_41_nothing_is_sent_after_the_caller_went_away() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(ProviderAnswer::unreachable());
    drop_after(&world, &world.process(&provider), "1", ms(200)).await;
    world.pass(secs(30)).await;
    assert_eq!(provider.calls().len(), 1);
}

/// Case 48 for a host that shuts down: no further attempt, and the send is given back.
#[tokio::test(start_paused = true)]
async fn rule_41_a_shutdown_during_the_sleep_puts_the_send_off() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(ProviderAnswer::unreachable());
    let process = world.process(&provider);
    let (outcome, ()) = futures_util::future::join(send(&process, "1"), async {
        world.pass(ms(100)).await;
        process.shutdown(secs(10)).await;
    })
    .await;
    assert_eq!(deferred(outcome).reason, DeferredReason::Cancelled);
    assert!(world.clock.monotonic() < ms(300), "nobody sleeps on");
    assert_eq!((provider.calls().len(), world.record("1").await.unwrap().status), (1, ClaimStatus::Released));
    assert_eq!(deferred(send(&process, "2").await).reason, DeferredReason::Cancelled);
    assert!(world.record("2").await.is_none());
    assert_eq!(provider.calls().len(), 1);
}

/// Case 49.
#[tokio::test(start_paused = true)]
async fn rule_34_a_strategy_that_panics_breaks_nothing_else() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.bulkhead(1));
    provider.answer(ProviderAnswer::Panic);
    let end = unknown(send(&process, "1").await);
    assert_eq!(end.error.kind(), ErrorKind::Unexpected);
    delivered(send(&process, "2").await);
    assert_eq!(world.all_letters().await.len(), 1);
}

/// Rule 8: what is put off for ever fails one day.
#[tokio::test(start_paused = true)]
async fn rule_08_max_age_ends_what_is_put_off_again_and_again() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer_always(ProviderAnswer::throttle(secs(3600)));
    let mut times = 0;
    let end = loop {
        match send(&process, "1").await {
            Outcome::Deferred(end) => world.pass(end.retry_after).await,
            other => break failed(other),
        }
        times += 1;
    };
    assert_eq!(end.error.kind(), ErrorKind::Expired);
    assert!((5..=6).contains(&times), "{times}");
    assert_eq!(world.all_letters().await.len(), 1);
}

/// Rule 8: the caller knows better when the message was born.
#[tokio::test(start_paused = true)]
async fn rule_08_the_callers_time_of_birth_counts() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    let born = |hours: u64| SendOptions::new().created_at(world.clock.now() - secs(hours * 3600));
    let end = failed(process.send_with(tenant(), "recording", "7", &text("hello"), born(7)).await.unwrap());
    assert_eq!((end.error.kind(), end.attempts, provider.calls().len()), (ErrorKind::Expired, 0, 0));
    delivered(process.send_with(tenant(), "recording", "5", &text("hello"), born(5)).await.unwrap());
}

/// Rule 18: an attempt that its lease would not outlast begins with a renewed one; one that is lost sends nothing.
#[tokio::test(start_paused = true)]
async fn rule_18_the_lease_outlasts_every_attempt() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.dedup(Dedup { lease: secs(15), ..Dedup::default() }));
    provider.answer(ProviderAnswer::Refuse(Arc::new(|| SendError::throttled("slow down").retry_after(secs(4)).not_sent())));
    provider.answer(ProviderAnswer::Slow(secs(9)));
    let (outcome, ()) = futures_util::future::join(send(&process, "1"), async {
        world.pass(secs(12)).await;
        let record = world.record("1").await.unwrap();
        assert!(record.lease_until_ms > to_ms(world.clock.now()), "still leased in its second attempt");
    })
    .await;
    delivered(outcome);
    assert!(world.faults.count(StoreCall::Renew) >= 1);

    // The renewal is refused, because another took the send over in the meantime.
    let (world, provider) = (new_world(), Recording::new());
    let slow = world.process_with(&provider, |it| it.dedup(Dedup { lease: secs(15), ..Dedup::default() }));
    let fast = world.process(&provider);
    provider.answer(ProviderAnswer::unreachable());
    let (late, ()) = futures_util::future::join(send(&slow, "1"), async {
        world.pass(ms(1)).await;
        world.clock.jump_ms(20_000);
        unknown(send(&fast, "1").await);
    })
    .await;
    assert_eq!(deferred(late).reason, DeferredReason::LeaseLost);
    assert_eq!(provider.calls().len(), 1);
}

/// No time that a caller gives is too long.
#[tokio::test(start_paused = true)]
async fn rule_5_a_deadline_of_any_length_is_fine() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    for answer in [ProviderAnswer::unreachable(), ProviderAnswer::throttle(std::time::Duration::MAX), ProviderAnswer::AcceptThenHang] {
        provider.answer(answer);
        let mut created = [std::time::UNIX_EPOCH, std::time::UNIX_EPOCH + secs(1 << 40)].into_iter();
        for n in 0..2 {
            let options = SendOptions::new().within(std::time::Duration::MAX);
            let options = created.next().map_or(options.clone(), |time| options.created_at(time));
            let _ended = process
                .send_with(tenant(), "recording", id(&format!("{}-{n}", provider.calls().len())), &text("hello"), options)
                .await
                .unwrap();
        }
    }
    process.shutdown(std::time::Duration::MAX).await;
}

/// Rule 7: a full bulkhead is our own trouble.
#[tokio::test(start_paused = true)]
async fn rule_34_a_full_bulkhead_puts_the_send_off() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.bulkhead(1));
    provider.answer(ProviderAnswer::Slow(secs(1)));
    let (first, second) = futures_util::future::join(send(&process, "1"), send(&process, "2")).await;
    delivered(first);
    assert_eq!(deferred(second).reason, DeferredReason::Busy);
    delivered(send(&process, "2").await);
}

/// A hint within the deadline, but longer than this process waits.
#[tokio::test(start_paused = true)]
async fn rule_36_a_hint_beyond_the_longest_wait_puts_the_send_off() {
    let busy = || SendError::provider("restarting").retry_after(secs(10)).not_sent();
    for (answer, reason) in [
        (ProviderAnswer::throttle(secs(10)), DeferredReason::Throttled),
        (ProviderAnswer::Refuse(Arc::new(busy)), DeferredReason::Unavailable),
    ] {
        let (world, provider) = (new_world(), Recording::new());
        provider.answer(answer);
        let end = deferred(send(&world.process(&provider), "1").await);
        assert!(end.reason == reason && end.retry_after >= secs(10), "{end:?}");
        assert_eq!((provider.calls().len(), world.all_letters().await.len()), (1, 0));
    }
}

/// A permanent error on our side ends the send: waiting does not help.
#[tokio::test(start_paused = true)]
async fn rule_34_an_error_of_ours_that_stays_is_a_failure() {
    for (kind, ended) in [(ErrorKind::Unsupported, "failed"), (ErrorKind::Busy, "deferred"), (ErrorKind::Cancelled, "deferred")] {
        let (world, provider) = (new_world(), Recording::new());
        provider.answer(ProviderAnswer::error(kind, Reach::NotSent));
        assert_eq!(send(&world.process(&provider), "1").await.as_str(), ended, "{kind:?}");
        assert_eq!(provider.calls().len(), 1);
    }
}

/// A caller whose clock is ahead gives the message no longer life.
#[tokio::test(start_paused = true)]
async fn rule_08_a_birth_in_the_future_gives_no_more_time() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    let options = SendOptions::new().created_at(world.clock.now() + secs(10 * 3600));
    provider.answer(ProviderAnswer::throttle(secs(3600)));
    deferred(process.send_with(tenant(), "recording", "1", &text("hello"), options.clone()).await.unwrap());
    world.pass(secs(7 * 3600)).await;
    let end = failed(process.send_with(tenant(), "recording", id("1"), &text("hello"), options).await.unwrap());
    assert_eq!((end.error.kind(), provider.calls().len()), (ErrorKind::Expired, 1));
}

/// The lease covers the wait before the next attempt: no other process takes the send over meanwhile.
#[tokio::test(start_paused = true)]
async fn rule_18_the_lease_outlasts_the_wait_between_attempts() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| {
        it.dedup(Dedup { lease: secs(15), ..Dedup::default() }).retry(Retry { max_wait: secs(30), ..Retry::default() })
    });
    let other = world.process(&provider);
    provider.answer(ProviderAnswer::throttle(secs(24)));
    let (end, ()) = futures_util::future::join(send(&process, "1"), async {
        world.pass(secs(18)).await;
        assert_eq!(deferred(send(&other, "1").await).reason, DeferredReason::InProgress);
    })
    .await;
    delivered(end);
    assert_eq!((provider.calls().len(), provider.effects("1")), (2, 1));
}

/// Rule 17: a lease is renewed when a third of it is over, not when it ends.
#[tokio::test(start_paused = true)]
async fn rule_17_a_lease_is_renewed_when_a_third_of_it_is_over() {
    for (wait, renewed) in [(secs(5), 0), (secs(25), 1)] {
        let (world, provider) = (new_world(), Recording::new());
        let process = world.process_with(&provider, |it| it.retry(Retry { max_wait: secs(30), ..Retry::default() }));
        provider.answer(ProviderAnswer::throttle(wait));
        let options = SendOptions::new().within(secs(120));
        delivered(process.send_with(tenant(), "recording", id("1"), &text("hello"), options).await.unwrap());
        assert_eq!(world.faults.count(StoreCall::Renew), renewed, "{wait:?}");
    }
}

/// Rule 41: a host that shuts down while the claim is under way begins no attempt.
#[tokio::test(start_paused = true)]
async fn rule_41_no_attempt_begins_once_the_host_shuts_down() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    world.faults.next(StoreCall::Claim, 1, StoreFault::Wait);
    let (end, ()) = futures_util::future::join(send(&process, "1"), async {
        world.pass(ms(10)).await;
        process.shutdown(ms(10)).await;
        world.faults.resume();
    })
    .await;
    assert_eq!(deferred(end).reason, DeferredReason::Cancelled);
    assert_eq!((provider.calls().len(), world.record("1").await.unwrap().status), (0, ClaimStatus::Released));
}

/// Rule 18: a renewal whose answer comes when its lease is over again begins no attempt.
#[tokio::test(start_paused = true)]
async fn rule_18_a_renewal_that_comes_too_late_begins_no_attempt() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    world.faults.next(StoreCall::Mark, 1, StoreFault::Wait);
    world.faults.next(StoreCall::Renew, 1, StoreFault::Wait);
    let options = SendOptions::new().within(secs(600));
    let message = text("hello");
    let (end, ()) = futures_util::future::join(process.send_with(tenant(), "recording", id("1"), &message, options), async {
        for jump in [55_000, 70_000] {
            world.pass(ms(10)).await;
            world.clock.jump_ms(jump);
            world.faults.resume();
        }
    })
    .await;
    assert_eq!(deferred(end.unwrap()).reason, DeferredReason::StoreUnavailable);
    assert_eq!((world.faults.count(StoreCall::Renew), provider.calls().len()), (1, 0));
}

/// The provider's window begins with the first attempt that may have left, not with the mark before one that did not.
#[tokio::test(start_paused = true)]
async fn rule_21_the_window_begins_with_the_first_attempt_that_may_have_left() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let patient = Retry { max_wait: secs(7200), ..Retry::default() };
    let process = world.process_with(&provider, |it| it.retry(patient));
    provider.answer(ProviderAnswer::throttle(secs(3590)));
    provider.answer(ProviderAnswer::accept_then_break());
    let options = SendOptions::new().within(secs(2 * 3600));
    delivered(process.send_with(tenant(), "recording", id("1"), &text("hello"), options).await.unwrap());
    assert_eq!((provider.calls().len(), provider.effects("1")), (3, 1));

    // The record tells the next owner the same.
    provider.answer(ProviderAnswer::throttle(secs(3590)));
    provider.answer(ProviderAnswer::accept_then_break());
    provider.answer(ProviderAnswer::throttle(secs(7201)));
    let options = SendOptions::new().within(secs(3 * 3600));
    deferred(process.send_with(tenant(), "recording", id("2"), &text("hello"), options).await.unwrap());
    delivered(send(&world.process(&provider), "2").await);
    assert_eq!(provider.effects("2"), 1);
}

/// A later owner's attempt does not begin the window anew.
#[tokio::test(start_paused = true)]
async fn rule_21_a_later_owner_does_not_begin_the_window_anew() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    for _ in 0..2 {
        provider.answer(ProviderAnswer::broken());
        provider.answer(ProviderAnswer::throttle(secs(600)));
        deferred(send(&world.process(&provider), "1").await);
        world.pass(secs(2000)).await;
    }
    unknown(send(&world.process(&provider), "1").await);
    assert_eq!(provider.calls().len(), 4);
}

/// The mark costs one write per claim, however many attempts follow it.
#[tokio::test(start_paused = true)]
async fn rule_16_the_mark_is_written_once_per_claim() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(ProviderAnswer::unreachable());
    provider.answer(ProviderAnswer::unreachable());
    delivered(send(&world.process(&provider), "1").await);
    assert_eq!((provider.calls().len(), world.faults.count(StoreCall::Mark)), (3, 1));
}

/// A renewed lease is for the wait, the attempt, the slack, the skew, and two calls of the store; never for less than a lease.
#[tokio::test(start_paused = true)]
async fn rule_17_a_renewed_lease_outlasts_all_that_follows() {
    for (lease, wait, left) in [(15, 24, 24_000), (60, 25, 60_000)] {
        let (world, provider) = (new_world(), Recording::new());
        let process = world.process_with(&provider, |it| {
            it.dedup(Dedup { lease: secs(lease), ..Dedup::default() }).retry(Retry { max_wait: secs(40), ..Retry::default() })
        });
        provider.answer(ProviderAnswer::throttle(secs(wait)));
        provider.answer(ProviderAnswer::Slow(secs(1)));
        let options = SendOptions::new().within(secs(120));
        let message = text("hello");
        let (end, until_ms) = futures_util::future::join(process.send_with(tenant(), "recording", id("1"), &message, options), async {
            while provider.calls().len() < 2 {
                world.pass(ms(100)).await;
            }
            world.record("1").await.unwrap().lease_until_ms
        })
        .await;
        delivered(end.unwrap());
        // The stores of these tests answer at once, or in some milliseconds.
        let over = until_ms - provider.calls()[1].at_ms - left;
        assert!((-100..=100).contains(&over), "{lease}: {over} ms too long");
    }
}

/// The lease is looked at again after the mark, with the slack.
#[tokio::test(start_paused = true)]
async fn rule_18_a_lease_without_the_slack_is_renewed_before_the_call() {
    let (world, provider) = (new_world(), Recording::new());
    world.faults.next(StoreCall::Mark, 1, StoreFault::Wait);
    let (end, ()) = futures_util::future::join(send(&world.process(&provider), "1"), async {
        world.pass(ms(100)).await;
        // 11 seconds are left: an attempt takes 10 and its commit 2.
        world.clock.jump_ms(60_000 - 11_000);
        world.faults.resume();
    })
    .await;
    assert_eq!((delivered(end).attempts, world.faults.count(StoreCall::Renew)), (1, 1));
}

/// A lease that was lost during an attempt ends the run as such, and one that nobody renews begins no wait.
#[tokio::test(start_paused = true)]
async fn rule_18_a_lease_that_is_not_renewed_before_the_wait_ends_the_run() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let slow = world.process(&provider);
    provider.answer(ProviderAnswer::AcceptThenHang);
    let (options, message) = (SendOptions::new().within(secs(600)), text("hello"));
    let (late, ()) = futures_util::future::join(slow.send_with(tenant(), "recording", id("1"), &message, options), async {
        world.pass(secs(1)).await;
        world.clock.jump_ms(63_000);
        delivered(send(&world.process(&provider), "1").await);
    })
    .await;
    let late = deferred(late.unwrap());
    assert_eq!((late.reason, late.error.unwrap().kind()), (DeferredReason::LeaseLost, ErrorKind::Timeout));
    assert_eq!((provider.effects("1"), world.faults.count(StoreCall::Release)), (1, 0));

    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| {
        it.dedup(Dedup { lease: secs(15), ..Dedup::default() }).retry(Retry { max_wait: secs(30), ..Retry::default() })
    });
    provider.answer(ProviderAnswer::throttle(secs(24)));
    world.faults.next(StoreCall::Renew, 1, StoreFault::Refused);
    assert_eq!(deferred(send(&process, "1").await).reason, DeferredReason::StoreUnavailable);
    assert!(world.clock.monotonic() < secs(10), "nobody waits without a lease");
    assert_eq!((provider.calls().len(), world.record("1").await.unwrap().status), (1, ClaimStatus::Released));
}

/// A message that becomes too old between two attempts fails with the error of the first.
#[tokio::test(start_paused = true)]
async fn rule_39_a_message_that_grows_too_old_between_attempts_keeps_the_real_error() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::unreachable());
    let message = text("hello");
    let options = SendOptions::new().within(secs(24 * 3600));
    let (end, ()) = futures_util::future::join(process.send_with(tenant(), "recording", id("1"), &message, options), async {
        world.pass(ms(100)).await;
        world.clock.jump_ms(7 * 3_600_000);
    })
    .await;
    let end = failed(end.unwrap());
    assert_eq!((end.error.kind(), end.attempts, provider.calls().len()), (ErrorKind::Unavailable, 1, 1));
}

/// Exactly the shortest time is enough for an attempt, and what the mark took counts.
#[tokio::test(start_paused = true)]
async fn rule_40_the_shortest_time_is_enough_and_the_mark_counts() {
    if super::SHORTEST_MS == 0 {
        let (world, provider) = (new_world(), Recording::new());
        let options = SendOptions::new().within(secs(1));
        delivered(world.process(&provider).send_with(tenant(), "recording", id("1"), &text("hello"), options).await.unwrap());
    }
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    world.faults.next(StoreCall::Mark, 1, StoreFault::Wait);
    let message = text("hello");
    let options = SendOptions::new().within(secs(20));
    let (end, ()) = futures_util::future::join(process.send_with(tenant(), "recording", id("2"), &message, options), async {
        world.pass(ms(100)).await;
        world.clock.jump_ms(19_500);
        world.faults.resume();
    })
    .await;
    assert_eq!(deferred(end.unwrap()).reason, DeferredReason::NoTimeLeft);
    assert_eq!((provider.calls().len(), world.record("2").await.unwrap().status), (0, ClaimStatus::Released));
}

/// A strategy that cancels its attempt puts the send off as cancelled.
#[tokio::test(start_paused = true)]
async fn rule_34_a_cancelled_attempt_is_put_off_as_cancelled() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(ProviderAnswer::error(ErrorKind::Cancelled, Reach::NotSent));
    let end = deferred(send(&world.process(&provider), "1").await);
    assert_eq!((end.reason, provider.calls().len()), (DeferredReason::Cancelled, 1));
}

/// The line of an attempt tells how long it was waited for.
#[tokio::test(start_paused = true)]
async fn rule_81_the_line_of_an_attempt_tells_the_wait_before_it() {
    let (world, provider, log) = (new_world(), Recording::new(), Log::default());
    let _logging = tracing::subscriber::set_default(log.clone());
    provider.answer(ProviderAnswer::unreachable());
    delivered(send(&world.process(&provider), "1").await);
    let lines = log.lines("send.attempt");
    assert!(lines.len() == 2 && lines[0].contains("delay_ms=0 ") && !lines[1].contains("delay_ms=0 "), "{lines:?}");
}
