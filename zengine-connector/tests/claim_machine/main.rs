//! The claim machine as a model: any operations, by three owners, with clocks that jump and owners that crash, break none
//! of the rules. After each step the record before and the record after are compared.

#![allow(clippy::unwrap_used)] // helpers of tests

mod rules;
mod world;

use proptest::prelude::*;
use zengine_connector::{
    message::State,
    store::{
        At, AttemptsMade, ClaimOp, ClaimRecord, ClaimStatus, Decision, Effects, Evidence, Fingerprint, InboundOp, InboundRecord,
        InboundStatus, Lease, OwnerToken, Terminal,
    },
};

use crate::world::{DAY_S, IN_DOUBT_S, LEASE_MS, NOW, OTHER, SKEW_MS, Step, THIS, World, error, history, this_message};

fn owner_of(operation: &ClaimOp) -> Option<OwnerToken> {
    match operation {
        ClaimOp::Mark { owner, .. } | ClaimOp::Renew { owner, .. } | ClaimOp::Commit { owner, .. } | ClaimOp::Release { owner, .. } => {
            Some(*owner)
        }
        _ => None,
    }
}

/// A member that this build does not know: `{99: [1, "new"]}`.
const UNKNOWN_MEMBER: [u8; 8] = [0x18, 99, 0x82, 1, 0x63, b'n', b'e', b'w'];

/// The record as a newer release would have written it.
fn of_a_newer_release(record: &ClaimRecord) -> ClaimRecord {
    let mut bytes = record.to_cbor();
    assert!(bytes[0] < 0xb7, "a map of fewer than 23 members has its length in its first byte");
    bytes[0] += 1;
    bytes.extend(UNKNOWN_MEMBER);
    ClaimRecord::from_cbor(&bytes).unwrap()
}

fn has_unknown_member(record: &ClaimRecord) -> bool {
    record.to_cbor().ends_with(&UNKNOWN_MEMBER)
}

/// Invariants of every write.
fn check(before: Option<&ClaimRecord>, operation: &ClaimOp, after: &ClaimRecord, now_ms: i64) {
    assert_eq!(ClaimRecord::from_cbor(&after.to_cbor()).unwrap(), *after, "what is stored can be read");
    let redriven = matches!(operation, ClaimOp::Redrive { .. });
    let Some(before) = before else {
        return assert!(matches!(operation, ClaimOp::Claim { .. }) || redriven, "only a claim makes a record");
    };
    let fresh = matches!(operation, ClaimOp::Claim { .. }) && after.last_owner.is_none();

    if let Some(owner) = owner_of(operation) {
        let late = before.status == ClaimStatus::Unknown && before.last_owner == Some(owner);
        assert!((before.owner == owner && before.status.is_owned()) || late, "rule 15: a write by a non-owner");
        assert!(!late || matches!(operation, ClaimOp::Commit { .. }), "rule 27: a late owner only settles");
    }
    if before.status.is_terminal() && !fresh && !redriven {
        let settled = before.status == ClaimStatus::Unknown && matches!(after.status, ClaimStatus::Delivered | ClaimStatus::Failed);
        assert!(after.status == before.status || settled, "rule 27: {:?} became {:?}", before.status, after.status);
        if after.status == before.status {
            let mut cleared = before.clone();
            (cleared.effects_pending, cleared.updated_at_ms, cleared.rev) = (after.effects_pending, after.updated_at_ms, after.rev);
            // Rule 71: it is never said again that no content was sent.
            cleared.content_not_sent &= after.content_not_sent;
            assert_eq!(*after, cleared, "rule 22: a terminal record stays");
        }
    }
    let over = before.is_expired(now_ms) && !before.is_in_doubt() && !before.effects_pending.dlq;
    let another_life = over && (redriven || matches!(operation, ClaimOp::Claim { .. }));
    assert!(!has_unknown_member(before) || another_life || has_unknown_member(after), "a member of a newer release was lost");
    if !after.maybe_sent && after.status == ClaimStatus::Released {
        assert_eq!((after.first_sent_at_ms, after.last_attempt_at_ms), (None, None), "nothing can have arrived");
    }
    if before.status.is_terminal() && fresh {
        assert!(before.is_expired(now_ms) && !before.effects_pending.dlq, "rule 29: replaced before its time");
    }
    if before.is_in_doubt() {
        assert!(!fresh && !matches!(operation, ClaimOp::Claim { .. }), "rule 29: in doubt and claimed as fresh");
        let known = |record: &ClaimRecord| (record.maybe_sent, record.key_generation, record.first_sent_at_ms, record.last_attempt_at_ms);
        let goes_on = before.status == ClaimStatus::Released && known(before) == known(after);
        assert!(!redriven || goes_on, "rule 20: a redrive forgot that something may have gone out");
    }
    if before.maybe_sent && !redriven && !fresh {
        assert!(after.maybe_sent, "rule 20: maybe_sent was taken back");
    }
    if before.status == ClaimStatus::Sending && after.status == ClaimStatus::Claimed {
        assert!(after.maybe_sent, "rule 20: a takeover forgot that something may have gone out");
    }
    if matches!(operation, ClaimOp::Claim { .. }) && !fresh {
        assert!(before.fingerprint.compare(&after.fingerprint) == Some(true), "rule 23: another message under the same id");
    }
    if before.owner != after.owner && before.status.is_owned() {
        let orphan = before.lease_until_ms + SKEW_MS < now_ms || before.boot != after.boot || before.is_expired(now_ms);
        let told = matches!(operation, ClaimOp::TakeOver { owner_gone: true, .. } | ClaimOp::GiveUp { owner_gone: true, .. });
        // A claimant that gives up leaves the orphan's opening in the record.
        let gave_up = matches!(operation, ClaimOp::GiveUp { .. });
        assert!(orphan || told || gave_up, "rule 17: a living owner was robbed");
    }
    if redriven {
        let absent = before.is_expired(now_ms) && !before.is_in_doubt() && !before.effects_pending.dlq;
        assert!(absent || matches!(before.status, ClaimStatus::Failed | ClaimStatus::Unknown | ClaimStatus::Released));
        assert!(absent || after.generation >= before.generation, "rule 70: a redrive goes on, never back");
        assert!(absent || !before.effects_pending.pending(), "rule 67: a redrive overwrote what the failure owes");
        assert!(absent || before.fingerprint.compare(&after.fingerprint) == Some(true), "rule 23: another message under the same id");
    }
    if after.status.is_terminal() && after.status != before.status {
        let proof = after.evidence.as_ref().is_some_and(|evidence| evidence.proves() == Terminal::Delivered);
        assert!(!proof || after.status == ClaimStatus::Delivered, "rule 27: proof of delivery was not heard");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rules_13_to_29_hold_over_any_history(steps in history()) {
        let mut world = World::new();
        for step in &steps {
            let Some(operation) = world.operation(step) else { continue };
            let boot = world.boot.to_string();
            let at = At { now_ms: world.now_ms, boot: Some(&boot) };
            let decision = operation.decide(world.record.as_ref(), at);
            rules::check(world.record.as_ref(), &operation, &decision, at);
            match decision {
                Decision::Write(next) => {
                    check(world.record.as_ref(), &operation, &next, world.now_ms);
                    // Rule 14: the same write, whose answer was lost, is done and changes nothing but the times.
                    let again = operation.decide(Some(&next), at);
                    rules::check(Some(&next), &operation, &again, at);
                    match again {
                        Decision::Write(mut again) => {
                            again.rev -= 1;
                            prop_assert_eq!(again, next.clone(), "the second time wrote something else");
                        }
                        Decision::Keep => {}
                        // News about a terminal record are refused: the first time settled it.
                        Decision::Refuse => {
                            let news = matches!(operation, ClaimOp::Tell { .. });
                            prop_assert!(news, "our own write was not recognised");
                        }
                    }
                    world.record = Some(if has_unknown_member(&next) { next } else { of_a_newer_release(&next) });
                }
                Decision::Keep => prop_assert!(world.record.is_some(), "nothing to keep"),
                Decision::Refuse => {}
            }
        }
    }

    #[test]
    fn rule_19_every_history_can_be_brought_to_an_end(steps in history()) {
        let mut world = World::new();
        for step in &steps {
            let Some(operation) = world.operation(step) else { continue };
            let boot = world.boot.to_string();
            if let Decision::Write(next) = operation.decide(world.record.as_ref(), At { now_ms: world.now_ms, boot: Some(&boot) }) {
                world.record = Some(next);
            }
        }
        // Everybody is gone; one more caller comes with the same message, after every lease.
        world.now_ms += 10 * LEASE_MS;
        world.boot += 1;
        let (boot, now_ms) = (world.boot.to_string(), world.now_ms);
        let at = At { now_ms, boot: Some(&boot) };
        let settled = world.record.as_ref().is_some_and(|record| record.status.is_terminal());
        let claim = world.operation(&Step::Claim { who: 0, message: this_message() }).unwrap();
        let take_over = world.operation(&Step::TakeOver { who: 1, outrun: false, owner_gone: false }).unwrap();
        let can = |operation: &ClaimOp| matches!(operation.decide(world.record.as_ref(), at), Decision::Write(_));
        // A message of another fingerprint under the id is a caller's mistake and ends in an error, not in a wedge.
        let other = world.record.as_ref().is_some_and(|record| record.fingerprint != this_message());
        prop_assert!(settled || can(&claim) || can(&take_over) || other, "stuck: {:?}", world.record);
    }

    /// Nothing stays for ever without a sweep looking at it, and a sweep can end whatever it looks at.
    #[test]
    fn rule_29_what_a_store_may_not_remove_is_due_in_the_end_and_a_sweep_ends_it(steps in history()) {
        let mut world = World::new();
        for step in &steps {
            let Some(operation) = world.operation(step) else { continue };
            let boot = world.boot.to_string();
            if let Decision::Write(next) = operation.decide(world.record.as_ref(), At { now_ms: world.now_ms, boot: Some(&boot) }) {
                prop_assert_eq!(next.removable_at_s().is_none(), next.is_due(i64::MAX), "{:?}", next);
                prop_assert!(!next.status.is_owned() || !next.is_due(next.lease_until_ms - 1), "its owner is at work");
                world.record = Some(next);
            }
        }
        let Some(record) = world.record.take_if(|record| record.removable_at_s().is_none()) else { return Ok(()) };
        world.now_ms = world.now_ms.max(record.lease_until_ms).max(record.expires_at_s * 1000).max(record.updated_at_ms);
        prop_assert!(record.is_due(world.now_ms));
        let (boot, now_ms, in_doubt) = (world.boot.to_string(), world.now_ms, record.is_in_doubt());
        let at = At { now_ms, boot: Some(&boot) };
        world.record = Some(record);
        if in_doubt {
            let give_up = world.operation(&Step::GiveUp { who: 0, outrun: false, owner_gone: false }).unwrap();
            let Decision::Write(ended) = give_up.decide(world.record.as_ref(), at) else { panic!("not ended: {:?}", world.record) };
            prop_assert!(ended.status.is_terminal());
            world.record = Some(ended);
        }
        let clear = Step::ClearEffects { done: Effects::BOTH, settled: true, other_generation: false, other_life: false };
        let clear = world.operation(&clear).unwrap();
        if let Decision::Write(cleared) = clear.decide(world.record.as_ref(), at) {
            world.record = Some(cleared);
        }
        let record = world.record.unwrap();
        prop_assert!(!record.is_due(i64::MAX) && record.removable_at_s() == Some(record.expires_at_s), "{:?}", record);
    }

    #[test]
    fn rule_84_an_inbound_record_has_one_owner_and_stays_settled(
        steps in prop::collection::vec((0..5_u8, 0..3_usize, 0..2 * LEASE_MS), 1..60)
    ) {
        let mut record: Option<InboundRecord> = None;
        let mut now_ms = NOW;
        for (kind, who, passed) in steps {
            now_ms += passed;
            let owner = OwnerToken::named(&format!("o{who}"));
            let operation = match kind {
                // A record is to outlive its lease however short its life is.
                0 | 1 => InboundOp::Claim { lease: Lease { owner, boot: None, until_ms: now_ms + LEASE_MS }, fingerprint: None, ttl_s: 1 },
                2 => InboundOp::Renew { owner, until_ms: now_ms + LEASE_MS },
                3 => InboundOp::Settle { owner, status: InboundStatus::Stored, ttl_s: DAY_S },
                _ => InboundOp::Release { owner },
            };
            let at = At { now_ms, boot: None };
            let Decision::Write(next) = operation.decide(record.as_ref(), at) else { continue };
            prop_assert_eq!(InboundRecord::from_cbor(&next.to_cbor()).unwrap(), next.clone());
            prop_assert_eq!(next.rev, record.as_ref().map_or(0, |record| record.rev) + 1);
            if let Some(before) = &record {
                match before.status {
                    InboundStatus::Claimed => {
                        let released = before.owner == OwnerToken::new([0; 16]);
                        prop_assert!(before.owner == owner || before.lease_until_ms < now_ms || released, "a living owner was robbed");
                    }
                    _ => prop_assert!(before.is_expired(now_ms), "a settled event was handled again"),
                }
            }
            record = Some(next);
        }
    }
}

/// A record after these operations, each at its time and in its opening of the store.
fn after(operations: &[(ClaimOp, i64, &str)]) -> ClaimRecord {
    let mut record = None;
    for (operation, now_ms, boot) in operations {
        match operation.decide(record.as_ref(), At { now_ms: *now_ms, boot: Some(boot) }) {
            Decision::Write(next) => record = Some(next),
            decision => panic!("{operation:?} on {record:?}: {decision:?}"),
        }
    }
    record.unwrap()
}

fn lease(who: &str, now_ms: i64) -> Lease {
    Lease { owner: OwnerToken::named(who), boot: Some("first".into()), until_ms: now_ms + LEASE_MS }
}

fn claim(who: &str) -> ClaimOp {
    ClaimOp::Claim { lease: lease(who, NOW), fingerprint: Fingerprint::new(THIS, 1, "k"), skew_ms: SKEW_MS, ttl_s: DAY_S }
}

fn mark(who: &str) -> ClaimOp {
    ClaimOp::Mark { owner: OwnerToken::named(who), idempotency: None, ttl_s: IN_DOUBT_S }
}

fn take_over(who: &str, seen: &str, owner_gone: bool, now_ms: i64) -> ClaimOp {
    ClaimOp::TakeOver { lease: lease(who, now_ms), seen: OwnerToken::named(seen), owner_gone, skew_ms: SKEW_MS }
}

fn give_up(who: &str, seen: &str, owner_gone: bool) -> ClaimOp {
    let (claimant, seen) = (OwnerToken::named(who), OwnerToken::named(seen));
    ClaimOp::GiveUp { claimant, seen, owner_gone, error: error(), skew_ms: SKEW_MS, ttl_s: DAY_S }
}

/// Up to the end of its lease, by any clock, or until it was seen to be gone; never in the future.
#[test]
fn rule_19_a_lost_owner_may_have_sent_as_late_as_it_could() {
    let over = NOW + LEASE_MS + SKEW_MS;
    for (now_ms, boot, owner_gone, latest) in [
        (over + 500, "first", false, over),
        (over + 500, "first", true, over + 500),
        (NOW + 100, "first", true, NOW + 100),
        (NOW + 200, "second", false, NOW + 200),
    ] {
        for operation in [take_over("b", "a", owner_gone, now_ms), give_up("b", "a", owner_gone)] {
            let record = after(&[(claim("a"), NOW, "first"), (mark("a"), NOW, "first"), (operation, now_ms, boot)]);
            assert_eq!((record.last_attempt_at_ms, record.first_sent_at_ms), (Some(latest), Some(NOW)), "{record:?}");
        }
    }
    // An owner that was lost before its mark made no attempt.
    let again = after(&[
        (claim("a"), NOW, "first"),
        (mark("a"), NOW, "first"),
        (take_over("b", "a", true, NOW + 100), NOW + 100, "first"),
        (take_over("c", "b", true, NOW + 300), NOW + 300, "first"),
    ]);
    assert_eq!(again.last_attempt_at_ms, Some(NOW + 100));
    let marked = after(&[
        (claim("a"), NOW, "first"),
        (mark("a"), NOW, "first"),
        (take_over("b", "a", true, NOW + 100), NOW + 100, "first"),
        (mark("b"), NOW + 400, "first"),
    ]);
    assert_eq!((marked.last_attempt_at_ms, marked.first_sent_at_ms), (Some(NOW + 400), Some(NOW)));
}

/// A release ends the lease too: what is in doubt is due when its time is over.
#[test]
fn rule_29_a_released_record_has_no_lease() {
    let made = AttemptsMade::new(1);
    let release = ClaimOp::Release { owner: OwnerToken::named("a"), maybe_sent: true, made, ttl_s: 10 };
    let record = after(&[(claim("a"), NOW, "first"), (mark("a"), NOW, "first"), (release, NOW + 1000, "first")]);
    assert_eq!(record.lease_until_ms, NOW + 1000);
    assert!(!record.is_due(NOW + 10_999) && record.is_due(NOW + 11_000));
}

/// The commit of a failure that owes nothing.
fn commit(who: &str, terminal: Terminal) -> ClaimOp {
    ClaimOp::Commit {
        owner: OwnerToken::named(who),
        terminal,
        result: None,
        error: Some(error()),
        made: AttemptsMade::new(1),
        effects: Effects::NONE,
        ttl_s: DAY_S,
    }
}

/// The redrive of a failure of generation 0.
fn redrive(who: &str, message: [u8; 16], first_claimed_at_ms: Option<i64>, maybe_sent: bool) -> ClaimOp {
    ClaimOp::Redrive {
        lease: lease(who, NOW),
        fingerprint: Fingerprint::new(message, 1, "k"),
        generation: 0,
        first_claimed_at_ms,
        key_generation: 1,
        maybe_sent,
        first_sent_at_ms: None,
        last_attempt_at_ms: None,
        idempotency: None,
        ttl_s: DAY_S,
    }
}

/// A redrive takes the failure of its letter only: of this message and of this life.
#[test]
fn rule_72_a_redrive_of_another_message_or_life_is_refused() {
    let failed = after(&[(claim("a"), NOW, "first"), (mark("a"), NOW, "first"), (commit("a", Terminal::Failed), NOW, "first")]);
    let redrive = |message, life| redrive("b", message, life, false);
    let at = At { now_ms: NOW, boot: Some("first") };
    assert_eq!(redrive(OTHER, Some(NOW)).decide(Some(&failed), at), Decision::Refuse);
    assert_eq!(redrive(THIS, Some(NOW - 1)).decide(Some(&failed), at), Decision::Refuse);
    assert!(matches!(redrive(THIS, Some(NOW)).decide(Some(&failed), at), Decision::Write(_)));
    assert!(matches!(redrive(THIS, None).decide(Some(&failed), at), Decision::Write(_)), "a letter that does not know its life");
}

/// A send that may have arrived is redriven only with its doubt, and not at all once the provider has reported it.
#[test]
fn rule_71_a_redrive_forgets_no_doubt_and_no_proof() {
    let at = At { now_ms: NOW, boot: Some("first") };
    let unknown = after(&[(claim("a"), NOW, "first"), (mark("a"), NOW, "first"), (commit("a", Terminal::Unknown), NOW, "first")]);
    assert_eq!(redrive("b", THIS, None, false).decide(Some(&unknown), at), Decision::Refuse);
    let put_off = [
        (claim("a"), NOW, "first"),
        (mark("a"), NOW, "first"),
        (commit("a", Terminal::Unknown), NOW, "first"),
        (redrive("b", THIS, None, true), NOW, "first"),
        (ClaimOp::Release { owner: OwnerToken::named("b"), maybe_sent: true, made: AttemptsMade::new(0), ttl_s: IN_DOUBT_S }, NOW, "first"),
    ];
    let released = after(&put_off);
    let again = |record: &ClaimRecord| redrive("c", THIS, None, true).decide(Some(record), at);
    assert!(matches!(again(&released), Decision::Write(_)));
    let tell = ClaimOp::Tell {
        key_generation: released.key_generation,
        evidence: Evidence::new(State::Delivered, NOW, None),
        skew_ms: 2_000,
        ttl_s: DAY_S,
    };
    let Decision::Write(told) = tell.decide(Some(&released), at) else { panic!("news about a released send are kept") };
    assert_eq!(again(&told), Decision::Refuse);
}

/// A renewal that was decided before another one does not take it back.
#[test]
fn rule_17_a_renewal_never_shortens_a_lease() {
    let renew = |until_ms| ClaimOp::Renew { owner: OwnerToken::named("a"), until_ms };
    let record = after(&[(claim("a"), NOW, "first"), (renew(NOW + 3 * LEASE_MS), NOW, "first"), (renew(NOW + 2 * LEASE_MS), NOW, "first")]);
    assert_eq!(record.lease_until_ms, NOW + 3 * LEASE_MS);
}

/// An effect that only a newer release knows keeps the record, and stays in it when ours are completed.
#[test]
fn rule_29_an_effect_of_a_newer_release_keeps_the_record() {
    const KEY: u8 = 21;
    const OURS: u8 = 3;
    const NEWER: u8 = 8;
    let ClaimOp::Commit { owner, terminal, result, error, made, ttl_s, .. } = commit("a", Terminal::Failed) else { unreachable!() };
    let owing = ClaimOp::Commit { owner, terminal, result, error, made, effects: Effects::BOTH, ttl_s };
    let record = after(&[(claim("a"), NOW, "first"), (mark("a"), NOW, "first"), (owing, NOW, "first")]);
    let place = |bytes: &[u8], bits: u8| bytes.windows(2).rposition(|pair| pair == [KEY, bits]);
    let mut bytes = record.to_cbor();
    let at = place(&bytes, OURS).unwrap();
    bytes[at + 1] |= NEWER;
    let newer = ClaimRecord::from_cbor(&bytes).unwrap();
    assert_eq!((newer.effects_pending.dlq, newer.effects_pending.event), (true, true));

    let clear = ClaimOp::ClearEffects { first_claimed_at_ms: NOW, generation: 0, done: Effects::BOTH };
    let Decision::Write(cleared) = clear.decide(Some(&newer), At { now_ms: NOW, boot: None }) else { panic!("our flags are cleared") };
    assert!(cleared.effects_pending.pending() && cleared.removable_at_s().is_none());
    assert!(place(&cleared.to_cbor(), NEWER).is_some(), "{cleared:?}");
}

/// Rule 17 for events: the claim of an earlier opening of the store has no owner.
#[test]
fn rule_84_an_event_claimed_before_the_store_was_opened_is_free() {
    let claim = |who: &str, boot: &str| {
        let lease = Lease { owner: OwnerToken::named(who), boot: Some(boot.into()), until_ms: NOW + LEASE_MS };
        InboundOp::Claim { lease, fingerprint: None, ttl_s: DAY_S }
    };
    let at = |boot| At { now_ms: NOW, boot: Some(boot) };
    let Decision::Write(record) = claim("a", "first").decide(None, at("first")) else { panic!("the first claim") };
    assert_eq!(claim("b", "first").decide(Some(&record), at("first")), Decision::Refuse);
    let Decision::Write(next) = claim("b", "second").decide(Some(&record), at("second")) else { panic!("its process is gone") };
    assert_eq!(next.owner, OwnerToken::named("b"));
}

/// An owner that released its event settles and renews it no more: a redelivery handles it.
#[test]
fn rule_84_a_released_event_has_no_owner() {
    let owner = OwnerToken::named("a");
    let at = At { now_ms: NOW, boot: None };
    let lease = Lease { owner, boot: None, until_ms: NOW + LEASE_MS };
    let fingerprint = Some(Fingerprint::new([1; 16], 1, "k"));
    let Decision::Write(record) = (InboundOp::Claim { lease, fingerprint, ttl_s: DAY_S }).decide(None, at) else {
        panic!("the first claim")
    };
    let Decision::Write(released) = (InboundOp::Release { owner }).decide(Some(&record), at) else { panic!("its owner releases it") };
    assert_eq!((record.fingerprint.is_some(), &released.fingerprint), (true, &None), "its key is free for another event");
    assert_eq!((InboundOp::Release { owner }).decide(Some(&released), at), Decision::Keep, "its answer was lost");
    for late in
        [InboundOp::Settle { owner, status: InboundStatus::Stored, ttl_s: DAY_S }, InboundOp::Renew { owner, until_ms: NOW + LEASE_MS }]
    {
        assert_eq!(late.decide(Some(&released), at), Decision::Refuse, "{late:?}");
    }
}
