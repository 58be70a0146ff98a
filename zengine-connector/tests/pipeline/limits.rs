//! The limiter and the retry budget over the public interface.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::{join, join_all};
use zengine_connector::{
    Content, ErrorKind, FailureId, Identity, Orchestrator, OutboundMessage, Outcome, Reach, SendError, SendOptions, TenantId,
    error::Scope,
    pipeline::{DeferredReason, RedriveOptions},
    stage::{Breaker, BreakerState, Limits, Retry},
    strategy::{Rate, Scopes},
    testing::{ProviderAnswer, QueryableProvider, Recording},
};

use crate::support::{World, deferred, delivered, drop_after, failed, id, ms, secs, send, strategy, tenant, text};

fn other() -> TenantId {
    TenantId::new("other").unwrap()
}

fn world() -> World {
    let world = World::in_memory();
    world.memory.put_tenant(&other(), &strategy(), serde_json::json!({}));
    world
}

fn to(number: &str) -> OutboundMessage {
    OutboundMessage::text(Identity::phone(number).unwrap(), "hello")
}

/// A provider that counts an account's calls.
fn paced(rate: Rate) -> Recording {
    let provider = Recording::new();
    provider.set_scopes(move |_, scopes| {
        scopes.account(rate);
    });
    provider
}

async fn send_as(process: &Orchestrator, tenant: &TenantId, what: &str) -> Outcome {
    process.send(tenant, "recording", id(what), &text("hello")).await.unwrap()
}

/// Case 42.
#[tokio::test(start_paused = true)]
async fn rule_38_one_tenant_that_burns_its_budget_leaves_the_others_theirs() {
    let (world, provider) = (world(), Recording::new());
    let process = world.process_with(&provider, |it| it.breaker(Breaker::off()));
    provider.answer_always(ProviderAnswer::unreachable());
    for n in 0..10 {
        assert_eq!(failed(send(&process, &format!("a{n}")).await).attempts, 3);
    }
    let end = failed(send(&process, "a10").await);
    assert_eq!((end.attempts, end.error.kind(), end.error.provider_code()), (1, ErrorKind::Unavailable, Some("refused")));
    assert_eq!((end.error.context("attempts"), end.error.context("reason")), (Some("1"), Some("retry_budget")));
    assert_eq!(failed(send_as(&process, &other(), "b").await).attempts, 3);
    assert_eq!(process.status(&tenant(), "recording").await.unwrap().budget_left, Some(0));
    // Without traffic it is full again.
    world.pass(secs(60)).await;
    assert_eq!(process.status(&tenant(), "recording").await.unwrap().budget_left, Some(100));
    assert_eq!(failed(send(&process, "a11").await).attempts, 3);
}

#[tokio::test(start_paused = true)]
async fn rule_38_a_send_that_is_put_off_says_that_the_budget_ended_it() {
    for (budget, reason) in [(Some(5), Some("retry_budget")), (None, None)] {
        let (world, provider) = (world(), Recording::new());
        let process = world.process_with(&provider, |it| it.retry(Retry { budget, max_attempts: 5, ..Retry::default() }));
        provider.answer_always(ProviderAnswer::throttle(secs(1)));
        let end = deferred(send(&process, "1").await);
        assert_eq!((end.reason, end.error.unwrap().context("reason")), (DeferredReason::Throttled, reason));
    }
}

/// Case 43.
#[tokio::test(start_paused = true)]
async fn rule_38_a_provider_that_is_down_is_called_once_per_send_and_budget() {
    for (breaker, most) in [(Breaker::off(), 1_000 + 20), (Breaker::default(), 100)] {
        let (world, provider) = (world(), Recording::new());
        let process = world.process_with(&provider, |it| it.breaker(breaker).bulkhead(None));
        provider.answer_always(ProviderAnswer::unreachable());
        let ids: Vec<_> = (0..1_000).map(|n| n.to_string()).collect();
        for some in ids.chunks(20) {
            join_all(some.iter().map(|what| send(&process, what))).await;
        }
        assert!(provider.calls().len() <= most, "{} calls", provider.calls().len());
    }
}

/// Cases 45 and 46.
#[tokio::test(start_paused = true)]
async fn rule_38_a_retry_that_succeeds_gets_its_cost_back() {
    let (world, provider) = (world(), Recording::new());
    let process = world.process_with(&provider, |it| it.breaker(Breaker::off()));
    let left = async || process.status(&tenant(), "recording").await.unwrap().budget_left.unwrap();
    provider.answer(ProviderAnswer::unreachable());
    delivered(send(&process, "1").await);
    assert_eq!(left().await, 100);
    provider.answer(ProviderAnswer::unreachable());
    provider.answer(ProviderAnswer::throttle(ms(10)));
    delivered(send(&process, "2").await);
    assert_eq!(left().await, 95, "the second attempt failed, the third succeeded");
    delivered(send(&process, "3").await);
    assert_eq!(left().await, 96, "a first attempt that succeeds adds one");
    // A caller that leaves during the wait takes no token; one that leaves during the retry's call does.
    provider.answer(ProviderAnswer::unreachable());
    drop_after(&world, &process, "4", ms(100)).await;
    assert_eq!(left().await, 96);
    provider.answer(ProviderAnswer::unreachable());
    provider.answer(ProviderAnswer::Hang);
    drop_after(&world, &process, "5", secs(2)).await;
    assert_eq!(left().await, 91);
}

#[tokio::test(start_paused = true)]
async fn rule_38_without_a_budget_every_send_retries() {
    let (world, provider) = (world(), Recording::new());
    let process = world.process_with(&provider, |it| it.breaker(Breaker::off()).retry(Retry { budget: None, ..Retry::default() }));
    provider.answer_always(ProviderAnswer::unreachable());
    for n in 0..50 {
        assert_eq!(failed(send(&process, &n.to_string()).await).attempts, 3);
    }
    assert_eq!(process.status(&tenant(), "recording").await.unwrap().budget_left, None);
}

/// Rule 39: what ends a send without a budget is its own last error.
#[tokio::test(start_paused = true)]
async fn rule_39_an_empty_budget_ends_a_send_as_the_table_says() {
    let throttle = ProviderAnswer::throttle(ms(10));
    for (answer, end) in [(ProviderAnswer::unreachable(), "failed"), (throttle, "deferred")] {
        let (world, provider) = (world(), Recording::new());
        let retry = Retry { budget: Some(5), ..Retry::default() };
        let process = world.process_with(&provider, |it| it.breaker(Breaker::off()).retry(retry));
        provider.answer_always(ProviderAnswer::unreachable());
        assert_eq!(failed(send(&process, "burn").await).attempts, 2);
        provider.answer_always(answer);
        assert_eq!((send(&process, "1").await.as_str(), provider.calls().len()), (end, 3));
    }
    // A provider that can be asked is asked once more.
    let (world, provider) = (world(), Recording::<QueryableProvider>::default());
    let process = world.process_with(&provider, |it| it.breaker(Breaker::off()).retry(Retry { budget: Some(5), ..Retry::default() }));
    provider.answer_always(ProviderAnswer::unreachable());
    failed(send(&process, "burn").await);
    provider.answer(ProviderAnswer::accept_then_break());
    provider.answer_lookup(ProviderAnswer::Slow(secs(11)));
    let outcome = send(&process, "1").await;
    assert!(!matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_send_waits_for_its_turn_and_is_put_off_beyond_the_longest_wait() {
    let (world, provider) = (world(), paced(Rate::per_second(1)));
    let process = world.process(&provider);
    let ids: Vec<_> = (0..10).map(|n| n.to_string()).collect();
    let outcomes = join_all(ids.iter().map(|what| send(&process, what))).await;
    let calls = provider.calls();
    assert_eq!(calls.len(), 6, "one at once, five within five seconds");
    for pair in calls.windows(2) {
        assert!(pair[1].at_ms - pair[0].at_ms >= 1_000);
        assert!(pair[0].client_message_id < pair[1].client_message_id, "in the order in which they came");
    }
    for outcome in outcomes.into_iter().skip(6) {
        let end = deferred(outcome);
        assert_eq!((end.reason, end.error.is_none()), (DeferredReason::RateLimited, true));
        assert!((secs(6)..=ms(7_200)).contains(&end.retry_after), "{:?}", end.retry_after);
    }
    // No attempt was counted, nothing has a letter, the breaker is as it was.
    assert!(world.record("9").await.unwrap().attempts == 0 && world.all_letters().await.is_empty());
    assert_eq!(process.status(&tenant(), "recording").await.unwrap().breaker.state, BreakerState::Closed);
    world.pass(secs(8)).await;
    assert_eq!(delivered(send(&process, "9").await).attempts, 1);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_before_the_callers_time() {
    let (world, provider) = (world(), paced(Rate::per(1, secs(3))));
    let process = world.process(&provider);
    delivered(send(&process, "1").await);
    let options = SendOptions::new().within(ms(3_500));
    let end = deferred(process.send_with(tenant(), "recording", id("2"), &text("hello"), options).await.unwrap());
    assert_eq!((end.reason, provider.calls().len()), (DeferredReason::RateLimited, 1), "less than `min_attempt` would be left");
    delivered(send(&process, "2").await);
}

/// Who waits holds no permit: neither other recipients nor the breaker's probe wait for it.
#[tokio::test(start_paused = true)]
async fn a_send_that_waits_holds_no_permit_of_the_bulkhead() {
    let (world, provider) = (world(), Recording::new());
    provider.set_scopes(|message: &OutboundMessage, scopes: &mut Scopes| {
        let number = message.to.preferred().map(ToString::to_string).unwrap_or_default();
        scopes.recipient(&number, Rate::per(1, secs(4)));
    });
    let process = world.process_with(&provider, |it| it.bulkhead(1));
    delivered(send(&process, "1").await);
    let (waited, at_once) = join(send(&process, "2"), async {
        world.pass(secs(1)).await;
        process.send(tenant(), "recording", id("3"), &to("+15551230009")).await.unwrap()
    })
    .await;
    delivered(waited);
    delivered(at_once);
    let order: Vec<_> = provider.calls().iter().map(|call| call.client_message_id.to_string()).collect();
    assert_eq!(order, ["1", "3", "2"]);
}

#[tokio::test(start_paused = true)]
async fn rule_07_an_open_breaker_takes_no_token() {
    let (world, provider) = (world(), paced(Rate::per_hour(1).burst(7)));
    let process = world.process(&provider);
    provider.answer_always(ProviderAnswer::unreachable());
    for n in 0..5 {
        let _ = send(&process, &n.to_string()).await;
    }
    let calls = provider.calls().len();
    assert_eq!((calls, process.status(&tenant(), "recording").await.unwrap().breaker.state), (5, BreakerState::Open));
    for n in 0..50 {
        assert_eq!(deferred(send(&process, &format!("open {n}")).await).reason, DeferredReason::BreakerOpen);
    }
    world.pass(secs(60)).await;
    provider.answer_always(ProviderAnswer::Accept);
    delivered(send(&process, "probe").await);
    delivered(send(&process, "last token").await);
    assert_eq!(deferred(send(&process, "none left").await).reason, DeferredReason::RateLimited);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_while_it_waits_gives_its_turn_back() {
    let (world, provider) = (world(), paced(Rate::per(1, secs(4))));
    let process = world.process(&provider);
    delivered(send(&process, "1").await);
    for n in 0..20 {
        drop_after(&world, &process, &format!("left {n}"), ms(10)).await;
    }
    delivered(send(&process, "2").await);
    let calls = provider.calls();
    assert_eq!((calls.len(), (calls[1].at_ms - calls[0].at_ms) / 1000), (2, 4));
}

/// The call that was not made for want of a permit after its wait leaves its token to the next.
#[tokio::test(start_paused = true)]
async fn a_send_that_finds_the_bulkhead_full_after_its_wait_gives_its_turn_back() {
    let (world, provider) = (world(), Recording::new());
    provider.set_scopes(|message: &OutboundMessage, scopes: &mut Scopes| {
        let number = message.to.preferred().map(ToString::to_string).unwrap_or_default();
        scopes.recipient(&number, Rate::per(1, secs(4)));
    });
    let process = world.process_with(&provider, |it| it.bulkhead(1));
    delivered(send(&process, "1").await);
    provider.answer(ProviderAnswer::Slow(secs(2)));
    let (waited, slow) = join(send(&process, "2"), async {
        world.pass(secs(3)).await;
        process.send(tenant(), "recording", id("3"), &to("+15551230009")).await.unwrap()
    })
    .await;
    assert_eq!(deferred(waited).reason, DeferredReason::Busy);
    delivered(slow);
    delivered(send(&process, "2").await);
    let calls = provider.calls();
    let times: Vec<_> = calls.iter().map(|call| (call.client_message_id.as_str(), (call.at_ms - calls[0].at_ms) / 1_000)).collect();
    assert_eq!(times, [("1", 0), ("3", 3), ("2", 5)], "not 8");
}

/// A look-up that does not find the message leaves its turn to the attempt after it, however slow the rate.
#[tokio::test(start_paused = true)]
async fn rule_21_a_send_in_doubt_is_made_with_the_turn_of_its_look_up() {
    let (world, provider) = (world(), Recording::<QueryableProvider>::default());
    provider.set_scopes(|_, scopes| {
        scopes.account(Rate::per(1, secs(60)));
    });
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::error(ErrorKind::Timeout, Reach::Maybe));
    assert_eq!(deferred(send(&process, "1").await).reason, DeferredReason::RateLimited, "the look-up has no turn");
    world.pass(secs(61)).await;
    delivered(send(&process, "1").await);
    assert_eq!(provider.calls().len(), 2);
    assert_eq!(deferred(send(&process, "2").await).reason, DeferredReason::RateLimited, "the token is used once");
    world.pass(secs(61)).await;
    delivered(send(&process, "2").await);
}

/// Rule 38: what never reached the provider is no load on it.
#[tokio::test(start_paused = true)]
async fn rule_38_a_retry_after_a_local_fault_costs_nothing() {
    let (world, provider) = (world(), Recording::new());
    let process = world.process_with(&provider, |it| it.breaker(Breaker::off()));
    provider.answer_always(ProviderAnswer::error(ErrorKind::Busy, Reach::NotSent));
    let typing = OutboundMessage::new(Identity::phone("+15551230001").unwrap(), Content::Typing { target: None });
    let end = failed(process.send(tenant(), "recording", id("t"), &typing).await.unwrap());
    assert_eq!((end.attempts, process.status(&tenant(), "recording").await.unwrap().budget_left), (3, Some(100)));
}

/// Rule 83, and 87: a typing notice that would have to wait is dropped.
#[tokio::test(start_paused = true)]
async fn rule_87_an_ephemeral_message_never_waits_for_a_token() {
    let (world, provider) = (world(), paced(Rate::per(1, secs(2))));
    let process = world.process(&provider);
    delivered(send(&process, "1").await);
    let typing = OutboundMessage::new(Identity::phone("+15551230001").unwrap(), Content::Typing { target: None });
    let end = failed(process.send(tenant(), "recording", id("t"), &typing).await.unwrap());
    assert!(end.ephemeral && end.error.context("reason") == Some("rate_limited") && provider.calls().len() == 1);
    world.pass(secs(2)).await;
    delivered(process.send(tenant(), "recording", id("t"), &typing).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn rule_45_a_throttled_scope_is_paused_and_the_breaker_stays_closed() {
    let (world, provider) = (world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::throttle_scope(Scope::Account, secs(3)));
    let (owner, others) = join(send(&process, "owner"), async {
        world.pass(secs(1)).await;
        let ids: Vec<_> = (0..100).map(|n| n.to_string()).collect();
        join_all(ids.iter().map(|what| send(&process, what))).await
    })
    .await;
    assert_eq!(delivered(owner).attempts, 2, "it waits through its own pause");
    for outcome in others {
        let end = deferred(outcome);
        assert_eq!(end.reason, DeferredReason::Throttled);
        assert!((secs(2)..=ms(2_400)).contains(&end.retry_after), "{:?}", end.retry_after);
    }
    let status = process.status(&tenant(), "recording").await.unwrap();
    assert_eq!((provider.calls().len(), status.breaker.state), (2, BreakerState::Closed));
    delivered(send_as(&process, &other(), "1").await);
    delivered(send(&process, "1").await);
}

#[tokio::test(start_paused = true)]
async fn rule_45_a_paused_recipient_holds_no_other_back() {
    let (world, provider) = (world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::throttle_scope(Scope::Recipient, secs(600)));
    assert_eq!(deferred(send(&process, "1").await).reason, DeferredReason::Throttled);
    assert_eq!(deferred(send(&process, "2").await).reason, DeferredReason::Throttled);
    delivered(process.send(tenant(), "recording", id("3"), &to("+15551230009")).await.unwrap());
    assert_eq!(provider.calls().len(), 2);
    let status = serde_json::to_string(&process.status(&tenant(), "recording").await.unwrap()).unwrap();
    assert!(status.contains(r#""scope":"recipient","count":1"#) && !status.contains("15551230001"), "{status}");
}

/// Those that wait for their turn meet the pause when it comes, and give their turns back.
#[tokio::test(start_paused = true)]
async fn rule_45_a_pause_holds_back_the_calls_that_wait_for_their_turn() {
    let (world, provider) = (world(), paced(Rate::per_second(1)));
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::throttle_scope(Scope::Account, secs(600)));
    let ids: Vec<_> = (0..4).map(|n| n.to_string()).collect();
    for outcome in join_all(ids.iter().map(|what| send(&process, what))).await {
        assert_eq!(deferred(outcome).reason, DeferredReason::Throttled);
    }
    assert_eq!(provider.calls().len(), 1);
    world.pass(secs(600)).await;
    delivered(send(&process, "0").await);
}

/// The owner of a pause waits through another one that is short enough.
#[tokio::test(start_paused = true)]
async fn rule_45_a_throttled_send_waits_through_a_pause_that_began_while_it_waited() {
    let (world, provider) = (world(), paced(Rate::per_second(1)));
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::throttle_scope(Scope::Account, ms(100)));
    let (owner, _) = join(send(&process, "owner"), async {
        // Before the owner's next attempt: it takes the turn before it.
        world.pass(ms(300)).await;
        provider.answer(ProviderAnswer::throttle_scope(Scope::Account, secs(2)));
        send(&process, "other").await
    })
    .await;
    assert_eq!(delivered(owner).attempts, 2);
    let calls = provider.calls();
    assert!(calls[2].at_ms - calls[1].at_ms >= 2_000, "within the pause");
    // After the pause they keep the rate.
    assert!(
        calls.windows(2).all(|pair| pair[1].at_ms - pair[0].at_ms >= 1_000),
        "{:?}",
        calls.iter().map(|call| call.at_ms).collect::<Vec<_>>()
    );
}

/// A daily quota: ten minutes, doubled up to an hour, for every tenant of the account.
#[tokio::test(start_paused = true)]
async fn rule_45_a_growing_pause_of_a_shared_key_holds_for_every_tenant() {
    let (world, provider) = (world(), Recording::new());
    provider.set_scopes(|_, scopes| {
        scopes.shared("123456789012/eu-west-1", None);
    });
    let process = world.process(&provider);
    let minute = secs(60);
    provider.answer_always(ProviderAnswer::Refuse(Arc::new(|| {
        SendError::throttled("the daily quota is used up").scope(Scope::Shared).retry_after(secs(600)).growing(secs(3600)).not_sent()
    })));
    for (n, minutes) in [10, 20, 40, 60, 60].into_iter().enumerate() {
        let end = deferred(send(&process, &n.to_string()).await);
        assert!(end.retry_after >= minutes * minute && end.retry_after <= minutes * minute * 6 / 5, "{n}: {:?}", end.retry_after);
        assert_eq!(deferred(send_as(&process, &other(), "other").await).reason, DeferredReason::Throttled);
        assert_eq!(provider.calls().len(), n + 1);
        world.pass(end.retry_after).await;
    }
    provider.answer_always(ProviderAnswer::Accept);
    delivered(send_as(&process, &other(), "other").await);
    provider.answer(ProviderAnswer::Refuse(Arc::new(|| {
        SendError::throttled("the daily quota is used up").scope(Scope::Shared).retry_after(secs(600)).growing(secs(3600)).not_sent()
    })));
    assert!(deferred(send(&process, "again").await).retry_after <= 12 * minute, "it begins short again");
}

/// A throttled answer without a time pauses for a second; one without a scope holds back only its own send.
#[tokio::test(start_paused = true)]
async fn rule_45_an_answer_without_a_time_or_scope() {
    let (world, provider) = (world(), Recording::new());
    let process = world.process(&provider);
    let throttled = || SendError::throttled("too fast");
    provider.answer(ProviderAnswer::Refuse(Arc::new(move || throttled().scope(Scope::Sender).not_sent())));
    let (owner, other) = join(send(&process, "1"), async {
        world.pass(ms(100)).await;
        send(&process, "2").await
    })
    .await;
    assert!(delivered(owner).attempts == 2 && deferred(other).reason == DeferredReason::Throttled);
    let calls = provider.calls();
    assert!(calls[1].at_ms - calls[0].at_ms >= 1_000);

    provider.answer(ProviderAnswer::Refuse(Arc::new(move || throttled().retry_after(secs(600)).not_sent())));
    deferred(send(&process, "3").await);
    delivered(send(&process, "4").await);
}

/// Rule 70: a redrive passes the limiter as every send.
#[tokio::test(start_paused = true)]
async fn rule_70_a_redrive_is_rate_limited() {
    let (world, provider) = (world(), paced(Rate::per_hour(1).burst(2)));
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::error(ErrorKind::Unauthorized, Reach::Processed));
    let failure: FailureId = failed(send(&process, "1").await).failure_id;
    delivered(send(&process, "2").await);
    let again = process.redrive(&failure, RedriveOptions::new()).await.unwrap();
    assert_eq!((deferred(again).reason, provider.calls().len()), (DeferredReason::RateLimited, 2));
    world.pass(secs(3600)).await;
    delivered(process.redrive(&failure, RedriveOptions::new()).await.unwrap());
}

/// A strategy that declares more scopes than a call may have is not let through without a limit.
#[tokio::test(start_paused = true)]
async fn too_many_scopes_are_refused() {
    let (world, provider) = (world(), Recording::new());
    provider.set_scopes(|_, scopes| {
        for n in 0..=Scopes::MAX {
            scopes.shared(&n.to_string(), Rate::per_second(1000));
        }
    });
    assert_eq!(deferred(send(&world.process(&provider), "1").await).reason, DeferredReason::Busy);
    provider.set_scopes(|_, _| panic!("a strategy's fault"));
    assert_eq!(deferred(send(&world.process(&provider), "2").await).reason, DeferredReason::Busy);
    assert!(provider.calls().is_empty());
}

/// Random sends, faults and callers that leave: no window of the account or of a recipient ever holds more than its rate, and every message
/// ends.
#[tokio::test(start_paused = true)]
async fn random_runs_keep_every_rate_and_lose_no_message() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    for _ in 0..5 {
        let (world, provider) = (world(), Recording::new());
        provider.set_scopes(|message: &OutboundMessage, scopes: &mut Scopes| {
            let number = message.to.preferred().map(ToString::to_string).unwrap_or_default();
            scopes.account(Rate::per_second(5).burst(5)).recipient(&number, Rate::per(1, secs(3)).burst(2));
        });
        let limits = Limits { max_wait: secs(random(6)), ..Limits::default() };
        let process = world.process_with(&provider, |it| it.breaker(Breaker::off()).limits(limits));
        let mut left: BTreeMap<String, OutboundMessage> = (0..60).map(|n| (n.to_string(), to(&format!("+1555123000{}", n % 4)))).collect();
        for round in 0..1_000 {
            if left.is_empty() {
                break;
            }
            let some: Vec<_> = left.iter().take(1 + usize::try_from(random(12)).unwrap()).map(|(k, m)| (k.clone(), m.clone())).collect();
            let faults = if round < 40 { random(3) } else { 0 };
            for _ in 0..faults {
                provider.answer(match random(3) {
                    0 => ProviderAnswer::unreachable(),
                    1 => ProviderAnswer::throttle_scope(Scope::Recipient, ms(random(2_000))),
                    _ => ProviderAnswer::throttle_scope(Scope::Account, ms(random(2_000))),
                });
            }
            let patience = ms(200 + random(8_000));
            let sends = join_all(some.iter().map(async |(what, message)| {
                let sent = process.send(tenant(), "recording", id(what), message);
                let outcome = tokio::time::timeout(patience, sent).await;
                (what.clone(), outcome.ok().map(Result::unwrap))
            }));
            for (what, outcome) in sends.await {
                match outcome {
                    Some(Outcome::Deferred(_)) | None => {}
                    Some(_) => drop(left.remove(&what)),
                }
            }
            world.pass(ms(random(3_000))).await;
        }
        assert!(left.is_empty(), "{} are left", left.len());
        let calls = provider.calls();
        let fits = |times: &[i64], every_ms: i64, burst: i64| {
            for (first, from) in times.iter().enumerate() {
                for (last, to) in times.iter().enumerate().skip(first) {
                    let most = burst + (to - from) / every_ms;
                    assert!(i64::try_from(last - first + 1).unwrap() <= most + 1, "{} calls in {} ms", last - first + 1, to - from);
                }
            }
        };
        fits(&calls.iter().map(|call| call.at_ms).collect::<Vec<_>>(), 200, 5);
        let mut each: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for call in &calls {
            each.entry(call.message.to.preferred().unwrap().to_string()).or_default().push(call.at_ms);
        }
        for times in each.values() {
            fits(times, 3_000, 2);
        }
    }
}
