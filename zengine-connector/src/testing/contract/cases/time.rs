//! Deadlines, and callers who go away.

use std::{pin::pin, time::Duration};

use futures_util::future::{Either, select};

use super::{super::answer, prelude::*};
use crate::pipeline::Outcome;

/// A provider that never answers holds nobody beyond his time.
pub(crate) async fn the_deadline_is_honoured(kit: &Shared) -> Done {
    for seconds in [2, 5, 9] {
        let world = World::new(kit);
        let before = world.now_ms();
        world.wire.always(WireFault::Hang);
        let time = Duration::from_secs(seconds);
        let outcome = world.send_json(0, &kit.message(0), "late-1", |options| options.within(time)).await.expect("a send");
        let took = world.now_ms() - before;
        assert!(took <= i64::try_from(time.as_millis()).unwrap() + 50, "{seconds} s were given, and it took {took} ms");
        assert!(!matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
    }
    Ok(())
}

/// An attempt does not wait and does not repeat: that is the pipeline's work.
pub(crate) async fn an_attempt_neither_waits_nor_repeats(kit: &Shared) -> Done {
    for code in [400, 404, 429, 500, 503] {
        let world = World::new(kit);
        let before = world.now_ms();
        let mut response = answer::json(code, &serde_json::json!({}));
        response.headers_mut().insert("retry-after", 20.into());
        world.wire.always(WireFault::Answer(response));
        assert!(world.attempt(0, 0).await.is_err(), "{code}: taken for success");
        let took = world.now_ms() - before;
        assert!(took < 1000, "{code}: the attempt slept {took} ms");
        assert_eq!(world.wire.sends().len(), 1, "{code}: the attempt repeated itself");
    }
    Ok(())
}

/// Lets a send run into a call that hangs, and drops it.
async fn drop_in_the_middle(world: &World, id: &str) {
    world.wire.next([WireFault::Hang]);
    let send = pin!(world.send(0, 0, id));
    let little = pin!(world.pass(Duration::from_millis(100)));
    match select(send, little).await {
        Either::Right(_) => {}
        Either::Left((sent, _)) => panic!("the call did not hang: {sent:?}"),
    }
}

/// A send that is dropped in the middle of its call gives its place back.
pub(crate) async fn a_dropped_send_gives_its_place_back(kit: &Shared) -> Done {
    let world = World::with(kit, |builder| builder.bulkhead(1));
    for n in 0..3 {
        drop_in_the_middle(&world, &format!("dropped-{n}")).await;
    }
    let outcome = world.send(0, 1, "next-1").await.expect("a send");
    assert!(matches!(outcome, Outcome::Delivered(_)), "the place is lost: {outcome:?}");
    Ok(())
}

/// A send that is dropped leaves the strategy able to send, for this tenant and for others, in the same process.
pub(crate) async fn a_dropped_send_leaves_the_strategy_whole(kit: &Shared) -> Done {
    let world = World::new(kit);
    drop_in_the_middle(&world, "dropped-1").await;
    for tenant in 0..TENANTS {
        let outcome = world.send(tenant, 1, "whole-1").await.expect("a send");
        assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
    }
    Ok(())
}

/// Dropped while it prepares: a sign-in or an upload hangs, and the next send is not stuck behind it.
pub(crate) async fn a_send_dropped_while_it_prepares_blocks_nobody(kit: &Shared) -> Done {
    let world = World::new(kit);
    let (message, _) = super::errors::transport::preparing_calls(kit).await.remove(0);
    world.wire.nth(0, WireFault::Hang);
    {
        let send = pin!(world.send_json(0, &message, "prepares-1", |options| options));
        let little = pin!(world.pass(Duration::from_millis(100)));
        drop(select(send, little).await);
    }
    let outcome = world.send_json(0, &message, "prepares-2", |options| options).await.expect("a send");
    assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
    Ok(())
}

/// A host that stops takes nothing new.
pub(crate) async fn a_stopping_host_takes_nothing_new(kit: &Shared) -> Done {
    let world = World::new(kit);
    drop(world.send(0, 0, "last-1").await.expect("a send"));
    world.orchestrator.shutdown(Duration::from_secs(5)).await;
    let calls = world.wire.calls();
    let outcome = world.send(0, 1, "after-1").await.expect("a send");
    assert!(matches!(outcome, Outcome::Deferred(_)), "{outcome:?}");
    assert_eq!(world.wire.calls(), calls, "a stopped host called the provider");
    Ok(())
}
