//! Cases of open claims.

use super::{
    ALIKE, BYTE_BY_BYTE, ClaimRun, DAY_S, IN_DOUBT_S, LEASE_MS, NOW, ROUNDS, SKEW_MS, Subject, at_once, fingerprint, named, strategy,
    tenant,
};
use crate::{
    error::{ErrorKind, Reach},
    ids::ClientMessageId,
    store::{At, ClaimKey, ClaimOp, ClaimRecord, ClaimStatus, Decision, Effects, Fingerprint, StoredError, Terminal},
};

/// The time after a lease and the clock skew.
const LATER: i64 = NOW + LEASE_MS + SKEW_MS + 1;

/// Tenant, strategy and id each distinguish keys.
pub async fn rule_11_keys_of_other_tenants_strategies_and_ids_are_other_records(subject: &Subject) {
    let of = |t: &str, s: &str, id: &str| ClaimKey::outbound(&tenant(t), &strategy(s), &ClientMessageId::new(id).unwrap());
    let keys = [of("acme", "sns-sms", "1"), of("other", "sns-sms", "1"), of("acme", "ses-email", "1"), of("acme", "sns-sms", "2")];
    let ambiguous = [of("a|b", "s", "c"), of("a", "s", "b|c")];
    for (n, key) in keys.into_iter().chain(ambiguous).enumerate() {
        let run = ClaimRun::of(subject, 11, key);
        assert_eq!(run.record().await, None, "rule 11: the store finds the record of another key under {}", run.key);
        let owner = format!("o{n}");
        assert_eq!(
            run.done(run.claim(&owner, NOW).await).await.owner,
            named(&owner),
            "rule 11: the store lost (left) the owner of a claim"
        );
    }
}

/// Keys are compared byte by byte, in each of their parts.
pub async fn rule_11_keys_that_look_alike_are_other_records(subject: &Subject) {
    let of = |t: &str, id: &str| ClaimKey::outbound(&tenant(t), &strategy("sns-sms"), &ClientMessageId::new(id).unwrap());
    let keys: Vec<_> = ALIKE.iter().flat_map(|text| [of("acme", text), of(text, "1")]).collect();
    for (n, key) in keys.iter().enumerate() {
        let run = ClaimRun::of(subject, 11, key.clone());
        let found = run.record().await;
        assert_eq!(found, None, "rule 11: the store finds the record of another key under {key}: {BYTE_BY_BYTE}");
        run.done(run.claim(&format!("o{n}"), NOW).await).await;
    }
    for (n, key) in keys.into_iter().enumerate() {
        let owner = ClaimRun::of(subject, 11, key).record().await.map(|record| record.owner);
        assert_eq!(
            owner,
            Some(named(&format!("o{n}"))),
            "rule 11: a claim of a key that looks alike replaced the owner (left): {BYTE_BY_BYTE}"
        );
    }
}

/// A first claim creates the record, and a second claim is refused.
pub async fn rule_13_an_absent_record_is_claimed_and_a_claimed_one_is_not(subject: &Subject) {
    let run = ClaimRun::new(subject, 13, "1");
    let record = run.done(run.claim("a", NOW).await).await;
    let decided = run.claim_op("a", NOW).decide(None, At { now_ms: NOW, boot: run.claims.boot() });
    assert_eq!(
        Decision::Write(record.clone()),
        decided,
        "rule 13: the store holds (left) another record than `decide` returned for a first claim"
    );
    run.refused(run.claim("b", NOW + 1).await, Some(&record)).await;
}

/// One of many concurrent claims wins.
pub async fn rule_13_of_100_concurrent_claims_one_wins(subject: &Subject) {
    for round in 0..ROUNDS {
        let run = ClaimRun::new(subject, 13, &round.to_string());
        let all = at_once(100, |n| {
            let run = run.clone();
            async move { run.claim(&format!("o{n}"), NOW).await }
        });
        let all = all.await;
        let winners: Vec<_> = all.iter().filter(|applied| applied.done).collect();
        assert_eq!(
            winners.len(),
            1,
            "rule 13: of 100 concurrent first claims the store did this many (left): read and write are not one step"
        );
        let winner = winners[0].record.clone();
        assert!(all.iter().all(|applied| applied.record == winner), "rule 13: a refused claim returned another record than the winner's");
        assert_eq!(
            run.record().await.as_ref(),
            winner.as_deref(),
            "rule 13: the stored record (left) is not the one that the winner was given"
        );
    }
}

/// One of many waiters takes over an orphan (case 28).
pub async fn rule_13_of_100_concurrent_takeovers_one_wins(subject: &Subject) {
    for round in 0..ROUNDS {
        let run = ClaimRun::new(subject, 13, &round.to_string());
        run.done(run.claim("a", NOW).await).await;
        run.done(run.mark("a", NOW).await).await;
        let all = at_once(100, |n| {
            let run = run.clone();
            async move { run.take_over(&format!("o{n}"), "a", LATER).await }
        });
        let won = all.await.iter().filter(|applied| applied.done).count();
        assert_eq!(won, 1, "rule 13: of 100 concurrent takeovers the store did this many (left): read and write are not one step");
    }
}

/// The message for a store that writes once more on `Keep`.
const REPEATED: &str = "rule 14: the store changed the record (left) for a repeated write, for which `decide` returns Keep";

/// An owner's write counts as done when it is repeated after its answer was lost.
pub async fn rule_14_an_owners_repeated_write_counts_as_done(subject: &Subject) {
    let run = ClaimRun::new(subject, 14, "1");
    let claimed = run.done(run.claim("a", NOW).await).await;
    assert_eq!(run.done(run.claim("a", NOW).await).await, claimed, "{REPEATED}");
    let marked = run.done(run.mark("a", NOW + 1).await).await;
    assert_eq!(run.done(run.mark("a", NOW + 2).await).await, marked, "{REPEATED}");
    let released = run.done(run.release("a", true, NOW + 3).await).await;
    assert_eq!(run.done(run.release("a", true, NOW + 4).await).await, released, "{REPEATED}");
    let taken = run.done(run.take_over("b", "a", NOW + 5).await).await;
    assert_eq!(run.done(run.take_over("b", "a", NOW + 6).await).await, taken, "{REPEATED}");
    let delivered = run.done(run.commit("b", Terminal::Delivered, NOW + 7).await).await;
    assert_eq!(run.done(run.commit("b", Terminal::Delivered, NOW + 8).await).await, delivered, "{REPEATED}");
}

/// A late owner's mark, renewal, release and commit are refused (case 18).
pub async fn rule_15_late_owner_cannot_change_what_its_successor_holds(subject: &Subject) {
    for sending in [false, true] {
        let run = ClaimRun::new(subject, 15, if sending { "sending" } else { "claimed" });
        run.done(run.claim("a", NOW).await).await;
        let held = if sending {
            run.done(run.mark("a", NOW).await).await;
            run.done(run.take_over("b", "a", LATER).await).await
        } else {
            run.done(run.claim("b", LATER).await).await
        };
        assert_eq!(
            (held.owner, held.last_owner, held.maybe_sent),
            (named("b"), Some(named("a")), sending),
            "rule 15: the store lost (left) who holds the record, who held it, or that it may have been sent"
        );
        let held = Some(&held);
        run.refused(run.mark("a", LATER).await, held).await;
        run.refused(run.apply(ClaimOp::Renew { owner: named("a"), until_ms: LATER + LEASE_MS }, LATER).await, held).await;
        run.refused(run.release("a", false, LATER).await, held).await;
        for terminal in [Terminal::Delivered, Terminal::Failed, Terminal::Unknown] {
            run.refused(run.commit("a", terminal, LATER).await, held).await;
        }
        run.done(run.mark("b", LATER).await).await;
    }
}

/// A mark sets the status, the time of the first byte, and a longer expiry.
pub async fn rule_16_the_mark_notes_the_first_byte_and_keeps_the_record_longer(subject: &Subject) {
    let run = ClaimRun::new(subject, 16, "1");
    run.done(run.claim("a", NOW).await).await;
    let marked = run.done(run.mark("a", NOW + 5).await).await;
    assert_eq!(
        (marked.status, marked.first_sent_at_ms, marked.expires_at_s),
        (ClaimStatus::Sending, Some(NOW + 5), NOW / 1000 + IN_DOUBT_S),
        "rule 16: the store lost (left) status, first byte or expiry of the mark"
    );
    run.done(run.take_over("b", "a", LATER).await).await;
    let again = run.done(run.mark("b", LATER).await).await;
    assert_eq!(
        again.first_sent_at_ms,
        Some(NOW + 5),
        "rule 16: the store lost (left) the time of the first byte: the provider's window counts from it"
    );
}

/// A claim of an earlier opening is free at once, if one process owns the store.
pub async fn rule_17_a_claim_of_an_earlier_opening_is_free_at_once(subject: &Subject) {
    let run = ClaimRun::new(subject, 17, "1");
    let mut lease = run.lease("a", NOW);
    lease.boot = Some("an earlier opening".into());
    let claim = ClaimOp::Claim { lease, fingerprint: fingerprint(), skew_ms: SKEW_MS, ttl_s: DAY_S };
    let record = run.done(run.apply(claim, NOW).await).await;
    let second = run.claim("b", NOW + 1).await;
    match subject.stores.claims.boot() {
        Some(boot) => {
            let record = run.done(second).await;
            let holds = (record.owner, record.boot.as_deref());
            assert_eq!(holds, (named("b"), Some(boot)), "rule 17: the store lost (left) owner or opening of the new claim");
            run.refused(run.claim("c", NOW + 1).await, Some(&record)).await;
        }
        None => run.refused(second, Some(&record)).await,
    }
}

/// A lease ends exactly after the clock skew, a renewed one later.
pub async fn rule_17_a_lease_ends_after_the_clock_skew_and_a_renewed_one_later(subject: &Subject) {
    let run = ClaimRun::new(subject, 17, "1");
    let record = run.done(run.claim("a", NOW).await).await;
    run.refused(run.claim("b", NOW + LEASE_MS + SKEW_MS).await, Some(&record)).await;
    let until_ms = NOW + 2 * LEASE_MS;
    let renewed = run.done(run.apply(ClaimOp::Renew { owner: named("a"), until_ms }, NOW + 1).await).await;
    assert_eq!(renewed.lease_until_ms, until_ms, "rule 17: the store lost (left) the new end of the lease");
    run.refused(run.claim("b", LATER).await, Some(&renewed)).await;
    run.done(run.claim("b", until_ms + SKEW_MS + 1).await).await;
}

/// An orphan that may have sent is refused to a claim, and to a takeover that saw another owner.
pub async fn rule_19_an_orphan_that_may_have_sent_is_not_claimed_as_fresh(subject: &Subject) {
    let run = ClaimRun::new(subject, 19, "1");
    run.done(run.claim("a", NOW).await).await;
    let sending = run.done(run.mark("a", NOW).await).await;
    run.refused(run.take_over("b", "a", NOW + 1).await, Some(&sending)).await;
    run.refused(run.claim("b", LATER).await, Some(&sending)).await;
    run.refused(run.take_over("b", "z", LATER).await, Some(&sending)).await;
    let taken = run.done(run.take_over("b", "a", LATER).await).await;
    let holds = (taken.status, taken.maybe_sent);
    assert_eq!(holds, (ClaimStatus::Claimed, true), "rule 19: the store lost (left) that the taken over message may have been sent");
    run.refused(run.claim("c", LATER + LEASE_MS + SKEW_MS + 1).await, Some(&taken)).await;
}

fn give_up(seen: &str) -> ClaimOp {
    ClaimOp::GiveUp {
        claimant: named("b"),
        seen: named(seen),
        owner_gone: false,
        error: StoredError::new(ErrorKind::Unexpected, Reach::Maybe, "the owner is gone"),
        skew_ms: SKEW_MS,
        ttl_s: DAY_S,
    }
}

/// Giving up an orphan with an unknown result leaves both effects pending.
pub async fn rule_19_giving_up_an_orphan_leaves_unknown_with_both_effects(subject: &Subject) {
    let run = ClaimRun::new(subject, 19, "1");
    run.done(run.claim("a", NOW).await).await;
    let sending = run.done(run.mark("a", NOW).await).await;
    run.refused(run.apply(give_up("a"), NOW + 1).await, Some(&sending)).await;
    let record = run.done(run.apply(give_up("a"), LATER).await).await;
    assert_eq!(
        (record.status, record.effects_pending, record.maybe_sent, record.last_owner),
        (ClaimStatus::Unknown, Effects::BOTH, true, Some(named("a"))),
        "rule 19: the store lost (left) the end of a send that was given up, its effects, or its last owner"
    );
    assert_eq!(run.done(run.apply(give_up("a"), LATER + 1).await).await, record, "{REPEATED}");
}

/// A release, a takeover or a mark never clears `maybe_sent`.
pub async fn rule_20_maybe_sent_stays_through_release_and_takeover(subject: &Subject) {
    let run = ClaimRun::new(subject, 20, "1");
    run.done(run.claim("a", NOW).await).await;
    run.done(run.mark("a", NOW).await).await;
    run.done(run.release("a", true, NOW + 1).await).await;
    let kept = |record: ClaimRecord| assert!(record.maybe_sent, "rule 20: the store lost `maybe_sent`: {record:?}");
    kept(run.done(run.take_over("b", "a", NOW + 2).await).await);
    kept(run.done(run.release("b", false, NOW + 3).await).await);
    kept(run.done(run.take_over("c", "b", NOW + 4).await).await);
    kept(run.done(run.mark("c", NOW + 5).await).await);
    kept(run.done(run.commit("c", Terminal::Failed, NOW + 6).await).await);
}

/// A released record is claimed at once and keeps its attempts (case 22).
pub async fn rule_21_a_released_record_is_claimed_with_its_history(subject: &Subject) {
    let run = ClaimRun::new(subject, 21, "1");
    run.done(run.claim("a", NOW).await).await;
    run.done(run.mark("a", NOW).await).await;
    let released = run.done(run.release("a", false, NOW + 1).await).await;
    let holds = (released.status, released.attempts, released.maybe_sent);
    assert_eq!(holds, (ClaimStatus::Released, 1, false), "rule 21: the store lost (left) the release or its attempts");
    let claimed = run.done(run.claim("b", NOW + 1).await).await;
    let holds = (claimed.status, claimed.attempts, claimed.first_claimed_at_ms);
    assert_eq!(
        holds,
        (ClaimStatus::Claimed, 1, NOW),
        "rule 21: a new claim lost (left) the attempts or the first claim of the released record"
    );

    let doubt = ClaimRun::new(subject, 21, "in-doubt");
    doubt.done(doubt.claim("a", NOW).await).await;
    doubt.done(doubt.mark("a", NOW).await).await;
    let released = doubt.done(doubt.release("a", true, NOW + 1).await).await;
    doubt.refused(doubt.claim("b", NOW + 1).await, Some(&released)).await;
    doubt.done(doubt.take_over("b", "a", NOW + 1).await).await;
}

/// Another fingerprint is refused in every state that allows a claim. Fingerprints of different keys count as equal.
pub async fn rule_23_another_fingerprint_is_refused_and_changes_nothing(subject: &Subject) {
    let run = ClaimRun::new(subject, 23, "1");
    let with = |value: u8, key_id: &str, now: i64| ClaimOp::Claim {
        lease: run.lease("b", now),
        fingerprint: Fingerprint::new([value; 16], 1, key_id),
        skew_ms: SKEW_MS,
        ttl_s: DAY_S,
    };
    let claimed = run.done(run.claim("a", NOW).await).await;
    run.refused(run.apply(with(2, "k1", LATER), LATER).await, Some(&claimed)).await;
    let released = run.done(run.release("a", false, NOW).await).await;
    run.refused(run.apply(with(2, "k1", NOW), NOW).await, Some(&released)).await;
    // Under another key it cannot be compared: the caller asks again with the record's own.
    run.refused(run.apply(with(2, "k2", NOW), NOW).await, Some(&released)).await;
}

/// An owner that dropped its future in this process is replaced before its lease ends.
pub async fn rule_24_an_owner_known_to_be_gone_is_replaced_before_its_lease_ends(subject: &Subject) {
    let run = ClaimRun::new(subject, 24, "1");
    run.done(run.claim("a", NOW).await).await;
    run.done(run.mark("a", NOW).await).await;
    let lease = run.lease("b", NOW + 1);
    let operation = ClaimOp::TakeOver { lease, seen: named("a"), owner_gone: true, skew_ms: SKEW_MS };
    let taken = run.done(run.apply(operation, NOW + 1).await).await;
    assert_eq!(
        (taken.owner, taken.maybe_sent),
        (named("b"), true),
        "rule 24: the store lost (left) the new owner, or that the message may have been sent"
    );
}
