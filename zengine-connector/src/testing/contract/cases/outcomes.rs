//! The pipeline's outcome for each of the strategy's errors: retried, deferred, failed, or unknown (rule 34).

use std::time::Duration;

use super::{super::response, prelude::*};
use crate::{
    error::{ErrorKind, Fault, Reach},
    message::Idempotency,
    pipeline::{DeferredReason, Outcome, SendOptions},
    stage::Breaker,
};

fn status(code: u16) -> WireFault {
    WireFault::Response(response::json(code, &serde_json::json!({})))
}

fn asked_to_wait(seconds: u64) -> WireFault {
    let mut answer = response::json(429, &serde_json::json!({}));
    answer.headers_mut().insert("retry-after", seconds.into());
    WireFault::Response(answer)
}

/// An attempt that was not sent is retried, and the second one delivers.
pub(crate) async fn an_attempt_that_was_not_sent_is_retried(kit: &SharedKit) -> CaseResult {
    for fault in [WireFault::Refused, WireFault::ConnectTimeout, asked_to_wait(2)] {
        let (host, name) = (TestHost::new(kit), fault.name());
        host.wire.next([fault]);
        let outcome = host.send(0, 0, "again-1").await.expect("a send");
        let Outcome::Delivered(delivered) = outcome else { panic!("{name}: not delivered by a second attempt: {outcome:?}") };
        assert_eq!(delivered.attempts, 2, "{name}");
        assert_eq!(host.wire.effects().len(), 1, "{name}: the message went out more than once");
    }
    Ok(())
}

/// An attempt that may have been sent ends Unknown and is not sent again, as the provider detects no duplicates.
pub(crate) async fn an_attempt_that_may_have_been_sent_ends_unknown(kit: &SharedKit) -> CaseResult {
    for fault in [WireFault::ResetAfterAccepting, WireFault::HangAfterAccepting, WireFault::CutBody, status(500)] {
        let (host, name) = (TestHost::new(kit), fault.name());
        host.wire.next([fault]);
        let outcome = host.send(0, 0, "doubt-1").await.expect("a send");
        assert!(matches!(outcome, Outcome::Unknown(_)), "{name}: must be Unknown: {outcome:?}");
        assert_eq!(host.wire.sends().len(), 1, "{name}: it was sent again");
        // The caller's redelivery changes nothing.
        let again = host.send(0, 0, "doubt-1").await.expect("a send");
        assert!(matches!(&again, Outcome::Unknown(end) if end.replayed), "{name}: {again:?}");
        assert_eq!(host.wire.sends().len(), 1, "{name}: a redelivery sent it again");
    }
    Ok(())
}

/// A provider that recognises an idempotency key gets the same key again, and delivers once.
pub(crate) async fn an_attempt_that_may_have_been_sent_is_retried_with_its_key(kit: &SharedKit) -> CaseResult {
    for fault in [WireFault::ResetAfterAccepting, WireFault::CutBody, status(500)] {
        let (host, name) = (TestHost::new(kit), fault.name());
        host.wire.next([fault]);
        let outcome = host.send(0, 0, "keyed-1").await.expect("a send");
        assert!(matches!(outcome, Outcome::Delivered(_)), "{name}: {outcome:?}");
        assert_eq!(host.wire.sends().len(), 2, "{name}");
    }
    Ok(())
}

/// A refusal ends the send: one call, a dead letter, no retry.
pub(crate) async fn a_refusal_fails_at_once(kit: &SharedKit) -> CaseResult {
    for code in [400, 403, 404] {
        let host = TestHost::new(kit);
        host.wire.always(status(code));
        let outcome = host.send(0, 0, "refused-1").await.expect("a send");
        assert!(matches!(outcome, Outcome::Failed(_)), "{code}: must be Failed: {outcome:?}");
        assert_eq!(host.wire.sends().len(), 1, "{code}: a refusal is not tried again");
        assert_eq!(host.stores.dead_letter_count(), 1, "{code}: a failed message is kept");
    }
    Ok(())
}

/// A long wait defers the message to the caller; no stage sleeps.
pub(crate) async fn a_long_wait_is_deferred(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let before = host.now_ms();
    host.wire.always(asked_to_wait(3600));
    let outcome = host.send(0, 0, "later-1").await.expect("a send");
    let Outcome::Deferred(deferred) = outcome else { panic!("must be Deferred: {outcome:?}") };
    assert_eq!(deferred.reason, DeferredReason::Throttled);
    assert!(deferred.retry_after >= Duration::from_secs(3600), "the provider's hour is cut to {:?}", deferred.retry_after);
    assert!(host.now_ms() - before < 30_000, "the send slept");
    assert_eq!(host.wire.sends().len(), 1);
    Ok(())
}

/// An unreachable provider ends in Failed after the maximum attempts.
pub(crate) async fn attempts_are_limited(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    host.wire.always(WireFault::Refused);
    let outcome = host.send(0, 0, "ends-1").await.expect("a send");
    let Outcome::Failed(failed) = outcome else { panic!("must be Failed: {outcome:?}") };
    assert_eq!(failed.attempts, 3, "three attempts, each one call");
    assert_eq!(host.wire.recorded().iter().filter(|call| call.sends).count(), 0);
    Ok(())
}

/// Refused messages leave the provider's breaker closed.
pub(crate) async fn refused_messages_do_not_open_the_breaker(kit: &SharedKit) -> CaseResult {
    let host = TestHost::with(kit, |builder| builder.breaker(Breaker::default()));
    for code in [400, 404] {
        host.wire.always(status(code));
        for n in 0..12 {
            let outcome = host.send(0, n, &format!("bad-{code}-{n}")).await.expect("a send");
            assert!(matches!(outcome, Outcome::Failed(_)), "{code}: {outcome:?}");
        }
    }
    host.wire.heal();
    let outcome = host.send(0, 0, "good-1").await.expect("a send");
    assert!(matches!(outcome, Outcome::Delivered(_)), "the breaker of a healthy provider is open: {outcome:?}");
    Ok(())
}

/// Each row of the error table ends a send as rule 34 says.
pub(crate) async fn every_row_of_the_error_table_ends_as_it_must(kit: &SharedKit) -> CaseResult {
    for row in &kit.outbound().error_table {
        let host = TestHost::new(kit);
        host.wire.always(WireFault::Response(row.response.clone()));
        let outcome = host.send(0, 0, "row-1").await.expect("a send");
        let expected = match (row.kind.fault(), row.reach) {
            (_, Reach::Maybe) => &["unknown", "deferred"][..],
            (Fault::Throttled, Reach::NotSent) => &["deferred"],
            (Fault::Provider, Reach::NotSent) => &["failed", "deferred"],
            (Fault::Local | Fault::Cancelled, Reach::NotSent) if row.kind.is_temporary() => &["deferred"],
            _ => &["failed"],
        };
        assert!(expected.contains(&outcome.as_str()), "{row:?}: must end in {expected:?}: {outcome:?}");
        if row.reach == Reach::Maybe && kit.idempotency(0) == Idempotency::None {
            assert_eq!((outcome.as_str(), host.wire.sends().len()), ("unknown", 1), "{row:?}");
        }
    }
    Ok(())
}

/// A failing provider ends in an error with the fault Provider, never in a kind of a local check.
pub(crate) async fn a_failing_provider_has_the_fault_provider(kit: &SharedKit) -> CaseResult {
    for fault in [WireFault::Refused, WireFault::Hang, status(500), status(503)] {
        let (host, name) = (TestHost::new(kit), fault.name());
        host.wire.always(fault);
        let sent = host.send_json(0, &kit.message(0), "dead-1", |options: SendOptions| options.within(Duration::from_secs(20))).await;
        let error = match sent.expect("a send") {
            Outcome::Failed(end) => end.error,
            Outcome::Unknown(end) => end.error,
            // The provider is to be asked first.
            Outcome::Deferred(end) if end.error.is_none() && matches!(kit.idempotency(0), Idempotency::Queryable { .. }) => {
                continue;
            }
            Outcome::Deferred(end) => end.error.unwrap_or_else(|| panic!("{name}: deferred without an error")),
            Outcome::Delivered(_) => panic!("{name}: delivered"),
        };
        assert_eq!(error.fault(), Fault::Provider, "{name}: {error}");
        assert_ne!(error.kind(), ErrorKind::MessageInvalid, "{name}: {error}");
    }
    Ok(())
}
