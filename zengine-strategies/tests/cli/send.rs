//! `zengine send`.

use serde_json::{Value, json};
use zengine_strategies::sandbox::Fault;

use crate::support::{Bench, NOBODY, PHONE, WHATSAPP, file, message, text, zengine};

#[test]
fn a_delivered_message_is_one_line_with_the_providers_id() {
    let bench = Bench::new();
    let run = bench.send(&text(), &["--id", "order-17", "--tenant", "acme"]).ended(0);
    let line = run.line();
    assert_eq!((&line["outcome"], &line["client_message_id"], &line["tenant"]), (&json!("delivered"), &json!("order-17"), &json!("acme")));
    assert_eq!((&line["attempts"], &line["replayed"]), (&json!(1), &json!(false)));
    let accepted = bench.meta.journal().accepted();
    assert_eq!(line["receipt"]["provider_ids"], json!([accepted[0].message_id]));
    assert_eq!(line["receipt"]["data"]["wa_id"], "15551230001");
    assert!(run.err.is_empty(), "{run:?}");
}

#[test]
fn an_id_is_made_where_none_is_given_and_a_new_one_each_time() {
    let bench = Bench::new();
    let ids: Vec<Value> = (0..2).map(|_| bench.send(&text(), &[]).ended(0).line()["client_message_id"].clone()).collect();
    assert!(ids[0].as_str().unwrap().starts_with("cli-") && ids[0] != ids[1], "{ids:?}");
    assert_eq!(bench.meta.journal().accepted_count(), 2);
}

#[test]
fn a_store_makes_the_same_id_the_same_message() {
    let bench = Bench::new();
    let store = bench.files.path("store.db");
    let more = ["--id", "order-17", "--store", store.to_str().unwrap()];
    let lines = [false, true].map(|replayed| {
        let line = bench.send(&text(), &more).ended(0).line();
        assert_eq!(line["replayed"], replayed);
        line
    });
    assert_eq!(lines[0]["receipt"]["provider_ids"], lines[1]["receipt"]["provider_ids"]);
    assert_eq!(bench.meta.journal().accepted_count(), 1);
    // Another message under the id is refused.
    let other = bench.send(&message(json!({ "type": "text", "body": "another" })), &more).ended(2);
    assert!(other.out.is_empty() && other.err.contains("error"), "{other:?}");
}

#[test]
fn a_refused_message_exits_4_with_the_providers_code() {
    let bench = Bench::new();
    bench.meta.fail_next(Fault::code(131_047));
    let run = bench.send(&text(), &["--id", "order-17"]).ended(4);
    let line = run.line();
    assert_eq!(
        (&line["outcome"], &line["error"]["code"], &line["error"]["kind"]),
        (&json!("failed"), &json!("131047"), &json!("window_closed"))
    );
    assert_eq!((&line["error"]["fault"], &line["reach"]), (&json!("domain"), &json!("processed")));
    assert!(line["failure_id"].is_string() && line["dead_letter"]["attempts"].is_array(), "{line}");
    assert!(run.err.starts_with("error: the message failed"), "{run:?}");
}

#[test]
fn a_connection_that_is_refused_exits_4_because_nothing_was_sent() {
    let files = crate::support::Files::new();
    let path = files.write("file.json", &file(NOBODY));
    let run = zengine(&["send", WHATSAPP, "--config", &path, "--timeout", "2"], text().to_string());
    let line = run.line();
    assert!(run.code == 4 || run.code == 6, "{run:?}");
    assert_ne!(line["outcome"], "delivered");
}

#[test]
fn a_lost_answer_exits_5_and_is_not_sent_again() {
    let bench = Bench::new();
    bench.meta.fail_always(Fault::reset_after_accepting());
    let line = bench.send(&text(), &["--timeout", "8"]).ended(5).line();
    assert_eq!((&line["outcome"], &line["reach"]), (&json!("unknown"), &json!("maybe")));
    assert_eq!(bench.meta.journal().accepted_count(), 1);
}

#[test]
fn a_throttled_message_exits_6_with_the_time_to_wait() {
    let bench = Bench::new();
    bench.meta.fail_always(Fault::throttle());
    let run = bench.send(&text(), &["--timeout", "5"]).ended(6);
    let line = run.line();
    assert_eq!(line["outcome"], "deferred");
    assert!(line["reason"].is_string() && line["retry_after_ms"].as_u64().unwrap() > 0, "{line}");
    assert!(run.err.contains("cannot be sent now"), "{run:?}");
}

#[test]
fn invalid_messages_are_told_by_pointers_before_anything_is_sent() {
    let bench = Bench::new();
    for (message, pointer) in [
        (message(json!({ "type": "text", "body": "" })), "/content/body: "),
        (message(json!({ "type": "text", "body": 1 })), "/content/body: "),
        (json!({ "content": { "type": "text", "body": "x" } }), "/to: "),
        (message(json!({ "type": "carrier_pigeon" })), "/content/type: "),
        (json!([]), "/: "),
        (message(json!({ "type": "interactive", "kind": "buttons", "body": "x".repeat(2000), "buttons": [] })), "/content/body: too long"),
    ] {
        let run = bench.send(&message, &[]).ended(2);
        assert!(run.out.is_empty() && run.err.contains(pointer), "{pointer}: {run:?}");
        assert!(!run.err.contains(PHONE), "{run:?}");
    }
    for garbage in ["", "{", "canary", "\u{0}"] {
        let run = zengine(&["send", WHATSAPP, "--config", &bench.config], garbage).ended(2);
        assert!(run.err.contains("is not JSON") && !run.err.contains("canary"), "{run:?}");
    }
    assert_eq!(bench.meta.journal().request_count(), 0);
}

#[test]
fn invalid_arguments_exit_2() {
    let bench = Bench::new();
    for wrong in [&["--id", ""][..], &["--id", "a\u{7}"], &["--tenant", ""], &["--timeout", "0"], &["--degrade", "x"]] {
        let run = bench.send(&text(), wrong).ended(2);
        assert!(run.out.is_empty() && !run.err.is_empty(), "{run:?}");
    }
    assert_eq!(bench.meta.journal().request_count(), 0);
}

#[test]
fn a_wrong_token_fails_and_names_no_token() {
    let bench = Bench::new();
    bench.meta.set_token("100200300", "another");
    let run = bench.send(&text(), &[]).ended(4);
    assert_eq!(run.line()["error"]["kind"], "unauthorized");
    assert!(!run.out.contains("canary-token") && !run.err.contains("canary"), "{run:?}");
}
