//! Callers that go away: whatever they leave, a task ends it (rule 31).

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use zengine_connector::{
    ErrorKind, Fault, Orchestrator, Outcome, Reach, SendError, SendOptions,
    error::ProviderDetails,
    keyring::{Key, KeyRing},
    message::State,
    pipeline::{DeferredReason, RedriveOptions},
    runtime::{Clock, to_ms},
    stage::{Breaker, Retry, StoreDown},
    store::{ClaimOp, ClaimStatus, Evidence},
    testing::{NativeProvider, NoTasks, ProviderAnswer, QueryableProvider, Recording, StoreCall, StoreFault},
};

use super::new_world;
use crate::log::Log;
use crate::support::{World, deferred, delivered, drop_after, failed, id, key, ms, secs, send, tenant, text, unknown};

/// Case 27: dropped while claimed, it is given back; nobody has to wait for a lease.
#[tokio::test(start_paused = true)]
async fn rule_31_a_caller_dropped_before_sending_gives_the_claim_back() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.retry(Retry::none()).breaker(Breaker::off()));
    // Dropped while the mark is under way, whether it is done or not.
    for (what, fault) in [("1", StoreFault::Hang), ("2", StoreFault::DoneThenHang)] {
        world.faults.next(StoreCall::Mark, 1, fault);
        drop_after(&world, &process, what, secs(1)).await;
        world.pass(ms(1)).await;
        assert_eq!(world.record(what).await.unwrap().status, ClaimStatus::Released);
        assert!(!delivered(send(&process, what).await).replayed);
    }
    // Dropped while the claim is under way.
    world.faults.next(StoreCall::Claim, 1, StoreFault::DoneThenHang);
    drop_after(&world, &process, "3", secs(1)).await;
    world.pass(ms(1)).await;
    assert_eq!(world.record("3").await.unwrap().status, ClaimStatus::Released);
    delivered(send(&process, "3").await);
    assert_eq!(provider.calls().len(), 3);
}

/// A release that is under way goes on without its caller, whatever was done before it.
#[tokio::test(start_paused = true)]
async fn rule_31_a_caller_dropped_while_releasing_gives_the_claim_back() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.bulkhead(1));
    provider.answer(ProviderAnswer::throttle(secs(600)));
    world.faults.next(StoreCall::Release, 1, StoreFault::Hang);
    drop_after(&world, &process, "1", secs(1)).await;
    world.pass(ms(1)).await;
    assert_eq!(world.record("1").await.unwrap().status, ClaimStatus::Released);

    provider.answer(ProviderAnswer::Slow(secs(5)));
    let no_place = async {
        world.pass(ms(10)).await;
        world.faults.next(StoreCall::Release, 1, StoreFault::Hang);
        drop_after(&world, &process, "3", secs(1)).await;
        world.pass(ms(1)).await;
        assert_eq!(world.record("3").await.unwrap().status, ClaimStatus::Released);
    };
    let (end, ()) = futures_util::future::join(send(&process, "2"), no_place).await;
    delivered(end);
    delivered(send(&process, "1").await);
}

/// Without a task the claim cannot be given back, which is logged; its lease ends.
#[tokio::test(start_paused = true)]
async fn rule_31_a_claim_that_no_task_gives_back_is_logged_and_ends_with_its_lease() {
    let (world, provider, log) = (new_world(), Recording::new(), Log::default());
    let process = world.process_with(&provider, |it| it.spawner(Arc::new(NoTasks)));
    let _logging = tracing::subscriber::set_default(log.clone());
    world.faults.next(StoreCall::Claim, 1, StoreFault::DoneThenHang);
    drop_after(&world, &process, "1", secs(1)).await;
    assert_eq!(world.record("1").await.unwrap().status, ClaimStatus::Claimed);
    assert_eq!(log.lines("dedup.claim_not_ended").len(), 1);
    world.pass(secs(63)).await;
    delivered(send(&process, "1").await);
}

/// The caller goes away while the end of a delivered send is written: the write goes on.
#[tokio::test(start_paused = true)]
async fn rule_31_a_delivery_whose_commit_was_dropped_is_recorded() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    world.faults.next(StoreCall::Commit, 1, StoreFault::Hang);
    drop_after(&world, &process, "1", secs(1)).await;
    world.pass(secs(80)).await;
    delivered(send(&process, "1").await);
}

/// Rule 31: giving a claim back is tried again, because nobody else does it before the lease ends.
#[tokio::test(start_paused = true)]
async fn rule_31_a_claim_is_given_back_in_several_tries() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    world.faults.next(StoreCall::Mark, 1, StoreFault::Hang);
    world.faults.next(StoreCall::Release, 2, StoreFault::Refused);
    drop_after(&world, &process, "1", secs(1)).await;
    world.pass(secs(1)).await;
    assert_eq!(world.record("1").await.unwrap().status, ClaimStatus::Released);
}

/// Case 27: nothing protects what may have left, so the send ends, and says why.
#[tokio::test(start_paused = true)]
async fn rule_31_a_caller_dropped_while_sending_leaves_an_unknown_with_its_letter() {
    let (world, provider, log) = (new_world(), Recording::new(), Log::default());
    let _logging = tracing::subscriber::set_default(log.clone());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::unreachable());
    provider.answer(ProviderAnswer::AcceptThenHang);
    drop_after(&world, &process, "1", secs(3)).await;
    world.pass(ms(1)).await;
    let record = world.record("1").await.unwrap();
    assert_eq!((record.status, record.attempts, record.maybe_sent), (ClaimStatus::Unknown, 2, true));
    assert!(!record.effects_pending.pending());
    let letters = world.all_letters().await;
    let attempts: Vec<_> = letters[0].attempts.iter().map(|attempt| (attempt.n, attempt.fault, attempt.reach)).collect();
    assert_eq!(attempts, [(1, Fault::Provider, Reach::NotSent), (2, Fault::Cancelled, Reach::Maybe)]);
    let last = letters[0].last_error.clone().unwrap();
    assert_eq!((last.kind, last.fault, last.attempts), (ErrorKind::Cancelled, Fault::Cancelled, 2));
    assert_eq!((letters.len(), world.failed().len()), (1, 1));
    let lines = log.lines("send.completed");
    assert!(lines.len() == 1 && lines[0].contains("outcome=\"unknown\"") && lines[0].contains("fault=\"cancelled\""), "{lines:?}");
    assert!(lines[0].contains("attempts=2"), "{lines:?}");
    assert_eq!(log.lines("send.attempt").len(), 2);
    let end = unknown(send(&process, "1").await);
    assert!(end.replayed && end.error.kind() == ErrorKind::Cancelled && end.failure_id == letters[0].failure_id);
    assert_eq!(provider.calls().len(), 2);
}

/// A provider that recognises the key gets the message again, under the same key and at once.
#[tokio::test(start_paused = true)]
async fn rule_31_a_caller_dropped_while_sending_to_a_native_provider_releases_as_maybe() {
    let (world, provider) = (new_world(), Recording::<NativeProvider>::default());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::AcceptThenHang);
    drop_after(&world, &process, "1", secs(1)).await;
    world.pass(ms(1)).await;
    let record = world.record("1").await.unwrap();
    assert_eq!((record.status, record.attempts, record.maybe_sent), (ClaimStatus::Released, 1, true));
    let now_ms = to_ms(world.clock.now());
    assert!(record.last_attempt_at_ms.is_some_and(|at_ms| (now_ms - 10..=now_ms).contains(&at_ms)), "the moment of the drop");
    delivered(send(&process, "1").await);
    let calls = provider.calls();
    assert!(calls.len() == 2 && calls[0].provider_key == calls[1].provider_key);
    assert_eq!(provider.effects("1"), 1);
}

/// A provider that can be asked is asked first, and "not found" counts from the moment of the drop (rule 19).
#[tokio::test(start_paused = true)]
async fn rule_31_a_caller_dropped_while_sending_to_a_queryable_provider_releases_as_maybe() {
    let (world, provider) = (new_world(), Recording::<QueryableProvider>::default());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::Hang);
    drop_after(&world, &process, "1", secs(5)).await;
    world.pass(ms(1)).await;
    assert_eq!(world.record("1").await.unwrap().status, ClaimStatus::Released);
    world.pass(secs(6)).await;
    let Outcome::Deferred(later) = send(&process, "1").await else { panic!("the provider may still show it") };
    assert!(later.retry_after > secs(3) && later.retry_after <= secs(4), "{:?}", later.retry_after);
    world.pass(later.retry_after).await;
    delivered(send(&process, "1").await);
    assert_eq!(provider.calls().len(), 2);
}

/// Marked, and nothing that could arrive has left: the next caller sends it as if it were new.
#[tokio::test(start_paused = true)]
async fn rule_31_a_caller_dropped_between_attempts_that_never_left_releases() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::unreachable());
    drop_after(&world, &process, "1", ms(200)).await;
    world.pass(ms(1)).await;
    let record = world.record("1").await.unwrap();
    assert_eq!((record.status, record.attempts, record.maybe_sent), (ClaimStatus::Released, 1, false));
    assert_eq!(record.first_sent_at_ms, None);
    delivered(send(&process, "1").await);
}

/// Whatever of the end was written when the caller went away, the rest follows.
#[tokio::test(start_paused = true)]
async fn rule_31_the_letter_of_a_failure_is_stored_without_its_caller() {
    for call in [StoreCall::Commit, StoreCall::PutLetter, StoreCall::Publish, StoreCall::ClearEffects] {
        for fault in [StoreFault::Hang, StoreFault::DoneThenHang] {
            let (world, provider) = (new_world(), Recording::new());
            let process = world.process(&provider);
            provider.answer(ProviderAnswer::error(ErrorKind::InvalidContent, Reach::Processed));
            world.faults.next(call, 1, fault);
            drop_after(&world, &process, "1", secs(1)).await;
            world.pass(ms(1)).await;
            let record = world.record("1").await.unwrap();
            assert_eq!(record.status, ClaimStatus::Failed, "{call:?} {fault:?}");
            assert!(!record.effects_pending.pending(), "{call:?} {fault:?}");
            assert_eq!(world.all_letters().await.len(), 1, "{call:?} {fault:?}");
            assert!((1..=2).contains(&world.failed().len()), "{call:?} {fault:?}");
        }
    }
}

/// A send without a record ends as what it is (rule 28).
#[tokio::test(start_paused = true)]
async fn rule_31_an_unprotected_send_that_was_dropped_has_its_letter() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.store_down(StoreDown::SendUnprotected));
    world.faults.always(StoreCall::Claim, StoreFault::Refused);
    provider.answer(ProviderAnswer::AcceptThenHang);
    drop_after(&world, &process, "1", secs(1)).await;
    world.pass(ms(1)).await;
    assert_eq!((world.all_letters().await.len(), world.failed().len(), world.record("1").await), (1, 1, None));
}

/// Without a task the record stays in doubt, and its lease ends.
#[tokio::test(start_paused = true)]
async fn rule_31_without_a_task_a_dropped_send_stays_in_doubt() {
    let (world, provider, log) = (new_world(), Recording::new(), Log::default());
    let _logging = tracing::subscriber::set_default(log.clone());
    let process = world.killed(&provider);
    provider.answer(ProviderAnswer::Hang);
    drop_after(&world, &process, "1", secs(1)).await;
    world.pass(ms(1)).await;
    assert_eq!(world.record("1").await.unwrap().status, ClaimStatus::Sending);
    assert_eq!(log.lines("dedup.claim_not_ended").len(), 1);
    let lines = log.lines("send.completed");
    assert!(lines.len() == 1 && lines[0].contains("reason=\"cancelled\""), "{lines:?}");
    world.pass(secs(63)).await;
    let end = unknown(send(&process, "1").await);
    assert_eq!((end.error.kind(), end.error.fault()), (ErrorKind::Cancelled, Fault::Cancelled), "not the provider's fault");
}

/// The callers that follow a dropped one get the end that its task makes: of one that was not sent, they make it themselves.
#[tokio::test(start_paused = true)]
async fn rule_31_followers_of_a_dropped_caller_get_its_end() {
    let endings = [(ProviderAnswer::AcceptThenHang, "unknown", 1), (ProviderAnswer::unreachable(), "delivered", 2)];
    for (answer, ended, calls) in endings {
        let (world, provider) = (new_world(), Recording::new());
        let process = world.process(&provider);
        provider.answer(answer);
        let follower = async {
            world.pass(ms(1)).await;
            send(&process, "1").await
        };
        let (end, ()) = futures_util::future::join(follower, drop_after(&world, &process, "1", ms(300))).await;
        assert_eq!((end.as_str(), provider.calls().len()), (ended, calls));
        if let Outcome::Unknown(end) = &end {
            assert_eq!((end.attempts, end.error.kind()), (1, ErrorKind::Cancelled));
        }
        assert!(world.clock.monotonic() < secs(2), "nobody waits for the lease");
    }
}

/// Every dropped call has its line and is counted, at whatever step.
#[tokio::test(start_paused = true)]
async fn rule_81_a_caller_that_goes_away_early_leaves_a_line() {
    for call in [StoreCall::Claim, StoreCall::Mark] {
        let (world, provider, log) = (new_world(), Recording::new(), Log::default());
        let _logging = tracing::subscriber::set_default(log.clone());
        let process = world.process(&provider);
        world.faults.next(call, 1, StoreFault::Hang);
        drop_after(&world, &process, "1", secs(1)).await;
        let lines = log.lines("send.completed");
        assert!(lines.len() == 1 && lines[0].contains("outcome=\"deferred\"") && lines[0].contains("reason=\"cancelled\""), "{lines:?}");
    }
}

/// A shutdown waits for what a dropped caller left.
#[tokio::test(start_paused = true)]
async fn rule_31_a_shutdown_waits_for_the_end_of_a_dropped_send() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::Hang);
    drop_after(&world, &process, "1", secs(1)).await;
    process.shutdown(secs(5)).await;
    assert_eq!((world.record("1").await.unwrap().status, world.all_letters().await.len()), (ClaimStatus::Unknown, 1));
}

/// A redrive that is dropped ends like any send, with the letter of its generation.
#[tokio::test(start_paused = true)]
async fn rule_31_a_redrive_dropped_while_sending_ends_as_unknown() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::error(ErrorKind::Unauthorized, Reach::Processed));
    let failure = failed(send(&process, "1").await).failure_id;
    provider.answer(ProviderAnswer::AcceptThenHang);
    tokio::select! { biased;
        end = process.redrive(&failure, RedriveOptions::new()) => panic!("{end:?}"),
        () = world.pass(secs(1)) => {}
    }
    world.pass(ms(1)).await;
    let record = world.record("1").await.unwrap();
    assert_eq!((record.status, record.generation), (ClaimStatus::Unknown, 1));
    assert!(world.all_letters().await.iter().any(|letter| letter.generation == 1 && letter.outcome == "unknown"));
}

/// A send in a task of its own needs no caller.
#[tokio::test(start_paused = true)]
async fn rule_31_a_detached_send_goes_on_without_its_handle() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::Slow(secs(2)));
    drop(process.send_detached(tenant(), "recording", id("1"), &text("hello"), SendOptions::new()).unwrap());
    world.pass(secs(3)).await;
    assert_eq!(world.record("1").await.unwrap().status, ClaimStatus::Delivered);
    let handle = process.send_detached(tenant(), "recording", id("1"), &text("hello"), SendOptions::new()).unwrap();
    assert!(delivered(handle.await.unwrap()).replayed);
    assert_eq!(provider.calls().len(), 1);

    let closed = world.killed(&provider);
    let error = closed.send_detached(tenant(), "recording", id("2"), &text("hello"), SendOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

/// The task may be the last to hold the message: it waits for the store of letters.
#[tokio::test(start_paused = true)]
async fn rule_68_the_task_of_a_dropped_caller_tries_its_letter_again() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    world.faults.always(StoreCall::PutLetter, StoreFault::Refused);
    provider.answer(ProviderAnswer::Hang);
    drop_after(&world, &process, "1", secs(1)).await;
    world.pass(secs(4)).await;
    assert!(world.record("1").await.unwrap().effects_pending.dlq);
    world.faults.heal();
    world.pass(secs(10)).await;
    assert!(!world.record("1").await.unwrap().effects_pending.pending());
    assert_eq!(world.all_letters().await.len(), 1);
}

/// A delivery that cannot be recorded is one for the callers that wait, and an alarm (rule 26).
#[tokio::test(start_paused = true)]
async fn rule_26_a_dropped_delivery_that_cannot_be_recorded_is_still_delivered() {
    let (world, provider, log) = (new_world(), Recording::new(), Log::default());
    let _logging = tracing::subscriber::set_default(log.clone());
    let process = world.process(&provider);
    world.faults.next(StoreCall::Commit, 1, StoreFault::Hang);
    let follower = async {
        world.pass(ms(1)).await;
        let options = SendOptions::new().within(secs(300));
        process.send_with(tenant(), "recording", id("1"), &text("hello"), options).await.unwrap()
    };
    let leader = async {
        drop_after(&world, &process, "1", secs(1)).await;
        world.faults.always(StoreCall::Commit, StoreFault::Refused);
    };
    let (end, ()) = futures_util::future::join(follower, leader).await;
    let end = delivered(end);
    assert!(end.replayed && !end.dedup_recorded && end.provider_id().is_some());
    assert_eq!(log.lines("dedup.delivered_not_recorded").len(), 1);
    let lines = log.lines("send.completed");
    assert!(lines[0].contains("outcome=\"delivered\"") && lines[0].contains("dedup_recorded=false"), "{lines:?}");
    assert_eq!((lines.len(), provider.calls().len()), (2, 1), "one of the task, one of the caller that followed");
}

/// Another caller ended the send as Failed, as the provider's status told; the owner knows better, and its task says so.
#[tokio::test(start_paused = true)]
async fn rule_26_a_dropped_delivery_of_a_send_that_another_ended_as_failed_is_still_delivered() {
    let (world, provider, log) = (new_world(), Recording::new(), Log::default());
    let (process, other) = (world.process(&provider), world.process(&provider));
    world.faults.next(StoreCall::Commit, 1, StoreFault::Hang);
    let ended_by_another = async {
        world.pass(ms(10)).await;
        let now_ms = to_ms(world.clock.now());
        let evidence = Evidence::new(State::Failed, now_ms, None);
        let tell = ClaimOp::Tell { key_generation: 0, evidence, skew_ms: 2_000, ttl_s: 86_400 };
        assert!(world.claims.apply(&key("1"), &tell, None, now_ms).await.unwrap().done);
        world.clock.jump_ms(63_000);
        failed(send(&other, "1").await);
    };
    tokio::select! { biased;
        end = send(&process, "1") => panic!("{end:?}"),
        () = ended_by_another => {}
    }
    let _logging = tracing::subscriber::set_default(log.clone());
    world.pass(ms(1)).await;
    let lines = log.lines("send.completed");
    assert!(lines.len() == 1 && lines[0].contains("outcome=\"delivered\"") && lines[0].contains("dedup_recorded=false"), "{lines:?}");
    assert_eq!(log.lines("dedup.delivered_not_recorded").len(), 1);
}

/// A claim whose answer is lost is released for a moment only: the lease ends it, and the caller has the message.
#[tokio::test(start_paused = true)]
async fn rule_31_a_store_that_is_down_gathers_no_releases() {
    let (world, provider, log) = (new_world(), Recording::new(), Log::default());
    let process = world.process(&provider);
    world.faults.always(StoreCall::Claim, StoreFault::Refused);
    world.faults.always(StoreCall::Release, StoreFault::Refused);
    let _logging = tracing::subscriber::set_default(log.clone());
    for n in 0..1100 {
        assert_eq!(deferred(send(&process, &n.to_string()).await).reason, DeferredReason::StoreUnavailable);
    }
    let left = log.lines("dedup.claim_not_ended");
    assert_eq!(left.len(), 1100 - 1024, "no further task is begun");
    assert!(left[0].contains("client_message_id=1024") && left[0].contains("tenant_id=acme"), "{}", left[0]);
    world.pass(secs(3)).await;
    assert_eq!(log.lines("dedup.claim_not_ended").len(), 1100);
    assert!(format!("{process:?}").contains("running: 0"));
}

/// A caller that ends another owner's send may go away too.
#[tokio::test(start_paused = true)]
async fn rule_31_an_end_made_for_another_owner_is_completed_without_its_caller() {
    for call in [StoreCall::GiveUp, StoreCall::PutLetter] {
        for fault in [StoreFault::Hang, StoreFault::DoneThenHang] {
            let (world, provider) = (new_world(), Recording::new());
            provider.answer(ProviderAnswer::AcceptThenHang);
            drop_after(&world, &world.killed(&provider), "1", secs(1)).await;
            world.pass(secs(63)).await;
            world.faults.next(call, 1, fault);
            drop_after(&world, &world.process(&provider), "1", secs(1)).await;
            world.pass(ms(1)).await;
            let record = world.record("1").await.unwrap();
            assert_eq!(record.status, ClaimStatus::Unknown, "{call:?} {fault:?}");
            assert!(!record.effects_pending.pending(), "{call:?} {fault:?}");
            assert_eq!(world.all_letters().await.len(), 1, "{call:?} {fault:?}");
        }
    }
}

/// A caller that waits for an end which the store does not take is told to come again, in one line; its next call ends the send.
#[tokio::test(start_paused = true)]
async fn rule_81_an_end_that_the_store_does_not_take_has_one_line() {
    let (world, provider, log) = (new_world(), Recording::new(), Log::default());
    provider.answer(ProviderAnswer::AcceptThenHang);
    drop_after(&world, &world.killed(&provider), "1", secs(1)).await;
    world.pass(secs(63)).await;
    let _logging = tracing::subscriber::set_default(log.clone());
    world.faults.next(StoreCall::GiveUp, 2, StoreFault::Hang);
    let process = world.process(&provider);
    assert!(!send(&process, "1").await.is_terminal());
    world.pass(secs(1)).await;
    assert_eq!(world.record("1").await.unwrap().status, ClaimStatus::Sending, "no task goes on for it");
    unknown(send(&process, "1").await);
    let lines = log.lines("send.completed");
    assert!(lines.len() == 2 && lines[0].contains("outcome=\"deferred\"") && lines[1].contains("outcome=\"unknown\""), "{lines:?}");
}

/// Of a send without a record nothing is left to write where nothing may have arrived.
#[tokio::test(start_paused = true)]
async fn rule_28_a_dropped_unprotected_send_that_never_left_writes_nothing() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process_with(&provider, |it| it.store_down(StoreDown::SendUnprotected));
    world.faults.always(StoreCall::Claim, StoreFault::Refused);
    provider.answer(ProviderAnswer::unreachable());
    drop_after(&world, &process, "1", ms(200)).await;
    world.pass(secs(1)).await;
    // The release is of the claim that may have been made although the store did not answer.
    assert_eq!(world.faults.calls(), [StoreCall::Claim, StoreCall::Claim, StoreCall::Release]);
    assert_eq!(world.all_letters().await.len(), 0);
}

/// The attempt that was under way has its own number in its line.
#[tokio::test(start_paused = true)]
async fn rule_81_the_line_of_a_dropped_attempt_has_its_number() {
    let (world, provider, log) = (new_world(), Recording::new(), Log::default());
    let _logging = tracing::subscriber::set_default(log.clone());
    provider.answer(ProviderAnswer::unreachable());
    provider.answer(ProviderAnswer::Hang);
    drop_after(&world, &world.process(&provider), "1", secs(3)).await;
    let lines = log.lines("send.attempt");
    assert!(lines.len() == 2 && lines[0].contains(" attempt=1 ") && lines[1].contains(" attempt=2 "), "{lines:?}");
}

/// A task that ends a send says nothing about its lease, and its line counts the time from the begin of the call.
#[tokio::test(start_paused = true)]
async fn rule_81_the_line_of_a_task_counts_from_the_call() {
    let (world, provider, log) = (new_world(), Recording::new(), Log::default());
    let _logging = tracing::subscriber::set_default(log.clone());
    world.pass(secs(100)).await;
    provider.answer(ProviderAnswer::Hang);
    drop_after(&world, &world.process(&provider), "1", secs(3)).await;
    world.pass(ms(100)).await;
    let lines = log.lines("send.completed");
    assert!(lines.len() == 1 && lines[0].contains(" duration_ms=30"), "{lines:?}");
    assert_eq!(log.lines("dedup.claim_not_ended").len(), 0);
}

/// An end that a task cannot write is tried for a minute, and has its line all the same.
#[tokio::test(start_paused = true)]
async fn rule_81_an_end_that_a_task_cannot_write_has_its_line() {
    let (world, provider, log) = (new_world(), Recording::new(), Log::default());
    let _logging = tracing::subscriber::set_default(log.clone());
    provider.answer(ProviderAnswer::Hang);
    world.faults.always(StoreCall::Commit, StoreFault::Refused);
    drop_after(&world, &world.process(&provider), "1", secs(1)).await;
    world.pass(secs(70)).await;
    let lines = log.lines("send.completed");
    assert!(lines.len() == 1 && lines[0].contains("reason=\"store_unavailable\""), "{lines:?}");
    let tries = world.faults.count(StoreCall::Commit);
    assert!((20..=25).contains(&tries), "after 50, 200 and 800 ms, then every three seconds: {tries}");
    assert_eq!(log.lines("dedup.claim_not_ended").len(), 1);
}

/// A letter that nobody takes is tried in four rounds of three; then the record owes it.
#[tokio::test(start_paused = true)]
async fn rule_68_the_task_of_a_dropped_caller_gives_its_letter_up() {
    let (world, provider, log) = (new_world(), Recording::new(), Log::default());
    let _logging = tracing::subscriber::set_default(log.clone());
    world.faults.always(StoreCall::PutLetter, StoreFault::Refused);
    provider.answer(ProviderAnswer::Hang);
    drop_after(&world, &world.process(&provider), "1", secs(1)).await;
    world.pass(secs(300)).await;
    assert_eq!(world.faults.count(StoreCall::PutLetter), 12);
    assert!(world.record("1").await.unwrap().effects_pending.dlq);
    let lines = log.lines("send.completed");
    assert!(lines.len() == 1 && lines[0].contains("kind=\"dead_letter_failed\""), "{lines:?}");
}

/// Keys that panic once they are told to.
#[derive(Debug)]
struct Fragile(Arc<dyn KeyRing>, AtomicBool);

impl KeyRing for Fragile {
    fn current(&self) -> Arc<Key> {
        assert!(!self.1.load(Ordering::SeqCst), "the keys panic");
        self.0.current()
    }

    fn by_id(&self, id: &str) -> Option<Arc<Key>> {
        self.0.by_id(id)
    }
}

/// Sends a message that the provider accepts, while the keys panic. They go on panicking.
async fn keys_panic_over_a_delivery(world: &World, provider: &Recording, process: &Arc<Orchestrator>, keys: &Fragile) {
    provider.answer(ProviderAnswer::Slow(secs(2)));
    let process = Arc::clone(process);
    let sending = tokio::spawn(async move { send(&process, "1").await });
    world.pass(secs(1)).await;
    keys.1.store(true, Ordering::SeqCst);
    assert!(sending.await.is_err(), "the panic is the host's");
}

/// An accepted message is delivered, also if the host's keys panic before it is recorded (rule 20).
#[tokio::test(start_paused = true)]
async fn rule_20_a_panic_after_the_acceptance_sends_nothing_again() {
    let (world, provider) = (new_world(), Recording::new());
    let keys = Arc::new(Fragile(world.memory.keys(), AtomicBool::new(false)));
    let process = Arc::new(world.process_with(&provider, |it| it.keys(Arc::clone(&keys) as _)));
    keys_panic_over_a_delivery(&world, &provider, &process, &keys).await;
    keys.1.store(false, Ordering::SeqCst);
    world.pass(ms(1)).await;
    assert_eq!(world.record("1").await.unwrap().status, ClaimStatus::Delivered);
    assert!(delivered(send(&process, "1").await).replayed);
    assert_eq!(provider.effects("1"), 1);
}

/// A caller that knows of its delivery does not wait for the store; a task goes on with the record (rule 26).
#[tokio::test(start_paused = true)]
async fn rule_26_a_delivery_is_recorded_once_the_store_answers_again() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    world.faults.next(StoreCall::Commit, 8, StoreFault::Refused);
    assert!(!delivered(send(&process, "1").await).dedup_recorded);
    world.pass(secs(70)).await;
    assert!(delivered(send(&process, "1").await).replayed);
    assert_eq!((world.all_letters().await.len(), provider.calls().len()), (0, 1));
}

/// A shutdown waits for the end of a dropped send, also if the store does not take it at once.
#[tokio::test(start_paused = true)]
async fn rule_31_a_shutdown_waits_for_an_end_that_is_tried_again() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::Slow(secs(2)));
    world.faults.next(StoreCall::Commit, 1, StoreFault::Hang);
    world.faults.next(StoreCall::Commit, 2, StoreFault::Refused);
    let closing = async {
        world.pass(ms(2_400)).await;
        process.shutdown(secs(20)).await;
    };
    futures_util::future::join(drop_after(&world, &process, "1", ms(2_500)), closing).await;
    assert_eq!((world.record("1").await.unwrap().status, provider.effects("1")), (ClaimStatus::Delivered, 1));
}

/// The letter of a dropped call has the provider's words, whenever its caller went away (rule 64).
#[tokio::test(start_paused = true)]
async fn rule_64_the_letter_of_a_dropped_send_has_the_providers_words() {
    for (call, fault) in [
        (StoreCall::Commit, StoreFault::Hang),
        (StoreCall::PutLetter, StoreFault::Hang),
        (StoreCall::Publish, StoreFault::Hang),
        (StoreCall::ClearEffects, StoreFault::DoneThenHang),
    ] {
        let (world, provider) = (new_world(), Recording::new());
        let process = world.process(&provider);
        provider.answer(ProviderAnswer::Refuse(Arc::new(|| {
            let mut details = ProviderDetails::default();
            details.message = Some("the words".to_owned());
            SendError::domain("refused").details(details).processed()
        })));
        world.faults.next(call, 1, fault);
        drop_after(&world, &process, "1", secs(1)).await;
        world.pass(ms(1)).await;
        let letters = world.all_letters().await;
        let details = letters[0].provider_details(&*world.memory.keys()).unwrap();
        assert_eq!(details.and_then(|details| details.message).as_deref(), Some("the words"), "{call:?}");
    }
}

/// A send whose runtime goes away has its line although no task ends it (rule 81).
#[test]
fn rule_81_a_send_whose_runtime_goes_away_leaves_a_line() {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (world, provider) = (new_world(), Recording::new());
        let process = world.process(&provider);
        provider.answer(ProviderAnswer::Hang);
        drop(process.send_detached(tenant(), "recording", id("1"), &text("hello"), SendOptions::new()).unwrap());
        world.pass(secs(1)).await;
    });
    drop(runtime);
    let lines = log.lines("send.completed");
    assert!(lines.len() == 1 && lines[0].contains("reason=\"cancelled\""), "{lines:?}");
}

/// A redrive or a replay whose caller goes away after the end was made is reported as what it is (rule 81).
#[tokio::test(start_paused = true)]
async fn rule_81_a_call_dropped_after_its_end_is_reported_as_that_end() {
    let (world, provider, log) = (new_world(), Recording::new(), Log::default());
    let process = world.process(&provider);
    let refusal = || ProviderAnswer::error(ErrorKind::Unauthorized, Reach::Processed);
    provider.answer(refusal());
    let failure = failed(send(&process, "1").await).failure_id;
    provider.answer(refusal());
    world.faults.next(StoreCall::Publish, 1, StoreFault::Refused);
    failed(send(&process, "2").await);

    let _logging = tracing::subscriber::set_default(log.clone());
    world.faults.next(StoreCall::RemoveLetter, 1, StoreFault::Hang);
    tokio::select! { biased;
        end = process.redrive(&failure, RedriveOptions::new()) => panic!("{end:?}"),
        () = world.pass(secs(1)) => {}
    }
    world.faults.next(StoreCall::Publish, 1, StoreFault::Hang);
    drop_after(&world, &process, "2", secs(1)).await;
    world.pass(ms(1)).await;
    let lines = log.lines("send.completed");
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("outcome=\"delivered\"") && lines[0].contains("replayed=false"), "{lines:?}");
    assert!(lines[1].contains("outcome=\"failed\"") && lines[1].contains("replayed=true"), "{lines:?}");
    assert!(!world.record("2").await.unwrap().effects_pending.pending());
}

/// Detached sends hold their messages, so their number is bounded.
#[tokio::test(start_paused = true)]
async fn rule_31_detached_sends_are_bounded_and_counted_at_once() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    world.faults.always(StoreCall::Claim, StoreFault::Hang);
    let detach = |n: usize| process.send_detached(tenant(), "recording", id(&n.to_string()), &text("hello"), SendOptions::new());
    for n in 0..10_000 {
        drop(detach(n).unwrap());
    }
    let error = detach(10_000).unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Busy, true));
    assert!(format!("{process:?}").contains("running: 10000"), "{process:?}");
}

/// The callers that follow a dropped one wait until its claim is released, however long that takes.
#[tokio::test(start_paused = true)]
async fn rule_31_followers_wait_for_a_late_release() {
    for fault in [StoreFault::Refused, StoreFault::AnswerLost, StoreFault::Hang] {
        let (world, provider) = (new_world(), Recording::new());
        let process = world.process(&provider);
        provider.answer(ProviderAnswer::unreachable());
        world.faults.next(StoreCall::Release, 1, fault);
        let follower = async {
            world.pass(ms(1)).await;
            send(&process, "1").await
        };
        let (end, ()) = futures_util::future::join(follower, drop_after(&world, &process, "1", ms(300))).await;
        delivered(end);
        assert_eq!((provider.calls().len(), world.all_letters().await.len()), (2, 0), "{fault:?}");
    }
}

/// A claim that was marked would end as Unknown with its lease, so its release is tried for a minute, whether its caller waits or not.
#[tokio::test(start_paused = true)]
async fn rule_31_a_marked_claim_of_an_unsent_message_is_released_after_an_outage() {
    for dropped in [false, true] {
        let (world, provider) = (new_world(), Recording::new());
        let process = world.process(&provider);
        world.faults.always(StoreCall::Release, StoreFault::Refused);
        if dropped {
            provider.answer(ProviderAnswer::unreachable());
            drop_after(&world, &process, "1", ms(100)).await;
        } else {
            provider.answer(ProviderAnswer::throttle(secs(60)));
            deferred(send(&process, "1").await);
        }
        world.pass(secs(4)).await;
        world.faults.heal();
        world.pass(secs(80)).await;
        delivered(send(&process, "1").await);
        assert_eq!((provider.calls().len(), world.all_letters().await.len()), (2, 0), "{dropped}");
    }
}

/// Releases that a claim store in an outage gathers take no delivered send its place (rule 26).
#[tokio::test(start_paused = true)]
async fn rule_26_a_delivery_is_recorded_beside_any_number_of_releases() {
    let (world, provider) = (new_world(), Recording::new());
    let process = world.process(&provider);
    provider.answer(ProviderAnswer::Slow(secs(1)));
    let outage = async {
        world.pass(ms(500)).await;
        for call in [StoreCall::Claim, StoreCall::Commit, StoreCall::Release] {
            world.faults.always(call, StoreFault::Refused);
        }
        world.pass(ms(1400)).await;
        for n in 0..1024 {
            deferred(send(&process, &format!("other {n}")).await);
        }
        world.pass(secs(3)).await;
        world.faults.heal();
    };
    let (end, ()) = futures_util::future::join(send(&process, "1"), outage).await;
    assert!(!delivered(end).dedup_recorded);
    world.pass(secs(70)).await;
    assert!(delivered(send(&process, "1").await).replayed);
    assert!(world.all_letters().await.is_empty());
}

/// A delivery has its line as one, whatever of the host fails over it: its keys, also in the task, and its claim store.
#[tokio::test(start_paused = true)]
async fn rule_81_a_delivery_over_which_the_keys_panic_has_its_line() {
    for (is_stored, heals) in [(true, true), (true, false), (false, true)] {
        let (world, provider, log) = (new_world(), Recording::new(), Log::default());
        let keys = Arc::new(Fragile(world.memory.keys(), AtomicBool::new(false)));
        let process = Arc::new(world.process_with(&provider, |it| it.keys(Arc::clone(&keys) as _).store_down(StoreDown::SendUnprotected)));
        if !is_stored {
            world.faults.always(StoreCall::Claim, StoreFault::Refused);
        }
        let _logging = tracing::subscriber::set_default(log.clone());
        keys_panic_over_a_delivery(&world, &provider, &process, &keys).await;
        keys.1.store(!heals, Ordering::SeqCst);
        world.pass(ms(100)).await;
        let lines = log.lines("send.completed");
        let recorded = format!("dedup_recorded={is_stored}");
        assert!(lines.len() == 1 && lines[0].contains("outcome=\"delivered\"") && lines[0].contains(&recorded), "{lines:?}");
        assert_eq!(log.lines("dedup.delivered_not_recorded").len(), usize::from(!is_stored));
    }
}
