//! `zengine receive`.

use serde_json::{Value, json};
use zengine_connector::InboundEvent;

use crate::support::{APP_SECRET, Files, NOBODY, Run, VERIFY_TOKEN, WHATSAPP, file, signature, webhook, written, zengine};

fn receive(config: &str, more: &[&str], body: impl AsRef<[u8]>) -> Run {
    zengine(&[&["receive", WHATSAPP, "--config", config], more].concat(), body)
}

fn config(change: impl FnOnce(&mut Value)) -> (Files, String) {
    let files = Files::new();
    let mut content = file(NOBODY);
    change(&mut content);
    let path = files.write("file.json", &content);
    (files, path)
}

#[test]
fn a_signed_request_becomes_its_tenants_events() {
    let (_files, path) = config(|_| {});
    let body = webhook(&json!([written("wamid.1"), written("wamid.2")]));
    let run = receive(&path, &["--header", &signature(body.as_bytes())], &body).ended(0);
    let lines = run.lines();
    assert_eq!(lines.len(), 2);
    for (line, id) in lines.iter().zip(["wamid.1", "wamid.2"]) {
        assert_eq!(
            (&line["v"], &line["type"], &line["tenant"], &line["strategy"]),
            (&json!(1), &json!("message"), &json!("acme"), &json!(WHATSAPP))
        );
        assert_eq!((&line["content"], &line["provider_ids"]), (&json!({ "type": "text", "body": "Hi" }), &json!([id])));
        assert_eq!((&line["raw"], &line["occurred_at_ms"]), (&written(id), &json!(1_760_000_000_000_i64)));
        serde_json::from_value::<InboundEvent>(line.clone()).unwrap();
    }
    assert!(run.err.is_empty(), "{run:?}");
}

#[test]
fn the_exact_bytes_are_verified() {
    let (_files, path) = config(|_| {});
    let body = webhook(&json!([written("wamid.1")]));
    for odd in [format!("{body}\n"), format!(" {body}"), body.replace("Hi", "\\u00e9\u{e9}")] {
        receive(&path, &["--header", &signature(odd.as_bytes())], &odd).ended(0);
        receive(&path, &["--header", &signature(body.as_bytes())], &odd).ended(3);
    }
}

#[test]
fn a_rejected_request_exits_3_with_a_reason_and_no_signature() {
    let (_files, path) = config(|_| {});
    let body = webhook(&json!([written("wamid.1")]));
    let right = signature(body.as_bytes());
    let wrong = signature(b"another");
    let hex = right.rsplit_once('=').unwrap().1;
    for (arguments, body) in [
        (vec![], body.as_str()),
        (vec!["--header", &wrong], &body),
        (vec!["--header", "X-Hub-Signature-256: sha256="], &body),
        (vec!["--header", &right, "--method", "PUT"], &body),
        (vec!["--header", &right], ""),
        (vec!["--method", "GET", "--path", "/?hub.mode=subscribe&hub.verify_token=x&hub.challenge=1"], ""),
        (vec!["--method", "GET"], ""),
    ] {
        let run = receive(&path, &arguments, body).ended(3);
        assert!(run.out.is_empty() && run.err.starts_with("error: the request is rejected with 4"), "{run:?}");
        assert!(!run.err.contains(hex) && !run.err.contains("canary"), "{run:?}");
        assert_eq!(run.err.lines().count(), 1);
    }
}

#[test]
fn a_rejection_says_what_is_wrong_with_the_credentials() {
    let (_files, path) = config(|_| {});
    let body = webhook(&json!([written("wamid.1")]));
    let wrong = signature(b"another");
    for (arguments, fault) in
        [(vec![], "missing"), (vec!["--header", "X-Hub-Signature-256: sha256="], "malformed"), (vec!["--header", &wrong], "wrong")]
    {
        let run = receive(&path, &arguments, &body).ended(3);
        assert!(run.err.contains(&format!("401: not authenticated (credentials: {fault})")), "{run:?}");
    }
    for (query, fault) in [
        ("hub.mode=subscribe&hub.challenge=1", "missing"),
        ("hub_mode=subscribe&hub_challenge=1&hub_verify_token=x", "malformed"),
        ("hub.mode=subscribe&hub.challenge=1&hub.verify_token=x", "wrong"),
    ] {
        let run = receive(&path, &["--method", "GET", "--path", &format!("/?{query}")], "").ended(3);
        assert!(run.err.contains(&format!("403: forbidden (credentials: {fault})")), "{run:?}");
    }
}

#[test]
fn a_handshake_prints_the_challenge() {
    let (_files, path) = config(|_| {});
    let query = format!("/hook?hub.mode=subscribe&hub.verify_token={VERIFY_TOKEN}&hub.challenge=1158201444");
    assert_eq!(receive(&path, &["--method", "GET", "--path", &query], "").ended(0).out, "1158201444\n");
    let query = query.replace("1158201444", "%1b%5b31mX%0aforged%f3%a0%81%81");
    assert_eq!(receive(&path, &["--method", "GET", "--path", &query], "").ended(0).out, "\\u{1b}[31mX\\nforged\\u{e0041}\n");
}

#[test]
fn routes_decide_the_tenant_and_tenant_has_the_rest() {
    let body = webhook(&json!([written("wamid.1")]));
    let signed = signature(body.as_bytes());
    let tenants = |change: fn(&mut Value), more: &[&str]| -> Vec<Value> {
        let (_files, path) = config(change);
        let run = receive(&path, &[&["--header", &signed], more].concat(), &body).ended(0);
        run.lines()
            .into_iter()
            .map(|line| if line["type"] == "element_error" { line["reason"].clone() } else { line["tenant"].clone() })
            .collect()
    };
    assert_eq!(tenants(|_| {}, &["--tenant", "globex"]), ["acme"]);
    let elsewhere = |file: &mut Value| file["routes"] = json!([{ "kind": "phone_number_id", "value": "7", "tenants": ["acme"] }]);
    assert_eq!(tenants(elsewhere, &[]), ["unknown tenant: no tenant has any of the event's routes"]);
    assert_eq!(tenants(elsewhere, &["--tenant", "globex"]), ["globex"]);
    let none = |file: &mut Value| drop(file.as_object_mut().unwrap().remove("routes"));
    assert_eq!(tenants(none, &[]), ["cli"]);
    let shared = |file: &mut Value| file["routes"][0]["tenants"] = json!(["acme", "globex"]);
    assert_eq!(tenants(shared, &[]), ["ambiguous tenant: several tenants have a route that must belong to one"]);
}

#[test]
fn a_secret_that_is_needed_and_not_given_is_named_by_its_pointer() {
    let (_files, path) = config(|file| file["instance"] = json!({}));
    let body = webhook(&json!([]));
    let run = receive(&path, &["--header", &signature(body.as_bytes())], &body).ended(2);
    assert!(run.err.starts_with("/instance/app_secret: "), "{run:?}");
    let query = "/?hub.mode=subscribe&hub.verify_token=x&hub.challenge=1";
    let run = receive(&path, &["--method", "GET", "--path", query], "").ended(2);
    assert!(run.err.starts_with("/instance/verify_token: "), "{run:?}");
    // The tenant's configuration is not needed to verify.
    let (_files, path) = config(|file| *file = json!({ "instance": { "app_secret": APP_SECRET } }));
    receive(&path, &["--header", &signature(body.as_bytes())], &body).ended(0);
}

#[test]
fn a_status_names_the_message_that_it_is_about() {
    let bench = crate::support::Bench::new();
    bench.send(&crate::support::text(), &["--id", "order-17", "--tenant", "acme"]).ended(0);
    let sent = bench.meta.journal().accepted().pop().unwrap();
    let status = json!({ "id": sent.message_id, "status": "delivered", "timestamp": "1760000001", "recipient_id": "15551230001",
        "biz_opaque_callback_data": sent.body["biz_opaque_callback_data"] });
    let body = webhook(&json!([])).replace("\"messages\":[]", &format!("\"statuses\":[{status}]"));
    let line = receive(&bench.config, &["--header", &signature(body.as_bytes())], &body).ended(0).line();
    assert_eq!((&line["type"], &line["state"], &line["client_message_id"]), (&json!("status"), &json!("delivered"), &json!("order-17")));
}

#[test]
fn unverified_payloads_need_no_file_and_no_signature() {
    let body = webhook(&json!([written("wamid.1"), 7, written("wamid.2")]));
    let lines = zengine(&["receive", WHATSAPP, "--no-verify"], &body).ended(0).lines();
    let types: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["message", "element_error", "message"]);
    assert_eq!((&lines[0]["tenant"], &lines[1]["raw"]), (&json!("unverified"), &json!(7)));
    assert!(lines[1]["path"].as_str().unwrap().ends_with("/messages/1") && lines[1]["reason"].is_string());
    let named = zengine(&["receive", WHATSAPP, "--no-verify", "--tenant", "acme"], &body).ended(0).lines();
    assert_eq!(named[0]["tenant"], "acme");
    // A file only adds its routes.
    let (_files, path) = config(|file| file["instance"] = json!({}));
    let routed = zengine(&["receive", WHATSAPP, "--no-verify", "--config", &path], &body).ended(0).lines();
    assert_eq!(routed[0]["tenant"], "acme");
}

#[test]
fn every_fixture_gives_one_line_per_event_also_where_it_is_spread_over_lines() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/whatsapp-meta-cloud");
    let mut seen = 0;
    for path in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        let Some(expected) = path.to_str().and_then(|name| name.strip_suffix(".in.json")).map(|name| format!("{name}.expect.json")) else {
            continue;
        };
        let body = std::fs::read_to_string(&path).unwrap();
        let expected: Vec<Value> = serde_json::from_slice(&std::fs::read(expected).unwrap()).unwrap();
        let lines = zengine(&["receive", WHATSAPP, "--no-verify"], body.replace(",\"", ",\n  \"")).ended(0).lines();
        assert_eq!(lines.len(), expected.len(), "{path:?}");
        for (line, expected) in lines.iter().zip(&expected) {
            let kind = expected["event"]["type"].as_str().unwrap_or("element_error");
            assert_eq!(line["type"], kind, "{path:?}");
        }
        seen += 1;
    }
    assert!(seen > 30);
}

#[test]
fn garbage_is_an_element_error_and_never_more() {
    let deep = "[".repeat(200_000);
    for body in ["", "garbage", "null", "[]", "{}", "\u{0}", "7", "{\"entry\":7}", "{\"entry\":[{}]}", &deep] {
        let run = zengine(&["receive", WHATSAPP, "--no-verify"], body).ended(0);
        assert!(!run.lines().is_empty() && run.err.is_empty(), "{:?}", &run.out[..run.out.len().min(200)]);
    }
    let run = zengine(&["receive", WHATSAPP, "--no-verify"], b"\xff\xfe{").ended(0);
    assert_eq!((&run.line()["type"], &run.line()["raw_base64"]), (&json!("element_error"), &json!("//57")));
}

#[test]
fn arguments_that_make_no_request_exit_2() {
    for wrong in [
        &["--header", "no colon"][..],
        &["--header", "a b: c"],
        &["--method", "G ET"],
        &["--path", "a b"],
        &["--peer", "here"],
        &["--tenant", ""],
    ] {
        let run = zengine(&[&["receive", WHATSAPP, "--no-verify"], wrong].concat(), "{}").ended(2);
        assert!(run.out.is_empty() && !run.err.is_empty(), "{run:?}");
    }
    let fine =
        ["receive", WHATSAPP, "--no-verify", "--header", "A:b", "--header", "a: c", "--method", "PUT", "--path", "/a?b", "--peer", "::1"];
    zengine(&fine, "{}").ended(0);
}
