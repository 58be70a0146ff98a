//! Sends of several calls: what each step says of the content.

use std::sync::Arc;

use zengine_connector::{
    ErrorKind, FailureId, Orchestrator, Outcome, Reach, Receipt, SendError,
    error::{Step, StepReach},
    message::{Dropped, Standing, State},
    pipeline::RedriveOptions,
    runtime::{Clock, to_ms},
    stage::{Retry, StoreDown},
    store::{ClaimOp, ClaimStatus, Evidence},
    testing::{NativeProvider, ProviderAnswer, Recording, StoreCall, StoreFault},
};

use super::new_world;
use crate::support::{World, deferred, delivered, failed, key, ms, secs, send, unknown, written};

/// A provider that opens a conversation first: how far the opening got, and the text.
pub(crate) fn broke(open: StepReach, text: StepReach) -> ProviderAnswer {
    ProviderAnswer::Refuse(Arc::new(move || broken(open, text)))
}

fn broken(open: StepReach, text: StepReach) -> SendError {
    SendError::provider("the connection broke")
        .step(Step::preparing("open", open).with_id("canary-conversation"))
        .step(Step::carrying("text", text))
        .maybe()
}

fn opening_in_doubt() -> ProviderAnswer {
    broke(StepReach::Maybe, StepReach::NotSent)
}

async fn redrive(process: &Orchestrator, failure: &FailureId) -> Outcome {
    process.redrive(failure, RedriveOptions::new()).await.unwrap()
}

async fn needs_force(process: &Orchestrator, failure: &FailureId) {
    let error = process.redrive(failure, RedriveOptions::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.context("rule")), (ErrorKind::Unsupported, Some("71")), "{error}");
}

/// Leaves a send that ended Unknown with these answers, one attempt each.
async fn an_unknown(world: &World, provider: &Recording, answers: impl IntoIterator<Item = ProviderAnswer>) -> FailureId {
    let mut outcome = None;
    for answer in answers {
        provider.answer(answer);
        outcome = Some(send(&world.process_with(provider, |it| it.retry(Retry::none())), "1").await);
    }
    unknown(outcome.unwrap()).failure_id
}

#[tokio::test(start_paused = true)]
async fn rule_71_an_opening_in_doubt_without_its_text_is_redriven_without_force_under_a_new_key() {
    let (world, provider) = (new_world(), Recording::new());
    let failure = an_unknown(&world, &provider, [opening_in_doubt()]).await;
    let letter = world.all_letters().await.pop().unwrap();
    assert!(letter.content_not_sent && letter.redrivable && letter.outcome == "unknown");
    let process = world.process(&provider);
    delivered(redrive(&process, &failure).await);
    let keys: Vec<_> = provider.calls().into_iter().map(|call| call.provider_key).collect();
    assert!(keys.len() == 2 && keys[0] != keys[1], "a late status of the opening must not settle the text: {keys:?}");
    let record = world.record("1").await.unwrap();
    assert_eq!((record.generation, record.key_generation, provider.effects("1")), (1, 1, 1));
    assert!(world.all_letters().await.is_empty());
}

/// Only the record knows of statuses that came after the letter.
#[tokio::test(start_paused = true)]
async fn rule_71_without_its_record_a_letter_that_says_the_text_was_not_sent_needs_force() {
    let (world, provider) = (new_world(), Recording::new());
    let failure = an_unknown(&world, &provider, [opening_in_doubt()]).await;
    world.clock.jump_ms(3 * 86_400_000);
    assert!(world.all_letters().await.pop().unwrap().content_not_sent);
    let process = world.process(&provider);
    needs_force(&process, &failure).await;
    assert_eq!(provider.calls().len(), 1);
    delivered(process.redrive(&failure, RedriveOptions::new().force("the host knows better")).await.unwrap());
}

/// What the redrive of a doubt without content learns is the truth: nothing is in doubt any more.
#[tokio::test(start_paused = true)]
async fn rule_71_a_refusal_after_such_a_redrive_is_a_failure() {
    let (world, provider) = (new_world(), Recording::new());
    let failure = an_unknown(&world, &provider, [opening_in_doubt()]).await;
    provider.answer(ProviderAnswer::error(ErrorKind::Unauthorized, Reach::Processed));
    let end = failed(redrive(&world.process(&provider), &failure).await);
    assert_eq!(end.attempts, 2, "the attempts before it are told");
    let letter = world.all_letters().await.pop().unwrap();
    assert_eq!((letter.generation, letter.attempts.len(), letter.content_not_sent), (1, 2, false));
}

#[tokio::test(start_paused = true)]
async fn rule_71_a_text_that_may_have_been_sent_needs_force_whatever_else_is_known() {
    for answer in [
        broke(StepReach::Accepted, StepReach::Maybe),
        broke(StepReach::Maybe, StepReach::Maybe),
        broke(StepReach::Maybe, StepReach::Accepted),
        ProviderAnswer::broken(),
        ProviderAnswer::Refuse(Arc::new(|| SendError::provider("broke").step(Step::preparing("open", StepReach::Maybe)).maybe())),
    ] {
        let (world, provider) = (new_world(), Recording::new());
        let failure = an_unknown(&world, &provider, [answer]).await;
        needs_force(&world.process(&provider), &failure).await;
        assert!(!world.all_letters().await[0].content_not_sent);
    }
}

/// Without a record, nothing says that it was the only send of the message.
#[tokio::test(start_paused = true)]
async fn rule_28_an_unprotected_opening_in_doubt_needs_force() {
    let (world, provider) = (new_world(), Recording::new());
    let bold = world.process_with(&provider, |it| it.store_down(StoreDown::SendUnprotected).retry(Retry::none()));
    world.faults.always(StoreCall::Claim, StoreFault::Refused);
    provider.answer(opening_in_doubt());
    let failure = unknown(send(&bold, "1").await).failure_id;
    assert!(!world.all_letters().await[0].content_not_sent);
    world.faults.heal();
    needs_force(&bold, &failure).await;
    assert_eq!(provider.calls().len(), 1);
}

/// One doubt about the text is not taken back by a later one about an opening, nor the other way round.
#[tokio::test(start_paused = true)]
async fn rule_71_all_attempts_count_and_not_the_last_one() {
    let text_in_doubt = || broke(StepReach::Accepted, StepReach::Maybe);
    for (first, second) in [(text_in_doubt(), opening_in_doubt()), (opening_in_doubt(), text_in_doubt())] {
        let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
        provider.answer(first);
        provider.answer(second);
        let process = world.process_with(&provider, |it| it.retry(Retry { max_attempts: 2, ..Retry::default() }));
        let failure = unknown(send(&process, "1").await).failure_id;
        world.clock.jump_ms(3_600_000);
        needs_force(&process, &failure).await;
    }
    // A send that was put off between two openings is free all the same.
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let once = world.process_with(&provider, |it| it.retry(Retry { max_attempts: 2, ..Retry::default() }));
    provider.answer(opening_in_doubt());
    provider.answer(ProviderAnswer::throttle(secs(600)));
    deferred(send(&once, "1").await);
    world.pass(secs(600)).await;
    provider.answer(opening_in_doubt());
    provider.answer(opening_in_doubt());
    let failure = unknown(send(&once, "1").await).failure_id;
    world.clock.jump_ms(3_600_000);
    delivered(redrive(&once, &failure).await);
    assert_eq!(provider.effects("1"), 1);
}

/// A provider that still protects gets the old key, by which it may know the opening.
#[tokio::test(start_paused = true)]
async fn rule_70_within_its_window_an_opening_in_doubt_is_redriven_under_its_key() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    provider.answer(opening_in_doubt());
    let once = world.process_with(&provider, |it| it.retry(Retry::none()));
    let failure = unknown(send(&once, "1").await).failure_id;
    delivered(redrive(&once, &failure).await);
    let calls = provider.calls();
    assert_eq!(calls[0].provider_key, calls[1].provider_key);
}

/// A takeover knows no steps of the owner that is gone.
#[tokio::test(start_paused = true)]
async fn rule_71_a_crash_in_the_next_attempt_needs_force_again() {
    let (world, provider) = (new_world(), Recording::new());
    let failure = an_unknown(&world, &provider, [opening_in_doubt()]).await;
    provider.answer(ProviderAnswer::AcceptThenHang);
    let killed = world.killed(&provider);
    tokio::select! { biased;
        end = killed.redrive(&failure, RedriveOptions::new()) => panic!("{end:?}"),
        () = world.pass(ms(500)) => {}
    }
    world.pass(secs(300)).await;
    let process = world.process(&provider);
    let after = unknown(send(&process, "1").await).failure_id;
    needs_force(&process, &after).await;
    // Nor is the letter of before a way around: its record is another life by now, and without one it says that a redrive began.
    assert!(unknown(redrive(&process, &failure).await).replayed);
    assert_eq!(provider.effects("1"), 1);
    let (world, provider) = (new_world(), Recording::new());
    let failure = an_unknown(&world, &provider, [opening_in_doubt()]).await;
    world.faults.next(StoreCall::Mark, 1, StoreFault::Hang);
    let killed = world.killed(&provider);
    tokio::select! { biased;
        end = killed.redrive(&failure, RedriveOptions::new()) => panic!("{end:?}"),
        () = world.pass(secs(1)) => {}
    }
    world.clock.jump_ms(30 * 86_400_000);
    needs_force(&world.process(&provider), &failure).await;
}

/// What the provider reports about a send says that it has seen it.
#[tokio::test(start_paused = true)]
async fn rule_27_proof_counts_more_than_the_steps() {
    let (world, provider) = (new_world(), Recording::new());
    let failure = an_unknown(&world, &provider, [opening_in_doubt()]).await;
    let evidence = Evidence::new(State::Delivered, to_ms(world.clock.now()), None);
    let told = ClaimOp::Tell { key_generation: 0, evidence, skew_ms: 2_000, ttl_s: 86_400 };
    assert!(world.claims.apply(&key("1"), &told, None, to_ms(world.clock.now())).await.unwrap().done);
    assert!(delivered(redrive(&world.process(&provider), &failure).await).replayed);
    assert_eq!(provider.calls().len(), 1);
}

/// A failure that is not final leaves an Unknown what it is, and says all the same that the provider has the text.
#[tokio::test(start_paused = true)]
async fn rule_71_a_soft_failure_says_that_the_text_was_sent() {
    let (world, provider) = (new_world(), Recording::new());
    let failure = an_unknown(&world, &provider, [opening_in_doubt()]).await;
    let now_ms = to_ms(world.clock.now());
    let soft = Evidence::new(Standing::of(State::Failed).with_permanent(false), now_ms, None);
    let told = ClaimOp::Tell { key_generation: 0, evidence: soft, skew_ms: 2_000, ttl_s: 86_400 };
    world.claims.apply(&key("1"), &told, None, now_ms).await.unwrap();
    let record = world.record("1").await.unwrap();
    assert_eq!((record.status, record.content_not_sent), (ClaimStatus::Unknown, false));
    needs_force(&world.process(&provider), &failure).await;
    assert_eq!(provider.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_32_steps_are_on_record_and_their_ids_only_encrypted() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(opening_in_doubt());
    let process = world.process_with(&provider, |it| it.retry(Retry::none()));
    let first = unknown(send(&process, "1").await);
    let again = unknown(send(&world.process(&provider), "1").await);
    let form = serde_json::json!([{ "what": "open", "reach": "maybe" }, { "what": "text", "reach": "not_sent", "content": true }]);
    for end in [&first, &again] {
        assert_eq!(serde_json::to_value(end).unwrap()["steps"], form);
    }
    assert_eq!([&first, &again].map(|end| end.steps[0].id.is_some()), [true, false]);
    let (record, letter) = (world.record("1").await.unwrap(), world.all_letters().await.pop().unwrap());
    let stored = serde_json::to_value(&letter).unwrap();
    assert_eq!((&stored["attempts"][0]["steps"], record.status), (&form, ClaimStatus::Unknown));
    for text in
        [written(&record), stored.to_string(), String::from_utf8_lossy(&letter.to_cbor()).into_owned(), format!("{first:?} {letter:?}")]
    {
        assert!(!text.contains("canary"), "{text}");
    }
    assert_eq!(letter.steps(&*world.memory.keys()).unwrap()[0].id.as_deref(), Some("canary-conversation"));
    assert_eq!(letter.provider_details(&*world.memory.keys()).unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_receipt_tells_steps_and_what_was_dropped_also_to_a_later_caller() {
    let (world, provider) = (new_world(), Recording::new());
    provider.answer(ProviderAnswer::AcceptWith(Arc::new(|receipt: Receipt| {
        (0..100).fold(receipt.with_step(Step::preparing("open", StepReach::Accepted).with_id("c-1")), |receipt, n| {
            receipt.with_dropped(Dropped::new(format!("/content/cc/{n}"), "suppressed"))
        })
    })));
    let first = delivered(send(&world.process(&provider), "1").await).receipt;
    let last = &first.dropped[Receipt::MAX_DROPPED - 1];
    assert_eq!((first.dropped.len(), last.reason.as_str(), &*first.dropped[0].what), (64, "and_more", "/content/cc/0"));
    let again = delivered(send(&world.process(&provider), "1").await);
    assert_eq!((again.replayed, again.receipt), (true, first));
}
