//! Messages that only mean something now.

use zengine_connector::{
    Content, ErrorKind, Identity, Orchestrator, OutboundMessage, Outcome, Reach, SendOptions,
    error::Fault,
    pipeline::DeferredReason,
    runtime::Clock as _,
    stage::{Breaker, Retry},
    testing::{ProviderAnswer, Recording},
};

use super::new_world;
use crate::support::{World, delivered, failed, id, ms, secs, tenant, unknown};

async fn type_to(process: &Orchestrator, options: SendOptions) -> Outcome {
    let typing = OutboundMessage::new(Identity::phone("+15551230001").unwrap(), Content::Typing { target: None });
    process.send_with(tenant(), "recording", id("1"), &typing, options).await.unwrap()
}

/// The reason for which it was dropped.
#[track_caller]
fn dropped(outcome: Outcome) -> String {
    let end = failed(outcome);
    assert_eq!((end.error.kind(), end.reach, end.ephemeral, end.attempts), (ErrorKind::Expired, Reach::NotSent, true, 0));
    let context = serde_json::to_value(&end.error).unwrap();
    context["context"]["reason"].as_str().unwrap().to_owned()
}

async fn nothing_is_kept(world: &World) {
    assert!(world.record("1").await.is_none() && world.all_letters().await.is_empty() && world.memory.published().is_empty());
}

#[tokio::test(start_paused = true)]
async fn rule_87_an_ephemeral_message_is_sent_each_time_and_leaves_nothing() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    for n in 1..=2 {
        let end = delivered(type_to(&process, SendOptions::new()).await);
        assert_eq!((end.attempts, end.replayed, end.dedup_recorded, end.ephemeral), (1, false, false, true));
        assert_eq!(provider.calls().len(), n);
    }
    assert!(world.faults.calls().is_empty(), "no store is asked");
    nothing_is_kept(&world).await;
    assert!(process.outcome(tenant(), "recording", id("1")).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn rule_87_an_ephemeral_message_is_tried_again_only_if_it_surely_did_not_leave() {
    for (answer, calls) in [
        (ProviderAnswer::unreachable(), 2),
        (ProviderAnswer::error(ErrorKind::InvalidRecipient, Reach::Processed), 1),
        (ProviderAnswer::error(ErrorKind::Unavailable, Reach::Maybe), 1),
    ] {
        let (world, provider) = (new_world(), Recording::new());
        let process = world.process(&provider);
        provider.answer(answer);
        let outcome = type_to(&process, SendOptions::new()).await;
        assert_eq!(provider.calls().len(), calls, "{outcome:?}");
        match outcome {
            Outcome::Delivered(end) => assert_eq!(end.attempts, 2),
            Outcome::Failed(end) => assert_eq!((end.error.fault(), end.ephemeral), (Fault::Domain, true)),
            outcome => assert!(unknown(outcome).ephemeral),
        }
        nothing_is_kept(&world).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_38_an_ephemeral_message_says_that_the_budget_ended_it() {
    let (world, provider) = (new_world(), Recording::new());
    for (budget, attempts, reason) in [(Some(5), 2, Some("retry_budget")), (None, 3, None)] {
        let process = world.process_with(&provider, |it| it.retry(Retry { budget, ..Retry::default() }).breaker(Breaker::off()));
        provider.answer_always(ProviderAnswer::unreachable());
        let end = failed(type_to(&process, SendOptions::new()).await);
        assert_eq!((end.attempts, end.error.context("reason")), (attempts, reason));
    }
}

#[tokio::test(start_paused = true)]
async fn rule_39_an_ephemeral_message_keeps_the_error_of_its_last_call() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.breaker(Breaker { consecutive_failures: 1, ..Breaker::default() }));
    provider.answer(ProviderAnswer::unreachable());
    let end = failed(type_to(&process, SendOptions::new()).await);
    let told = (end.error.kind(), end.error.context("reason"), end.attempts, end.ephemeral);
    assert_eq!(told, (ErrorKind::Unavailable, Some("breaker_open"), 1, true));
    assert_eq!(dropped(type_to(&process, SendOptions::new()).await), "breaker_open");
}

#[tokio::test(start_paused = true)]
async fn rule_87_a_late_ephemeral_message_is_dropped_at_once() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    let now = world.clock.now();
    let no_time = DeferredReason::NoTimeLeft.as_str();
    assert_eq!(dropped(type_to(&process, SendOptions::new().created_at(now - secs(11))).await), no_time);
    assert_eq!(dropped(type_to(&process, SendOptions::new().within(ms(500))).await), no_time);
    delivered(type_to(&process, SendOptions::new().created_at(now - secs(9))).await);
    delivered(type_to(&process, SendOptions::new().within(secs(20)).created_at(now - secs(11))).await);
    process.shutdown(secs(0)).await;
    assert_eq!(dropped(type_to(&process, SendOptions::new()).await), DeferredReason::Cancelled.as_str());
    assert_eq!((world.clock.now(), provider.calls().len()), (now, 2));
    nothing_is_kept(&world).await;
}

#[tokio::test(start_paused = true)]
async fn rule_87_the_age_of_an_ephemeral_message_counts_for_its_attempts_too() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.attempt_timeout(secs(50)));
    provider.answer(ProviderAnswer::Hang);
    let began = world.clock.monotonic();
    unknown(type_to(&process, SendOptions::new().created_at(world.clock.now() - secs(7))).await);
    assert_eq!(world.clock.monotonic() - began, secs(3));
}

#[tokio::test(start_paused = true)]
async fn rule_87_an_ephemeral_message_does_not_wait_for_breaker_or_bulkhead() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.bulkhead(1).breaker(Breaker { consecutive_failures: 2, ..Breaker::default() }));
    provider.answer(ProviderAnswer::Slow(secs(1)));
    let (slow, full) = futures_util::future::join(type_to(&process, SendOptions::new()), type_to(&process, SendOptions::new())).await;
    delivered(slow);
    assert_eq!(dropped(full), DeferredReason::Busy.as_str());
    provider.answer_always(ProviderAnswer::unreachable());
    let began = world.clock.monotonic();
    // The breaker opens between its attempts; what the provider answered stays visible (rule 39).
    let end = failed(type_to(&process, SendOptions::new()).await);
    assert_eq!((end.error.kind(), end.attempts, end.error.context("reason")), (ErrorKind::Unavailable, 2, Some("breaker_open")));
    assert_eq!(dropped(type_to(&process, SendOptions::new()).await), DeferredReason::BreakerOpen.as_str());
    assert!(world.clock.monotonic() - began < secs(10) && provider.calls().len() == 3, "{:?}", provider.calls().len());
    nothing_is_kept(&world).await;
}

#[tokio::test(start_paused = true)]
async fn rule_87_a_provider_that_never_answers_costs_ten_seconds() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.attempt_timeout(secs(50)));
    provider.answer(ProviderAnswer::Hang);
    let began = world.clock.monotonic();
    assert_eq!(unknown(type_to(&process, SendOptions::new()).await).error.kind(), ErrorKind::Timeout);
    assert_eq!(world.clock.monotonic() - began, secs(10));
    nothing_is_kept(&world).await;
}
