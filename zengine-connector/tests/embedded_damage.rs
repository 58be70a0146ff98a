//! Reads and compaction of an embedded store over a damaged file.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::{fs, path::PathBuf};

use serde_json::json;
use tempfile::TempDir;
use zengine_connector::{
    ClientMessageId, FailureId, StrategyName, TenantId,
    store::{ClaimKey, ClaimOp, DeadLetter, Embedded, Fingerprint, Lease, OwnerToken, StoreErrorKind},
};

const NOW: i64 = 1_767_225_600_000;
const LATER: i64 = NOW + 3_600_000;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zengine.db");
    (folder, path)
}

fn strategy() -> StrategyName {
    StrategyName::new("sns-sms").unwrap()
}

fn key(id: &str) -> ClaimKey {
    ClaimKey::outbound(&TenantId::new("acme").unwrap(), &strategy(), &ClientMessageId::new(id).unwrap())
}

fn failure(id: &str) -> FailureId {
    FailureId::new(id).unwrap()
}

fn letter(id: &str, redrive_count: u32) -> DeadLetter {
    serde_json::from_value(json!({
        "v": 1, "direction": "outbound", "failure_id": id, "tenant": "acme", "strategy": "sns-sms", "body": "", "outcome": "failed",
        "redrive_count": redrive_count, "at_ms": NOW,
    }))
    .unwrap()
}

/// Replaces a text in the file by another of its length. The engine checks no checksum of a file that was closed properly.
fn replace(path: &PathBuf, text: &str, by: &str) {
    let mut bytes = fs::read(path).unwrap();
    let places: Vec<_> = (0..bytes.len() - text.len()).filter(|at| bytes[*at..].starts_with(text.as_bytes())).collect();
    assert!(!places.is_empty() && text.len() == by.len(), "{text}");
    for at in places {
        bytes[at..][..by.len()].copy_from_slice(by.as_bytes());
    }
    fs::write(path, bytes).unwrap();
}

/// Writes letters under keys as they are, which the store itself never does.
fn put_letters(path: &PathBuf, letters: &[(&str, DeadLetter)]) {
    let table: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("dead_letters");
    let database = redb::Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    for (key, letter) in letters {
        transaction.open_table(table).unwrap().insert(key, &*letter.to_cbor()).unwrap();
    }
    transaction.commit().unwrap();
}

/// Pages over `k-1, k-2, k-3, k-0, k-5` would come back to `k-1` after `k-0`.
#[tokio::test]
async fn pages_over_keys_that_are_not_in_order_are_an_error_and_no_circle() {
    let (_folder, path) = place();
    let store = Embedded::open(&path).unwrap();
    let tenant = |n: u32| TenantId::new(format!("tenant-{n}")).unwrap();
    for n in 1..=5 {
        let (owner, key) = (OwnerToken::named("a"), key(&format!("claim-{n}")));
        let lease = Lease { owner, boot: store.claims().boot().map(Into::into), until_ms: NOW };
        let claim = ClaimOp::Claim { lease, fingerprint: Fingerprint::new([1; 16], 1, "k"), skew_ms: 0, ttl_s: 60 };
        assert!(store.claims().apply(&key, &claim, None, NOW).await.unwrap().done);
        assert!(store.claims().apply(&key, &ClaimOp::Mark { owner, idempotency: None, ttl_s: 60 }, None, NOW).await.unwrap().done);
        zengine_connector::store::DeadLetterSink::put(&*store.dead_letters(), &letter(&format!("letter-{n}"), 0)).await.unwrap();
        store.tenant_writer().put(&tenant(n), &strategy(), json!({}).into()).await.unwrap();
    }
    assert_eq!(store.claims().due(LATER, None, 4).await.unwrap().records.len(), 4);
    drop(store);
    for name in ["claim", "letter", "tenant"] {
        replace(&path, &format!("{name}-4"), &format!("{name}-0"));
    }
    let store = Embedded::open(&path).unwrap();
    let due = store.claims().due(LATER, None, 4).await.unwrap_err();
    let listed = store.dead_letters().list(None, 4).await.unwrap_err();
    let tenants = store.directory().tenants(&strategy(), None, 4).await.unwrap_err();
    for error in [due, listed, tenants] {
        assert_eq!((error.kind, error.message), (StoreErrorKind::Corrupt, "the store's file is damaged: put a backup in its place"));
    }
    assert_eq!(store.claims().due(LATER, None, 3).await.unwrap().next.as_deref(), Some(key("claim-3").as_str()));
}

/// A file that ends too early is damage, which no time mends.
#[tokio::test]
async fn a_file_that_was_cut_off_is_damaged_and_not_unavailable() {
    let (_folder, path) = place();
    let store = Embedded::open(&path).unwrap();
    for n in 0..200 {
        zengine_connector::store::DeadLetterSink::put(&*store.dead_letters(), &letter(&format!("letter-{n}"), 0)).await.unwrap();
    }
    drop(store);
    let whole = fs::read(&path).unwrap();
    let mut cut_while_open = 0;
    for length in [100, 320, 4096, whole.len() / 4, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole).unwrap();
        let reader = Embedded::open_read_only(&path).unwrap();
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length.try_into().unwrap()).unwrap();
        if let Err(error) = reader.dead_letters().list(None, 1000).await {
            assert_eq!((error.kind, length), (StoreErrorKind::Corrupt, length), "{error}");
            let again = reader.dead_letters().list(None, 1000).await.unwrap_err();
            assert_eq!(again.message, "an earlier read of the store failed: open it again");
            cut_while_open += 1;
        }
        drop(reader);
        // A reader looks at no more than what it reads.
        let refused = [Embedded::open_read_only(&path).err(), Some(Embedded::open(&path).unwrap_err())];
        assert!(refused.iter().flatten().all(|error| error.kind == StoreErrorKind::Corrupt), "{length} {refused:?}");
    }
    assert!(cut_while_open > 2, "{cut_while_open}");
}

#[tokio::test]
async fn impossible_keys_hide_no_letter_and_are_counted_once() {
    let (_folder, path) = place();
    drop(Embedded::open(&path).unwrap());
    let long = "a".repeat(65);
    let keys = ["", "a\n", &*long, "b", "b\n", "c", "d\n", "e\n"];
    put_letters(&path, &keys.map(|key| (key, letter(if key.len() == 1 { key } else { "other" }, 0))));
    let store = Embedded::open(&path).unwrap();
    let mut pages = vec![];
    let mut after = None;
    loop {
        let page = store.dead_letters().list(after.as_ref(), 1).await.unwrap();
        pages.push((page.letters.iter().map(|letter| letter.failure_id.to_string()).collect::<Vec<_>>(), page.without_id));
        assert!(page.unreadable.is_empty());
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, [(vec!["b".to_owned()], 3), (vec!["c".to_owned()], 3)]);
    assert_eq!(store.dead_letters().list(None, 10).await.unwrap().without_id, 6);
}

#[tokio::test]
async fn a_letter_under_the_id_of_another_is_not_taken_for_it() {
    let (_folder, path) = place();
    drop(Embedded::open(&path).unwrap());
    put_letters(&path, &[("a", letter("a", 0)), ("b", letter("a", 0))]);
    let store = Embedded::open(&path).unwrap();
    let page = store.dead_letters().list(None, 10).await.unwrap();
    assert_eq!((page.letters, page.unreadable, page.next), (vec![letter("a", 0)], vec![failure("b")], None));
    for refused in [store.dead_letters().get(&failure("b")).await, store.dead_letters().take(&failure("b"), 0).await] {
        assert_eq!(refused.unwrap_err().kind, StoreErrorKind::Corrupt);
    }
    assert_eq!(store.dead_letters().take(&failure("a"), 0).await.unwrap(), Some(letter("a", 1)));
    store.dead_letters().remove(&failure("b")).await.unwrap();
    assert_eq!(store.dead_letters().get(&failure("b")).await.unwrap(), None);
}

#[tokio::test]
async fn the_greatest_count_of_redrives_stays() {
    let (_folder, path) = place();
    drop(Embedded::open(&path).unwrap());
    put_letters(&path, &[("a", letter("a", u32::MAX))]);
    let store = Embedded::open(&path).unwrap();
    assert_eq!(store.dead_letters().take(&failure("a"), u32::MAX).await.unwrap(), Some(letter("a", u32::MAX)));
}
