//! Care with what is handed over: every part of a message goes out, the time left goes with it, and what is kept of the
//! answer holds no secret.

use std::time::Duration;

use serde_json::Value;

use super::prelude::*;
use crate::{error::ErrorKind, testing::contract::wire::Made};

/// Members whose words people see or the provider acts on.
const PARTS: &[&str] = &["body", "title", "id", "name", "url", "target", "caption", "label", "footer", "emoji", "sku", "subject", "text"];

/// Every word and id of a message of another kind reaches the provider: what a channel cannot show is degraded with a report
/// before the strategy sees it, never dropped by it.
pub(crate) async fn every_part_of_a_message_reaches_the_provider(kit: &Shared) -> Done {
    for (n, message) in kit.outbound().more.iter().enumerate() {
        let world = World::new(kit);
        let sent = world.attempt_json(0, message, &format!("part-{n}"), 1, crate::testing::contract::bare::TIME).await;
        assert!(sent.is_ok(), "message {n} of another kind is not accepted: {:?}", sent.err());
        let said: String = world.wire.made().iter().map(readable).collect();
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

/// The words of a content, each with the member it stands in.
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

/// A request as the provider reads it: escapes of JSON and of forms undone.
fn readable(made: &Made) -> String {
    let printed = made.printed();
    let mut text = printed.clone();
    let mut next = vec![serde_json::from_slice::<Value>(made.request.body()).unwrap_or_default()];
    while let Some(value) = next.pop() {
        match value {
            Value::String(words) => {
                text.push('\n');
                text.push_str(&words);
                // JSON may be carried in a string of JSON.
                next.extend(serde_json::from_str::<Value>(&words).ok().filter(|inner| inner.is_object() || inner.is_array()));
            }
            Value::Array(items) => next.extend(items),
            Value::Object(members) => next.extend(members.into_iter().map(|(_, member)| member)),
            _ => {}
        }
    }
    text + "\n" + &percent_decoded(&printed)
}

fn percent_decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (vec![], text.bytes());
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match (byte, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                bytes.extend(u8::try_from(16 * high + low));
                rest = ahead;
            }
            (b'+', ..) => bytes.push(b' '),
            (byte, ..) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An attempt that may take two seconds asks its client for no more, and ends in a timeout by itself: only then does
/// it know how far the request got.
pub(crate) async fn the_time_left_goes_to_the_client(kit: &Shared) -> Done {
    for seconds in [1, 2, 4] {
        let world = World::new(kit);
        world.wire.always(WireFault::Hang);
        let (before, time) = (world.now_ms(), Duration::from_secs(seconds));
        let error = world.attempt_json(0, &kit.message(0), "time-1", 1, time).await.expect_err("nobody answers");
        let took = world.now_ms() - before;
        let allowed = i64::try_from(time.as_millis()).unwrap() + 50;
        assert!(
            took <= allowed,
            "an attempt that had {seconds} s waited {took} ms for the provider: give its client the time left, \
             CallOptions::with_timeout(limit.min(cx.remaining()))"
        );
        assert_eq!(error.kind(), ErrorKind::Timeout, "an attempt that ran out of time ended in {error}");
    }
    Ok(())
}

/// The receipt, which is stored and handed to the host, holds no secret of the tenant.
pub(crate) async fn what_is_kept_of_an_answer_holds_no_secret(kit: &Shared) -> Done {
    for tenant in 0..TENANTS {
        let world = World::new(kit);
        let Ok(receipt) = world.attempt(tenant, 0).await else { continue };
        let kept = serde_json::to_string(&receipt).unwrap();
        let leaked = kit.secrets().iter().any(|secret| secret.len() >= 4 && kept.contains(secret.as_str()));
        assert!(!leaked, "the receipt holds a secret of the tenant: it is stored and handed to the host");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_are_found_at_any_depth_and_escapes_are_undone() {
        let content = json!({ "type": "interactive", "kind": "buttons", "body": "é", "buttons": [{ "id": "yes", "title": "Yes" }] });
        let mut parts = vec![];
        collect(&content, &mut parts);
        parts.sort_unstable();
        assert_eq!(parts, [("body", "é"), ("id", "yes"), ("title", "Yes")]);
        assert_eq!(percent_decoded("a=%C3%A9+b%2Bc&d=%zz%4"), "a=é b+c&d=%zz%4");
    }
}
