//! Openings and ends that a cut-off call left, and their recovery by sends and sweeps.

use std::time::Duration;

use zengine_connector::{
    Identity,
    error::ErrorKind,
    message::EndReason,
    runtime::Clock,
    strategy::{ConversationState, conversations::Ended},
    testing::{StoreCall, StoreFault},
};

use crate::desk::{Answer, Close, Resolve, World, conversation_key, customer, is_deferred};

/// An end that is cut off in the provider's call.
async fn cut_off(world: &World) {
    world.desk.lock().unwrap().closings.push_back(Close::Hang);
    let ending = {
        let world = world.clone();
        tokio::spawn(async move { world.conversations().end(&customer(), EndReason::Agent, &world).await })
    };
    world.clock.sleep(Duration::from_millis(1)).await;
    ending.abort();
    let _ = ending.await;
}

#[tokio::test(start_paused = true)]
async fn rule_89_an_end_that_was_cut_off_is_made_again_by_the_next_send_end_or_sweep() {
    for next in ["send", "end", "sweep"] {
        for (same_process, waits) in [(true, Duration::ZERO), (false, Duration::from_secs(63))] {
            let world = World::new();
            world.send(&customer(), "1").await.unwrap();
            cut_off(&world).await;
            let other = if same_process { world.clone() } else { world.other_process() };
            world.clock.advance(waits).await;
            match next {
                "send" => assert_eq!(other.send(&customer(), "2").await.unwrap(), 2),
                "end" => assert!(other.end(Close::Done).await.unwrap()),
                _ => assert_eq!(other.conversations().sweep(Duration::MAX, None, &other).await.unwrap().ended, 1),
            }
            let desk = world.desk.lock().unwrap();
            let one = ("canary-id-1".to_owned(), EndReason::Agent);
            assert_eq!((&desk.closed[..], &desk.ends[..]), (&["canary-id-1".to_owned()][..], &[one.clone(), one][..]), "{next}");
            assert_eq!(desk.doubled, 0, "{next}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_cannot_be_made_again_defers_the_send_and_is_tried_again() {
    let world = World::new();
    world.send(&customer(), "1").await.unwrap();
    cut_off(&world).await;
    for close in [Close::NotSent, Close::Lost] {
        world.desk.lock().unwrap().closings.push_back(close);
        assert!(is_deferred(&world.send(&customer(), "2").await.unwrap_err()), "{close:?}");
    }
    // A provider that refuses to end it does not hold up its customer for good.
    world.desk.lock().unwrap().closings.push_back(Close::Refused);
    assert_eq!(world.send(&customer(), "2").await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_end_without_an_answer_is_over_after_a_minute() {
    let world = World::new();
    world.send(&customer(), "1").await.unwrap();
    let began = world.clock.now();
    let error = world.end(Close::Hang).await.unwrap_err();
    assert_eq!((error.kind(), world.clock.now().duration_since(began).unwrap().as_secs()), (ErrorKind::Timeout, 60));
    assert_eq!(world.send(&customer(), "2").await.unwrap(), 2);
    assert_eq!(world.desk.lock().unwrap().closed, ["canary-id-1"]);
}

#[tokio::test(start_paused = true)]
async fn an_end_while_the_conversation_is_opened_is_told_to_come_again() {
    let world = World::new();
    world.next(Answer::Slow(Duration::from_secs(1)));
    let opening = world.spawn("1").await;
    assert!(is_deferred(&world.end(Close::Done).await.unwrap_err()));
    opening.await.unwrap().unwrap();
    assert!(world.end(Close::Done).await.unwrap());
    assert!(!world.end(Close::Done).await.unwrap(), "none is open");
}

#[tokio::test(start_paused = true)]
async fn rule_89_an_end_that_comes_before_the_answer_of_its_opening_ends_the_life() {
    for lost in [false, true] {
        let world = World::new().resolving(Resolve::LookUp);
        world.next(if lost { Answer::Hang } else { Answer::Slow(Duration::from_secs(1)) });
        let opening = world.spawn("1").await;
        let key = world.desk.lock().unwrap().opened[0].0.clone();
        let found = world.conversations().find(&key).await.unwrap().unwrap();
        world.close("canary-id-1");
        let mut told = vec![];
        for _ in 0..2 {
            told.push(world.conversations().ended(&found, EndReason::Agent).await.unwrap());
        }
        assert_eq!(told, [Ended::Now, Ended::Known]);
        let waits = world.spawn("2").await;
        if lost {
            opening.abort();
        } else {
            assert!(is_deferred(&opening.await.unwrap().unwrap_err()));
        }
        assert_eq!(waits.await.unwrap().unwrap(), 2, "lost: {lost}");
        assert_eq!(world.conversations().ended(&found, EndReason::Agent).await.unwrap(), Ended::OtherLife);
        let desk = world.desk.lock().unwrap();
        assert_eq!((desk.resolutions.len(), desk.doubled), (0, 0), "it is known what became of the opening");
    }
}

#[tokio::test(start_paused = true)]
async fn an_opening_says_how_long_ago_an_earlier_call_may_have_left() {
    let world = World::new();
    world.next(Answer::Lost);
    world.send(&customer(), "1").await.unwrap_err();
    world.clock.advance(Duration::from_secs(30)).await;
    world.next(Answer::Slow(Duration::from_millis(1)));
    world.send(&customer(), "2").await.unwrap();
    let since = std::mem::take(&mut world.desk.lock().unwrap().since);
    let half_a_minute = Some(Duration::from_secs(30));
    assert_eq!(since, [None, half_a_minute, half_a_minute], "the first call, the question, the repetition");
    // One that crashed may have called until its time was over.
    let world = World::new().resolving(Resolve::LookUp);
    world.next(Answer::Hang);
    world.spawn("1").await.abort();
    world.clock.advance(Duration::from_secs(30)).await;
    world.other_process().send(&customer(), "2").await.unwrap();
    let since = std::mem::take(&mut world.desk.lock().unwrap().since);
    assert!(matches!(since[..], [None, Some(since)] if (18..19).contains(&since.as_secs())), "{since:?}");
}

#[tokio::test(start_paused = true)]
async fn a_question_that_has_no_answer_is_no_call() {
    let world = World::new();
    world.next(Answer::Lost);
    world.send(&customer(), "1").await.unwrap_err();
    world.clock.advance(Duration::from_secs(30)).await;
    let silent = world.clone().resolving(Resolve::Silent);
    // The pipeline cuts it off when its time is over.
    let sent = tokio::time::timeout(Duration::from_millis(9_990), silent.send(&customer(), "2")).await;
    assert!(is_deferred(&sent.expect("it is cut off").unwrap_err()));
    world.desk.lock().unwrap().since.clear();
    world.clock.advance(Duration::from_secs(30)).await;
    world.other_process().send(&customer(), "3").await.unwrap();
    let since = world.desk.lock().unwrap().since[0].unwrap();
    assert!(since >= Duration::from_secs(69), "{since:?} since the question");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_comes_too_late_is_ended() {
    let world = World::new().resolving(Resolve::Abandon);
    world.next(Answer::Slow(Duration::from_secs(20)));
    let late = world.spawn("late").await;
    world.clock.advance(Duration::from_secs(13)).await;
    assert_eq!(world.other_process().send(&customer(), "taken over").await.unwrap(), 2);
    assert!(is_deferred(&late.await.unwrap().unwrap_err()));
    assert_eq!(world.desk.lock().unwrap().ends, [("canary-id-1".to_owned(), EndReason::Lost)]);
    assert_eq!(world.send(&customer(), "3").await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_of_a_life_that_is_still_opened_stands() {
    let world = World::new();
    world.next(Answer::Slow(Duration::from_secs(20)));
    let late = world.spawn("late").await;
    world.clock.advance(Duration::from_secs(13)).await;
    // It crashes in its own call.
    world.next(Answer::Hang);
    let taken_over = world.other_process().spawn("taken over").await;
    assert!(is_deferred(&late.await.unwrap().unwrap_err()));
    taken_over.abort();
    assert_eq!(world.state(&customer()).await, (ConversationState::Open, 1));
    assert!(world.desk.lock().unwrap().ends.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_sweep_asks_about_openings_in_doubt() {
    for (resolve, resolved, state, foreign) in [
        (Resolve::LookUp, 1, ConversationState::Open, true),
        (Resolve::Abandon, 1, ConversationState::Ended, true),
        (Resolve::Repeat, 0, ConversationState::Opening, false),
    ] {
        let world = World { early: true, ..World::new().resolving(resolve) };
        world.next(Answer::Lost);
        world.send(&customer(), "1").await.unwrap_err();
        let swept = world.conversations().sweep(Duration::from_secs(3600), None, &world).await.unwrap();
        assert_eq!((swept.resolved, swept.in_doubt), (resolved, 1 - resolved), "{resolve:?}");
        assert_eq!(world.state(&customer()).await.0, state, "{resolve:?}");
        let cx = world.contexts.event();
        assert_eq!(world.conversations().find_or_wait(&cx, "foreign").await.is_ok(), foreign, "{resolve:?}");
        // Nothing is held up.
        let began = world.clock.now();
        world.send(&customer(), "2").await.unwrap();
        assert!(world.clock.now().duration_since(began).unwrap() < Duration::from_secs(1), "{resolve:?}");
        assert_eq!(world.ids().len(), if resolve == Resolve::Abandon { 2 } else { 1 });
    }
}

/// The question used up the attempt: an opening would be cut off.
#[tokio::test(start_paused = true)]
async fn rule_89_an_opening_that_is_resolved_late_in_an_attempt_is_left_to_the_next_send() {
    for (resolve, opened) in [(Resolve::Repeat, 1), (Resolve::LookUp, 2), (Resolve::Abandon, 2)] {
        let world = World::new().resolving(resolve);
        world.next(Answer::Lost);
        world.send(&customer(), "1").await.unwrap_err();
        world.desk.lock().unwrap().by_key.retain(|_, _| resolve == Resolve::Repeat);
        world.desk.lock().unwrap().slow_resolve = Duration::from_millis(8_500);
        assert!(is_deferred(&world.send(&customer(), "2").await.unwrap_err()), "{resolve:?}");
        let calls = || world.desk.lock().unwrap().calls;
        // What is known is not asked again, so that a slow answer does not hold up every send.
        let is_known = resolve != Resolve::Repeat;
        let state = if is_known { ConversationState::Ended } else { ConversationState::Opening };
        assert_eq!((calls(), world.state(&customer()).await.0), (1, state), "{resolve:?}");
        if !is_known {
            world.desk.lock().unwrap().slow_resolve = Duration::ZERO;
        }
        world.send(&customer(), "3").await.unwrap();
        let asked = world.desk.lock().unwrap().resolutions.len();
        assert_eq!((calls(), world.ids().len(), asked), (2, opened, if is_known { 1 } else { 2 }), "{resolve:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_doubt_that_sweeps_do_not_end_is_given_up_a_record_s_time_after_the_last_call() {
    let world = World { early: true, ..World::new() };
    world.next(Answer::Lost);
    world.send(&customer(), "1").await.unwrap_err();
    let (hour, event) = (Duration::from_secs(3600), world.contexts.event());
    for n in 1..=26 {
        assert!(world.conversations().find_or_wait(&event, "foreign").await.is_err(), "hour {n}");
        world.clock.advance(hour).await;
        let swept = world.conversations().sweep(hour, None, &world).await.unwrap();
        assert_eq!((swept.resolved, swept.in_doubt), (usize::from(n == 26), usize::from(n < 26)), "hour {n}");
    }
    assert!(world.conversations().find_or_wait(&event, "foreign").await.unwrap().is_none());
    let key = world.desk.lock().unwrap().opened[0].0.clone();
    let stored = async |key: &str| world.contexts.read_session::<serde_json::Value>(key).await.unwrap();
    assert!(stored(&format!("conversation-opening/{key}")).await.is_none());
    // No sweep keeps what is left.
    for _ in 1..=26 {
        world.clock.advance(hour).await;
        let _ = world.conversations().sweep(hour, None, &world).await.unwrap();
    }
    assert!(stored(&conversation_key(&customer())).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_cannot_write_its_resolution_down_counts_it_as_failed() {
    let (world, faults) = World::faulty();
    let world = world.resolving(Resolve::LookUp);
    world.next(Answer::NotSent);
    world.spawn("1").await.abort();
    world.clock.advance(Duration::from_secs(13)).await;
    // It owns the opening, and cannot give it back.
    let mut writes = 0;
    faults.decide(move |call| {
        writes += u32::from(call == StoreCall::PutSession);
        (call == StoreCall::PutSession && writes > 1).then_some(StoreFault::Refused)
    });
    let swept = world.conversations().sweep(Duration::from_secs(3600), None, &world).await.unwrap();
    assert_eq!((swept.resolved, swept.failed), (0, 1));
    faults.heal();
    // In this process its lease holds up no send.
    let began = world.clock.now();
    world.send(&customer(), "2").await.unwrap();
    assert!(world.clock.now().duration_since(began).unwrap() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_sweep_reads_its_own_conversations_and_no_other_sessions() {
    let world = World::new();
    for n in 0..150 {
        world.contexts.sessions().put(&format!("a/{n}"), &n, None, Duration::from_secs(9000)).await.unwrap();
    }
    for n in 0..120 {
        world.send(&Identity::opaque("desk", &n.to_string()).unwrap(), &n.to_string()).await.unwrap();
    }
    world.clock.advance(Duration::from_secs(3600)).await;
    let (mut after, mut ended) = (None, vec![]);
    loop {
        let swept = world.conversations().sweep(Duration::from_secs(1800), after.as_deref(), &world).await.unwrap();
        ended.push(swept.ended);
        after = swept.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(ended, [50, 50, 20]);
}

#[tokio::test(start_paused = true)]
async fn no_opening_is_begun_with_too_little_time_for_it() {
    let world = World::new();
    world.next(Answer::Slow(Duration::from_millis(8_500)));
    let opening = world.spawn("1").await;
    let waits = world.spawn("2").await;
    // The life is over when it is open.
    let key = world.desk.lock().unwrap().opened[0].0.clone();
    let found = world.conversations().find(&key).await.unwrap().unwrap();
    world.conversations().ended(&found, EndReason::Agent).await.unwrap();
    assert_eq!(opening.await.unwrap().map_err(|error| is_deferred(&error)), Err(true));
    assert!(is_deferred(&waits.await.unwrap().unwrap_err()));
    assert_eq!(world.desk.lock().unwrap().calls, 1, "an opening was begun");
}
