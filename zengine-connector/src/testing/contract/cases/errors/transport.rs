//! Transport faults: no complete response.

use std::time::Duration;

use super::{expect_kind, meets, prelude::*};
use crate::error::{ErrorKind, Fault, Reach};

const PROVIDER: &[Fault] = &[Fault::Provider];

/// A refused connection was not sent, and is the provider's fault.
pub(crate) async fn a_refused_connection_was_not_sent(kit: &SharedKit) -> CaseResult {
    let error = meets(kit, WireFault::Refused, PROVIDER, &[Reach::NotSent]).await;
    expect_kind("a refused connection", &error, &[ErrorKind::Unavailable]);
    Ok(())
}

/// A connection that times out was not sent.
pub(crate) async fn a_slow_connection_was_not_sent(kit: &SharedKit) -> CaseResult {
    let error = meets(kit, WireFault::ConnectTimeout, PROVIDER, &[Reach::NotSent]).await;
    expect_kind("a slow connection", &error, &[ErrorKind::Timeout, ErrorKind::Unavailable]);
    Ok(())
}

/// A broken connection may have been sent.
pub(crate) async fn a_reset_may_have_been_sent(kit: &SharedKit) -> CaseResult {
    for fault in [WireFault::Reset, WireFault::ResetAfterAccepting] {
        meets(kit, fault, PROVIDER, &[Reach::Maybe]).await;
    }
    Ok(())
}

/// A call without a response may have been sent.
pub(crate) async fn a_hang_may_have_been_sent(kit: &SharedKit) -> CaseResult {
    let error = meets(kit, WireFault::Hang, PROVIDER, &[Reach::Maybe]).await;
    expect_kind("a hang", &error, &[ErrorKind::Timeout]);
    Ok(())
}

/// A message that the provider accepted without a response may have been sent.
pub(crate) async fn a_hang_after_accepting_may_have_been_sent(kit: &SharedKit) -> CaseResult {
    let error = meets(kit, WireFault::HangAfterAccepting, PROVIDER, &[Reach::Maybe]).await;
    expect_kind("a hang after accepting", &error, &[ErrorKind::Timeout]);
    Ok(())
}

/// A status of 200 with a truncated body may have been sent.
pub(crate) async fn a_cut_body_may_have_been_sent(kit: &SharedKit) -> CaseResult {
    meets(kit, WireFault::CutBody, PROVIDER, &[Reach::Maybe]).await;
    Ok(())
}

/// A response larger than the client allows may have been sent.
pub(crate) async fn an_answer_too_large_may_have_been_sent(kit: &SharedKit) -> CaseResult {
    meets(kit, WireFault::TooLarge, PROVIDER, &[Reach::Maybe]).await;
    Ok(())
}

/// A response after two seconds is a success.
pub(crate) async fn a_slow_answer_is_an_answer(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    host.wire.always(WireFault::Slow(Duration::from_secs(2)));
    if let Err(error) = host.attempt(0, 0).await {
        panic!("an answer after 2 s is treated as an error: {error}");
    }
    Ok(())
}

/// A fault before the call that sends, in a sign-in or an upload, was not sent; an opening in doubt says by its steps that the content was not.
pub(crate) async fn a_fault_before_the_send_was_not_sent(kit: &SharedKit) -> CaseResult {
    for (message, n) in preparing_calls(kit).await {
        for fault in [WireFault::Refused, WireFault::Reset, WireFault::Hang, WireFault::CutBody, WireFault::garbage(), status(500)] {
            let (host, name) = (TestHost::new(kit), format!("call {n} of an attempt: {}", fault.name()));
            let may_arrive = !matches!(fault, WireFault::Refused);
            host.wire.nth(n, fault);
            // A strategy may ignore or repeat the failed call: then the message was sent.
            let Err(error) = host.attempt_json(0, &message, "prepares", 1, super::super::super::attempt::ATTEMPT_TIME).await else {
                continue;
            };
            // An opening in doubt, of a strategy that keeps conversations.
            let in_doubt =
                error.reach() == Reach::Maybe && error.is_content_not_sent() && kit.outbound().conversations.is_some() && may_arrive;
            assert!(in_doubt || error.reach() == Reach::NotSent, "{name}: {error}");
            assert_eq!(host.wire.effects().len(), 0, "{name}: and yet it was sent");
        }
    }
    Ok(())
}

/// Each sample message with the index of each call that its attempt makes before the one that sends.
pub(crate) async fn preparing_calls(kit: &SharedKit) -> Vec<(serde_json::Value, usize)> {
    let mut found = vec![];
    for message in [kit.message(0)].iter().chain(&kit.outbound().more) {
        let host = TestHost::new(kit);
        if host.attempt_json(0, message, "prepares", 1, super::super::super::attempt::ATTEMPT_TIME).await.is_ok() {
            let before = host.wire.recorded().iter().take_while(|call| !call.sends).count();
            // Skips a message without a recognised call that sends.
            found.extend((0..before).filter(|_| before < host.wire.calls()).map(|n| (message.clone(), n)));
        }
    }
    found
}

fn status(code: u16) -> WireFault {
    WireFault::Response(super::super::super::json(code, &serde_json::json!({})))
}

/// An attempt sends at most once, whatever the fault.
pub(crate) async fn an_attempt_sends_at_most_once(kit: &SharedKit) -> CaseResult {
    let unclear = [
        WireFault::Reset,
        WireFault::ResetAfterAccepting,
        WireFault::Hang,
        WireFault::HangAfterAccepting,
        WireFault::CutBody,
        WireFault::TooLarge,
        WireFault::garbage(),
        status(500),
        status(502),
        status(504),
    ];
    for fault in unclear {
        let (host, name) = (TestHost::new(kit), fault.name());
        // The second call would succeed.
        host.wire.next([fault]);
        let _ = host.attempt(0, 0).await;
        assert_eq!(host.wire.sends().len(), 1, "{name}: the attempt sent again what may have been sent");
    }
    Ok(())
}
