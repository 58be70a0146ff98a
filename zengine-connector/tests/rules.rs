//! Rules of `guide/semantics.md` that hold across stages, one test each.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

use std::{sync::Arc, time::Duration};

use serde_json::json;
use zengine_connector::{
    ClientMessageId, ErrorKind, Fault, Identity, Orchestrator, OrchestratorBuilder, OutboundMessage, Outcome, Reach, SendOptions,
    StrategyName, TenantId,
    http::status_error,
    runtime::Clock,
    stage::{Breaker, Retry},
    store::Memory,
    testing::{ProviderAnswer, Recording, SimClock},
};

struct World {
    recording: Recording,
    clock: Arc<SimClock>,
    orchestrator: Orchestrator,
    tenant: TenantId,
}

impl World {
    fn new(settings: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder) -> Self {
        let (recording, clock, stores) = (Recording::new(), Arc::new(SimClock::new()), Memory::new());
        let tenant = TenantId::new("acme").unwrap();
        stores.put_tenant(&tenant, &StrategyName::new("recording").unwrap(), json!({}));
        let builder = Orchestrator::builder().strategy(recording.clone()).stores(stores).clock(Arc::clone(&clock) as _);
        Self { recording, clock, orchestrator: settings(builder).build().unwrap(), tenant }
    }

    async fn send(&self, id: &str) -> Outcome {
        self.send_within(id, Duration::from_secs(60)).await
    }

    async fn send_within(&self, id: &str, time: Duration) -> Outcome {
        let message = OutboundMessage::text(Identity::phone("+15551230001").unwrap(), "hello");
        let options = SendOptions::new().within(time);
        self.orchestrator.send_with(&self.tenant, "recording", id, &message, options).await.unwrap()
    }
}

#[test]
fn rule_02_an_http_status_has_a_default_fault_and_reach() {
    use Fault::{Auth, Domain, Provider, Throttled};
    use Reach::{Maybe, NotSent, Processed};
    let table = [
        (429, None, Throttled, NotSent),
        (503, Some(1), Provider, NotSent),
        (503, None, Provider, Maybe),
        (408, None, Provider, Maybe),
        (500, None, Provider, Maybe),
        (502, None, Provider, Maybe),
        (504, None, Provider, Maybe),
        (599, None, Provider, Maybe),
        (401, None, Auth, Processed),
        (403, None, Auth, Processed),
        (400, None, Domain, Processed),
        (404, None, Domain, Processed),
        (422, None, Domain, Processed),
    ];
    for (status, retry_after, fault, reach) in table {
        let status = http::StatusCode::from_u16(status).unwrap();
        let (error, got) = status_error(status, retry_after.map(Duration::from_secs)).unwrap();
        assert_eq!((error.reach(got).fault(), got), (fault, reach), "{status}");
    }
    assert!(status_error(http::StatusCode::OK, None).is_none());
}

#[tokio::test(start_paused = true)]
async fn rule_03_a_send_ends_in_one_of_four_outcomes() {
    let world = World::new(|builder| builder);
    assert!(matches!(world.send("delivered").await, Outcome::Delivered(_)));
    world.recording.answer(ProviderAnswer::error(ErrorKind::InvalidContent, Reach::Processed));
    assert!(matches!(world.send("failed").await, Outcome::Failed(_)));
    world.recording.answer(ProviderAnswer::broken());
    assert!(matches!(world.send("unknown").await, Outcome::Unknown(_)));
    world.recording.answer(ProviderAnswer::throttle(Duration::from_secs(600)));
    assert!(matches!(world.send("deferred").await, Outcome::Deferred(_)));
}

#[tokio::test(start_paused = true)]
async fn rule_05_the_deadline_ends_the_call_and_the_result_is_stored_all_the_same() {
    let world = World::new(|builder| builder);
    world.recording.answer(ProviderAnswer::AcceptThenHang);
    let before = world.clock.monotonic();
    assert!(matches!(world.send_within("1", Duration::from_secs(4)).await, Outcome::Unknown(_)));
    assert!(world.clock.monotonic().saturating_sub(before) <= Duration::from_secs(4));
    let id = ClientMessageId::new("1").unwrap();
    let stored = world.orchestrator.outcome(&world.tenant, "recording", &id).await.unwrap();
    assert!(matches!(stored, Some(Outcome::Unknown(_))), "{stored:?}");
}

#[tokio::test(start_paused = true)]
async fn rule_09_one_layer_retries() {
    for attempts in 1..=4_u32 {
        let world = World::new(|builder| builder.retry(Retry { max_attempts: attempts, ..Retry::default() }));
        world.recording.answer_always(ProviderAnswer::unreachable());
        assert!(matches!(world.send("1").await, Outcome::Failed(_)));
        assert_eq!(world.recording.calls().len(), attempts as usize);
    }
}

#[tokio::test(start_paused = true)]
async fn rule_10_the_order_of_stages_does_not_depend_on_the_order_of_settings() {
    let retry = || Retry { max_attempts: 3, ..Retry::default() };
    let breaker = || Breaker { consecutive_failures: 4, ..Breaker::default() };
    let timeout = Duration::from_secs(3);
    let worlds = [
        World::new(|builder| builder.retry(retry()).breaker(breaker()).attempt_timeout(timeout).bulkhead(8)),
        World::new(|builder| builder.bulkhead(8).attempt_timeout(timeout).breaker(breaker()).retry(retry())),
    ];
    for world in worlds {
        world.recording.answer_always(ProviderAnswer::unreachable());
        // Retry stands around the breaker: the second send is put off at its second attempt.
        assert_eq!(world.send("1").await.as_str(), "failed");
        assert_eq!(world.send("2").await.as_str(), "deferred");
        assert_eq!(world.recording.calls().len(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn rule_39_exhausted_attempts_give_the_last_real_error() {
    let world = World::new(|builder| builder);
    world.recording.answer(ProviderAnswer::unreachable());
    world.recording.answer(ProviderAnswer::unreachable());
    world.recording.answer(ProviderAnswer::error(ErrorKind::Timeout, Reach::NotSent));
    let Outcome::Failed(failed) = world.send("1").await else { panic!("three refusals are a failure") };
    assert_eq!((failed.error.kind(), failed.error.provider_code()), (ErrorKind::Timeout, Some("refused")));
    assert_eq!((failed.error.context("attempts"), failed.attempts), (Some("3"), 3));
}
