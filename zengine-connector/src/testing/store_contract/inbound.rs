//! Cases of inbound claims and of references.

use std::sync::Arc;

use super::{ALIKE, BYTE_BY_BYTE, DAY_S, LEASE_MS, NOW, ROUNDS, Subject, Works as _, at_once, name, named, strategy, tenant};
use crate::{
    ids::ClientMessageId,
    message::DedupeKey,
    store::{Applied, ClaimKey, ClaimStore, Fingerprint, InboundOp, InboundRecord, InboundStatus, Lease, Reference},
};

fn key(event: &str) -> ClaimKey {
    let (tenant, strategy) = (tenant("acme"), strategy("whatsapp-meta-cloud"));
    ClaimKey::inbound(&tenant, &strategy, &DedupeKey::of(&tenant, &strategy, event))
}

async fn apply(subject: &Subject, event: &str, operation: InboundOp, now: i64) -> Applied<InboundRecord> {
    let applied = subject.stores.claims.apply_inbound(&key(event), &operation, None, now).await;
    applied.works(format_args!("rule 84: `apply_inbound` of {}", name(&operation)))
}

async fn claim(subject: &Subject, event: &str, owner: &str, now: i64) -> Applied<InboundRecord> {
    claim_in(&*subject.stores.claims, event, owner, now).await
}

async fn claim_in(claims: &dyn ClaimStore, event: &str, owner: &str, now: i64) -> Applied<InboundRecord> {
    let lease = Lease { owner: named(owner), boot: claims.boot().map(Into::into), until_ms: now + LEASE_MS };
    claims
        .apply_inbound(&key(event), &InboundOp::Claim { lease, fingerprint: None, ttl_s: DAY_S }, None, now)
        .await
        .works("rule 84: `apply_inbound` of Claim")
}

fn settle(owner: &str, status: InboundStatus) -> InboundOp {
    InboundOp::Settle { owner: named(owner), status, ttl_s: DAY_S }
}

const REFUSED: &str = "rule 84: the store refused what `decide` allows";
const DONE: &str = "rule 84: the store did what `decide` refuses";
const REPEATED: &str = "rule 84: the store did not return the same record for the repetition of a write, for which `decide` returns Keep";

/// An inbound event is handled by one owner and stays stored until its record expires.
pub async fn rule_84_an_inbound_event_is_handled_by_one_owner_and_stays_stored(subject: &Subject) {
    let claimed = claim(subject, "e", "a", NOW).await;
    assert!(claimed.done, "{REFUSED}: the first claim of an event");
    assert_eq!(claim(subject, "e", "a", NOW).await, claimed, "{REPEATED}: a claim");
    let refused = claim(subject, "e", "b", NOW + 1).await;
    assert!(!refused.done, "{DONE}: the claim of an event that another owner holds");
    assert_eq!(
        refused.record.map(|record| record.owner),
        Some(named("a")),
        "rule 84: a refusal returned (left) another record than the stored one"
    );
    assert!(!apply(subject, "e", settle("b", InboundStatus::Stored), NOW + 1).await.done, "{DONE}: a settlement by another than the owner");
    assert!(
        !apply(subject, "e", InboundOp::Release { owner: named("b") }, NOW + 1).await.done,
        "{DONE}: a release by another than the owner"
    );
    let renew = |owner: &str| InboundOp::Renew { owner: named(owner), until_ms: NOW + 2 * LEASE_MS };
    assert!(!apply(subject, "e", renew("b"), NOW + 1).await.done, "{DONE}: a renewal by another than the owner");
    assert!(apply(subject, "e", renew("a"), NOW + 1).await.done, "{REFUSED}: a renewal by the owner");
    assert!(!claim(subject, "e", "b", NOW + LEASE_MS + 1).await.done, "{DONE}: a claim within a renewed lease");

    let stored = apply(subject, "e", settle("a", InboundStatus::Stored), NOW + 2).await;
    assert!(stored.done, "{REFUSED}: a settlement by the owner");
    assert_eq!(apply(subject, "e", settle("a", InboundStatus::Stored), NOW + 3).await, stored, "{REPEATED}: a settlement");
    let record = stored.record.expect("rule 84: a settlement by the owner returned no record");
    let holds = (record.status, record.expires_at_s);
    assert_eq!(
        holds,
        (InboundStatus::Stored, (NOW + 2) / 1000 + DAY_S),
        "rule 84: the store lost (left) status or expiry of a stored event"
    );
    assert!(!apply(subject, "e", InboundOp::Release { owner: named("a") }, NOW + 3).await.done, "{DONE}: the release of a stored event");
    let over = record.expires_at_s * 1000;
    assert!(!claim(subject, "e", "b", over - 1).await.done, "{DONE}: the claim of a stored event that is not expired");
    assert!(claim(subject, "e", "b", over).await.done, "{REFUSED}: the claim of an expired event");

    assert!(claim(subject, "poison", "a", NOW).await.done, "{REFUSED}: the first claim of an event");
    assert!(apply(subject, "poison", settle("a", InboundStatus::Poison), NOW).await.done, "{REFUSED}: a settlement by the owner");
    assert!(!claim(subject, "poison", "b", NOW + 2 * LEASE_MS).await.done, "{DONE}: the claim of poison");
}

/// The replay of a dead letter claims poison once, and nothing that is stored or has an owner.
pub async fn rule_84_a_replay_claims_poison_once(subject: &Subject) {
    let boot = subject.stores.claims.boot().map(Into::into);
    let replay = |owner: &str, now: i64| {
        let lease = Lease { owner: named(owner), boot: Clone::clone(&boot), until_ms: now + LEASE_MS };
        InboundOp::Replay { lease, fingerprint: None, ttl_s: DAY_S }
    };
    assert!(claim(subject, "e", "a", NOW).await.done, "{REFUSED}: the first claim of an event");
    assert!(!apply(subject, "e", replay("b", NOW), NOW).await.done, "{DONE}: the replay of an event that another owner holds");
    assert!(apply(subject, "e", settle("a", InboundStatus::Poison), NOW).await.done, "{REFUSED}: a settlement by the owner");
    let replayed = apply(subject, "e", replay("b", NOW + 1), NOW + 1).await;
    assert!(replayed.done, "{REFUSED}: the replay of poison");
    assert_eq!(apply(subject, "e", replay("b", NOW + 1), NOW + 1).await, replayed, "{REPEATED}: a replay");
    assert!(!apply(subject, "e", replay("c", NOW + 2), NOW + 2).await.done, "{DONE}: a second replay");
    assert!(!claim(subject, "e", "c", NOW + 2).await.done, "{DONE}: the claim of an event that is being replayed");
    assert!(apply(subject, "e", settle("b", InboundStatus::Stored), NOW + 3).await.done, "{REFUSED}: a settlement by the owner");
    assert!(!apply(subject, "e", replay("c", NOW + 4), NOW + 4).await.done, "{DONE}: the replay of a stored event");
    assert!(apply(subject, "new", replay("a", NOW), NOW).await.done, "{REFUSED}: the replay of an event without a record");
}

/// A record keeps the fingerprint of its event, refuses the claim of another one, and can be read.
pub async fn rule_84_another_event_under_the_same_key_is_refused(subject: &Subject) {
    let boot = subject.stores.claims.boot().map(Into::into);
    let claim = |owner: &str, value: Option<u8>, key: &str, now: i64| {
        let lease = Lease { owner: named(owner), boot: Clone::clone(&boot), until_ms: now + LEASE_MS };
        InboundOp::Claim { lease, fingerprint: value.map(|value| Fingerprint::new([value; 16], 1, key)), ttl_s: DAY_S }
    };
    let absent = apply(subject, "e", InboundOp::Read, NOW).await;
    assert!(absent.done && absent.record.is_none(), "rule 84: `Read` of an event without a record");
    assert!(apply(subject, "e", claim("a", Some(1), "k", NOW), NOW).await.done, "{REFUSED}: the first claim of an event");
    let over = NOW + LEASE_MS + 1;
    let other = apply(subject, "e", claim("b", Some(2), "k", over), over).await;
    assert!(!other.done, "{DONE}: the claim of another event under the same key");
    let kept = other.record.and_then(|record| record.fingerprint.clone());
    assert_eq!(kept, Some(Fingerprint::new([1; 16], 1, "k")), "rule 84: the store lost (left) the fingerprint of an event");
    assert!(apply(subject, "e", claim("c", Some(2), "other", over), over).await.done, "{REFUSED}: a claim that cannot be compared");
    let read = apply(subject, "e", InboundOp::Read, over).await;
    assert_eq!(read.record.map(|record| record.owner), Some(named("c")), "rule 84: `Read` returned (left) another record");
    let later = over + LEASE_MS + 1;
    let plain = apply(subject, "e", claim("d", None, "k", later), later).await;
    assert!(plain.done, "{REFUSED}: a claim without a fingerprint");
    let kept = plain.record.and_then(|record| record.fingerprint.clone());
    assert!(kept.is_some(), "rule 84: a claim without a fingerprint removed that of the record");
}

/// An inbound event is claimed again after a release, and after the lease of a crashed owner.
pub async fn rule_84_a_released_inbound_event_is_claimed_again(subject: &Subject) {
    assert!(claim(subject, "e", "a", NOW).await.done, "{REFUSED}: the first claim of an event");
    let released = apply(subject, "e", InboundOp::Release { owner: named("a") }, NOW).await;
    assert!(released.done, "{REFUSED}: a release by the owner");
    assert!(apply(subject, "e", InboundOp::Release { owner: named("a") }, NOW).await.done, "{REFUSED}: a repeated release");
    assert!(claim(subject, "e", "b", NOW).await.done, "{REFUSED}: the claim of a released event");
    assert!(claim(subject, "e", "c", NOW + LEASE_MS + 1).await.done, "{REFUSED}: the claim of an event whose lease is over");
    let late = apply(subject, "e", settle("b", InboundStatus::Stored), NOW + LEASE_MS + 1).await;
    assert!(!late.done, "{DONE}: a settlement by an owner that another one has replaced");
}

/// One of many concurrent inbound claims wins.
pub async fn rule_84_of_100_concurrent_inbound_claims_one_wins(subject: &Subject) {
    for round in 0..ROUNDS {
        let all = at_once(100, |n| {
            let claims = Arc::clone(&subject.stores.claims);
            async move { claim_in(&*claims, &round.to_string(), &format!("o{n}"), NOW).await }
        });
        let won = all.await.iter().filter(|applied| applied.done).count();
        assert_eq!(won, 1, "rule 84: of 100 concurrent claims of an event the store did this many (left): read and write are not one step");
    }
}

/// A reference by hashed provider key finds its send until it expires.
pub async fn references_find_their_send_until_they_expire(subject: &Subject) {
    let claims = &subject.stores.claims;
    let of = |id: &str| Reference::new(tenant("acme"), strategy("sns-sms"), ClientMessageId::new(id).unwrap(), NOW / 1000 + DAY_S);
    assert_eq!(claims.reference("h1", NOW).await.works("`reference`"), None, "`reference` finds a send (left) in an empty store");
    claims.put_reference("h1", &of("1")).await.works("`put_reference`");
    claims.put_reference("h2", &of("2")).await.works("`put_reference`");
    assert_eq!(
        claims.reference("h1", NOW).await.works("`reference`"),
        Some(of("1")),
        "`reference` returned (left) another send than the hash's"
    );
    let end = NOW + DAY_S * 1000;
    assert_eq!(
        claims.reference("h2", end - 1).await.works("`reference`"),
        Some(of("2")),
        "`reference` lost (left) a send before its reference expired"
    );
    assert_eq!(claims.reference("h2", end).await.works("`reference`"), None, "`reference` returned (left) an expired reference");
    claims.put_reference("h1", &of("3")).await.works("`put_reference`");
    assert_eq!(
        claims.reference("h1", NOW).await.works("`reference`"),
        Some(of("3")),
        "`put_reference` did not replace an earlier reference (left)"
    );
    for hash in ALIKE {
        claims.put_reference(hash, &of(hash)).await.works("`put_reference`");
    }
    for hash in ALIKE {
        let found = claims.reference(hash, NOW).await.works("`reference`");
        assert_eq!(found, Some(of(hash)), "`reference` of {hash:?} returned (left) the send of a hash that looks alike: {BYTE_BY_BYTE}");
    }
}
