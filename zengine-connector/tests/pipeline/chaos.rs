//! Case 87: everything fails at random, callers come again until they are told the end, and what was promised holds.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use zengine_connector::{
    ErrorKind, Memory, Orchestrator, Outcome, Reach, SendOptions, StrategyRegistry,
    error::Disposition,
    pipeline::RedriveOptions,
    runtime::{Clock, Rng},
    stage::Breaker,
    store::{ClaimStatus, Embedded},
    testing::{NativeProvider, PlainProvider, ProviderAnswer, ProviderKind, QueryableProvider, Recording, StoreCall, StoreFault},
};

use crate::support::{World, id, ms, secs, strategy, tenant, text};

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

fn answer(dice: &Dice) -> ProviderAnswer {
    match dice.below(12) {
        0 => ProviderAnswer::unreachable(),
        1 => ProviderAnswer::broken(),
        2 => ProviderAnswer::accept_then_break(),
        3 => ProviderAnswer::AcceptThenHang,
        4 => ProviderAnswer::Hang,
        5 => ProviderAnswer::throttle(ms(dice.below(8000))),
        6 => ProviderAnswer::error(ErrorKind::InvalidContent, Reach::Processed),
        7 => ProviderAnswer::error(ErrorKind::Unauthorized, Reach::Processed),
        8 => ProviderAnswer::Slow(ms(dice.below(12_000))),
        _ => ProviderAnswer::Accept,
    }
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
            let (tenant, message) = (tenant(), text("hello"));
            let sending = self.process().send(&tenant, "recording", &message, SendOptions::new(id(what)));
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

    /// What is promised whatever fails.
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
        let (rng, breaker) = (Arc::new(Dice::new(dice.next())), breaker.clone());
        world.process_with(&provider, |it| it.rng(rng).breaker(breaker))
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

#[test]
fn rule_19_random_faults_never_duplicate_at_a_plain_provider() {
    seeds::<PlainProvider>(World::in_memory, 0..150);
}

#[test]
fn rule_19_random_faults_never_duplicate_at_a_native_provider() {
    seeds::<NativeProvider>(World::in_memory, 1000..1150);
}

#[test]
fn rule_19_random_faults_never_duplicate_at_a_queryable_provider() {
    seeds::<QueryableProvider>(World::in_memory, 2000..2150);
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

/// The same without simulated time: a store with threads of its own, callers on several threads, each dropped somewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rule_31_callers_dropped_anywhere_make_no_double_and_block_nobody() {
    let disk = tempfile::tempdir().unwrap();
    let embedded = Embedded::open(disk.path().join("store")).unwrap();
    embedded.tenant_writer().put(&tenant(), &strategy(), serde_json::json!({}).into()).await.unwrap();
    let provider = Recording::new();
    let registry = StrategyRegistry::builder().register(provider.clone()).build().unwrap();
    let secrets = Memory::new().secrets();
    let process = Arc::new(Orchestrator::builder(registry).stores(&embedded).secrets(secrets).build().unwrap());
    let dice = Dice::new(7);
    for n in 0..100 {
        let what = n.to_string();
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let (process, what, polls) = (Arc::clone(&process), what.clone(), 1 + dice.below(5));
                tokio::spawn(async move {
                    let (tenant, message) = (tenant(), text("hello"));
                    at_most(polls, process.send(&tenant, "recording", &message, SendOptions::new(id(&what)))).await
                })
            })
            .collect();
        for caller in callers {
            if let Some(end) = caller.await.unwrap() {
                assert!(!matches!(end.unwrap(), Outcome::Failed(_)), "{what}");
            }
        }
        let end = process.send(&tenant(), "recording", &text("hello"), SendOptions::new(id(&what))).await.unwrap();
        match end {
            Outcome::Delivered(_) => assert_eq!(provider.effects(&what), 1, "{what}"),
            // Dropped after its mark: nobody knows. Its lease is still to end where nobody was there to see it go.
            Outcome::Unknown(_) | Outcome::Deferred(_) => assert!(provider.effects(&what) <= 1, "{what}"),
            Outcome::Failed(end) => panic!("{what}: {end:?}"),
        }
    }
    assert!(provider.sent().len() > 50, "{}", provider.sent().len());
}

#[test]
fn rule_19_random_faults_never_duplicate_with_records_in_a_file() {
    seeds::<PlainProvider>(World::on_disk, 3000..3003);
    seeds::<NativeProvider>(World::on_disk, 3003..3006);
    seeds::<QueryableProvider>(World::on_disk, 3006..3009);
}
