//! Nothing secret or personal is printed. Beside these cases, every other one looks at all it sees printed.

use serde_json::json;

use super::{super::answer, prelude::*};
use crate::pipeline::Outcome;

/// A provider that repeats everything it was sent in its answers.
pub(crate) async fn a_provider_that_repeats_everything_leaks_nothing(kit: &Shared) -> Done {
    let (secrets, words) = (kit.secrets(), Sample::new(0).canaries());
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
            let mut response = answer::json(code, &body);
            for header in ["x-request-id", "x-error", "x-amzn-errortype", "retry-after", "www-authenticate"] {
                response.headers_mut().insert(header, all[0].parse().expect("a header value"));
            }
            let world = World::new(kit);
            world.wire.always(WireFault::Answer(response));
            // Both look at what is printed.
            let _ = world.attempt(0, 0).await;
            drop(world.send(0, 0, "echo-1").await);
        }
    }
    Ok(())
}

/// What is announced about a failed send names nobody and repeats nothing.
pub(crate) async fn announcements_name_nobody(kit: &Shared) -> Done {
    let world = World::new(kit);
    world.wire.always(WireFault::Answer(answer::json(400, &json!({}))));
    let outcome = world.send(0, 0, "announced-1").await.expect("a send");
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    let events = world.stores.events().published();
    assert_eq!(events.len(), 1, "a failed send is announced once");
    for event in events {
        kit.assert_clean("an announcement", &format!("{event:?} {}", serde_json::to_string(&event).unwrap()));
    }
    Ok(())
}

/// Logs are written, and say which tenant and strategy: otherwise their cleanness means nothing.
pub(crate) async fn logs_say_who_and_never_what(kit: &Shared) -> Done {
    let world = World::new(kit);
    let before = kit.logs.lines().len();
    drop(world.send(0, 0, "logged-1").await.expect("a send"));
    world.wire.always(WireFault::Answer(answer::json(400, &json!({}))));
    drop(world.send(0, 1, "logged-2").await.expect("a send"));
    let lines = kit.logs.lines().split_off(before);
    let names = [World::id(0).to_string(), kit.name.to_string()];
    for name in names {
        assert!(lines.iter().any(|line| line.contains(&name)), "no log line names {name}");
    }
    for line in &lines {
        kit.assert_clean("a log line", line);
    }
    Ok(())
}

/// A message that cannot be read is refused without being repeated.
pub(crate) async fn a_malformed_message_is_not_repeated(kit: &Shared) -> Done {
    let world = World::new(kit);
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
        // Some are messages all the same; whatever is said of the others repeats nothing.
        drop(world.send_json(0, message, &format!("wrong-{n}"), |options| options).await);
    }
    for message in &wrong[..3] {
        assert!(world.send_json(0, message, "wrong", |options| options).await.is_err(), "{message} is taken for a message");
    }
    Ok(())
}
