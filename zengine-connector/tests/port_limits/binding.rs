//! Calls that need a tenant whose directory or secret store never answers.

use zengine_connector::{
    ErrorKind,
    pipeline::DeferredReason,
    testing::{Recording, StoreCall},
};

use crate::{
    host::{TestHost, assert_done, deferred, element, receive, refusal, secs, send, send_by, takes, tenant},
    strategies::{Acme, Question},
};

#[tokio::test(start_paused = true)]
async fn a_directory_or_secret_store_that_hangs_is_an_error_of_each_call_that_binds() {
    for (call, kind) in [(StoreCall::Config, ErrorKind::Store), (StoreCall::Secret, ErrorKind::Secret)] {
        let host = TestHost::new();
        let tenant = tenant();
        assert_done(&receive(&host.process(), &[element("1", "photo")]).await);
        let event = host.handler.events.lock().unwrap()[0].clone();
        let process = host.process();
        host.hang([call]);
        // The two secrets are read at the same time.
        let errors = [
            takes(secs(10), process.bound::<Acme>(&tenant, "acme")).await.map(drop).unwrap_err(),
            takes(secs(10), process.health(&tenant, "acme")).await.map(drop).unwrap_err(),
            takes(secs(10), process.media(&event, "handle")).await.map(drop).unwrap_err(),
            takes(secs(10), process.query(&tenant, "acme-shelf", &Question {})).await.map(drop).unwrap_err(),
        ];
        for error in errors {
            assert_eq!((error.kind(), error.is_temporary()), (kind, true));
        }
        host.faults.heal();
        assert!(process.bound::<Acme>(&tenant, "acme").await.is_ok());
        assert!(process.health(&tenant, "acme").await.is_ok());
        assert!(process.media(&event, "handle").await.is_ok());
        assert!(process.query(&tenant, "acme-shelf", &Question {}).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn callers_who_bind_together_all_end_with_a_directory_that_hangs() {
    let host = TestHost::new();
    let process = host.process();
    host.hang([StoreCall::Config]);
    let callers = (0..10).map(|_| async { process.health(&tenant(), "acme").await });
    assert!(takes(secs(10), futures_util::future::join_all(callers)).await.iter().all(Result::is_err));
    assert_eq!(host.faults.count(StoreCall::Config), 1);
}

#[tokio::test(start_paused = true)]
async fn a_send_whose_tenant_cannot_be_bound_is_deferred_with_nothing_claimed() {
    for call in [StoreCall::Config, StoreCall::Secret] {
        let host = TestHost::new();
        let process = host.process();
        host.hang([call]);
        let outcome = takes(secs(10), send_by(&process, ("acme", "hello"), "1")).await.unwrap();
        assert_eq!((deferred(outcome), host.faults.count(StoreCall::Claim)), (DeferredReason::BindFailed, 0));
        // The record, where there may be one, is not there to be replayed either.
        host.hang([StoreCall::GetClaim]);
        let outcome = takes(secs(15), send_by(&process, ("acme", "hello"), "1")).await.unwrap();
        assert_eq!(deferred(outcome), DeferredReason::BindFailed);
        host.faults.heal();
        assert_eq!(send_by(&process, ("acme", "hello"), "1").await.unwrap().as_str(), "delivered");
        assert_eq!(host.acme.0.lock().unwrap().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_settled_send_is_replayed_where_the_directory_hangs() {
    let (host, provider) = (TestHost::new(), Recording::new());
    provider.answer(refusal());
    assert_eq!(send(&host.process_of(&provider), "1").await.as_str(), "failed");
    let process = host.process_of(&provider);
    host.hang([StoreCall::Config]);
    let again = takes(secs(10), send(&process, "1")).await;
    assert_eq!((again.as_str(), again.is_replayed(), provider.calls().len()), ("failed", true, 1));
}

#[tokio::test(start_paused = true)]
async fn a_bound_tenant_goes_on_where_the_secret_store_hangs_later() {
    let host = TestHost::new();
    let process = host.process();
    assert!(process.health(&tenant(), "acme").await.is_ok());
    host.hang([StoreCall::Secret]);
    host.pass(301).await;
    assert!(takes(secs(10), process.health(&tenant(), "acme")).await.is_ok(), "the old secrets serve for an hour");
}
