//! Settings of single strategies beside the default ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use zengine_connector::{
    ErrorKind, Identity, Orchestrator, OrchestratorBuilder, OutboundMessage, Outcome, Secret, StrategyName, StrategyRegistry, TenantId,
    error::Error,
    keyring::{Key, StaticKeyRing},
    stage::{Breaker, Retry, StrategySettings},
    store::{Memory, Stores},
    telemetry::{Metric, MetricName, Observer},
    testing::{ProviderAnswer, Recording, SimClock},
};

const NAMES: [&str; 2] = ["first", "second"];

/// A host of one strategy under two names.
struct Host {
    recording: Recording,
    clock: Arc<SimClock>,
    orchestrator: Orchestrator,
}

impl Host {
    fn new(settings: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder) -> Self {
        let (recording, clock, stores) = (Recording::new(), Arc::new(SimClock::new()), Memory::new());
        let mut registry = StrategyRegistry::builder();
        for name in NAMES {
            registry = registry.register_as(name, recording.clone());
            stores.put_tenant(&tenant(), &StrategyName::new(name).unwrap(), json!({}));
        }
        let builder = Orchestrator::builder().registry(&registry.build().unwrap()).stores(stores).clock(Arc::clone(&clock) as _);
        Self { recording, clock, orchestrator: settings(builder).build().unwrap() }
    }

    /// Sends, and gives the outcome with the number of provider calls it took.
    async fn send(&self, strategy: &str, id: &str) -> (Outcome, usize) {
        let before = self.recording.calls().len();
        let message = OutboundMessage::text(Identity::phone("+15551230001").unwrap(), "hello");
        let outcome = self.orchestrator.send(tenant(), strategy, id, &message).await.unwrap();
        (outcome, self.recording.calls().len() - before)
    }
}

fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn refused(settings: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder) -> Error {
    settings(Orchestrator::builder().strategy_as("first", Recording::new()).stores(Memory::new())).build().expect_err("impossible settings")
}

#[tokio::test(start_paused = true)]
async fn a_strategy_has_attempts_and_a_breaker_of_its_own() {
    let own = StrategySettings {
        retry: Retry::none(),
        breaker: Breaker { consecutive_failures: 1, ..Breaker::default() },
        ..StrategySettings::default()
    };
    let host = Host::new(|builder| builder.strategy_settings("second", own).breaker(Breaker::off()));
    host.recording.answer_always(ProviderAnswer::unreachable());
    assert_eq!(host.send("first", "1").await.1, 3);
    assert_eq!(host.send("second", "1").await.1, 1);
    let (deferred, calls) = host.send("second", "2").await;
    assert_eq!((deferred.as_str(), calls), ("deferred", 0), "its breaker is open");
    assert_eq!(host.send("first", "2").await.1, 3, "the other strategy's is off");
}

#[tokio::test(start_paused = true)]
async fn a_strategy_has_an_attempt_timeout_and_an_age_of_its_own() {
    let own = StrategySettings {
        attempt_timeout: Duration::from_secs(2),
        max_age: Duration::from_secs(60),
        retry: Retry::none(),
        ..StrategySettings::default()
    };
    let host = Host::new(|builder| builder.strategy_settings("second", own).retry(Retry::none()));
    for (strategy, seconds) in [("first", 10), ("second", 2)] {
        host.recording.answer(ProviderAnswer::AcceptThenHang);
        let before = zengine_connector::runtime::Clock::monotonic(&*host.clock);
        assert_eq!(host.send(strategy, "hangs").await.0.as_str(), "unknown");
        let took = zengine_connector::runtime::Clock::monotonic(&*host.clock).saturating_sub(before);
        assert_eq!(took.as_secs(), seconds, "{strategy}");
    }
    for strategy in NAMES {
        host.recording.answer(ProviderAnswer::throttle(Duration::from_secs(600)));
        assert_eq!(host.send(strategy, "old").await.0.as_str(), "deferred");
    }
    host.clock.advance(Duration::from_secs(600)).await;
    assert_eq!(host.send("first", "old").await.0.as_str(), "delivered");
    let (outcome, calls) = host.send("second", "old").await;
    assert_eq!((outcome.as_str(), calls), ("failed", 0), "it is older than its strategy allows");
}

#[test]
fn settings_of_a_strategy_that_is_not_registered_are_refused() {
    let error = refused(|builder| builder.strategy_settings("frist", StrategySettings::default()));
    assert_eq!(error.kind(), ErrorKind::UnknownStrategy);
    assert_eq!((error.context("strategy"), error.context("did_you_mean")), (Some("frist"), Some("first")));
}

#[test]
fn impossible_settings_of_a_strategy_name_it_and_the_field() {
    let own = StrategySettings { max_age: Duration::MAX, ..StrategySettings::default() };
    let error = refused(|builder| builder.strategy_settings("first", own));
    assert_eq!((error.kind(), error.context("strategy"), error.context("field")), (ErrorKind::Settings, Some("first"), Some("max_age")));
    let error = refused(|builder| builder.max_age(Duration::from_secs(24 * 3600)));
    assert_eq!((error.context("strategy"), error.context("field")), (None, Some("max_age")));
}

#[tokio::test(start_paused = true)]
async fn a_strategy_has_a_bulkhead_of_its_own() {
    let host =
        Host::new(|builder| builder.strategy_settings("second", StrategySettings { bulkhead: Some(1), ..StrategySettings::default() }));
    host.recording.answer_always(ProviderAnswer::Slow(Duration::from_secs(1)));
    for (strategy, ends) in [("first", ["delivered", "delivered"]), ("second", ["delivered", "deferred"])] {
        let (one, two) = futures_util::future::join(host.send(strategy, "1"), host.send(strategy, "2")).await;
        assert_eq!([one.0.as_str(), two.0.as_str()], ends, "{strategy}");
    }
}

/// Counts the calls that a full bulkhead refused.
#[derive(Debug, Default)]
struct Full(AtomicUsize);

impl Observer for Full {
    fn record(&self, metric: &Metric<'_>) {
        if metric.name == MetricName::BulkheadFull {
            assert_eq!((metric.dimensions.tenant, metric.dimensions.strategy), (Some(&tenant()), Some("first")));
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rule_34_a_tenant_has_512_calls_at_once_unless_told_otherwise() {
    for (bulkhead, deferred) in [(Some(512), 8), (None, 0)] {
        let full = Arc::new(Full::default());
        let host = Host::new(|builder| {
            let builder = builder.observer(Arc::clone(&full) as _);
            if bulkhead.is_none() { builder.bulkhead(None) } else { builder }
        });
        host.recording.answer_always(ProviderAnswer::Slow(Duration::from_secs(1)));
        let ids: Vec<_> = (0..520).map(|n| n.to_string()).collect();
        let ends = futures_util::future::join_all(ids.iter().map(|id| host.send("first", id))).await;
        assert_eq!(ends.iter().filter(|(end, _)| end.as_str() == "deferred").count(), deferred);
        assert_eq!(full.0.load(Ordering::SeqCst), deferred);
    }
}

#[test]
fn a_host_without_ports_is_refused_with_the_call_for_each_of_them() {
    let registry = || StrategyRegistry::builder().build().unwrap();
    let error = Orchestrator::builder().registry(&registry()).build().unwrap_err();
    let stores = ".claims(..), .dead_letters(..), .events(..), .epochs(..), .sessions(..), .keys(..), .directory(..), .secrets(..)";
    assert_eq!((error.kind(), error.context("missing")), (ErrorKind::Settings, Some(stores)));
    assert!(error.to_string().contains("add them with these calls, or all stores with stores(..)"), "{error}");

    let memory = Memory::new();
    let without = Stores::builder().claims(memory.claims()).keys(memory.keys()).base(&memory).build().unwrap();
    assert!(Orchestrator::builder().registry(&registry()).stores(without).build().is_ok());
}

/// Rule 23: the claims outlive the process, the keys of `Memory` do not.
#[test]
fn rule_23_a_host_whose_claims_outlive_its_keys_is_refused() {
    let host = || Orchestrator::builder().registry(&StrategyRegistry::builder().build().unwrap()).stores(Memory::new());
    let claims = || Memory::new().claims();
    let error = host().claims(claims()).build().unwrap_err();
    assert_eq!((error.kind(), error.context("missing")), (ErrorKind::Settings, Some(".keys(..)")));
    let key = Key::new("k1", &Secret::new([7; 32]));
    assert!(host().claims(claims()).keys(Arc::new(StaticKeyRing::new(key))).build().is_ok());
}
