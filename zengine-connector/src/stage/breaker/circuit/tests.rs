#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;

use super::*;
use crate::{
    hex::hex,
    runtime::{SystemRng, TokioSpawner},
    stage::Breaker,
    store::{EpochLog, Memory, StoreError, StoreErrorKind, Stores},
    telemetry::Observer,
    testing::{NoTasks, SimClock},
};

/// A log in memory that can be switched off.
#[derive(Debug, Default)]
struct Log {
    entries: Mutex<Vec<(String, EpochEntry)>>,
    down: AtomicBool,
    hangs: AtomicBool,
    answers_never: AtomicBool,
}

#[async_trait]
impl EpochLog for Log {
    async fn append(&self, log: &str, entry: EpochEntry) -> Result<bool, StoreError> {
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if self.down.load(Ordering::Relaxed) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "down"));
        }
        let free = {
            let mut entries = self.entries.lock();
            let free = !entries.iter().any(|(name, old)| name == log && old.n == entry.n);
            if free {
                entries.push((log.to_owned(), entry));
            }
            free
        };
        if self.answers_never.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        Ok(free)
    }

    async fn read(&self, _: &str, _: u64, _: u32) -> Result<Vec<EpochEntry>, StoreError> {
        Ok(vec![])
    }

    async fn newest(&self, log: &str) -> Result<Option<EpochEntry>, StoreError> {
        Ok(self.entries.lock().iter().filter(|(name, _)| name == log).map(|(_, entry)| entry.clone()).max_by_key(|entry| entry.n))
    }

    async fn trim(&self, _: &str, _: u64) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The metrics' values, as text.
#[derive(Debug, Default)]
struct Metrics(Mutex<Vec<String>>, OnceLock<Arc<Circuit>>);

impl Observer for Metrics {
    fn record(&self, metric: &Metric<'_>) {
        let dimensions: Vec<_> = metric.dimensions.iter().map(|(_, value)| value).collect();
        if let Some(circuit) = self.1.get().map(Arc::clone) {
            let (say, said) = std::sync::mpsc::channel();
            std::thread::spawn(move || say.send(circuit.state()));
            said.recv_timeout(Duration::from_secs(5)).expect("the breaker is not locked while its observers run");
        }
        self.0.lock().push(format!("{} {} {}", metric.name.as_str(), metric.value, dimensions.join(" ")));
    }
}

struct World {
    log: Arc<Log>,
    clock: Arc<SimClock>,
    metrics: Arc<Metrics>,
}

impl World {
    fn new() -> Self {
        Self { log: Arc::default(), clock: Arc::new(SimClock::new()), metrics: Arc::default() }
    }

    /// The breaker as one process sees it.
    fn process(&self, settings: &Breaker) -> Arc<Circuit> {
        self.process_with(settings, Arc::new(TokioSpawner))
    }

    fn process_with(&self, settings: &Breaker, spawner: Arc<dyn Spawner>) -> Arc<Circuit> {
        let (memory, mut name) = (Memory::new(), [0; 8]);
        SystemRng.fill(&mut name);
        let log = Stores { epochs: Arc::clone(&self.log) as _, ..memory.clone().into() };
        let stores = Ports::new(log, memory.directory(), memory.secrets(), Arc::clone(&self.clock) as _);
        let ports = CircuitPorts {
            stores: Arc::new(stores),
            clock: Arc::clone(&self.clock) as _,
            rng: Arc::new(SystemRng),
            spawner,
            observers: Observers::new([Arc::clone(&self.metrics) as Arc<dyn Observer>]),
            writer: hex(&name).into(),
        };
        let settings = Arc::new(StrategySettings { breaker: settings.clone(), ..StrategySettings::default() });
        Circuit::new(ports, settings, &TenantId::new("acme").unwrap(), &StrategyName::new("s").unwrap())
    }

    async fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds)).await;
    }

    /// The lines of the log, oldest first.
    fn told(&self) -> Vec<State> {
        let entries = self.log.entries.lock();
        entries.iter().map(|(_, entry)| serde_json::from_slice::<Document>(&entry.document).unwrap().state).collect()
    }
}

async fn acquire(circuit: &Circuit) -> Result<Permit<'_>, Duration> {
    match circuit.enter(circuit.ports.clock.monotonic()) {
        Admission::Pass(permit) => Ok(permit),
        Admission::Reject(rejected) => Err(rejected),
        Admission::Probe(permit) => circuit.win_probe(permit).await,
    }
}

fn settle(permit: Permit<'_>, verdict: Verdict) {
    let now = permit.circuit.map_or(Duration::ZERO, |circuit| circuit.ports.clock.monotonic());
    permit.settle(verdict, now);
}

async fn call(circuit: &Circuit, verdict: Verdict) {
    settle(acquire(circuit).await.expect("a call passes"), verdict);
}

async fn open(circuit: &Circuit) {
    for _ in 0..5 {
        call(circuit, Verdict::Failure).await;
    }
    assert_eq!(circuit.state().0, State::Open);
}

#[tokio::test(start_paused = true)]
async fn rule_44_domain_errors_count_as_success_and_neutral_ones_not_at_all() {
    let world = World::new();
    let circuit = world.process(&Breaker::default());
    for _ in 0..1000 {
        call(&circuit, Verdict::of(Fault::Domain)).await;
        for neutral in [Fault::Throttled, Fault::Auth, Fault::Local, Fault::Cancelled] {
            call(&circuit, Verdict::of(neutral)).await;
        }
    }
    assert_eq!(circuit.state().0, State::Closed);
    // Four failures and an answer: the answer proves that the provider works.
    for _ in 0..4 {
        call(&circuit, Verdict::Failure).await;
    }
    call(&circuit, Verdict::of(Fault::Domain)).await;
    call(&circuit, Verdict::Failure).await;
    assert_eq!(circuit.state().0, State::Closed);
}

#[tokio::test(start_paused = true)]
async fn rule_46_opens_after_five_in_a_row_or_half_of_ten() {
    let world = World::new();
    let circuit = world.process(&Breaker::default());
    open(&circuit).await;
    assert!(acquire(&circuit).await.is_err());

    let mixed = World::new().process(&Breaker::default());
    for failed in [true, true, true, true, false, true, true, true, true] {
        call(&mixed, if failed { Verdict::Failure } else { Verdict::Success }).await;
    }
    assert_eq!(mixed.state().0, State::Closed, "eight of nine calls is below the least number of calls");
    call(&mixed, Verdict::Failure).await;
    assert_eq!(mixed.state().0, State::Open);
}

#[tokio::test(start_paused = true)]
async fn rule_46_long_health_does_not_hide_a_failing_minute() {
    let world = World::new();
    let circuit = world.process(&Breaker { consecutive_failures: 1000, ..Breaker::default() });
    for _ in 0..100_000 {
        call(&circuit, Verdict::Success).await;
    }
    world.pass(61).await;
    for _ in 0..10 {
        call(&circuit, Verdict::Failure).await;
    }
    assert_eq!(circuit.state().0, State::Open);
}

/// After a freeze, and after the breaker closed, failures of before count no more.
#[tokio::test(start_paused = true)]
async fn rule_46_a_freeze_and_a_close_begin_the_count_anew() {
    for (seconds, state) in [(60, State::Open), (61, State::Closed)] {
        let world = World::new();
        let circuit = world.process(&Breaker::default());
        for _ in 0..4 {
            call(&circuit, Verdict::Failure).await;
        }
        world.pass(seconds).await;
        call(&circuit, Verdict::Failure).await;
        assert_eq!(circuit.state().0, state, "{seconds}");
    }

    let world = World::new();
    let circuit = world.process(&Breaker { consecutive_failures: 1000, window: Duration::from_secs(300), ..Breaker::default() });
    for _ in 0..10 {
        call(&circuit, Verdict::Failure).await;
    }
    assert_eq!(circuit.state().0, State::Open);
    world.pass(40).await;
    call(&circuit, Verdict::Success).await;
    call(&circuit, Verdict::Failure).await;
    assert_eq!(circuit.state().0, State::Closed);
}

/// A breaker is as a new one once its window is over and its trips are forgiven.
#[tokio::test(start_paused = true)]
async fn rule_60_a_breaker_is_forgotten_when_it_has_nothing_to_remember() {
    let world = World::new();
    let circuit = world.process(&Breaker::default());
    let after = |since: Duration, seconds: u64| since + Duration::from_secs(seconds);
    let called = world.clock.monotonic();
    call(&circuit, Verdict::Success).await;
    assert!(!circuit.is_as_new(after(called, 60)) && circuit.is_as_new(after(called, 61)));
    open(&circuit).await;
    world.pass(40).await;
    let closed = world.clock.monotonic();
    call(&circuit, Verdict::Success).await;
    assert!(!circuit.is_as_new(after(closed, 600)) && circuit.is_as_new(after(closed, 601)));
}

#[tokio::test(start_paused = true)]
async fn rule_52_a_probe_is_its_probers_for_an_attempt_and_the_slack() {
    let world = World::new();
    let circuit = world.process(&Breaker::default());
    assert_eq!(circuit.wait(), Duration::ZERO);
    open(&circuit).await;
    let left = acquire(&circuit).await.unwrap_err();
    assert_eq!(circuit.wait(), left);
    world.pass(60).await;
    let hung = acquire(&circuit).await.unwrap();
    world.clock.advance(circuit.settings.attempt_timeout).await;
    assert_eq!(acquire(&circuit).await.unwrap_err(), PROBE_SLACK);
    world.clock.advance(PROBE_SLACK).await;
    assert!(acquire(&circuit).await.is_ok(), "another probe of this process");
    drop(hung);
}

/// A process that another one outran waits for that probe, or for the open time that the log names, within bounds.
#[tokio::test(start_paused = true)]
async fn rule_52_a_process_without_the_probe_waits_as_the_log_says() {
    let world = World::new();
    let (first, second) = (world.process(&Breaker::default()), world.process(&Breaker::default()));
    open(&first).await;
    open(&second).await;
    world.pass(60).await;
    let _probe = acquire(&first).await.unwrap();
    let busy = acquire(&second).await.unwrap_err();
    assert_eq!((second.state().0, second.wait(), busy), (State::Open, busy, second.probe_time()));

    for (seconds, expected) in
        [(0, None), (1, Some(Duration::from_secs(1))), (10 * 365 * 86_400, Some(2 * Breaker::default().max_open_time))]
    {
        let world = World::new();
        let circuit = world.process(&Breaker::default());
        open(&circuit).await;
        world.pass(60).await;
        let open_until_ms = Some(to_ms(world.clock.now()) + seconds * 1000);
        let document = Document { n: 100, open_until_ms, writer: "another".to_owned(), ..circuit.document(State::Open, "failures") };
        world.log.entries.lock().push((circuit.name.clone(), EpochEntry::new(100, serde_json::to_vec(&document).unwrap().into())));
        circuit.inner.lock().log_n = 99;
        assert_eq!(acquire(&circuit).await.err(), expected, "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_47_late_failures_of_an_earlier_epoch_trip_nothing() {
    let world = World::new();
    let circuit = world.process(&Breaker::default());
    let mut late = vec![];
    for _ in 0..10 {
        late.push(acquire(&circuit).await.unwrap());
    }
    open(&circuit).await;
    let epoch = circuit.state().1;
    world.pass(60).await;
    let _probe = acquire(&circuit).await.unwrap();
    for permit in late {
        settle(permit, Verdict::Failure);
    }
    assert_eq!(circuit.state(), (State::HalfOpen, epoch + 1));
}

#[tokio::test(start_paused = true)]
async fn rule_47_a_late_result_has_no_say_and_a_dropped_permit_says_nothing() {
    let world = World::new();
    let circuit = world.process(&Breaker::default());
    let (late_failure, late_success) = (acquire(&circuit).await.unwrap(), acquire(&circuit).await.unwrap());
    open(&circuit).await;
    settle(late_success, Verdict::Success);
    assert_eq!(circuit.state().0, State::Open);
    world.pass(60).await;
    let probe = acquire(&circuit).await.expect("the probe");
    settle(late_failure, Verdict::Failure);
    assert_eq!(circuit.state().0, State::HalfOpen);
    assert!(acquire(&circuit).await.is_err(), "one probe at a time");
    drop(probe);
    assert_eq!(circuit.state().0, State::HalfOpen);
    call(&circuit, Verdict::Success).await;
    assert_eq!(circuit.state().0, State::Closed);
}

#[tokio::test(start_paused = true)]
async fn rule_48_each_trip_doubles_the_open_time_until_it_is_forgiven() {
    let world = World::new();
    let circuit = world.process(&Breaker::default());
    open(&circuit).await;
    let first = acquire(&circuit).await.unwrap_err();
    assert!((30.0..=30.0 * 1.2 * 1.1).contains(&first.as_secs_f64()), "{first:?}");
    world.pass(40).await;
    call(&circuit, Verdict::Failure).await;
    let second = acquire(&circuit).await.unwrap_err();
    assert!((60.0..=60.0 * 1.2 * 1.1).contains(&second.as_secs_f64()), "{second:?}");
    world.pass(80).await;
    call(&circuit, Verdict::Success).await;
    world.pass(600).await;
    open(&circuit).await;
    let third = acquire(&circuit).await.unwrap_err();
    assert!((120.0..=120.0 * 1.2 * 1.1).contains(&third.as_secs_f64()), "{third:?}");
    world.pass(160).await;
    call(&circuit, Verdict::Success).await;
    world.pass(601).await;
    open(&circuit).await;
    let forgiven = acquire(&circuit).await.unwrap_err();
    assert!(forgiven <= Duration::from_secs(40), "{forgiven:?}");
}

#[tokio::test(start_paused = true)]
async fn rule_54_a_trip_acts_at_once_and_is_told_in_the_background() {
    let world = World::new();
    world.log.hangs.store(true, Ordering::Relaxed);
    let circuit = world.process(&Breaker::default());
    open(&circuit).await;
    assert!(acquire(&circuit).await.is_err(), "no store was waited for");

    let told = World::new();
    let circuit = told.process(&Breaker::default());
    open(&circuit).await;
    told.pass(60).await;
    call(&circuit, Verdict::Success).await;
    told.pass(1).await;
    assert_eq!(told.told(), [State::Open, State::HalfOpen, State::Closed]);
}

/// The log names the open time that every process keeps at least, and goes on after entries of others.
#[tokio::test(start_paused = true)]
async fn rule_54_a_trip_is_told_with_its_time_and_its_number() {
    for _ in 0..20 {
        let world = World::new();
        let circuit = world.process(&Breaker::default());
        let closed = Document { writer: "another".to_owned(), ..circuit.document(State::Closed, "the probe succeeded") };
        world.log.entries.lock().push((circuit.name.clone(), EpochEntry::new(1, serde_json::to_vec(&closed).unwrap().into())));
        open(&circuit).await;
        let (wait, now_ms) = (circuit.wait(), to_ms(world.clock.now()));
        world.clock.advance(Duration::from_millis(1)).await;
        let told: Document = serde_json::from_slice(&world.log.newest(&circuit.name).await.unwrap().unwrap().document).unwrap();
        assert_eq!((told.n, told.state, told.trips), (2, State::Open, 1));
        let open_ms = told.open_until_ms.unwrap() - now_ms;
        assert!((30_000..=36_000).contains(&open_ms), "{open_ms}");
        assert!((open_ms..=open_ms * 11 / 10 + 1).contains(&ms(wait)), "{wait:?} {open_ms}");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_54_processes_that_trip_at_once_tell_it_once() {
    let world = World::new();
    let processes = [world.process(&Breaker::default()), world.process(&Breaker::default())];
    for process in &processes {
        open(process).await;
    }
    world.pass(1).await;
    assert_eq!(world.told(), [State::Open]);
}

#[tokio::test(start_paused = true)]
async fn rule_54_a_transition_that_no_task_can_store_acts_in_this_process() {
    let world = World::new();
    let circuit = world.process_with(&Breaker::default(), Arc::new(NoTasks));
    open(&circuit).await;
    assert!(acquire(&circuit).await.is_err(), "this process calls no more");
    world.pass(1).await;
    assert!(world.told().is_empty());
}

#[tokio::test(start_paused = true)]
async fn rule_54_a_store_that_is_down_or_hangs_does_not_stop_the_probe() {
    for hangs in [true, false] {
        let world = World::new();
        let circuit = world.process(&Breaker::default());
        open(&circuit).await;
        world.pass(60).await;
        world.log.hangs.store(hangs, Ordering::Relaxed);
        world.log.down.store(true, Ordering::Relaxed);
        let before = world.clock.monotonic();
        call(&circuit, Verdict::Success).await;
        assert!(world.clock.monotonic().saturating_sub(before) <= PROBE_APPEND + Duration::from_millis(5));
        assert_eq!(circuit.state().0, State::Closed);
    }
}

/// A caller that goes away while it asks for the probe leaves an entry of its process behind.
#[tokio::test(start_paused = true)]
async fn rule_52_a_probe_dropped_while_it_is_appended_blocks_nobody() {
    let world = World::new();
    let circuit = world.process(&Breaker::default());
    open(&circuit).await;
    world.pass(60).await;
    world.log.answers_never.store(true, Ordering::Relaxed);
    assert!(within(&*world.clock, Duration::from_millis(50), acquire(&circuit)).await.is_none());
    world.log.answers_never.store(false, Ordering::Relaxed);
    assert_eq!(world.told().last(), Some(&State::HalfOpen));
    call(&circuit, Verdict::Success).await;
    assert_eq!(circuit.state().0, State::Closed);
}

#[tokio::test(start_paused = true)]
async fn rule_59_observers_run_outside_the_breakers_lock() {
    let world = World::new();
    let circuit = world.process(&Breaker::default());
    assert!(world.metrics.1.set(Arc::clone(&circuit)).is_ok());
    open(&circuit).await;
    world.pass(60).await;
    call(&circuit, Verdict::Success).await;
    assert_eq!(world.metrics.0.lock().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn of_fifty_processes_one_probes() {
    let world = World::new();
    let processes: Vec<_> = (0..50).map(|_| world.process(&Breaker::default())).collect();
    for process in &processes {
        open(process).await;
    }
    world.pass(60).await;
    let mut probes = vec![];
    for process in &processes {
        probes.extend(acquire(process).await);
    }
    assert_eq!(probes.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_transition_is_a_metric() {
    let world = World::new();
    let circuit = world.process(&Breaker::default());
    open(&circuit).await;
    world.pass(120).await;
    call(&circuit, Verdict::Success).await;
    call(&circuit, Verdict::Failure).await;
    let told = world.metrics.0.lock().clone();
    assert_eq!(
        told,
        ["breaker_transitions 1 acme s open", "breaker_transitions 1 acme s half_open", "breaker_transitions 1 acme s closed"]
    );
}
