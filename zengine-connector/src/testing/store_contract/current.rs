//! Cases of the record that a caller believes to be stored: it saves a read, and a write under its condition may rest on it.

use std::fmt::Debug;

use super::{DAY_S, IN_DOUBT_S, LEASE_MS, NOW, SKEW_MS, Subject, Works as _, key, name, named, strategy, tenant};
use crate::{
    message::{DedupeKey, State},
    store::{
        Applied, At, AttemptsMade, ClaimKey, ClaimOp, ClaimRecord, Decision, Effects, Evidence, InboundOp, InboundRecord, InboundStatus,
        Lease, Terminal, compare_and_set::Operation,
    },
};

fn lease(subject: &Subject, owner: &str) -> Lease {
    Lease { owner: named(owner), boot: subject.stores.claims.boot().map(Into::into), until_ms: NOW + LEASE_MS }
}

/// The result that the operation has on the record.
fn right<O: Operation>(operation: &O, stored: Option<&O::Record>, at: At<'_>) -> Applied<O::Record> {
    match operation.decide(stored, at) {
        Decision::Write(record) => Applied::done(Some(record)),
        Decision::Keep => Applied::done(stored.cloned()),
        Decision::Refuse => Applied::refused(stored.cloned()),
    }
}

/// Brings a key to each stage of a script of writes. There, runs its next write, the write that was just done and `refused`,
/// each with every record of the script as the one that the caller believes to be stored: earlier ones, later ones, and none.
async fn with_any_belief<O: Operation<Record: PartialEq + Debug> + Debug>(
    rule: u8,
    script: &[O],
    refused: &[O],
    at: At<'_>,
    apply: impl AsyncFn(&str, &O, Option<&O::Record>) -> Applied<O::Record>,
) {
    let mut history = vec![None];
    for operation in script {
        history.push(right(operation, history.last().and_then(Option::as_deref), at).record);
    }
    for (stage, stored) in history.iter().enumerate() {
        let (done, ahead) = script.split_at(stage);
        for (n, operation) in ahead.first().into_iter().chain(done.last()).chain(refused).enumerate() {
            let expected = right(operation, stored.as_deref(), at);
            let mut key: Option<String> = None;
            for (b, believed) in history.iter().enumerate() {
                if key.is_none() {
                    let fresh = format!("{stage}-{n}-{b}");
                    for (operation, before) in done.iter().zip(&history) {
                        let applied = apply(&fresh, operation, before.as_deref()).await;
                        assert!(applied.done, "rule {rule}: the store refused {} with the right `current`", name(operation));
                    }
                    key = Some(fresh);
                }
                let applied = apply(key.as_deref().unwrap(), operation, believed.as_deref()).await;
                assert_eq!(
                    applied,
                    expected,
                    "rule {rule}: `current` changed the result (left) of {}: it was {believed:?}, and {stored:?} is stored. \
                     Only a write under the condition that `current` is stored may rest on it",
                    name(operation)
                );
                if expected.record != *stored {
                    key = None;
                }
            }
        }
    }
}

/// A record that is no longer stored, one that is not stored yet, and none lead to the result of the right one.
pub async fn a_wrong_current_record_changes_no_result_of_a_send(subject: &Subject) {
    let (a, b) = (named("a"), named("b"));
    let claim = |owner| {
        let (lease, fingerprint) = (lease(subject, owner), super::fingerprint());
        ClaimOp::Claim { lease, fingerprint, skew_ms: SKEW_MS, ttl_s: DAY_S }
    };
    let unknown = |owner| ClaimOp::Commit {
        owner,
        terminal: Terminal::Unknown,
        result: None,
        error: None,
        made: AttemptsMade::new(1),
        effects: Effects::BOTH,
        ttl_s: DAY_S,
    };
    let script = [
        claim("a"),
        ClaimOp::Mark { owner: a, idempotency: None, ttl_s: IN_DOUBT_S },
        ClaimOp::Release { owner: a, maybe_sent: true, made: AttemptsMade::new(1), ttl_s: IN_DOUBT_S },
        ClaimOp::TakeOver { lease: lease(subject, "b"), seen: a, owner_gone: false, skew_ms: SKEW_MS },
        ClaimOp::Mark { owner: b, idempotency: None, ttl_s: IN_DOUBT_S },
        unknown(b),
        ClaimOp::Tell { key_generation: 0, evidence: Evidence::new(State::Failed, NOW, None), skew_ms: 2_000, ttl_s: DAY_S },
        ClaimOp::ClearEffects { first_claimed_at_ms: NOW, generation: 0, done: Effects::BOTH },
    ];
    let refused = [claim("b"), unknown(named("z"))];
    let boot = subject.stores.claims.boot();
    with_any_belief(13, &script, &refused, At { now_ms: NOW, boot }, async |id, operation, current| {
        apply_to_send(subject, id, operation, current).await
    })
    .await;
}

async fn apply_to_send(subject: &Subject, id: &str, operation: &ClaimOp, current: Option<&ClaimRecord>) -> Applied<ClaimRecord> {
    let (claims, key) = (&subject.stores.claims, key(id));
    let applied = claims.apply(&key, operation, current, NOW).await.works(format_args!("rule 13: `apply` of {}", name(operation)));
    let stored = claims.get(&key).await.works("`get`");
    let name = name(operation);
    assert_eq!(applied.record.as_deref(), stored.as_ref(), "rule 13: {name} returned (left) another record than the stored one");
    applied
}

async fn apply_to_event(subject: &Subject, event: &str, operation: &InboundOp, current: Option<&InboundRecord>) -> Applied<InboundRecord> {
    let (tenant, strategy) = (tenant("acme"), strategy("whatsapp-meta-cloud"));
    let key = ClaimKey::inbound(&tenant, &strategy, &DedupeKey::of(&tenant, &strategy, event));
    let applied = subject.stores.claims.apply_inbound(&key, operation, current, NOW).await;
    applied.works(format_args!("rule 84: `apply_inbound` of {}", name(operation)))
}

/// The same for the record of an inbound event.
pub async fn a_wrong_current_record_changes_no_result_of_an_inbound_event(subject: &Subject) {
    let claim = |owner| InboundOp::Claim { lease: lease(subject, owner), fingerprint: None, ttl_s: DAY_S };
    let script = [
        claim("a"),
        // To an end that is over, so that the next owner replaces it. A released record is no stage: the store may remove it.
        InboundOp::Renew { owner: named("a"), until_ms: NOW - 1 },
        claim("b"),
        InboundOp::Settle { owner: named("b"), status: InboundStatus::Stored, ttl_s: DAY_S },
    ];
    let refused = [claim("c"), InboundOp::Renew { owner: named("z"), until_ms: NOW }];
    let boot = subject.stores.claims.boot();
    with_any_belief(84, &script, &refused, At { now_ms: NOW, boot }, async |event, operation, current| {
        apply_to_event(subject, event, operation, current).await
    })
    .await;
}

/// Runs each next write of the owner of a record that was removed, on the record that another owner made anew. It has been
/// written as often, so that `rev` is the same, and only the owner tells the two apart.
async fn of_a_late_owner<O: Operation<Record: PartialEq + Debug> + Debug>(
    rule: u8,
    script: impl Fn(&str) -> Vec<O>,
    at: At<'_>,
    apply: impl AsyncFn(&str, &O, Option<&O::Record>) -> Applied<O::Record>,
) {
    let (late, anew) = (script("late"), script("anew"));
    let mut removed = None;
    for (stage, pair) in late.windows(2).enumerate() {
        removed = right(&pair[0], removed.as_deref(), at).record;
        let (id, mut stored) = (format!("anew-{stage}"), None);
        for operation in &anew[..=stage] {
            let applied = apply(&id, operation, stored.as_deref()).await;
            assert!(applied.done, "rule {rule}: the store refused {} with the right `current`", name(operation));
            stored = applied.record;
        }
        let applied = apply(&id, &pair[1], removed.as_deref()).await;
        assert_eq!(
            applied,
            right(&pair[1], stored.as_deref(), at),
            "rule {rule}: the store did (left) {} of an owner whose record was removed, on the record that another owner made \
             anew. `rev` counts from 1 again in it: a write must compare `owner` and `rev`",
            name(&pair[1])
        );
    }
}

/// The owner of a record that was removed writes nothing into the one that was made anew under its key.
pub async fn rule_15_late_owner_cannot_change_a_record_that_was_made_anew(subject: &Subject) {
    let script = |owner: &str| {
        let (lease, fingerprint, owner) = (lease(subject, owner), super::fingerprint(), named(owner));
        vec![
            ClaimOp::Claim { lease, fingerprint, skew_ms: SKEW_MS, ttl_s: DAY_S },
            ClaimOp::Mark { owner, idempotency: None, ttl_s: IN_DOUBT_S },
            ClaimOp::Renew { owner, until_ms: NOW + 2 * LEASE_MS },
            ClaimOp::Release { owner, maybe_sent: true, made: AttemptsMade::new(1), ttl_s: IN_DOUBT_S },
        ]
    };
    let boot = subject.stores.claims.boot();
    of_a_late_owner(15, script, At { now_ms: NOW, boot }, async |id, operation, current| {
        apply_to_send(subject, id, operation, current).await
    })
    .await;
}

/// The same for the record of an inbound event.
pub async fn rule_84_late_owner_cannot_change_an_inbound_record_that_was_made_anew(subject: &Subject) {
    let script = |owner: &str| {
        let (lease, owner) = (lease(subject, owner), named(owner));
        vec![
            InboundOp::Claim { lease, fingerprint: None, ttl_s: DAY_S },
            InboundOp::Renew { owner, until_ms: NOW + 2 * LEASE_MS },
            InboundOp::Settle { owner, status: InboundStatus::Stored, ttl_s: DAY_S },
        ]
    };
    let boot = subject.stores.claims.boot();
    of_a_late_owner(84, script, At { now_ms: NOW, boot }, async |event, operation, current| {
        apply_to_event(subject, event, operation, current).await
    })
    .await;
}
