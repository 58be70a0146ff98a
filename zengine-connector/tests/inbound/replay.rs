//! Inbound dead letters are replayed: the handler gets what was kept, once.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};
use zengine_connector::{
    ErrorKind, FailureId,
    ids::RouteKey,
    message::{EventSource, Participant, Role},
    orchestrator::{Ack, InboundSettings, Replayed},
    store::{ClaimKey, DeadLetter, InboundOp, InboundStatus, TenantRow},
};

use crate::{
    host::{Do, Host, counts, id, message, name, payload, request},
    log::Log,
};

/// The only letter.
async fn letter(host: &Host) -> (DeadLetter, Value) {
    let mut letters = host.letters().await;
    assert_eq!(letters.len(), 1);
    letters.remove(0)
}

/// A message whose route leads to a phone.
fn to_phone(event: &str, phone: &str, text: &str) -> Value {
    json!({ "routes": [["phone", phone]], "id": event, "conversation": "a", "text": text })
}

/// Gives the tenant `four` the phone, as an operator does; the answers of the directory before that are no longer cached.
async fn configure(host: &Host, phone: &str) {
    let row = TenantRow::new(json!({})).with_routes([RouteKey::new("phone", phone)]);
    host.memory.put_tenant(&id("four"), &name("acme-shared"), row);
    host.clock.advance(Duration::from_secs(600)).await;
}

async fn replay(host: &Host, failure: &FailureId) -> Replayed {
    host.orchestrator.replay(failure).await.unwrap()
}

/// A host whose handler refused one message for good, and the id of the letter.
async fn a_poison() -> (Host, FailureId, Bytes) {
    let host = Host::new();
    host.on("bad", Do::Poison);
    let body = payload(&[message("1", "a", "bad")]);
    assert_eq!(counts(&host.shared(body.clone()).await), (0, 1, 0));
    let failure = letter(&host).await.0.failure_id;
    (host, failure, body)
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_replay_hands_the_event_to_the_handler_and_removes_the_letter() {
    let (host, failure, body) = a_poison().await;
    host.heal();
    assert_eq!(replay(&host, &failure).await, Replayed::Stored);
    assert!(host.letters().await.is_empty());
    let events = host.seen.events.lock().unwrap().clone();
    assert_eq!((events.len(), &events[0]), (2, &events[1]), "the same event with the same id and bytes");
    // A redelivery finds it stored.
    assert_eq!(counts(&host.shared(body).await), (1, 0, 0));
    assert_eq!(host.seen.count(), 2);
    let error = host.orchestrator.replay(&failure).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MessageInvalid);
}

#[tokio::test(start_paused = true)]
async fn rule_84_what_a_replay_does_not_store_stays_in_its_letter() {
    for (todo, result) in [(Do::Poison, "poison"), (Do::NotStored, "not_stored"), (Do::Panic, "not_stored")] {
        let (host, failure, _) = a_poison().await;
        let before = letter(&host).await;
        host.on("bad", todo);
        for _ in 0..2 {
            let replayed = replay(&host, &failure).await;
            assert_eq!((replayed.as_str(), replayed.is_done()), (result, false));
            assert_eq!(letter(&host).await, before);
        }
        assert_eq!(host.seen.count(), 3);
        host.heal();
        assert_eq!(replay(&host, &failure).await, Replayed::Stored);
        assert!(host.letters().await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn the_line_of_a_replay_that_is_still_poison_names_its_letter() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let (host, failure, _) = a_poison().await;
    assert_eq!(replay(&host, &failure).await, Replayed::Poison(failure.clone()));
    let lines = log.lines("inbound.still_poison");
    assert!(lines.len() == 1 && lines[0].contains(failure.as_str()) && lines[0].contains("record="), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_replay_whose_caller_went_away_has_its_line() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let (host, failure, _) = a_poison().await;
    host.on("bad", Do::Slow(Duration::from_secs(5)));
    assert!(tokio::time::timeout(Duration::from_secs(1), host.orchestrator.replay(&failure)).await.is_err());
    let lines = log.lines("inbound.replayed");
    assert!(lines.len() == 1 && lines[0].contains(failure.as_str()) && lines[0].contains("dropped"), "{lines:?}");
    host.clock.advance(Duration::from_secs(600)).await;
    host.heal();
    assert_eq!(replay(&host, &failure).await, Replayed::Settled);
}

/// A queue's consumer keeps its message after poison; a letter put each time would double the queue.
#[tokio::test(start_paused = true)]
async fn a_replay_of_a_letter_in_hand_neither_stores_nor_removes_a_letter() {
    let (host, failure, _) = a_poison().await;
    let (letter, _) = letter(&host).await;
    Host::fault(&host.faults.dead_letters_down, true);
    assert_eq!(host.orchestrator.replay_letter(&letter).await.unwrap(), Replayed::Poison(failure));
    host.heal();
    assert_eq!(host.orchestrator.replay_letter(&letter).await.unwrap(), Replayed::Stored);
    assert_eq!(host.orchestrator.replay_letter(&letter).await.unwrap(), Replayed::Settled);
    assert_eq!((host.seen.count(), host.letters().await.len()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn rule_84_of_two_replays_at_once_one_hands_the_event_over() {
    let (host, failure, body) = a_poison().await;
    host.on("bad", Do::Gate);
    let first = {
        let (orchestrator, failure) = (host.orchestrator.clone(), failure.clone());
        tokio::spawn(async move { orchestrator.replay(&failure).await.unwrap() })
    };
    while host.seen.count() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(replay(&host, &failure).await, Replayed::NotStored);
    // Neither does a redelivery double it: the provider is to come again.
    let received = host.shared(body.clone()).await;
    assert_eq!((received.ack, counts(&received)), (Ack::Redeliver, (0, 0, 1)));
    assert_eq!(host.letters().await.len(), 1);
    host.seen.gate.notify_one();
    assert_eq!(first.await.unwrap(), Replayed::Stored);
    assert_eq!(counts(&host.shared(body).await), (1, 0, 0));
    assert_eq!((host.seen.count(), host.letters().await.len()), (2, 0));
}

/// The caller of a replay goes away: the handler goes on, and the next replay finds the event settled.
#[tokio::test(start_paused = true)]
async fn rule_84_a_dropped_replay_goes_on_and_loses_nothing() {
    let (host, failure, _) = a_poison().await;
    host.on("bad", Do::Gate);
    tokio::select! {
        biased;
        replayed = host.orchestrator.replay(&failure) => panic!("it was not to end: {replayed:?}"),
        () = async {
            while host.seen.count() < 2 {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    host.seen.gate.notify_one();
    while host.seen.finished.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    let mut replayed = replay(&host, &failure).await;
    while replayed == Replayed::NotStored {
        tokio::task::yield_now().await;
        replayed = replay(&host, &failure).await;
    }
    assert_eq!((replayed, host.seen.count(), host.letters().await.len()), (Replayed::Settled, 2, 0));
}

/// A letter kept because the tenant was not configured yet reaches it once it is.
#[tokio::test(start_paused = true)]
async fn an_event_without_a_tenant_is_routed_again() {
    let host = Host::new();
    let body = payload(&[to_phone("canary-dedup", "canary-phone", "hello")]);
    assert_eq!(counts(&host.shared(body.clone()).await), (0, 1, 0));
    let (kept, content) = letter(&host).await;
    assert_eq!(kept.tenant.as_str(), DeadLetter::NO_TENANT);
    assert_eq!(content["routing"]["routes"], json!([{ "kind": "phone", "value": "canary-phone" }]));
    assert_eq!(content["routing"]["dedup"], "canary-dedup");
    let shown = format!("{} {kept:?}", serde_json::to_string(&kept).unwrap());
    assert!(!shown.contains("canary") && !shown.contains("hello"), "{shown}");

    assert_eq!(replay(&host, &kept.failure_id).await, Replayed::Poison(kept.failure_id.clone()));
    assert_eq!((host.seen.count(), letter(&host).await), (0, (kept.clone(), content)));
    configure(&host, "canary-phone").await;
    assert_eq!(replay(&host, &kept.failure_id).await, Replayed::Stored);
    assert!(host.letters().await.is_empty());
    let event = host.seen.events.lock().unwrap()[0].clone();
    assert_eq!((event.tenant.as_str(), event.received_at_ms <= kept.at_ms), ("four", true));
    // The claim is that of a delivery: the provider's redelivery is the same event.
    assert_eq!(counts(&host.shared(body).await), (1, 0, 0));
    assert_eq!(host.seen.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_without_a_key_of_its_own_is_the_same_in_its_letter() {
    let host = Host::new();
    let body = payload(&[to_phone("", "late", "hello")]);
    assert_eq!(counts(&host.shared(body.clone()).await), (0, 1, 0));
    configure(&host, "late").await;
    assert_eq!(replay(&host, &letter(&host).await.0.failure_id).await, Replayed::Stored);
    assert_eq!((counts(&host.shared(body).await), host.seen.count()), ((1, 0, 0), 1));
    let _ = host.shared(payload(&[to_phone("", "late", "hello again")])).await;
    assert_eq!(host.seen.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_replay_keeps_who_sent_the_event_its_number_and_its_origin() {
    let host = Host::new();
    let mut event = to_phone("1", "late", "hello");
    event["sender"] = json!({ "id": "a-1", "name": "Ana", "role": "agent" });
    (event["sequence"], event["source"]) = (json!(7), json!("local"));
    assert_eq!(counts(&host.shared(payload(&[event])).await), (0, 1, 0));
    let failure = letter(&host).await.0.failure_id;
    configure(&host, "late").await;
    assert_eq!(replay(&host, &failure).await, Replayed::Stored);
    let event = host.seen.events.lock().unwrap()[0].clone();
    let ana = Participant::new(Role::Agent).with_id("a-1").with_name("Ana");
    assert_eq!((event.sender, event.sequence, event.source), (Some(ana), Some(7), EventSource::Local));
}

/// A replay is deliberate: it does not take for an answer what another look-up of the same second remembers.
#[tokio::test(start_paused = true)]
async fn a_replay_finds_a_tenant_that_was_made_a_moment_ago() {
    let host = Host::new();
    let body = payload(&[to_phone("1", "new", "hello")]);
    for _ in 0..2 {
        assert_eq!(counts(&host.shared(body.clone()).await), (0, 1, 0));
    }
    let failure = letter(&host).await.0.failure_id;
    assert_eq!(replay(&host, &failure).await, Replayed::Poison(failure.clone()));
    let row = TenantRow::new(json!({})).with_routes([RouteKey::new("phone", "new")]);
    host.memory.put_tenant(&id("four"), &name("acme-shared"), row);
    assert_eq!(replay(&host, &failure).await, Replayed::Stored);
    assert_eq!((host.seen.count(), host.letters().await.len()), (1, 0));
    // What it found is remembered for deliveries too.
    assert_eq!(counts(&host.shared(payload(&[to_phone("2", "new", "again")])).await), (1, 0, 0));
}

/// The other way round: the provider delivered it again before anybody replayed the letter.
#[tokio::test(start_paused = true)]
async fn an_event_that_a_redelivery_brought_is_not_handed_over_again() {
    let host = Host::new();
    let body = payload(&[to_phone("", "late", "hello")]);
    assert_eq!(counts(&host.shared(body.clone()).await), (0, 1, 0));
    let failure = letter(&host).await.0.failure_id;
    configure(&host, "late").await;
    assert_eq!(counts(&host.shared(body).await), (1, 0, 0));
    assert_eq!(replay(&host, &failure).await, Replayed::Settled);
    assert_eq!((host.seen.count(), host.letters().await.len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_event_of_several_tenants_is_done_when_each_has_it() {
    let host = Host::new();
    let mut event = to_phone("1", "twice", "hello");
    assert_eq!(counts(&host.shared(payload(&[event.clone()])).await), (0, 1, 0));
    let ambiguous = letter(&host).await.0.failure_id;
    assert_eq!(replay(&host, &ambiguous).await, Replayed::Poison(ambiguous.clone()));
    host.memory.dead_letters().remove(&ambiguous).await.unwrap();

    event["routes"] = json!([["phone", "later"]]);
    event["fan_out"] = json!(true);
    event["id"] = json!("2");
    assert_eq!(counts(&host.shared(payload(&[event])).await), (0, 1, 0));
    let failure = letter(&host).await.0.failure_id;
    let row = TenantRow::new(json!({})).with_routes([RouteKey::new("phone", "later")]);
    host.memory.put_tenant(&id("two"), &name("acme-shared"), row);
    configure(&host, "later").await;
    host.on("hello", Do::NotStored);
    assert_eq!(replay(&host, &failure).await, Replayed::NotStored);
    assert_eq!((host.seen.count(), host.letters().await.len()), (2, 1));
    host.heal();
    assert_eq!(replay(&host, &failure).await, Replayed::Stored);
    let tenants: std::collections::BTreeSet<_> = host.seen.events.lock().unwrap().iter().map(|event| event.tenant.to_string()).collect();
    assert_eq!((tenants.into_iter().collect::<Vec<_>>(), host.letters().await.len()), (vec!["four".to_owned(), "two".to_owned()], 0));
}

/// A tenant that cannot be bound at present does not turn the event into poison.
#[tokio::test(start_paused = true)]
async fn an_event_of_a_broken_tenant_waits_until_it_is_mended() {
    let host = Host::new();
    assert_eq!(counts(&host.shared(payload(&[to_phone("1", "broken", "hello")])).await), (0, 1, 0));
    let failure = letter(&host).await.0.failure_id;
    assert_eq!(replay(&host, &failure).await, Replayed::NotStored);
    host.memory.put_tenant(&id("broken"), &name("acme-shared"), json!({}));
    host.clock.advance(Duration::from_secs(600)).await;
    assert_eq!(replay(&host, &failure).await, Replayed::Stored);
    assert_eq!((host.seen.count(), host.letters().await.len()), (1, 0));
}

/// A fixed release reads what its predecessor panicked over.
#[tokio::test(start_paused = true)]
async fn a_payload_that_could_not_be_read_is_read_again() {
    let host = Host::new();
    host.flaky.store(true, SeqCst);
    // Space around the list: the exact bytes are kept.
    let mut body = b"\n".to_vec();
    body.extend_from_slice(&payload(&[message("1", "a", "one"), message("2", "b", "two"), json!(7)]));
    body.push(b'\n');
    let body = Bytes::from(body);
    let deliver = || host.receive("acme-flaky", request("/").body(body.clone()).unwrap());
    assert_eq!(counts(&deliver().await), (0, 1, 0));
    let (kept, content) = letter(&host).await;
    let bytes = content["raw_base64"].as_str().expect("bytes that JSON would trim");
    assert_eq!(base64::Engine::decode(&base64::engine::general_purpose::STANDARD, bytes).unwrap(), body);
    assert_eq!(replay(&host, &kept.failure_id).await, Replayed::Poison(kept.failure_id.clone()));

    host.flaky.store(false, SeqCst);
    // Its two events are handed over; the bad element stays where it is.
    for _ in 0..2 {
        assert_eq!(replay(&host, &kept.failure_id).await, Replayed::Poison(kept.failure_id.clone()));
        assert_eq!((host.seen.count(), host.letters().await.len()), (2, 1));
    }
    let mut texts = host.seen.texts();
    texts.sort();
    assert_eq!(texts, ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn a_payload_of_good_elements_leaves_no_letter() {
    let host = Host::new();
    host.flaky.store(true, SeqCst);
    let empty = request("/").body(Bytes::from_static(b"[]")).unwrap();
    let full = request("/").body(payload(&[message("1", "a", "one")])).unwrap();
    assert_eq!(counts(&host.receive("acme-flaky", empty).await), (0, 1, 0));
    let nothing = letter(&host).await.0.failure_id;
    host.flaky.store(false, SeqCst);
    // Without an event there is no proof that anything is stored.
    assert_eq!(replay(&host, &nothing).await, Replayed::Poison(nothing.clone()));
    host.memory.dead_letters().remove(&nothing).await.unwrap();

    host.flaky.store(true, SeqCst);
    assert_eq!(counts(&host.receive("acme-flaky", full).await), (0, 1, 0));
    host.flaky.store(false, SeqCst);
    assert_eq!(replay(&host, &letter(&host).await.0.failure_id).await, Replayed::Stored);
    assert_eq!((host.seen.texts(), host.letters().await.len()), (vec!["one".to_owned()], 0));
}

/// An element lacks the rest of its payload.
#[tokio::test(start_paused = true)]
async fn an_element_is_kept_for_export_and_says_so() {
    let host = Host::new();
    assert_eq!(counts(&host.shared(payload(&[json!("canary-element")])).await), (0, 1, 0));
    let (kept, content) = letter(&host).await;
    let error = host.orchestrator.replay(&kept.failure_id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("export") && !format!("{error} {error:?}").contains("canary"), "{error}");
    assert_eq!(letter(&host).await, (kept, content));
}

/// Stores that do not answer lose no event and hand none over twice.
#[tokio::test(start_paused = true)]
async fn a_replay_survives_its_stores() {
    let (host, failure, _) = a_poison().await;
    host.heal();
    Host::fault(&host.faults.claims_down, true);
    assert_eq!(replay(&host, &failure).await, Replayed::NotStored);
    Host::fault(&host.faults.claims_down, false);
    host.faults.lose_claim_answers.store(1, SeqCst);
    assert_eq!(replay(&host, &failure).await, Replayed::NotStored);
    assert_eq!((host.seen.count(), host.letters().await.len()), (1, 1));
    assert_eq!(replay(&host, &failure).await, Replayed::Stored);
    assert_eq!((host.seen.count(), host.letters().await.len()), (2, 0));

    // The directory does not answer.
    assert_eq!(counts(&host.shared(payload(&[to_phone("9", "late", "hello")])).await), (0, 1, 0));
    let failure = letter(&host).await.0.failure_id;
    configure(&host, "late").await;
    Host::fault(&host.faults.routes_down, true);
    assert_eq!(replay(&host, &failure).await, Replayed::NotStored);
    Host::fault(&host.faults.routes_down, false);
    assert_eq!(replay(&host, &failure).await, Replayed::Stored);
}

/// A replay that crashed leaves its claim; the next one waits for its lease.
#[tokio::test(start_paused = true)]
async fn rule_84_a_crashed_replay_is_taken_over() {
    let (host, failure, _) = a_poison().await;
    let event = host.seen.events.lock().unwrap()[0].clone();
    let key = ClaimKey::inbound(&event.tenant, &event.strategy, &event.dedupe_key);
    let claims = host.memory.claims();
    let now_ms = zengine_connector::runtime::to_ms(zengine_connector::runtime::Clock::now(&*host.clock));
    let lease = zengine_connector::store::Lease {
        owner: zengine_connector::store::OwnerToken::new([7; 16]),
        boot: None,
        until_ms: now_ms + 60_000,
    };
    let claimed = claims.apply_inbound(&key, &InboundOp::Replay { lease, fingerprint: None, ttl_s: 86_400 }, None, now_ms).await.unwrap();
    assert_eq!((claimed.done, claimed.record.unwrap().status), (true, InboundStatus::Claimed));
    host.heal();
    assert_eq!(replay(&host, &failure).await, Replayed::NotStored);
    host.clock.advance(Duration::from_secs(61)).await;
    assert_eq!(replay(&host, &failure).await, Replayed::Stored);
    assert_eq!((host.seen.count(), host.letters().await.len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn letters_that_cannot_be_replayed_are_refused_with_a_reason() {
    let (host, _, _) = a_poison().await;
    let (kept, _) = letter(&host).await;
    let mut newer = kept.clone();
    newer.v = 2;
    assert_eq!(host.orchestrator.replay_letter(&newer).await.unwrap_err().kind(), ErrorKind::Corrupt);
    let mut stolen = kept.clone();
    stolen.tenant = id("two");
    assert_eq!(host.orchestrator.replay_letter(&stolen).await.unwrap_err().kind(), ErrorKind::Corrupt);
    let mut elsewhere = kept.clone();
    elsewhere.strategy = name("absent");
    assert_eq!(host.orchestrator.replay_letter(&elsewhere).await.unwrap_err().kind(), ErrorKind::UnknownStrategy);
    let deaf = Host::with(InboundSettings::default(), false);
    assert_eq!(deaf.orchestrator.replay_letter(&kept).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(host.seen.count(), 1);
    // A host that shuts down hands nothing over and keeps the letter.
    host.heal();
    host.orchestrator.shutdown(Duration::from_secs(1)).await;
    assert_eq!(replay(&host, &kept.failure_id).await, Replayed::NotStored);
    assert_eq!((host.seen.count(), host.letters().await.len()), (1, 1));
}

/// A customer may bear the name under which the events of nobody are kept. What it sends for another stays its own.
#[tokio::test(start_paused = true)]
async fn rule_84_a_tenant_named_like_nobody_replays_nothing_to_another() {
    let host = Host::new();
    let row = TenantRow::new(json!({})).with_routes([RouteKey::new("url_token", "none")]);
    host.memory.put_tenant(&id(DeadLetter::NO_TENANT), &name("acme-hook"), row);
    let foreign = json!({ "routes": [["phone", "two"]], "id": "1", "conversation": "a", "text": "forged" });
    let received = host.receive("acme-hook", request("/hook/none").body(payload(&[foreign])).unwrap()).await;
    assert_eq!(counts(&received), (0, 1, 0));
    let failure = letter(&host).await.0.failure_id;
    assert_eq!(replay(&host, &failure).await, Replayed::Poison(failure));
    assert_eq!((host.seen.count(), host.letters().await.len()), (0, 1));
}

/// Who can write to a queue cannot hand one tenant's event to another.
#[tokio::test(start_paused = true)]
async fn rule_84_a_letter_changed_in_a_queue_is_refused() {
    let (host, ..) = a_poison().await;
    let (kept, _) = letter(&host).await;
    host.heal();
    let (mut moved, mut renamed) = (kept.clone(), kept.clone());
    moved.tenant = id("two");
    renamed.failure_id = FailureId::new("other").unwrap();
    for letter in [moved, renamed] {
        assert_eq!(host.orchestrator.replay_letter(&letter).await.unwrap_err().kind(), ErrorKind::Corrupt);
    }
    assert_eq!(host.seen.count(), 1);
    assert_eq!(host.orchestrator.replay_letter(&kept).await.unwrap(), Replayed::Stored);
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_replay_whose_key_is_another_event_s_by_now_is_handled_under_its_own() {
    let host = Host::new();
    let worded = |text: &str| {
        let mut event = to_phone("1", "lost", text);
        event["same"] = json!([1, text]);
        payload(&[event])
    };
    assert_eq!(counts(&host.shared(worded("first")).await), (0, 1, 0));
    let failure = letter(&host).await.0.failure_id;
    configure(&host, "lost").await;
    assert_eq!(counts(&host.shared(worded("other")).await), (1, 0, 0));
    assert_eq!(replay(&host, &failure).await, Replayed::Stored);
    assert_eq!((host.seen.texts(), host.letters().await.len()), (vec!["other".to_owned(), "first".to_owned()], 0));
    let events = host.seen.events.lock().unwrap();
    assert_ne!(events[0].id, events[1].id);
}
