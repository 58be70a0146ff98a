//! Redrives whose stores never answer.

use zengine_connector::{
    ErrorKind, FailureId, Orchestrator, Outcome, Reach,
    pipeline::RedriveOptions,
    testing::{ProviderAnswer, Recording, StoreCall, StoreFault},
};

use crate::host::{TestHost, delivered, secs, send, takes};

/// Leaves a send that the provider refused for its credentials.
async fn a_failure(process: &Orchestrator, provider: &Recording) -> FailureId {
    provider.answer(ProviderAnswer::error(ErrorKind::Unauthorized, Reach::Processed));
    let outcome = send(process, "1").await;
    let Outcome::Failed(failed) = outcome else { panic!("not failed: {outcome:?}") };
    failed.failure_id
}

#[tokio::test(start_paused = true)]
async fn a_redrive_before_the_provider_is_called_is_an_error_and_a_later_one_sends_once() {
    for (call, seconds) in [(StoreCall::ReadLetter, 5), (StoreCall::TakeLetter, 5), (StoreCall::GetClaim, 5), (StoreCall::Redrive, 10)] {
        for fault in [StoreFault::Hang, StoreFault::DoneThenHang] {
            let (host, provider) = (TestHost::new(), Recording::new());
            let process = host.process_of(&provider);
            let failure = a_failure(&process, &provider).await;
            host.faults.always(call, fault);
            let error = takes(secs(seconds), process.redrive(&failure, RedriveOptions::new())).await.unwrap_err();
            assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Store, true), "{call:?} {fault:?}");
            assert_eq!((provider.calls().len(), host.letters().await), (1, 1), "{call:?} {fault:?}");
            host.faults.heal();
            // A claim that was made all the same ends with its lease.
            host.pass(63).await;
            delivered(process.redrive(&failure, RedriveOptions::new()).await.unwrap());
            assert_eq!((provider.calls().len(), host.letters().await), (2, 0), "{call:?} {fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_cannot_be_closed_leaves_the_redrive_delivered_and_a_later_one_closes_it() {
    let (host, provider) = (TestHost::new(), Recording::new());
    let process = host.process_of(&provider);
    let failure = a_failure(&process, &provider).await;
    host.hang([StoreCall::RemoveLetter]);
    delivered(takes(secs(5), process.redrive(&failure, RedriveOptions::new())).await.unwrap());
    host.faults.heal();
    assert!(process.redrive(&failure, RedriveOptions::new()).await.unwrap().is_replayed());
    assert_eq!((provider.calls().len(), host.letters().await), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_redrive_without_its_tenants_configuration_is_an_error() {
    let (host, provider) = (TestHost::new(), Recording::new());
    let failure = a_failure(&host.process_of(&provider), &provider).await;
    let process = host.process_of(&provider);
    host.hang([StoreCall::Config]);
    let error = takes(secs(10), process.redrive(&failure, RedriveOptions::new())).await.unwrap_err();
    assert_eq!((error.kind(), provider.calls().len(), host.letters().await), (ErrorKind::Store, 1, 1));
}
