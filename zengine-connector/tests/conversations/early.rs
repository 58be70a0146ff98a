//! Events that come before the answer that opens their conversation.

use std::time::Duration;

use futures_util::future::join_all;

use zengine_connector::{
    Identity,
    store::Memory,
    strategy::SessionErrorKind::{self, Undecided},
    testing::{Faults, StoreCall, StoreFault},
};

use crate::desk::{Answer, Resolve, World, customer};

fn world() -> World {
    World { early: true, ..World::new() }
}

/// The customer, `None` of a foreign conversation, or an error while that is not known.
async fn find(world: &World, id: &str) -> Result<Option<Identity>, SessionErrorKind> {
    let cx = world.contexts.event();
    let found = world.conversations().find_or_wait(&cx, id).await;
    found.map(|found| found.map(|found| found.customer)).map_err(|error| error.kind)
}

#[tokio::test(start_paused = true)]
async fn rule_89_an_early_event_waits_for_its_conversation_in_every_process() {
    let world = world();
    let other = world.other_process();
    world.next(Answer::Slow(Duration::from_secs(3)));
    let opening = world.spawn("opens").await;
    let (here, there) = tokio::join!(find(&world, "canary-id-1"), find(&other, "canary-id-1"));
    assert_eq!((here, there), (Ok(Some(customer())), Ok(Some(customer()))));
    opening.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_unknown_event_waits_for_nothing_where_nothing_is_opening() {
    let world = world();
    let began = world.contexts.event().now();
    assert_eq!(find(&world, "foreign").await, Ok(None));
    world.send(&customer(), "opens").await.unwrap();
    let opened = world.contexts.event().now();
    assert_eq!(find(&world, "foreign").await, Ok(None));
    assert_eq!((world.contexts.event().now(), began < opened), (opened, true));
}

/// The note of the opening is left: the store refused its removal.
#[tokio::test(start_paused = true)]
async fn an_unknown_event_is_foreign_when_the_note_of_an_opening_outlived_it() {
    let faults = Faults::new();
    let world = world();
    let world = World { contexts: world.contexts.clone().with_session_store(faults.sessions(Memory::new().sessions())), ..world };
    faults.next(StoreCall::DeleteSession, 1, StoreFault::Refused);
    world.send(&customer(), "opens").await.unwrap();
    world.clock.advance(Duration::from_secs(60)).await;
    assert_eq!(find(&world, "foreign").await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_event_is_foreign_when_the_opening_is_over_and_undecided_when_its_time_is() {
    for (answer, seconds, found) in [(Answer::NotSent, 0, Ok(None)), (Answer::Hang, 9, Err(Undecided))] {
        let world = world();
        world.next(answer);
        let opening = world.spawn("opens").await;
        let began = world.contexts.event().now();
        assert_eq!(find(&world, "foreign").await, found, "{answer:?}");
        assert_eq!(world.contexts.event().now().duration_since(began).unwrap().as_secs(), seconds, "{answer:?}");
        opening.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn an_opening_whose_process_is_gone_holds_events_no_longer_than_its_lease_and_leaves_them_undecided() {
    let world = world();
    world.next(Answer::Hang);
    world.spawn("crashes").await.abort();
    world.clock.advance(Duration::from_secs(12)).await;
    let began = world.contexts.event().now();
    assert_eq!(find(&world.other_process(), "foreign").await, Err(Undecided));
    assert_eq!(world.contexts.event().now(), began);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_twenty_events_wait() {
    let world = world();
    world.next(Answer::Slow(Duration::from_secs(3)));
    let opening = world.spawn("opens").await;
    let finds = (0..25).map(|_| find(&world, "canary-id-1"));
    let found = join_all(finds).await;
    let (ours, rest): (Vec<_>, Vec<_>) = found.into_iter().partition(|found| *found == Ok(Some(customer())));
    assert_eq!((ours.len(), rest), (20, vec![Err(Undecided); 5]));
    opening.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_event_of_an_opening_in_doubt_is_undecided_until_a_send_resolves_it() {
    for resolve in [Resolve::Repeat, Resolve::LookUp, Resolve::Abandon] {
        let world = world().resolving(resolve);
        world.next(Answer::Lost);
        world.send(&customer(), "in doubt").await.unwrap_err();
        let began = world.contexts.event().now();
        assert_eq!(find(&world, "canary-id-1").await, Err(Undecided), "{resolve:?}");
        assert_eq!(world.contexts.event().now(), began, "it waits for nothing that comes by itself");
        world.clock.advance(Duration::from_secs(3600)).await;
        assert_eq!(find(&world, "canary-id-1").await, Err(Undecided), "{resolve:?}");
        world.send(&customer(), "resolves").await.unwrap();
        // The conversation that was given up has no customer.
        let found = if resolve == Resolve::Abandon { None } else { Some(customer()) };
        assert_eq!(find(&world, "canary-id-1").await, Ok(found), "{resolve:?}");
        assert_eq!(find(&world, "foreign").await, Ok(None), "{resolve:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_event_waits_for_no_opening_that_began_after_it_came() {
    let world = world();
    let people: Vec<_> = (0..8).map(|n| Identity::opaque("desk", &n.to_string()).unwrap()).collect();
    // At any time of nine seconds one is being opened.
    let opens = people.iter().map(|person| {
        let world = world.clone();
        let n: u64 = person.value().parse().unwrap();
        async move {
            world.clock.advance(Duration::from_secs(n)).await;
            world.next(Answer::Slow(Duration::from_secs(2)));
            world.send(person, person.value()).await.unwrap();
        }
    });
    let began = world.contexts.event().now();
    let event = async {
        world.clock.advance(Duration::from_millis(100)).await;
        let found = find(&world, "foreign").await;
        (found, world.contexts.event().now().duration_since(began).unwrap().as_secs())
    };
    let (_, found) = tokio::join!(join_all(opens), event);
    assert_eq!(found, (Ok(None), 2));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_event_reads_no_more_than_one_opening_that_is_in_doubt() {
    let (world, faults) = World::faulty();
    let world = World { early: true, ..world };
    for n in 0..150 {
        world.next(Answer::Lost);
        world.send(&Identity::opaque("desk", &n.to_string()).unwrap(), &n.to_string()).await.unwrap_err();
    }
    let before = faults.calls().len();
    assert_eq!(find(&world, "foreign").await, Err(Undecided));
    let calls = faults.calls().len() - before;
    // The event's own entry twice, two pages, and one opening.
    assert!(calls <= 6, "{calls} calls");
}

#[tokio::test(start_paused = true)]
async fn a_note_that_cannot_be_read_counts_as_its_opening_does() {
    let world = world();
    world.send(&customer(), "opens").await.unwrap();
    let key = format!("conversation-opening/{}", world.desk.lock().unwrap().opened[0].0);
    world.contexts.write_session(&key, &"damaged", None, Duration::from_secs(9000)).await.unwrap();
    assert_eq!(find(&world, "foreign").await, Ok(None));
    assert!(world.contexts.read_session::<serde_json::Value>(&key).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_doubt_lapses_with_the_record() {
    let world = world();
    world.next(Answer::Lost);
    world.send(&customer(), "in doubt").await.unwrap_err();
    world.clock.advance(Duration::from_secs(25 * 3600)).await;
    assert_eq!(find(&world, "foreign").await, Err(Undecided));
    world.clock.advance(Duration::from_secs(2 * 3600)).await;
    assert_eq!(find(&world, "foreign").await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn a_late_opener_leaves_the_note_of_the_one_that_took_over() {
    let world = world();
    world.next(Answer::Slow(Duration::from_secs(20)));
    let late = world.spawn("late").await;
    world.clock.advance(Duration::from_secs(13)).await;
    world.next(Answer::Slow(Duration::from_secs(9)));
    let taken_over = world.other_process().spawn("taken over").await;
    // The first one's answer has come, the second one's has not.
    world.clock.advance(Duration::from_secs(8)).await;
    assert!(late.is_finished() && !taken_over.is_finished());
    let began = world.contexts.event().now();
    assert_eq!(find(&world, "foreign").await, Ok(None));
    assert!(world.contexts.event().now() > began, "the opening is no longer on the list");
    taken_over.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn many_openings_at_once_do_not_hold_each_other_up() {
    let world = world();
    let worlds = [world.clone(), world.other_process()];
    let people: Vec<_> = (0..120).map(|n| Identity::opaque("desk", &n.to_string()).unwrap()).collect();
    let sends = people.iter().enumerate().map(|(n, person)| worlds[n % 2].send(person, person.value()));
    let sent = join_all(sends).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    assert_eq!(find(&world, "foreign").await, Ok(None), "an opening is left on the list");
}

#[tokio::test(start_paused = true)]
async fn openings_in_doubt_of_many_pages_all_count() {
    let world = world();
    for n in 0..250 {
        world.next(Answer::Lost);
        world.send(&Identity::opaque("desk", &n.to_string()).unwrap(), &n.to_string()).await.unwrap_err();
    }
    for n in 0..250 {
        assert_eq!(find(&world, "foreign").await, Err(Undecided), "after {n}");
        world.send(&Identity::opaque("desk", &n.to_string()).unwrap(), &format!("{n} again")).await.unwrap();
    }
    assert_eq!(find(&world, "foreign").await, Ok(None));
}
