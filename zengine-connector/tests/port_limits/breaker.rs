//! Breakers whose log never answers.

use bytes::Bytes;
use zengine_connector::{
    Orchestrator, Outcome,
    pipeline::{DeferredReason, RedriveOptions},
    stage::Breaker,
    store::EpochEntry,
    testing::{ProviderAnswer, Recording, StoreCall, StoreFault},
};

use crate::host::{TestHost, deferred, delivered, ms, secs, send, takes};

const LOG: &str = "acme|recording";

/// A process whose breaker opens at the first failure.
fn process(host: &TestHost, provider: &Recording) -> Orchestrator {
    host.process_with(provider, |builder| builder.breaker(Breaker { consecutive_failures: 1, ..Breaker::default() }))
}

/// Opens the breaker, for 30 to 40 s.
async fn trip(process: &Orchestrator, provider: &Recording) {
    provider.answer(ProviderAnswer::unreachable());
    assert_eq!(takes(secs(0), send(process, "1")).await.as_str(), "failed");
    assert_eq!(deferred(takes(secs(0), send(process, "2")).await), DeferredReason::BreakerOpen);
}

/// The number of the newest entry and the state that it tells.
async fn newest(host: &TestHost) -> (u64, String) {
    let entry = host.memory.epochs().newest(LOG).await.unwrap().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&entry.document).unwrap();
    (entry.n, document["state"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_log_that_hangs_delays_no_send_and_a_probe_by_150_ms() {
    let (host, provider) = (TestHost::new(), Recording::new());
    let process = process(&host, &provider);
    host.hang([StoreCall::AppendEpoch, StoreCall::ReadEpoch]);
    trip(&process, &provider).await;
    host.pass(40).await;
    delivered(takes(ms(150), send(&process, "2")).await);
    delivered(takes(secs(0), send(&process, "3")).await);
}

#[tokio::test(start_paused = true)]
async fn a_redrive_probes_where_the_log_hangs() {
    let (host, provider) = (TestHost::new(), Recording::new());
    let process = process(&host, &provider);
    host.hang([StoreCall::AppendEpoch, StoreCall::ReadEpoch]);
    provider.answer(ProviderAnswer::unreachable());
    let outcome = send(&process, "1").await;
    let Outcome::Failed(failed) = outcome else { panic!("not failed: {outcome:?}") };
    host.pass(40).await;
    delivered(takes(ms(150), process.redrive(&failed.failure_id, RedriveOptions::new())).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_append_that_hangs_does_not_keep_later_transitions_from_the_log() {
    let (host, provider) = (TestHost::new(), Recording::new());
    let process = process(&host, &provider);
    host.faults.next(StoreCall::AppendEpoch, 1, StoreFault::Hang);
    trip(&process, &provider).await;
    host.pass(40).await;
    delivered(takes(secs(0), send(&process, "2")).await);
    host.pass(1).await;
    assert_eq!(newest(&host).await, (2, "closed".to_owned()), "after the probe");
}

#[tokio::test(start_paused = true)]
async fn a_look_at_the_log_that_hangs_does_not_keep_later_transitions_from_it() {
    let (host, provider) = (TestHost::new(), Recording::new());
    let process = process(&host, &provider);
    // Another process was first, so that this one must look.
    assert!(host.memory.epochs().append(LOG, EpochEntry::new(1, Bytes::from_static(b"{}"))).await.unwrap());
    host.faults.next(StoreCall::ReadEpoch, 1, StoreFault::Hang);
    trip(&process, &provider).await;
    host.pass(40).await;
    delivered(takes(secs(0), send(&process, "2")).await);
    host.pass(1).await;
    assert_eq!(newest(&host).await, (3, "closed".to_owned()), "after the probe");
}
