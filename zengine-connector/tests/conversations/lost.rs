//! Writes whose answers are lost, and that others follow before they are read back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use zengine_connector::{
    runtime::Clock,
    store::Memory,
    strategy::ConversationState,
    testing::{Faults, StoreCall, StoreFault},
};

use crate::desk::{Answer, Close, Resolve, Token, World, customer};

/// A world, and the same one seen by another process through a store with faults.
fn two() -> (World, World, Faults) {
    let (world, memory, faults) = (World::new(), Memory::new(), Faults::new());
    let world = World { contexts: world.contexts.clone().with_stores(memory.clone()), ..world };
    let faulty = World { contexts: world.contexts.clone().with_session_store(faults.sessions(memory.sessions())), ..world.clone() };
    (world, faulty, faults)
}

/// Loses the answer of the n-th write, and holds the look after it. Returns whether it came so far.
fn lose(faults: &Faults, n: u32) -> Arc<AtomicU32> {
    let writes = Arc::new(AtomicU32::new(0));
    let (seen, mut held) = (Arc::clone(&writes), false);
    faults.decide(move |call| match call {
        StoreCall::PutSession if seen.fetch_add(1, SeqCst) + 1 == n => Some(StoreFault::AnswerLost),
        StoreCall::ReadSession if seen.load(SeqCst) == n && !std::mem::replace(&mut held, true) => Some(StoreFault::Wait),
        _ => None,
    });
    writes
}

#[tokio::test(start_paused = true)]
async fn rule_14_a_lost_answer_that_anothers_write_follows_is_known_as_our_own() {
    // What stands before the send whose answer is lost, and the openings and resolutions in all.
    for (before, resolve, opened, resolutions) in [
        ("nothing", Resolve::LookUp, 1, 0),
        ("a doubt", Resolve::Repeat, 1, 1),
        ("a doubt", Resolve::LookUp, 1, 1),
        ("a doubt", Resolve::Abandon, 2, 1),
        ("gone", Resolve::LookUp, 2, 0),
        ("an end that was cut off", Resolve::LookUp, 2, 0),
    ] {
        let mut n = 0;
        loop {
            n += 1;
            let what = format!("{before}, {resolve:?}, write {n}");
            let (world, faulty, faults) = two();
            let (world, faulty) = (world.resolving(resolve), faulty.resolving(resolve));
            match before {
                "a doubt" => {
                    world.next(Answer::Lost);
                    world.send(&customer(), "0").await.unwrap_err();
                }
                "gone" => {
                    world.send(&customer(), "0").await.unwrap();
                    world.close("canary-id-1");
                }
                "an end that was cut off" => {
                    world.send(&customer(), "0").await.unwrap();
                    world.end(Close::Lost).await.unwrap_err();
                }
                _ => {}
            }
            let writes = lose(&faults, n);
            let began = world.clock.now();
            let first = faulty.spawn("1").await;
            // It holds at the look after the lost answer, or goes on to its end.
            world.clock.advance(Duration::from_millis(500)).await;
            let lost = writes.load(SeqCst) >= n;
            let second = world.spawn("2").await;
            faults.resume();
            first.await.unwrap().unwrap_or_else(|error| panic!("{what}: {error}"));
            second.await.unwrap().unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(world.clock.now().duration_since(began).unwrap() < Duration::from_secs(3), "{what}: a send waits for itself");
            let desk = world.desk.lock().unwrap();
            let texts = desk.messages.iter().filter(|(_, text)| text != "0").count();
            assert_eq!((desk.opened.len(), desk.resolutions.len(), texts), (opened, resolutions, 2), "{what}");
            if !lost {
                assert!(n > 2, "{what}: no write");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rule_14_an_end_whose_answer_is_lost_is_this_calls() {
    for n in 1..=2 {
        let (world, faulty, faults) = two();
        world.send(&customer(), "1").await.unwrap();
        let live = world.conversations().get::<Token>(&customer()).await.unwrap().unwrap();
        lose(&faults, n);
        let ending = tokio::spawn(async move { faulty.end(Close::Done).await });
        world.clock.sleep(Duration::from_millis(1)).await;
        let _ = world.conversations().update(&live, |data| data.token.push(' ')).await;
        faults.resume();
        assert!(ending.await.unwrap().unwrap(), "write {n}");
        assert_eq!(world.state(&customer()).await, (ConversationState::Ended, 1), "write {n}");
        assert_eq!(world.desk.lock().unwrap().ends.len(), 1, "write {n}");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_14_a_change_of_data_whose_answer_is_lost_is_made_once() {
    let (world, faulty, faults) = two();
    world.send(&customer(), "1").await.unwrap();
    let live = world.conversations().get::<Token>(&customer()).await.unwrap().unwrap();
    lose(&faults, 1);
    let conversations = faulty.conversations();
    let (ours, of) = (live.clone(), conversations.clone());
    let changing = tokio::spawn(async move { of.update(&ours, |data| data.token.push('!')).await.map(drop) });
    world.clock.sleep(Duration::from_millis(1)).await;
    world.conversations().update(&live, |data| data.token.push('?')).await.unwrap();
    faults.resume();
    changing.await.unwrap().unwrap();
    let token = world.conversations().get::<Token>(&customer()).await.unwrap().unwrap().data.token.clone();
    assert!(token.ends_with("!?"), "{token}");
}
