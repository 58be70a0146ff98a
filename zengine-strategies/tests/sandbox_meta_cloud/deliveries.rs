//! Webhooks that go wrong on their way: by script, by chance, in mixed batches, again and again.

use std::time::Duration;

use serde_json::{Value, json};
use zengine_strategies::sandbox::meta_cloud::{Inbound, MetaCloud, Update, Webhooks};
use zengine_strategies::sandbox::{EntryKind, WebhookFault};

use crate::support::{Callback, Client, NUMBER, settings, text};

const OTHER: &str = "100200400";

async fn linked() -> (MetaCloud, Callback) {
    let callback = Callback::start().await;
    (MetaCloud::start(settings().with_callback(&callback.url).with_webhooks(quick())).unwrap(), callback)
}

fn quick() -> Webhooks {
    let at_once = ["sent", "delivered", "read"].map(|status| (status, Duration::ZERO));
    Webhooks::new().with_statuses(at_once).with_redelivery([Duration::ZERO, Duration::from_millis(1)])
}

fn hello(body: &str) -> Inbound {
    Inbound::text("15551230001", body)
}

/// The texts of people in the order of their arrival.
fn texts(callback: &Callback) -> Vec<String> {
    let body = |seen: &crate::support::Seen| seen.value()["messages"][0]["text"]["body"].as_str().unwrap_or("?").to_owned();
    callback.seen().iter().map(body).collect()
}

fn names(callback: &Callback) -> Vec<String> {
    callback.statuses().iter().map(|status| status["status"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_webhook_comes_twice_with_the_same_bytes() {
    let (meta, callback) = linked().await;
    meta.disturb_next(WebhookFault::duplicate(2));
    assert!(meta.send_inbound(NUMBER, hello("a")).await.is_delivered());
    assert!(meta.send_inbound(NUMBER, hello("b")).await.is_delivered());
    meta.settle().await;
    assert_eq!(texts(&callback), ["a", "a", "a", "b"]);
    let seen = callback.seen();
    assert!(seen[..3].iter().all(|copy| copy.body == seen[0].body && copy.signature() == seen[0].signature()));
    let posts: Vec<_> = meta.journal().webhooks().iter().map(|entry| (entry.attempt.unwrap(), entry.fault.clone())).collect();
    let duplicate = Some("duplicate".to_owned());
    assert_eq!(posts, [((1, 1), duplicate.clone()), ((1, 1), duplicate.clone()), ((1, 1), duplicate), ((2, 1), None)]);
}

#[tokio::test]
async fn a_copy_may_come_an_hour_later() {
    let (meta, callback) = linked().await;
    meta.disturb_next(WebhookFault::duplicate_after(Duration::from_secs(3_600)).when_member("/statuses/0/status", "sent"));
    Client::new().message(&meta, &text()).await;
    meta.journal().wait_for_webhooks(3).await;
    assert_eq!(names(&callback), ["sent", "delivered", "read"]);
    meta.advance(Duration::from_secs(3_601));
    meta.settle().await;
    assert_eq!(names(&callback), ["sent", "delivered", "read", "sent"]);
}

#[tokio::test]
async fn a_webhook_is_overtaken_by_exactly_so_many() {
    let (meta, callback) = linked().await;
    meta.disturb_next(WebhookFault::behind(2));
    assert_eq!(meta.send_inbound(NUMBER, hello("a")).await.attempts, 0, "held back");
    for body in ["b", "c", "d"] {
        meta.send_inbound(NUMBER, hello(body)).await;
        if body == "c" {
            meta.journal().wait_for_webhooks(3).await;
        }
    }
    meta.settle().await;
    assert_eq!(texts(&callback), ["b", "c", "a", "d"]);

    meta.disturb_next(WebhookFault::behind(1).when_member("/statuses/0/status", "sent"));
    Client::new().message(&meta, &text()).await;
    meta.settle().await;
    let mut states = names(&callback);
    states.truncate(1);
    assert_eq!(states, ["delivered"], "`sent` comes behind it");
    assert_eq!(names(&callback).len(), 3);
}

#[tokio::test]
async fn a_webhook_that_waits_for_nobody_comes_after_a_second_anyway() {
    let (meta, callback) = linked().await;
    meta.disturb_next(WebhookFault::behind(5));
    meta.send_inbound(NUMBER, hello("a")).await;
    meta.advance(Duration::from_secs(2));
    meta.settle().await;
    assert_eq!(texts(&callback), ["a"]);
}

#[tokio::test]
async fn a_delayed_webhook_waits_on_the_emulators_clock() {
    let (meta, callback) = linked().await;
    meta.disturb_next(WebhookFault::delay(Duration::from_secs(86_400)));
    meta.send_inbound(NUMBER, hello("late")).await;
    meta.send_inbound(NUMBER, hello("early")).await;
    assert_eq!(texts(&callback), ["early"]);
    meta.advance(Duration::from_secs(86_401));
    meta.settle().await;
    assert_eq!(texts(&callback), ["early", "late"]);
}

#[tokio::test]
async fn what_is_lost_cut_or_not_believed_comes_again() {
    for (fault, arrivals) in
        [(WebhookFault::drop_once(), 1), (WebhookFault::cut(), 1), (WebhookFault::ignore_answer(), 2), (WebhookFault::lose(), 0)]
    {
        let (meta, callback) = linked().await;
        let name = format!("{fault:?}");
        meta.disturb_next(fault);
        let delivery = meta.send_inbound(NUMBER, hello("a")).await;
        meta.settle().await;
        assert_eq!(callback.seen().len(), arrivals, "{name}");
        assert_eq!(delivery.is_delivered(), arrivals > 0, "{name}");
        let first = meta.journal().webhooks().remove(0);
        assert_eq!(first.status, if arrivals == 2 { 200 } else { 0 }, "{name}");
        assert!(first.fault.is_some(), "{name}");
    }
}

#[tokio::test]
async fn signatures_can_be_wrong_absent_or_of_another_body() {
    let (meta, callback) = linked().await;
    for fault in [WebhookFault::wrong_signature(), WebhookFault::unsigned(), WebhookFault::corrupt()] {
        meta.disturb_next(fault);
        meta.send_inbound(NUMBER, hello("a")).await;
    }
    let seen = callback.seen();
    let good: Vec<_> = seen.iter().map(|seen| seen.signature().map(|signature| signature == meta.sign(&seen.body))).collect();
    assert_eq!(good, [Some(false), None, Some(false)]);
    assert_ne!(seen[2].body, seen[0].body);
    meta.disturb_next(WebhookFault::duplicate(1));
    meta.send_raw_webhook("{}").await;
    assert_eq!(callback.seen().len(), 5, "bytes of a test's own as well");
}

#[tokio::test]
async fn one_post_mixes_accounts_numbers_messages_and_statuses() {
    let (meta, callback) = linked().await;
    let updates = [
        Update::message(NUMBER, hello("a")),
        Update::status(OTHER, "wamid.B", "read", "15551230002"),
        Update::status(NUMBER, "wamid.A", "failed", "15551230003"),
        Update::message(OTHER, hello("b")),
        Update::message("999", hello("nobody")),
    ];
    let delivery = meta.send_updates(updates).await;
    assert!(delivery.is_delivered() && delivery.message_id.is_some());
    assert_eq!(callback.seen().len(), 1);
    let entries = callback.seen()[0].json()["entry"].clone();
    let ids: Vec<_> = entries.as_array().unwrap().iter().map(|entry| entry["id"].clone()).collect();
    assert_eq!(ids, ["900100", "900200"]);
    let shape = |entry: usize, change: usize| {
        let value = &entries[entry]["changes"][change]["value"];
        (
            value["metadata"]["phone_number_id"].as_str().unwrap().to_owned(),
            value.get("messages").is_some(),
            value.get("statuses").is_some(),
        )
    };
    assert_eq!([shape(0, 0), shape(0, 1)], [(NUMBER.to_owned(), true, false), (NUMBER.to_owned(), false, true)]);
    assert_eq!([shape(1, 0), shape(1, 1)], [(OTHER.to_owned(), false, true), (OTHER.to_owned(), true, false)]);
    assert_eq!(entries[0]["changes"][1]["value"]["statuses"][0]["errors"][0]["code"], 131_026);
}

#[tokio::test]
async fn what_happens_meanwhile_can_be_collected_into_one_post() {
    let (meta, callback) = linked().await;
    meta.disturb_next(WebhookFault::together(4));
    Client::new().message(&meta, &text()).await;
    meta.journal().wait_for_requests(1).await;
    // Three statuses and this message make four, whichever comes first.
    meta.send_inbound(OTHER, hello("a")).await;
    meta.settle().await;
    assert_eq!(callback.seen().len(), 1);
    let changes: usize =
        callback.seen()[0].json()["entry"].as_array().unwrap().iter().map(|entry| entry["changes"].as_array().unwrap().len()).sum();
    assert_eq!(changes, 4);
    meta.disturb_next(WebhookFault::together(2));
    meta.disturb_next(WebhookFault::together(2));
    for body in ["1", "2", "3", "4"] {
        meta.send_inbound(NUMBER, hello(body)).await;
    }
    meta.settle().await;
    assert_eq!(callback.seen().len(), 3, "a script of two pairs");
    meta.disturb_next(WebhookFault::together(9));
    meta.send_inbound(NUMBER, hello("few")).await;
    meta.advance(Duration::from_secs(1));
    meta.settle().await;
    assert_eq!(callback.seen().len(), 4, "after a second, with what there is");
}

#[tokio::test]
async fn a_plan_of_batches_collects_statuses_and_lets_peoples_messages_pass() {
    let (meta, callback) = linked().await;
    meta.set_webhooks(quick().batched(50, Duration::from_secs(3_600)));
    Client::new().message(&meta, &text()).await;
    assert!(meta.send_inbound(NUMBER, hello("a")).await.is_delivered(), "not held back");
    meta.advance(Duration::from_secs(3_601));
    meta.settle().await;
    assert_eq!((callback.seen().len(), names(&callback).len()), (2, 3));
}

#[tokio::test]
async fn redelivery_goes_on_for_a_week_of_the_emulators_time_and_ends() {
    let (meta, callback) = linked().await;
    meta.set_webhooks(quick().redelivered_for_a_week().with_statuses([("sent", Duration::ZERO)]));
    callback.answer_next(&[500; 100]);
    Client::new().message(&meta, &text()).await;
    meta.journal().wait_for_webhooks(2).await;
    assert_eq!(callback.seen().len(), 2, "the second at once");
    for attempt in 3..=5 {
        meta.advance(Duration::from_secs(60 << (attempt - 3)));
        meta.journal().wait_for_webhooks(attempt).await;
    }
    let mut entries = meta.journal().webhooks();
    assert_eq!(entries.pop().unwrap().attempt.unwrap().1, 5);
    assert!(entries.iter().all(|entry| entry.body == entries[0].body && entry.kind == EntryKind::Webhook));
    while meta.deliveries().is_empty() {
        let before = meta.journal().webhook_count();
        meta.advance(Duration::from_secs(12 * 3_600));
        tokio::select! {
            () = meta.journal().wait_for_webhooks(before + 1) => {}
            () = meta.settle() => {}
        }
    }
    let given_up = meta.deliveries().remove(0);
    assert!(!given_up.is_delivered() && (15..40).contains(&given_up.attempts), "{given_up:?}");
}

#[tokio::test]
async fn chance_follows_from_the_seed() {
    async fn played(seed: u64) -> (Vec<String>, Vec<Value>) {
        let callback = Callback::start().await;
        let settings = settings().with_callback(&callback.url).with_seed(seed).with_webhooks(quick());
        let meta = MetaCloud::start(settings).unwrap();
        meta.disturb_always(WebhookFault::duplicate(1).with_probability(0.3));
        meta.disturb_always(WebhookFault::lose().with_probability(0.2));
        for n in 0..60 {
            meta.send_inbound(NUMBER, hello(&n.to_string())).await;
        }
        meta.settle().await;
        let faults = meta.journal().webhooks().into_iter().map(|entry| json!(entry.fault)).collect();
        (texts(&callback), faults)
    }
    let (one, again, other) = (played(7).await, played(7).await, played(8).await);
    assert_eq!(one, again);
    assert_ne!(one, other);
    assert!(one.1.contains(&json!("duplicate")) && one.1.contains(&json!("lose")) && one.1.contains(&Value::Null));
}

#[tokio::test]
async fn a_reset_forgets_what_is_on_its_way() {
    let (meta, callback) = linked().await;
    meta.disturb_next(WebhookFault::delay(Duration::from_secs(60)));
    meta.disturb_next(WebhookFault::behind(3));
    meta.disturb_next(WebhookFault::together(3));
    meta.disturb_next(WebhookFault::lose());
    for body in ["a", "b", "c"] {
        meta.send_inbound(NUMBER, hello(body)).await;
    }
    assert_eq!(meta.waiting_webhook_faults(), 1);
    meta.reset();
    meta.settle().await;
    meta.advance(Duration::from_secs(120));
    assert_eq!((meta.waiting_webhook_faults(), callback.seen().len(), meta.deliveries().len()), (0, 0, 0));
    meta.send_inbound(NUMBER, hello("new")).await;
    meta.settle().await;
    assert_eq!(texts(&callback), ["new"]);
}
