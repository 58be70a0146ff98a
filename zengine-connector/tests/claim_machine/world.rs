//! The world of a record: three owners, a clock that jumps, crashes and lost answers.

use proptest::{prelude::*, sample::select};
use zengine_connector::{
    ErrorKind, Reach,
    message::{Idempotency, Standing, State},
    store::{
        AttemptRecord, AttemptsMade, ClaimOp, ClaimRecord, Effects, Evidence, Fingerprint, Lease, OwnerToken, StoredError, StoredReceipt,
        Terminal,
    },
};

use crate::rules::oldest_evidence_ms;

pub(crate) const NOW: i64 = 1_767_225_600_000;
pub(crate) const LEASE_MS: i64 = 60_000;
pub(crate) const SKEW_MS: i64 = 2_000;
pub(crate) const DAY_S: i64 = 24 * 3600;
pub(crate) const IN_DOUBT_S: i64 = 14 * DAY_S;

/// The one message of this test, and another one.
pub(crate) const THIS: [u8; 16] = [1; 16];
pub(crate) const OTHER: [u8; 16] = [2; 16];

pub(crate) fn this_message() -> Fingerprint {
    Fingerprint::new(THIS, 1, "k")
}

pub(crate) fn error() -> StoredError {
    StoredError::new(ErrorKind::Unexpected, Reach::Maybe, "the owner is gone")
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Time passes, or the wall clock is set back.
    Pass(i64),
    /// The process dies and the store is opened again: earlier owners are orphans and never come back.
    Crash,
    /// An owner asks for a new claim, under a token of its own.
    Claim {
        who: usize,
        message: Fingerprint,
    },
    TakeOver {
        who: usize,
        outrun: bool,
        owner_gone: bool,
    },
    Mark {
        who: usize,
    },
    /// For a whole lease, or only for a part of it.
    Renew {
        who: usize,
        until_ms: i64,
    },
    Commit {
        who: usize,
        terminal: Terminal,
        receipt: bool,
        error: bool,
        made: Made,
        effects: Effects,
    },
    Release {
        who: usize,
        maybe_sent: bool,
        made: Made,
    },
    GiveUp {
        who: usize,
        outrun: bool,
        owner_gone: bool,
    },
    Tell {
        standing: Standing,
        error: bool,
        age: Age,
        other_generation: bool,
    },
    ClearEffects {
        done: Effects,
        settled: bool,
        other_generation: bool,
        other_life: bool,
    },
    Redrive {
        who: usize,
        message: Fingerprint,
        /// The failed generation, less the record's.
        generation: i32,
        /// Time of the failure's first claim, less the record's. `None` if the letter does not know it.
        life: Option<i64>,
        maybe_sent: bool,
        knows_times: bool,
    },
    /// The last operation comes again: its answer was lost (rule 14).
    Again,
}

/// An owner's attempts.
#[allow(clippy::struct_excessive_bools, reason = "facts of one send, each asked alone")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    count: u32,
    failed: bool,
    first_maybe: bool,
    last_maybe: bool,
    content_not_sent: bool,
}

/// The age of a provider's status.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Age {
    New,
    /// The oldest that can be of this send.
    Oldest,
    /// A millisecond older.
    TooOld,
}

/// Steps at random, after those that lead somewhere: to a redrive that was put off, or a part of the way.
pub(crate) fn history() -> impl Strategy<Value = Vec<Step>> {
    let terminal = select(vec![Terminal::Failed, Terminal::Unknown]);
    let way = (select(vec![0, 0, 2, 2, 4, 4, 5, 6, 7, 7]), terminal, made(), made(), any::<bool>());
    let way = way.prop_map(|(length, terminal, made, later, as_doubt)| {
        let (who, message, maybe_sent) = (0, this_message(), terminal == Terminal::Unknown);
        let mut way = vec![
            Step::Claim { who, message: message.clone() },
            Step::Mark { who },
            Step::Commit { who, terminal, receipt: false, error: true, made, effects: Effects::BOTH },
            Step::ClearEffects { done: Effects::BOTH, settled: true, other_generation: false, other_life: false },
            Step::Redrive { who, message, generation: 0, life: None, maybe_sent: as_doubt, knows_times: true },
            Step::Mark { who },
            Step::Release { who, maybe_sent, made: later },
        ];
        way.truncate(length);
        way
    });
    (way, prop::collection::vec(step(), 1..60)).prop_map(|(way, steps)| [way, steps].concat())
}

fn made() -> impl Strategy<Value = Made> {
    let flag = any::<bool>;
    let made = (0..3_u32, flag(), flag(), flag(), flag());
    made.prop_map(|(count, failed, first_maybe, last_maybe, content_not_sent)| Made {
        count,
        failed,
        first_maybe,
        last_maybe,
        content_not_sent,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let (who, yes) = (0..3_usize, any::<bool>);
    let owner = 0..6_usize;
    let (seldom, often) = (|| prop::bool::weighted(0.15), || prop::bool::weighted(0.35));
    let time = prop_oneof![
        8 => 0..LEASE_MS,
        4 => Just(LEASE_MS + SKEW_MS + 1),
        2 => Just(DAY_S * 1000),
        1 => Just(IN_DOUBT_S * 1000),
        1 => -LEASE_MS..0,
    ];
    let message = || {
        prop_oneof![
            8 => Just(this_message()),
            1 => Just(Fingerprint::new(OTHER, 1, "k")),
            1 => Just(Fingerprint::new(THIS, 1, "another key")),
        ]
    };
    let terminal = select(vec![Terminal::Delivered, Terminal::Failed, Terminal::Unknown]);
    let effects = || select(vec![Effects::NONE, Effects::LETTER, Effects::EVENT, Effects::BOTH]);
    let age = prop_oneof![4 => Just(Age::New), 1 => Just(Age::Oldest), 1 => Just(Age::TooOld)];
    let standing = select(vec![
        Standing::of(State::Sent),
        Standing::of(State::Delivered),
        Standing::of(State::Failed),
        Standing::of(State::Failed).with_permanent(true),
        Standing::of(State::Failed).with_permanent(false),
        Standing::of(State::Complained).with_suppressed(),
    ]);
    let generation = prop_oneof![4 => Just(0), 3 => Just(-1), 1 => Just(1)];
    let life = prop_oneof![3 => Just(None), 2 => Just(Some(0)), 1 => Just(Some(-1))];
    prop_oneof![
        4 => time.prop_map(Step::Pass),
        1 => Just(Step::Crash),
        6 => (who.clone(), message()).prop_map(|(who, message)| Step::Claim { who, message }),
        4 => (who.clone(), seldom(), often()).prop_map(|(who, outrun, owner_gone)| Step::TakeOver { who, outrun, owner_gone }),
        6 => owner.clone().prop_map(|who| Step::Mark { who }),
        2 => (owner.clone(), 0..=LEASE_MS).prop_map(|(who, until_ms)| Step::Renew { who, until_ms }),
        6 => (owner.clone(), terminal, yes(), yes(), made(), effects())
            .prop_map(|(who, terminal, receipt, error, made, effects)| Step::Commit { who, terminal, receipt, error, made, effects }),
        4 => (owner, yes(), made()).prop_map(|(who, maybe_sent, made)| Step::Release { who, maybe_sent, made }),
        4 => (who.clone(), seldom(), often()).prop_map(|(who, outrun, owner_gone)| Step::GiveUp { who, outrun, owner_gone }),
        3 => (standing, yes(), age, seldom())
            .prop_map(|(standing, error, age, other_generation)| Step::Tell { standing, error, age, other_generation }),
        4 => (effects(), yes(), seldom(), seldom())
            .prop_map(|(done, settled, other_generation, other_life)| Step::ClearEffects { done, settled, other_generation, other_life }),
        4 => (who, message(), generation, life, yes(), yes()).prop_map(|(who, message, generation, life, maybe_sent, knows_times)| {
            Step::Redrive { who, message, generation, life, maybe_sent, knows_times }
        }),
        1 => Just(Step::Again),
    ]
}

/// What each owner knows of the provider's protection.
fn protection(who: usize) -> Option<Idempotency> {
    match who {
        0 => Some(Idempotency::Native { window_ms: 9_000 }),
        1 | 3 => Some(Idempotency::Native { window_ms: 5_000 }),
        2 => Some(Idempotency::Queryable { visible_after_ms: 500 }),
        _ => None,
    }
}

pub(crate) struct World {
    pub(crate) now_ms: i64,
    pub(crate) boot: u32,
    /// The token of the latest claim that each of the three won, and how many were drawn.
    tokens: [OwnerToken; 3],
    drawn: u32,
    /// A claim whose end is not known yet.
    asked: Option<(usize, OwnerToken)>,
    pub(crate) record: Option<ClaimRecord>,
    last: Option<ClaimOp>,
}

impl World {
    pub(crate) fn new() -> Self {
        let tokens = [0, 1, 2].map(|n| OwnerToken::named(&format!("t{n}")));
        Self { now_ms: NOW, boot: 0, tokens, drawn: 3, asked: None, record: None, last: None }
    }

    fn lease(&mut self, who: usize) -> Lease {
        let owner = OwnerToken::named(&format!("t{}", self.drawn));
        self.drawn += 1;
        self.asked = Some((who, owner));
        Lease { owner, boot: Some(self.boot.to_string().into()), until_ms: self.now_ms + LEASE_MS }
    }

    /// The token of one of the three, or of the present owner if its process lives.
    fn token(&self, who: usize) -> OwnerToken {
        let boot = self.boot.to_string();
        let present = self.record.as_ref().filter(|record| who > 2 && record.boot.as_deref() == Some(&*boot));
        present.map_or(self.tokens[who % 3], |record| record.owner)
    }

    /// The owner that a caller read, which another one may have replaced since.
    fn seen(&self, outrun: bool) -> OwnerToken {
        self.record.as_ref().filter(|_| !outrun).map_or(OwnerToken::named("before"), |record| record.owner)
    }

    fn made(&self, made: Made) -> AttemptsMade {
        let mut all = AttemptsMade::new(made.count);
        if made.failed {
            all.failed = (1..=made.count).map(|n| AttemptRecord::new(n, self.now_ms - 1500, 700, &error())).collect();
        }
        all.first_maybe_at_ms = made.first_maybe.then_some(self.now_ms - 1500);
        all.last_maybe_at_ms = made.last_maybe.then_some(self.now_ms - 800);
        all.content_not_sent = made.content_not_sent;
        all
    }

    /// The number of redrives and the time of the first claim, as the record has them.
    fn life(&self) -> (u32, i64) {
        self.record.as_ref().map_or((0, NOW), |record| (record.generation, record.first_claimed_at_ms))
    }

    /// The operation of a step, a second after the one before it.
    pub(crate) fn operation(&mut self, step: &Step) -> Option<ClaimOp> {
        self.now_ms += 1000;
        if let Some((who, token)) = self.asked.take_if(|(_, token)| self.record.as_ref().is_some_and(|record| record.owner == *token)) {
            self.tokens[who] = token;
        }
        let (generation_now, first_claimed_at_ms) = self.life();
        let operation = match step.clone() {
            Step::Pass(ms) => {
                self.now_ms += ms;
                return None;
            }
            Step::Crash => {
                self.boot += 1;
                self.tokens = [0, 1, 2].map(|n| OwnerToken::named(&format!("lost{}-{n}", self.boot)));
                self.last = None;
                return None;
            }
            Step::Claim { who, message: fingerprint } => {
                ClaimOp::Claim { lease: self.lease(who), fingerprint, skew_ms: SKEW_MS, ttl_s: DAY_S }
            }
            Step::TakeOver { who, outrun, owner_gone } => {
                ClaimOp::TakeOver { seen: self.seen(outrun), lease: self.lease(who), owner_gone, skew_ms: SKEW_MS }
            }
            Step::Mark { who } => ClaimOp::Mark { owner: self.token(who), idempotency: protection(who), ttl_s: IN_DOUBT_S },
            Step::Renew { who, until_ms } => ClaimOp::Renew { owner: self.token(who), until_ms: self.now_ms + until_ms },
            Step::Commit { who, terminal, receipt, error: has_error, made, effects } => ClaimOp::Commit {
                owner: self.token(who),
                terminal,
                result: receipt.then(|| StoredReceipt::sealed(&b"r"[..])),
                error: has_error.then(|| StoredError::new(ErrorKind::Forbidden, Reach::Processed, "its owner's error")),
                made: self.made(made),
                effects,
                ttl_s: DAY_S,
            },
            Step::Release { who, maybe_sent, made } => ClaimOp::Release {
                owner: self.token(who),
                maybe_sent,
                made: self.made(made),
                ttl_s: if maybe_sent { IN_DOUBT_S } else { DAY_S },
            },
            Step::GiveUp { who, outrun, owner_gone } => {
                let (seen, claimant) = (self.seen(outrun), self.lease(who).owner);
                ClaimOp::GiveUp { claimant, seen, owner_gone, error: error(), skew_ms: SKEW_MS, ttl_s: DAY_S }
            }
            Step::Tell { standing, error: has_error, age, other_generation } => {
                let oldest_ms = self.record.as_ref().map_or(NOW, |record| oldest_evidence_ms(record, SKEW_MS));
                let at_ms = match age {
                    Age::New => self.now_ms,
                    Age::Oldest => oldest_ms,
                    Age::TooOld => oldest_ms - 1,
                };
                let mut evidence = Evidence::new(standing, at_ms, Some(StoredReceipt::sealed(&b"its id"[..])));
                evidence.error = has_error.then(|| StoredError::new(ErrorKind::Forbidden, Reach::Processed, "the provider's error"));
                let key_generation = self.record.as_ref().map_or(0, |record| record.key_generation) + u32::from(other_generation);
                ClaimOp::Tell { key_generation, evidence, skew_ms: SKEW_MS, ttl_s: DAY_S }
            }
            Step::ClearEffects { mut done, settled, other_generation, other_life } => {
                done.settled = settled;
                ClaimOp::ClearEffects {
                    first_claimed_at_ms: first_claimed_at_ms + i64::from(other_life),
                    generation: generation_now + u32::from(other_generation),
                    done,
                }
            }
            Step::Redrive { who, message: fingerprint, generation, life, maybe_sent, knows_times } => ClaimOp::Redrive {
                lease: self.lease(who),
                fingerprint,
                generation: generation_now.saturating_add_signed(generation),
                first_claimed_at_ms: life.map(|other| first_claimed_at_ms + other),
                // No record has this one by itself.
                key_generation: generation_now + 5,
                maybe_sent,
                first_sent_at_ms: knows_times.then_some(self.now_ms - 9000),
                last_attempt_at_ms: knows_times.then_some(self.now_ms - 7000),
                idempotency: protection(who).filter(|_| knows_times),
                ttl_s: DAY_S,
            },
            Step::Again => return self.last.clone(),
        };
        self.last = Some(operation.clone());
        Some(operation)
    }
}
