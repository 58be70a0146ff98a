//! The contract of the store ports, as cases that run against any implementation.
//!
//! ```
//! use zengine_connector::{store::Memory, testing::store_contract::Subject};
//!
//! // Your own stores, empty, in place of the memory.
//! fn subject() -> Subject {
//!     Subject::new(Memory::new())
//! }
//!
//! zengine_connector::store_contract!(my_stores, crate::subject);
//! # fn main() {}
//! ```

// Cases are tests: a broken promise panics.
#![allow(clippy::unwrap_used)]
// All cases are async, including those that only start threads.
#![allow(clippy::unused_async)]

mod claims;
mod directory;
mod inbound;
mod rest;
mod settled;

use std::{any::Any, fmt};

pub use claims::*;
pub use directory::*;
pub use inbound::*;
pub use rest::*;
pub use settled::*;

use crate::{
    ids::{ClientMessageId, StrategyName, TenantId},
    store::{
        Applied, AttemptsMade, ClaimKey, ClaimOp, ClaimRecord, Effects, Fingerprint, Lease, OwnerToken, StoredReceipt, Stores, Terminal,
    },
};

/// Empty stores under test. The cases of the directory need both its ports, `directory` and `tenant_writer`; without them they
/// pass.
pub struct Subject {
    /// The stores.
    pub stores: Stores,
    held: Vec<Box<dyn Any + Send + Sync>>,
}

impl Subject {
    /// Creates a subject from empty stores.
    pub fn new(stores: impl Into<Stores>) -> Self {
        Self { stores: stores.into(), held: Vec::new() }
    }

    /// Keeps a value, such as a temporary folder, alive as long as the subject.
    #[must_use = "returns the subject with the value"]
    pub fn holding(mut self, held: impl Any + Send + Sync) -> Self {
        self.held.push(Box::new(held));
        self
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("stores", &self.stores).finish_non_exhaustive()
    }
}

/// Generates one test for each case: `store_contract!(module, path::to::subject)`, where `subject` returns a new
/// [`Subject`](crate::testing::store_contract::Subject).
#[macro_export]
macro_rules! store_contract {
    ($module:ident, $subject:path) => {
        $crate::store_contract! { @cases $module, $subject,
            rule_11_keys_of_other_tenants_strategies_and_ids_are_other_records
            rule_13_an_absent_record_is_claimed_and_a_claimed_one_is_not
            rule_13_of_100_concurrent_claims_one_wins
            rule_13_of_100_concurrent_takeovers_one_wins
            rule_14_an_owners_repeated_write_counts_as_done
            rule_15_late_owner_cannot_change_what_its_successor_holds
            rule_16_the_mark_notes_the_first_byte_and_keeps_the_record_longer
            rule_17_a_claim_of_an_earlier_opening_is_free_at_once
            rule_17_a_lease_ends_after_the_clock_skew_and_a_renewed_one_later
            rule_19_an_orphan_that_may_have_sent_is_not_claimed_as_fresh
            rule_19_giving_up_an_orphan_leaves_unknown_with_both_effects
            rule_20_maybe_sent_stays_through_release_and_takeover
            rule_21_a_released_record_is_claimed_with_its_history
            rule_23_another_fingerprint_is_refused_and_changes_nothing
            rule_24_an_owner_known_to_be_gone_is_replaced_before_its_lease_ends
            rule_22_a_terminal_record_does_not_change
            rule_27_only_a_late_owner_settles_an_unknown
            rule_27_evidence_settles_an_unknown
            rule_27_evidence_while_sending_decides_the_commit
            rule_27_evidence_while_sending_decides_when_the_owner_is_given_up
            rule_29_a_record_expires_exactly_at_expires_at
            rule_29_a_record_in_doubt_is_never_absent
            rule_29_later_writes_remove_no_record_in_doubt_or_with_effects
            rule_65_effects_are_cleared_one_by_one_and_for_their_generation_only
            rule_70_a_redrive_claims_the_next_generation_once
            rule_84_an_inbound_event_is_handled_by_one_owner_and_stays_stored
            rule_84_a_released_inbound_event_is_claimed_again
            rule_84_of_100_concurrent_inbound_claims_one_wins
            references_find_their_send_until_they_expire
            dead_letters_are_listed_in_pages_and_removed
            rule_70_a_dead_letter_is_taken_once_per_redrive
            an_event_may_be_published_twice
            sessions_are_compared_and_set
            sessions_expire_exactly_at_their_end
            session_versions_are_never_used_twice
            sessions_of_different_scopes_are_separate
            of_100_concurrent_session_writes_one_wins
            rule_49_an_epoch_is_created_once
            rule_51_epochs_are_read_in_order_and_trimmed
            the_directory_knows_configurations_and_their_versions
            the_directory_finds_tenants_by_route
            the_directory_lists_tenants_in_pages
            a_row_is_read_as_it_was_written
            a_tenants_configuration_and_routes_change_together
        }
    };
    (@cases $module:ident, $subject:path, $($case:ident)*) => {
        mod $module {
            $(
                #[test]
                fn $case() {
                    let subject = $subject();
                    $crate::testing::block_on($crate::testing::store_contract::$case(&subject));
                }
            )*
        }
    };
}

const NOW: i64 = 1_767_225_600_000;
const LEASE_MS: i64 = 60_000;
const SKEW_MS: i64 = 2_000;
const DAY_S: i64 = 24 * 3600;
const IN_DOUBT_S: i64 = 14 * DAY_S;

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

fn strategy(name: &str) -> StrategyName {
    StrategyName::new(name).unwrap()
}

fn key(id: &str) -> ClaimKey {
    ClaimKey::outbound(&tenant("acme"), &strategy("sns-sms"), &ClientMessageId::new(id).unwrap())
}

/// The owner token with this name.
fn named(name: &str) -> OwnerToken {
    OwnerToken::named(name)
}

fn fingerprint() -> Fingerprint {
    Fingerprint::new([1; 16], 1, "k1")
}

/// Runs operations on one claim, as any owner.
struct ClaimRun<'a> {
    stores: &'a Stores,
    key: ClaimKey,
}

impl<'a> ClaimRun<'a> {
    fn new(subject: &'a Subject, id: &str) -> Self {
        Self { stores: &subject.stores, key: key(id) }
    }

    fn lease(&self, owner: &str, now: i64) -> Lease {
        Lease { owner: named(owner), boot: self.stores.claims.boot().map(Into::into), until_ms: now + LEASE_MS }
    }

    async fn apply(&self, operation: ClaimOp, now: i64) -> Applied<ClaimRecord> {
        self.stores.claims.apply(&self.key, &operation, None, now).await.unwrap()
    }

    async fn record(&self) -> Option<ClaimRecord> {
        self.stores.claims.get(&self.key).await.unwrap()
    }

    fn claim_op(&self, owner: &str, now: i64) -> ClaimOp {
        ClaimOp::Claim { lease: self.lease(owner, now), fingerprint: fingerprint(), skew_ms: SKEW_MS, ttl_s: DAY_S }
    }

    async fn claim(&self, owner: &str, now: i64) -> Applied<ClaimRecord> {
        self.apply(self.claim_op(owner, now), now).await
    }

    fn take_over_op(&self, owner: &str, seen: &str, now: i64) -> ClaimOp {
        ClaimOp::TakeOver { lease: self.lease(owner, now), seen: named(seen), owner_gone: false, skew_ms: SKEW_MS }
    }

    async fn take_over(&self, owner: &str, seen: &str, now: i64) -> Applied<ClaimRecord> {
        self.apply(self.take_over_op(owner, seen, now), now).await
    }

    async fn mark(&self, owner: &str, now: i64) -> Applied<ClaimRecord> {
        self.apply(ClaimOp::Mark { owner: named(owner), ttl_s: IN_DOUBT_S }, now).await
    }

    async fn commit(&self, owner: &str, terminal: Terminal, now: i64) -> Applied<ClaimRecord> {
        let effects = if terminal == Terminal::Delivered { Effects::NONE } else { Effects::BOTH };
        let result = (terminal == Terminal::Delivered).then(|| StoredReceipt::sealed(&b"receipt"[..]));
        let owner = named(owner);
        self.apply(ClaimOp::Commit { owner, terminal, result, error: None, made: AttemptsMade::new(1), effects, ttl_s: DAY_S }, now).await
    }

    async fn release(&self, owner: &str, maybe_sent: bool, now: i64) -> Applied<ClaimRecord> {
        let ttl_s = if maybe_sent { IN_DOUBT_S } else { DAY_S };
        self.apply(ClaimOp::Release { owner: named(owner), maybe_sent, made: AttemptsMade::new(1), ttl_s }, now).await
    }

    async fn done(&self, applied: Applied<ClaimRecord>) -> ClaimRecord {
        assert!(applied.done, "the condition holds");
        assert_eq!(applied.record.as_deref(), self.record().await.as_ref(), "the returned record is the stored one");
        ClaimRecord::clone(&applied.record.unwrap())
    }

    async fn refused(&self, applied: Applied<ClaimRecord>, before: Option<&ClaimRecord>) {
        assert!(!applied.done, "the condition does not hold");
        assert_eq!(applied.record.as_deref(), before, "a refusal returns the record");
        assert_eq!(self.record().await.as_ref(), before, "a refusal changes nothing");
    }
}

/// Runs a function on many threads at once.
fn at_once<T: Send>(tasks: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = std::sync::Barrier::new(tasks);
    std::thread::scope(|scope| {
        let (start, work) = (&start, &work);
        let threads: Vec<_> = (0..tasks)
            .map(|n| {
                scope.spawn(move || {
                    start.wait();
                    work(n)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}
