//! Compliance with what the host passes and stores: every part of a message is sent, the client gets the remaining time, and
//! the receipt holds no secret.

use std::time::Duration;

use serde_json::Value;

use super::prelude::*;
use crate::{error::ErrorKind, testing::contract::wire::RecordedCall};

/// Members that recipients see or the provider acts on.
const PARTS: &[&str] = &["body", "title", "id", "name", "url", "target", "caption", "label", "footer", "emoji", "sku", "subject", "text"];

/// Every text and id of a message of another kind reaches the provider: the core degrades what a channel cannot show, with a
/// report; the strategy must never drop it.
pub(crate) async fn every_part_of_a_message_reaches_the_provider(kit: &SharedKit) -> CaseResult {
    for (n, message) in kit.outbound().more.iter().enumerate() {
        let host = TestHost::new(kit);
        let sent = host.attempt_json(0, message, &format!("part-{n}"), 1, crate::testing::contract::attempt::ATTEMPT_TIME).await;
        assert!(sent.is_ok(), "message {n} of another kind is not accepted: {:?}", sent.err());
        let said: String = host.wire.recorded().iter().map(RecordedCall::printed).collect();
        let mut parts = vec![];
        collect(&message["content"], &mut parts);
        for (member, part) in parts {
            assert!(
                said.contains(part),
                "message {n} of another kind lost its {member} on the way to the provider: {part:?} is in no request"
            );
        }
    }
    Ok(())
}

/// The texts of a content, each with its member's name.
fn collect<'a>(content: &'a Value, into: &mut Vec<(&'a str, &'a str)>) {
    match content {
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if PARTS.contains(&name.as_str()) && !text.is_empty() => into.push((name, text)),
                    other => collect(other, into),
                }
            }
        }
        _ => {}
    }
}

/// An attempt passes its remaining time to the HTTP client and ends in a timeout by itself: only then does it know how far
/// the request got.
pub(crate) async fn the_client_gets_the_remaining_time(kit: &SharedKit) -> CaseResult {
    for seconds in [1, 2, 4] {
        let host = TestHost::new(kit);
        host.wire.always(WireFault::Hang);
        let (before, time) = (host.now_ms(), Duration::from_secs(seconds));
        let error = host.attempt_json(0, &kit.message(0), "time-1", 1, time).await.expect_err("the provider never responds");
        let took = host.now_ms() - before;
        let allowed = i64::try_from(time.as_millis()).unwrap() + 50;
        assert!(
            took <= allowed,
            "an attempt that had {seconds} s waited {took} ms for the provider: give its client the remaining time, \
             CallOptions::with_timeout(limit.min(cx.remaining()))"
        );
        assert_eq!(error.kind(), ErrorKind::Timeout, "an attempt that ran out of time ended in {error}");
    }
    Ok(())
}

/// The receipt, which is stored and handed to the host, holds no secret of the tenant.
pub(crate) async fn a_receipt_holds_no_secret(kit: &SharedKit) -> CaseResult {
    for tenant in 0..TENANTS {
        let host = TestHost::new(kit);
        let Ok(receipt) = host.attempt(tenant, 0).await else { continue };
        let kept = serde_json::to_string(&receipt).unwrap();
        assert!(kit.secret_in(&kept).is_none(), "the receipt holds a secret of the tenant: it is stored and handed to the host");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_are_found_at_any_depth() {
        let content = json!({ "type": "interactive", "kind": "buttons", "body": "é", "buttons": [{ "id": "yes", "title": "Yes" }] });
        let mut parts = vec![];
        collect(&content, &mut parts);
        parts.sort_unstable();
        assert_eq!(parts, [("body", "é"), ("id", "yes"), ("title", "Yes")]);
    }
}
