//! Cases of dead letters, events, sessions and epoch logs.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{ALIKE, BYTE_BY_BYTE, NOW, ROUNDS, Subject, Works as _, at_once, strategy, tenant};
use crate::{
    ids::{ClientMessageId, FailureId},
    store::{
        DeadLetter, DeadLetterPort, DeadLetterSink as _, DeadLetterStore, DomainEvent, EpochEntry, OutboundFailed, StoreError,
        StoreErrorKind,
    },
};

/// The store of dead letters.
fn store(subject: &Subject) -> &Arc<dyn DeadLetterStore> {
    let DeadLetterPort::Store(store) = &subject.stores.dead_letters else {
        panic!("the cases of `dead_letters` need a store that returns them; test a sink with `ports = [dead_letter_sink]`")
    };
    store
}

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
    let letters = store(subject);
    let listed = letters.list(None, 10).await.works("`list`").letters;
    assert!(listed.is_empty(), "`list` finds letters in an empty store: {listed:?}");
    for id in ["c", "a", "e", "b", "d"] {
        letters.put(&letter(id, b"one")).await.works("`put`");
    }
    letters.put(&letter("c", b"two")).await.works("`put`");
    assert_eq!(
        letters.get(&failure("c")).await.works("`get`"),
        Some(letter("c", b"two")),
        "`put` did not replace the letter of the same id (left)"
    );
    assert_eq!(letters.get(&failure("x")).await.works("`get`"), None, "`get` returned (left) a letter of another id");
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = letters.list(after.as_ref(), 2).await.works("`list`");
        assert!(page.letters.len() <= 2, "`list` returned {} letters for a limit of 2", page.letters.len());
        assert!(page.next.is_none() || page.next != after, "`list` returned the place {after:?} as `next` of the page after it");
        seen.extend(page.letters.iter().map(|letter| letter.failure_id.to_string()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"], "`list` must return each letter once, in order of ids");
    letters.remove(&failure("c")).await.works("`remove`");
    letters.remove(&failure("c")).await.expect("`remove` of a letter that is gone must be no error");
    assert_eq!(letters.get(&failure("c")).await.works("`get`"), None, "`get` returned (left) a letter that was removed");
    let page = letters.list(Some(&failure("b")), 2).await.works("`list`");
    assert_eq!(
        (page.letters.len(), page.next),
        (2, None),
        "`list` must return the last two letters and no `next`, though the page is full"
    );
}

/// Ids of letters are compared byte by byte, and ordered so.
pub async fn dead_letters_whose_ids_look_alike_are_separate(subject: &Subject) {
    let letters = store(subject);
    for id in ALIKE {
        letters.put(&letter(id, id.as_bytes())).await.works("`put`");
    }
    for id in ALIKE {
        let found = letters.get(&failure(id)).await.works("`get`");
        assert_eq!(found, Some(letter(id, id.as_bytes())), "`get` of {id:?} returned (left) a letter whose id looks alike: {BYTE_BY_BYTE}");
    }
    let page = letters.list(None, 100).await.works("`list`");
    let listed: Vec<_> = page.letters.iter().map(|letter| letter.failure_id.to_string()).collect();
    let mut sorted = ALIKE;
    sorted.sort_unstable();
    assert_eq!(listed, sorted, "`list` must return the letters in order of the bytes of their ids");
    letters.remove(&failure(ALIKE[0])).await.works("`remove`");
    assert!(letters.get(&failure(ALIKE[1])).await.works("`get`").is_some(), "`remove` removed a letter whose id looks alike");
}

/// A letter put twice is accepted twice, by a store and by a sink. A sink cannot be read: a typed error says so.
pub async fn rule_66_a_dead_letter_may_be_put_twice(subject: &Subject) {
    let port = &subject.stores.dead_letters;
    for _ in 0..2 {
        port.put(&letter("a", b"body")).await.expect("rule 66: a letter is put twice after a crash, and each `put` must succeed");
    }
    match port {
        DeadLetterPort::Store(store) => {
            let listed = store.list(None, 10).await.works("`list`").letters;
            assert_eq!(listed, [letter("a", b"body")], "rule 66: a letter that was put twice must be one");
        }
        DeadLetterPort::Sink(_) => assert_eq!(port.store().unwrap_err().kind, StoreErrorKind::Unsupported),
    }
}

/// One of several redrives that saw the same letter takes it.
pub async fn rule_70_a_dead_letter_is_taken_once_per_redrive(subject: &Subject) {
    let letters = store(subject);
    assert_eq!(letters.take(&failure("a"), 0).await.works("`take`"), None, "rule 70: `take` returned (left) a letter that does not exist");
    for round in 0..ROUNDS {
        let id = format!("a{round}");
        letters.put(&letter(&id, b"body")).await.works("`put`");
        let all = at_once(50, |_| {
            let (letters, id) = (Arc::clone(letters), failure(&id));
            async move { letters.take(&id, 0).await.works("`take`") }
        });
        let taken: Vec<_> = all.await.into_iter().flatten().collect();
        assert_eq!(
            taken.len(),
            1,
            "rule 70: this many (left) of 50 concurrent callers took one letter: `take` must compare and count in one step"
        );
        assert_eq!(taken[0].redrive_count, 1, "rule 70: `take` must return the letter with its new `redrive_count`");
        let stored = letters.get(&failure(&id)).await.works("`get`").expect("`take` must leave the letter in the store");
        assert_eq!(stored.redrive_count, 1, "rule 70: `take` did not store the new `redrive_count`");
        let again = letters.take(&failure(&id), 1).await.works("`take`");
        assert_eq!(
            again.map(|letter| letter.redrive_count),
            Some(2),
            "rule 70: `take` refused the count that is stored, or did not raise it"
        );
    }
}

/// Members that a newer release wrote outlive a redrive by this one.
pub async fn a_dead_letter_keeps_what_a_newer_release_wrote(subject: &Subject) {
    let letters = store(subject);
    let mut newer = letter("a", b"body").to_cbor();
    // One member more: the map's length, then its key and its value.
    newer[0] += 1;
    newer.extend([0x18, 200, 0x61, b'x']);
    let newer = DeadLetter::from_cbor(&newer).expect("a letter of a newer release is read");
    letters.put(&newer).await.works("`put`");
    assert_eq!(letters.get(&failure("a")).await.works("`get`").as_ref(), Some(&newer), "`put` or `get` dropped a member: store `to_cbor`");
    let taken = letters.take(&failure("a"), 0).await.works("`take`").expect("the letter is there");
    let stored = letters.get(&failure("a")).await.works("`get`").expect("`take` must leave the letter in the store");
    let counted = DeadLetter { redrive_count: 1, ..newer };
    assert_eq!(
        (&taken, &stored),
        (&counted, &counted),
        "`take` must write back what a newer release wrote: change a letter read by `from_cbor`"
    );
}

/// Rule 66: the bus accepts an event that is published twice.
pub async fn an_event_may_be_published_twice(subject: &Subject) {
    let id = ClientMessageId::new("1").unwrap();
    let failed = OutboundFailed::new(failure("f-1"), tenant("acme"), strategy("sns-sms"), id, "failed", NOW);
    for event in [DomainEvent::OutboundFailed(failed.clone()), DomainEvent::OutboundSettled(failed)] {
        for _ in 0..2 {
            let published = subject.stores.events.publish(&event).await;
            published.expect("rule 66: an event is published twice after a crash, and each `publish` must succeed");
        }
    }
}

const TTL: Duration = Duration::from_secs(60);

/// Checks that a session's write was refused with a conflict.
#[track_caller]
fn conflict<T: Debug>(result: Result<T, StoreError>, write: &str) {
    match result {
        Err(error) if error.kind == StoreErrorKind::Conflict => {}
        other => panic!("the store must refuse {write} as Conflict; it returned {other:?}"),
    }
}

/// A session is written only if its version matches.
pub async fn sessions_are_compared_and_set(subject: &Subject) {
    let sessions = &subject.stores.sessions;
    let put = |value: &'static str, expect| sessions.put("acme|s", "k", Bytes::from_static(value.as_bytes()), expect, TTL, NOW);
    assert_eq!(sessions.get("acme|s", "k", NOW).await.works("`get`"), None, "`get` finds a session (left) in an empty store");
    conflict(put("one", Some(1)).await, "a `put` that expects a version where there is none");
    let first = put("one", None).await.works("`put`");
    let stored = sessions.get("acme|s", "k", NOW).await.works("`get`");
    assert_eq!(stored, Some((first, Bytes::from_static(b"one"))), "`get` must return the value of the first `put` and its version");
    conflict(put("two", None).await, "a `put` that expects no session where there is one");
    let second = put("two", Some(first)).await.works("`put`");
    conflict(put("three", Some(first)).await, "a `put` that expects an earlier version");
    let stored = sessions.get("acme|s", "k", NOW).await.works("`get`");
    assert_eq!(
        stored,
        Some((second, Bytes::from_static(b"two"))),
        "`get` must return the value of the second `put`: later ones were refused"
    );
    conflict(sessions.delete("acme|s", "k", first, NOW).await, "a `delete` that expects an earlier version");
    sessions.delete("acme|s", "k", second, NOW).await.works("`delete`");
    assert_eq!(sessions.get("acme|s", "k", NOW).await.works("`get`"), None, "`get` returned (left) a deleted session");
    conflict(sessions.delete("acme|s", "k", second, NOW).await, "a `delete` where there is nothing");
}

/// A session expires to the millisecond; an expired value counts as absent.
pub async fn sessions_expire_exactly_at_their_end(subject: &Subject) {
    let sessions = &subject.stores.sessions;
    let end = NOW + 60_000;
    let version = sessions.put("acme|s", "k", Bytes::from_static(b"one"), None, TTL, NOW).await.works("`put`");
    assert!(sessions.get("acme|s", "k", end - 1).await.works("`get`").is_some(), "`get` lost a session a millisecond before its end");
    assert_eq!(
        sessions.get("acme|s", "k", end).await.works("`get`"),
        None,
        "`get` returned (left) a session at its end: it is then expired"
    );
    let late = sessions.put("acme|s", "k", Bytes::from_static(b"two"), Some(version), TTL, end).await;
    conflict(late, "a `put` that expects the version of an expired session");
    conflict(sessions.delete("acme|s", "k", version, end).await, "a `delete` that expects the version of an expired session");
    sessions.put("acme|s", "k", Bytes::from_static(b"two"), None, TTL, end).await.works("`put`");
    let forever = sessions.put("acme|s", "f", Bytes::from_static(b"x"), None, Duration::MAX, NOW).await.works("`put`");
    let found = sessions.get("acme|s", "f", i64::MAX - 1).await.works("`get`").map(|(version, _)| version);
    assert_eq!(found, Some(forever), "a session of the longest lifetime must never expire: add times with saturation");
}

/// A later version is higher than the one it replaces, and a value that is created again has no version that an earlier one of
/// its key had: a writer cannot mistake a later value for the one it read.
pub async fn session_versions_are_never_used_twice(subject: &Subject) {
    let sessions = &subject.stores.sessions;
    let mut seen = std::collections::BTreeSet::new();
    for n in 0..10 {
        let now = NOW + n * 60_000;
        let put = |expect| sessions.put("acme|s", "k", Bytes::from_static(b"v"), expect, TTL, now);
        let mut version = put(None).await.works("`put`");
        assert!(seen.insert(version), "the store gave version {version} to a new session, which an earlier one of its key had");
        for _ in 0..3 {
            let later = put(Some(version)).await.works("`put`");
            assert!(later > version, "the store replaced version {version} with {later}: versions must grow");
            assert!(seen.insert(later), "the store gave version {later} to a write, which an earlier value of its key had");
            version = later;
        }
        // Every second value is deleted, the others expire.
        if n % 2 == 0 {
            sessions.delete("acme|s", "k", version, now).await.works("`delete`");
        }
    }
}

/// Sessions of different scopes are separate, whatever scope and key contain.
pub async fn sessions_of_different_scopes_are_separate(subject: &Subject) {
    let sessions = &subject.stores.sessions;
    let mut places = vec![("a|s", "k"), ("a|s|k", ""), ("a", "s|k"), ("b|s", "k"), ("", "a|s|k"), ("a|s", "k|k")];
    places.extend(ALIKE.iter().flat_map(|text| [("alike", *text), (text, "alike")]));
    for (n, (scope, key)) in places.iter().enumerate() {
        sessions.put(scope, key, Bytes::from(n.to_string()), None, TTL, NOW).await.works("`put`");
    }
    for (n, (scope, key)) in places.iter().enumerate() {
        let found = sessions.get(scope, key, NOW).await.works("`get`").map(|(_, value)| value);
        assert_eq!(found, Some(Bytes::from(n.to_string())), "the session {scope:?} / {key:?} is mixed up with another: {BYTE_BY_BYTE}");
    }
}

/// Sessions are listed in pages, each once and as stored, also those of other scopes; what is found is deleted at the time 0, also if
/// it is expired by now. A store may leave this out.
pub async fn sessions_are_listed_in_pages_and_deleted(subject: &Subject) {
    let sessions = &subject.stores.sessions;
    let mut stored = BTreeMap::new();
    for (n, scope) in ["a|s", "a|b|s", "a", "b|s"].into_iter().chain(ALIKE).enumerate() {
        for key in ["k", "|", "", "k|k"] {
            let value = Bytes::from(format!("{n} {key}"));
            let version = sessions.put(scope, key, value.clone(), None, TTL, NOW).await.works("`put`");
            stored.insert((scope.to_owned(), key.to_owned()), (version, value));
        }
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = match sessions.list(after.as_deref(), 3).await {
            Err(error) if error.kind == StoreErrorKind::Unsupported => return,
            page => page.works("`list`"),
        };
        assert!(page.sessions.len() <= 3, "`list` returned {} sessions for a limit of 3", page.sessions.len());
        found.extend(page.sessions);
        assert!(page.next.is_none() || page.next != after, "`list` returned the place {after:?} as `next` of the page after it");
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let listed: BTreeMap<_, _> = found.iter().map(|it| ((it.scope.clone(), it.key.clone()), (it.version, it.value.clone()))).collect();
    assert_eq!(listed.len(), found.len(), "`list` returned a session on two pages");
    assert_eq!(listed, stored, "`list` must return (left) each stored session, with its scope and key as they were written");
    for session in found {
        sessions.delete(&session.scope, &session.key, session.version, 0).await.works("`delete` at the time 0 of a listed session");
    }
    let left = sessions.list(None, 100).await.works("`list`");
    assert_eq!((left.sessions.len(), left.next), (0, None), "`list` finds sessions (left) that were deleted");
}

/// The sessions of a scope are listed by the beginning of their keys, in pages, each once, without those of other scopes and without
/// expired ones. A store may leave this out.
pub async fn sessions_of_a_scope_are_listed_by_prefix(subject: &Subject) {
    let sessions = &subject.stores.sessions;
    let put = async |scope: &str, key: &str, ttl| sessions.put(scope, key, Bytes::from_static(b"v"), None, ttl, NOW).await.works("`put`");
    for scope in ["a|s", "a|", "a|s|", "b|s", "A|s"] {
        for key in ["note/", "note", "note/|", "note0", "Note/x", "other", ""] {
            put(scope, key, TTL).await;
        }
    }
    for n in 0..9 {
        // Every third one is expired when they are listed.
        put("a|s", &format!("note/{n}"), if n % 3 == 0 { Duration::from_millis(1) } else { TTL }).await;
    }
    let expected: Vec<_> = ["", "1", "2", "4", "5", "7", "8", "|"].iter().map(|rest| format!("note/{rest}")).collect();
    for (prefix, expected) in [("note/", expected), ("none/", vec![])] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = match sessions.list_scope("a|s", prefix, after.as_deref(), 3, NOW + 1).await {
                Err(error) if error.kind == StoreErrorKind::Unsupported => return,
                page => page.works("`list_scope`"),
            };
            assert!(page.sessions.len() <= 3, "`list_scope` returned {} sessions for a limit of 3", page.sessions.len());
            found.extend(page.sessions.into_iter().map(|session| (session.scope, session.key)));
            assert!(page.next.is_none() || page.next != after, "`list_scope` returned the place {after:?} as `next` of the page after it");
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        found.sort();
        let expected: Vec<_> = expected.into_iter().map(|key| ("a|s".to_owned(), key)).collect();
        assert_eq!(found, expected, "`list_scope` must return (left) the sessions of the scope whose keys begin with {prefix:?}");
    }
}

/// One of many concurrent writers that saw the same version wins.
pub async fn of_100_concurrent_session_writes_one_wins(subject: &Subject) {
    let sessions = &subject.stores.sessions;
    for round in 0..ROUNDS {
        let key = round.to_string();
        let version = sessions.put("acme|s", &key, Bytes::from_static(b"0"), None, TTL, NOW).await.works("`put`");
        let all = at_once(100, |n| {
            let (sessions, key) = (Arc::clone(sessions), key.clone());
            async move { sessions.put("acme|s", &key, Bytes::from(n.to_string()), Some(version), TTL, NOW).await }
        });
        let all = all.await;
        let winners: Vec<_> =
            all.iter().enumerate().filter_map(|(n, written)| written.as_ref().ok().map(|version| (n, *version))).collect();
        assert_eq!(
            winners.len(),
            1,
            "of 100 concurrent writes that expect one version the store did this many (left): `put` must be one step"
        );
        let stored = sessions.get("acme|s", &key, NOW).await.works("`get`");
        assert_eq!(
            stored,
            Some((winners[0].1, Bytes::from(winners[0].0.to_string()))),
            "the store holds (left) another value than the winner's"
        );
    }
}

/// Case 55: one of many processes writes the next epoch.
pub async fn rule_49_an_epoch_is_created_once(subject: &Subject) {
    let epochs = &subject.stores.epochs;
    for epoch in 1..=ROUNDS as u64 {
        let of = move |n: usize| EpochEntry::new(epoch, Bytes::from(n.to_string()));
        let all = at_once(50, |n| {
            let epochs = Arc::clone(epochs);
            async move { epochs.append("acme/sns-sms", of(n)).await.works("`append`") }
        });
        let all = all.await;
        let winners: Vec<_> = all.iter().enumerate().filter(|(_, won)| **won).collect();
        assert_eq!(
            winners.len(),
            1,
            "rule 49: of 50 concurrent appends of one epoch the store did this many (left): `append` must be one step"
        );
        let newest = epochs.newest("acme/sns-sms").await.works("`newest`");
        assert_eq!(newest, Some(of(winners[0].0)), "rule 49: the store holds (left) another entry than the winner's");
    }
    assert_eq!(epochs.newest("acme/sns").await.works("`newest`"), None, "rule 51: `newest` returned (left) an entry of another log");
    for log in ALIKE {
        let first = EpochEntry::new(1, Bytes::from_static(log.as_bytes()));
        assert!(epochs.append(log, first).await.works("`append`"), "rule 51: {log:?} is mixed up with another log: {BYTE_BY_BYTE}");
    }
}

/// Epochs are read in order and trimmed, with gaps and in several logs.
pub async fn rule_51_epochs_are_read_in_order_and_trimmed(subject: &Subject) {
    let epochs = &subject.stores.epochs;
    let entry = |n: u64| EpochEntry::new(n, Bytes::from(n.to_string()));
    for n in [3, 1, 2, 5, 300] {
        assert!(
            epochs.append("log", entry(n)).await.works("`append`"),
            "rule 51: the store refused epoch {n}, which the log does not hold"
        );
        assert!(epochs.append("log2", entry(n + 1)).await.works("`append`"), "rule 51: the store refused epoch {} of a second log", n + 1);
    }
    let read = async |log: &str, from, count| epochs.read(log, from, count).await.works("`read`");
    assert_eq!(read("log", 2, 3).await, [entry(2), entry(3)], "rule 51: `read` of 3 epochs from 2 must skip the missing 4, in order");
    assert_eq!(read("log", 4, 3).await, [entry(5)], "rule 51: `read` of 3 epochs from 4 must return 5 alone");
    assert_eq!(read("log", 301, u32::MAX).await, [], "rule 51: `read` beyond the newest epoch must return nothing");
    assert_eq!(
        epochs.newest("log").await.works("`newest`"),
        Some(entry(300)),
        "rule 51: `newest` must return the highest epoch, not the latest write"
    );
    epochs.trim("log", 5).await.works("`trim`");
    assert_eq!(read("log", 0, u32::MAX).await, [entry(5), entry(300)], "rule 51: `trim` to 5 must remove the epochs below 5 and no others");
    let other = read("log2", 0, 10).await;
    assert_eq!(other, [entry(2), entry(3), entry(4), entry(6)], "rule 51: `trim` of one log changed another (left)");
    epochs.trim("absent", 5).await.expect("`trim` of a log that does not exist must be no error");
}
