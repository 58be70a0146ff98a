//! A channel that answers in the response, whose outbox never answers.

use zengine_connector::{
    Content, Orchestrator,
    orchestrator::{Ack, Received, ReplyTo},
    pipeline::DeferredReason,
    registry::Caching,
    strategy::InboundRequest,
    testing::{Recording, StoreCall, StoreFault},
};

use crate::{
    host::{TestHost, assert_comes_again, assert_done, deferred, delivered, element, ms, receive, receive_at, secs, takes},
    strategies::Element,
};

async fn write(process: &Orchestrator, id: &str, text: &str) -> Received {
    receive_at(process, ("acme-chat", "/acme"), &[Element { conversation: Some("c".into()), ..element(id, text) }]).await
}

/// The number of replies in a response.
fn replies(received: &Received) -> usize {
    let body: serde_json::Value = serde_json::from_slice(received.response.body()).unwrap();
    body["replies"].as_array().unwrap().len()
}

async fn poll(process: &Orchestrator) -> Received {
    let request = http::Request::get("/acme").body(bytes::Bytes::new()).unwrap();
    process.receive("acme-chat", InboundRequest::http(request)).await.unwrap()
}

/// The event of a conversation whose first replies are still to come.
async fn reply_to(host: &TestHost, process: &Orchestrator) -> ReplyTo {
    assert_eq!(write(process, "1", "hello").await.response.status(), 200);
    host.handler.reply_to.lock().unwrap()[0].clone()
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_outbox_hangs_is_answered_503_and_runs_nothing() {
    let host = TestHost::new();
    let process = host.process();
    host.hang([StoreCall::ReadSession]);
    // The channel's deadline.
    assert_comes_again(&takes(secs(2), write(&process, "1", "hello")).await);
    assert_eq!(host.handled(), 0);
    host.faults.heal();
    assert_eq!(write(&process, "1", "hello").await.response.status(), 200);
    assert_eq!(host.handled(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_no_handler_has_at_the_deadline_comes_again() {
    let host = TestHost::new();
    let process = host.process();
    host.hang([StoreCall::ClaimInbound]);
    assert_comes_again(&takes(secs(2), write(&process, "1", "hello")).await);
    host.faults.heal();
    host.pass(10).await;
    assert_eq!(write(&process, "1", "hello").await.response.status(), 200);
    assert_eq!(host.handled(), 1);
    // So does one that the handler can never handle, while its dead letter hangs.
    host.hang([StoreCall::PutLetter]);
    assert_comes_again(&takes(secs(2), write(&process, "2", "poison")).await);
}

#[tokio::test(start_paused = true)]
async fn a_handler_at_work_at_the_deadline_leaves_its_event_pending() {
    let host = TestHost::new();
    let process = host.process();
    let received = takes(secs(2), write(&process, "1", "slow")).await;
    assert_eq!((received.ack, received.unstored), (Ack::Done, 0));
    // So does one whose record hangs once the handler has stored the event.
    host.hang([StoreCall::SettleInbound]);
    let received = takes(secs(2), write(&process, "2", "hello")).await;
    assert_eq!((received.ack, received.unstored), (Ack::Done, 0));
}

#[tokio::test(start_paused = true)]
async fn rule_84_an_event_that_is_not_stored_after_the_answer_becomes_a_dead_letter() {
    let host = TestHost::new();
    let process = host.process();
    let received = takes(secs(2), write(&process, "1", "slowly later")).await;
    assert_eq!((received.ack, received.unstored, host.letters().await), (Ack::Done, 0, 0));
    host.pass(10).await;
    assert_eq!(host.letters().await, 1);
    // One whose request was answered 503 comes again by itself.
    let (slow, hung) = (element("2", "slowly later"), element("3", "hello"));
    host.hang_after(1, StoreCall::ClaimInbound);
    assert_comes_again(&takes(secs(2), receive_at(&process, ("acme-chat", "/acme"), &[slow, hung])).await);
    host.pass(10).await;
    assert_eq!(host.letters().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_reply_whose_outbox_hangs_is_deferred_and_later_stored_once() {
    for (call, fault) in [
        (StoreCall::ReadSession, StoreFault::Hang),
        (StoreCall::PutSession, StoreFault::Hang),
        (StoreCall::PutSession, StoreFault::DoneThenHang),
    ] {
        let host = TestHost::new();
        let process = host.process();
        let to = reply_to(&host, &process).await;
        host.faults.always(call, fault);
        let outcome = takes(secs(5), process.reply(&to, 0, Content::text("hi"))).await.unwrap();
        assert_eq!(deferred(outcome), DeferredReason::StoreUnavailable);
        host.faults.heal();
        let again = process.reply(&to, 0, Content::text("hi")).await.unwrap();
        assert_eq!(delivered(again).replayed, fault == StoreFault::DoneThenHang);
        assert_eq!(replies(&poll(&process).await), 1, "{call:?} {fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_whose_replies_hang_leaves_them_to_a_poll() {
    let host = TestHost::new();
    let process = host.process();
    // The first look finds where the response begins, the second the place of the reply.
    host.hang_after(2, StoreCall::ReadSession);
    let received = takes(secs(2), write(&process, "1", "reply")).await;
    assert_eq!((received.ack, replies(&received)), (Ack::Done, 0));
    delivered(host.handler.replies.lock().unwrap().remove(0));
    host.faults.heal();
    assert_eq!(replies(&poll(&process).await), 1);
}

#[tokio::test(start_paused = true)]
async fn a_mark_of_replies_handed_out_that_hangs_does_not_keep_them_back() {
    let host = TestHost::new();
    let process = host.process();
    host.hang_after(1, StoreCall::PutSession);
    let received = takes(secs(2), write(&process, "1", "reply")).await;
    assert_eq!((received.ack, replies(&received)), (Ack::Done, 1));
}

#[tokio::test(start_paused = true)]
async fn a_poll_whose_outbox_hangs_is_answered_503() {
    let host = TestHost::new();
    let process = host.process();
    reply_to(&host, &process).await;
    host.hang([StoreCall::ReadSession]);
    assert_comes_again(&takes(secs(5), poll(&process)).await);
}

#[tokio::test(start_paused = true)]
async fn a_reply_on_a_channel_that_acknowledges_is_deferred_where_the_claim_hangs() {
    let host = TestHost::new();
    let process = host.process();
    host.hang([StoreCall::Claim]);
    assert_done(&takes(secs(10), receive(&process, &[element("1", "reply")])).await);
    assert_eq!(deferred(host.handler.replies.lock().unwrap().remove(0)), DeferredReason::StoreUnavailable);
    assert!(host.acme.0.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_channel_holds_where_the_outbox_hangs() {
    let host = TestHost::new();
    let process = host.process();
    host.hang_after(1, StoreCall::ReadSession);
    // The handler's reply waits for the outbox, and then the response has half a second to read it.
    let received = takes(secs(2) + ms(500), write(&process, "1", "reply")).await;
    assert_eq!((received.ack, replies(&received)), (Ack::Done, 0));
    host.pass(60).await;
    assert_eq!(deferred(host.handler.replies.lock().unwrap().remove(0)), DeferredReason::StoreUnavailable);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_must_come_again_hands_out_no_replies() {
    let host = TestHost::new();
    let process = host.process();
    let to = reply_to(&host, &process).await;
    delivered(process.reply(&to, 0, Content::text("late")).await.unwrap());
    host.hang([StoreCall::ClaimInbound]);
    let refused = takes(secs(2), write(&process, "2", "hello")).await;
    assert_comes_again(&refused);
    assert_eq!(replies(&refused), 0);
    host.faults.heal();
    host.pass(20).await;
    assert_eq!(replies(&write(&process, "2", "hello").await), 1);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_channel_holds_where_the_directory_hangs() {
    // With a configuration that hangs, the response waits half a second for it too.
    for (call, time) in [(StoreCall::Route, secs(2)), (StoreCall::Config, ms(2_500))] {
        let host = TestHost::new();
        let process = host.process_with(&Recording::new(), |builder| builder.caching(Caching::off()));
        // The first call belongs to verify, which has a limit of its own.
        host.hang_after(1, call);
        let element = Element { conversation: Some("c".into()), routes: vec!["/acme".into()], ..element("1", "hello") };
        assert_comes_again(&takes(time, receive_at(&process, ("acme-chat", "/acme"), &[element])).await);
        assert_eq!(host.handled(), 0, "{call:?}");
    }
}
