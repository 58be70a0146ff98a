//! A strategy's own use of sessions that never answer.

use zengine_connector::{
    Outcome,
    pipeline::DeferredReason,
    strategy::SessionErrorKind,
    testing::{StoreCall, StoreFault},
};

use crate::{
    host::{TestHost, assert_comes_again, assert_done, deferred, element, receive, secs, send_by, takes, tenant},
    strategies::Acme,
};

#[tokio::test(start_paused = true)]
async fn a_send_whose_strategy_meets_a_session_that_hangs_is_deferred_and_later_sent_once() {
    for call in [StoreCall::ReadSession, StoreCall::PutSession] {
        let host = TestHost::new();
        let process = host.process();
        host.hang([call]);
        let outcome = takes(secs(5), send_by(&process, ("acme", "count"), "1")).await.unwrap();
        assert_eq!((deferred(outcome), host.acme.0.lock().unwrap().len()), (DeferredReason::Busy, 0), "{call:?}");
        host.faults.heal();
        assert_eq!(send_by(&process, ("acme", "count"), "1").await.unwrap().as_str(), "delivered");
        assert_eq!(host.acme.0.lock().unwrap().len(), 1, "{call:?}");
    }
}

/// A newer process may have written it, in an upgrade.
#[tokio::test(start_paused = true)]
async fn a_send_whose_strategy_cannot_read_a_session_is_deferred_and_makes_no_letter() {
    let host = TestHost::new();
    let process = host.process();
    let bound = process.bound::<Acme>(&tenant(), "acme").await.unwrap();
    let version = bound.cx().sessions().put("count", &"of a newer form", None, secs(3600)).await.unwrap();
    let Outcome::Deferred(deferred) = send_by(&process, ("acme", "count"), "1").await.unwrap() else { panic!("not deferred") };
    assert!(deferred.reason == DeferredReason::Busy && deferred.retry_after >= secs(900), "{deferred:?}");
    assert!(host.memory.dead_letters().list(None, 10).await.unwrap().letters.is_empty());
    bound.cx().sessions().delete("count", version).await.unwrap();
    assert_eq!(send_by(&process, ("acme", "count"), "1").await.unwrap().as_str(), "delivered");
}

#[tokio::test(start_paused = true)]
async fn an_event_whose_admission_meets_a_session_that_hangs_comes_again() {
    for call in [StoreCall::ReadSession, StoreCall::PutSession] {
        let host = TestHost::new();
        let process = host.process();
        host.hang([call]);
        assert_comes_again(&takes(secs(5), receive(&process, &[element("1", "count")])).await);
        assert_eq!(host.handled(), 0, "{call:?}");
        host.faults.heal();
        assert_done(&receive(&process, &[element("1", "count")]).await);
        assert_eq!(host.handled(), 1, "{call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_method_of_the_strategy_sees_sessions_that_hang_as_unavailable() {
    let host = TestHost::new();
    let process = host.process();
    let bound = process.bound::<Acme>(&tenant(), "acme").await.unwrap();
    let cx = bound.cx();
    let version = cx.sessions().put("key", &1, None, secs(60)).await.unwrap();
    for fault in [StoreFault::Hang, StoreFault::DoneThenHang] {
        for call in [StoreCall::ReadSession, StoreCall::PutSession, StoreCall::DeleteSession] {
            host.faults.next(call, 1, fault);
        }
        let read = takes(secs(5), cx.sessions().get::<u32>("key")).await.map(drop).unwrap_err();
        let written = takes(secs(5), cx.sessions().put("another", &1, None, secs(60))).await.map(drop).unwrap_err();
        assert_eq!((read.kind, written.kind), (SessionErrorKind::Unavailable, SessionErrorKind::Unavailable));
        let deleted = takes(secs(5), cx.sessions().delete("key", version)).await.unwrap_err();
        assert_eq!(deleted.kind, SessionErrorKind::Unavailable);
    }
}
