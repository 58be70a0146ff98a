use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::{
    error::{ErrorKind, Reach},
    message::State,
    store::{AttemptsMade, Effects, Evidence, Fingerprint, Lease, StoredError, Terminal},
    sync::Mutex,
};

const NOW: i64 = 1_767_225_600_000;
const AT: At<'_> = At { now_ms: NOW, boot: None };

/// A store of one record.
#[derive(Default)]
struct One {
    record: Mutex<Option<ClaimRecord>>,
    /// Whether a refused write returns the record.
    returns_found: bool,
    /// Whether another caller changes the record before each conditional write.
    changes: bool,
    /// Whether the next write happens and its answer is lost.
    loses_answer: AtomicBool,
    reads: AtomicUsize,
    writes: AtomicUsize,
}

impl One {
    fn of(record: Option<&ClaimRecord>, returns_found: bool) -> Self {
        Self { record: Mutex::new(record.cloned()), returns_found, ..Self::default() }
    }

    fn run(&self, operation: &ClaimOp, current: Option<&ClaimRecord>) -> Result<Applied<ClaimRecord>, StoreError> {
        smol::block_on(apply(self, &key(), operation, current, AT))
    }

    fn record(&self) -> Option<ClaimRecord> {
        self.record.lock().clone()
    }

    /// Reads and conditional writes.
    fn trips(&self) -> (usize, usize) {
        (self.reads.load(Ordering::SeqCst), self.writes.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl CompareAndSet<ClaimRecord> for One {
    async fn get(&self, _: &ClaimKey) -> Result<Option<ClaimRecord>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        Ok(self.record())
    }

    async fn put_if(&self, _: &ClaimKey, expected: Option<Stored>, record: &ClaimRecord) -> Result<PutIf<ClaimRecord>, StoreError> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        let mut stored = self.record.lock();
        if self.changes
            && let Some(record) = stored.as_mut()
        {
            record.rev += 1;
        }
        if stored.as_ref().map(ClaimOp::state) == expected {
            *stored = Some(record.clone());
            return if self.loses_answer.swap(false, Ordering::SeqCst) {
                Err(StoreError::new(StoreErrorKind::Unavailable, "the answer is lost"))
            } else {
                Ok(PutIf::Written)
            };
        }
        Ok(if self.returns_found { PutIf::Found(stored.clone()) } else { PutIf::Refused })
    }
}

fn key() -> ClaimKey {
    use crate::ids::{ClientMessageId, StrategyName, TenantId};
    ClaimKey::outbound(&TenantId::new("acme").unwrap(), &StrategyName::new("sns-sms").unwrap(), &ClientMessageId::new("1").unwrap())
}

fn token(name: &str) -> OwnerToken {
    OwnerToken::named(name)
}

fn lease(owner: &str) -> Lease {
    Lease { owner: token(owner), boot: None, until_ms: NOW + 60_000 }
}

fn claim(owner: &str) -> ClaimOp {
    ClaimOp::Claim { lease: lease(owner), fingerprint: Fingerprint::new([1; 16], 1, "k1"), skew_ms: 2_000, ttl_s: 86_400 }
}

fn mark(owner: &str) -> ClaimOp {
    ClaimOp::Mark { owner: token(owner), idempotency: None, ttl_s: 86_400 }
}

fn commit(terminal: Terminal, effects: Effects) -> ClaimOp {
    let (owner, made) = (token("a"), AttemptsMade::new(1));
    ClaimOp::Commit { owner, terminal, result: None, error: None, made, effects, ttl_s: 86_400 }
}

fn release(maybe_sent: bool) -> ClaimOp {
    ClaimOp::Release { owner: token("a"), maybe_sent, made: AttemptsMade::new(1), ttl_s: 86_400 }
}

/// The record after operations.
fn after(operations: &[ClaimOp]) -> Option<ClaimRecord> {
    operations.iter().fold(None, |record, operation| match operation.decide(record.as_ref(), AT) {
        Decision::Write(record) => Some(record),
        decision => panic!("{decision:?}"),
    })
}

#[test]
fn a_right_record_costs_one_conditional_write_and_no_read() {
    let claimed = after(&[claim("a")]);
    let store = One::of(claimed.as_ref(), true);
    assert!(store.run(&mark("a"), claimed.as_ref()).unwrap().done);
    assert_eq!(store.trips(), (0, 1));
}

#[test]
fn a_record_that_changes_with_every_try_ends_in_a_conflict_after_five() {
    let claimed = after(&[claim("a")]);
    let renew = ClaimOp::Renew { owner: token("a"), until_ms: NOW + 90_000 };
    for (returns_found, reads) in [(true, 0), (false, 5)] {
        let store = One { changes: true, ..One::of(claimed.as_ref(), returns_found) };
        assert_eq!(store.run(&renew, claimed.as_ref()).unwrap_err().kind, StoreErrorKind::Conflict);
        assert_eq!(store.trips(), (reads, 5));
        assert_eq!(store.record().unwrap().lease_until_ms, claimed.as_ref().unwrap().lease_until_ms);
    }
}

#[test]
fn nothing_is_refused_or_kept_before_a_read() {
    let (claimed, marked) = (after(&[claim("a")]), after(&[claim("a"), mark("a")]));
    let others = after(&[claim("b")]);
    // The operation, the record that the caller believes to be stored, the stored one, and whether its condition holds.
    let cases = [
        (claim("b"), &claimed, &claimed, false),
        (claim("b"), &claimed, &None, true),
        (claim("a"), &claimed, &claimed, true),
        (claim("a"), &claimed, &others, false),
        (mark("a"), &None, &claimed, true),
        (mark("a"), &None, &None, false),
        (mark("a"), &marked, &marked, true),
        (mark("a"), &marked, &claimed, true),
        (mark("a"), &marked, &None, false),
    ];
    for (n, (operation, believed, stored, done)) in cases.into_iter().enumerate() {
        for returns_found in [true, false] {
            let store = One::of(stored.as_ref(), returns_found);
            let applied = store.run(&operation, believed.as_ref()).unwrap();
            assert_eq!((applied.done, store.trips().0), (done, 1), "case {n}");
            assert_eq!(applied.record.as_deref(), store.record().as_ref(), "case {n}");
        }
    }
}

#[test]
fn a_refused_write_is_decided_anew_on_the_record_that_it_found() {
    let claimed = after(&[claim("a")]);
    for (returns_found, reads) in [(true, 0), (false, 1)] {
        let store = One::of(claimed.as_ref(), returns_found);
        let applied = store.run(&claim("b"), None).unwrap();
        assert_eq!((applied.done, applied.record.as_deref()), (false, claimed.as_ref()));
        assert_eq!(store.trips(), (reads, 1));
    }
}

#[test]
fn rule_14_a_write_whose_answer_was_lost_is_recognised() {
    let give_up = ClaimOp::GiveUp {
        claimant: token("b"),
        seen: token("a"),
        owner_gone: true,
        error: StoredError::new(ErrorKind::Unexpected, Reach::Maybe, "the owner is gone"),
        skew_ms: 2_000,
        ttl_s: 86_400,
    };
    let redrive = ClaimOp::Redrive {
        lease: lease("b"),
        fingerprint: Fingerprint::new([1; 16], 1, "k1"),
        generation: 0,
        first_claimed_at_ms: None,
        key_generation: 1,
        maybe_sent: false,
        first_sent_at_ms: None,
        last_attempt_at_ms: None,
        idempotency: None,
        ttl_s: 86_400,
    };
    let sending = [claim("a"), mark("a")];
    let failed = [claim("a"), mark("a"), commit(Terminal::Failed, Effects::BOTH)];
    let owing_nothing = [claim("a"), mark("a"), commit(Terminal::Failed, Effects::NONE)];
    let cases: [(&[ClaimOp], ClaimOp); 10] = [
        (&[], claim("a")),
        (&sending[..1], mark("a")),
        (&sending, commit(Terminal::Delivered, Effects::NONE)),
        (&sending, commit(Terminal::Unknown, Effects::BOTH)),
        (&sending, release(false)),
        (&sending, release(true)),
        (&sending, ClaimOp::TakeOver { lease: lease("b"), seen: token("a"), owner_gone: true, skew_ms: 2_000 }),
        (&sending, give_up),
        (
            &sending,
            ClaimOp::Tell { key_generation: 0, evidence: Evidence::new(State::Delivered, NOW, None), skew_ms: 2_000, ttl_s: 86_400 },
        ),
        (&failed, ClaimOp::ClearEffects { first_claimed_at_ms: NOW, generation: 0, done: Effects::BOTH }),
    ];
    for (before, operation) in cases.into_iter().chain([(&owing_nothing[..], redrive)]) {
        for returns_found in [true, false] {
            let current = after(before);
            let store = One::of(current.as_ref(), returns_found);
            store.loses_answer.store(true, Ordering::SeqCst);
            assert_eq!(store.run(&operation, current.as_ref()).unwrap_err().kind, StoreErrorKind::Unavailable);
            let written = store.record();
            assert_ne!(written, current, "the write happened");
            let again = store.run(&operation, current.as_ref()).unwrap();
            assert_eq!((again.done, again.record.as_deref()), (true, written.as_ref()), "{operation:?}");
            assert_eq!(store.record(), written, "{operation:?}");
        }
    }
}
