//! A claim store that does what it is asked and answers late, just within its time.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use zengine_connector::{
    Identity, Orchestrator, OutboundMessage, SendOptions, delegate_claims,
    orchestrator::InboundSettings,
    runtime::Clock as _,
    stage::Dedup,
    store::{Applied, ClaimKey, ClaimOp, ClaimRecord, ClaimStore, InboundOp, InboundRecord, StoreError},
    testing::{NativeProvider, PlainProvider, ProviderAnswer, ProviderKind, QueryableProvider, Recording, SimClock},
};

use crate::host::{TestHost, assert_comes_again, assert_done, element, ms, receive, secs, tenant};

#[derive(Debug)]
struct LateAnswers {
    store: Arc<dyn ClaimStore>,
    clock: SimClock,
    late: Duration,
}

impl LateAnswers {
    fn new(host: &TestHost, late: Duration) -> Arc<Self> {
        Arc::new(Self { store: host.memory.claims(), clock: SimClock::new(), late })
    }
}

#[async_trait]
impl ClaimStore for LateAnswers {
    delegate_claims!(store: get, put_reference, reference);

    async fn apply(
        &self,
        key: &ClaimKey,
        operation: &ClaimOp,
        current: Option<&ClaimRecord>,
        now_ms: i64,
    ) -> Result<Applied<ClaimRecord>, StoreError> {
        let answer = self.store.apply(key, operation, current, now_ms).await;
        self.clock.sleep(self.late).await;
        answer
    }

    async fn apply_inbound(
        &self,
        key: &ClaimKey,
        operation: &InboundOp,
        current: Option<&InboundRecord>,
        now_ms: i64,
    ) -> Result<Applied<InboundRecord>, StoreError> {
        self.clock.sleep(self.late).await;
        self.store.apply_inbound(key, operation, current, now_ms).await
    }
}

async fn send(process: &Orchestrator) -> String {
    let message = OutboundMessage::text(Identity::phone("+15551230001").unwrap(), "hello");
    let options = SendOptions::new().within(secs(200));
    process.send_with(tenant(), "recording", "1", &message, options).await.unwrap().as_str().to_owned()
}

/// One process whose store answers late, one whose store does not, and a provider that takes nearly the whole attempt.
async fn send_from_two<P: ProviderKind>(dedup: &Dedup, late: Duration) -> usize {
    let (host, provider) = (TestHost::new(), Recording::<P>::default());
    provider.answer(ProviderAnswer::Slow(ms(9_900)));
    let slow = host.process_with(&provider, |builder| builder.dedup(dedup.clone()).claims(LateAnswers::new(&host, late)));
    let quick = host.process_with(&provider, |builder| builder.dedup(dedup.clone()));
    let rival = async {
        for _ in 0..200 {
            host.clock.advance(ms(500)).await;
            if send(&quick).await != "deferred" {
                break;
            }
        }
    };
    futures_util::future::join(send(&slow), rival).await;
    provider.effects("1")
}

#[tokio::test(start_paused = true)]
async fn rule_18_an_attempt_begins_only_where_the_lease_covers_it_however_late_the_store_answers() {
    for (lease, commit_slack, clock_skew) in [(10, 0, 0), (12, 2, 0), (14, 2, 2), (17, 2, 2), (20, 2, 2), (60, 2, 2)] {
        let (commit_slack, clock_skew) = (secs(commit_slack), secs(clock_skew));
        let dedup = Dedup { lease: secs(lease), commit_slack, clock_skew, ..Dedup::default() };
        for late in [1_000, 2_500, 3_500, 4_900].map(ms) {
            assert_eq!(send_from_two::<PlainProvider>(&dedup, late).await, 1, "lease {lease} s, {late:?} late");
            assert_eq!(send_from_two::<NativeProvider>(&dedup, late).await, 1, "lease {lease} s, {late:?} late");
            assert_eq!(send_from_two::<QueryableProvider>(&dedup, late).await, 1, "lease {lease} s, {late:?} late");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_shortest_lease_of_an_event_outlasts_renewals_that_come_late() {
    let host = TestHost::new();
    let settings = InboundSettings { lease: secs(15), ..InboundSettings::default() };
    let process = || {
        let late = LateAnswers::new(&host, ms(4_900));
        host.process_with(&Recording::new(), |builder| builder.claims(late).inbound(settings.clone()))
    };
    let (process, another) = (process(), process());
    let handled = tokio::spawn(async move { receive(&process, &[element("1", "slow")]).await });
    host.clock.advance(secs(10)).await;
    for _ in 0..15 {
        assert_comes_again(&receive(&another, &[element("1", "slow")]).await);
    }
    assert_done(&handled.await.unwrap());
    assert_eq!(host.handled(), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_40_the_time_that_the_store_takes_is_the_attempt_s_loss() {
    let message = OutboundMessage::text(Identity::phone("+15551230001").unwrap(), "hello");
    // The claim and the mark take 8 s.
    for (time, calls, end) in [(8_500, 0, "deferred"), (9_500, 1, "unknown")] {
        let (host, provider) = (TestHost::new(), Recording::new());
        let process = host.process_with(&provider, |builder| builder.claims(LateAnswers::new(&host, secs(4))));
        provider.answer(ProviderAnswer::AcceptThenHang);
        let options = SendOptions::new().within(ms(time));
        let outcome = process.send_with(tenant(), "recording", "1", &message, options).await.unwrap();
        assert_eq!((outcome.as_str(), provider.calls().len()), (end, calls));
        if calls > 0 {
            let began = provider.calls()[0].at_ms - SimClock::EPOCH_MS;
            assert!((8_000..=8_500).contains(&began), "{began}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rule_24_a_duplicate_waits_no_longer_than_it_was_told_however_late_the_store_answers() {
    let (host, provider) = (TestHost::new(), Recording::new());
    provider.answer(ProviderAnswer::Slow(secs(50)));
    let process = host.process_with(&provider, |builder| builder.attempt_timeout(secs(55)));
    let slow = host.process_with(&provider, |builder| builder.claims(LateAnswers::new(&host, secs(2))));
    let owner = tokio::spawn(async move { send(&process).await });
    host.clock.advance(secs(1)).await;
    // The first claim, five seconds, and the claim that was under way.
    let outcome = tokio::time::timeout(secs(2) + secs(5) + secs(2), send(&slow)).await.expect("it waits 5 s");
    assert_eq!((outcome.as_str(), owner.await.unwrap().as_str()), ("deferred", "delivered"));
    assert_eq!(provider.calls().len(), 1);
}
