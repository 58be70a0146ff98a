//! Events that a strategy raises in a send.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use zengine_connector::{
    Event, Identity, OutboundMessage, Outcome, SendOptions,
    ids::CorrelationId,
    message::{EventSource, SessionChange},
    orchestrator::{InboundSettings, Replayed},
    runtime::Clock,
    store::Memory,
};

use crate::{
    host::{Do, Host, id, message, payload, request},
    log::Log,
    strategies::TRACE,
};

/// A send that opens a life of the conversation `c`.
async fn open(host: &Host, generation: u32) -> Outcome {
    let to = Identity::opaque("acme", "visitor").unwrap();
    let options = SendOptions::new().correlation_id(CorrelationId::new("req-1").unwrap()).traceparent(TRACE);
    let message = OutboundMessage::text(to, format!("open {generation}"));
    host.orchestrator.send_with(&id("one"), "acme-both", &*format!("m-{generation}"), &message, options).await.unwrap()
}

async fn settle(host: &Host) {
    host.clock.advance(Duration::from_millis(10)).await;
}

async fn kept(host: &Host) -> usize {
    let page = host.memory.sessions().list(None, 100).await.unwrap();
    page.sessions.iter().filter(|session| session.key.starts_with("core:raised/")).count()
}

#[tokio::test(start_paused = true)]
async fn rule_88_a_raised_event_reaches_the_handler_once_per_life_and_change() {
    let host = Host::new();
    for (generation, told) in [(1, 1), (2, 2)] {
        assert!(matches!(open(&host, generation).await, Outcome::Delivered(_)));
        settle(&host).await;
        assert_eq!((host.seen.count(), kept(&host).await), (told, 0));
    }
    let event = host.seen.events.lock().unwrap()[0].clone();
    let Event::Session(change) = &event.event else { panic!("{event:?}") };
    assert_eq!((change.change, event.source), (SessionChange::Started, EventSource::Local));
    assert_eq!(event.conversation.as_ref().map(ToString::to_string).as_deref(), Some("c"));
    assert_eq!(event.from, Identity::opaque("acme", "visitor").unwrap().into());
    // Stored as any event.
    let read: zengine_connector::InboundEvent = serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap();
    assert_eq!(read.id, event.id);
}

/// A provider's id of a message may be one that its sender chose.
#[tokio::test(start_paused = true)]
async fn rule_88_an_event_of_a_provider_cannot_take_the_place_of_a_raised_one() {
    let host = Host::new();
    let request = request("/one").extension(CorrelationId::new("req-1").unwrap()).header("traceparent", TRACE);
    let body = payload(&[message("local|c|1|started", "c", "hello")]);
    let received = host.receive("acme-both", request.body(body).unwrap()).await;
    assert_eq!((received.accepted, host.seen.count()), (1, 1));
    assert!(matches!(open(&host, 1).await, Outcome::Delivered(_)));
    settle(&host).await;
    assert_eq!(host.seen.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_88_what_the_handler_does_not_store_is_a_letter_that_can_be_replayed() {
    let host = Host::new();
    host.on("started", Do::NotStored);
    assert!(matches!(open(&host, 1).await, Outcome::Delivered(_)));
    settle(&host).await;
    let letters = host.letters().await;
    assert_eq!((letters.len(), kept(&host).await), (1, 0));
    host.heal();
    assert_eq!(host.orchestrator.replay(letters[0].0.failure_id.clone()).await.unwrap(), Replayed::Stored);
    assert_eq!((host.seen.count(), host.letters().await.len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn rule_88_an_event_of_a_process_that_died_is_handed_over_by_the_next_one() {
    let memory = Memory::new();
    let first = Host::over(memory.clone(), InboundSettings::default(), true);
    // Its tasks never run.
    first.faults.refused_task.store(usize::MAX, SeqCst);
    assert!(matches!(open(&first, 1).await, Outcome::Delivered(_)));
    assert_eq!((first.seen.count(), kept(&first).await), (0, 1));
    let second = Host::over(memory, InboundSettings::default(), true);
    let swept = second.orchestrator.sweep_raised(None, 100).await.unwrap();
    assert_eq!((swept.done, swept.waiting, swept.next), (1, 0, None));
    assert_eq!((second.seen.count(), kept(&second).await), (1, 0));
    assert_eq!(second.orchestrator.sweep_raised(None, 100).await.unwrap().done, 0);
}

#[tokio::test(start_paused = true)]
async fn rule_88_a_store_that_is_away_neither_fails_the_send_nor_loses_the_event() {
    let host = Host::new();
    Host::fault(&host.faults.sessions_down, true);
    Host::fault(&host.faults.claims_down, true);
    assert!(matches!(open(&host, 1).await, Outcome::Delivered(_)));
    settle(&host).await;
    assert_eq!(host.seen.count(), 0);
    Host::fault(&host.faults.sessions_down, false);
    Host::fault(&host.faults.claims_down, false);
    host.clock.advance(Duration::from_secs(2)).await;
    assert_eq!(host.seen.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_88_a_host_without_a_handler_keeps_none() {
    let (host, log) = (Host::with(InboundSettings::default(), false), Log::default());
    let listening = tracing::subscriber::set_default(log.clone());
    assert!(matches!(open(&host, 1).await, Outcome::Delivered(_)));
    settle(&host).await;
    drop(listening);
    assert_eq!((kept(&host).await, host.letters().await.len()), (0, 0));
    assert!(log.lines("canary-agent").is_empty());
}

#[tokio::test(start_paused = true)]
async fn rule_88_a_replayed_send_raises_nothing() {
    let host = Host::new();
    let _first = open(&host, 1).await;
    settle(&host).await;
    let Outcome::Delivered(again) = open(&host, 1).await else { panic!("not delivered") };
    settle(&host).await;
    assert_eq!((again.replayed, host.seen.count()), (true, 1));
}

/// Sends that raise nothing but leave events of the conversations `c` and `d` as a process does that died, in this order.
async fn left(host: &Host, texts: &[&str]) {
    host.faults.refused_task.store(usize::MAX, SeqCst);
    for (n, text) in texts.iter().enumerate() {
        let message = OutboundMessage::text(Identity::opaque("acme", "visitor").unwrap(), *text);
        let options = SendOptions::new().correlation_id(CorrelationId::new("req-1").unwrap()).traceparent(TRACE);
        let sent = host.orchestrator.send_with(&id("one"), "acme-both", &*format!("left-{n}"), &message, options).await.unwrap();
        assert!(matches!(sent, Outcome::Delivered(_)));
    }
}

/// The conversations and changes that the handler got, in order.
fn handed(host: &Host) -> Vec<(String, &'static str)> {
    let of = |event: &zengine_connector::InboundEvent| {
        let Event::Session(change) = &event.event else { panic!("{event:?}") };
        (event.conversation.as_ref().unwrap().to_string(), change.change.as_str())
    };
    host.seen.events.lock().unwrap().iter().map(of).collect()
}

#[tokio::test(start_paused = true)]
async fn rule_88_a_sweep_of_sends_hands_over_what_is_left_in_the_order_of_each_conversation() {
    let memory = Memory::new();
    left(&Host::over(memory.clone(), InboundSettings::default(), true), &["c queued", "d queued", "c started", "c transferred", "c ended"])
        .await;
    let second = Host::over(memory, InboundSettings::default(), true);
    let swept = second.orchestrator.sweep(None, 100).await.unwrap();
    assert_eq!((swept.raised, swept.raised_waiting, swept.next), (5, 0, None));
    let of_c: Vec<_> = handed(&second).into_iter().filter(|(conversation, _)| conversation == "c").map(|(_, change)| change).collect();
    assert_eq!(of_c, ["queued", "started", "transferred", "ended"]);
    assert_eq!((handed(&second).len(), kept(&second).await), (5, 0));
}

#[tokio::test(start_paused = true)]
async fn rule_88_a_handler_that_hangs_holds_up_its_conversation_alone() {
    let memory = Memory::new();
    left(&Host::over(memory.clone(), InboundSettings::default(), true), &["c queued", "c started", "d transferred"]).await;
    let second = Host::over(memory, InboundSettings::default(), true);
    second.on("queued", Do::Gate);
    let began = second.clock.now();
    let swept = second.orchestrator.sweep(None, 2).await.unwrap();
    assert!(second.clock.now().duration_since(began).unwrap() < Duration::from_secs(11));
    assert_eq!((swept.raised, swept.raised_waiting), (1, 2));
    assert!(!handed(&second).contains(&("c".to_owned(), "started")), "an event overtook an earlier one");
}

/// Sends that raise events, which are handed over.
async fn raise(host: &Host, texts: &[&str]) {
    for text in texts {
        let message = OutboundMessage::text(Identity::opaque("acme", "visitor").unwrap(), *text);
        let options = SendOptions::new().correlation_id(CorrelationId::new("req-1").unwrap()).traceparent(TRACE);
        let sent = host.orchestrator.send_with(&id("one"), "acme-both", &*text.replace(' ', "-"), &message, options).await.unwrap();
        assert!(matches!(sent, Outcome::Delivered(_)));
    }
}

#[tokio::test(start_paused = true)]
async fn rule_88_raised_events_of_a_conversation_wait_for_the_one_before() {
    let host = Host::new();
    host.on("queued", Do::Slow(Duration::from_secs(5)));
    raise(&host, &["c queued", "c started", "d transferred"]).await;
    settle(&host).await;
    assert_eq!(handed(&host), [("c".to_owned(), "queued"), ("d".to_owned(), "transferred")]);
    host.clock.advance(Duration::from_secs(6)).await;
    assert_eq!(handed(&host).last(), Some(&("c".to_owned(), "started")));
    assert_eq!(kept(&host).await, 0);
}

#[tokio::test(start_paused = true)]
async fn rule_88_a_store_that_is_away_for_long_lets_no_event_overtake() {
    let host = Host::new();
    Host::fault(&host.faults.claims_down, true);
    raise(&host, &["c queued"]).await;
    host.clock.advance(Duration::from_secs(600)).await;
    Host::fault(&host.faults.claims_down, false);
    raise(&host, &["c started"]).await;
    settle(&host).await;
    assert_eq!(host.seen.count(), 0);
    host.clock.advance(Duration::from_secs(300)).await;
    assert_eq!(handed(&host), [("c".to_owned(), "queued"), ("c".to_owned(), "started")]);
}

#[tokio::test(start_paused = true)]
async fn rule_88_an_event_that_waits_holds_no_host() {
    let host = Host::new();
    Host::fault(&host.faults.claims_down, true);
    raise(&host, &["c queued"]).await;
    host.clock.advance(Duration::from_secs(30)).await;
    let Host { orchestrator, seen, .. } = host;
    drop(orchestrator);
    assert_eq!(std::sync::Arc::strong_count(&seen), 1, "the handler, and with it the stores, are held");
}

#[tokio::test(start_paused = true)]
async fn rule_88_an_event_whose_send_is_dropped_in_the_write_is_handed_over() {
    let host = Host::new();
    Host::fault(&host.faults.session_writes_hang, true);
    let orchestrator = host.orchestrator.clone();
    let sending = tokio::spawn(async move {
        let message = OutboundMessage::text(Identity::opaque("acme", "visitor").unwrap(), "c queued");
        orchestrator.send_with(&id("one"), "acme-both", "m-1", &message, SendOptions::new()).await.map(drop)
    });
    settle(&host).await;
    sending.abort();
    let _ = sending.await;
    Host::fault(&host.faults.session_writes_hang, false);
    settle(&host).await;
    assert_eq!(handed(&host), [("c".to_owned(), "queued")]);
}

#[tokio::test(start_paused = true)]
async fn rule_88_raised_events_take_no_place_of_a_request() {
    let host = Host::with(InboundSettings { max_requests: 1, ..InboundSettings::default() }, true);
    host.on("queued", Do::Gate);
    raise(&host, &["c queued", "d queued"]).await;
    settle(&host).await;
    assert_eq!(host.seen.count(), 2);
    let request = request("/one").extension(CorrelationId::new("req-1").unwrap()).header("traceparent", TRACE);
    let received = host.receive("acme-both", request.body(payload(&[message("1", "x", "hello")])).unwrap()).await;
    assert_eq!(received.accepted, 1);
    host.seen.gate.notify_waiters();
}

#[tokio::test(start_paused = true)]
async fn rule_88_a_clock_that_is_set_back_changes_no_order() {
    let memory = Memory::new();
    let first = Host::over(memory.clone(), InboundSettings::default(), true);
    left(&first, &["c queued"]).await;
    first.clock.jump_ms(-60_000);
    left(&first, &["c queued", "c started"]).await;
    let second = Host::over(memory, InboundSettings::default(), true);
    assert_eq!(second.orchestrator.sweep_raised(None, 100).await.unwrap().done, 2);
    assert_eq!(handed(&second), [("c".to_owned(), "queued"), ("c".to_owned(), "started")]);
}

#[tokio::test(start_paused = true)]
async fn rule_88_a_sweep_leaves_what_was_raised_since_it_began_to_its_process() {
    let memory = Memory::new();
    let first = Host::over(memory.clone(), InboundSettings::default(), true);
    first.clock.advance(Duration::from_secs(1)).await;
    left(&first, &["c queued"]).await;
    let second = Host::over(memory, InboundSettings::default(), true);
    assert_eq!(second.orchestrator.sweep_raised(None, 100).await.unwrap().done, 0);
    second.clock.advance(Duration::from_secs(1)).await;
    assert_eq!(second.orchestrator.sweep_raised(None, 100).await.unwrap().done, 1);
}

#[tokio::test(start_paused = true)]
async fn rule_88_a_sweep_of_more_than_a_thousand_begins_with_the_oldest() {
    let memory = Memory::new();
    let texts: Vec<_> = (1..=1_100).map(|n| format!("c transferred {n}")).collect();
    left(&Host::over(memory.clone(), InboundSettings::default(), true), &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let second = Host::over(memory, InboundSettings::default(), true);
    let mut after = None;
    loop {
        let swept = second.orchestrator.sweep_raised(after.as_deref(), 100).await.unwrap();
        after = swept.next;
        if after.is_none() {
            break;
        }
    }
    let lives: Vec<_> = second.seen.events.lock().unwrap().iter().map(life).collect();
    assert!(lives.len() >= 1_000 && lives.iter().enumerate().all(|(n, life)| *life == n + 1), "{lives:?}");
}

/// The number of the life that an event is raised of.
fn life(event: &zengine_connector::InboundEvent) -> usize {
    let Event::Session(change) = &event.event else { panic!("{event:?}") };
    change.participant.as_ref().unwrap().name.as_ref().unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn rule_88_a_sweep_whose_second_part_fails_tells_what_the_first_did_and_comes_again() {
    let memory = Memory::new();
    left(&Host::over(memory.clone(), InboundSettings::default(), true), &["c queued"]).await;
    let second = Host::over(memory, InboundSettings::default(), true);
    Host::fault(&second.faults.session_lists_down, true);
    let swept = second.orchestrator.sweep(None, 100).await.unwrap();
    assert!(second.orchestrator.sweep(swept.next.as_deref(), 100).await.is_err());
    Host::fault(&second.faults.session_lists_down, false);
    let swept = second.orchestrator.sweep(swept.next.as_deref(), 100).await.unwrap();
    assert_eq!((swept.raised, swept.next), (1, None));
}

#[tokio::test(start_paused = true)]
async fn rule_88_an_event_whose_record_is_over_is_removed_with_a_line() {
    let (memory, log) = (Memory::new(), Log::default());
    let first = Host::over(memory.clone(), InboundSettings::default(), true);
    left(&first, &["c queued"]).await;
    let second = Host::over(memory, InboundSettings::default(), true);
    second.clock.advance(InboundSettings::default().keep + Duration::from_secs(1)).await;
    let listening = tracing::subscriber::set_default(log.clone());
    let swept = second.orchestrator.sweep_raised(None, 100).await.unwrap();
    drop(listening);
    assert_eq!((swept.done, swept.expired, second.seen.count(), kept(&second).await), (0, 1, 0, 0));
    assert_eq!(log.lines("event.raised_expired").len(), 1);
}
