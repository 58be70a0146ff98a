//! Cases of settled claims: commits, evidence, expiry, effects, redrives.

use std::collections::{BTreeMap, BTreeSet};

use super::{ClaimRun, DAY_S, IN_DOUBT_S, LEASE_MS, NOW, ROUNDS, SKEW_MS, Subject, Works as _, at_once, fingerprint, key, named};
use crate::{
    error::{ErrorKind, Reach},
    message::{Standing, State},
    store::{ClaimKey, ClaimOp, ClaimRecord, ClaimStatus, Effects, Evidence, StoreErrorKind, StoredError, StoredReceipt, Terminal},
};

/// Clears all that a send claimed at `NOW` owes.
const CLEARED: ClaimOp = ClaimOp::ClearEffects { first_claimed_at_ms: NOW, generation: 0, done: Effects::BOTH };

const LATER: i64 = NOW + LEASE_MS + SKEW_MS + 1;

fn tell(standing: impl Into<Standing>) -> ClaimOp {
    let evidence = Evidence::new(standing, NOW, Some(StoredReceipt::sealed(&b"told"[..])));
    ClaimOp::Tell { key_generation: 0, evidence, skew_ms: 2_000, ttl_s: DAY_S }
}

fn give_up(seen: &str) -> ClaimOp {
    let error = StoredError::new(ErrorKind::Unexpected, Reach::Maybe, "the owner is gone");
    let (claimant, seen) = (named("b"), named(seen));
    ClaimOp::GiveUp { claimant, seen, owner_gone: false, error, skew_ms: SKEW_MS, ttl_s: DAY_S }
}

fn redrive(run: &ClaimRun, owner: &str, generation: u32, now: i64) -> ClaimOp {
    let (lease, fingerprint) = (run.lease(owner, now), fingerprint());
    ClaimOp::Redrive {
        lease,
        fingerprint,
        generation,
        key_generation: generation + 1,
        first_claimed_at_ms: None,
        maybe_sent: false,
        first_sent_at_ms: None,
        last_attempt_at_ms: None,
        idempotency: None,
        ttl_s: DAY_S,
    }
}

async fn sending(run: &ClaimRun) {
    run.done(run.claim("a", NOW).await).await;
    run.done(run.mark("a", NOW).await).await;
}

/// No operation changes a terminal record.
pub async fn rule_22_a_terminal_record_does_not_change(subject: &Subject) {
    for terminal in [Terminal::Delivered, Terminal::Failed] {
        let run = ClaimRun::new(subject, 22, if terminal == Terminal::Failed { "failed" } else { "delivered" });
        sending(&run).await;
        let record = run.done(run.commit("a", terminal, NOW + 1).await).await;
        let holds = (record.status, record.expires_at_s);
        assert_eq!(holds, (terminal.into(), (NOW + 1) / 1000 + DAY_S), "rule 22: the store lost (left) the end of a send or its expiry");
        let record = Some(&record);
        run.refused(run.claim("b", LATER).await, record).await;
        run.refused(run.take_over("b", "a", LATER).await, record).await;
        run.refused(run.mark("a", LATER).await, record).await;
        run.refused(run.release("a", true, LATER).await, record).await;
        run.refused(run.apply(give_up("a"), LATER).await, record).await;
        run.refused(run.apply(tell(State::Failed), LATER).await, record).await;
        // The owner's own repetition is no change either.
        run.done(run.commit("a", Terminal::Unknown, LATER).await).await;
        assert_eq!(run.record().await.as_ref(), record, "rule 22: the store changed a final record (left)");
    }
}

/// Case 17: a late owner turns Unknown into Delivered, never the reverse.
pub async fn rule_27_only_a_late_owner_settles_an_unknown(subject: &Subject) {
    let run = ClaimRun::new(subject, 27, "1");
    sending(&run).await;
    let unknown = run.done(run.apply(give_up("a"), LATER).await).await;
    run.refused(run.commit("z", Terminal::Delivered, LATER).await, Some(&unknown)).await;
    let settled = run.done(run.commit("a", Terminal::Delivered, LATER + 1).await).await;
    assert_eq!(
        (settled.status, &settled.result, settled.effects_pending),
        (ClaimStatus::Delivered, &Some(StoredReceipt::sealed(&b"receipt"[..])), Effects::SETTLED),
        "rule 27: the store lost (left) the end, the receipt or the effects of an Unknown that its late owner settled"
    );
    run.done(run.commit("a", Terminal::Unknown, LATER + 2).await).await;
    assert_eq!(run.record().await, Some(settled), "rule 27: the store made a settled record (left) Unknown again");
}

/// Evidence of delivery or failure settles an Unknown.
pub async fn rule_27_evidence_settles_an_unknown(subject: &Subject) {
    for (state, status) in [(State::Delivered, ClaimStatus::Delivered), (State::Failed, ClaimStatus::Failed)] {
        let run = ClaimRun::new(subject, 27, state.as_str());
        sending(&run).await;
        run.done(run.commit("a", Terminal::Unknown, NOW + 1).await).await;
        let settled = run.done(run.apply(tell(state), NOW + 2).await).await;
        let receipt = settled.evidence.as_ref().and_then(|evidence| evidence.receipt.clone());
        assert_eq!(
            (settled.status, settled.effects_pending.settled, receipt),
            (status, true, Some(StoredReceipt::sealed(&b"told"[..]))),
            "rule 27: the store lost (left) the end of an Unknown that evidence settled, its event, or the evidence"
        );
    }
    let absent = ClaimRun::new(subject, 27, "absent");
    absent.refused(absent.apply(tell(State::Read), NOW).await, None).await;
}

/// A failure that is not final settles nothing; what is proved later does.
pub async fn rule_27_a_failure_that_is_not_final_settles_nothing(subject: &Subject) {
    let soft = Standing::of(State::Failed).with_permanent(false);
    let run = ClaimRun::new(subject, 27, "1");
    sending(&run).await;
    let told = run.done(run.apply(tell(soft), NOW + 1).await).await;
    let kept = told.evidence.as_ref().map(|evidence| (evidence.state, evidence.permanent));
    assert_eq!(kept, Some((State::Failed, Some(false))), "rule 27: the store lost evidence of a failure that is not final");
    let unknown = run.done(run.commit("a", Terminal::Unknown, NOW + 2).await).await;
    assert_eq!(unknown.status, ClaimStatus::Unknown, "rule 27: a failure that is not final ended a send (left)");
    run.refused(run.apply(tell(soft), NOW + 2).await, Some(&unknown)).await;
    let settled = run.done(run.apply(tell(State::Delivered), NOW + 3).await).await;
    assert_eq!(settled.status, ClaimStatus::Delivered, "rule 27: later proof of a delivery did not settle the record (left)");

    let suppressed = ClaimRun::new(subject, 27, "suppressed");
    sending(&suppressed).await;
    suppressed.done(suppressed.commit("a", Terminal::Unknown, NOW + 1).await).await;
    let complaint = Standing::of(State::Complained).with_suppressed();
    let settled = suppressed.done(suppressed.apply(tell(complaint), NOW + 2).await).await;
    assert_eq!(settled.status, ClaimStatus::Failed, "rule 27: a message that the provider suppressed settled (left) as another end");
}

/// Evidence that arrives before the commit decides it.
pub async fn rule_27_evidence_while_sending_decides_the_commit(subject: &Subject) {
    use Terminal::{Delivered, Failed, Unknown};
    let cases = [
        (State::Delivered, Unknown, ClaimStatus::Delivered),
        (State::Delivered, Failed, ClaimStatus::Delivered),
        (State::Failed, Unknown, ClaimStatus::Failed),
        (State::Failed, Delivered, ClaimStatus::Delivered),
    ];
    for (n, (state, terminal, status)) in cases.into_iter().enumerate() {
        let run = ClaimRun::new(subject, 27, &n.to_string());
        sending(&run).await;
        let sending_record = run.done(run.apply(tell(state), NOW + 1).await).await;
        assert_eq!(
            (sending_record.status, sending_record.owner),
            (ClaimStatus::Sending, named("a")),
            "rule 27: evidence took the record (left) from its owner"
        );
        let record = run.done(run.commit("a", terminal, NOW + 2).await).await;
        assert_eq!(
            record.status, status,
            "rule 27: {state:?} was told before the commit of {terminal:?}, and the store lost (left) the evidence"
        );
        if status == ClaimStatus::Delivered {
            assert_eq!(
                record.effects_pending,
                Effects::NONE,
                "rule 27: the store holds effects (left) for a send that evidence proves delivered"
            );
        }
    }
    let run = ClaimRun::new(subject, 27, "no-step-back");
    sending(&run).await;
    run.done(run.apply(tell(State::Read), NOW + 1).await).await;
    let kept = run.done(run.apply(tell(State::Failed), NOW + 2).await).await;
    assert_eq!(
        kept.evidence.map(|evidence| evidence.state),
        Some(State::Read),
        "rule 27: evidence of failure replaced the evidence of delivery that was stored"
    );
}

/// Evidence about an earlier generation of the provider key proves nothing about the current one.
pub async fn rule_27_evidence_of_an_earlier_key_is_refused(subject: &Subject) {
    let run = ClaimRun::new(subject, 27, "1");
    sending(&run).await;
    run.done(run.commit("a", Terminal::Failed, NOW).await).await;
    run.done(run.apply(CLEARED, NOW).await).await;
    let again = run.done(run.apply(redrive(&run, "b", 0, NOW), NOW).await).await;
    assert_eq!(again.key_generation, 1, "rule 27: the store lost (left) the generation in the provider key of a redrive");
    run.refused(run.apply(tell(State::Delivered), NOW + 1).await, Some(&again)).await;
}

/// Case 90: after a webhook and a crash, the evidence decides.
pub async fn rule_27_evidence_while_sending_decides_when_the_owner_is_given_up(subject: &Subject) {
    let run = ClaimRun::new(subject, 27, "1");
    sending(&run).await;
    run.done(run.apply(tell(State::Delivered), NOW + 1).await).await;
    let record = run.done(run.apply(give_up("a"), LATER).await).await;
    let holds = (record.status, record.effects_pending);
    assert_eq!(holds, (ClaimStatus::Delivered, Effects::NONE), "rule 27: the store lost the evidence, and gave the send up (left)");
}

/// Case 25: a record expires by condition, even before the store removes it.
pub async fn rule_29_a_record_expires_exactly_at_expires_at(subject: &Subject) {
    let run = ClaimRun::new(subject, 29, "1");
    sending(&run).await;
    let record = run.done(run.commit("a", Terminal::Delivered, NOW).await).await;
    let over = record.expires_at_s * 1000;
    run.refused(run.claim("b", over - 1).await, Some(&record)).await;
    let fresh = run.done(run.claim("b", over).await).await;
    let holds = (fresh.status, fresh.first_claimed_at_ms, fresh.last_owner);
    assert_eq!(holds, (ClaimStatus::Claimed, over, None), "rule 29: the claim of an expired record kept (left) parts of it");
}

/// Case 89: a record in doubt never counts as absent, after any time.
pub async fn rule_29_a_record_in_doubt_is_never_absent(subject: &Subject) {
    let far = NOW + 100 * IN_DOUBT_S * 1000;
    let run = ClaimRun::new(subject, 29, "sending");
    sending(&run).await;
    let record = run.record().await;
    run.refused(run.claim("b", far).await, record.as_ref()).await;
    run.done(run.apply(give_up("a"), far).await).await;

    let run = ClaimRun::new(subject, 29, "released");
    sending(&run).await;
    let record = run.done(run.release("a", true, NOW).await).await;
    run.refused(run.claim("b", far).await, Some(&record)).await;

    let run = ClaimRun::new(subject, 29, "owed");
    sending(&run).await;
    let record = run.done(run.commit("a", Terminal::Failed, NOW).await).await;
    run.refused(run.claim("b", far).await, Some(&record)).await;
    // From now on the store may remove it.
    assert!(run.apply(CLEARED, far).await.done, "rule 29: the store removed a record that owed its effects, or refused to clear them");
    run.done(run.claim("b", far).await).await;
}

/// Cleanup removes no record in doubt or with pending effects.
pub async fn rule_29_later_writes_remove_no_record_in_doubt_or_with_effects(subject: &Subject) {
    let ids: Vec<_> = (0..40).map(|n| format!("kept-{n}")).collect();
    for (n, id) in ids.iter().enumerate() {
        let run = ClaimRun::new(subject, 29, id);
        sending(&run).await;
        match n % 3 {
            0 => {}
            1 => drop(run.done(run.release("a", true, NOW).await).await),
            _ => drop(run.done(run.commit("a", Terminal::Failed, NOW).await).await),
        }
    }
    let far = NOW + 100 * IN_DOUBT_S * 1000;
    at_once(20, |task| {
        let runs: Vec<_> = (0..100).map(|n| ClaimRun::new(subject, 29, &format!("later-{task}-{n}"))).collect();
        async move {
            for run in runs {
                assert!(run.claim("a", far).await.done, "rule 29: the store refused the first claim of {}", run.key);
            }
        }
    })
    .await;
    for id in &ids {
        let kept = ClaimRun::new(subject, 29, id).record().await;
        assert!(
            kept.is_some(),
            "rule 29: the store removed the record of {id}, which is in doubt or owes effects: `removable_at_s` is None"
        );
    }
}

/// Effects are cleared one by one, and only for their life and generation.
pub async fn rule_65_effects_are_cleared_one_by_one_and_for_their_life_only(subject: &Subject) {
    let run = ClaimRun::new(subject, 65, "1");
    sending(&run).await;
    let record = run.done(run.commit("a", Terminal::Failed, NOW).await).await;
    assert_eq!(record.effects_pending, Effects::BOTH, "rule 65: the store lost (left) the effects that a commit left to do");
    let clear = |generation, done| ClaimOp::ClearEffects { first_claimed_at_ms: NOW, generation, done };
    run.refused(run.apply(clear(1, Effects::BOTH), NOW).await, Some(&record)).await;
    let other_life = ClaimOp::ClearEffects { first_claimed_at_ms: NOW - 1, generation: 0, done: Effects::BOTH };
    run.refused(run.apply(other_life, NOW).await, Some(&record)).await;
    let letter = Effects::LETTER;
    let left = run.done(run.apply(clear(0, letter), NOW).await).await.effects_pending;
    assert_eq!(left, Effects::EVENT, "rule 65: the letter's flag was cleared, and another than the event's is left");
    let cleared = run.done(run.apply(clear(0, Effects::EVENT), NOW).await).await;
    assert_eq!(cleared.effects_pending, Effects::NONE, "rule 65: both flags were cleared, and the store still holds some (left)");
    let repeated = run.done(run.apply(clear(0, Effects::EVENT), NOW + 1).await).await;
    assert_eq!(repeated, cleared, "rule 65: the store changed the record (left) for a repeated clearing, for which `decide` returns Keep");
}

/// Cases 78 and 80: one of several concurrent redrives claims the next generation once the failure owes nothing, and a redrive
/// after the record expired still works.
pub async fn rule_70_a_redrive_claims_the_next_generation_once(subject: &Subject) {
    for round in 0..ROUNDS {
        let run = ClaimRun::new(subject, 70, &round.to_string());
        sending(&run).await;
        let owing = run.done(run.commit("a", Terminal::Failed, NOW).await).await;
        run.refused(run.apply(redrive(&run, "b", 0, NOW), NOW).await, Some(&owing)).await;
        let failed = run.done(run.apply(CLEARED, NOW).await).await;
        run.refused(run.apply(redrive(&run, "b", 1, NOW), NOW).await, Some(&failed)).await;
        let all = at_once(20, |n| {
            let run = run.clone();
            async move { run.apply(redrive(&run, &format!("r{n}"), 0, NOW), NOW).await }
        });
        let won = all.await.iter().filter(|applied| applied.done).count();
        assert_eq!(won, 1, "rule 70: of 20 concurrent redrives the store did this many (left): read and write are not one step");
        let record = run.record().await.expect("rule 70: `get` finds no record of a send that was redriven");
        assert_eq!(
            (record.status, record.generation, record.key_generation, record.effects_pending),
            (ClaimStatus::Claimed, 1, 1, Effects::NONE),
            "rule 70: the store holds (left) another record than `decide` returned for a redrive"
        );
    }

    let gone = ClaimRun::new(subject, 70, "gone");
    let record = gone.done(gone.apply(redrive(&gone, "b", 2, NOW), NOW).await).await;
    let holds = (record.generation, record.key_generation);
    assert_eq!(holds, (3, 3), "rule 70: a redrive without a record lost (left) the generations of its letter");

    let delivered = ClaimRun::new(subject, 70, "delivered");
    sending(&delivered).await;
    let record = delivered.done(delivered.commit("a", Terminal::Delivered, NOW).await).await;
    delivered.refused(delivered.apply(redrive(&delivered, "b", 0, NOW), NOW).await, Some(&record)).await;
}

/// All records that are due, page by page. `None` if the store does not find them.
async fn all_due(subject: &Subject, before: i64, limit: usize) -> Option<BTreeMap<ClaimKey, ClaimRecord>> {
    let (mut found, mut after) = (BTreeMap::new(), None);
    loop {
        let page = match subject.stores.claims.due(before, after.as_deref(), limit).await {
            Err(error) if error.kind == StoreErrorKind::Unsupported => return None,
            page => page.works("`due`"),
        };
        assert!(page.records.len() <= limit, "`due` returned {} records for a limit of {limit}", page.records.len());
        for (key, record) in page.records {
            assert!(found.insert(key.clone(), record).is_none(), "`due` returned {key} on two pages");
        }
        assert!(
            page.next.is_none() || page.next != after,
            "`due` returned the place {after:?} as `next` of the page after it: a sweep would never end"
        );
        after = page.next;
        if after.is_none() {
            return Some(found);
        }
    }
}

/// Records that are due come in pages, each once and as stored, and no others. A store may leave this out.
pub async fn rule_29_records_that_are_due_come_in_pages(subject: &Subject) {
    let due = all_due(subject, NOW, 2).await.unwrap_or_default();
    assert!(due.is_empty(), "`due` finds records in an empty store: {due:?}");
    for n in 0..30 {
        let run = ClaimRun::new(subject, 29, &format!("|{n}%"));
        sending(&run).await;
        match n % 6 {
            0 => {}
            1 => drop(run.done(run.release("a", true, NOW).await).await),
            2 => drop(run.done(run.release("a", false, NOW).await).await),
            3 => drop(run.done(run.commit("a", Terminal::Delivered, NOW).await).await),
            4 => drop(run.done(run.commit("a", Terminal::Failed, NOW).await).await),
            _ => {
                run.done(run.commit("a", Terminal::Unknown, NOW).await).await;
                run.done(run.apply(CLEARED, NOW).await).await;
            }
        }
    }
    // The time, and the states that are due by then.
    let expired = NOW + IN_DOUBT_S * 1000;
    for (before, states) in [(NOW - 1, &[][..]), (NOW, &[4]), (NOW + LEASE_MS, &[4]), (expired - 1, &[0, 4]), (expired, &[0, 1, 4])] {
        for limit in [1, 4, 100] {
            let Some(due) = all_due(subject, before, limit).await else { return };
            let expected: BTreeSet<_> = (0..30).filter(|n| states.contains(&(n % 6))).map(|n| key(&format!("|{n}%"))).collect();
            assert_eq!(
                due.keys().cloned().collect::<BTreeSet<_>>(),
                expected,
                "rule 29: `due` found (left) other sends than those whose record is due, with {limit} per page"
            );
            for (key, record) in due {
                assert!(record.is_due(before), "rule 29: `due` returned a record for which `is_due` does not hold: {record:?}");
                let stored = subject.stores.claims.get(&key).await.works("`get`");
                assert_eq!(Some(record), stored, "rule 29: `due` returned (left) another record than the stored one");
            }
        }
    }
}

/// Many records that are not due do not make a call long: pages go on, and the due one is found.
pub async fn rule_29_a_due_record_is_found_among_many(subject: &Subject) {
    at_once(600, |n| {
        let run = ClaimRun::new(subject, 29, &format!("{}-{}", n / 60, n % 60));
        async move { drop(run.done(run.claim("a", NOW).await).await) }
    })
    .await;
    let run = ClaimRun::new(subject, 29, "5-due");
    sending(&run).await;
    if let Some(due) = all_due(subject, NOW + IN_DOUBT_S * 1000, 10).await {
        let found: Vec<_> = due.into_keys().collect();
        assert_eq!(
            found,
            [key("5-due")],
            "rule 29: `due` found (left) other sends than the one that is due among 600: its pages must go on"
        );
    }
}
