//! Replies on a channel that only acknowledges: sends whose id follows from the event.

use std::time::Duration;

use zengine_connector::{Content, Outcome, ids::CorrelationId, message::Role, orchestrator::Ack};

use crate::{
    host::{Do, Host, message, payload, request},
    strategies::TRACE,
};

async fn deliver(host: &Host, event: &str, text: &str) -> Ack {
    let request = request("/one").header("traceparent", TRACE).extension(CorrelationId::new("req-1").unwrap());
    host.receive("acme-both", request.body(payload(&[message(event, "c", text)])).unwrap()).await.ack
}

fn reply(with: &str) -> Do {
    Do::Reply { n: 7, after: Duration::ZERO, with: with.into() }
}

#[tokio::test(start_paused = true)]
async fn a_reply_is_a_send_to_who_wrote_under_an_id_of_the_event() {
    let host = Host::new();
    host.on("hello", reply("hi"));
    assert_eq!(deliver(&host, "1", "hello").await, Ack::Done);
    let (event, to) = (host.seen.events.lock().unwrap()[0].clone(), host.seen.reply_to.lock().unwrap()[0].clone());
    let sent = host.sent.lock().unwrap().clone();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].0.as_str(), &sent[0].1.to), (format!("r.{}.7", event.id).as_str(), &event.from));
    assert_eq!((&sent[0].1.content, sent[0].1.conversation.as_deref()), (&Content::text("hi"), Some("c")));
    assert_eq!(sent[0].1.author, Some(Role::Bot.into()));

    // Another process says the same again: nothing is sent.
    let Outcome::Delivered(again) = host.orchestrator.reply(&to, 7, Content::text("hi").by(Role::Bot)).await.unwrap() else {
        panic!("not delivered")
    };
    assert!(again.replayed);
    assert_eq!(host.sent.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_handler_that_runs_again_replies_once() {
    let host = Host::new();
    host.on("hello", Do::ReplyThenFail { n: 0, with: "hi".into() });
    assert_eq!(deliver(&host, "1", "hello").await, Ack::Redeliver);
    assert_eq!(deliver(&host, "1", "hello").await, Ack::Redeliver);
    host.heal();
    assert_eq!(deliver(&host, "1", "hello").await, Ack::Done);
    let outcomes = host.seen.outcomes.lock().unwrap();
    let replayed: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().unwrap().is_replayed()).collect();
    assert_eq!((replayed, host.sent.lock().unwrap().len()), (vec![false, true], 1));
}

#[tokio::test(start_paused = true)]
async fn rule_23_a_handler_that_runs_again_passes_a_photo_on_once_and_is_stored() {
    let host = Host::new();
    for stores in [false, false, true] {
        host.on("hello", Do::PassOn { stores });
        assert_eq!(deliver(&host, "1", "hello").await, if stores { Ack::Done } else { Ack::Redeliver });
        host.clock.advance(Duration::from_secs(60)).await;
    }
    let outcomes = host.seen.outcomes.lock().unwrap();
    let replayed: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().unwrap().is_replayed()).collect();
    assert_eq!((replayed, host.sent.lock().unwrap().len()), (vec![false, true, true], 1));
}

#[tokio::test(start_paused = true)]
async fn a_typing_notice_and_a_read_mark_in_a_reply_are_about_the_message_of_the_event() {
    let host = Host::new();
    for (event, content) in [("1", Content::Typing { target: None }), ("2", Content::ReadMark { target: String::new() })] {
        host.on("hello", Do::Answer(content.into()));
        assert_eq!(deliver(&host, event, "hello").await, Ack::Done);
    }
    let ids: Vec<_> = host.seen.events.lock().unwrap().iter().map(|event| event.provider_ids[0].to_string()).collect();
    let sent: Vec<_> = host.sent.lock().unwrap().iter().map(|(_, message)| message.content.clone()).collect();
    assert_eq!(sent, [Content::Typing { target: Some(ids[0].clone()) }, Content::ReadMark { target: ids[1].clone() }]);
}

#[tokio::test(start_paused = true)]
async fn shutdown_finishes_what_runs_and_takes_nothing_new() {
    let host = std::sync::Arc::new(Host::new());
    host.on("slow", Do::Slow(Duration::from_secs(5)));
    let running = tokio::spawn({
        let host = std::sync::Arc::clone(&host);
        async move { host.shared(payload(&[message("1", "a", "slow"), message("2", "a", "next")])).await }
    });
    while host.seen.count() == 0 {
        tokio::task::yield_now().await;
    }
    host.orchestrator.shutdown(Duration::from_secs(60)).await;
    // The one that ran is stored; the next in its conversation was not begun.
    assert_eq!(*host.seen.finished.lock().unwrap(), ["slow"]);
    let received = running.await.unwrap();
    assert_eq!((received.ack, received.accepted, received.unstored), (Ack::Redeliver, 1, 1));
    let late = host.shared(payload(&[message("3", "b", "late")])).await;
    assert_eq!((late.ack, late.response.status().as_u16(), host.seen.count()), (Ack::Redeliver, 503, 1));
}
