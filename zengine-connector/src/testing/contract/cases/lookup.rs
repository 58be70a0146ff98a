//! The provider is asked what became of a message, where it can be.

use std::time::Duration;

use super::{super::wire::RecordedCall, prelude::*};
use crate::pipeline::Outcome;

/// Sends until the end is known, as a caller that is told to come back.
async fn settled(host: &TestHost, message: usize, id: &str) -> Outcome {
    for _ in 0..10 {
        match host.send(0, message, id).await.expect("a send") {
            Outcome::Deferred(end) => host.pass(end.retry_after).await,
            outcome => return outcome,
        }
    }
    panic!("a send does not end, however often its caller comes back");
}

fn id_of(call: &RecordedCall, outcome: &Outcome) -> bool {
    let Outcome::Delivered(delivered) = outcome else { return false };
    let Some((id, answer)) = delivered.provider_id().zip(call.accepted.as_ref()) else { return true };
    String::from_utf8_lossy(answer.body()).contains(id.as_str()) || format!("{:?}", answer.headers()).contains(id.as_str())
}

/// A message that the provider accepted without an answer is found, with the provider's id, and not sent again.
pub(crate) async fn a_message_that_arrived_is_found(kit: &SharedKit) -> CaseResult {
    for fault in [WireFault::ResetAfterAccepting, WireFault::CutBody, WireFault::garbage()] {
        let (host, name) = (TestHost::new(kit), fault.name());
        host.wire.next([fault]);
        let outcome = settled(&host, 0, "found-1").await;
        assert_eq!(host.wire.effects().len(), 1, "{name}: the message had arrived, and was sent again: lookup does not find it");
        assert!(matches!(outcome, Outcome::Delivered(_)), "{name}: the message had arrived, and is not found: {outcome:?}");
        assert!(id_of(&host.wire.effects()[0], &outcome), "{name}: the message found is another: lookup must ask by our key");
    }
    Ok(())
}

/// A message that the provider does not have is not found, even beside others, and sent again.
pub(crate) async fn a_message_that_did_not_arrive_is_not_found(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    drop(host.send(1, 0, "lost-1").await.expect("a send"));
    drop(settled(&host, 1, "another-1").await);
    host.wire.next([WireFault::Reset]);
    let outcome = settled(&host, 0, "lost-1").await;
    let effects = host.wire.effects();
    assert_eq!(effects.len(), 3, "a message that never arrived was not sent again: lookup finds another message");
    assert!(id_of(&effects[2], &outcome), "a message that never arrived has the receipt of another: {outcome:?}");
    Ok(())
}

/// A look-up that fails says neither that the message arrived nor that it did not: nothing is sent again, however often the caller
/// comes back.
pub(crate) async fn a_failing_lookup_sends_nothing(kit: &SharedKit) -> CaseResult {
    let refusal = |code| WireFault::Response(super::super::response::json(code, &serde_json::json!({})));
    for fault in [WireFault::Refused, WireFault::Reset, WireFault::Hang, WireFault::garbage(), refusal(401), refusal(429), refusal(500)] {
        let (host, name) = (TestHost::new(kit), fault.name());
        host.wire.next([WireFault::ResetAfterAccepting]);
        host.wire.after_sending(fault);
        for _ in 0..4 {
            let outcome = host.send(0, 0, "unsure-1").await.expect("a send");
            assert_eq!(host.wire.effects().len(), 1, "a look-up failed ({name}), and the message was sent again");
            assert!(!matches!(outcome, Outcome::Failed(_)), "a look-up failed ({name}), and the message counts as failed: {outcome:?}");
            host.pass(Duration::from_secs(60)).await;
        }
    }
    Ok(())
}
