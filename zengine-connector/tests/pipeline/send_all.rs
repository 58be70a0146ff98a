//! Sends of a stream: back-pressure, one report, and what hangs, panics or is dropped stops nothing else.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{StreamExt as _, stream};
use zengine_connector::{
    ErrorKind, OutboundMessage, Reach, TenantId,
    message::MessageRef,
    pipeline::{DeferredReason, SendItem, StreamEnd},
    runtime::{Clock, to_ms},
    stage::{Breaker, Retry},
    store::ClaimStatus,
    testing::{ProviderAnswer, Recording, SimClock},
};

use crate::support::{World, secs, strategy, tenant, text};

fn item(n: usize) -> SendItem<OutboundMessage> {
    item_of(tenant(), n)
}

fn item_of(tenant: TenantId, n: usize) -> SendItem<OutboundMessage> {
    SendItem::new(tenant, strategy(), n.to_string(), text("hello")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_stream_is_read_no_further_ahead_than_sends_can_start() {
    let (world, provider) = (World::in_memory(), Recording::new());
    let process = world.process(&provider);
    provider.answer_always(ProviderAnswer::Slow(secs(1)));
    let (clock, start) = (&world.clock, world.clock.monotonic());
    let read = stream::iter(0..10).map(|n| {
        assert_eq!((clock.monotonic() - start).as_secs(), n / 3, "item {n} was read at the wrong time");
        item(usize::try_from(n).unwrap())
    });
    let report = process.send_all(read, 3).await;
    assert_eq!((report.delivered, report.total(), report.stream), (10, 10, StreamEnd::Ended));
    assert_eq!(clock.monotonic() - start, secs(4));
    assert!(report.unsent.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_the_stream_holds_up_no_send() {
    let (world, provider) = (World::in_memory(), Recording::new());
    let process = world.process(&provider);
    let clock = Arc::clone(&world.clock);
    let slow = stream::iter(0..2).then(|n| {
        let clock = Arc::clone(&clock);
        async move {
            clock.sleep(secs(60 * n)).await;
            item(usize::try_from(n).unwrap())
        }
    });
    assert_eq!(process.send_all(slow, 8).await.delivered, 2);
    let times: Vec<_> = provider.sent().iter().map(|sent| (sent.at_ms - SimClock::EPOCH_MS) / 1000).collect();
    assert_eq!(times, [0, 60]);
}

#[tokio::test(start_paused = true)]
async fn every_end_is_counted_and_what_is_not_settled_is_listed_with_its_time() {
    let (world, provider) = (World::in_memory(), Recording::new());
    let process = world.process_with(&provider, |it| it.retry(Retry::none()).breaker(Breaker::off()));
    for answer in [
        ProviderAnswer::Accept,
        ProviderAnswer::error(ErrorKind::OptedOut, Reach::Processed),
        ProviderAnswer::accept_then_break(),
        ProviderAnswer::throttle(secs(600)),
    ] {
        provider.answer(answer);
    }
    let nobody = TenantId::new("nobody").unwrap();
    let unregistered = SendItem::new(tenant(), "nothing", "5", text("hello")).unwrap();
    let items = || [item(0), item(1), item(2), item(3), item_of(nobody.clone(), 4), unregistered.clone()];
    let report = process.send_all(stream::iter(items()), 1).await;
    assert_eq!((report.delivered, report.failed, report.unknown, report.deferred, report.errored), (1, 1, 1, 1, 2), "{report:?}");
    assert_eq!((report.replayed, report.total()), (0, 6));
    let listed: Vec<_> = report.unsent.iter().map(|unsent| (unsent.id.as_str(), unsent.retry_after())).collect();
    assert_eq!((listed[0].0, listed[2]), ("3", ("5", None)));
    assert!(listed[0].1.is_some_and(|after| after >= secs(600)), "{listed:?}");
    assert_eq!((report.unsent[0].tenant.as_str(), report.unsent[0].strategy.as_str()), ("acme", "recording"));
    assert!(matches!(&report.unsent[0].end, Ok(deferred) if deferred.reason == DeferredReason::Throttled));
    assert!(matches!(&report.unsent[2].end, Err(error) if error.kind() == ErrorKind::UnknownStrategy));
    assert!(!format!("{report:?}").contains("555"), "a report shows no recipient");

    let again = process.send_all(stream::iter(items()), 8).await;
    assert_eq!((again.delivered, again.failed, again.unknown, again.replayed), (2, 1, 1, 3), "{again:?}");
    assert_eq!(provider.sent().len(), 3, "what was settled is not sent again");
}

/// Rule 31, for each send that runs.
#[tokio::test(start_paused = true)]
async fn rule_31_a_dropped_call_ends_what_runs_and_starts_nothing_more() {
    let (world, provider) = (World::in_memory(), Recording::new());
    let process = world.process_with(&provider, |it| it.retry(Retry::none()));
    provider.answer_always(ProviderAnswer::Slow(secs(5)));
    tokio::select! {
        biased;
        report = process.send_all(stream::iter((0..10).map(item)), 3) => panic!("it was not to end: {report:?}"),
        () = world.pass(secs(1)) => {}
    }
    world.pass(secs(1)).await;
    for n in ["0", "1", "2"] {
        assert_eq!(world.record(n).await.unwrap().status, ClaimStatus::Unknown);
    }
    assert_eq!((world.all_letters().await.len(), provider.calls().len()), (3, 3));
    assert!(world.record("3").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_panics_loses_no_send_and_is_not_read_again() {
    let (world, provider) = (World::in_memory(), Recording::new());
    let process = world.process(&provider);
    provider.answer_always(ProviderAnswer::Slow(secs(1)));
    let reads = AtomicUsize::new(0);
    let bad = stream::iter(0..10).map(|n| {
        reads.fetch_add(1, Ordering::SeqCst);
        assert!(n < 2, "the stream breaks");
        item(n)
    });
    let report = process.send_all(bad, 8).await;
    assert_eq!((report.delivered, report.total(), report.stream), (2, 2, StreamEnd::Panicked));
    assert_eq!(reads.load(Ordering::SeqCst), 3);
}

/// A message of a host, which cannot be read if it is `None`.
struct Fragile(Option<OutboundMessage>);

impl<'m> From<&'m Fragile> for MessageRef<'m> {
    fn from(Fragile(message): &'m Fragile) -> Self {
        message.as_ref().expect("a message").into()
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_panics_is_counted_and_stops_no_other() {
    let (world, provider) = (World::in_memory(), Recording::new());
    let process = world.process(&provider);
    let item = |n: usize, message| SendItem::new("acme", "recording", n.to_string(), Fragile(message)).unwrap();
    let items = (0..5).map(|n| item(n, (n != 2).then(|| text("hello"))));
    let report = process.send_all(stream::iter(items), 4).await;
    assert_eq!((report.delivered, report.errored), (4, 1), "{report:?}");
    assert_eq!(report.unsent[0].id.as_str(), "2");
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_hangs_holds_no_more_places_than_its_bulkhead() {
    let (world, provider) = (World::in_memory(), Recording::new());
    let process = world.process_with(&provider, |it| it.bulkhead(2).retry(Retry::none()));
    let slow = TenantId::new("slow").unwrap();
    world.memory.put_tenant(&slow, &strategy(), serde_json::json!({}));
    provider.answer(ProviderAnswer::Hang);
    provider.answer(ProviderAnswer::Hang);
    let items = (0..6).map(|n| item_of(slow.clone(), n)).chain((6..30).map(item));
    let report = process.send_all(stream::iter(items), 3).await;
    assert_eq!((report.delivered, report.unknown, report.deferred), (24, 2, 4), "{report:?}");
    assert!(report.unsent.iter().all(|unsent| matches!(&unsent.end, Ok(end) if end.reason == DeferredReason::Busy)));
    let late = provider.sent().iter().filter(|sent| sent.at_ms > SimClock::EPOCH_MS).count();
    assert_eq!(late, 0, "no send of the healthy tenant waited for the other");
    assert!(to_ms(world.clock.now()) > SimClock::EPOCH_MS, "the other did hang");
}

#[tokio::test(start_paused = true)]
async fn a_full_list_leaves_the_stream_where_it_is() {
    let (world, provider) = (World::in_memory(), Recording::new());
    let process = world.process(&provider);
    let items = (0..10_003).map(|n: usize| SendItem::new("acme", "nothing", n.to_string(), text("hello")).unwrap());
    let mut items = pin!(stream::iter(items));
    let first = process.send_all(items.as_mut(), 64).await;
    assert_eq!((first.errored, first.unsent.len(), first.stream), (10_000, 10_000, StreamEnd::Full));
    let rest = process.send_all(items.as_mut(), 0).await;
    assert_eq!((rest.errored, rest.stream), (3, StreamEnd::Ended));
    assert_eq!(rest.unsent[0].id.as_str(), "10000");
}

/// The future is one that a task of a runtime takes.
#[tokio::test]
async fn a_task_may_send_all() {
    let (world, provider) = (World::in_memory(), Recording::new());
    let process = world.process(&provider);
    let report = tokio::spawn(async move { process.send_all(stream::iter((0..3).map(item)), 2).await }).await.unwrap();
    assert_eq!(report.delivered, 3);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_shuts_down_reads_no_further() {
    let (world, provider) = (World::in_memory(), Recording::new());
    let process = world.process(&provider);
    let read = AtomicUsize::new(0);
    let items = stream::iter(0..1_000).map(|n| {
        read.fetch_add(1, Ordering::SeqCst);
        item(n)
    });
    process.shutdown(secs(1)).await;
    let report = process.send_all(items, 8).await;
    assert_eq!((report.stream, report.total(), read.load(Ordering::SeqCst)), (StreamEnd::Closing, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_waits_does_not_outlive_the_host() {
    let (world, provider) = (World::in_memory(), Recording::new());
    let process = world.process(&provider);
    let idle = stream::iter([item(0)]).chain(stream::pending());
    let (report, ()) = tokio::join!(process.send_all(idle, 8), async {
        world.clock.sleep(secs(60)).await;
        process.shutdown(secs(1)).await;
    });
    assert_eq!((report.delivered, report.total(), report.stream), (1, 1, StreamEnd::Closing));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ended_before_the_host_shut_down_has_ended() {
    let (world, provider) = (World::in_memory(), Recording::new());
    let process = world.process(&provider);
    provider.answer_always(ProviderAnswer::Slow(secs(5)));
    let (report, ()) = tokio::join!(process.send_all(stream::iter((0..2).map(item)), 8), async {
        world.clock.sleep(secs(1)).await;
        process.shutdown(secs(10)).await;
    });
    assert_eq!((report.delivered, report.total(), report.stream), (2, 2, StreamEnd::Ended));
}
