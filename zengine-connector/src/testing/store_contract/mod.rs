//! The contract of the store ports, as cases that run against any implementation.
//!
//! Each case is a test on a tokio runtime of its own with several threads, on which `subject` runs too; a store may spawn
//! tasks and use I/O and timers. `subject` may also be an `async fn`. A case of concurrent callers repeats for 50 rounds, each
//! under keys of its own.
//!
//! ```
//! use zengine_connector::{store::Memory, testing::store_contract::Subject};
//!
//! // A bundle with your own claim store, empty, in place of the memory.
//! fn subject() -> Subject {
//!     Subject::new(Memory::new())
//! }
//!
//! zengine_connector::store_contract!(my_claims, crate::subject, ports = [claims]);
//! # fn main() {}
//! ```
//!
//! | port | cases |
//! |---|---|
//! | `claims` | claims of sends and of inbound events, and references |
//! | `dead_letters` | a store of dead letters |
//! | `dead_letter_sink` | a sink of dead letters, such as a queue |
//! | `events` | the event bus |
//! | `sessions` | sessions |
//! | `media` | files |
//! | `epochs` | epoch logs |
//! | `directory` | the tenant directory, with the `tenant_writer` that fills it |
//!
//! Without `ports`, every port but `dead_letter_sink` is tested. A case fails if the subject lacks its port.
//!
//! The store removes expired records: itself, or by its back end's expiry. It may do so from a record's
//! [`removable_at_s`](crate::store::ClaimRecord::removable_at_s) on, and never before; no case requires that it does. The cases
//! run in the year 2100, so that a back end that expires records by the wall clock removes none of them.

// Cases are tests: a broken promise panics.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod claims;
mod current;
mod directory;
mod inbound;
mod media;
mod rest;
mod run;
mod settled;

use std::{
    any::Any,
    fmt,
    future::{IntoFuture, Ready, ready},
    ops::Deref,
    sync::Arc,
};

pub use claims::*;
pub use current::*;
pub use directory::*;
pub use inbound::*;
pub use media::*;
pub use rest::*;
#[doc(hidden)]
pub use run::run;
use run::{ROUNDS, at_once};
pub use settled::*;

use crate::{
    ids::{ClientMessageId, StrategyName, TenantId},
    store::{
        Applied, AttemptsMade, ClaimKey, ClaimOp, ClaimRecord, ClaimStore, Effects, Fingerprint, Lease, OwnerToken, StoreError,
        StoredReceipt, Stores, Terminal,
    },
};

/// Empty stores under test. The cases of the directory need both its ports, `directory` and `tenant_writer`.
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

/// A subject is ready at once, so that the macro awaits the result of a function and of an `async fn` alike.
impl IntoFuture for Subject {
    type Output = Self;
    type IntoFuture = Ready<Self>;

    fn into_future(self) -> Ready<Self> {
        ready(self)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("stores", &self.stores).finish_non_exhaustive()
    }
}

/// Generates one test for each case: `store_contract!(module, path::to::subject)`, or of some ports,
/// `store_contract!(module, path::to::subject, ports = [claims, sessions])`. `subject` returns a new
/// [`Subject`](crate::testing::store_contract::Subject), or a future of one.
#[macro_export]
macro_rules! store_contract {
    ($module:ident, $subject:path) => {
        $crate::store_contract!($module, $subject, ports = [claims, dead_letters, events, sessions, media, epochs, directory]);
    };
    ($module:ident, $subject:path, ports = [$($port:ident),+ $(,)?]) => {
        mod $module {
            $($crate::store_contract! { @$port $subject })+
        }
    };
    (@claims $subject:path) => {
        $crate::store_contract! { @cases $subject,
            rule_11_keys_of_other_tenants_strategies_and_ids_are_other_records
            rule_11_keys_that_look_alike_are_other_records
            rule_13_an_absent_record_is_claimed_and_a_claimed_one_is_not
            rule_13_of_100_concurrent_claims_one_wins
            rule_13_of_100_concurrent_takeovers_one_wins
            rule_14_an_owners_repeated_write_counts_as_done
            rule_15_late_owner_cannot_change_what_its_successor_holds
            rule_15_late_owner_cannot_change_a_record_that_was_made_anew
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
            rule_27_a_failure_that_is_not_final_settles_nothing
            rule_27_evidence_of_an_earlier_key_is_refused
            rule_27_evidence_while_sending_decides_the_commit
            rule_27_evidence_while_sending_decides_when_the_owner_is_given_up
            rule_29_a_record_expires_exactly_at_expires_at
            rule_29_a_record_in_doubt_is_never_absent
            rule_29_later_writes_remove_no_record_in_doubt_or_with_effects
            rule_29_records_that_are_due_come_in_pages
            rule_29_a_due_record_is_found_among_many
            rule_65_effects_are_cleared_one_by_one_and_for_their_life_only
            rule_70_a_redrive_claims_the_next_generation_once
            a_wrong_current_record_changes_no_result_of_a_send
            rule_84_an_inbound_event_is_handled_by_one_owner_and_stays_stored
            rule_84_a_replay_claims_poison_once
            rule_84_another_event_under_the_same_key_is_refused
            rule_84_a_released_inbound_event_is_claimed_again
            rule_84_of_100_concurrent_inbound_claims_one_wins
            rule_84_late_owner_cannot_change_an_inbound_record_that_was_made_anew
            a_wrong_current_record_changes_no_result_of_an_inbound_event
            references_find_their_send_until_they_expire
        }
    };
    (@dead_letters $subject:path) => {
        $crate::store_contract! { @cases $subject,
            dead_letters_are_listed_in_pages_and_removed
            dead_letters_whose_ids_look_alike_are_separate
            rule_66_a_dead_letter_may_be_put_twice
            rule_70_a_dead_letter_is_taken_once_per_redrive
            a_dead_letter_keeps_what_a_newer_release_wrote
        }
    };
    (@dead_letter_sink $subject:path) => {
        $crate::store_contract! { @cases $subject,
            rule_66_a_dead_letter_may_be_put_twice
        }
    };
    (@events $subject:path) => {
        $crate::store_contract! { @cases $subject,
            an_event_may_be_published_twice
        }
    };
    (@sessions $subject:path) => {
        $crate::store_contract! { @cases $subject,
            sessions_are_compared_and_set
            sessions_expire_exactly_at_their_end
            session_versions_are_never_used_twice
            sessions_of_different_scopes_are_separate
            sessions_are_listed_in_pages_and_deleted
            sessions_of_a_scope_are_listed_by_prefix
            of_100_concurrent_session_writes_one_wins
        }
    };
    (@media $subject:path) => {
        $crate::store_contract! { @cases $subject,
            a_file_is_read_in_ranges
            a_file_expires_exactly_at_its_end
            files_of_different_tenants_are_separate
            a_deleted_file_is_absent
            the_files_of_a_tenant_are_erased
            a_file_that_stands_is_not_replaced
            the_end_of_a_file_moves_only_later
            a_file_that_is_too_large_is_refused
        }
    };
    (@epochs $subject:path) => {
        $crate::store_contract! { @cases $subject,
            rule_49_an_epoch_is_created_once
            rule_51_epochs_are_read_in_order_and_trimmed
        }
    };
    (@directory $subject:path) => {
        $crate::store_contract! { @cases $subject,
            the_directory_knows_configurations_and_their_versions
            a_row_that_is_written_again_stays_disabled
            the_directory_finds_tenants_by_route
            the_directory_lists_tenants_in_pages
            the_directory_separates_tenants_and_routes_that_look_alike
            a_row_keeps_its_routes_once_and_sorted
            a_tenants_configuration_and_routes_change_together
        }
    };
    (@cases $subject:path, $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                $crate::testing::store_contract::run(async {
                    let subject = $subject().await;
                    $crate::testing::store_contract::$case(&subject).await;
                });
            }
        )*
    };
    (@$port:ident $subject:path) => {
        ::core::compile_error!(concat!(
            "no port is called `", stringify!($port), "`: there are claims, dead_letters, dead_letter_sink, events, sessions, media, epochs and directory"
        ));
    };
}

/// Texts that are different keys, though a collation may take them for the same: letter case, a space at the end, and an accent as one
/// character, as two, or left out.
const ALIKE: [&str; 6] = ["e", "E", "e ", "\u{e9}", "e\u{301}", "\u{e8}"];

/// The end of a message about two of them.
const BYTE_BY_BYTE: &str = "keys are compared byte by byte, with a binary collation";

/// The result of a call to a store under test. The stores of a subject work, so an error fails the case.
trait Works<T> {
    /// The value. `call` says in the message what was called.
    fn works(self, call: impl fmt::Display) -> T;
}

impl<T> Works<T> for Result<T, StoreError> {
    #[track_caller]
    fn works(self, call: impl fmt::Display) -> T {
        self.unwrap_or_else(|error| panic!("{call} returned {error:?}: a store that works must not fail here"))
    }
}

/// 2100-01-01 00:00 UTC: no back end that expires records by the wall clock removes a case's own.
const NOW: i64 = 4_102_444_800_000;
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

/// Runs operations on one claim, as any owner, for a case of a rule.
#[derive(Clone)]
struct ClaimRun {
    claims: Arc<dyn ClaimStore>,
    key: ClaimKey,
    rule: u8,
}

/// An operation that ran, and its result.
struct Ran {
    /// The operation's name and time.
    operation: String,
    applied: Applied<ClaimRecord>,
}

impl Deref for Ran {
    type Target = Applied<ClaimRecord>;

    fn deref(&self) -> &Applied<ClaimRecord> {
        &self.applied
    }
}

/// The name of an operation, for messages.
fn name(operation: &impl fmt::Debug) -> String {
    format!("{operation:?}").split([' ', '{', '(']).next().unwrap_or_default().to_owned()
}

impl ClaimRun {
    fn new(subject: &Subject, rule: u8, id: &str) -> Self {
        Self::of(subject, rule, key(id))
    }

    fn of(subject: &Subject, rule: u8, key: ClaimKey) -> Self {
        Self { claims: Arc::clone(&subject.stores.claims), key, rule }
    }

    fn lease(&self, owner: &str, now: i64) -> Lease {
        Lease { owner: named(owner), boot: self.claims.boot().map(Into::into), until_ms: now + LEASE_MS }
    }

    async fn apply(&self, operation: ClaimOp, now: i64) -> Ran {
        let applied = self.claims.apply(&self.key, &operation, None, now).await;
        let operation = format!("{}, {} ms after the start,", name(&operation), now - NOW);
        let applied = applied.works(format_args!("rule {}: `apply` of {operation}", self.rule));
        Ran { operation, applied }
    }

    async fn record(&self) -> Option<ClaimRecord> {
        self.claims.get(&self.key).await.works(format_args!("rule {}: `get`", self.rule))
    }

    fn claim_op(&self, owner: &str, now: i64) -> ClaimOp {
        ClaimOp::Claim { lease: self.lease(owner, now), fingerprint: fingerprint(), skew_ms: SKEW_MS, ttl_s: DAY_S }
    }

    async fn claim(&self, owner: &str, now: i64) -> Ran {
        self.apply(self.claim_op(owner, now), now).await
    }

    fn take_over_op(&self, owner: &str, seen: &str, now: i64) -> ClaimOp {
        ClaimOp::TakeOver { lease: self.lease(owner, now), seen: named(seen), owner_gone: false, skew_ms: SKEW_MS }
    }

    async fn take_over(&self, owner: &str, seen: &str, now: i64) -> Ran {
        self.apply(self.take_over_op(owner, seen, now), now).await
    }

    async fn mark(&self, owner: &str, now: i64) -> Ran {
        self.apply(ClaimOp::Mark { owner: named(owner), idempotency: None, ttl_s: IN_DOUBT_S }, now).await
    }

    async fn commit(&self, owner: &str, terminal: Terminal, now: i64) -> Ran {
        let effects = if terminal == Terminal::Delivered { Effects::NONE } else { Effects::BOTH };
        let result = (terminal == Terminal::Delivered).then(|| StoredReceipt::sealed(&b"receipt"[..]));
        let owner = named(owner);
        self.apply(ClaimOp::Commit { owner, terminal, result, error: None, made: AttemptsMade::new(1), effects, ttl_s: DAY_S }, now).await
    }

    async fn release(&self, owner: &str, maybe_sent: bool, now: i64) -> Ran {
        let ttl_s = if maybe_sent { IN_DOUBT_S } else { DAY_S };
        self.apply(ClaimOp::Release { owner: named(owner), maybe_sent, made: AttemptsMade::new(1), ttl_s }, now).await
    }

    async fn done(&self, Ran { operation, applied }: Ran) -> ClaimRecord {
        let (rule, stored) = (self.rule, self.record().await);
        assert!(applied.done, "rule {rule}: the store refused {operation} which `decide` allows; stored is {stored:?}");
        assert_eq!(
            applied.record.as_deref(),
            stored.as_ref(),
            "rule {rule}: {operation} returned (left) another record than the stored one"
        );
        stored.unwrap_or_else(|| panic!("rule {rule}: the store says that {operation} is done, and stored no record"))
    }

    async fn refused(&self, Ran { operation, applied }: Ran, before: Option<&ClaimRecord>) {
        let (rule, stored) = (self.rule, self.record().await);
        assert!(!applied.done, "rule {rule}: the store did {operation} which `decide` refuses; stored is now {stored:?}");
        assert_eq!(stored.as_ref(), before, "rule {rule}: the store changed the record, though it refused {operation} as it must");
        assert_eq!(
            applied.record.as_deref(),
            before,
            "rule {rule}: the refusal of {operation} returned (left) another record than the stored one"
        );
    }
}
