//! A channel that answers in the response, and later to a poll.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, json};
use zengine_connector::{
    Content, ErrorKind, Outcome,
    message::{Participant, Role},
    orchestrator::{InboundSettings, ReplyTo},
    pipeline::DeferredReason,
    runtime::Clock,
    telemetry::MetricName,
};

use crate::host::{Do, Host, counts, payload, request};

struct Answer {
    status: u16,
    texts: Vec<String>,
    ids: Vec<String>,
    pending: bool,
    cursor: Option<String>,
}

fn answer(received: &zengine_connector::orchestrator::Received) -> Answer {
    let body: Value = serde_json::from_slice(received.response.body()).unwrap();
    let each = |pointer: &str| {
        let replies = body["replies"].as_array().unwrap();
        replies.iter().map(|reply| reply.pointer(pointer).unwrap().as_str().unwrap().to_owned()).collect()
    };
    Answer {
        status: received.response.status().as_u16(),
        texts: each("/content/body"),
        ids: each("/id"),
        pending: body["pending"].as_bool().unwrap(),
        cursor: body["cursor"].as_str().map(str::to_owned),
    }
}

/// The visitor of a tenant's site writes.
async fn write_to(host: &Host, uri: &str, event: &str, text: &str) -> Answer {
    let element = json!({ "id": event, "conversation": "c", "text": text });
    answer(&host.receive("acme-chat", request(uri).body(payload(&[element])).unwrap()).await)
}

async fn write(host: &Host, event: &str, text: &str) -> Answer {
    write_to(host, "/one", event, text).await
}

async fn poll(host: &Host, after: Option<&str>) -> Answer {
    let after = after.map_or(String::new(), |after| format!("&after={after}"));
    let poll = http::Request::get(format!("/one?conversation=c{after}")).body(Bytes::new()).unwrap();
    answer(&host.receive("acme-chat", poll).await)
}

fn replies(with: &str, after_ms: u64) -> Do {
    Do::Reply { n: 0, after: Duration::from_millis(after_ms), with: with.to_owned() }
}

fn reply_to(host: &Host) -> ReplyTo {
    host.seen.reply_to.lock().unwrap()[0].clone()
}

#[tokio::test(start_paused = true)]
async fn a_reply_in_time_travels_in_the_response() {
    let host = Host::new();
    host.on("hello", replies("hi", 500));
    let first = write(&host, "1", "hello").await;
    assert_eq!((first.status, first.pending, first.texts), (200, false, vec!["hi".to_owned()]));
    // It is not handed out twice.
    let next = write(&host, "2", "quiet").await;
    assert_eq!((next.status, next.texts.len()), (200, 0));
    assert_eq!(poll(&host, first.cursor.as_deref()).await.texts.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reply_comes_with_its_author() {
    let host = Host::new();
    let written = write(&host, "1", "hello").await;
    let author = Participant::new(Role::Agent).with_name("Ana");
    let _outcome = host.orchestrator.reply(&reply_to(&host), 1, Content::text("hi").by(author.clone())).await.unwrap();
    let poll = http::Request::get("/one?conversation=c").body(Bytes::new()).unwrap();
    let body: Value = serde_json::from_slice(host.receive("acme-chat", poll).await.response.body()).unwrap();
    assert_eq!((written.texts.len(), &body["replies"][0]["author"]), (0, &json!(author)));

    let nameless = Content::text("hi").by(author.with_name(""));
    let error = host.orchestrator.reply(&reply_to(&host), 2, nameless).await.unwrap_err();
    assert_eq!(error.violations()[0].to_string(), "/author/name: too short (limit 1, actual 0)");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_comes_again_gets_its_replies_again_and_runs_nothing() {
    let host = Host::new();
    host.on("hello", replies("hi", 0));
    let first = write(&host, "1", "hello").await;
    let again = write(&host, "1", "hello").await;
    assert_eq!((again.texts, again.ids), (first.texts, first.ids));
    assert_eq!(host.seen.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_late_reply_waits_for_a_poll() {
    let host = Host::new();
    host.on("hello", replies("hi", 5_000));
    let before = host.clock.now();
    let response = write(&host, "1", "hello").await;
    assert_eq!((response.status, response.pending, response.texts.len()), (202, true, 0));
    // The response came at the deadline, and the handler went on.
    assert_eq!(host.clock.now().duration_since(before).unwrap(), Duration::from_secs(2));
    let cursor = response.cursor.unwrap();
    assert_eq!(poll(&host, Some(&cursor)).await.texts.len(), 0);
    host.clock.advance(Duration::from_secs(4)).await;
    assert_eq!(host.metrics.of(MetricName::InboundRequests), 2, "a request is told at its answer, and not again when its work ends");
    let polled = poll(&host, Some(&cursor)).await;
    assert_eq!((polled.status, polled.texts), (200, vec!["hi".to_owned()]));
    // A poll whose answer was lost may be repeated; the next one goes on.
    assert_eq!(poll(&host, Some(&cursor)).await.texts, ["hi"]);
    assert_eq!(poll(&host, polled.cursor.as_deref()).await.texts.len(), 0);
    assert_eq!(poll(&host, None).await.texts, ["hi"]);
    // The event is settled although nobody waited.
    assert_eq!(write(&host, "1", "hello").await.status, 200);
    assert_eq!(host.seen.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn another_process_answers_with_nothing_but_the_address() {
    let host = Host::new();
    let first = write(&host, "1", "hello").await;
    let address = serde_json::to_string(&reply_to(&host)).unwrap();
    let Outcome::Delivered(delivered) =
        host.orchestrator.reply(&serde_json::from_str(&address).unwrap(), 0, Content::text("from afar")).await.unwrap()
    else {
        panic!("not delivered")
    };
    assert!(!delivered.replayed);
    let polled = poll(&host, first.cursor.as_deref()).await;
    assert_eq!((polled.texts, polled.ids), (vec!["from afar".to_owned()], vec![delivered.provider_id().unwrap().to_string()]));
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_nobody_fetched_comes_with_the_next_response() {
    let host = Host::new();
    host.on("again", replies("second", 0));
    let _ = write(&host, "1", "hello").await;
    let _ = host.orchestrator.reply(&reply_to(&host), 0, Content::text("first")).await.unwrap();
    // The visitor writes before it polls: its cursor moves on, so both must be in this response.
    assert_eq!(write(&host, "2", "again").await.texts, ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn the_other_sides_own_cursor_wins() {
    let host = Host::new();
    host.on("hello", replies("hi", 0));
    host.on("again", replies("there", 0));
    let first = write(&host, "1", "hello").await;
    // The response to it was lost: the visitor says what it has seen.
    assert_eq!(write_to(&host, "/one?seen=0", "2", "again").await.texts, ["hi", "there"]);
    let seen = format!("/one?seen={}", first.cursor.unwrap());
    assert_eq!(write_to(&host, &seen, "3", "quiet").await.texts, ["there"]);
    // One that nobody can read costs nothing.
    assert_eq!(write_to(&host, "/one?seen=nonsense", "4", "quiet").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn the_same_answer_to_the_same_event_goes_out_once() {
    let host = Host::new();
    let first = write(&host, "1", "hello").await;
    let mut ids = vec![];
    for (n, replayed) in [(1, false), (1, true), (2, false)] {
        let Outcome::Delivered(delivered) = host.orchestrator.reply(&reply_to(&host), n, Content::text("hi")).await.unwrap() else {
            panic!("not delivered")
        };
        assert_eq!(delivered.replayed, replayed);
        ids.push(delivered.provider_id().unwrap().to_string());
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(poll(&host, first.cursor.as_deref()).await.texts.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn replies_that_race_all_find_their_place() {
    let host = Arc::new(Host::new());
    let first = write(&host, "1", "hello").await;
    host.faults.lose_races.store(5, SeqCst);
    let to = reply_to(&host);
    let racing = (0..10).map(|n| host.orchestrator.reply(&to, n, Content::text(format!("{n}"))));
    for outcome in futures_util::future::join_all(racing).await {
        assert!(matches!(outcome.unwrap(), Outcome::Delivered(_)));
    }
    let polled = poll(&host, first.cursor.as_deref()).await;
    let mut ids: Vec<u64> = polled.ids.iter().map(|id| id.parse().unwrap()).collect();
    assert!(ids.is_sorted());
    ids.dedup();
    assert_eq!((ids.len(), polled.texts.len()), (10, 10));
}

#[tokio::test(start_paused = true)]
async fn a_full_outbox_refuses_and_loses_nothing() {
    let host = Host::with(InboundSettings { outbox_replies: 3, outbox_bytes: 1024, ..InboundSettings::default() }, true);
    let first = write(&host, "1", "hello").await;
    let to = reply_to(&host);
    for n in 0..3 {
        let _ = host.orchestrator.reply(&to, n, Content::text("kept")).await.unwrap();
    }
    let refused = host.orchestrator.reply(&to, 3, Content::text("too many")).await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_temporary()), (ErrorKind::Busy, true));
    assert_eq!(poll(&host, first.cursor.as_deref()).await.texts, ["kept", "kept", "kept"]);
    // What was handed out makes room.
    let _ = host.orchestrator.reply(&to, 3, Content::text("now")).await.unwrap();
    assert_eq!(poll(&host, None).await.texts, ["kept", "kept", "now"]);
    // And is still recognised.
    let Outcome::Delivered(again) = host.orchestrator.reply(&to, 0, Content::text("kept")).await.unwrap() else { panic!("not delivered") };
    assert!(again.replayed);
}

#[tokio::test(start_paused = true)]
async fn a_reply_needs_a_conversation_and_content_that_the_channel_carries() {
    let host = Host::new();
    let element = json!({ "id": "1", "text": "hello" });
    let _ = host.receive("acme-chat", request("/one").body(payload(&[element])).unwrap()).await;
    let homeless = host.orchestrator.reply(&reply_to(&host), 0, Content::text("hi")).await.unwrap_err();
    assert_eq!((homeless.kind(), homeless.context("field")), (ErrorKind::MessageInvalid, Some("conversation")));

    let _ = write(&host, "2", "hello").await;
    let to = host.seen.reply_to.lock().unwrap()[1].clone();
    let long = host.orchestrator.reply(&to, 0, Content::text("canary ".repeat(20))).await.unwrap_err();
    assert_eq!(long.kind(), ErrorKind::MessageInvalid);
    let violation = &long.violations()[0];
    assert_eq!((violation.pointer.as_str(), violation.limit, violation.actual), ("/content/body", Some(100), Some(140)));
    assert!(!format!("{long} {long:?}").contains("canary"));
}

#[tokio::test(start_paused = true)]
async fn without_the_session_store_nothing_runs_and_replies_are_put_off() {
    let host = Host::new();
    let first = write(&host, "1", "hello").await;
    Host::fault(&host.faults.sessions_down, true);
    assert_eq!(write(&host, "2", "hello").await.status, 503);
    assert_eq!(host.seen.count(), 1);
    let Outcome::Deferred(deferred) = host.orchestrator.reply(&reply_to(&host), 0, Content::text("hi")).await.unwrap() else {
        panic!("not deferred")
    };
    assert_eq!(deferred.reason, DeferredReason::StoreUnavailable);
    let poll_now = http::Request::get("/one?conversation=c").body(Bytes::new()).unwrap();
    assert_eq!(host.receive("acme-chat", poll_now).await.response.status(), 503);
    Host::fault(&host.faults.sessions_down, false);
    let _ = host.orchestrator.reply(&reply_to(&host), 0, Content::text("hi")).await.unwrap();
    assert_eq!(poll(&host, first.cursor.as_deref()).await.texts, ["hi"]);
}

#[tokio::test(start_paused = true)]
async fn an_outbox_that_fails_after_the_work_leaves_the_replies_to_a_poll() {
    let host = Arc::new(Host::new());
    host.on("hello", replies("hi", 1_000));
    let faults = Arc::clone(&host.faults);
    let clock = Arc::clone(&host.clock);
    let waiting = tokio::spawn({
        let host = Arc::clone(&host);
        async move { write(&host, "1", "hello").await }
    });
    // Down from before the reply until after the response: the handler's reply is put off, the response says `poll`.
    clock.advance(Duration::from_millis(500)).await;
    Host::fault(&faults.sessions_down, true);
    let response = waiting.await.unwrap();
    assert_eq!((response.status, response.pending), (202, true));
    Host::fault(&faults.sessions_down, false);
    assert!(matches!(host.seen.outcomes.lock().unwrap()[0], Ok(Outcome::Deferred(_))));
    assert_eq!(poll(&host, response.cursor.as_deref()).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn rule_84_an_event_that_was_not_stored_is_503_on_a_synchronous_channel_too() {
    let host = Host::new();
    host.on("bad", Do::NotStored);
    assert_eq!(write(&host, "1", "bad").await.status, 503);
    host.on("slow", Do::Slow(Duration::from_secs(60)));
    assert_eq!(write(&host, "2", "slow").await.status, 202);
    // The first delivery still works on it.
    assert_eq!(write(&host, "2", "slow").await.status, 202);
    host.clock.advance(Duration::from_secs(60)).await;
    let element = json!({ "id": "2", "conversation": "c", "text": "slow" });
    let settled = host.receive("acme-chat", request("/one").body(payload(&[element])).unwrap()).await;
    assert_eq!(counts(&settled), (1, 0, 0));
    assert_eq!(host.seen.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_poll_with_a_foreign_cursor_is_refused() {
    let host = Host::new();
    let nonsense = http::Request::get("/one?conversation=c&after=x").body(Bytes::new()).unwrap();
    let received = host.receive("acme-chat", nonsense).await;
    assert_eq!(received.response.status(), 400);
    assert_eq!(poll(&host, Some("17")).await.cursor.as_deref(), Some("17"));
}

#[tokio::test(start_paused = true)]
async fn outboxes_of_two_tenants_stay_apart_and_end_with_their_time() {
    let host = Host::new();
    host.on("hello", replies("hi", 0));
    assert_eq!(write_to(&host, "/one", "1", "hello").await.texts, ["hi"]);
    assert_eq!(write_to(&host, "/two", "1", "quiet").await.texts.len(), 0);
    host.clock.advance(Duration::from_secs(86_400)).await;
    assert_eq!(poll(&host, None).await.texts.len(), 0);
    // The cursor of the first outbox still works on its successor.
    let cursor = write(&host, "2", "quiet").await.cursor;
    let _ = host.orchestrator.reply(&reply_to(&host), 9, Content::text("later")).await.unwrap();
    assert_eq!(poll(&host, cursor.as_deref()).await.texts, ["later"]);
}

#[tokio::test(start_paused = true)]
async fn what_ends_after_an_answer_that_nobody_takes_is_counted_once() {
    let host = Host::new();
    host.on("hello", Do::Slow(Duration::from_secs(30)));
    let element = json!({ "id": "1", "conversation": "c", "text": "hello" });
    let hanging = request("/one").header("x-respond", "hang").body(payload(&[element])).unwrap();
    // The answer is made after two seconds, and its caller goes away while the strategy writes it.
    assert!(tokio::time::timeout(Duration::from_millis(2_200), host.receive("acme-chat", hanging)).await.is_err());
    host.clock.advance(Duration::from_secs(60)).await;
    assert_eq!((host.metrics.of(MetricName::InboundRequests), host.metrics.of(MetricName::InboundEvents)), (1, 1));
}
