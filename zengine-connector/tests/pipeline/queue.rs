//! Dead letters in a queue, which cannot be read: its consumer has each letter in hand.

use std::sync::Arc;

use zengine_connector::{
    Error, ErrorKind, FailureId, Orchestrator, OrchestratorBuilder, Outcome, Reach,
    error::Disposition,
    pipeline::{DeferredReason, RedriveOptions},
    stage::{Breaker, Dedup, Retry},
    store::{ClaimStatus, DeadLetter, LetterDirection},
    testing::{NativeProvider, ProviderAnswer, ProviderKind, Recording, StoreCall, StoreFault},
};

use super::new_world;
use crate::support::{Queue, World, deferred, delivered, failed, id, ms, secs, send, tenant, text, unknown};

const DAY_MS: i64 = 86_400_000;

fn refusal() -> ProviderAnswer {
    ProviderAnswer::error(ErrorKind::Unauthorized, Reach::Processed)
}

/// A process whose dead letters go to the queue.
fn process<P: ProviderKind>(world: &World, provider: &Recording<P>, queue: &Arc<Queue>) -> Orchestrator {
    process_with(world, provider, queue, |it| it)
}

fn process_with<P: ProviderKind>(
    world: &World,
    provider: &Recording<P>,
    queue: &Arc<Queue>,
    settings: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder,
) -> Orchestrator {
    let sink = world.faults.dead_letter_sink(Arc::clone(queue) as _);
    world.process_with(provider, |it| settings(it.dead_letter_sink(sink)))
}

async fn redrive(process: &Orchestrator, letter: &DeadLetter) -> Result<Outcome, Error> {
    process.redrive_letter(letter, RedriveOptions::new()).await
}

/// A world, a provider, a queue and its letter of a send that failed.
async fn a_failure() -> (World, Recording<NativeProvider>, Arc<Queue>, DeadLetter) {
    let (world, provider, queue) = (new_world(), Recording::<NativeProvider>::default(), Arc::new(Queue::default()));
    provider.answer(refusal());
    failed(send(&process(&world, &provider, &queue), "1").await);
    let letter = queue.newest();
    (world, provider, queue, letter)
}

#[tokio::test(start_paused = true)]
async fn rule_70_a_letter_in_hand_is_redriven_without_a_store() {
    let (world, provider, queue, letter) = a_failure().await;
    let process = process(&world, &provider, &queue);
    assert!(!delivered(redrive(&process, &letter).await.unwrap()).replayed);
    assert_ne!(provider.calls()[0].provider_key, provider.calls()[1].provider_key);
    let record = world.record("1").await.unwrap();
    assert_eq!((record.status, record.generation), (ClaimStatus::Delivered, 1));
    assert_eq!((queue.messages().len(), world.all_letters().await.len()), (1, 0));
}

/// A typed error leads from the id to the letter.
#[tokio::test(start_paused = true)]
async fn a_sink_cannot_be_read_and_says_what_to_do() {
    let (world, provider, queue, letter) = a_failure().await;
    let process = process(&world, &provider, &queue);
    let error = process.redrive(&letter.failure_id, RedriveOptions::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.disposition()), (ErrorKind::Unsupported, Disposition::Reject));
    assert!(error.to_string().contains("redrive_letter"), "{error}");
    let error = process.replay(&letter.failure_id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(provider.calls().len(), 1);
}

/// Case 78 where a queue delivers twice, with the record and without it.
#[tokio::test(start_paused = true)]
async fn rule_70_two_consumers_of_one_letter_make_one_send() {
    for days in [0, 3] {
        let (world, provider, queue, letter) = a_failure().await;
        world.clock.jump_ms(days * DAY_MS);
        let (one, two) = (process(&world, &provider, &queue), process(&world, &provider, &queue));
        provider.answer_always(ProviderAnswer::Slow(secs(1)));
        let ends = futures_util::future::join(redrive(&one, &letter), redrive(&two, &letter)).await;
        let ends = [ends.0.unwrap(), ends.1.unwrap()];
        let fresh = ends.iter().filter(|end| end.is_terminal() && !end.is_replayed()).count();
        assert_eq!((fresh, provider.calls().len(), provider.effects("1")), (1, 2, 1), "{days} {ends:?}");
        // Whoever came second keeps its copy or finds the send settled.
        for end in ends {
            match end {
                Outcome::Delivered(_) => {}
                other => assert_eq!(deferred(other).reason, DeferredReason::InProgress),
            }
        }
        assert!(delivered(redrive(&two, &letter).await.unwrap()).replayed);
        assert_eq!(provider.effects("1"), 1);
    }
}

/// A queue delivers a letter again whose redrive has ended: the end is replayed, whatever it was.
#[tokio::test(start_paused = true)]
async fn rule_70_a_letter_that_comes_again_sends_nothing() {
    for end in ["delivered", "failed", "unknown"] {
        let (world, provider, queue, letter) = a_failure().await;
        let process = process_with(&world, &provider, &queue, |it| it.retry(Retry::none()));
        match end {
            "failed" => provider.answer(refusal()),
            "unknown" => provider.answer(ProviderAnswer::broken()),
            _ => {}
        }
        let first = redrive(&process, &letter).await.unwrap();
        assert_eq!((first.as_str(), first.is_replayed(), provider.calls().len()), (end, false, 2));
        let letters = queue.messages().len();
        world.clock.jump_ms(DAY_MS - 60_000);
        let other = process_with(&world, &provider, &queue, |it| it.retry(Retry::none()));
        for process in [&process, &other] {
            let again = redrive(process, &letter).await.unwrap();
            assert_eq!((again.as_str(), again.is_replayed()), (end, true));
        }
        assert_eq!((provider.calls().len(), queue.messages().len()), (2, letters), "{end}");
        assert_eq!(world.record("1").await.unwrap().generation, 1);
    }
}

/// The bound of the rule above: the record decides as long as it lives. A host whose queue delivers later keeps it longer.
#[tokio::test(start_paused = true)]
async fn rule_29_a_letter_that_comes_again_after_its_record_is_sent_again() {
    for (keep_days, calls) in [(1, 3), (14, 2)] {
        let (world, provider, queue, letter) = a_failure().await;
        let process = process_with(&world, &provider, &queue, |it| it.dedup(Dedup { keep: secs(keep_days * 86_400), ..Dedup::default() }));
        delivered(redrive(&process, &letter).await.unwrap());
        world.clock.jump_ms(3 * DAY_MS);
        let again = delivered(redrive(&process, &letter).await.unwrap());
        assert_eq!((again.replayed, provider.calls().len()), (calls == 2, calls));
        // Under the same key: a provider whose window is still open drops it.
        let keys: std::collections::BTreeSet<_> = provider.calls()[1..].iter().map(|call| call.provider_key.as_str().to_owned()).collect();
        assert_eq!(keys.len(), 1);
    }
}

/// Case 80, and the generations that follow.
#[tokio::test(start_paused = true)]
async fn rule_70_a_letter_in_hand_outlives_its_record() {
    let (world, provider, queue, letter) = a_failure().await;
    let process = process(&world, &provider, &queue);
    world.clock.jump_ms(3 * DAY_MS);
    provider.answer(refusal());
    let second = failed(redrive(&process, &letter).await.unwrap()).failure_id;
    let next = queue.newest();
    assert_eq!((&next.failure_id, next.generation, next.redrive_count), (&second, 1, 1));
    world.clock.jump_ms(3 * DAY_MS);
    delivered(redrive(&process, &next).await.unwrap());
    assert_eq!(world.record("1").await.unwrap().generation, 2);
}

/// Case 81.
#[tokio::test(start_paused = true)]
async fn rule_70_no_letter_in_hand_passes_an_open_breaker() {
    let (world, provider, queue) = (new_world(), Recording::new(), Arc::new(Queue::default()));
    let process = process_with(&world, &provider, &queue, |it| {
        it.retry(Retry::none()).breaker(Breaker { consecutive_failures: 1, ..Breaker::default() })
    });
    provider.answer(ProviderAnswer::unreachable());
    failed(send(&process, "1").await);
    let error = redrive(&process, &queue.newest()).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Busy && matches!(error.disposition(), Disposition::RetryAfter(_)));
    assert_eq!(provider.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_70_the_fourth_redrive_of_a_letter_in_hand_is_refused() {
    let (world, provider, queue, mut letter) = a_failure().await;
    let process = process(&world, &provider, &queue);
    provider.answer_always(refusal());
    for n in 1..=3 {
        failed(redrive(&process, &letter).await.unwrap());
        letter = queue.newest();
        assert_eq!((letter.generation, queue.messages().len()), (n, n as usize + 1));
    }
    let error = redrive(&process, &letter).await.unwrap_err();
    assert_eq!((error.context("limit"), error.disposition(), provider.calls().len()), (Some("3"), Disposition::Reject, 4));
}

#[tokio::test(start_paused = true)]
async fn rule_71_an_unprotected_unknown_in_hand_needs_force() {
    let (world, provider, queue) = (new_world(), Recording::new(), Arc::new(Queue::default()));
    let once = process_with(&world, &provider, &queue, |it| it.retry(Retry::none()));
    provider.answer(ProviderAnswer::broken());
    unknown(send(&once, "1").await);
    let letter = queue.newest();
    let error = redrive(&once, &letter).await.unwrap_err();
    assert_eq!((error.context("rule"), provider.calls().len()), (Some("71"), 1));
    let forced = RedriveOptions::new().force("the customer asked");
    delivered(once.redrive_letter(&letter, forced.clone()).await.unwrap());
    // Force does not send what has been settled since.
    assert!(delivered(once.redrive_letter(&letter, forced).await.unwrap()).replayed);
    assert_eq!(provider.calls().len(), 2);
}

/// Rule 68: the consumer keeps the letter until the next one is in the queue; nothing is sent twice for it.
#[tokio::test(start_paused = true)]
async fn rule_68_a_letter_is_kept_until_the_next_generation_is_in_the_queue() {
    let (world, provider, queue, letter) = a_failure().await;
    let process = process(&world, &provider, &queue);
    provider.answer_always(refusal());
    world.faults.always(StoreCall::PutLetter, StoreFault::Refused);
    let error = redrive(&process, &letter).await.unwrap_err();
    assert!(error.kind() == ErrorKind::DeadLetterFailed && matches!(error.disposition(), Disposition::RetryAfter(_)));
    assert_eq!(queue.messages().len(), 1);
    world.faults.heal();
    let end = failed(redrive(&process, &letter).await.unwrap());
    assert_eq!((provider.calls().len(), queue.messages().len()), (2, 2));
    assert_eq!((queue.newest().failure_id, queue.newest().generation), (end.failure_id, 1));
}

/// A redrive that is put off goes on with the letter that the consumer kept.
#[tokio::test(start_paused = true)]
async fn rule_72_a_letter_whose_redrive_was_put_off_goes_on() {
    let (world, provider, queue, letter) = a_failure().await;
    let process = process(&world, &provider, &queue);
    provider.answer(ProviderAnswer::throttle(secs(60)));
    deferred(redrive(&process, &letter).await.unwrap());
    delivered(redrive(&process, &letter).await.unwrap());
    assert_eq!((provider.calls().len(), provider.effects("1"), queue.messages().len()), (3, 1, 1));
}

/// A redrive that crashed is settled by the consumer that gets the letter next.
#[tokio::test(start_paused = true)]
async fn rule_72_a_letter_whose_consumer_crashed_is_settled_by_the_next() {
    let (world, provider, queue, letter) = a_failure().await;
    provider.answer(ProviderAnswer::AcceptThenHang);
    let crashed = process(&world, &provider, &queue);
    tokio::select! {
        biased;
        _ = redrive(&crashed, &letter) => panic!("it was not to end"),
        () = world.pass(ms(1000)) => {}
    }
    world.pass(secs(63)).await;
    delivered(redrive(&process(&world, &provider, &queue), &letter).await.unwrap());
    assert_eq!(provider.effects("1"), 1);
}

/// Rule 23 for what a failure still owes: another message that took the id over does not get this letter's message.
#[tokio::test(start_paused = true)]
async fn rule_72_a_letter_does_not_finish_the_effects_of_another_message() {
    let (world, provider, queue, letter) = a_failure().await;
    let process = process(&world, &provider, &queue);
    world.clock.jump_ms(3 * DAY_MS);
    provider.answer_always(refusal());
    world.faults.always(StoreCall::PutLetter, StoreFault::Refused);
    let other = || async { process.send(tenant(), "recording", id("1"), &text("other")).await };
    assert_eq!(other().await.unwrap_err().kind(), ErrorKind::DeadLetterFailed);
    world.faults.heal();
    assert_eq!(redrive(&process, &letter).await.unwrap_err().kind(), ErrorKind::Mismatch);
    assert_eq!((queue.messages().len(), provider.calls().len()), (1, 2));
    failed(other().await.unwrap());
    let opened = queue.newest().open(&*world.memory.keys()).unwrap();
    assert!(String::from_utf8_lossy(&opened).contains("other"));
}

#[tokio::test(start_paused = true)]
async fn letters_that_cannot_be_redriven_are_refused_with_a_reason() {
    let (world, provider, queue, letter) = a_failure().await;
    let process = process(&world, &provider, &queue);
    let mut inbound = letter.clone();
    inbound.direction = LetterDirection::Inbound;
    assert_eq!(redrive(&process, &inbound).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(process.replay_letter(&letter).await.unwrap_err().kind(), ErrorKind::Unsupported);
    let mut newer = letter.clone();
    newer.v = 2;
    assert_eq!(redrive(&process, &newer).await.unwrap_err().kind(), ErrorKind::Corrupt);
    // A letter under another id does not open.
    let mut renamed = letter.clone();
    renamed.failure_id = FailureId::new("f-1").unwrap();
    assert_eq!(redrive(&process, &renamed).await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!((provider.calls().len(), queue.messages().len()), (1, 1));
    assert!(!format!("{letter:?}").contains("hello"));
}

/// Who can write to a queue must not make a send that may have arrived look like one that did not.
#[tokio::test(start_paused = true)]
async fn rule_71_a_letter_changed_in_a_queue_is_refused() {
    let (world, provider, queue) = (new_world(), Recording::new(), Arc::new(Queue::default()));
    provider.answer(ProviderAnswer::broken());
    let process = process(&world, &provider, &queue);
    unknown(send(&process, "1").await);
    let letter = queue.newest();
    let forced = || RedriveOptions::new().force("asked");
    let changes: [fn(&mut DeadLetter); 7] = [
        |letter| letter.outcome = "failed".to_owned(),
        |letter| letter.outcome = "poison".to_owned(),
        |letter| letter.key_generation = 1,
        |letter| letter.generation = 1,
        |letter| letter.client_message_id = Some(id("2")),
        |letter| letter.first_sent_at_ms = None,
        |letter| letter.failure_id = FailureId::new("other").unwrap(),
    ];
    for change in changes {
        let mut changed = letter.clone();
        change(&mut changed);
        let error = process.redrive_letter(&changed, forced()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{changed:?}");
    }
    assert_eq!(provider.calls().len(), 1);
    delivered(process.redrive_letter(&letter, forced()).await.unwrap());
}
