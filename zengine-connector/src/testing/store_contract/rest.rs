//! Cases of dead letters, events, sessions and epoch logs.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{NOW, ROUNDS, Subject, at_once, strategy, tenant};
use crate::{
    ids::{ClientMessageId, FailureId},
    store::{DeadLetter, DeadLetterPort, DeadLetterSink as _, DomainEvent, EpochEntry, OutboundFailed, StoreErrorKind},
};

fn failure(id: &str) -> FailureId {
    FailureId::new(id).unwrap()
}

fn letter(id: &str, body: &[u8]) -> DeadLetter {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let json = serde_json::json!({
        "v": 1, "direction": "outbound", "failure_id": id, "tenant": "acme", "strategy": "sns-sms", "client_message_id": "1",
        "body": STANDARD.encode(body), "outcome": "failed", "redrivable": true, "at_ms": NOW,
    });
    serde_json::from_value(json).unwrap()
}

/// Dead letters are listed in the order of their ids; a letter put twice is one.
pub async fn dead_letters_are_listed_in_pages_and_removed(subject: &Subject) {
    let Ok(letters) = subject.stores.dead_letters.store() else { return };
    assert!(letters.list(None, 10).await.unwrap().letters.is_empty());
    for id in ["c", "a", "e", "b", "d"] {
        letters.put(&letter(id, b"one")).await.unwrap();
    }
    letters.put(&letter("c", b"two")).await.unwrap();
    assert_eq!(letters.get(&failure("c")).await.unwrap(), Some(letter("c", b"two")));
    assert_eq!(letters.get(&failure("x")).await.unwrap(), None);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = letters.list(after.as_ref(), 2).await.unwrap();
        assert!(page.letters.len() <= 2);
        seen.extend(page.letters.iter().map(|letter| letter.failure_id.to_string()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    letters.remove(&failure("c")).await.unwrap();
    letters.remove(&failure("c")).await.unwrap();
    assert_eq!(letters.get(&failure("c")).await.unwrap(), None);
    let page = letters.list(Some(&failure("b")), 2).await.unwrap();
    assert_eq!((page.letters.len(), page.next), (2, None), "a full last page ends the list");
}

/// A letter put twice is accepted twice, by a store and by a sink. A sink cannot be read: a typed error says so.
pub async fn rule_66_a_dead_letter_may_be_put_twice(subject: &Subject) {
    let port = &subject.stores.dead_letters;
    for _ in 0..2 {
        port.put(&letter("a", b"body")).await.unwrap();
    }
    match port {
        DeadLetterPort::Store(store) => assert_eq!(store.list(None, 10).await.unwrap().letters, [letter("a", b"body")]),
        DeadLetterPort::Sink(_) => assert_eq!(port.store().unwrap_err().kind, StoreErrorKind::Unsupported),
    }
}

/// One of several redrives that saw the same letter takes it.
pub async fn rule_70_a_dead_letter_is_taken_once_per_redrive(subject: &Subject) {
    let Ok(letters) = subject.stores.dead_letters.store() else { return };
    assert_eq!(letters.take(&failure("a"), 0).await.unwrap(), None);
    for round in 0..ROUNDS {
        let id = format!("a{round}");
        letters.put(&letter(&id, b"body")).await.unwrap();
        let all = at_once(50, |_| {
            let (letters, id) = (Arc::clone(letters), failure(&id));
            async move { letters.take(&id, 0).await.unwrap() }
        });
        let taken: Vec<_> = all.await.into_iter().flatten().collect();
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].redrive_count, 1);
        assert_eq!(letters.get(&failure(&id)).await.unwrap().unwrap().redrive_count, 1);
        assert_eq!(letters.take(&failure(&id), 1).await.unwrap().unwrap().redrive_count, 2);
    }
}

/// Rule 66: the bus accepts an event that is published twice.
pub async fn an_event_may_be_published_twice(subject: &Subject) {
    let id = ClientMessageId::new("1").unwrap();
    let failed = OutboundFailed::new(failure("f-1"), tenant("acme"), strategy("sns-sms"), id, "failed", NOW);
    for event in [DomainEvent::OutboundFailed(failed.clone()), DomainEvent::OutboundSettled(failed)] {
        subject.stores.events.publish(&event).await.unwrap();
        subject.stores.events.publish(&event).await.unwrap();
    }
}

const TTL: Duration = Duration::from_secs(60);

/// A session is written only if its version matches.
pub async fn sessions_are_compared_and_set(subject: &Subject) {
    let sessions = &subject.stores.sessions;
    let put = |value: &'static str, expect| sessions.put("acme|s", "k", Bytes::from_static(value.as_bytes()), expect, TTL, NOW);
    assert_eq!(sessions.get("acme|s", "k", NOW).await.unwrap(), None);
    assert_eq!(put("one", Some(1)).await.unwrap_err().kind, StoreErrorKind::Conflict);
    let first = put("one", None).await.unwrap();
    assert_eq!(sessions.get("acme|s", "k", NOW).await.unwrap(), Some((first, Bytes::from_static(b"one"))));
    assert_eq!(put("two", None).await.unwrap_err().kind, StoreErrorKind::Conflict);
    let second = put("two", Some(first)).await.unwrap();
    assert_eq!(put("three", Some(first)).await.unwrap_err().kind, StoreErrorKind::Conflict);
    assert_eq!(sessions.get("acme|s", "k", NOW).await.unwrap(), Some((second, Bytes::from_static(b"two"))));
    assert_eq!(sessions.delete("acme|s", "k", first, NOW).await.unwrap_err().kind, StoreErrorKind::Conflict);
    sessions.delete("acme|s", "k", second, NOW).await.unwrap();
    assert_eq!(sessions.get("acme|s", "k", NOW).await.unwrap(), None);
    assert_eq!(sessions.delete("acme|s", "k", second, NOW).await.unwrap_err().kind, StoreErrorKind::Conflict);
}

/// A session expires to the millisecond; an expired value counts as absent.
pub async fn sessions_expire_exactly_at_their_end(subject: &Subject) {
    let sessions = &subject.stores.sessions;
    let end = NOW + 60_000;
    let version = sessions.put("acme|s", "k", Bytes::from_static(b"one"), None, TTL, NOW).await.unwrap();
    assert!(sessions.get("acme|s", "k", end - 1).await.unwrap().is_some());
    assert_eq!(sessions.get("acme|s", "k", end).await.unwrap(), None);
    let late = sessions.put("acme|s", "k", Bytes::from_static(b"two"), Some(version), TTL, end).await;
    assert_eq!(late.unwrap_err().kind, StoreErrorKind::Conflict);
    assert_eq!(sessions.delete("acme|s", "k", version, end).await.unwrap_err().kind, StoreErrorKind::Conflict);
    sessions.put("acme|s", "k", Bytes::from_static(b"two"), None, TTL, end).await.unwrap();
    let forever = sessions.put("acme|s", "f", Bytes::from_static(b"x"), None, Duration::MAX, NOW).await.unwrap();
    assert_eq!(sessions.get("acme|s", "f", i64::MAX - 1).await.unwrap().map(|(version, _)| version), Some(forever));
}

/// A later version is higher than the one it replaces, and a value that is created again has no version that an earlier one of
/// its key had: a writer cannot mistake a later value for the one it read.
pub async fn session_versions_are_never_used_twice(subject: &Subject) {
    let sessions = &subject.stores.sessions;
    let mut seen = std::collections::BTreeSet::new();
    for n in 0..10 {
        let now = NOW + n * 60_000;
        let put = |expect| sessions.put("acme|s", "k", Bytes::from_static(b"v"), expect, TTL, now);
        let mut version = put(None).await.unwrap();
        assert!(seen.insert(version), "an earlier value had the version of this first write");
        for _ in 0..3 {
            let later = put(Some(version)).await.unwrap();
            assert!(later > version, "{later} replaces {version}");
            assert!(seen.insert(later), "an earlier value had the version of this later write");
            version = later;
        }
        // Every second value is deleted, the others expire.
        if n % 2 == 0 {
            sessions.delete("acme|s", "k", version, now).await.unwrap();
        }
    }
}

/// Sessions of different scopes are separate, whatever scope and key contain.
pub async fn sessions_of_different_scopes_are_separate(subject: &Subject) {
    let sessions = &subject.stores.sessions;
    let places = [("a|s", "k"), ("a|s|k", ""), ("a", "s|k"), ("b|s", "k"), ("", "a|s|k"), ("a|s", "k|k")];
    for (n, (scope, key)) in places.iter().enumerate() {
        sessions.put(scope, key, Bytes::from(n.to_string()), None, TTL, NOW).await.unwrap();
    }
    for (n, (scope, key)) in places.iter().enumerate() {
        assert_eq!(sessions.get(scope, key, NOW).await.unwrap().unwrap().1, n.to_string());
    }
}

/// One of many concurrent writers that saw the same version wins.
pub async fn of_100_concurrent_session_writes_one_wins(subject: &Subject) {
    let sessions = &subject.stores.sessions;
    for round in 0..ROUNDS {
        let key = round.to_string();
        let version = sessions.put("acme|s", &key, Bytes::from_static(b"0"), None, TTL, NOW).await.unwrap();
        let all = at_once(100, |n| {
            let (sessions, key) = (Arc::clone(sessions), key.clone());
            async move { sessions.put("acme|s", &key, Bytes::from(n.to_string()), Some(version), TTL, NOW).await }
        });
        let all = all.await;
        let winners: Vec<_> =
            all.iter().enumerate().filter_map(|(n, written)| written.as_ref().ok().map(|version| (n, *version))).collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(sessions.get("acme|s", &key, NOW).await.unwrap(), Some((winners[0].1, Bytes::from(winners[0].0.to_string()))));
    }
}

/// Case 55: one of many processes writes the next epoch.
pub async fn rule_49_an_epoch_is_created_once(subject: &Subject) {
    let epochs = &subject.stores.epochs;
    for epoch in 1..=ROUNDS as u64 {
        let of = move |n: usize| EpochEntry::new(epoch, Bytes::from(n.to_string()));
        let all = at_once(50, |n| {
            let epochs = Arc::clone(epochs);
            async move { epochs.append("acme/sns-sms", of(n)).await.unwrap() }
        });
        let all = all.await;
        let winners: Vec<_> = all.iter().enumerate().filter(|(_, won)| **won).collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(epochs.newest("acme/sns-sms").await.unwrap(), Some(of(winners[0].0)));
    }
    assert_eq!(epochs.newest("acme/sns").await.unwrap(), None);
}

/// Epochs are read in order and trimmed, with gaps and in several logs.
pub async fn rule_51_epochs_are_read_in_order_and_trimmed(subject: &Subject) {
    let epochs = &subject.stores.epochs;
    let entry = |n: u64| EpochEntry::new(n, Bytes::from(n.to_string()));
    for n in [3, 1, 2, 5, 300] {
        assert!(epochs.append("log", entry(n)).await.unwrap());
        assert!(epochs.append("log2", entry(n + 1)).await.unwrap());
    }
    assert_eq!(epochs.read("log", 2, 3).await.unwrap(), [entry(2), entry(3)]);
    assert_eq!(epochs.read("log", 4, 3).await.unwrap(), [entry(5)]);
    assert_eq!(epochs.read("log", 301, u32::MAX).await.unwrap(), []);
    assert_eq!(epochs.newest("log").await.unwrap(), Some(entry(300)));
    epochs.trim("log", 5).await.unwrap();
    assert_eq!(epochs.read("log", 0, u32::MAX).await.unwrap(), [entry(5), entry(300)]);
    assert_eq!(epochs.read("log2", 0, 10).await.unwrap(), [entry(2), entry(3), entry(4), entry(6)]);
    epochs.trim("absent", 5).await.unwrap();
}
