//! A provider that waits no longer than some time for the acknowledgement.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use zengine_connector::{
    ErrorKind, StrategyRegistry,
    orchestrator::{Ack, InboundSettings, Received},
    runtime::Clock,
    strategy::InboundRequest,
    telemetry::MetricName,
};

use crate::{
    host::{Do, Host, payload, request},
    log::Log,
    strategies::{AcmeHasty, AcmeQuick},
};

fn body(id: &str) -> Bytes {
    payload(&[json!({ "id": id, "conversation": "c", "text": id })])
}

/// A delivery to a strategy, and the time it took.
async fn deliver(host: &Host, strategy: &str, path: &str, id: &str) -> (Received, Duration) {
    let before = host.clock.monotonic();
    let received = host.receive(strategy, request(path).body(body(id)).unwrap()).await;
    (received, host.clock.monotonic().saturating_sub(before))
}

fn status(received: &Received) -> (Ack, u16) {
    (received.ack, received.response.status().as_u16())
}

#[tokio::test(start_paused = true)]
async fn rule_84_an_answer_that_waits_no_longer_leaves_the_work_running_and_handles_nothing_twice() {
    let host = Host::new();
    // Twice the lease.
    host.on("slow", Do::Slow(Duration::from_secs(120)));
    let log = Log::default();
    let listening = tracing::subscriber::set_default(log.clone());
    let (late, took) = deliver(&host, "acme-quick", "/one", "slow").await;
    assert_eq!((status(&late), late.unstored, took), ((Ack::Redeliver, 503), 1, Duration::from_secs(4)));
    assert!(late.response.body().is_empty());
    assert!(log.lines("inbound.completed")[0].contains("answered before the events were handled"));
    assert_eq!((host.metrics.of(MetricName::InboundLate), host.metrics.of(MetricName::InboundEvents)), (1, 0));
    // Each redelivery meets the live claim, whose lease is renewed, and is answered at once.
    for _ in 0..5 {
        host.clock.advance(Duration::from_secs(20)).await;
        let (again, took) = deliver(&host, "acme-quick", "/one", "slow").await;
        assert_eq!((status(&again), took), ((Ack::Redeliver, 503), Duration::ZERO));
    }
    assert_eq!(host.seen.count(), 1);
    host.clock.advance(Duration::from_secs(30)).await;
    assert_eq!(host.seen.finished.lock().unwrap().len(), 1);
    assert_eq!(log.lines("inbound.ended_late").len(), 1);
    assert_eq!(host.metrics.of(MetricName::InboundEvents), 1, "what was stored after the answer is counted");
    drop(listening);
    let (done, _) = deliver(&host, "acme-quick", "/one", "slow").await;
    assert_eq!((status(&done), done.accepted, done.duplicates, host.seen.count()), ((Ack::Done, 200), 1, 1, 1));
    assert_eq!((host.metrics.of(MetricName::InboundLate), host.letters().await.len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn rule_84_what_a_handler_does_not_store_after_a_late_answer_is_handled_at_the_redelivery() {
    let host = Host::with(InboundSettings { acknowledge_within: Some(Duration::from_millis(200)), ..InboundSettings::default() }, true);
    host.on("gate", Do::Gate);
    let (late, took) = deliver(&host, "acme-hook", "/hook/one", "gate").await;
    assert_eq!((status(&late), took), ((Ack::Redeliver, 503), Duration::from_millis(150)));
    host.on("gate", Do::NotStored);
    let (busy, _) = deliver(&host, "acme-hook", "/hook/one", "gate").await;
    assert_eq!((status(&busy), host.seen.count()), ((Ack::Redeliver, 503), 1));
    host.seen.gate.notify_one();
    host.clock.advance(Duration::from_millis(1)).await;
    // In time, the answer is as ever.
    let (in_time, _) = deliver(&host, "acme-hook", "/hook/one", "quick").await;
    assert_eq!(status(&in_time), (Ack::Done, 200));
}

#[tokio::test(start_paused = true)]
async fn rule_87_a_slow_typing_event_brings_no_batch_again_and_holds_no_permit() {
    let limits = InboundSettings { acknowledge_within: Some(Duration::from_millis(200)), max_requests: 1, ..InboundSettings::default() };
    let host = Host::with(limits, true);
    host.on("", Do::Gate);
    let typing = |id: &str, conversation: &str| json!({ "id": id, "conversation": conversation, "typing": true });
    let batch = payload(&[typing("t", "d"), json!({ "id": "m", "conversation": "c", "text": "stored" })]);
    let before = host.clock.monotonic();
    let received = host.receive("acme-hook", request("/hook/one").body(batch).unwrap()).await;
    assert_eq!((status(&received), received.unstored), ((Ack::Done, 200), 0));
    assert_eq!((host.clock.monotonic().saturating_sub(before), host.seen.count()), (Duration::from_millis(150), 2));
    // The handler goes on, and the request's permit is free before it ends.
    assert_eq!(deliver(&host, "acme-hook", "/hook/one", "next").await.0.response.status(), 503);
    host.clock.advance(Duration::from_secs(2)).await;
    assert_eq!(status(&deliver(&host, "acme-hook", "/hook/one", "next").await.0), (Ack::Done, 200));
    assert_eq!(host.seen.finished.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_shorter_of_the_two_limits_counts_from_the_arrival() {
    let host = Host::with(InboundSettings { acknowledge_within: Some(Duration::from_secs(60)), ..InboundSettings::default() }, true);
    host.on("slow", Do::Slow(Duration::from_secs(90)));
    assert_eq!(deliver(&host, "acme-quick", "/one", "slow").await.1, Duration::from_secs(4));
    let hanging = request("/one").header("x-verify", "hang").body(body("1")).unwrap();
    let before = host.clock.monotonic();
    assert_eq!(status(&host.receive("acme-quick", hanging).await), (Ack::Redeliver, 503));
    assert_eq!(host.clock.monotonic().saturating_sub(before), Duration::from_secs(4), "verify counts too");
}

#[tokio::test(start_paused = true)]
async fn a_record_is_answered_within_its_own_time_alone() {
    let host = Host::with(InboundSettings { acknowledge_within: Some(Duration::from_secs(1)), ..InboundSettings::default() }, true);
    host.on("slow", Do::Slow(Duration::from_secs(20)));
    let deliver = async |within: Option<Duration>| {
        let before = host.clock.monotonic();
        let record = InboundRequest::trusted("arn:one", "1", body("slow"));
        let record = match within {
            Some(time) => record.answered_within(time),
            None => record,
        };
        let received = host.orchestrator.receive("acme-quick", record).await.unwrap();
        (received.ack, host.clock.monotonic().saturating_sub(before))
    };
    assert_eq!(deliver(Some(Duration::from_secs(9))).await, (Ack::Redeliver, Duration::from_millis(8_750)));
    host.clock.advance(Duration::from_secs(30)).await;
    assert_eq!(deliver(None).await, (Ack::Done, Duration::ZERO));
    assert_eq!(host.seen.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_work_that_was_answered_late() {
    let host = Host::new();
    host.on("slow", Do::Slow(Duration::from_secs(20)));
    let _late = deliver(&host, "acme-quick", "/one", "slow").await;
    host.orchestrator.shutdown(Duration::from_secs(30)).await;
    assert_eq!(*host.seen.finished.lock().unwrap(), ["slow"]);
}

#[test]
fn a_strategy_with_less_than_100_ms_to_acknowledge_is_not_registered() {
    let error = StrategyRegistry::builder().register(AcmeHasty).build().unwrap_err();
    assert_eq!((error.kind(), error.context("strategy")), (ErrorKind::Settings, Some("acme-hasty")));
    assert!(StrategyRegistry::builder().register(AcmeQuick).build().is_ok());
}
