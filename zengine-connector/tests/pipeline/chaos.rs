//! Case 87: everything fails at random, callers come again until they are told the end, and what was promised holds.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use zengine_connector::{
    ErrorKind, Memory, Orchestrator, Outcome, Reach, SendError,
    error::{Disposition, NeedsReach, Step, StepReach},
    message::Idempotency,
    pipeline::RedriveOptions,
    runtime::{BoxFuture, Clock, Rng, Spawner, TokioSpawner},
    stage::Breaker,
    store::{ClaimStatus, Embedded},
    testing::{NativeProvider, PlainProvider, ProviderAnswer, ProviderKind, QueryableProvider, Recording, StoreCall, StoreFault},
};

use crate::support::{World, id, key, ms, secs, strategy, tenant, text};

/// How long everything may fail; afterwards stores and provider are well.
const CHAOS: Duration = secs(900);
const IDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Chance with a seed: the same run every time.
#[derive(Clone, Debug)]
struct Dice(Arc<Mutex<u64>>);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    /// The generator known as `SplitMix64`.
    fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&self, n: u64) -> u64 {
        self.next() % n
    }

    fn percent(&self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

impl Rng for Dice {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// A spawner that sometimes takes no task, as where a process is killed: what its callers leave stays in doubt.
#[derive(Debug)]
struct Mortal(Dice);

impl Spawner for Mortal {
    fn spawn(&self, task: BoxFuture<'static, ()>) -> bool {
        !self.0.percent(30) && TokioSpawner.spawn(task)
    }
}

fn answer(dice: &Dice) -> ProviderAnswer {
    match dice.below(16) {
        0 => ProviderAnswer::unreachable(),
        1 => ProviderAnswer::broken(),
        2 => ProviderAnswer::accept_then_break(),
        3 => ProviderAnswer::AcceptThenHang,
        4 => ProviderAnswer::Hang,
        5 => ProviderAnswer::throttle(ms(dice.below(8000))),
        6 => ProviderAnswer::error(ErrorKind::InvalidContent, Reach::Processed),
        7 => ProviderAnswer::error(ErrorKind::Unauthorized, Reach::Processed),
        8 => ProviderAnswer::Slow(ms(dice.below(12_000))),
        9 => steps(&[(false, StepReach::Maybe), (true, StepReach::NotSent)]),
        10 => steps(&[(false, StepReach::Accepted), (true, StepReach::NotSent)]),
        // The text went out, and its answer was lost.
        11 => ProviderAnswer::AcceptThen(Arc::new(|| stepped(&[(false, StepReach::Accepted), (true, StepReach::Maybe)]))),
        _ => ProviderAnswer::Accept,
    }
}

/// The error of a provider that opens a conversation before the text: whether each call carries content, and how far it got.
fn stepped(steps: &[(bool, StepReach)]) -> SendError {
    let step = |(content, reach): &(bool, StepReach)| {
        if *content { Step::carrying("text", *reach) } else { Step::preparing("open", *reach) }
    };
    steps.iter().map(step).fold(SendError::provider("the connection broke"), NeedsReach::step).not_sent()
}

fn steps(steps: &'static [(bool, StepReach)]) -> ProviderAnswer {
    ProviderAnswer::Refuse(Arc::new(|| stepped(steps)))
}

fn fault(dice: &Dice) -> StoreFault {
    match dice.below(5) {
        0 | 1 => StoreFault::Refused,
        2 => StoreFault::AnswerLost,
        3 => StoreFault::Hang,
        _ => StoreFault::DoneThenHang,
    }
}

/// The outcomes that callers received, by id.
type ReceivedOutcomes = Mutex<BTreeMap<&'static str, Vec<Outcome>>>;

struct Run<'a, P: ProviderKind> {
    world: &'a World,
    provider: &'a Recording<P>,
    processes: Vec<Orchestrator>,
    dice: Dice,
    told: ReceivedOutcomes,
}

impl<P: ProviderKind> Run<'_, P> {
    fn process(&self) -> &Orchestrator {
        &self.processes[usize::try_from(self.dice.below(self.processes.len() as u64)).unwrap()]
    }

    /// Waits for a call, or goes away before it ends: then there is no result.
    async fn with_little_patience<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        if self.dice.percent(70) {
            return Some(call.await);
        }
        tokio::select! {
            biased;
            result = call => Some(result),
            () = self.world.pass(ms(self.dice.below(15_000))) => None,
        }
    }

    /// A queue that delivers one message again until it is settled.
    async fn deliver(&self, what: &'static str) {
        self.world.pass(ms(self.dice.below(20_000))).await;
        for _ in 0..500 {
            // The tenant's configuration changes, also between a claim and its takeover.
            let protects = self.dice.percent(80);
            self.provider.claim_idempotency((!protects).then_some(Idempotency::None));
            let (tenant, message) = (tenant(), text("hello"));
            let sending = self.process().send(&tenant, "recording", id(what), &message);
            let wait = match self.with_little_patience(sending).await {
                None => ms(self.dice.below(3000)),
                Some(Ok(Outcome::Deferred(end))) => end.retry_after.min(secs(120)) + ms(self.dice.below(1000)),
                Some(Ok(settled)) => {
                    self.told.lock().unwrap().entry(what).or_default().push(settled);
                    return;
                }
                Some(Err(error)) => match error.disposition() {
                    Disposition::RetryAfter(wait) => wait,
                    Disposition::Reject => panic!("{what} was rejected: {error}"),
                },
            };
            self.world.pass(wait).await;
        }
        panic!("{what} is never settled");
    }

    /// Redrives what can be redriven without force, until nothing can.
    async fn redrive(&self) {
        let mut left = Vec::new();
        for _ in 0..200 {
            left.clear();
            for letter in self.world.all_letters().await {
                let again = self.process().redrive(&letter.failure_id, RedriveOptions::new());
                match self.with_little_patience(again).await {
                    Some(Err(error)) if error.disposition() == Disposition::Reject => {}
                    end => left.push((letter, end)),
                }
            }
            if left.is_empty() {
                return;
            }
            self.world.pass(secs(30)).await;
        }
        panic!("a redrive never ends: {left:#?}");
    }

    /// The promises that hold whatever fails.
    async fn check(&self, seed: u64) {
        let letters = self.world.all_letters().await;
        for what in IDS {
            let about = format!("seed {seed}, {what}");
            let record = self.world.record(what).await.expect("settled sends are on record");
            let effects = self.provider.effects(what);
            assert!(effects <= 1, "{about}: doubled");
            let told = self.told.lock().unwrap();
            let told = &told[what];
            let any = |kind: &str| told.iter().any(|end| end.as_str() == kind);
            assert!(!any("delivered") || effects == 1, "{about}: told delivered and was not");
            let unrecorded = told.iter().any(|end| matches!(end, Outcome::Delivered(end) if !end.dedup_recorded));
            assert!(record.status.is_terminal() || unrecorded, "{about}: {:?}", record.status);
            match record.status {
                ClaimStatus::Delivered => assert_eq!(effects, 1, "{about}: recorded as delivered and was not"),
                ClaimStatus::Failed => assert_eq!(effects, 0, "{about}: recorded as failed and was delivered"),
                _ => {}
            }
            // One letter for what failed or is unknown, and none for what was delivered and never in doubt.
            let mine: Vec<_> = letters.iter().filter(|letter| letter.client_message_id == Some(id(what))).collect();
            let events: Vec<_> = self.world.failed().into_iter().filter(|event| event.client_message_id == id(what)).collect();
            if matches!(record.status, ClaimStatus::Failed | ClaimStatus::Unknown) {
                assert_eq!(mine.len(), 1, "{about}: letters");
                assert_eq!(mine[0].generation, record.generation, "{about}");
                assert!(events.iter().any(|event| event.id == mine[0].failure_id), "{about}: not announced");
                assert!(!record.effects_pending.pending(), "{about}: {:?}", record.effects_pending);
            } else if !mine.is_empty() {
                let settled = self.world.settled().iter().any(|event| event.id == mine[0].failure_id);
                assert!(settled || unrecorded, "{about}: a letter about what was delivered");
            }
            // Nothing is announced that has no letter or had none.
            let ids: std::collections::BTreeSet<_> = events.iter().map(|event| event.generation).collect();
            assert!(ids.iter().all(|generation| *generation <= record.generation), "{about}");
        }
        // No redrive: one key for all attempts of an id (rule 4). Redriven after Failed: one per generation.
        for what in IDS {
            let keys: std::collections::BTreeSet<_> = self
                .provider
                .calls()
                .into_iter()
                .filter(|call| call.client_message_id == id(what))
                .map(|call| call.provider_key.to_string())
                .collect();
            let record = self.world.record(what).await.unwrap();
            assert!(keys.len() <= record.generation as usize + 1, "seed {seed}, {what}: {keys:?}");
        }
    }
}

async fn run<P: ProviderKind>(world: World, seed: u64) {
    let (provider, dice) = (Recording::<P>::default(), Dice::new(seed));
    for _ in 0..dice.below(80) {
        provider.answer(answer(&dice));
    }
    let breaker = if dice.percent(50) { Breaker::fast_fail() } else { Breaker::off() };
    let processes = (0..3).map(|_| {
        let (rng, spawner) = (Arc::new(Dice::new(dice.next())), Arc::new(Mortal(Dice::new(dice.next()))));
        world.process_with(&provider, |it| it.rng(rng).spawner(spawner).breaker(breaker.clone()))
    });
    let run =
        Run { processes: processes.collect(), world: &world, provider: &provider, dice: dice.clone(), told: ReceivedOutcomes::default() };
    let (fault_percent, clock, fault_dice) = (dice.below(25), Arc::clone(&world.clock), Dice::new(dice.next()));
    world.faults.decide(move |_: StoreCall| (clock.monotonic() < CHAOS && fault_dice.percent(fault_percent)).then(|| fault(&fault_dice)));
    // Two queues hold each message, as when one is delivered twice.
    futures_util::future::join_all(IDS.iter().chain(&IDS).map(|what| run.deliver(what))).await;
    // When all is well again, whatever was left half done is finished by whoever asks next.
    world.pass(CHAOS).await;
    let finish = async || {
        for what in IDS {
            run.deliver(what).await;
        }
    };
    finish().await;
    run.check(seed).await;

    for _ in 0..dice.below(20) {
        provider.answer(answer(&dice));
    }
    let until = world.clock.monotonic() + CHAOS;
    let (clock, fault_dice) = (Arc::clone(&world.clock), Dice::new(dice.next()));
    world.faults.decide(move |_: StoreCall| (clock.monotonic() < until && fault_dice.percent(fault_percent)).then(|| fault(&fault_dice)));
    run.redrive().await;
    world.pass(CHAOS).await;
    run.redrive().await;
    finish().await;
    run.check(seed).await;
}

fn seeds<P: ProviderKind>(world: impl Fn() -> World, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(async { run::<P>(world(), seed).await })))
            .unwrap_or_else(|_| panic!("seed {seed}"));
    }
}

/// The seeds of one class of providers: 500, or as many as `ZENGINE_SEEDS` says.
fn class(first: u64) -> std::ops::Range<u64> {
    let count = std::env::var("ZENGINE_SEEDS").map_or(500, |text| text.parse().expect("`ZENGINE_SEEDS` is a number"));
    first..first + count
}

#[test]
fn rule_19_random_faults_never_duplicate_at_a_plain_provider() {
    seeds::<PlainProvider>(World::in_memory, class(0));
}

#[test]
fn rule_19_random_faults_never_duplicate_at_a_native_provider() {
    seeds::<NativeProvider>(World::in_memory, class(1_000_000));
}

#[test]
fn rule_19_random_faults_never_duplicate_at_a_queryable_provider() {
    seeds::<QueryableProvider>(World::in_memory, class(2_000_000));
}

/// Polls a call at most so often; then it is dropped, wherever it is.
async fn at_most<T>(polls: u64, call: impl Future<Output = T>) -> Option<T> {
    let mut call = std::pin::pin!(call);
    let mut left = polls;
    std::future::poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        call.as_mut().poll(cx).map(Some)
    })
    .await
}

/// The same without simulated time: a store with threads of its own, callers on several threads, each dropped somewhere. 100 ids, or as
/// many as `ZENGINE_SOAK` says, with eight callers each.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rule_31_callers_dropped_anywhere_make_no_double_and_leave_nothing_behind() {
    let ids = std::env::var("ZENGINE_SOAK").map_or(100, |text| text.parse().expect("`ZENGINE_SOAK` is a number"));
    let disk = tempfile::tempdir().unwrap();
    let embedded = Embedded::open(disk.path().join("store")).unwrap();
    embedded.tenant_writer().put(&tenant(), &strategy(), serde_json::json!({}).into()).await.unwrap();
    let provider = Recording::new();
    let secrets = Memory::new().secrets();
    let process = Arc::new(Orchestrator::builder().strategy(provider.clone()).stores(&embedded).secrets(secrets).build().unwrap());
    let dice = Dice::new(7);
    let mut delivered = 0;
    for n in 0..ids {
        let what = n.to_string();
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let (process, what, polls) = (Arc::clone(&process), what.clone(), 1 + dice.below(5));
                tokio::spawn(async move {
                    let (tenant, message) = (tenant(), text("hello"));
                    at_most(polls, process.send(&tenant, "recording", id(&what), &message)).await
                })
            })
            .collect();
        for caller in callers {
            if let Some(end) = caller.await.unwrap() {
                assert!(!matches!(end.unwrap(), Outcome::Failed(_)), "{what}");
            }
        }
        let end = process.send(tenant(), "recording", id(&what), &text("hello")).await.unwrap();
        let effects = provider.effects(&what);
        match end {
            Outcome::Delivered(_) => assert_eq!(effects, 1, "{what}"),
            // The last of its callers was dropped while the provider worked.
            Outcome::Unknown(_) => assert!(effects <= 1, "{what}"),
            Outcome::Failed(_) | Outcome::Deferred(_) => panic!("{what}: a task ends what a dropped caller leaves: {end:?}"),
        }
        delivered += u64::from(effects > 0);
    }
    assert!(delivered * 2 > ids, "{delivered}");
    process.shutdown(secs(10)).await;
    let left = format!("{process:?}");
    assert!(left.contains("running: 0") && left.contains("single_flight: 0"), "{left}");
    let claims = embedded.claims();
    for n in 0..ids {
        let record = claims.get(&key(&n.to_string())).await.unwrap();
        assert!(record.is_some_and(|record| record.status.is_terminal() && !record.effects_pending.pending()), "{n}");
    }
}

#[test]
fn rule_19_random_faults_never_duplicate_with_records_in_a_file() {
    seeds::<PlainProvider>(World::on_disk, 3000..3003);
    seeds::<NativeProvider>(World::on_disk, 3003..3006);
    seeds::<QueryableProvider>(World::on_disk, 3006..3009);
}
