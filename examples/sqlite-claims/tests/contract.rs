//! The contract of claim stores, and a send that survives a restart.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::{path::Path, sync::Arc};

use sqlite_claims::SqliteClaims;
use zengine_connector::{
    ClientMessageId, Error, ErrorKind, Identity, Memory, Orchestrator, OutboundMessage, Outcome, Secret, StrategyName, TenantId,
    keyring::{Key, StaticKeyRing},
    store::{ClaimKey, ClaimOp, ClaimStore as _, Fingerprint, Lease, OwnerToken, Stores},
    testing::{Recording, store_contract::Subject},
};

fn subject() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    Subject::new(stores(&folder.path().join("claims.db"), &Memory::new())).holding(folder)
}

/// Claims of the file and the keys that every process has; the rest is the process's own.
fn stores(path: &Path, memory: &Memory) -> Stores {
    let keys = StaticKeyRing::new(Key::new("k1", &Secret::new([7; 32])));
    Stores::builder().base(memory).claims(Arc::new(SqliteClaims::open(path).unwrap())).keys(Arc::new(keys)).build().unwrap()
}

zengine_connector::store_contract!(contract, crate::subject, ports = [claims]);

/// A process that shares nothing with an earlier one but the file and the keys.
fn process(path: &Path, provider: &Recording) -> Orchestrator {
    let memory = Memory::new();
    memory.put_tenant(&tenant(), &StrategyName::new("recording").unwrap(), serde_json::json!({}));
    Orchestrator::builder().strategy(provider.clone()).stores(stores(path, &memory)).build().unwrap()
}

fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

async fn send(process: &Orchestrator, text: &str) -> Result<Outcome, Error> {
    let message = OutboundMessage::text(Identity::phone("+15551230001").unwrap(), text);
    process.send(tenant(), "recording", "order-17", &message).await
}

#[tokio::test]
async fn a_send_is_replayed_with_its_receipt_after_a_restart() {
    let (folder, provider) = (tempfile::tempdir().unwrap(), Recording::new());
    let path = folder.path().join("claims.db");
    let mut receipts = Vec::new();
    for replayed in [false, true] {
        let outcome = send(&process(&path, &provider), "hello").await.unwrap();
        let Outcome::Delivered(delivered) = outcome else { panic!("not delivered: {outcome:?}") };
        assert_eq!(delivered.replayed, replayed);
        receipts.push(delivered.receipt.provider_ids);
    }
    assert!(!receipts[0].is_empty());
    assert_eq!(receipts[0], receipts[1]);
    let other = send(&process(&path, &provider), "another message under the same id").await;
    assert_eq!(other.unwrap_err().kind(), ErrorKind::Mismatch);
    assert_eq!(provider.calls().len(), 1);
}

#[tokio::test]
async fn the_sweep_removes_what_may_go_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let claims = SqliteClaims::open(folder.path().join("claims.db")).unwrap();
    let key = |id: &str| {
        let (tenant, strategy) = (TenantId::new("acme").unwrap(), StrategyName::new("sns-sms").unwrap());
        ClaimKey::outbound(&tenant, &strategy, &ClientMessageId::new(id).unwrap())
    };
    let owner = OwnerToken::named("a");
    for id in ["claimed", "in doubt"] {
        let lease = Lease { owner, boot: None, until_ms: 60_000 };
        let claim = ClaimOp::Claim { lease, fingerprint: Fingerprint::new([0; 16], 1, "k1"), skew_ms: 2_000, ttl_s: 60 };
        assert!(claims.apply(&key(id), &claim, None, 0).await.unwrap().done);
    }
    assert!(claims.apply(&key("in doubt"), &ClaimOp::Mark { owner, idempotency: None, ttl_s: 60 }, None, 0).await.unwrap().done);
    assert_eq!(claims.sweep(59_999, 100).await.unwrap(), 0);
    assert_eq!(claims.sweep(60_000, 100).await.unwrap(), 1);
    assert_eq!(claims.get(&key("claimed")).await.unwrap(), None);
    assert!(claims.get(&key("in doubt")).await.unwrap().is_some());
}
