//! Deadlines, dropped sends and shutdown.

use std::{pin::pin, time::Duration};

use futures_util::future::{Either, select};

use super::{super::response, prelude::*};
use crate::pipeline::Outcome;

/// A send to a provider that never responds ends at its deadline.
pub(crate) async fn the_deadline_is_honoured(kit: &SharedKit) -> CaseResult {
    for seconds in [2, 5, 9] {
        let host = TestHost::new(kit);
        let before = host.now_ms();
        host.wire.always(WireFault::Hang);
        let time = Duration::from_secs(seconds);
        let outcome = host.send_json(0, &kit.message(0), "late-1", |options| options.within(time)).await.expect("a send");
        let took = host.now_ms() - before;
        assert!(took <= i64::try_from(time.as_millis()).unwrap() + 50, "{seconds} s were given, and it took {took} ms");
        assert!(!matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
    }
    Ok(())
}

/// An attempt neither waits nor repeats its call: the pipeline does.
pub(crate) async fn an_attempt_neither_waits_nor_repeats(kit: &SharedKit) -> CaseResult {
    for code in [400, 404, 429, 500, 503] {
        let host = TestHost::new(kit);
        let before = host.now_ms();
        let mut response = response::json(code, &serde_json::json!({}));
        response.headers_mut().insert("retry-after", 20.into());
        host.wire.always(WireFault::Response(response));
        assert!(host.attempt(0, 0).await.is_err(), "{code}: treated as success");
        let took = host.now_ms() - before;
        assert!(took < 1000, "{code}: the attempt slept {took} ms");
        assert_eq!(host.wire.sends().len(), 1, "{code}: the attempt repeated itself");
    }
    Ok(())
}

/// Starts a send with a call that hangs, and drops it.
async fn drop_in_the_middle(host: &TestHost, id: &str) {
    host.wire.next([WireFault::Hang]);
    let send = pin!(host.send(0, 0, id));
    let pause = pin!(host.pass(Duration::from_millis(100)));
    match select(send, pause).await {
        Either::Right(_) => {}
        Either::Left((sent, _)) => panic!("the call did not hang: {sent:?}"),
    }
}

/// A send dropped in the middle of its call releases its bulkhead permit.
pub(crate) async fn a_dropped_send_releases_its_permit(kit: &SharedKit) -> CaseResult {
    let host = TestHost::with(kit, |builder| builder.bulkhead(1));
    for n in 0..3 {
        drop_in_the_middle(&host, &format!("dropped-{n}")).await;
    }
    let outcome = host.send(0, 1, "next-1").await.expect("a send");
    assert!(matches!(outcome, Outcome::Delivered(_)), "the permit is lost: {outcome:?}");
    Ok(())
}

/// After a dropped send the strategy still sends, for this tenant and for others, in the same process.
pub(crate) async fn a_strategy_sends_after_a_dropped_send(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    drop_in_the_middle(&host, "dropped-1").await;
    for tenant in 0..TENANTS {
        let outcome = host.send(tenant, 1, "whole-1").await.expect("a send");
        assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
    }
    Ok(())
}

/// A send dropped while a sign-in or an upload hangs does not block the next send.
pub(crate) async fn a_send_dropped_while_preparing_blocks_no_other(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let (message, _) = super::errors::transport::preparing_calls(kit).await.remove(0);
    host.wire.nth(0, WireFault::Hang);
    {
        let send = pin!(host.send_json(0, &message, "prepares-1", |options| options));
        let pause = pin!(host.pass(Duration::from_millis(100)));
        drop(select(send, pause).await);
    }
    let outcome = host.send_json(0, &message, "prepares-2", |options| options).await.expect("a send");
    assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
    Ok(())
}

/// A stopped host defers new sends without a call.
pub(crate) async fn a_stopped_host_accepts_no_send(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    drop(host.send(0, 0, "last-1").await.expect("a send"));
    host.orchestrator.shutdown(Duration::from_secs(5)).await;
    let calls = host.wire.calls();
    let outcome = host.send(0, 1, "after-1").await.expect("a send");
    assert!(matches!(outcome, Outcome::Deferred(_)), "{outcome:?}");
    assert_eq!(host.wire.calls(), calls, "a stopped host called the provider");
    Ok(())
}
