use proptest::prelude::*;

use super::*;
use crate::{
    error::{ErrorKind, Reach},
    ids::{ClientMessageId, ProviderMessageId, StrategyName, TenantId},
    message::Receipt,
    store::{Fingerprint, Lease, OwnerToken, StoredError},
};

const NOW: i64 = 1_767_225_600_000;

fn key(id: &str) -> ClaimKey {
    ClaimKey::outbound(&TenantId::new("acme").unwrap(), &StrategyName::new("s").unwrap(), &ClientMessageId::new(id).unwrap())
}

fn owner(n: u8) -> OwnerToken {
    OwnerToken::new([n; 16])
}

fn claim(who: u8, now_ms: i64, key_id: &str, ttl_s: i64) -> ClaimOp {
    let lease = Lease { owner: owner(who), boot: None, until_ms: now_ms + 60_000 };
    ClaimOp::Claim { lease, fingerprint: Fingerprint::new([7; 16], 1, key_id), skew_ms: 2000, ttl_s }
}

fn receipt(n: u8) -> Option<StoredReceipt> {
    let id = || ProviderMessageId::new("wamid.1").unwrap();
    match n % 5 {
        0 => None,
        1 => Some(StoredReceipt::open(&Receipt::unnumbered())),
        2 => Some(StoredReceipt::open(&Receipt::accepted(id()))),
        3 => Some(StoredReceipt::open(&Receipt::accepted(id()).with_note("held"))),
        _ => Some(StoredReceipt::sealed("AQ==")),
    }
}

fn operation(kind: u8, who: u8, extra: u8, now_ms: i64) -> ClaimOp {
    let terminal = [Terminal::Delivered, Terminal::Delivered, Terminal::Failed, Terminal::Unknown][usize::from(extra % 4)];
    let failed = terminal != Terminal::Delivered;
    match kind {
        0 | 1 => claim(who, now_ms, if extra < 200 { "k1" } else { "a key with a long name of its own" }, 86_400),
        2 | 3 => ClaimOp::Mark { owner: owner(who), ttl_s: 14 * 86_400 },
        4 | 5 => ClaimOp::Commit {
            owner: owner(who),
            terminal,
            result: if failed { None } else { receipt(extra) },
            error: failed.then(|| StoredError::new(ErrorKind::Timeout, Reach::Maybe, "late")),
            attempts: u32::from(extra) * 3,
            effects: if failed { Effects::BOTH } else { Effects::NONE },
            ttl_s: 86_400,
        },
        6 => ClaimOp::Renew { owner: owner(who), until_ms: now_ms + 60_000 },
        7 => ClaimOp::Release { owner: owner(who), maybe_sent: extra.is_multiple_of(2), attempts: 1, ttl_s: 86_400 },
        _ => {
            let lease = Lease { owner: owner(who + 100), boot: None, until_ms: now_ms + 60_000 };
            ClaimOp::TakeOver { lease, seen: owner(who), owner_gone: extra.is_multiple_of(2), skew_ms: 2000 }
        }
    }
}

proptest! {
    /// The table is the pure function: whatever is packed, stepped over or kept whole, `decide` alone says what a record is.
    #[test]
    fn a_table_holds_what_the_claim_machine_says(
        steps in prop::collection::vec((0..9_u8, 0..3_u8, any::<u8>(), prop_oneof![0..50_i64, 0..200_000_i64], any::<bool>()), 1..60)
    ) {
        let (table, key) = (Sends::default(), key("1"));
        let mut expected: Option<ClaimRecord> = None;
        let mut now_ms = NOW;
        for (kind, who, extra, passed, in_place) in steps {
            now_ms += passed;
            let operation = operation(kind, who, extra, now_ms);
            let before = expected.clone();
            let (done, record) = match operation.decide(before.as_ref(), At { now_ms, boot: None }) {
                Decision::Write(record) => (true, Some(record)),
                Decision::Keep => (true, before),
                Decision::Refuse => (false, before),
            };
            expected = record;
            if in_place && table.step(&key, &operation, now_ms) {
                prop_assert!(done, "a step is done only where the machine does it");
            } else {
                let applied = table.change(&key, &operation, now_ms);
                prop_assert_eq!(applied.done, done);
                prop_assert_eq!(&applied.record, &expected);
            }
            prop_assert_eq!(&table.read(&key), &expected);
        }
    }
}

/// A whole send, step by step.
#[test]
fn a_plain_send_is_three_steps_in_place_once_the_setting_is_known() {
    let table = Sends::default();
    for n in 0..1000 {
        let (key, now_ms) = (key(&n.to_string()), NOW + n);
        let mark = ClaimOp::Mark { owner: owner(1), ttl_s: 14 * 86_400 };
        let commit = operation(4, 1, 1, now_ms);
        let stepped = [claim(1, now_ms, "k1", 86_400), mark, commit].map(|operation| {
            let stepped = table.step(&key, &operation, now_ms);
            assert!(stepped || table.change(&key, &operation, now_ms).done);
            stepped
        });
        // Each shard learns the shapes by itself.
        assert!(n < 900 || stepped == [true; 3], "{n}: {stepped:?}");
        assert_eq!(table.delivered(&key), table.read(&key));
    }
    assert_eq!(table.len(), 1000);
}

#[test]
fn what_may_go_is_removed_by_later_claims_and_nothing_else_is() {
    let table = Sends::default();
    let mark = ClaimOp::Mark { owner: owner(1), ttl_s: 10 };
    for n in 0..20_000 {
        let key = key(&format!("old-{n}"));
        assert!(table.change(&key, &claim(1, NOW, "k1", 10), NOW).done);
        if n % 2 == 1 {
            assert!(table.change(&key, &mark, NOW).done);
        }
    }
    assert_eq!(table.len(), 20_000);
    let later = NOW + 10_000;
    for n in 0..30_000 {
        assert!(table.change(&key(&format!("new-{n}")), &claim(1, later, "k1", 86_400), later).done);
    }
    // What was being sent is in doubt, whatever the time.
    assert!((0..20_000).all(|n| table.read(&key(&format!("old-{n}"))).is_some() == (n % 2 == 1)));
    assert_eq!(table.len(), 40_000);
    assert!((0..30_000).all(|n| table.read(&key(&format!("new-{n}"))).is_some()));
}

#[test]
fn more_settings_than_a_slot_can_name_are_kept_whole() {
    let table = Sends::default();
    for n in 0..40_000 {
        let operation = claim(1, NOW, "k1", n);
        let key = key(&n.to_string());
        let applied = table.change(&key, &operation, NOW);
        assert_eq!(table.read(&key), applied.record);
    }
}
