//! Requests whose look-ups never end.

use zengine_connector::{
    Orchestrator,
    orchestrator::{InboundSettings, Preview},
    strategy::InboundRequest,
    testing::{Recording, StoreCall},
};

use crate::{
    host::{TestHost, assert_comes_again, assert_done, element, receive, receive_at, secs, takes},
    strategies::Element,
};

/// A process that leaves `verify` more time than its look-ups have.
fn patient(host: &TestHost) -> Orchestrator {
    host.process_with(&Recording::new(), |builder| {
        builder.inbound(InboundSettings { verify_timeout: secs(60), ..InboundSettings::default() })
    })
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
        // What a request that is not authenticated met is remembered for a second.
        host.pass(1).await;
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
    host.pass(1).await;
    assert_done(&receive_at(&process, ("acme", "/shared"), &[routed("1", "/acme")]).await);
}

#[tokio::test(start_paused = true)]
async fn events_come_again_where_the_look_up_of_their_tenants_hangs_however_many_keys_they_have() {
    let host = TestHost::new();
    let process = host.process();
    host.hang([StoreCall::Route]);
    let events: Vec<_> = (0..100).map(|n| routed(&n.to_string(), &format!("/{n}"))).chain([routed("x", "/acme")]).collect();
    let received = takes(secs(10), receive_at(&process, ("acme", "/shared"), &events)).await;
    assert_comes_again(&received);
    assert_eq!((received.unstored, host.letters().await), (101, 0));
    host.faults.heal();
    assert_done(&receive_at(&process, ("acme", "/shared"), &[routed("x", "/acme")]).await);
    assert_eq!(host.handled(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_preview_ends_where_the_look_up_of_tenants_hangs() {
    let host = TestHost::new();
    let process = host.process();
    host.hang([StoreCall::Route]);
    let body = serde_json::to_vec(&[routed("1", "/acme"), routed("2", "/other")]).unwrap();
    let request = InboundRequest::http(::http::Request::post("/shared").body(body.into()).unwrap());
    let Preview::Events(events) = takes(secs(10), process.preview("acme", &request, None)).await.unwrap() else { panic!("no events") };
    assert!(events.len() == 2 && events.iter().all(Result::is_err));
}
