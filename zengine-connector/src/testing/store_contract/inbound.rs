//! Cases of inbound claims and of references.

use std::sync::Arc;

use super::{DAY_S, LEASE_MS, NOW, ROUNDS, Subject, at_once, named, strategy, tenant};
use crate::{
    ids::ClientMessageId,
    message::DedupeKey,
    store::{Applied, ClaimKey, ClaimStore, InboundOp, InboundRecord, InboundStatus, Lease, Reference},
};

fn key(event: &str) -> ClaimKey {
    let (tenant, strategy) = (tenant("acme"), strategy("whatsapp-meta-cloud"));
    ClaimKey::inbound(&tenant, &strategy, &DedupeKey::of(&tenant, &strategy, event))
}

async fn apply(subject: &Subject, event: &str, operation: InboundOp, now: i64) -> Applied<InboundRecord> {
    subject.stores.claims.apply_inbound(&key(event), &operation, None, now).await.unwrap()
}

async fn claim(subject: &Subject, event: &str, owner: &str, now: i64) -> Applied<InboundRecord> {
    claim_in(&*subject.stores.claims, event, owner, now).await
}

async fn claim_in(claims: &dyn ClaimStore, event: &str, owner: &str, now: i64) -> Applied<InboundRecord> {
    let lease = Lease { owner: named(owner), boot: claims.boot().map(Into::into), until_ms: now + LEASE_MS };
    claims.apply_inbound(&key(event), &InboundOp::Claim { lease, ttl_s: DAY_S }, None, now).await.unwrap()
}

fn settle(owner: &str, status: InboundStatus) -> InboundOp {
    InboundOp::Settle { owner: named(owner), status, ttl_s: DAY_S }
}

/// An inbound event is handled by one owner and stays stored until its record expires.
pub async fn rule_84_an_inbound_event_is_handled_by_one_owner_and_stays_stored(subject: &Subject) {
    let claimed = claim(subject, "e", "a", NOW).await;
    assert!(claimed.done);
    assert_eq!(claim(subject, "e", "a", NOW).await, claimed, "the same claim again is the same claim");
    let refused = claim(subject, "e", "b", NOW + 1).await;
    assert_eq!((refused.done, refused.record.map(|record| record.owner)), (false, Some(named("a"))));
    assert!(!apply(subject, "e", settle("b", InboundStatus::Stored), NOW + 1).await.done);
    assert!(!apply(subject, "e", InboundOp::Release { owner: named("b") }, NOW + 1).await.done);
    let renew = |owner: &str| InboundOp::Renew { owner: named(owner), until_ms: NOW + 2 * LEASE_MS };
    assert!(!apply(subject, "e", renew("b"), NOW + 1).await.done);
    assert!(apply(subject, "e", renew("a"), NOW + 1).await.done);
    assert!(!claim(subject, "e", "b", NOW + LEASE_MS + 1).await.done, "a renewed lease holds longer");

    let stored = apply(subject, "e", settle("a", InboundStatus::Stored), NOW + 2).await;
    assert!(stored.done);
    assert_eq!(apply(subject, "e", settle("a", InboundStatus::Stored), NOW + 3).await, stored);
    let record = stored.record.unwrap();
    assert_eq!((record.status, record.expires_at_s), (InboundStatus::Stored, (NOW + 2) / 1000 + DAY_S));
    assert!(!apply(subject, "e", InboundOp::Release { owner: named("a") }, NOW + 3).await.done);
    let over = record.expires_at_s * 1000;
    assert!(!claim(subject, "e", "b", over - 1).await.done);
    assert!(claim(subject, "e", "b", over).await.done);

    assert!(claim(subject, "poison", "a", NOW).await.done);
    assert!(apply(subject, "poison", settle("a", InboundStatus::Poison), NOW).await.done);
    assert!(!claim(subject, "poison", "b", NOW + 2 * LEASE_MS).await.done, "poison is not tried again");
}

/// The replay of a dead letter claims poison once, and nothing that is stored or has an owner.
pub async fn rule_84_a_replay_claims_poison_once(subject: &Subject) {
    let boot = subject.stores.claims.boot().map(Into::into);
    let replay = |owner: &str, now: i64| {
        let lease = Lease { owner: named(owner), boot: Clone::clone(&boot), until_ms: now + LEASE_MS };
        InboundOp::Replay { lease, ttl_s: DAY_S }
    };
    assert!(claim(subject, "e", "a", NOW).await.done);
    assert!(!apply(subject, "e", replay("b", NOW), NOW).await.done, "its owner is at work");
    assert!(apply(subject, "e", settle("a", InboundStatus::Poison), NOW).await.done);
    let replayed = apply(subject, "e", replay("b", NOW + 1), NOW + 1).await;
    assert!(replayed.done);
    assert_eq!(apply(subject, "e", replay("b", NOW + 1), NOW + 1).await, replayed, "the same claim again is the same claim");
    assert!(!apply(subject, "e", replay("c", NOW + 2), NOW + 2).await.done);
    assert!(!claim(subject, "e", "c", NOW + 2).await.done);
    assert!(apply(subject, "e", settle("b", InboundStatus::Stored), NOW + 3).await.done);
    assert!(!apply(subject, "e", replay("c", NOW + 4), NOW + 4).await.done, "what is stored is not replayed");
    assert!(apply(subject, "new", replay("a", NOW), NOW).await.done, "an event without a record is free");
}

/// An inbound event is claimed again after a release, and after the lease of a crashed owner.
pub async fn rule_84_a_released_inbound_event_is_claimed_again(subject: &Subject) {
    assert!(claim(subject, "e", "a", NOW).await.done);
    let released = apply(subject, "e", InboundOp::Release { owner: named("a") }, NOW).await;
    assert!(released.done);
    assert!(apply(subject, "e", InboundOp::Release { owner: named("a") }, NOW).await.done, "a repeated release is done");
    assert!(claim(subject, "e", "b", NOW).await.done);
    assert!(claim(subject, "e", "c", NOW + LEASE_MS + 1).await.done, "the lease of b is over");
    assert!(!apply(subject, "e", settle("b", InboundStatus::Stored), NOW + LEASE_MS + 1).await.done);
}

/// One of many concurrent inbound claims wins.
pub async fn rule_84_of_100_concurrent_inbound_claims_one_wins(subject: &Subject) {
    for round in 0..ROUNDS {
        let all = at_once(100, |n| {
            let claims = Arc::clone(&subject.stores.claims);
            async move { claim_in(&*claims, &round.to_string(), &format!("o{n}"), NOW).await }
        });
        assert_eq!(all.await.iter().filter(|applied| applied.done).count(), 1);
    }
}

/// A reference by hashed provider key finds its send until it expires.
pub async fn references_find_their_send_until_they_expire(subject: &Subject) {
    let claims = &subject.stores.claims;
    let of = |id: &str| Reference::new(tenant("acme"), strategy("sns-sms"), ClientMessageId::new(id).unwrap(), NOW / 1000 + DAY_S);
    assert_eq!(claims.reference("h1", NOW).await.unwrap(), None);
    claims.put_reference("h1", &of("1")).await.unwrap();
    claims.put_reference("h2", &of("2")).await.unwrap();
    assert_eq!(claims.reference("h1", NOW).await.unwrap(), Some(of("1")));
    assert_eq!(claims.reference("h2", NOW + DAY_S * 1000 - 1).await.unwrap(), Some(of("2")));
    assert_eq!(claims.reference("h2", NOW + DAY_S * 1000).await.unwrap(), None);
    claims.put_reference("h1", &of("3")).await.unwrap();
    assert_eq!(claims.reference("h1", NOW).await.unwrap(), Some(of("3")));
}
