//! Stores that panic: unavailable, as those that never answer.

use zengine_connector::{
    Outcome,
    pipeline::{DeferredReason, RedriveOptions},
    testing::{ProviderAnswer, Recording, StoreCall, StoreFault},
};

use crate::host::{TestHost, assert_comes_again, assert_done, deferred, delivered, element, receive, secs, send};

#[tokio::test(start_paused = true)]
async fn a_claim_store_that_panics_defers_the_send_and_keeps_no_other_caller_waiting() {
    for call in [StoreCall::Claim, StoreCall::Mark] {
        let (host, provider) = (TestHost::new(), Recording::new());
        let process = host.process_of(&provider);
        host.faults.always(call, StoreFault::Panic);
        for outcome in futures_util::future::join_all((0..3).map(|_| send(&process, "1"))).await {
            assert_eq!(deferred(outcome), DeferredReason::StoreUnavailable, "{call:?}");
        }
        assert_eq!(provider.calls().len(), 0, "{call:?}");
        host.faults.heal();
        delivered(send(&process, "1").await);
        assert_eq!(provider.calls().len(), 1, "{call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_panics_leaves_the_send_delivered_and_is_never_sent_again() {
    let (host, provider) = (TestHost::new(), Recording::new());
    let process = host.process_of(&provider);
    host.faults.always(StoreCall::Commit, StoreFault::Panic);
    assert!(!delivered(send(&process, "1").await).dedup_recorded);
    host.faults.heal();
    host.pass(63).await;
    assert_eq!((send(&process, "1").await.as_str(), provider.calls().len()), ("delivered", 1));
}

#[tokio::test(start_paused = true)]
async fn dead_letters_that_panic_are_an_error_of_the_redrive_which_succeeds_later() {
    let (host, provider) = (TestHost::new(), Recording::new());
    let process = host.process_of(&provider);
    provider.answer(ProviderAnswer::unreachable());
    let outcome = send(&process, "1").await;
    let Outcome::Failed(failed) = outcome else { panic!("not failed: {outcome:?}") };
    host.faults.always(StoreCall::ReadLetter, StoreFault::Panic);
    process.redrive(&failed.failure_id, RedriveOptions::new()).await.unwrap_err();
    host.faults.heal();
    delivered(process.redrive(&failed.failure_id, RedriveOptions::new()).await.unwrap());
    assert_eq!(provider.effects("1"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_comes_again_where_a_store_panics_and_is_handled_once() {
    for call in [StoreCall::ClaimInbound, StoreCall::Config, StoreCall::Secret, StoreCall::Route] {
        let host = TestHost::new();
        let process = host.process();
        host.faults.always(call, StoreFault::Panic);
        assert_comes_again(&receive(&process, &[element("1", "hello")]).await);
        assert_eq!(host.handled(), 0, "{call:?}");
        host.faults.heal();
        // What a request that is not authenticated met is remembered for a second.
        host.pass(1).await;
        assert_done(&receive(&process, &[element("1", "hello")]).await);
        assert_eq!(host.handled(), 1, "{call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_panics_is_followed_by_the_next_one_while_a_handler_runs() {
    let host = TestHost::new();
    let (process, another) = (host.process(), host.process());
    host.faults.next(StoreCall::RenewInbound, 1, StoreFault::Panic);
    let handled = tokio::spawn(async move { receive(&process, &[element("1", "slow")]).await });
    host.clock.advance(secs(70)).await;
    // The first lease is over.
    assert_comes_again(&receive(&another, &[element("1", "slow")]).await);
    assert_done(&handled.await.unwrap());
    assert_eq!(host.handled(), 1);
}
