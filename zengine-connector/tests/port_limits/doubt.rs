//! Sends in doubt whose claim store never answers.

use zengine_connector::{
    pipeline::DeferredReason,
    testing::{NativeProvider, ProviderAnswer, ProviderKind, Recording, StoreCall, StoreFault},
};

use crate::host::{TestHost, deferred, secs, send, takes};

/// Leaves a send that the provider took and whose owner went away before it knew.
async fn in_doubt<P: ProviderKind>(host: &TestHost, provider: &Recording<P>) {
    provider.answer(ProviderAnswer::AcceptThenHang);
    let process = host.killed(provider);
    tokio::select! {
        biased;
        outcome = send(&process, "1") => panic!("the send was not to end: {outcome:?}"),
        () = host.pass(1) => {}
    }
    host.pass(63).await;
}

#[tokio::test(start_paused = true)]
async fn a_takeover_that_hangs_defers_the_send() {
    for fault in [StoreFault::Hang, StoreFault::DoneThenHang] {
        let (host, provider) = (TestHost::new(), Recording::<NativeProvider>::default());
        in_doubt(&host, &provider).await;
        let process = host.process_of(&provider);
        host.faults.always(StoreCall::TakeOver, fault);
        assert_eq!(deferred(takes(secs(10), send(&process, "1")).await), DeferredReason::StoreUnavailable);
        assert_eq!(provider.calls().len(), 1, "{fault:?}");
        host.faults.heal();
        host.pass(1).await;
        assert_eq!(send(&process, "1").await.as_str(), "delivered");
        assert_eq!((provider.calls().len(), provider.effects("1")), (2, 1), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn giving_up_that_hangs_defers_the_send_and_later_ends_it_as_unknown() {
    for fault in [StoreFault::Hang, StoreFault::DoneThenHang] {
        let (host, provider) = (TestHost::new(), Recording::new());
        in_doubt(&host, &provider).await;
        let process = host.process_of(&provider);
        host.faults.always(StoreCall::GiveUp, fault);
        assert_eq!(deferred(takes(secs(10), send(&process, "1")).await), DeferredReason::StoreUnavailable);
        host.faults.heal();
        assert_eq!(send(&process, "1").await.as_str(), "unknown");
        assert_eq!((provider.calls().len(), host.letters().await), (1, 1), "{fault:?}");
        assert_eq!(host.events(), ["Outbound.Failed"]);
    }
}
