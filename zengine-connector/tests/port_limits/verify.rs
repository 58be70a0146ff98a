//! Requests whose look-ups never end.

use zengine_connector::{
    testing::{Recording, StoreCall},
    *,
};

use crate::{
    host::{TestHost, assert_comes_again, assert_done, element, receive, receive_at, secs, takes},
    strategies::Element,
};

/// A process that leaves `verify` more time than its look-ups have.
fn patient(host: &TestHost) -> Orchestrator {
    host.process_with(&Recording::new(), |builder| builder.inbound(InboundSettings::default().verify_time(secs(60))))
}

/// An element that each tenant of the path may get.
fn routed(id: &str, path: &str) -> Element {
    Element { routes: vec![path.into()], conversation: Some(path.into()), ..element(id, "hello") }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_503_where_the_look_up_of_its_tenant_hangs() {
    for call in [StoreCall::Route, StoreCall::Config, StoreCall::Secret] {
        let host = TestHost::new();
        let process = patient(&host);
        host.hang([call]);
        assert_comes_again(&takes(secs(10), receive(&process, &[element("1", "hello")])).await);
        assert!(host.handled() == 0 && host.faults.count(StoreCall::ClaimInbound) == 0, "{call:?}");
        host.faults.heal();
        assert_done(&receive(&process, &[element("1", "hello")]).await);
        assert_eq!(host.handled(), 1, "{call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn verify_ends_in_its_own_time_however_many_look_ups_hang() {
    let host = TestHost::new();
    let process = host.process();
    host.hang([StoreCall::Config]);
    assert_comes_again(&takes(secs(10), receive(&process, &[element("1", "hello")])).await);
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_503_where_the_applications_secret_hangs() {
    let host = TestHost::new();
    let process = patient(&host);
    host.hang([StoreCall::Secret]);
    assert_comes_again(&takes(secs(10), receive_at(&process, ("acme", "/shared"), &[routed("1", "/acme")])).await);
    host.faults.heal();
    assert_done(&receive_at(&process, ("acme", "/shared"), &[routed("1", "/acme")]).await);
}
