//! Sends and their breakers.

use std::sync::Arc;

use zengine_connector::{
    ErrorKind, OrchestratorBuilder, Outcome, Reach, TenantId, async_trait,
    pipeline::DeferredReason,
    runtime::Clock,
    stage::{Breaker, Retry},
    store::{EpochEntry, EpochLog, StoreError, StoreErrorKind},
    testing::{ProviderAnswer, Recording},
};

use super::new_world;
use crate::support::{deferred, delivered, drop_after, failed, id, ms, secs, send, strategy, tenant, text};

fn once(it: OrchestratorBuilder) -> OrchestratorBuilder {
    it.retry(Retry::none())
}

/// Case 50.
#[tokio::test(start_paused = true)]
async fn rule_44_five_provider_faults_in_a_row_open_and_an_answer_between_does_not() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, once);
    for n in 0..4 {
        provider.answer(ProviderAnswer::unreachable());
        failed(send(&process, &format!("a{n}")).await);
    }
    provider.answer(ProviderAnswer::error(ErrorKind::InvalidRecipient, Reach::Processed));
    failed(send(&process, "answered").await);
    for n in 0..5 {
        provider.answer(ProviderAnswer::unreachable());
        failed(send(&process, &format!("b{n}")).await);
    }
    let end = deferred(send(&process, "c").await);
    assert_eq!(end.reason, DeferredReason::BreakerOpen);
    assert!(end.retry_after >= secs(30) && end.retry_after <= secs(50), "{:?}", end.retry_after);
    assert_eq!(provider.calls().len(), 10);
}

/// Cases 51, 52 and 41: neither answers about messages nor refused credentials, limits and callers that go away open it.
#[tokio::test(start_paused = true)]
async fn rule_44_only_the_providers_own_faults_count() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, once);
    for n in 0..super::MANY.min(1000) {
        provider.answer(ProviderAnswer::error(ErrorKind::InvalidContent, Reach::Processed));
        failed(send(&process, &format!("domain{n}")).await);
    }
    for n in 0..100 {
        provider.answer(ProviderAnswer::Hang);
        drop_after(&world, &process, &format!("dropped{n}"), ms(1)).await;
        provider.answer(ProviderAnswer::throttle(secs(60)));
        deferred(send(&process, &format!("throttled{n}")).await);
        provider.answer(ProviderAnswer::error(ErrorKind::Unauthorized, Reach::Processed));
        failed(send(&process, &format!("auth{n}")).await);
    }
    delivered(send(&process, "last").await);
}

/// Rule 6: the breaker sees every attempt of a send; rule 7: it consumes none.
#[tokio::test(start_paused = true)]
async fn rule_07_a_breaker_that_opens_between_attempts_ends_the_call() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.breaker(Breaker { consecutive_failures: 2, ..Breaker::default() }));
    provider.answer_always(ProviderAnswer::unreachable());
    let end = deferred(send(&process, "1").await);
    assert_eq!((end.reason, provider.calls().len()), (DeferredReason::BreakerOpen, 2));
    assert_eq!(end.error.unwrap().kind(), ErrorKind::Unavailable, "the real error stays visible");
    assert_eq!(world.record("1").await.unwrap().attempts, 2);
    let before = world.clock.monotonic();
    deferred(send(&process, "1").await);
    assert_eq!((world.clock.monotonic(), provider.calls().len()), (before, 2));
    assert_eq!(world.record("1").await.unwrap().attempts, 2);
}

/// Cases 57 to 59: what becomes of a probe.
#[tokio::test(start_paused = true)]
async fn rule_47_a_probe_that_says_nothing_frees_its_place_and_an_answer_closes() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.retry(Retry::none()).breaker(Breaker::fast_fail()));
    for n in 0..3 {
        provider.answer(ProviderAnswer::unreachable());
        failed(send(&process, &format!("a{n}")).await);
    }
    world.pass(secs(15)).await;
    provider.answer(ProviderAnswer::Hang);
    drop_after(&world, &process, "dropped", ms(100)).await;
    provider.answer(ProviderAnswer::throttle(secs(60)));
    assert_eq!(deferred(send(&process, "throttled").await).reason, DeferredReason::Throttled);
    provider.answer(ProviderAnswer::error(ErrorKind::InvalidContent, Reach::Processed));
    failed(send(&process, "answered").await);
    // Closed: several at once pass.
    provider.answer_always(ProviderAnswer::Slow(ms(100)));
    let sends = (0..10).map(|n| async move { n });
    let numbers = futures_util::future::join_all(sends).await;
    let process = &process;
    let ends = futures_util::future::join_all(numbers.into_iter().map(|n| async move { send(process, &format!("b{n}")).await })).await;
    for end in ends {
        delivered(end);
    }
}

/// Rule 47: one probe at a time.
#[tokio::test(start_paused = true)]
async fn rule_47_a_half_open_breaker_lets_one_call_through() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.retry(Retry::none()).breaker(Breaker::fast_fail()));
    for n in 0..3 {
        provider.answer(ProviderAnswer::unreachable());
        failed(send(&process, &format!("a{n}")).await);
    }
    world.pass(secs(15)).await;
    provider.answer_always(ProviderAnswer::Slow(secs(1)));
    let names: Vec<_> = (0..10).map(|n| format!("b{n}")).collect();
    let ends = futures_util::future::join_all(names.iter().map(|name| send(&process, name))).await;
    assert_eq!(ends.iter().filter(|end| end.is_terminal()).count(), 1);
    assert_eq!(provider.calls().len(), 4);
}

/// Rule 47, case 60: news of a call that began before has no say.
#[tokio::test(start_paused = true)]
async fn rule_47_late_news_does_not_move_the_state() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.retry(Retry::none()).breaker(Breaker::fast_fail()));
    provider.answer(ProviderAnswer::Slow(secs(5)));
    let (late, ()) = futures_util::future::join(send(&process, "late"), async {
        for n in 0..3 {
            provider.answer(ProviderAnswer::unreachable());
            failed(send(&process, &format!("a{n}")).await);
        }
        world.pass(secs(6)).await;
        // The late success came in; the breaker is as open as before.
        assert_eq!(deferred(send(&process, "b").await).reason, DeferredReason::BreakerOpen);
    })
    .await;
    delivered(late);
}

/// A log that fails or hangs.
#[derive(Debug)]
struct Sick {
    hangs: bool,
}

impl Sick {
    async fn answer<T>(&self) -> Result<T, StoreError> {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Err(StoreError::new(StoreErrorKind::Unavailable, "no answer"))
    }
}

#[async_trait]
impl EpochLog for Sick {
    async fn append(&self, _: &str, _: EpochEntry) -> Result<bool, StoreError> {
        self.answer().await
    }

    async fn read(&self, _: &str, _: u64, _: u32) -> Result<Vec<EpochEntry>, StoreError> {
        self.answer().await
    }

    async fn newest(&self, _: &str) -> Result<Option<EpochEntry>, StoreError> {
        self.answer().await
    }

    async fn trim(&self, _: &str, _: u64) -> Result<(), StoreError> {
        self.answer().await
    }
}

/// Cases 62 and 63: without its log a breaker works on its own, and nobody waits for it.
#[tokio::test(start_paused = true)]
async fn rule_44_a_sick_log_neither_stops_nor_slows_a_send() {
    for hangs in [false, true] {
        let (world, provider) = (new_world(), Recording::new());
        let process =
            world.process_with(&provider, |it| it.retry(Retry::none()).breaker(Breaker::fast_fail()).epochs(Arc::new(Sick { hangs })));
        let before = world.clock.monotonic();
        delivered(send(&process, "1").await);
        for n in 0..3 {
            provider.answer(ProviderAnswer::unreachable());
            failed(send(&process, &format!("a{n}")).await);
        }
        deferred(send(&process, "2").await);
        assert_eq!(world.clock.monotonic(), before);
        world.pass(secs(15)).await;
        delivered(send(&process, "2").await);
        delivered(send(&process, "3").await);
        assert!(world.clock.monotonic() - before < secs(16));
    }
}

/// One tenant's trouble is its own.
#[tokio::test(start_paused = true)]
async fn rule_47_breakers_are_per_tenant() {
    let (world, provider) = (new_world(), Recording::new());
    let process =
        world.process_with(&provider, |it| it.retry(Retry::none()).breaker(Breaker { consecutive_failures: 1, ..Breaker::default() }));
    let other = TenantId::new("other").unwrap();
    world.memory.put_tenant(&other, &strategy(), serde_json::json!({}));
    provider.answer(ProviderAnswer::unreachable());
    failed(send(&process, "1").await);
    deferred(send(&process, "2").await);
    for (who, open) in [(&other, false), (&tenant(), true)] {
        let end = process.send(who, "recording", id("3"), &text("hello")).await.unwrap();
        assert_eq!(end.is_terminal(), !open);
    }
}

/// Sends that an open breaker puts off come back after it and not all at once: up to 20 % later, and never at once.
#[tokio::test(start_paused = true)]
async fn rule_07_sends_that_an_open_breaker_put_off_come_back_one_by_one() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.breaker(Breaker { consecutive_failures: 1, ..Breaker::default() }));
    provider.answer(ProviderAnswer::unreachable());
    deferred(send(&process, "1").await);
    let mut waits = std::collections::BTreeSet::new();
    for n in 0..20 {
        waits.insert(deferred(send(&process, &format!("a{n}")).await).retry_after);
    }
    let (first, last) = (*waits.first().unwrap(), *waits.last().unwrap());
    assert!(waits.len() > 10 && last > first && last <= first * 6 / 5, "{waits:?}");
    let mut left = first;
    loop {
        world.pass(left / 2).await;
        match send(&process, "2").await {
            Outcome::Deferred(end) => left = end.retry_after,
            end => {
                delivered(end);
                break;
            }
        }
        assert!(left >= ms(100), "{left:?}");
    }
}
