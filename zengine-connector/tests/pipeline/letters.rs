//! Dead letters and events: every failure once, whatever fails on the way.

use zengine_connector::{
    ErrorKind, Fault, OutboundMessage, Outcome, Reach, SendOptions,
    error::Disposition,
    ids::CorrelationId,
    pipeline::DeferredReason,
    stage::{Breaker, Retry},
    testing::{ProviderAnswer, Recording, StoreCall, StoreFault},
};

use super::{binding::Silent, new_world};
use crate::support::{deferred, delivered, drop_after, failed, id, ms, secs, send, tenant, text, unknown};

fn refusal() -> ProviderAnswer {
    ProviderAnswer::error(ErrorKind::InvalidContent, Reach::Processed)
}

/// Case 73, in one process and over several.
#[tokio::test(start_paused = true)]
async fn rule_63_a_hundred_duplicates_of_a_failure_make_one_letter_and_one_event() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(refusal());
    let processes: Vec<_> = (0..4).map(|_| world.process(&provider)).collect();
    let sends = (0..100).map(|n| send(&processes[n % 4], "1"));
    let ends: Vec<_> = futures_util::future::join_all(sends).await.into_iter().map(failed).collect();
    assert!(ends.iter().all(|end| end.failure_id == ends[0].failure_id && end.error.kind() == ErrorKind::InvalidContent));
    assert_eq!((provider.calls().len(), world.all_letters().await.len(), world.failed().len()), (1, 1, 1));
}

/// Rule 63: what is put off, replayed or refused for a mismatch leaves no letter.
#[tokio::test(start_paused = true)]
async fn rule_63_only_failed_and_unknown_enter() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::throttle(secs(60)));
    deferred(send(&process, "1").await);
    delivered(send(&process, "1").await);
    delivered(send(&process, "1").await);
    process.send(tenant(), "recording", id("1"), &text("other")).await.unwrap_err();
    assert!(world.all_letters().await.is_empty() && world.memory.published().is_empty());
    provider.answer(refusal());
    failed(send(&process, "2").await);
    provider.answer(ProviderAnswer::broken());
    unknown(send(&process, "3").await);
    failed(send(&process, "2").await);
    unknown(send(&process, "3").await);
    assert_eq!((world.all_letters().await.len(), world.failed().len()), (2, 2));
}

/// Rule 64: everything that is needed to look into it and to send it again, and nothing in the clear.
#[tokio::test(start_paused = true)]
async fn rule_64_the_letter_is_complete_and_sealed() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(ProviderAnswer::unreachable());
    provider.answer(ProviderAnswer::throttle(ms(700)));
    provider.answer(refusal());
    let options = SendOptions::new().correlation_id(CorrelationId::new("flow-1").unwrap()).traceparent("00-trace");
    let end = failed(world.process(&provider).send_with(tenant(), "recording", id("order-17"), &text("hello"), options).await.unwrap());
    let letter = world.all_letters().await.remove(0);
    assert_eq!((&letter.failure_id, letter.outcome.as_str(), letter.generation, letter.redrive_count), (&end.failure_id, "failed", 0, 0));
    assert_eq!(letter.client_message_id, Some(id("order-17")));
    let tries: Vec<_> = letter.attempts.iter().map(|attempt| (attempt.n, attempt.fault, attempt.reach, attempt.code.as_deref())).collect();
    assert_eq!(
        tries,
        [
            (1, Fault::Provider, Reach::NotSent, Some("refused")),
            (2, Fault::Throttled, Reach::NotSent, Some("throttled")),
            (3, Fault::Domain, Reach::Processed, Some("refused")),
        ]
    );
    assert_eq!(letter.attempts[1].retry_after_ms, Some(700));
    assert!(letter.attempts[0].started_at_ms < letter.attempts[1].started_at_ms);
    assert_eq!(letter.first_error.as_ref().unwrap().kind, ErrorKind::Unavailable);
    assert_eq!(letter.last_error.as_ref().unwrap().kind, ErrorKind::InvalidContent);
    assert_eq!(letter.provider_key.as_deref(), Some(provider.calls()[0].provider_key.as_str()));
    assert_eq!(letter.trace, ["flow-1", "00-trace"]);
    let opened = letter.open(&*world.memory.keys()).unwrap();
    assert_eq!(serde_json::from_slice::<OutboundMessage>(&opened).unwrap(), text("hello"));
    let json = serde_json::to_string(&letter).unwrap();
    assert!(!json.contains("hello") && !json.contains("5551230001"));
}

/// Rule 65: record, then letter, then event, then the flags.
#[tokio::test(start_paused = true)]
async fn rule_65_letter_before_event_and_both_after_the_record() {
    use StoreCall::{Claim, ClearEffects, Commit, Mark, Publish, PutLetter};
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(refusal());
    failed(send(&world.process(&provider), "1").await);
    assert_eq!(world.faults.calls(), [Claim, Mark, Commit, PutLetter, Publish, ClearEffects]);
}

/// Cases 74 and 12: a crash at every store call after the record still leads to one letter, and to an event of one name.
#[tokio::test(start_paused = true)]
async fn rule_66_a_crash_at_any_step_repeats_at_most_the_same_event() {
    for call in [StoreCall::Commit, StoreCall::PutLetter, StoreCall::Publish, StoreCall::ClearEffects] {
        for fault in [StoreFault::Hang, StoreFault::DoneThenHang] {
            let (world, provider) = (new_world(), Recording::new());
            provider.answer(refusal());
            world.faults.next(call, 1, fault);
            drop_after(&world, &world.killed(&provider), "1", secs(1)).await;
            world.pass(secs(63)).await;
            let end = send(&world.process(&provider), "1").await;
            let failure = match end {
                Outcome::Failed(end) => end.failure_id,
                // The owner went away before its record said so: nobody knows.
                Outcome::Unknown(end) if (call, fault) == (StoreCall::Commit, StoreFault::Hang) => end.failure_id,
                other => panic!("{call:?} {fault:?}: {other:?}"),
            };
            assert_eq!((provider.calls().len(), world.all_letters().await.len()), (1, 1), "{call:?} {fault:?}");
            let told = world.failed();
            assert!((1..=2).contains(&told.len()) && told.iter().all(|event| event.id == failure), "{call:?} {fault:?}");
            assert!(!world.record("1").await.unwrap().effects_pending.pending());
        }
    }
}

/// Case 75.
#[tokio::test(start_paused = true)]
async fn rule_68_a_letter_that_cannot_be_stored_is_an_error_and_nothing_is_sent_again() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(refusal());
    world.faults.always(StoreCall::PutLetter, StoreFault::Refused);
    for _ in 0..2 {
        let error = process.send(tenant(), "recording", id("1"), &text("hello")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeadLetterFailed);
        assert!(matches!(error.disposition(), Disposition::RetryAfter(_)));
    }
    assert_eq!((world.failed().len(), world.faults.count(StoreCall::PutLetter)), (0, 6));
    world.faults.heal();
    let end = failed(send(&process, "1").await);
    assert!(end.replayed);
    assert_eq!((provider.calls().len(), world.all_letters().await.len(), world.failed().len()), (1, 1, 1));
}

/// Rule 68 while configuration does not resolve: a replay must not make the caller forget the only copy of the message.
#[tokio::test(start_paused = true)]
async fn rule_68_no_replay_hides_a_letter_that_is_not_stored() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(refusal());
    world.faults.always(StoreCall::PutLetter, StoreFault::Refused);
    process.send(tenant(), "recording", id("1"), &text("hello")).await.unwrap_err();
    let blind = world.process_with(&provider, |it| it.directory(std::sync::Arc::new(Silent)));
    let sent = blind.send(tenant(), "recording", id("1"), &text("hello")).await;
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::DeadLetterFailed);
    world.faults.heal();
    assert!(failed(send(&blind, "1").await).replayed);
    assert_eq!(world.all_letters().await.len(), 1, "a letter needs no configuration");
}

/// A queue of letters that does not answer holds nobody for ever.
#[tokio::test(start_paused = true)]
async fn rule_68_a_queue_that_hangs_is_a_queue_that_fails() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(refusal());
    world.faults.always(StoreCall::PutLetter, StoreFault::Hang);
    let process = world.process(&provider);
    let (tenant, message) = (tenant(), text("hello"));
    let sending = process.send(&tenant, "recording", id("1"), &message);
    let error = tokio::time::timeout(secs(120), sending).await.expect("the send must end").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadLetterFailed);
}

/// Case 76.
#[tokio::test(start_paused = true)]
async fn rule_69_an_event_that_cannot_be_published_is_published_later() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(refusal());
    world.faults.always(StoreCall::Publish, StoreFault::Refused);
    failed(send(&process, "1").await);
    assert_eq!((world.all_letters().await.len(), world.failed().len()), (1, 0));
    assert!(world.record("1").await.unwrap().effects_pending.event);
    world.faults.heal();
    failed(send(&process, "1").await);
    failed(send(&process, "1").await);
    assert_eq!((world.all_letters().await.len(), world.failed().len(), provider.calls().len()), (1, 1, 1));
}

/// Case 77.
#[tokio::test(start_paused = true)]
async fn rule_08_an_open_breaker_leaves_no_letter() {
    let (world, provider) = (new_world(), Recording::new());
    let process =
        world.process_with(&provider, |it| it.retry(Retry::none()).breaker(Breaker { consecutive_failures: 1, ..Breaker::default() }));
    provider.answer(ProviderAnswer::unreachable());
    failed(send(&process, "first").await);
    for n in 0..super::MANY {
        assert_eq!(deferred(send(&process, &n.to_string()).await).reason, DeferredReason::BreakerOpen);
    }
    assert_eq!((world.all_letters().await.len(), provider.calls().len()), (1, 1));
}

/// Rule 66: an id that is used again after its record is gone fails under another id, and its letter stands beside the first.
#[tokio::test(start_paused = true)]
async fn rule_66_another_life_of_an_id_has_another_failure() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(refusal());
    let first = failed(send(&process, "1").await).failure_id;
    world.clock.jump_ms(25 * 3600 * 1000);
    provider.answer(refusal());
    let second = failed(send(&world.process(&provider), "1").await).failure_id;
    assert_ne!(first, second);
    let letters: Vec<_> = world.all_letters().await.into_iter().map(|letter| letter.failure_id).collect();
    assert!(letters.len() == 2 && letters.contains(&first) && letters.contains(&second));
    assert_eq!(world.failed().iter().map(|event| event.id.clone()).collect::<Vec<_>>(), [first, second]);
}
