//! Events that come before the answer that opens their conversation.

use std::time::Duration;

use futures_util::future::join_all;

use crate::desk::{Answer, World, customer};

fn world() -> World {
    World { early: true, ..World::new() }
}

async fn find(world: &World, id: &str) -> Option<zengine_connector::Identity> {
    let cx = world.contexts.event();
    world.conversations().find_or_wait(&cx, id).await.unwrap().map(|found| found.customer)
}

#[tokio::test(start_paused = true)]
async fn rule_89_an_early_event_waits_for_its_conversation_in_every_process() {
    let world = world();
    let other = world.other_process();
    world.next(Answer::Slow(Duration::from_secs(3)));
    let opening = world.spawn("opens").await;
    let (here, there) = tokio::join!(find(&world, "canary-id-1"), find(&other, "canary-id-1"));
    assert_eq!((here, there), (Some(customer()), Some(customer())));
    opening.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_unknown_event_waits_for_nothing_where_nothing_is_opening() {
    let world = world();
    let began = world.contexts.event().now();
    assert_eq!(find(&world, "foreign").await, None);
    world.send(&customer(), "opens").await.unwrap();
    let opened = world.contexts.event().now();
    assert_eq!(find(&world, "foreign").await, None);
    assert_eq!((world.contexts.event().now(), began < opened), (opened, true));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_event_is_let_go_when_the_opening_is_over_and_when_its_time_is() {
    for (answer, seconds) in [(Answer::NotSent, 0), (Answer::Hang, 9)] {
        let world = world();
        world.next(answer);
        let opening = world.spawn("opens").await;
        let began = world.contexts.event().now();
        assert_eq!(find(&world, "foreign").await, None);
        assert_eq!(world.contexts.event().now().duration_since(began).unwrap().as_secs(), seconds, "{answer:?}");
        opening.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn an_opening_whose_process_is_gone_holds_events_no_longer_than_its_lease() {
    let world = world();
    world.next(Answer::Hang);
    world.spawn("crashes").await.abort();
    world.clock.advance(Duration::from_secs(12)).await;
    let began = world.contexts.event().now();
    assert_eq!(find(&world.other_process(), "foreign").await, None);
    assert_eq!(world.contexts.event().now(), began);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_twenty_events_wait() {
    let world = world();
    world.next(Answer::Slow(Duration::from_secs(3)));
    let opening = world.spawn("opens").await;
    let finds = (0..25).map(|_| find(&world, "canary-id-1"));
    let found = join_all(finds).await;
    assert_eq!(found.iter().flatten().count(), 20);
    opening.await.unwrap().unwrap();
}
