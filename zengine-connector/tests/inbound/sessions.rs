//! A strategy that keeps sessions: a lost compare-and-set brings the event again, and `admit` counts it once.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use zengine_connector::{orchestrator::Ack, strategy::SessionErrorKind};

use crate::{
    host::{Host, counts, id, message, payload, request},
    strategies::AcmeBoth,
};

async fn deliver(host: &Host, event: &str) -> zengine_connector::orchestrator::Received {
    host.receive("acme-keeper", request("/one").body(payload(&[message(event, "a", event)])).unwrap()).await
}

fn numbers(host: &Host) -> Vec<String> {
    host.seen.events.lock().unwrap().iter().map(|event| event.from.name.clone().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn rule_84_a_lost_compare_and_set_in_admit_brings_the_event_again() {
    let host = Host::new();
    assert_eq!(deliver(&host, "first").await.ack, Ack::Done);
    host.faults.lose_races.store(1, SeqCst);
    let lost = deliver(&host, "second").await;
    assert_eq!((lost.ack, counts(&lost)), (Ack::Redeliver, (0, 0, 1)));
    assert_eq!(deliver(&host, "second").await.ack, Ack::Done);
    assert_eq!(numbers(&host), ["message 1", "message 2"]);
}

#[tokio::test(start_paused = true)]
async fn rule_84_admit_is_idempotent_where_the_handler_gives_the_event_back() {
    let host = Host::new();
    host.on("first", crate::host::Do::NotStored);
    assert_eq!(deliver(&host, "first").await.ack, Ack::Redeliver);
    host.heal();
    assert_eq!(deliver(&host, "first").await.ack, Ack::Done);
    assert_eq!(deliver(&host, "second").await.ack, Ack::Done);
    assert_eq!(numbers(&host), ["message 1", "message 1", "message 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_strategy_reaches_no_session_of_the_core() {
    let host = Host::new();
    let bound = host.orchestrator.bound::<AcmeBoth>(&id("one"), "acme-both").await.unwrap();
    let cx = bound.cx();
    let (sessions, key) = (cx.sessions(), "core:raised/00000000000000000000000000000000");
    let read = sessions.get::<u32>(key).await.map(drop).unwrap_err();
    let written = sessions.put(key, &1, None, Duration::from_secs(60)).await.unwrap_err();
    let deleted = sessions.delete(key, 1).await.unwrap_err();
    assert_eq!([read.kind, written.kind, deleted.kind], [SessionErrorKind::Reserved; 3]);
}

#[tokio::test(start_paused = true)]
async fn sessions_of_two_tenants_stay_apart() {
    let host = Host::new();
    for tenant in ["/one", "/two"] {
        let mut element = message("1", "a", "x");
        element["routes"] = serde_json::json!([]);
        let _ = host.receive("acme-keeper", request(tenant).body(payload(&[element])).unwrap()).await;
    }
    assert_eq!(numbers(&host), ["message 1", "message 1"]);
}
