//! Sweeps: what no duplicate resolves ends, is announced, and is never dropped without a word.

use std::{collections::BTreeSet, sync::Arc};

use zengine_connector::{
    ErrorKind, Orchestrator, Reach, delegate_claims,
    message::State,
    pipeline::Swept,
    runtime::{Clock, to_ms},
    stage::{Breaker, Dedup},
    store::{ClaimOp, ClaimStatus, ClaimStore, Evidence, Memory},
    telemetry::{Metric, Observer},
    testing::{NativeProvider, NoTasks, ProviderAnswer, ProviderKind, Recording, StoreCall, StoreFault},
};

use super::new_world;
use crate::{
    log::Log,
    support::{World, delivered, drop_after, failed, id, key, ms, secs, send, tenant, text, unknown},
};

const DAY_MS: i64 = 86_400_000;
/// The time of a send in doubt, and the minute that a sweep leaves to owners.
const IN_DOUBT_MS: i64 = 14 * DAY_MS + 60_000;

/// Leaves a send in doubt: its owner is gone.
async fn leave<P: ProviderKind>(world: &World, provider: &Recording<P>, what: &str) {
    provider.answer(ProviderAnswer::AcceptThenHang);
    drop_after(world, &world.killed(provider), what, secs(1)).await;
    assert_eq!(world.record(what).await.unwrap().status, ClaimStatus::Sending);
}

/// Ends a send as Failed whose dead letter cannot be stored.
async fn leave_without_letter(world: &World, provider: &Recording, what: &str) {
    provider.answer(ProviderAnswer::error(ErrorKind::InvalidContent, Reach::Processed));
    world.faults.always(StoreCall::PutLetter, StoreFault::Refused);
    let sent = world.process(provider).send(tenant(), "recording", id(what), &text("hello")).await;
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::DeadLetterFailed);
    world.faults.heal();
}

/// Sweeps all pages of a few records each.
async fn sweep(process: &Orchestrator) -> Swept {
    let mut swept = Swept::default();
    loop {
        swept.add(process.sweep(swept.next.as_deref(), 3).await.unwrap());
        if swept.next.is_none() {
            return swept;
        }
    }
}

/// The counts: ended, published, overdue, waiting for a letter, letters given up, failed.
fn counts(swept: &Swept) -> [usize; 6] {
    let Swept { ended, published, overdue, waiting_for_letter, letters_given_up, failed, .. } = *swept;
    [ended, published, overdue, waiting_for_letter, letters_given_up, failed]
}

/// Keeps what was counted.
#[derive(Debug, Default)]
struct Counted(std::sync::Mutex<Vec<String>>);

impl Observer for Counted {
    fn record(&self, metric: &Metric<'_>) {
        self.0.lock().unwrap().push(metric.name.as_str().to_owned());
    }
}

impl Counted {
    fn count(&self, name: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|counted| *counted == name).count()
    }
}

/// Only time ends a send in doubt; a duplicate with the message can still come, and finds the end and writes the letter.
#[tokio::test(start_paused = true)]
async fn rule_29_a_send_in_doubt_ends_unknown_when_its_time_is_over_and_is_announced() {
    let (world, provider) = (new_world(), Recording::new());
    leave(&world, &provider, "1").await;
    let process = world.process(&provider);
    world.clock.jump_ms(IN_DOUBT_MS - 2_000);
    assert_eq!(counts(&sweep(&process).await), [0, 0, 1, 0, 0, 0]);
    assert_eq!(world.record("1").await.unwrap().status, ClaimStatus::Sending);

    world.clock.jump_ms(2_000);
    assert_eq!(counts(&sweep(&process).await), [1, 1, 0, 1, 0, 0]);
    let record = world.record("1").await.unwrap();
    assert_eq!(record.status, ClaimStatus::Unknown);
    assert!(record.effects_pending.dlq && !record.effects_pending.event);
    assert_eq!((world.failed().len(), world.all_letters().await.len()), (1, 0));
    assert_eq!(world.failed()[0].outcome, "unknown");

    let end = unknown(send(&process, "1").await);
    assert_eq!(end.failure_id, world.failed()[0].id);
    assert_eq!((world.failed().len(), world.all_letters().await.len(), provider.calls().len()), (1, 1, 1));
    world.pass(secs(61)).await;
    assert_eq!(counts(&sweep(&process).await), [0; 6]);
}

/// A provider that protects against duplicates changes nothing: without the message there is nothing to ask it.
#[tokio::test(start_paused = true)]
async fn rule_29_a_native_send_ends_too_and_the_late_evidence_settles_it() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    leave(&world, &provider, "1").await;
    world.clock.jump_ms(IN_DOUBT_MS);
    let process = world.process(&provider);
    assert_eq!(counts(&sweep(&process).await), [1, 1, 0, 1, 0, 0]);
    tell(&world, "1", State::Delivered).await;
    world.pass(secs(61)).await;
    assert_eq!(counts(&sweep(&process).await), [0, 1, 0, 0, 0, 0]);
    assert_eq!((world.failed().len(), world.settled().len()), (1, 1));
    assert_eq!((&world.settled()[0].id, world.settled()[0].outcome.as_str()), (&world.failed()[0].id, "delivered"));
    delivered(send(&process, "1").await);
    assert!(world.all_letters().await.is_empty());
}

async fn tell(world: &World, what: &str, state: State) {
    let now_ms = to_ms(world.clock.now());
    let evidence = Evidence::new(state, now_ms, None);
    world
        .claims
        .apply(&key(what), &ClaimOp::Tell { key_generation: 0, evidence, skew_ms: 2_000, ttl_s: 86_400 }, None, now_ms)
        .await
        .unwrap();
}

/// Case 90, without a duplicate.
#[tokio::test(start_paused = true)]
async fn rule_27_evidence_decides_how_a_sweep_ends_a_send() {
    let (world, provider) = (new_world(), Recording::new());
    for (what, state) in [("1", State::Delivered), ("2", State::Failed)] {
        leave(&world, &provider, what).await;
        tell(&world, what, state).await;
    }
    world.clock.jump_ms(IN_DOUBT_MS);
    let process = world.process(&provider);
    assert_eq!(counts(&sweep(&process).await), [2, 1, 0, 1, 0, 0]);
    assert_eq!(world.record("1").await.unwrap().status, ClaimStatus::Delivered);
    assert_eq!(world.record("2").await.unwrap().status, ClaimStatus::Failed);
    assert_eq!((world.failed().len(), world.failed()[0].outcome.as_str()), (1, "failed"));
    delivered(send(&process, "1").await);
    failed(send(&process, "2").await);
    assert_eq!(world.all_letters().await.len(), 1);
}

/// Rule 19: an owner that is gone is reported from 15 minutes after its lease on, with the key and nothing else.
#[tokio::test(start_paused = true)]
async fn rule_19_a_send_left_in_doubt_is_reported_and_left_to_its_duplicate() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let (world, provider, counted) = (new_world(), Recording::new(), Arc::new(Counted::default()));
    leave(&world, &provider, "1").await;
    let process = world.process_with(&provider, |it| it.observer(Arc::clone(&counted) as _));
    world.pass(secs(60 + 14 * 60)).await;
    assert_eq!(counts(&sweep(&process).await), [0; 6]);
    assert_eq!(counted.count("overdue"), 0);
    world.pass(secs(2 * 60)).await;
    assert_eq!(counts(&sweep(&process).await), [0, 0, 1, 0, 0, 0]);
    assert_eq!(counted.count("overdue"), 1);
    let lines = log.lines("sweep.overdue");
    assert!(lines.len() == 1 && lines[0].contains("client_message_id=1"), "{lines:?}");
    assert!(!lines[0].contains("hello") && !lines[0].contains("5551230001"));
    unknown(send(&process, "1").await);
    assert_eq!((world.all_letters().await.len(), world.failed().len()), (1, 1));
}

/// Case 76, without a duplicate.
#[tokio::test(start_paused = true)]
async fn rule_69_a_sweep_publishes_what_the_bus_refused() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.breaker(Breaker::off()));
    world.faults.always(StoreCall::Publish, StoreFault::Refused);
    for n in 0..10 {
        provider.answer(ProviderAnswer::broken());
        unknown(send(&process, &n.to_string()).await);
    }
    assert_eq!(counts(&sweep(&process).await), [0; 6], "their owner may still be at it");
    world.pass(secs(61)).await;
    assert_eq!(counts(&sweep(&process).await), [0, 0, 0, 0, 0, 10]);
    world.faults.heal();
    // One record that fails stops no other.
    world.faults.next(StoreCall::Publish, 1, StoreFault::Hang);
    assert_eq!(counts(&sweep(&process).await), [0, 9, 0, 0, 0, 1]);
    assert_eq!(counts(&sweep(&process).await), [0, 1, 0, 0, 0, 0]);
    assert_eq!(counts(&sweep(&process).await), [0; 6]);
    let ids: BTreeSet<_> = world.failed().into_iter().map(|event| event.id).collect();
    assert_eq!((ids.len(), world.failed().len()), (10, 10));
}

/// Whatever is lost on the way, the event comes once or twice under one id, and the record ends up with nothing pending but
/// the letter.
#[tokio::test(start_paused = true)]
async fn rule_66_a_sweeper_that_crashes_at_any_step_loses_no_event() {
    use StoreCall::{ClearEffects, Due, GetClaim, GiveUp, Publish};
    for call in [Due, GetClaim, GiveUp, Publish, ClearEffects] {
        for fault in [StoreFault::Hang, StoreFault::DoneThenHang, StoreFault::Panic, StoreFault::Refused, StoreFault::AnswerLost] {
            let (world, provider) = (new_world(), Recording::new());
            leave(&world, &provider, "1").await;
            world.clock.jump_ms(IN_DOUBT_MS);
            world.faults.next(call, 1, fault);
            let crashed = world.process(&provider);
            // Either the sweeper is dropped in the middle, or it meets the fault and goes on.
            tokio::select! {
                biased;
                _ = crashed.sweep(None, 10) => {}
                () = world.pass(ms(100)) => {}
            }
            for _ in 0..2 {
                world.pass(secs(61)).await;
                let swept = sweep(&world.process(&provider)).await;
                assert_eq!((swept.waiting_for_letter, swept.failed), (1, 0), "{call:?} {fault:?}");
            }
            let record = world.record("1").await.unwrap();
            assert_eq!(record.status, ClaimStatus::Unknown);
            assert!(record.effects_pending.dlq && !record.effects_pending.event, "{call:?} {fault:?}");
            let told = world.failed();
            assert!((1..=2).contains(&told.len()) && told.iter().all(|event| event.id == told[0].id), "{call:?} {fault:?}: {told:?}");
            let end = unknown(send(&world.process(&provider), "1").await);
            assert_eq!(end.failure_id, told[0].id);
            assert_eq!((world.all_letters().await.len(), provider.calls().len()), (1, 1));
        }
    }
}

/// Two sweepers and duplicates at once: one end, one letter, one event.
#[tokio::test(start_paused = true)]
async fn rule_29_sweepers_and_duplicates_agree_on_one_end() {
    let (world, provider) = (new_world(), Recording::new());
    for n in 0..20 {
        leave(&world, &provider, &n.to_string()).await;
    }
    world.clock.jump_ms(IN_DOUBT_MS);
    let processes: Vec<_> = (0..3).map(|_| world.process(&provider)).collect();
    let sweeps = futures_util::future::join_all(processes.iter().map(sweep));
    let sends = futures_util::future::join_all((0..10).map(|n| async move { (n, n.to_string()) }));
    let (swept, outcomes) = futures_util::future::join(sweeps, async {
        let names = sends.await;
        futures_util::future::join_all(names.iter().map(|(n, name)| send(&processes[n % 3], name))).await
    })
    .await;
    for outcome in outcomes {
        unknown(outcome);
    }
    assert!(swept.iter().map(|swept| swept.ended).sum::<usize>() <= 20 && swept.iter().all(|swept| swept.failed == 0), "{swept:?}");
    for n in 0..20 {
        unknown(send(&processes[0], &n.to_string()).await);
    }
    let ids: BTreeSet<_> = world.failed().into_iter().map(|event| event.id).collect();
    assert_eq!((ids.len(), world.all_letters().await.len(), provider.calls().len()), (20, 20, 20));
    world.pass(secs(61)).await;
    assert_eq!(counts(&sweep(&processes[1]).await), [0; 6]);
}

/// A duplicate arrives between the sweeper's read and its write, and the reverse.
#[tokio::test(start_paused = true)]
async fn rule_29_a_duplicate_that_comes_while_the_sweeper_works_finds_or_makes_the_end() {
    for call in [StoreCall::GiveUp, StoreCall::Publish, StoreCall::ClearEffects] {
        let (world, provider) = (new_world(), Recording::new());
        leave(&world, &provider, "1").await;
        world.clock.jump_ms(IN_DOUBT_MS);
        let (sweeper, other) = (world.process(&provider), world.process(&provider));
        world.faults.next(call, 1, StoreFault::Wait);
        let (swept, end) = futures_util::future::join(sweep(&sweeper), async {
            world.pass(ms(100)).await;
            let end = unknown(send(&other, "1").await);
            world.faults.resume();
            end
        })
        .await;
        assert_eq!(swept.failed, 0, "{call:?}");
        let told = world.failed();
        assert!((1..=2).contains(&told.len()) && told.iter().all(|event| event.id == end.failure_id), "{call:?}");
        assert_eq!((world.all_letters().await.len(), provider.calls().len()), (1, 1), "{call:?}");
        assert!(!world.record("1").await.unwrap().effects_pending.pending(), "{call:?}");
    }
}

/// The letter comes before the event as long as it can be expected, and a sweep has no message to make it of.
#[tokio::test(start_paused = true)]
async fn rule_65_a_sweep_announces_a_failure_without_its_letter_only_when_its_time_is_over() {
    let (world, provider, counted) = (new_world(), Recording::new(), Arc::new(Counted::default()));
    leave_without_letter(&world, &provider, "1").await;
    let process = world.process_with(&provider, |it| it.observer(Arc::clone(&counted) as _));
    world.pass(secs(120)).await;
    assert_eq!(counts(&sweep(&process).await), [0, 0, 0, 1, 0, 0]);
    assert_eq!((world.failed().len(), counted.count("dead_letters_owed")), (0, 1));
    world.clock.jump_ms(DAY_MS);
    assert_eq!(counts(&sweep(&process).await), [0, 1, 0, 1, 0, 0]);
    assert_eq!((world.failed().len(), world.failed()[0].outcome.as_str()), (1, "failed"));
    assert_eq!(counts(&sweep(&process).await), [0; 6], "the sweeper has just written it");
    // A redelivery from a queue days later still stores the letter and sends nothing.
    world.clock.jump_ms(10 * DAY_MS);
    failed(send(&process, "1").await);
    assert_eq!((world.failed().len(), world.all_letters().await.len(), provider.calls().len()), (1, 1, 1));
    // The store may have removed the record by now.
    assert!(world.record("1").await.is_none_or(|record| !record.effects_pending.pending()));
}

/// Nothing grows without bound, and nothing goes without a word: 14 days after its record expired, no queue holds the message
/// any more.
#[tokio::test(start_paused = true)]
async fn rule_68_a_letter_that_nobody_can_write_is_given_up_with_an_error_and_its_record_goes() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let (world, provider, counted) = (new_world(), Recording::new(), Arc::new(Counted::default()));
    leave(&world, &provider, "swept").await;
    world.clock.jump_ms(IN_DOUBT_MS);
    let process = world.process_with(&provider, |it| it.observer(Arc::clone(&counted) as _));
    assert_eq!(counts(&sweep(&process).await), [1, 1, 0, 1, 0, 0]);
    leave_without_letter(&world, &provider, "failed").await;
    world.clock.jump_ms(15 * DAY_MS - 60_000);
    assert_eq!(counts(&sweep(&process).await), [0, 1, 0, 2, 0, 0]);
    world.clock.jump_ms(2 * 60_000);
    assert_eq!(counts(&sweep(&process).await), [0, 0, 0, 0, 2, 0]);
    assert_eq!((counted.count("dead_letters_given_up"), log.lines("sweep.letter_given_up").len(), world.failed().len()), (2, 2, 2));
    for what in ["swept", "failed"] {
        let now_ms = to_ms(world.clock.now());
        assert!(world.record(what).await.is_none_or(|record| record.is_removable(now_ms)));
        assert!(world.failed().iter().any(|event| event.client_message_id == id(what)));
    }
    world.clock.jump_ms(60_000);
    assert_eq!(counts(&sweep(&process).await), [0; 6]);
}

/// A store that knows nothing of it is not swept, and says so.
#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_find_them_is_not_swept() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.claims(Arc::new(Silent(Memory::new().claims()))).sweep_every(secs(60)));
    assert_eq!(process.sweep(None, 10).await.unwrap_err().kind(), ErrorKind::Unsupported);
    world.pass(secs(600)).await;
    delivered(send(&process, "1").await);
}

/// Without a runtime the sweeps of the background cannot run, and a line says so.
#[test]
fn a_host_built_outside_of_a_runtime_is_told_that_nothing_sweeps() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let (world, provider) = (new_world(), Recording::new());
    let host = |interval| world.process_with(&provider, |it| it.claims(Arc::new(Silent(Memory::new().claims()))).sweep_every(interval));
    drop(host(None));
    assert!(log.lines("sweep.not_started").is_empty());
    drop(host(Some(secs(60))));
    let lines = log.lines("sweep.not_started");
    assert!(lines.len() == 1 && lines[0].contains("call build() inside it"), "{lines:?}");
}

/// A store of one process without `due`.
#[derive(Debug)]
struct Silent(Arc<dyn ClaimStore>);

impl ClaimStore for Silent {
    delegate_claims!(0: apply, get, apply_inbound, put_reference, reference);

    fn boot(&self) -> Option<&str> {
        Some("silent")
    }
}

/// The host of an exclusive store sweeps by itself until it is shut down or dropped; any other host does not.
#[tokio::test(start_paused = true)]
async fn rule_69_the_host_of_an_exclusive_store_sweeps_by_itself() {
    let is_exclusive = new_world().claims.boot().is_some();
    for (interval, swept) in [(Some(secs(60)), is_exclusive), (None, false), (Some(secs(0)), false)] {
        let (world, provider) = (new_world(), Recording::new());
        let process = world.process_with(&provider, |it| it.sweep_every(interval));
        provider.answer(ProviderAnswer::broken());
        world.faults.next(StoreCall::Publish, 1, StoreFault::Refused);
        unknown(send(&process, "1").await);
        world.pass(secs(200)).await;
        assert_eq!(world.failed().len(), usize::from(swept), "{interval:?}");

        let before = world.faults.count(StoreCall::Due);
        if swept {
            process.shutdown(secs(1)).await;
        }
        drop(process);
        world.pass(secs(600)).await;
        assert_eq!(world.faults.count(StoreCall::Due), before, "nothing is swept after the end");
    }
}

/// A store that fails for a while is swept again at the next turn, and a dropped host lets go of its store.
#[tokio::test(start_paused = true)]
async fn rule_69_sweeps_in_the_background_outlive_a_store_that_fails() {
    let (world, provider) = (new_world(), Recording::new());
    if world.claims.boot().is_none() {
        return;
    }
    let process = world.process_with(&provider, |it| it.sweep_every(secs(60)));
    provider.answer(ProviderAnswer::broken());
    world.faults.next(StoreCall::Publish, 1, StoreFault::Refused);
    unknown(send(&process, "1").await);
    for fault in [StoreFault::Refused, StoreFault::Hang, StoreFault::Panic] {
        world.faults.next(StoreCall::Due, 1, fault);
    }
    world.pass(secs(3 * 60 + 30)).await;
    assert_eq!((world.faults.count(StoreCall::Due), world.failed().len()), (3, 0));
    world.pass(secs(60)).await;
    assert_eq!((world.faults.count(StoreCall::Due), world.failed().len()), (4, 1));
    let held = Arc::strong_count(&world.claims);
    drop(process);
    world.pass(ms(1)).await;
    assert!(Arc::strong_count(&world.claims) < held, "the background keeps nothing alive");
}

/// The settings' own times hold for a sweep too.
#[tokio::test(start_paused = true)]
async fn rule_29_a_sweep_follows_the_strategys_settings() {
    let (world, provider) = (new_world(), Recording::new());
    let short = Dedup { keep: secs(3600), keep_in_doubt: secs(2 * 3600), ..Dedup::default() };
    let process = world.process_with(&provider, |it| it.dedup(short).max_age(secs(1800)).spawner(Arc::new(NoTasks)));
    provider.answer(ProviderAnswer::AcceptThenHang);
    drop_after(&world, &process, "1", secs(1)).await;
    world.clock.jump_ms(2 * 3_600_000 + 60_000);
    assert_eq!(counts(&sweep(&process).await), [1, 1, 0, 1, 0, 0]);
    let record = world.record("1").await.unwrap();
    assert_eq!(record.expires_at_s, to_ms(world.clock.now()) / 1000 + 3600);
    world.clock.jump_ms(3 * 3_600_000 + 1000);
    assert_eq!(counts(&sweep(&process).await), [0, 0, 0, 0, 1, 0]);
}

/// An interval that cannot work is refused.
#[tokio::test(start_paused = true)]
async fn an_impossible_interval_is_named() {
    let (world, provider) = (new_world(), Recording::<zengine_connector::testing::PlainProvider>::new());
    for interval in [ms(999), std::time::Duration::MAX] {
        let built = Orchestrator::builder().strategy(provider.clone()).stores(&world.memory).sweep_every(interval).build();
        assert_eq!(built.unwrap_err().context("field"), Some("sweep_every"));
    }
}

/// The flags that a sweeper clears late are those of the send that it swept, not of a later one under the same id.
#[tokio::test(start_paused = true)]
async fn rule_66_a_late_clear_spares_another_life_of_the_id() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.killed(&provider);
    provider.answer_always(ProviderAnswer::error(ErrorKind::InvalidContent, Reach::Processed));
    world.faults.always(StoreCall::Publish, StoreFault::Refused);
    failed(send(&process, "1").await);
    world.faults.heal();
    world.clock.jump_ms(DAY_MS + 1000);
    world.faults.next(StoreCall::ClearEffects, 1, StoreFault::Wait);
    let sweeper = world.process(&provider);
    let another_life = async {
        world.pass(ms(1)).await;
        world.faults.always(StoreCall::PutLetter, StoreFault::Hang);
        drop_after(&world, &process, "1", ms(100)).await;
        world.faults.resume();
        world.pass(ms(100)).await;
        world.faults.heal();
    };
    let (swept, ()) = futures_util::future::join(sweep(&sweeper), another_life).await;
    assert_eq!(counts(&swept), [0, 1, 0, 0, 0, 0]);
    let owed = world.record("1").await.unwrap().effects_pending;
    assert!(owed.event && owed.dlq, "{owed:?}");
}

/// A page over stores that hang ends: what it did not begin is left to the next sweep.
#[tokio::test(start_paused = true)]
async fn rule_69_a_page_over_stores_that_hang_ends() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer_always(ProviderAnswer::error(ErrorKind::InvalidContent, Reach::Processed));
    world.faults.always(StoreCall::Publish, StoreFault::Refused);
    for n in 0..20 {
        failed(send(&process, &n.to_string()).await);
    }
    world.faults.heal();
    world.pass(secs(120)).await;
    world.faults.always(StoreCall::Publish, StoreFault::Hang);
    let began = world.clock.monotonic();
    let swept = process.sweep(None, 100).await.unwrap();
    assert_eq!((counts(&swept), swept.next), ([0, 0, 0, 0, 0, 20], None));
    assert!(world.clock.monotonic() - began <= secs(15));
    world.faults.heal();
    assert_eq!(counts(&sweep(&process).await), [0, 20, 0, 0, 0, 0]);
}

/// Rule 14 for a sweep: it knows its own end by the token that it wrote.
#[tokio::test(start_paused = true)]
async fn rule_14_a_sweep_recognises_an_end_whose_answer_was_lost() {
    let (world, provider) = (new_world(), Recording::new());
    leave(&world, &provider, "1").await;
    world.clock.jump_ms(IN_DOUBT_MS);
    world.faults.next(StoreCall::GiveUp, 1, StoreFault::AnswerLost);
    let swept = sweep(&world.process(&provider)).await;
    assert_eq!(counts(&swept)[..2], [1, 1], "{swept:?}");
    assert_eq!((swept.failed, world.failed().len()), (0, 1));
}

/// A host that shuts down changes no further record; the next sweep finds what is left.
#[tokio::test(start_paused = true)]
async fn rule_41_a_sweep_ends_nothing_once_the_host_shuts_down() {
    let (world, provider) = (new_world(), Recording::new());
    leave(&world, &provider, "1").await;
    world.clock.jump_ms(IN_DOUBT_MS);
    let process = world.process(&provider);
    process.shutdown(ms(1)).await;
    let swept = sweep(&process).await;
    assert_eq!((swept.ended, swept.failed), (0, 1));
    assert_eq!(world.record("1").await.unwrap().status, ClaimStatus::Sending);
    assert_eq!(sweep(&world.process(&provider)).await.ended, 1);
}
