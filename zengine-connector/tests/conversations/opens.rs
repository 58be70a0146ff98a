//! Openings: races, failures, crashes.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use zengine_connector::{
    ClientMessageId, Identity,
    error::Reach,
    store::Memory,
    strategy::ConversationState,
    testing::{Faults, StoreCall, StoreFault},
};

use crate::desk::{Answer, Resolve, World, customer, is_deferred};

#[tokio::test(start_paused = true)]
async fn rule_89_twenty_sends_in_two_processes_open_one_conversation() {
    let one = World::new();
    let two = one.other_process();
    let texts: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    let to = customer();
    let sends = texts.iter().enumerate().map(|(n, text)| if n % 2 == 0 { one.send(&to, text) } else { two.send(&to, text) });
    let sent = join_all(sends).await;
    assert!(sent.iter().all(|sent| matches!(sent, Ok(1))), "{sent:?}");
    let desk = one.desk.lock().unwrap();
    assert_eq!((desk.calls, desk.opened.len(), desk.messages.len()), (1, 1, 20));
}

#[tokio::test(start_paused = true)]
async fn customers_do_not_wait_for_each_other() {
    let world = World::new();
    world.next(Answer::Hang);
    let _first = world.spawn("hangs").await;
    let other = Identity::phone("+15551230002").unwrap();
    assert_eq!(world.send(&other, "goes").await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_open_conversation_costs_one_read() {
    let faults = Faults::new();
    let world = World::new();
    let contexts = world.contexts.clone().with_session_store(faults.sessions(Memory::new().sessions()));
    let world = World { contexts, ..world };
    world.send(&customer(), "opens").await.unwrap();
    let before = faults.calls().len();
    world.send(&customer(), "goes").await.unwrap();
    assert_eq!(faults.calls()[before..], [StoreCall::ReadSession]);
}

#[tokio::test(start_paused = true)]
async fn rule_89_an_opening_that_fails_defers_those_that_wait_and_the_next_one_opens_anew() {
    for answer in [Answer::NotSent, Answer::Refused] {
        let world = World::new();
        world.next(answer);
        let to = customer();
        let (first, second, third) = tokio::join!(world.send(&to, "1"), world.send(&to, "2"), world.send(&to, "3"));
        let first = first.unwrap_err();
        assert_ne!(first.reach(), Reach::Maybe);
        let waited = [second, third].map(|sent| sent.map_err(|error| is_deferred(&error)));
        // A refusal comes at once: those that follow then open anew.
        if matches!(answer, Answer::NotSent) {
            assert_eq!(waited, [Err(true), Err(true)]);
        }
        assert_eq!(world.send(&to, "4").await.unwrap(), 2, "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_89_a_lost_compare_and_set_is_deferred() {
    let faults = Faults::new();
    let world = World::new();
    let contexts = world.contexts.clone().with_session_store(faults.sessions(Memory::new().sessions()));
    let world = World { contexts, ..world };
    faults.always(StoreCall::PutSession, StoreFault::Conflict);
    assert!(is_deferred(&world.send(&customer(), "1").await.unwrap_err()));
    assert_eq!(world.desk.lock().unwrap().calls, 0, "the provider was called before the opening was written");
    faults.heal();
    assert_eq!(world.send(&customer(), "1").await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_14_a_write_whose_answer_is_lost_is_known_as_our_own() {
    let calls = {
        let (world, faults) = World::faulty();
        world.send(&customer(), "1").await.unwrap();
        faults.calls().len()
    };
    for n in 1..=calls {
        let (world, faults) = World::faulty();
        faults.nth(n.try_into().unwrap(), StoreFault::AnswerLost);
        let sent = world.send(&customer(), "1").await;
        assert!(sent.as_ref().map_or_else(is_deferred, |_| true), "{n}: {sent:?}");
        world.clock.advance(Duration::from_secs(13)).await;
        world.send(&customer(), "2").await.unwrap();
        assert_eq!(world.desk.lock().unwrap().opened.len(), 1, "call {n} to the store");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_89_a_crash_at_any_call_to_the_store_is_resolved_by_the_next_send() {
    for resolve in [Resolve::Repeat, Resolve::LookUp] {
        for n in 1..20 {
            for fault in [StoreFault::Hang, StoreFault::DoneThenHang] {
                let (world, faults) = World::faulty();
                let world = world.resolving(resolve);
                faults.nth(n, fault);
                let crashed = tokio::time::timeout(Duration::from_secs(5), world.send(&customer(), "crashes")).await;
                drop(crashed);
                faults.heal();
                // Another process, which knows nothing of the crash, after the lease.
                let world = world.other_process();
                world.clock.advance(Duration::from_secs(8)).await;
                world.send(&customer(), "goes on").await.unwrap();
                let desk = world.desk.lock().unwrap();
                let texts: Vec<_> = desk.messages.iter().map(|(_, text)| text.as_str()).collect();
                assert!(desk.opened.len() == 1 && texts.ends_with(&["goes on"]), "{resolve:?}, {fault:?} at call {n}: {desk:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rule_89_an_opening_in_doubt_is_resolved_before_another_one() {
    for (resolve, opened, generation) in [(Resolve::Repeat, 1, 1), (Resolve::LookUp, 1, 1), (Resolve::Abandon, 2, 2)] {
        let world = World::new().resolving(resolve);
        world.next(Answer::Lost);
        assert_eq!(world.send(&customer(), "1").await.unwrap_err().reach(), Reach::Maybe);
        assert_eq!(world.send(&customer(), "2").await.unwrap(), generation);
        let desk = world.desk.lock().unwrap();
        assert_eq!((desk.opened.len(), desk.resolutions.len()), (opened, 1), "{resolve:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_opener_holds_up_others_of_its_process_not_at_all_and_of_another_for_its_lease() {
    for (same_process, waits) in [(true, Duration::ZERO), (false, Duration::from_secs(12))] {
        let world = World::new();
        world.next(Answer::Hang);
        let first = world.spawn("dropped").await;
        first.abort();
        let _ = first.await;
        let next = if same_process { world.clone() } else { world.other_process() };
        world.clock.advance(waits).await;
        let began = world.contexts.event().now();
        assert_eq!(next.send(&customer(), "next").await.unwrap(), 1);
        assert!(world.contexts.event().now().duration_since(began).unwrap() < Duration::from_secs(1));
        assert_eq!(world.ids().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_opener_does_not_undo_the_one_that_took_over() {
    let world = World::new().resolving(Resolve::Abandon);
    // The first one's answer comes after its attempt should have ended.
    world.next(Answer::Slow(Duration::from_secs(20)));
    let first = world.spawn("late").await;
    world.clock.advance(Duration::from_secs(13)).await;
    assert_eq!(world.other_process().send(&customer(), "taken over").await.unwrap(), 2);
    assert!(is_deferred(&first.await.unwrap().unwrap_err()));
    assert_eq!(world.state(&customer()).await, (ConversationState::Open, 2));
    // The provider has two now, and the events of both are the customer's.
    for id in world.ids() {
        let found = world.conversations().find(&id).await.unwrap();
        assert_eq!(found.map(|found| found.customer), Some(customer()), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn our_own_key_leads_to_the_customer_before_the_provider_answers() {
    let world = World::new();
    world.next(Answer::Slow(Duration::from_secs(3)));
    let opening = world.spawn("opens").await;
    let key = world.desk.lock().unwrap().opened[0].0.clone();
    assert_eq!(world.conversations().find(&key).await.unwrap().unwrap().customer, customer());
    opening.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn nothing_printed_names_a_token_an_id_or_a_customer() {
    let world = World::new();
    let cx = world.contexts.send(ClientMessageId::new("1").unwrap());
    let turn = world.conversations().join(&cx, &customer(), &world).await.unwrap();
    let found = world.conversations().find(&turn.id).await.unwrap();
    let printed = format!("{turn:?} {found:?} {:?} {:?}", world.conversations(), Arc::new(turn.clone()));
    assert!(!printed.contains("canary") && !printed.contains("1555"), "{printed}");
    world.conversations().leave(turn).await;
}
