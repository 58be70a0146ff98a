//! The deadline of a send counts from its first line: whatever hangs, the caller has its answer when the time is over.

use zengine_connector::{
    Identity, Orchestrator, OutboundMessage, Outcome, SendOptions,
    pipeline::DeferredReason,
    testing::{Recording, StoreCall, StoreFault},
};

use crate::host::{TestHost, deferred, delivered, ms, secs, send_by, takes, tenant};

/// Sends a text within 3 seconds.
async fn send_within_3_s(process: &Orchestrator, strategy: &str) -> Outcome {
    let options = SendOptions::new().within(secs(3));
    let message = OutboundMessage::text(Identity::phone("+15551230001").unwrap(), "hello");
    process.send_with(tenant(), strategy, "1", &message, options).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn rule_05_binding_and_stores_are_inside_the_deadline() {
    let hangs = [
        (StoreCall::Config, DeferredReason::BindFailed),
        (StoreCall::Secret, DeferredReason::BindFailed),
        (StoreCall::Claim, DeferredReason::StoreUnavailable),
        (StoreCall::Mark, DeferredReason::StoreUnavailable),
    ];
    for (call, reason) in hangs {
        for fault in [StoreFault::Hang, StoreFault::DoneThenHang] {
            let host = TestHost::new();
            let process = host.process();
            host.faults.always(call, fault);
            assert_eq!(deferred(takes(secs(3), send_within_3_s(&process, "acme")).await), reason, "{call:?} {fault:?}");
            assert_eq!(host.acme.0.lock().unwrap().len(), 0, "{call:?} {fault:?}: the provider was called");
            host.faults.heal();
            // What the hanging call claimed is released in the background.
            host.pass(11).await;
            delivered(send_by(&process, ("acme", "hello"), "1").await.unwrap());
            assert_eq!(host.acme.0.lock().unwrap().len(), 1, "{call:?} {fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rule_05_a_release_that_hangs_goes_on_after_the_deadline() {
    let (host, provider) = (TestHost::new(), Recording::new());
    let process = host.process_of(&provider);
    host.hang([StoreCall::Mark, StoreCall::Release]);
    assert_eq!(deferred(takes(secs(3), send_within_3_s(&process, "recording")).await), DeferredReason::StoreUnavailable);
    host.faults.heal();
    host.pass(6).await;
    // The second try of the release was made: no lease has to end first.
    delivered(takes(secs(0), send_within_3_s(&process, "recording")).await);
    assert_eq!(provider.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_40_a_claim_that_answers_late_leaves_no_time_for_an_attempt() {
    let (host, provider) = (TestHost::new(), Recording::new());
    let process = host.process_of(&provider);
    host.faults.next(StoreCall::Claim, 1, StoreFault::Wait);
    let late = async {
        host.clock.advance(ms(2_500)).await;
        host.faults.resume();
    };
    let (outcome, ()) = tokio::join!(send_within_3_s(&process, "recording"), late);
    assert_eq!(deferred(outcome), DeferredReason::NoTimeLeft);
    assert_eq!(provider.calls().len(), 0);
}
