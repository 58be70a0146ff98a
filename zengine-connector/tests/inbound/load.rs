//! The bound of requests under work.

use futures_util::FutureExt as _;
use zengine_connector::{
    orchestrator::{Ack, InboundSettings, Replayed},
    telemetry::MetricName,
};

use crate::host::{Do, Host, counts, message, payload};

fn two_at_once() -> Host {
    let host = Host::with(InboundSettings { max_requests: 2, ..InboundSettings::default() }, true);
    host.on("slow", Do::Gate);
    host
}

/// Lets every task run as far as it can.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Delivers a message whose handler waits for the gate, and goes away.
async fn abandon(host: &Host, n: usize) {
    let name = format!("slow-{n}");
    assert!(host.shared(payload(&[message(&name, &name, "slow")])).now_or_never().is_none());
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn rule_84_an_abandoned_request_counts_until_its_work_ends() {
    let host = two_at_once();
    for n in 0..2 {
        abandon(&host, n).await;
    }
    let body = payload(&[message("1", "a", "hello")]);
    for refused in 1..=3 {
        let received = host.shared(body.clone()).await;
        assert_eq!((received.ack, received.response.status().as_u16(), counts(&received)), (Ack::Redeliver, 503, (0, 0, 0)));
        assert_eq!(received.response.headers()["retry-after"], "5");
        assert_eq!(host.metrics.of(MetricName::InboundBusy), refused);
    }
    assert_eq!(host.seen.texts(), ["slow", "slow"], "nothing of it was begun");
    host.seen.gate.notify_one();
    settle().await;
    assert_eq!(counts(&host.shared(body).await), (1, 0, 0), "one request has ended");
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_replay_counts_and_waits_in_its_letter() {
    let host = two_at_once();
    host.on("bad", Do::Poison);
    assert_eq!(counts(&host.shared(payload(&[message("1", "a", "bad")])).await), (0, 1, 0));
    host.heal();
    host.on("slow", Do::Gate);
    for n in 0..2 {
        abandon(&host, n).await;
    }
    let failure = host.letters().await.remove(0).0.failure_id;
    assert_eq!(host.orchestrator.replay(&failure).await.unwrap(), Replayed::NotStored);
    host.seen.gate.notify_waiters();
    settle().await;
    assert_eq!(host.orchestrator.replay(&failure).await.unwrap(), Replayed::Stored);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_refused_or_only_answered_takes_no_place() {
    let host = two_at_once();
    for n in 0..2 {
        abandon(&host, n).await;
    }
    let forged = crate::host::request("/").header("x-secret", "guess").body(payload(&[])).unwrap();
    assert_eq!(host.receive("acme-shared", forged).await.response.status(), 401);
    let hello = http::Request::get("/hook?challenge=a").body(bytes::Bytes::new()).unwrap();
    assert_eq!(host.receive("acme-hook", hello).await.response.status(), 200);
    assert_eq!(host.metrics.of(MetricName::InboundBusy), 0);
}
