//! Events whose records, letters or tenants never get an answer.

use futures_util::FutureExt as _;
use zengine_connector::{
    orchestrator::Ack,
    registry::Caching,
    runtime::Clock as _,
    strategy::InboundRequest,
    testing::{Recording, StoreCall, StoreFault},
};

use crate::{
    host::{TestHost, assert_comes_again, assert_done, element, receive, receive_at, secs, takes},
    strategies::Element,
};

#[tokio::test(start_paused = true)]
async fn an_event_whose_claim_hangs_comes_again_and_is_handled_once() {
    for fault in [StoreFault::Hang, StoreFault::DoneThenHang] {
        let host = TestHost::new();
        let process = host.process();
        host.faults.always(StoreCall::ClaimInbound, fault);
        assert_comes_again(&takes(secs(5), receive(&process, &[element("1", "hello")])).await);
        assert_eq!(host.handled(), 0, "{fault:?}");
        host.faults.heal();
        // A claim that was made all the same was given back.
        assert_done(&receive(&process, &[element("1", "hello")]).await);
        assert_eq!(host.handled(), 1, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_conversation_stops_at_an_event_whose_claim_hangs() {
    let host = TestHost::new();
    let process = host.process();
    host.hang([StoreCall::ClaimInbound, StoreCall::ReleaseInbound]);
    let events: Vec<_> = (0..100).map(|n| Element { conversation: Some("c".into()), ..element(&n.to_string(), "hello") }).collect();
    let received = takes(secs(10), receive(&process, &events)).await;
    assert_comes_again(&received);
    assert_eq!(received.unstored, 100);
}

#[tokio::test(start_paused = true)]
async fn a_stored_event_whose_settling_hangs_is_done() {
    for fault in [StoreFault::Hang, StoreFault::DoneThenHang] {
        let host = TestHost::new();
        let process = host.process();
        host.faults.always(StoreCall::SettleInbound, fault);
        // Tried three times.
        assert_done(&takes(secs(15), receive(&process, &[element("1", "hello")])).await);
        assert_eq!(host.handled(), 1, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_whose_release_hangs_comes_again_after_its_lease() {
    let host = TestHost::new();
    let process = host.process();
    host.hang([StoreCall::ReleaseInbound]);
    assert_comes_again(&takes(secs(5), receive(&process, &[element("1", "later")])).await);
    host.faults.heal();
    host.pass(63).await;
    assert_comes_again(&receive(&process, &[element("1", "later")]).await);
    assert_eq!(host.handled(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_hangs_is_followed_by_the_next_one_while_a_handler_runs() {
    let host = TestHost::new();
    let (process, another) = (host.process(), host.process());
    host.faults.next(StoreCall::RenewInbound, 1, StoreFault::Hang);
    let handled = tokio::spawn(async move { receive(&process, &[element("1", "slow")]).await });
    host.pass(70).await;
    // The first lease is over.
    assert_comes_again(&receive(&another, &[element("1", "slow")]).await);
    assert_eq!(handled.await.unwrap().ack, Ack::Done);
    assert_eq!(host.handled(), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_84_stores_that_hang_hold_up_no_shutdown() {
    for call in [StoreCall::ClaimInbound, StoreCall::SettleInbound, StoreCall::PutLetter, StoreCall::ReleaseInbound] {
        let host = TestHost::new();
        let process = host.process();
        host.hang([call]);
        let text = if call == StoreCall::ReleaseInbound { "later" } else { "poison" };
        // The sender goes away at once.
        let gone = receive(&process, &[element("1", text)]).now_or_never();
        assert!(gone.is_none(), "{call:?}");
        let began = host.clock.monotonic();
        process.shutdown(secs(600)).await;
        assert!(host.clock.monotonic() < began + secs(31), "{call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn poison_whose_dead_letter_hangs_comes_again_and_is_kept_once() {
    for fault in [StoreFault::Hang, StoreFault::DoneThenHang] {
        let host = TestHost::new();
        let process = host.process();
        host.faults.always(StoreCall::PutLetter, fault);
        assert_comes_again(&takes(secs(5), receive(&process, &[element("1", "poison")])).await);
        let unreadable = || InboundRequest::http(http::Request::post("/acme").body("nonsense".into()).unwrap());
        assert_comes_again(&takes(secs(5), process.receive("acme", unreadable())).await.unwrap());
        host.faults.heal();
        assert_done(&receive(&process, &[element("1", "poison")]).await);
        assert_done(&process.receive("acme", unreadable()).await.unwrap());
        assert_eq!(host.letters().await, 2, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_comes_again_where_the_configuration_of_its_tenant_hangs() {
    for call in [StoreCall::Config, StoreCall::Secret] {
        let host = TestHost::new();
        let process = host.process();
        // The secret of the application is read first.
        host.hang_after(usize::from(call == StoreCall::Secret), call);
        let event = || Element { routes: vec!["/acme".into()], ..element("1", "hello") };
        assert_comes_again(&takes(secs(10), receive_at(&process, ("acme", "/shared"), &[event()])).await);
        host.faults.heal();
        assert_done(&receive_at(&process, ("acme", "/shared"), &[event()]).await);
        assert_eq!(host.handled(), 1, "{call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_is_given_without_the_tenant_where_the_directory_hangs_after_verify() {
    let host = TestHost::new();
    let process = host.process_with(&Recording::new(), |builder| builder.caching(Caching::off()));
    host.hang_after(1, StoreCall::Config);
    // Once for the event, once for the response.
    assert_comes_again(&takes(secs(20), receive(&process, &[element("1", "hello")])).await);
    assert_eq!(host.handled(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_of_many_conversations_stops_at_claims_that_hang() {
    let host = TestHost::new();
    let process = host.process();
    host.hang([StoreCall::ClaimInbound, StoreCall::ReleaseInbound]);
    let events: Vec<_> = (0..300).map(|n| element(&n.to_string(), "hello")).collect();
    let received = takes(secs(10), receive(&process, &events)).await;
    assert_comes_again(&received);
    assert_eq!((received.unstored, host.handled()), (300, 0));
    host.faults.heal();
    host.pass(63).await;
    assert_done(&receive(&process, &events).await);
    assert_eq!(host.handled(), 300);
}

#[tokio::test(start_paused = true)]
async fn a_request_of_many_conversations_stops_at_any_store_that_hangs() {
    // The calls to the directory: for the route, then for the events.
    for (call, passing, time) in [(StoreCall::SettleInbound, 0, 15), (StoreCall::PutLetter, 0, 5)] {
        let host = TestHost::new();
        let process = host.process();
        host.hang_after(passing, call);
        let text = if call == StoreCall::PutLetter { "poison" } else { "hello" };
        let events: Vec<_> = (0..640).map(|n| element(&n.to_string(), text)).collect();
        assert_comes_again(&takes(secs(time), receive(&process, &events)).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_fails_at_once_costs_only_its_event() {
    let host = TestHost::new();
    let process = host.process();
    host.faults.next(StoreCall::ClaimInbound, 1, StoreFault::Refused);
    let events: Vec<_> = (0..300).map(|n| element(&n.to_string(), "hello")).collect();
    let received = takes(secs(0), receive(&process, &events)).await;
    assert_comes_again(&received);
    assert_eq!((received.unstored, host.handled()), (1, 299));
}
