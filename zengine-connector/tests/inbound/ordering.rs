//! Rule 84: claims, order, redelivery.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use bytes::Bytes;
use zengine_connector::{
    message::DedupeKey,
    orchestrator::{Ack, InboundSettings},
    store::{ClaimKey, InboundOp, Lease, OwnerToken},
    testing::SimClock,
};

use crate::host::{Do, Host, counts, id, message, name, payload};

#[tokio::test(start_paused = true)]
async fn rule_84_what_is_stored_is_answered_200_and_does_not_run_again() {
    let host = Host::new();
    let body = payload(&[message("1", "a", "hello"), message("2", "b", "world")]);
    for _ in 0..3 {
        let received = host.shared(body.clone()).await;
        assert_eq!((received.ack, received.response.status().as_u16(), counts(&received)), (Ack::Done, 200, (2, 0, 0)));
    }
    assert_eq!(host.seen.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_84_after_eight_days_a_stored_event_is_still_known_and_then_forgotten() {
    let host = Host::new();
    let body = payload(&[message("1", "a", "hello")]);
    let _ = host.shared(body.clone()).await;
    host.clock.advance(Duration::from_secs(8 * 86_400 - 1)).await;
    let _ = host.shared(body.clone()).await;
    assert_eq!(host.seen.count(), 1);
    host.clock.advance(Duration::from_secs(1)).await;
    let _ = host.shared(body).await;
    assert_eq!(host.seen.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_live_claim_answers_503_and_never_200() {
    let host = Arc::new(Host::new());
    host.on("slow", Do::Gate);
    let body = payload(&[message("1", "a", "slow")]);
    let first = tokio::spawn({
        let (host, body) = (Arc::clone(&host), body.clone());
        async move { host.shared(body).await }
    });
    while host.seen.count() == 0 {
        tokio::task::yield_now().await;
    }
    let meanwhile = host.shared(body.clone()).await;
    assert_eq!((meanwhile.ack, meanwhile.response.status().as_u16(), counts(&meanwhile)), (Ack::Redeliver, 503, (0, 0, 1)));
    host.seen.gate.notify_one();
    assert_eq!(first.await.unwrap().ack, Ack::Done);
    assert_eq!(host.shared(body).await.ack, Ack::Done);
    assert_eq!(host.seen.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_handler_that_runs_longer_than_the_lease_keeps_its_claim() {
    a_long_handler_keeps_its_claim(Host::new()).await;
}

/// A handler runs for ten minutes, and every redelivery meanwhile is answered as one to come again.
async fn a_long_handler_keeps_its_claim(host: Host) {
    let host = Arc::new(host);
    host.on("slow", Do::Slow(Duration::from_secs(600)));
    let body = payload(&[message("1", "a", "slow")]);
    let first = tokio::spawn({
        let (host, body) = (Arc::clone(&host), body.clone());
        async move { host.shared(body).await }
    });
    for _ in 0..9 {
        host.clock.advance(Duration::from_secs(65)).await;
        assert_eq!(host.shared(body.clone()).await.ack, Ack::Redeliver);
    }
    assert_eq!(first.await.unwrap().ack, Ack::Done);
    assert_eq!(host.seen.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_84_the_claim_of_a_process_that_died_is_taken_over_after_its_lease() {
    let host = Host::new();
    let (tenant, strategy) = (id("one"), name("acme-shared"));
    let now_ms = SimClock::EPOCH_MS;
    let lease = Lease { owner: OwnerToken::named("another process"), boot: None, until_ms: now_ms + 60_000 };
    let key = ClaimKey::inbound(&tenant, &strategy, &DedupeKey::of(&tenant, &strategy, "1"));
    let claimed = host
        .memory
        .claims()
        .apply_inbound(&key, &InboundOp::Claim { lease, fingerprint: None, ttl_s: 86_400 }, None, now_ms)
        .await
        .unwrap();
    assert!(claimed.done);

    let body = payload(&[message("1", "a", "hello")]);
    host.clock.advance(Duration::from_secs(60)).await;
    assert_eq!(host.shared(body.clone()).await.ack, Ack::Redeliver);
    host.clock.advance(Duration::from_millis(1)).await;
    assert_eq!(host.shared(body).await.ack, Ack::Done);
    assert_eq!(host.seen.count(), 1);
}

/// The clocks of two processes may differ by 2 s.
#[tokio::test(start_paused = true)]
async fn rule_84_a_process_whose_clock_is_ahead_begins_no_second_handler_within_the_lease() {
    let host = Arc::new(Host::new());
    host.on("slow", Do::Gate);
    let body = payload(&[message("1", "a", "slow")]);
    let first = tokio::spawn({
        let (host, body) = (Arc::clone(&host), body.clone());
        async move { host.shared(body).await }
    });
    host.clock.advance(Duration::from_millis(1)).await;
    let pass_without_renewals = async |time| {
        Host::fault(&host.faults.claims_down, true);
        host.clock.advance(Duration::from_millis(time)).await;
        Host::fault(&host.faults.claims_down, false);
    };
    // The lease is over for the clock of its owner, and as late as now for one that is 2 s behind.
    pass_without_renewals(61_500).await;
    let answered = tokio::time::timeout(Duration::from_secs(1), host.shared(body.clone())).await;
    assert_eq!((answered.expect("no second handler begins").ack, host.seen.count()), (Ack::Redeliver, 1));
    pass_without_renewals(1_000).await;
    let (second, ()) = futures_util::future::join(host.shared(body), async {
        host.clock.advance(Duration::from_millis(1)).await;
        host.seen.gate.notify_waiters();
    })
    .await;
    assert_eq!((second.ack, host.seen.count()), (Ack::Done, 2));
    drop(first.await.unwrap());
}

/// `keep` is as short as it may be: the record of a handler that runs longer does not expire.
#[tokio::test(start_paused = true)]
async fn rule_84_a_handler_that_runs_longer_than_keep_keeps_its_claim() {
    let settings = InboundSettings { lease: Duration::from_secs(60), keep: Duration::from_secs(62), ..InboundSettings::default() };
    a_long_handler_keeps_its_claim(Host::with(settings, true)).await;
}

#[tokio::test(start_paused = true)]
async fn rule_14_a_claim_whose_answer_was_lost_does_not_block_the_redelivery() {
    let host = Host::new();
    host.faults.lose_claim_answers.store(1, SeqCst);
    let body = payload(&[message("1", "a", "hello")]);
    assert_eq!(counts(&host.shared(body.clone()).await), (0, 0, 1));
    // It was given back, so nobody waits for the lease.
    assert_eq!(counts(&host.shared(body).await), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn case_91_not_stored_for_one_of_three_answers_503_and_only_that_one_runs_again() {
    let host = Host::new();
    host.on("second", Do::NotStored);
    let body = payload(&[message("1", "a", "first"), message("2", "b", "second"), message("3", "c", "third")]);
    let received = host.shared(body.clone()).await;
    assert_eq!((received.ack, received.response.status().as_u16(), counts(&received)), (Ack::Redeliver, 503, (2, 0, 1)));
    assert_eq!(host.seen.count(), 3);
    host.heal();
    let received = host.shared(body).await;
    assert_eq!((received.ack, counts(&received)), (Ack::Done, (3, 0, 0)));
    assert_eq!(host.seen.texts()[3..], ["second"]);
}

/// Without a task, for the request or for a handler, no event is lost: it is unstored, and the provider delivers it again.
#[tokio::test(start_paused = true)]
async fn rule_84_an_event_whose_task_is_not_spawned_answers_503_and_comes_again() {
    for refused in [1, 2] {
        let host = Host::new();
        host.faults.refused_task.store(refused, SeqCst);
        let body = payload(&[message("1", "a", "hello")]);
        let received = host.shared(body.clone()).await;
        assert_eq!((received.ack, received.response.status().as_u16(), counts(&received)), (Ack::Redeliver, 503, (0, 0, 1)));
        assert_eq!(host.seen.count(), 0);
        // Its claim was given back, so nothing waits for a lease.
        assert_eq!(counts(&host.shared(body).await), (1, 0, 0));
        assert_eq!(host.seen.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn case_91_later_events_of_the_conversation_wait_for_the_one_that_was_not_stored() {
    let host = Host::new();
    host.on("second", Do::NotStored);
    let body = payload(&[
        message("1", "a", "first"),
        message("2", "a", "second"),
        message("3", "a", "third"),
        message("4", "b", "elsewhere"),
        message("5", "a", "fourth"),
    ]);
    let received = host.shared(body.clone()).await;
    assert_eq!(counts(&received), (2, 0, 3));
    host.heal();
    assert_eq!(counts(&host.shared(body).await), (5, 0, 0));
    let mut first_delivery = host.seen.texts()[..3].to_vec();
    first_delivery.sort();
    assert_eq!(first_delivery, ["elsewhere", "first", "second"]);
    assert_eq!(host.seen.texts()[3..], ["second", "third", "fourth"]);
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_panicking_handler_gives_the_event_back() {
    let host = Host::new();
    host.on("bad", Do::Panic);
    let body = payload(&[message("1", "a", "bad"), message("2", "b", "good")]);
    assert_eq!(counts(&host.shared(body.clone()).await), (1, 0, 1));
    host.heal();
    // At once, without waiting for a lease.
    assert_eq!(counts(&host.shared(body).await), (2, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn rule_84_admit_that_fails_panics_or_hangs_gives_the_event_back() {
    let host = Host::new();
    for text in ["admit: fail", "admit: panic", "admit: hang"] {
        let body = payload(&[message(text, "a", text), message("later", "a", "later"), message(&format!("{text} b"), "b", "fine")]);
        for _ in 0..2 {
            let received = host.shared(body.clone()).await;
            assert_eq!((received.ack, counts(&received)), (Ack::Redeliver, (1, 0, 2)), "{text}");
        }
    }
    assert_eq!(host.seen.texts(), ["fine", "fine", "fine"]);
}

#[tokio::test(start_paused = true)]
async fn rule_84_what_admit_drops_is_stored_and_nobody_gets_it() {
    let host = Host::new();
    let body = payload(&[message("1", "a", "admit: drop"), message("2", "a", "next")]);
    assert_eq!(counts(&host.shared(body.clone()).await), (2, 0, 0));
    assert_eq!(host.seen.texts(), ["next"]);
    assert_eq!(counts(&host.shared(body).await), (2, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn rule_84_events_of_a_conversation_keep_their_order_and_conversations_do_not_wait_for_each_other() {
    let host = Host::new();
    host.on("slow", Do::Slow(Duration::from_secs(5)));
    let mut elements = vec![message("0", "slow", "slow"), message("0b", "slow", "after slow")];
    for n in 0..20 {
        elements.push(message(&format!("q{n}"), &format!("c{}", n % 4), &format!("{n}")));
    }
    assert_eq!(counts(&host.shared(payload(&elements)).await), (22, 0, 0));
    let finished = host.seen.finished.lock().unwrap().clone();
    // The slow conversation ends last, although it came first.
    assert_eq!(finished[20..], ["slow", "after slow"]);
    for conversation in 0..4 {
        let of_it: Vec<usize> = finished[..20].iter().map(|text| text.parse().unwrap()).filter(|n| n % 4 == conversation).collect();
        assert!(of_it.is_sorted(), "{of_it:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_84_64_conversations_run_at_the_same_time() {
    for (settings, most) in [(InboundSettings::default(), 64), (InboundSettings { parallel: 3, ..InboundSettings::default() }, 3)] {
        let host = Host::with(settings, true);
        host.on("x", Do::Slow(Duration::from_secs(1)));
        let elements: Vec<_> = (0..200).map(|n| message(&format!("{n}"), &format!("{n}"), "x")).collect();
        assert_eq!(counts(&host.shared(payload(&elements)).await), (200, 0, 0));
        assert_eq!(host.seen.most_running.load(SeqCst), most);
    }
}

#[tokio::test(start_paused = true)]
async fn rule_84_of_concurrent_deliveries_one_runs() {
    let host = Arc::new(Host::new());
    host.on("x", Do::Slow(Duration::from_secs(1)));
    let body = payload(&[message("1", "a", "x")]);
    let deliveries: Vec<_> = (0..20)
        .map(|_| {
            let (host, body) = (Arc::clone(&host), body.clone());
            tokio::spawn(async move { host.shared(body).await.ack })
        })
        .collect();
    let mut done = 0;
    for delivery in deliveries {
        done += usize::from(delivery.await.unwrap() == Ack::Done);
    }
    assert_eq!((done, host.seen.count()), (1, 1));
    assert_eq!(host.shared(body).await.ack, Ack::Done);
    assert_eq!(host.seen.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_stands_in_a_request_twice_runs_once() {
    let host = Host::new();
    host.on("x", Do::Slow(Duration::from_secs(1)));
    let mut twin = message("1", "a", "x");
    twin.as_object_mut().unwrap().remove("conversation");
    // Without a conversation the two would run side by side, and the second would meet the first one's claim.
    let received = host.shared(payload(&[twin.clone(), twin])).await;
    assert_eq!((received.ack, counts(&received)), (Ack::Done, (2, 0, 0)));
    assert_eq!(host.seen.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn events_without_a_dedup_key_are_told_apart_by_their_bytes() {
    let host = Host::new();
    let body = payload(&[message("", "a", "one"), message("", "a", "two")]);
    assert_eq!(counts(&host.shared(body.clone()).await), (2, 0, 0));
    assert_eq!(counts(&host.shared(body).await), (2, 0, 0));
    assert_eq!(host.seen.texts(), ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_receive_stops_the_waiting_and_never_the_work() {
    let host = Arc::new(Host::new());
    host.on("slow", Do::Slow(Duration::from_secs(30)));
    let body = payload(&[message("1", "a", "slow"), message("2", "a", "next")]);
    let waiting = tokio::spawn({
        let (host, body) = (Arc::clone(&host), body.clone());
        async move { host.shared(body).await }
    });
    while host.seen.count() == 0 {
        tokio::task::yield_now().await;
    }
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    host.clock.advance(Duration::from_secs(31)).await;
    assert_eq!(*host.seen.finished.lock().unwrap(), ["slow", "next"]);
    // Both are settled.
    assert_eq!(counts(&host.shared(body).await), (2, 0, 0));
    assert_eq!(host.seen.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_28_without_the_claim_store_nothing_runs() {
    let host = Host::new();
    Host::fault(&host.faults.claims_down, true);
    let body = payload(&[message("1", "a", "hello")]);
    let received = host.shared(body.clone()).await;
    assert_eq!((received.response.status().as_u16(), counts(&received), host.seen.count()), (503, (0, 0, 1), 0));
    Host::fault(&host.faults.claims_down, false);
    assert_eq!(counts(&host.shared(body).await), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stored_event_whose_record_cannot_be_written_is_stored() {
    let host = Host::new();
    Host::fault(&host.faults.settle_down, true);
    let body = payload(&[message("1", "a", "hello")]);
    // The host has it: an error now would only bring it twice (as rule 26 for sends).
    assert_eq!(counts(&host.shared(body).await), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn without_a_handler_events_must_come_again() {
    let host = Host::with(InboundSettings::default(), false);
    let received = host.shared(payload(&[message("1", "a", "hello")])).await;
    assert_eq!((received.ack, received.response.status().as_u16(), counts(&received)), (Ack::Redeliver, 503, (0, 0, 1)));
    // Nothing to do is no fault.
    assert_eq!(host.shared(Bytes::from_static(b"[]")).await.ack, Ack::Done);
}

#[tokio::test(start_paused = true)]
async fn a_batch_above_the_limit_gets_through_in_several_deliveries() {
    let host = Host::with(InboundSettings { max_events: 4, ..InboundSettings::default() }, true);
    let elements: Vec<_> = (0..10).map(|n| message(&format!("{n}"), &format!("c{}", n % 3), &n.to_string())).collect();
    let body = payload(&elements);
    for (ack, handled) in [(Ack::Redeliver, 4), (Ack::Redeliver, 8), (Ack::Done, 10), (Ack::Done, 10)] {
        assert_eq!((host.shared(body.clone()).await.ack, host.seen.count()), (ack, handled));
    }
    for conversation in 0..3 {
        let of_it: Vec<usize> = host.seen.texts().iter().map(|text| text.parse().unwrap()).filter(|n| n % 3 == conversation).collect();
        assert!(of_it.is_sorted(), "{of_it:?}");
    }
}

/// A message of a conversation with a serial number, or without.
fn numbered(text: &str, conversation: &str, sequence: Option<u64>) -> serde_json::Value {
    let mut it = message(text, conversation, text);
    if let Some(sequence) = sequence {
        it["sequence"] = sequence.into();
    }
    it
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_batch_is_handed_over_by_its_serial_numbers() {
    let host = Host::new();
    let body = payload(&[
        numbered("c", "one", Some(3)),
        numbered("other-2", "two", Some(9)),
        numbered("plain", "one", None),
        numbered("a", "one", Some(1)),
        numbered("other-1", "two", Some(8)),
        numbered("b", "one", Some(2)),
        numbered("b again", "one", Some(2)),
    ]);
    assert_eq!(counts(&host.shared(body).await), (7, 0, 0));
    let seen = host.seen.texts();
    let of = |texts: &[&str]| seen.iter().filter(|text| texts.contains(&text.as_str())).cloned().collect::<Vec<_>>();
    // What has no number keeps its place; what has equal ones, its order.
    assert_eq!(of(&["a", "b", "b again", "c", "plain"]), ["a", "plain", "b", "b again", "c"]);
    assert_eq!(of(&["other-1", "other-2"]), ["other-1", "other-2"]);
}

#[tokio::test(start_paused = true)]
async fn rule_84_serial_numbers_count_within_a_life_of_the_conversation() {
    let host = Host::new();
    let of = |life: &str, text: &str, sequence| {
        let mut it = numbered(text, "one", Some(sequence));
        it["life"] = life.into();
        it
    };
    let body = payload(&[of("first", "8", 8), of("first", "7", 7), of("second", "2", 2), of("first", "9", 9), of("second", "1", 1)]);
    assert_eq!(counts(&host.shared(body).await), (5, 0, 0));
    assert_eq!(host.seen.texts(), ["7", "8", "9", "1", "2"]);
}
