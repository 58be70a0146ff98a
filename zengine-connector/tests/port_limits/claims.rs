//! Sends whose claim store never answers.

use zengine_connector::{
    ClientMessageId, ErrorKind, Outcome,
    pipeline::DeferredReason,
    stage::{Retry, StoreDown},
    testing::{NativeProvider, ProviderAnswer, Recording, StoreCall, StoreFault},
};

use crate::host::{TestHost, deferred, delivered, ms, secs, send, takes, tenant};

const BOTH: [StoreFault; 2] = [StoreFault::Hang, StoreFault::DoneThenHang];

#[tokio::test(start_paused = true)]
async fn a_claim_that_hangs_defers_the_send_and_a_later_one_delivers_it_once() {
    for fault in BOTH {
        let (host, provider) = (TestHost::new(), Recording::new());
        let process = host.process_of(&provider);
        host.faults.always(StoreCall::Claim, fault);
        // Asked twice: an answer may get lost.
        assert_eq!(deferred(takes(secs(10), send(&process, "1")).await), DeferredReason::StoreUnavailable);
        assert_eq!(provider.calls().len(), 0, "{fault:?}");
        host.faults.heal();
        host.pass(1).await;
        delivered(send(&process, "1").await);
        assert_eq!(provider.calls().len(), 1, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn callers_of_one_send_all_end_with_a_claim_that_hangs() {
    let host = TestHost::new();
    let process = host.process();
    host.hang([StoreCall::Claim]);
    let callers = futures_util::future::join_all((0..10).map(|_| send(&process, "1")));
    for outcome in takes(secs(10), callers).await {
        assert_eq!(deferred(outcome), DeferredReason::StoreUnavailable);
    }
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_hangs_defers_the_send_before_the_provider_is_called() {
    for fault in BOTH {
        let (host, provider) = (TestHost::new(), Recording::new());
        let process = host.process_of(&provider);
        host.faults.always(StoreCall::Mark, fault);
        assert_eq!(deferred(takes(secs(5), send(&process, "1")).await), DeferredReason::StoreUnavailable);
        assert_eq!(provider.calls().len(), 0, "{fault:?}");
        host.faults.heal();
        delivered(send(&process, "1").await);
        assert_eq!(provider.calls().len(), 1, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_hangs_leaves_the_send_delivered_and_is_never_sent_again() {
    for fault in BOTH {
        let (host, provider) = (TestHost::new(), Recording::new());
        let process = host.process_of(&provider);
        host.faults.always(StoreCall::Commit, fault);
        // Four tries, with pauses of 50, 200 and 800 ms.
        let end = delivered(takes(secs(21) + ms(50), send(&process, "1")).await);
        assert!(!end.dedup_recorded);
        host.faults.heal();
        host.pass(63).await;
        let again = send(&process, "1").await;
        assert_eq!((again.as_str(), provider.calls().len()), ("delivered", 1), "a task went on with the record");
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_that_hangs_still_defers_the_send() {
    let (host, provider) = (TestHost::new(), Recording::new());
    let process = host.process_of(&provider);
    provider.answer(ProviderAnswer::throttle(secs(60)));
    host.hang([StoreCall::Release]);
    let reason = deferred(takes(secs(5), send(&process, "1")).await);
    assert_eq!(reason, DeferredReason::Throttled);
    host.faults.heal();
    host.pass(63).await;
    send(&process, "1").await.is_terminal().then_some(()).expect("the lease has ended");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_hangs_defers_the_send_before_another_attempt() {
    let (host, provider) = (TestHost::new(), Recording::<NativeProvider>::default());
    let retry = Retry { base_delay: secs(1), max_delay: secs(1), jitter: 0.0, ..Retry::default() };
    let process = host.process_with(&provider, |builder| builder.retry(retry));
    provider.answer_always(ProviderAnswer::AcceptThenHang);
    host.hang([StoreCall::Renew]);
    // Two attempts of 10 s and the second between them leave less than two thirds of the lease.
    assert_eq!(deferred(takes(secs(26), send(&process, "1")).await), DeferredReason::StoreUnavailable);
    assert_eq!((provider.calls().len(), provider.effects("1")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_reference_that_hangs_does_not_stop_the_send() {
    let host = TestHost::new();
    let process = host.process();
    host.hang([StoreCall::Reference]);
    delivered(takes(secs(5), send(&process, &"x".repeat(200))).await);
}

#[tokio::test(start_paused = true)]
async fn the_outcome_of_a_send_is_an_error_where_the_record_hangs() {
    let host = TestHost::new();
    let process = host.process();
    delivered(send(&process, "1").await);
    host.hang([StoreCall::GetClaim]);
    let id = ClientMessageId::new("1").unwrap();
    let error = takes(secs(5), process.outcome(tenant(), "recording", &id)).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Store, true));
    host.faults.heal();
    assert!(matches!(process.outcome(tenant(), "recording", &id).await, Ok(Some(Outcome::Delivered(_)))));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_sends_unprotected_sends_after_a_claim_that_hangs() {
    let (host, provider) = (TestHost::new(), Recording::new());
    let process = host.process_with(&provider, |builder| builder.store_down(StoreDown::SendUnprotected));
    host.hang([StoreCall::Claim, StoreCall::Mark, StoreCall::Commit]);
    let end = delivered(takes(secs(10), send(&process, "1")).await);
    assert_eq!((end.dedup_recorded, provider.calls().len()), (false, 1));
}
