//! Nothing secret or personal is printed. Every other case also checks all that it sees printed.

use serde_json::json;

use super::{super::response, prelude::*};
use crate::pipeline::Outcome;

/// A provider that repeats everything in its responses leaks nothing into errors and logs.
pub(crate) async fn a_provider_that_repeats_everything_leaks_nothing(kit: &SharedKit) -> CaseResult {
    let (secrets, words) = (kit.secrets.clone(), Sample::new(0).canaries());
    let all = [secrets, words].concat();
    let text = all.join(" ");
    let shapes = [
        json!({ "error": { "message": text, "type": text, "code": text, "error_data": { "details": text }, "fbtrace_id": text } }),
        json!({ "error": text, "message": text, "code": text, "detail": text, "title": text, "errors": [{ "message": text, "code": text }] }),
        json!({ "Message": text, "__type": text, "Code": text }),
        json!(all),
        json!(text),
    ];
    for body in shapes {
        for code in [200, 400, 401, 403, 404, 429, 500] {
            let mut response = response::json(code, &body);
            for header in ["x-request-id", "x-error", "x-amzn-errortype", "retry-after", "www-authenticate"] {
                response.headers_mut().insert(header, all[0].parse().expect("a header value"));
            }
            let host = TestHost::new(kit);
            host.wire.always(WireFault::Response(response));
            // Both check what is printed.
            let _ = host.attempt(0, 0).await;
            drop(host.send(0, 0, "echo-1").await);
        }
    }
    Ok(())
}

/// The event of a failed send holds no personal data.
pub(crate) async fn failure_events_hold_no_personal_data(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    host.wire.always(WireFault::Response(response::json(400, &json!({}))));
    let outcome = host.send(0, 0, "announced-1").await.expect("a send");
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    let events = host.stores.published();
    assert_eq!(events.len(), 1, "a failed send publishes one event");
    for event in events {
        kit.assert_clean("a failure event", &format!("{event:?} {}", serde_json::to_string(&event).unwrap()));
    }
    Ok(())
}

/// Logs name tenant and strategy, and hold nothing secret or personal.
pub(crate) async fn logs_name_tenant_and_strategy_only(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let before = kit.logs.lines().len();
    drop(host.send(0, 0, "logged-1").await.expect("a send"));
    host.wire.always(WireFault::Response(response::json(400, &json!({}))));
    drop(host.send(0, 1, "logged-2").await.expect("a send"));
    let lines = kit.logs.lines().split_off(before);
    let names = [TestHost::id(0).to_string(), kit.name.to_string()];
    for name in names {
        assert!(lines.iter().any(|line| line.contains(&name)), "no log line names {name}");
    }
    for line in &lines {
        kit.assert_clean("a log line", line);
    }
    Ok(())
}

/// A malformed message is refused without being repeated.
pub(crate) async fn a_malformed_message_is_not_repeated(kit: &SharedKit) -> CaseResult {
    let host = TestHost::new(kit);
    let message = kit.message(0);
    let mut wrong = vec![json!(17), json!([]), json!("canary-word"), json!({}), json!({ "canary-key": "canary-value" })];
    if let Some(members) = message.as_object() {
        for key in members.keys() {
            for value in [json!(null), json!(["canary-value"]), json!({ "canary-key": 1 }), json!("canary-value")] {
                let mut changed = message.clone();
                changed[key] = value;
                wrong.push(changed);
            }
        }
    }
    for (n, message) in wrong.iter().enumerate() {
        // Some are valid messages; the errors of the others repeat nothing.
        drop(host.send_json(0, message, &format!("wrong-{n}"), |options| options).await);
    }
    for message in &wrong[..3] {
        assert!(host.send_json(0, message, "wrong", |options| options).await.is_err(), "{message} is accepted as a message");
    }
    Ok(())
}
