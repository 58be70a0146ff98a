//! Records that a sweep looks at.

use super::{ClaimKey, ClaimRecord};

/// Time after the end of a lease at which a send in doubt counts as overdue, in milliseconds (rule 19).
const OVERDUE_MS: i64 = 15 * 60_000;

/// A page of records that are due, from [`ClaimStore::due`](super::ClaimStore::due).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct DuePage {
    /// The records with their keys. May be empty although `next` is set.
    pub records: Vec<(ClaimKey, ClaimRecord)>,
    /// The place at which the next page begins, in a form of the store's own. `None` if there are no more pages.
    pub next: Option<String>,
    /// Number of records that could not be read. A sweep counts them as failed.
    pub unreadable: usize,
}

impl DuePage {
    /// A page.
    pub fn new(records: Vec<(ClaimKey, ClaimRecord)>, next: Option<String>) -> Self {
        Self { records, next, unreadable: 0 }
    }
}

/// The reason for which a record is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// It is in doubt, and its time is over: it ends now (rule 29).
    Expired,
    /// It is in doubt, and its owner was to end it long ago: a duplicate must resolve it (rule 19).
    Overdue,
    /// It is terminal and has pending effects (rules 67 to 69).
    Effects,
}

impl ClaimRecord {
    /// Returns `true` if a sweep must look at the record. This is the condition of
    /// [`ClaimStore::due`](super::ClaimStore::due). One of:
    ///
    /// - The record is in doubt and not owned after `before_ms`, and it expired by `before_ms`.
    /// - The record is owned and in doubt, and its lease ended 15 minutes or longer before `before_ms`.
    /// - The record is terminal, has a pending effect (a dead letter, an event of its end, or one of its settlement), and was last
    ///   written by `before_ms`.
    pub const fn is_due(&self, before_ms: i64) -> bool {
        self.due(before_ms).is_some()
    }

    /// The reason for which the record is due, if it is.
    pub(crate) const fn due(&self, before_ms: i64) -> Option<Due> {
        if self.status.is_terminal() {
            let pending = self.effects_pending;
            let owes = pending.dlq || pending.event || pending.settled;
            return if owes && self.updated_at_ms <= before_ms { Some(Due::Effects) } else { None };
        }
        if !self.is_in_doubt() {
            None
        } else if self.is_expired(before_ms) && self.lease_until_ms <= before_ms {
            Some(Due::Expired)
        } else if self.status.is_owned() && self.lease_until_ms.saturating_add(OVERDUE_MS) <= before_ms {
            Some(Due::Overdue)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{At, AttemptsMade, ClaimOp, Decision, Effects, Fingerprint, Lease, OwnerToken, Terminal};

    const NOW: i64 = 1_767_225_600_000;
    const OWNER: OwnerToken = OwnerToken::new([1; 16]);

    fn record(operations: &[ClaimOp]) -> ClaimRecord {
        let lease = Lease { owner: OWNER, boot: None, until_ms: NOW + 60_000 };
        let claim = ClaimOp::Claim { lease, fingerprint: Fingerprint::new([0; 16], 1, "k"), skew_ms: 0, ttl_s: 100 };
        let mut record = None;
        for operation in std::iter::once(&claim).chain(operations) {
            let Decision::Write(next) = operation.decide(record.as_ref(), At { now_ms: NOW, boot: None }) else { panic!("{operation:?}") };
            record = Some(next);
        }
        record.expect("a claim was made")
    }

    /// The times, from now, at which the record becomes due and the reasons.
    fn times(record: &ClaimRecord) -> Vec<(i64, Due)> {
        let mut last = None;
        let mut changes = Vec::new();
        for second in 0..2_000 {
            let due = record.due(NOW + second * 1000);
            assert_eq!(record.is_due(NOW + second * 1000), due.is_some());
            if let Some(due) = due.filter(|_| due != last) {
                changes.push((second, due));
            }
            last = due;
        }
        changes
    }

    #[test]
    fn rule_29_a_record_is_due_once_its_time_is_over_and_not_when_its_lease_is() {
        let mark = |ttl_s| ClaimOp::Mark { owner: OWNER, idempotency: None, ttl_s };
        let release = |maybe_sent| ClaimOp::Release { owner: OWNER, maybe_sent, made: AttemptsMade::new(1), ttl_s: 500 };
        assert_eq!(times(&record(&[])), [], "nothing was sent: the next send claims it");
        assert_eq!(times(&record(&[mark(500)])), [(500, Due::Expired)]);
        assert_eq!(times(&record(&[mark(30)])), [(60, Due::Expired)], "its owner may still be at work");
        assert_eq!(times(&record(&[mark(1500)])), [(960, Due::Overdue), (1500, Due::Expired)]);
        assert_eq!(times(&record(&[release(true)])), [(500, Due::Expired)]);
        assert_eq!(times(&record(&[release(false)])), []);
    }

    #[test]
    fn rule_29_a_release_renews_a_doubt_only_if_an_attempt_did() {
        let lease = Lease { owner: OwnerToken::new([2; 16]), boot: None, until_ms: NOW + 60_000 };
        let taken = ClaimOp::TakeOver { lease, seen: OWNER, owner_gone: false, skew_ms: 0 };
        let release = |owner, made, ttl_s| ClaimOp::Release { owner, maybe_sent: true, made, ttl_s };
        let released = |made| {
            let first = release(OWNER, AttemptsMade { last_maybe_at_ms: Some(NOW), ..AttemptsMade::new(1) }, 500);
            let mark = ClaimOp::Mark { owner: OWNER, idempotency: None, ttl_s: 500 };
            record(&[mark, first, taken.clone(), release(OwnerToken::new([2; 16]), made, 9_000)]).expires_at_s - NOW / 1000
        };
        let at = |first_maybe_at_ms| AttemptsMade { first_maybe_at_ms, last_maybe_at_ms: Some(NOW), ..AttemptsMade::default() };
        assert_eq!([at(None), at(Some(NOW))].map(released), [500, 9_000]);
    }

    #[test]
    fn rule_69_a_record_is_due_while_it_owes_an_effect() {
        let commit = |terminal, effects| {
            let (result, error, made) = (None, None, AttemptsMade::new(1));
            ClaimOp::Commit { owner: OWNER, terminal, result, error, made, effects, ttl_s: 500 }
        };
        for effects in [Effects::BOTH, Effects::LETTER, Effects::EVENT, Effects::SETTLED] {
            let owing = record(&[commit(Terminal::Unknown, effects)]);
            assert_eq!(times(&owing), [(0, Due::Effects)]);
            assert!(!owing.is_due(NOW - 1), "its owner completes them itself");
        }
        assert_eq!(times(&record(&[commit(Terminal::Delivered, Effects::NONE)])), []);
    }
}
