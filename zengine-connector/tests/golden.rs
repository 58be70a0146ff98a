//! Stored records as they have been written since version 1: they are read, and written again they are the same
//! (case 30). A file that has to change here is a new version.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::{collections::BTreeSet, fmt::Debug, fs, path::Path};

use serde::{Serialize, de::DeserializeOwned};
use zengine_connector::store::{ClaimRecord, ClaimStatus, DeadLetter, InboundRecord, InboundStatus, Reference, StoreError};
use zengine_connector::{InboundEvent, OutboundMessage, Receipt};

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("json")).unwrap()
}

/// A record in its stored form, as hexadecimal digits in lines.
fn stored(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("cbor.hex");
    let digits: String = fs::read_to_string(path).unwrap().split_whitespace().collect();
    digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// The record in the JSON file and the one in the CBOR file are the same, and both files are what this build writes.
fn reads_and_rewrites<R: Serialize + DeserializeOwned + Debug + PartialEq>(
    name: &str,
    from_cbor: fn(&[u8]) -> Result<R, StoreError>,
    to_cbor: fn(&R) -> Vec<u8>,
) -> R {
    let text = file(name);
    let record: R = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string_pretty(&record).unwrap() + "\n", text, "{name}");
    let bytes = stored(name);
    assert_eq!(from_cbor(&bytes).unwrap(), record, "{name}");
    assert_eq!(to_cbor(&record), bytes, "{name}");
    record
}

#[test]
fn case_30_claims_of_version_1_are_read_in_every_status() {
    let statuses = [
        ("claimed", ClaimStatus::Claimed),
        ("sending", ClaimStatus::Sending),
        ("released", ClaimStatus::Released),
        ("delivered", ClaimStatus::Delivered),
        ("failed", ClaimStatus::Failed),
        ("unknown", ClaimStatus::Unknown),
        ("unknown-steps", ClaimStatus::Unknown),
    ];
    for (name, status) in statuses {
        let record = reads_and_rewrites(&format!("claim-v1-{name}"), ClaimRecord::from_cbor, ClaimRecord::to_cbor);
        assert_eq!((record.v, record.status), (ClaimRecord::VERSION, status));
    }
}

#[test]
fn case_30_inbound_records_of_version_1_are_read_in_every_status() {
    let statuses = [("claimed", InboundStatus::Claimed), ("stored", InboundStatus::Stored), ("poison", InboundStatus::Poison)];
    let with_fingerprint = ("fingerprint", InboundStatus::Stored);
    for (name, status) in statuses.into_iter().chain([with_fingerprint]) {
        let record = reads_and_rewrites(&format!("inbound-v1-{name}"), InboundRecord::from_cbor, InboundRecord::to_cbor);
        assert_eq!((record.v, record.status), (InboundRecord::VERSION, status));
    }
}

#[test]
fn case_30_dead_letters_of_version_1_are_read() {
    for name in ["dead-letter-v1", "dead-letter-v1-inbound", "dead-letter-v1-steps"] {
        assert_eq!(reads_and_rewrites(name, DeadLetter::from_cbor, DeadLetter::to_cbor).v, DeadLetter::VERSION);
    }
}

/// A receipt stands in records, encrypted.
#[test]
fn case_30_receipts_of_version_1_are_read() {
    let text = file("receipt-v1");
    let read: Receipt = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string_pretty(&read).unwrap() + "\n", text);
    let before: Receipt = serde_json::from_str(r#"{"provider_ids":["m-1"],"trimmed":true}"#).unwrap();
    assert!(before.warnings.is_empty() && before.steps.is_empty() && before.dropped.is_empty());
}

#[test]
fn case_30_references_of_version_1_are_read() {
    assert_eq!(reads_and_rewrites("reference-v1", Reference::from_cbor, Reference::to_cbor).v, Reference::VERSION);
}

/// Events stand in dead letters, messages too; a host keeps both.
#[test]
fn case_30_events_and_messages_of_version_1_are_read() {
    fn reads_and_rewrites<T: Serialize + DeserializeOwned>(name: &str) {
        let text = file(name);
        let read: T = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string_pretty(&read).unwrap() + "\n", text, "{name}");
    }
    for name in ["event-v1", "event-v1-session", "event-v1-status"] {
        reads_and_rewrites::<InboundEvent>(name);
    }
    for name in ["message-v1", "message-v1-opening", "message-v1-email"] {
        reads_and_rewrites::<OutboundMessage>(name);
    }
}

#[cfg(feature = "embedded")]
#[tokio::test]
async fn case_30_the_embedded_store_reads_and_writes_the_same_forms() {
    use redb::{ReadableDatabase as _, TableDefinition};
    use zengine_connector::{
        StrategyName, TenantId,
        store::{ClaimKey, DomainEvent, Embedded},
    };
    fn text(name: &str) -> TableDefinition<'_, &'static str, &'static [u8]> {
        TableDefinition::new(name)
    }
    const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
    const DIRECTORY: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("directory");

    let (tenant, strategy) = (TenantId::new("acme").unwrap(), StrategyName::new("sns-sms").unwrap());
    let key = ClaimKey::outbound(&tenant, &strategy, &zengine_connector::ClientMessageId::new("order-17").unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zengine.db");
    let store = Embedded::open(&path).unwrap();
    let letter = DeadLetter::from_cbor(&stored("dead-letter-v1")).unwrap();
    store.dead_letters().put(&letter).await.unwrap();
    let reference = Reference::from_cbor(&stored("reference-v1")).unwrap();
    store.claims().put_reference("hash", &reference).await.unwrap();
    let event: serde_json::Value = serde_json::from_str(&file("embedded-event-v1")).unwrap();
    let event: DomainEvent = serde_json::from_value(event["event"].clone()).unwrap();
    store.events().publish(&event).await.unwrap();
    store.tenant_writer().put(&tenant, &strategy, serde_json::json!({ "sender": "ACME" }).into()).await.unwrap();
    drop(store);

    let database = redb::Database::open(&path).unwrap();
    let snapshot = database.begin_read().unwrap();
    let same = |name: &str, stored: &[u8]| {
        let compact = serde_json::to_string(&serde_json::from_str::<serde_json::Value>(&file(name)).unwrap()).unwrap();
        let stored: serde_json::Value = serde_json::from_slice(stored).unwrap();
        assert_eq!(serde_json::to_string(&stored).unwrap(), compact, "{name}");
    };
    let letters = snapshot.open_table(text("dead_letters")).unwrap();
    assert_eq!(letters.get(letter.failure_id.as_str()).unwrap().unwrap().value(), stored("dead-letter-v1"));
    let references = snapshot.open_table(text("references")).unwrap();
    assert_eq!(references.get("hash").unwrap().unwrap().value(), stored("reference-v1"));
    drop((letters, references));
    same("embedded-event-v1", snapshot.open_table(EVENTS).unwrap().get(1).unwrap().unwrap().value());
    same("embedded-directory-v1", snapshot.open_table(DIRECTORY).unwrap().get(("sns-sms", "acme")).unwrap().unwrap().value());
    drop(snapshot);

    let claim = stored("claim-v1-unknown");
    let transaction = database.begin_write().unwrap();
    transaction.open_table(text("claims")).unwrap().insert(key.as_str(), &*claim).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let store = Embedded::open(&path).unwrap();
    assert_eq!(store.claims().get(&key).await.unwrap(), Some(ClaimRecord::from_cbor(&claim).unwrap()));
    assert_eq!(store.claims().reference("hash", 0).await.unwrap(), Some(reference));
    assert_eq!(store.published(0, 9).unwrap(), [(1, event)]);
    assert_eq!(store.dead_letters().get(&letter.failure_id).await.unwrap(), Some(letter));
}

#[cfg(feature = "embedded")]
#[tokio::test]
async fn case_30_a_row_that_is_changed_keeps_what_a_newer_release_wrote() {
    use redb::{ReadableDatabase as _, TableDefinition};
    use serde_json::{Value, json};
    use zengine_connector::{
        StrategyName, TenantId,
        store::{Embedded, TenantRow},
    };
    const DIRECTORY: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("directory");

    let (tenant, strategy) = (TenantId::new("acme").unwrap(), StrategyName::new("sns-sms").unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zengine.db");
    drop(Embedded::open(&path).unwrap());
    let mut newer = json!({ "v": 1, "version": "7", "config": { "sender": "ACME" }, "enabled": true, "region": { "of": "newer" } });
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(DIRECTORY).unwrap().insert(("sns-sms", "acme"), newer.to_string().as_bytes()).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let store = Embedded::open(&path).unwrap();
    assert!(store.tenant_writer().set_enabled(&tenant, &strategy, false).await.unwrap());
    let row = TenantRow::new(json!({ "sender": "OTHER" }));
    let version = store.tenant_writer().put(&tenant, &strategy, row).await.unwrap();
    drop(store);
    let database = redb::Database::open(&path).unwrap();
    let snapshot = database.begin_read().unwrap();
    let row = snapshot.open_table(DIRECTORY).unwrap().get(("sns-sms", "acme")).unwrap().unwrap();
    (newer["enabled"], newer["version"], newer["config"]["sender"]) = (false.into(), version.as_str().into(), "OTHER".into());
    assert_eq!(serde_json::from_slice::<Value>(row.value()).unwrap(), newer);
}

#[test]
fn every_golden_file_is_read_by_a_test() {
    let files: BTreeSet<String> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let tests = include_str!("golden.rs");
    for file in &files {
        let family = file.rsplit_once("v1").unwrap().0;
        assert!(tests.contains(family), "{file}");
    }
    assert_eq!(files.len(), 24 + 15, "15 of the 24 have a CBOR form");
}
