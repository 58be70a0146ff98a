//! Ends, reopenings, late and foreign events.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use zengine_connector::{
    message::EndReason,
    runtime::Clock,
    store::Memory,
    strategy::{ConversationState, SessionErrorKind, conversations::Ended},
    testing::{Faults, StoreCall, StoreFault},
};

use crate::desk::{Answer, Close, Token, World, conversation_key, customer, is_deferred};

#[tokio::test(start_paused = true)]
async fn rule_89_expiry_in_the_middle_of_sends_reopens_once() {
    let world = World::new();
    world.send(&customer(), "1").await.unwrap();
    world.close("canary-id-1");
    let to = customer();
    let (a, b, c) = tokio::join!(world.send(&to, "2"), world.send(&to, "3"), world.send(&to, "4"));
    assert_eq!([a, b, c].map(Result::unwrap), [2, 2, 2]);
    let desk = world.desk.lock().unwrap();
    assert_eq!((desk.opened.len(), desk.messages.len()), (2, 4));
    assert_ne!(desk.opened[0].0, desk.opened[1].0, "the client token of the first life brings the ended conversation back");
}

#[tokio::test(start_paused = true)]
async fn rule_89_a_conversation_that_is_gone_again_is_not_reopened_twice_in_one_attempt() {
    let world = World::new();
    for n in 1..=3 {
        world.close(&format!("canary-id-{n}"));
    }
    assert!(world.send(&customer(), "1").await.is_err());
    assert_eq!(world.ids().len(), 2);
}

/// The opening would be cut off, and leave a conversation that nothing is sent into.
#[tokio::test(start_paused = true)]
async fn rule_89_a_conversation_that_is_gone_late_in_an_attempt_is_opened_by_the_next_send() {
    for (time_ms, opened) in [(8_500, 1), (7_000, 2)] {
        let world = World::new();
        world.send(&customer(), "1").await.unwrap();
        world.close("canary-id-1");
        world.desk.lock().unwrap().slow_post = Duration::from_millis(time_ms);
        let sent = world.send(&customer(), "2").await;
        assert_eq!((sent.is_ok(), world.ids().len()), (opened == 2, opened), "{time_ms}");
        if let Err(error) = sent {
            assert!(is_deferred(&error));
            assert_eq!(world.state(&customer()).await, (ConversationState::Ended, 1));
        }
        world.desk.lock().unwrap().slow_post = Duration::ZERO;
        assert_eq!(world.send(&customer(), "3").await.unwrap(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn rule_89_an_end_that_takes_days_is_not_forgotten() {
    let (hour, world) = (Duration::from_secs(3600), World::new());
    world.send(&customer(), "1").await.unwrap();
    world.end(Close::Reachable(72 * hour)).await.unwrap();
    world.clock.advance(71 * hour).await;
    assert_eq!(world.state(&customer()).await, (ConversationState::Ending, 1));
    assert_eq!(world.send(&customer(), "2").await.unwrap(), 1, "the provider takes it");
    let found = world.conversations().find("canary-id-1").await.unwrap().unwrap();
    assert_eq!(world.conversations().ended(&found, EndReason::Agent).await.unwrap(), Ended::Now);
    assert_eq!((world.send(&customer(), "3").await.unwrap(), world.desk.lock().unwrap().doubled), (2, 1), "the desk was not told");
}

#[tokio::test(start_paused = true)]
async fn rule_89_an_end_and_a_send_begin_a_new_life() {
    let world = World::new();
    assert!(!world.end(Close::Done).await.unwrap(), "none was open");
    world.send(&customer(), "1").await.unwrap();
    assert!(world.end(Close::Done).await.unwrap());
    assert_eq!(world.state(&customer()).await, (ConversationState::Ended, 1));
    assert_eq!(world.send(&customer(), "2").await.unwrap(), 2);
    // The late event of the first life finds its customer, and ends nothing.
    let late = world.conversations().find("canary-id-1").await.unwrap().unwrap();
    assert_eq!((world.life(&customer(), late.generation), late.customer.clone()), (1, customer()));
    assert_eq!(world.conversations().ended(&late, EndReason::Agent).await.unwrap(), Ended::OtherLife);
    assert_eq!(world.state(&customer()).await, (ConversationState::Open, 2));
}

#[tokio::test(start_paused = true)]
async fn a_life_after_the_record_expired_is_another_than_the_one_before() {
    let world = World::new();
    let generation = || async { world.conversations().state(&customer()).await.unwrap().1 };
    world.send(&customer(), "1").await.unwrap();
    let (first, late) = (generation().await, world.conversations().find("canary-id-1").await.unwrap().unwrap());
    world.clock.advance(Duration::from_secs(27 * 3600)).await;
    assert_eq!(generation().await, 0, "the record is still there");
    world.send(&customer(), "2").await.unwrap();
    // What is raised about a life has a key of its own.
    assert!(generation().await > first, "{first} again");
    assert_eq!(world.conversations().ended(&late, EndReason::Agent).await.unwrap(), Ended::OtherLife);
    assert_eq!(world.conversations().state(&customer()).await.unwrap().0, ConversationState::Open);
}

#[tokio::test(start_paused = true)]
async fn an_end_of_a_life_with_another_key_ends_nothing() {
    let world = World::new();
    world.send(&customer(), "1").await.unwrap();
    let mut found = world.conversations().find("canary-id-1").await.unwrap().unwrap();
    let ours = std::mem::replace(&mut found.key, "another".to_owned());
    assert_eq!(world.conversations().ended(&found, EndReason::Agent).await.unwrap(), Ended::OtherLife);
    found.key = ours;
    assert_eq!(world.conversations().ended(&found, EndReason::Agent).await.unwrap(), Ended::Now);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_still_to_come_defers_sends_until_it_came_or_its_time_is_over() {
    for comes in [true, false] {
        let world = World::new();
        world.send(&customer(), "1").await.unwrap();
        world.end(Close::Within(Duration::from_secs(900))).await.unwrap();
        assert!(is_deferred(&world.send(&customer(), "2").await.unwrap_err()));
        if comes {
            let found = world.conversations().find("canary-id-1").await.unwrap().unwrap();
            assert_eq!(world.conversations().ended(&found, EndReason::Provider).await.unwrap(), Ended::Now);
            assert_eq!(world.conversations().ended(&found, EndReason::Provider).await.unwrap(), Ended::Known, "a redelivery");
        } else {
            world.clock.advance(Duration::from_secs(900)).await;
        }
        assert_eq!(world.send(&customer(), "2").await.unwrap(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_send_asks_soon_again_for_a_conversation_that_is_about_to_end() {
    let world = World::new();
    world.send(&customer(), "1").await.unwrap();
    let ending = {
        let world = world.clone();
        tokio::spawn(async move { world.end(Close::Hang).await })
    };
    world.clock.sleep(Duration::from_millis(1)).await;
    let error = world.send(&customer(), "2").await.unwrap_err();
    assert_eq!((is_deferred(&error), error.retry_after()), (true, None), "the call is soon over");
    ending.await.unwrap().unwrap_err();
    assert!(world.end(Close::Within(Duration::from_secs(3600))).await.unwrap());
    let error = world.send(&customer(), "2").await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(30)), "it may end at any time");
}

#[tokio::test(start_paused = true)]
async fn an_end_whose_time_is_over_keeps_its_reason() {
    let world = World::new();
    world.send(&customer(), "1").await.unwrap();
    world.end(Close::Within(Duration::from_secs(900))).await.unwrap();
    world.clock.advance(Duration::from_secs(900)).await;
    assert_eq!(world.conversations().sweep(Duration::from_secs(3600), None, &world).await.unwrap().ended, 1);
    let stored = world.contexts.read_session::<serde_json::Value>(&conversation_key(&customer())).await.unwrap().unwrap();
    assert_eq!((&stored.value["state"], &stored.value["reason"]), (&"ended".into(), &"customer".into()));
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_is_reachable_is_found_and_renewed_until_its_end() {
    let world = World::new();
    world.send(&customer(), "1").await.unwrap();
    let found = world.conversations().find("canary-id-1").await.unwrap().unwrap();
    world.end(Close::Reachable(Duration::from_secs(7200))).await.unwrap();
    world.clock.advance(Duration::from_secs(3600)).await;
    let live = world.conversations().get::<Token>(&customer()).await.unwrap().unwrap();
    assert_eq!(live.id, "canary-id-1");
    world.conversations().seen(&found).await.unwrap();
    let stored = world.contexts.read_session::<serde_json::Value>(&conversation_key(&customer())).await.unwrap().unwrap();
    let now = world.clock.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    assert_eq!(stored.value["active_at_ms"].as_i64().map(i128::from), Some(now.try_into().unwrap()));
    world.clock.advance(Duration::from_secs(3600)).await;
    assert!(world.conversations().get::<Token>(&customer()).await.unwrap().is_none());
}

/// A survey follows the good-bye: its answer belongs to the old conversation, and rings no agent.
#[tokio::test(start_paused = true)]
async fn a_conversation_that_is_reachable_until_its_end_takes_messages_until_then() {
    for comes in [true, false] {
        let world = World::new();
        world.send(&customer(), "1").await.unwrap();
        world.end(Close::Reachable(Duration::from_secs(900))).await.unwrap();
        assert_eq!(world.state(&customer()).await, (ConversationState::Ending, 1));
        assert_eq!(world.send(&customer(), "five stars").await.unwrap(), 1);
        assert!(!world.end(Close::Done).await.unwrap(), "it is ended already");
        if comes {
            let found = world.conversations().find("canary-id-1").await.unwrap().unwrap();
            assert_eq!(world.conversations().ended(&found, EndReason::Provider).await.unwrap(), Ended::Now);
        } else {
            world.clock.advance(Duration::from_secs(900)).await;
        }
        assert_eq!(world.send(&customer(), "2").await.unwrap(), 2);
    }
    // The provider closed it without a word.
    let world = World::new();
    world.send(&customer(), "1").await.unwrap();
    world.end(Close::Reachable(Duration::from_secs(900))).await.unwrap();
    world.desk.lock().unwrap().closed.push("canary-id-1".to_owned());
    assert_eq!(world.send(&customer(), "2").await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_does_not_leave_leaves_the_conversation_open() {
    let world = World::new();
    world.send(&customer(), "1").await.unwrap();
    assert!(world.end(Close::NotSent).await.is_err());
    assert_eq!(world.send(&customer(), "2").await.unwrap(), 1);
    assert!(world.end(Close::Lost).await.is_err());
    assert_eq!(world.send(&customer(), "3").await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_89_a_foreign_conversation_is_known_as_foreign() {
    let world = World::new();
    world.send(&customer(), "1").await.unwrap();
    assert!(world.conversations().find("somebody-else").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_event_finds_its_customer_as_long_as_the_conversation_lives_and_a_day_more() {
    let world = World::new();
    world.send(&customer(), "0").await.unwrap();
    // Used every hour for three days, which renews all entries.
    for n in 1..=72 {
        world.clock.advance(Duration::from_secs(3600)).await;
        assert_eq!(world.send(&customer(), &n.to_string()).await.unwrap(), 1);
    }
    world.clock.advance(Duration::from_secs(26 * 3600)).await;
    assert!(world.conversations().find("canary-id-1").await.unwrap().is_some());
    world.clock.advance(Duration::from_secs(30 * 3600)).await;
    assert!(world.conversations().find("canary-id-1").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_idle_conversation_is_over_and_an_event_keeps_it_from_being_idle() {
    let world = World::new();
    world.send(&customer(), "1").await.unwrap();
    let found = world.conversations().find("canary-id-1").await.unwrap().unwrap();
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(3600)).await;
        world.conversations().seen(&found).await.unwrap();
    }
    assert_eq!(world.send(&customer(), "2").await.unwrap(), 1);
    world.clock.advance(Duration::from_secs(7200)).await;
    assert_eq!(world.send(&customer(), "3").await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_breaks_off_leaves_the_way_to_the_customer() {
    // The calls of the send that renews: read, read and write of two entries, read and write of the conversation.
    for n in 1..=7 {
        let faults = Faults::new();
        let world = World::new();
        let world = World { contexts: world.contexts.clone().with_session_store(faults.sessions(Memory::new().sessions())), ..world };
        world.send(&customer(), "1").await.unwrap();
        world.clock.advance(Duration::from_secs(3600)).await;
        faults.nth(n, StoreFault::Refused);
        let _ = world.send(&customer(), "2").await;
        world.clock.advance(Duration::from_secs(7100)).await;
        // While the conversation counts as open, its events find it.
        let (state, _) = world.conversations().state(&customer()).await.unwrap();
        assert_eq!(state, ConversationState::Open);
        assert!(world.conversations().find("canary-id-1").await.unwrap().is_some(), "call {n}");
    }
}

#[tokio::test(start_paused = true)]
async fn data_is_changed_by_all_and_of_a_life_that_is_over_by_none() {
    let (faults, changes) = (Faults::new(), Arc::new(AtomicU32::new(0)));
    let world = World::new();
    let world = World { contexts: world.contexts.clone().with_session_store(faults.sessions(Memory::new().sessions())), ..world };
    world.send(&customer(), "1").await.unwrap();
    let live = world.conversations().get::<Token>(&customer()).await.unwrap().unwrap();
    let conversations = world.conversations();
    let append = |mark: char| {
        let changes = Arc::clone(&changes);
        conversations.update(&live, move |data| {
            changes.fetch_add(1, SeqCst);
            data.token.push(mark);
        })
    };
    let (a, b) = tokio::join!(append('a'), append('b'));
    assert!(a.is_ok() && b.is_ok());
    let token = world.conversations().get::<Token>(&customer()).await.unwrap().unwrap().data.token.clone();
    assert!(token.ends_with("ab") || token.ends_with("ba"), "{token}");
    faults.next(StoreCall::PutSession, 1, StoreFault::AnswerLost);
    append('c').await.unwrap();
    let token = world.conversations().get::<Token>(&customer()).await.unwrap().unwrap().data.token.clone();
    assert_eq!(token.matches('c').count(), "canary-token-canary-id-1".matches('c').count() + 1, "{token}");
    world.end(Close::Done).await.unwrap();
    assert_eq!(append('d').await.unwrap_err().kind, SessionErrorKind::Conflict);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_ends_what_is_idle_and_what_should_have_ended() {
    let world = World::new();
    let people: Vec<_> = (1..=3).map(|n| zengine_connector::Identity::phone(&format!("+1555123000{n}")).unwrap()).collect();
    for person in &people {
        world.send(person, "hello").await.unwrap();
    }
    world.desk.lock().unwrap().closings.push_back(Close::Within(Duration::from_secs(60)));
    world.conversations().end(&people[1], EndReason::Customer, &world).await.unwrap();
    world.clock.advance(Duration::from_secs(3600)).await;
    world.send(&people[2], "still here").await.unwrap();
    let idle = Duration::from_secs(1800);
    let swept = world.conversations().sweep(idle, None, &world).await.unwrap();
    assert_eq!((swept.ended, swept.failed, swept.next), (2, 0, None));
    assert_eq!(world.desk.lock().unwrap().closed, ["canary-id-1"]);
    assert_eq!(world.conversations().sweep(idle, None, &world).await.unwrap().ended, 0);
    let states = [&people[0], &people[1], &people[2]];
    for (person, expected) in states.into_iter().zip([ConversationState::Ended, ConversationState::Ended, ConversationState::Open]) {
        assert_eq!(world.conversations().state(person).await.unwrap().0, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn times_without_an_end_are_taken() {
    let world = World { early: true, ..World::new() };
    for n in 1..=2 {
        let conversations = world.conversations().with_idle(Duration::MAX).with_late(Duration::MAX);
        let cx = world.contexts.send(zengine_connector::ClientMessageId::new(n.to_string()).unwrap());
        conversations.send(&cx, &customer(), &world, |_| async { Ok(()) }).await.unwrap();
    }
    assert_eq!(world.ids().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_leaves_a_conversation_that_is_used_meanwhile() {
    for ending in [false, true] {
        let faults = Faults::new();
        let world = World::new();
        let memory = Memory::new();
        let sweeper = World { contexts: world.contexts.clone().with_stores(memory.clone()), ..world };
        // One store and one set of keys, seen with faults by the sweep alone.
        let world = sweeper.clone();
        let sweeper = World { contexts: sweeper.contexts.clone().with_session_store(faults.sessions(memory.sessions())), ..sweeper };
        world.send(&customer(), "1").await.unwrap();
        if ending {
            world.end(Close::Within(Duration::from_secs(60))).await.unwrap();
        }
        world.clock.advance(Duration::from_secs(3600)).await;
        // The sweep has read a page and the conversation, and reads it again for its write.
        let mut reads = 0;
        faults.decide(move |call| {
            reads += u32::from(call == StoreCall::ReadSession);
            (call == StoreCall::ReadSession && reads == 3).then_some(StoreFault::Wait)
        });
        let sweep = tokio::spawn(async move { sweeper.conversations().sweep(Duration::from_secs(1800), None, &sweeper).await.unwrap() });
        world.clock.sleep(Duration::from_millis(1)).await;
        let life = world.send(&customer(), "2").await.unwrap();
        faults.resume();
        let swept = sweep.await.unwrap();
        assert_eq!((swept.ended, swept.failed), (0, 0), "ending: {ending}");
        assert!(world.desk.lock().unwrap().closed.is_empty(), "ending: {ending}");
        assert_eq!(world.state(&customer()).await, (ConversationState::Open, life), "ending: {ending}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_life_that_ends_while_others_wait_is_followed_by_one_new_life() {
    let world = World::new();
    world.next(Answer::Slow(Duration::from_secs(1)));
    let mut sends = vec![];
    for n in 0..4 {
        sends.push(world.spawn(&n.to_string()).await);
    }
    world.close("canary-id-1");
    for sent in sends {
        assert_eq!(sent.await.unwrap().unwrap(), 2);
    }
    assert_eq!((world.texts(), world.ids().len()), (["0", "1", "2", "3"].map(str::to_owned).to_vec(), 2));
}
