//! Cases of the record that a caller believes to be stored: it saves a read, and decides nothing.

use std::fmt::Debug;

use super::{ClaimRun, DAY_S, IN_DOUBT_S, LEASE_MS, NOW, SKEW_MS, Subject, named, strategy, tenant};
use crate::{
    message::{DedupeKey, State},
    store::{
        Applied, At, AttemptsMade, ClaimKey, ClaimOp, Decision, Effects, Evidence, InboundOp, InboundStatus, Lease, Terminal,
        compare_and_set::Operation,
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
async fn with_any_belief<O: Operation<Record: PartialEq + Debug>>(
    script: &[O],
    refused: &[O],
    at: At<'_>,
    apply: impl AsyncFn(&str, &O, Option<&O::Record>) -> Applied<O::Record>,
) {
    let mut history = vec![None];
    for operation in script {
        let next = right(operation, history.last().and_then(Option::as_deref), at);
        assert!(next.done);
        history.push(next.record);
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
                        assert!(apply(&fresh, operation, before.as_deref()).await.done);
                    }
                    key = Some(fresh);
                }
                let applied = apply(key.as_deref().unwrap(), operation, believed.as_deref()).await;
                assert_eq!(applied, expected, "record {stage} is stored, record {b} was believed to be");
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
        ClaimOp::Mark { owner: a, ttl_s: IN_DOUBT_S },
        ClaimOp::Release { owner: a, maybe_sent: true, made: AttemptsMade::new(1), ttl_s: IN_DOUBT_S },
        ClaimOp::TakeOver { lease: lease(subject, "b"), seen: a, owner_gone: false, skew_ms: SKEW_MS },
        ClaimOp::Mark { owner: b, ttl_s: IN_DOUBT_S },
        unknown(b),
        ClaimOp::Tell { key_generation: 0, evidence: Evidence::new(State::Failed, NOW, None), ttl_s: DAY_S },
        ClaimOp::ClearEffects { first_claimed_at_ms: NOW, generation: 0, done: Effects::BOTH },
    ];
    let refused = [claim("b"), unknown(named("z"))];
    let boot = subject.stores.claims.boot();
    with_any_belief(&script, &refused, At { now_ms: NOW, boot }, async |id, operation, current| {
        let run = ClaimRun::new(subject, id);
        let applied = run.claims.apply(&run.key, operation, current, NOW).await.unwrap();
        assert_eq!(applied.record.as_deref(), run.record().await.as_ref(), "the returned record is the stored one");
        applied
    })
    .await;
}

/// The same for the record of an inbound event.
pub async fn a_wrong_current_record_changes_no_result_of_an_inbound_event(subject: &Subject) {
    let claim = |owner| InboundOp::Claim { lease: lease(subject, owner), ttl_s: DAY_S };
    let script = [
        claim("a"),
        // To an end that is over, so that the next owner replaces it. A released record is no stage: the store may remove it.
        InboundOp::Renew { owner: named("a"), until_ms: NOW - 1 },
        claim("b"),
        InboundOp::Settle { owner: named("b"), status: InboundStatus::Stored, ttl_s: DAY_S },
    ];
    let refused = [claim("c"), InboundOp::Renew { owner: named("z"), until_ms: NOW }];
    let boot = subject.stores.claims.boot();
    let (tenant, strategy) = (tenant("acme"), strategy("whatsapp-meta-cloud"));
    with_any_belief(&script, &refused, At { now_ms: NOW, boot }, async |id, operation, current| {
        let key = ClaimKey::inbound(&tenant, &strategy, &DedupeKey::of(&tenant, &strategy, id));
        subject.stores.claims.apply_inbound(&key, operation, current, NOW).await.unwrap()
    })
    .await;
}
