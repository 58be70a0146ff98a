//! Delivery statuses of sends whose records never answer.

use zengine_connector::{
    Event, InboundEvent, Orchestrator,
    orchestrator::Preview,
    stage::Dedup,
    strategy::InboundRequest,
    testing::{Recording, StoreCall},
};

use crate::{
    host::{TestHost, assert_comes_again, assert_done, element, receive, secs, send_by, takes},
    strategies::Element,
};

/// Sends a message whose answer is lost, and gives a status of it.
async fn unknown(host: &TestHost, process: &Orchestrator, id: &str) -> impl Fn(&str) -> Element + use<> {
    assert_eq!(send_by(process, ("acme", "lost"), id).await.unwrap().as_str(), "unknown");
    let key = host.acme.0.lock().unwrap().last().unwrap().to_string();
    move |event| Element { status_of: Some(key.clone()), ..element(event, "") }
}

#[tokio::test(start_paused = true)]
async fn a_status_whose_send_cannot_be_told_comes_again_and_settles_it_then() {
    for call in [StoreCall::Reference, StoreCall::GetClaim, StoreCall::Tell, StoreCall::ClearEffects] {
        let host = TestHost::new();
        let process = host.process();
        let status = unknown(&host, &process, &"x".repeat(200)).await;
        host.hang([call]);
        assert_comes_again(&takes(secs(5), receive(&process, &[status("1")])).await);
        assert_eq!(host.handled(), 0, "{call:?}");
        host.faults.heal();
        assert_done(&receive(&process, &[status("1")]).await);
        assert_eq!(host.handled(), 1, "{call:?}");
        // Published, then marked: a mark that was lost repeats the event under its id.
        let times = if call == StoreCall::ClearEffects { 2 } else { 1 };
        assert_eq!(host.events().iter().filter(|name| **name == "Outbound.Settled").count(), times, "{call:?}");
        assert_eq!(host.acme.0.lock().unwrap().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_whose_event_hangs_is_done_and_the_next_news_publishes_it() {
    let host = TestHost::new();
    let process = host.process();
    let status = unknown(&host, &process, "1").await;
    host.hang([StoreCall::Publish]);
    assert_done(&takes(secs(5), receive(&process, &[status("1")])).await);
    assert_eq!(host.events(), ["Outbound.Failed"]);
    host.faults.heal();
    assert_done(&receive(&process, &[status("2")]).await);
    assert_eq!(host.events(), ["Outbound.Failed", "Outbound.Settled"]);
}

#[tokio::test(start_paused = true)]
async fn a_preview_shows_statuses_without_their_sends_where_the_references_hang() {
    let host = TestHost::new();
    let process = host.process();
    let status = unknown(&host, &process, &"x".repeat(200)).await;
    let body = serde_json::to_vec(&["1", "2", "3"].map(status)).unwrap();
    let request = InboundRequest::http(http::Request::post("/acme").body(body.into()).unwrap());
    host.hang([StoreCall::Reference]);
    let Preview::Events(events) = takes(secs(5), process.preview("acme", &request, None)).await.unwrap() else { panic!("no events") };
    let named = |event: &Result<InboundEvent, _>| match &event.as_ref().unwrap().event {
        Event::Status(status) => status.client_message_id.is_some(),
        other => panic!("no status: {other:?}"),
    };
    assert_eq!((events.len(), events.iter().filter(|event| named(event)).count()), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn rule_29_a_send_that_a_status_settled_is_kept_as_long_as_any_other() {
    let host = TestHost::new();
    let dedup = Dedup { keep: secs(7 * 86_400), ..Dedup::default() };
    let process = host.process_with(&Recording::new(), |builder| builder.dedup(dedup).max_age(secs(3 * 86_400)));
    let status = unknown(&host, &process, "1").await;
    assert_done(&receive(&process, &[status("1")]).await);
    host.pass(25 * 3600).await;
    assert_eq!(send_by(&process, ("acme", "lost"), "1").await.unwrap().as_str(), "delivered");
    assert_eq!(host.acme.0.lock().unwrap().len(), 1);
}
