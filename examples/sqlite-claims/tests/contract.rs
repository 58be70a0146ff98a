//! The contract of claim stores, and a send that a reopened file remembers.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::{path::Path, sync::Arc};

use sqlite_claims::SqliteClaims;
use zengine_connector::{
    ClientMessageId, Identity, Memory, Orchestrator, OutboundMessage, Outcome, SendOptions, StrategyName, StrategyRegistry, TenantId,
    store::{ClaimKey, ClaimOp, ClaimStore as _, Fingerprint, Lease, OwnerToken, Stores},
    testing::{Recording, store_contract::Subject},
};

fn subject() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    Subject::new(stores(&folder.path().join("claims.db"), &Memory::new())).holding(folder)
}

fn stores(path: &Path, memory: &Memory) -> Stores {
    Stores::builder().base(memory).claims(Arc::new(SqliteClaims::open(path).unwrap())).build().unwrap()
}

zengine_connector::store_contract!(contract, crate::subject, ports = [claims]);

/// A process that keeps its claims in the file.
fn process(path: &Path, provider: &Recording, memory: &Memory) -> Orchestrator {
    let registry = StrategyRegistry::builder().register(provider.clone()).build().unwrap();
    Orchestrator::builder(registry).stores(stores(path, memory)).build().unwrap()
}

#[tokio::test]
async fn a_send_is_replayed_after_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("claims.db");
    let tenant = TenantId::new("acme").unwrap();
    let (provider, memory) = (Recording::new(), Memory::new());
    memory.put_tenant(&tenant, &StrategyName::new("recording").unwrap(), serde_json::json!({}));
    let message = OutboundMessage::text(Identity::phone("+15551230001").unwrap(), "hello");
    for replayed in [false, true] {
        let process = process(&path, &provider, &memory);
        let options = SendOptions::new(ClientMessageId::new("order-17").unwrap());
        let outcome = process.send(&tenant, "recording", &message, options).await.unwrap();
        let Outcome::Delivered(delivered) = outcome else { panic!("not delivered: {outcome:?}") };
        assert_eq!(delivered.replayed, replayed);
    }
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
    assert!(claims.apply(&key("in doubt"), &ClaimOp::Mark { owner, ttl_s: 60 }, None, 0).await.unwrap().done);
    assert_eq!(claims.sweep(59_999, 100).await.unwrap(), 0);
    assert_eq!(claims.sweep(60_000, 100).await.unwrap(), 1);
    assert_eq!(claims.get(&key("claimed")).await.unwrap(), None);
    assert!(claims.get(&key("in doubt")).await.unwrap().is_some());
}
