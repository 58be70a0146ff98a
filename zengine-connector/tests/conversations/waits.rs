//! Sends that wait for an opening.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use zengine_connector::{
    ClientMessageId,
    runtime::Clock,
    store::Memory,
    testing::{Faults, StoreCall, StoreFault},
};

use crate::desk::{Answer, World, conversation_key, customer, is_deferred};

#[tokio::test(start_paused = true)]
async fn rule_89_those_that_wait_send_in_the_order_in_which_they_came() {
    for processes in [1, 2] {
        let worlds = [World::new(), World::new()];
        let worlds = [worlds[0].clone(), if processes == 1 { worlds[0].clone() } else { worlds[0].other_process() }];
        worlds[0].next(Answer::Slow(Duration::from_secs(2)));
        let mut sends = vec![];
        for n in 0..10 {
            sends.push(worlds[n % 2].spawn(&n.to_string()).await);
        }
        // One that comes when it is open, and the others have not sent yet, goes behind them.
        worlds[0].clock.advance(Duration::from_millis(2005)).await;
        sends.push(worlds[0].spawn("last").await);
        for sent in join_all(sends).await {
            sent.unwrap().unwrap();
        }
        assert_eq!(worlds[0].texts(), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "last"], "{processes} processes");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_89_the_twenty_first_that_waits_is_deferred() {
    let world = World::new();
    world.next(Answer::Slow(Duration::from_secs(3)));
    let mut sends = vec![];
    for n in 0..=20 {
        sends.push(world.spawn(&n.to_string()).await);
    }
    assert!(is_deferred(&world.send(&customer(), "too many").await.unwrap_err()));
    assert!(join_all(sends).await.into_iter().all(|sent| sent.unwrap().is_ok()));
}

#[tokio::test(start_paused = true)]
async fn rule_89_a_wait_ends_in_time_for_the_send_and_leaves_no_ticket() {
    let world = World::new();
    world.next(Answer::Hang);
    let _opener = world.spawn("hangs").await;
    let began = world.contexts.event().now();
    assert!(is_deferred(&world.send(&customer(), "waits").await.unwrap_err()));
    let waited = world.contexts.event().now().duration_since(began).unwrap();
    assert!((8..10).contains(&waited.as_secs()), "{waited:?}");
    let stored = stored(&world).await;
    assert_eq!(stored.matches("\"until_ms\":").count(), 1, "the ticket is left beside the opener's: {stored}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_in_time_although_the_clock_is_set_back() {
    let world = World::new();
    world.next(Answer::Hang);
    let _opener = world.spawn("hangs").await;
    let waits = world.spawn("waits").await;
    world.clock.jump_ms(-3_600_000);
    let waited = tokio::time::timeout(Duration::from_secs(10), waits).await;
    assert!(is_deferred(&waited.expect("it waits on").unwrap().unwrap_err()));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_wait_holds_up_no_other() {
    let world = World::new();
    world.next(Answer::Slow(Duration::from_secs(2)));
    let opener = world.spawn("1").await;
    let dropped = world.spawn("2").await;
    let waits = world.spawn("3").await;
    dropped.abort();
    let _ = dropped.await;
    opener.await.unwrap().unwrap();
    waits.await.unwrap().unwrap();
    assert_eq!(world.texts(), ["1", "3"]);
    let now = world.contexts.event().now();
    world.send(&customer(), "4").await.unwrap();
    assert!(world.contexts.event().now().duration_since(now).unwrap() < Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_dropped_holds_up_no_other() {
    let world = World::new();
    let cx = world.contexts.send(ClientMessageId::new("1").unwrap());
    drop(world.conversations().join(&cx, &customer(), &world).await.unwrap());
    let now = world.contexts.event().now();
    world.send(&customer(), "2").await.unwrap();
    assert!(world.contexts.event().now().duration_since(now).unwrap() < Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn waiting_wakes_at_once_in_its_process_and_looks_rarely() {
    let faults = Faults::new();
    let world = World::new();
    let contexts = world.contexts.clone().with_session_store(faults.sessions(Memory::new().sessions()));
    let world = World { contexts, ..world };
    world.next(Answer::Slow(Duration::from_secs(8)));
    let opener = world.spawn("1").await;
    let waits = world.spawn("2").await;
    let before = faults.calls().len();
    world.clock.advance(Duration::from_millis(7_900)).await;
    let looks = faults.calls().len() - before;
    assert!((5..=20).contains(&looks), "{looks} looks in eight seconds");
    opener.await.unwrap().unwrap();
    let sent = world.contexts.event().now();
    waits.await.unwrap().unwrap();
    assert!(world.contexts.event().now().duration_since(sent).unwrap() < Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn a_send_that_is_dropped_while_it_draws_holds_up_no_other() {
    let faults = Faults::new();
    let world = World::new();
    let world = World { contexts: world.contexts.clone().with_session_store(faults.sessions(Memory::new().sessions())), ..world };
    world.next(Answer::Slow(Duration::from_secs(2)));
    let opener = world.spawn("1").await;
    faults.next(StoreCall::PutSession, 1, StoreFault::DoneThenHang);
    let dropped = world.spawn("2").await;
    dropped.abort();
    let _ = dropped.await;
    opener.await.unwrap().unwrap();
    let began = world.contexts.event().now();
    world.send(&customer(), "3").await.unwrap();
    assert!(world.contexts.event().now().duration_since(began).unwrap() < Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_after_the_send_does_not_take_its_result() {
    let faults = Faults::new();
    let world = World::new();
    let world = World { contexts: world.contexts.clone().with_session_store(faults.sessions(Memory::new().sessions())), ..world };
    let cx = world.contexts.send(ClientMessageId::new("1").unwrap());
    // The opener has a turn to give back.
    let (conversations, customer) = (world.conversations(), customer());
    let sent = conversations.send(&cx, &customer, &world, |_| async {
        world.clock.sleep(Duration::from_secs(9)).await;
        faults.always(StoreCall::ReadSession, StoreFault::Hang);
        Ok(())
    });
    tokio::time::timeout(Duration::from_secs(60), sent).await.expect("the send hangs").unwrap();
    assert!(cx.remaining() > Duration::from_millis(250), "{:?} are left for the result", cx.remaining());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_while_the_use_is_written_down_leaves_the_send_its_time() {
    let faults = Faults::new();
    let world = World::new();
    let world = World { contexts: world.contexts.clone().with_session_store(faults.sessions(Memory::new().sessions())), ..world };
    world.send(&customer(), "1").await.unwrap();
    world.clock.advance(Duration::from_secs(3600)).await;
    faults.always(StoreCall::PutSession, StoreFault::Hang);
    let began = world.contexts.event().now();
    let sent = tokio::time::timeout(Duration::from_secs(60), world.send(&customer(), "2")).await;
    assert_eq!(sent.expect("the send hangs").unwrap(), 1);
    assert!(world.contexts.event().now().duration_since(began).unwrap() < Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_cannot_be_read_is_not_kept_alive() {
    let world = World::new();
    world.send(&customer(), "1").await.unwrap();
    let key = conversation_key(&customer());
    let read = || async { world.contexts.read_session::<Value>(&key).await.unwrap().unwrap() };
    let mut written = read().await;
    written.value["data"] = Value::Null;
    let ttl = Duration::from_secs(90_000);
    let version = world.contexts.write_session(&key, &written.value, Some(written.version), ttl).await.unwrap();
    world.clock.advance(Duration::from_secs(3600)).await;
    world.send(&customer(), "2").await.unwrap_err();
    assert_eq!(read().await.version, version);
}

/// The conversation's stored JSON.
async fn stored(world: &World) -> String {
    let stored = world.contexts.read_session::<Value>(&conversation_key(&customer())).await.unwrap();
    stored.unwrap().value.to_string()
}
