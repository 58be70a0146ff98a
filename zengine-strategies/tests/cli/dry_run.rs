//! `zengine send --dry-run`: what would be sent, and nothing is.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::support::{APP_SECRET, Bench, NOBODY, TOKEN, WHATSAPP, command, file, message, text, zengine};

/// One message of each kind that WhatsApp carries.
fn messages() -> Vec<(&'static str, Value)> {
    let link = |kind: &str| json!({ "type": "media", "kind": kind, "source": { "type": "url", "url": "https://example.org/a" } });
    let handle = json!({ "kind": "image", "source": { "type": "handle", "id": "1" } });
    let interactive = |kind: &str, mut members: Value| {
        members["type"] = "interactive".into();
        members["kind"] = kind.into();
        members
    };
    vec![
        ("text", json!({ "type": "text", "body": "Hello" })),
        ("image", link("image")),
        ("video", link("video")),
        ("audio", link("audio")),
        ("document", link("document")),
        ("sticker", link("sticker")),
        ("location", json!({ "type": "location", "latitude": 1.5, "longitude": 2.5 })),
        ("contacts", json!({ "type": "contacts", "contacts": [{ "name": { "formatted_name": "Ana", "first_name": "Ana" } }] })),
        ("reaction", json!({ "type": "reaction", "target": "wamid.1", "emoji": "👍" })),
        ("read mark", json!({ "type": "read_mark", "target": "wamid.1" })),
        ("typing", json!({ "type": "typing", "target": "wamid.1" })),
        ("template", json!({ "type": "template", "name": "order_ready", "language": "en_US" })),
        ("native", json!({ "type": "native", "value": { "type": "text", "text": { "body": "x" } } })),
        ("buttons", interactive("buttons", json!({ "body": "b", "buttons": [{ "id": "1", "title": "t" }] }))),
        (
            "list",
            interactive(
                "list",
                json!({ "body": "b", "button": "o", "sections": [{ "title": "s", "rows": [{ "id": "1", "title": "t" }] }] }),
            ),
        ),
        ("link", interactive("cta_url", json!({ "body": "b", "label": "l", "url": "https://example.org" }))),
        ("flow", interactive("flow", json!({ "body": "b", "label": "l", "flow_id": "f", "screen": "s" }))),
        (
            "carousel",
            interactive(
                "carousel",
                json!({ "body": "b", "cards": [
                    { "type": "link", "media": handle, "body": "b", "label": "l", "url": "https://example.org" },
                    { "type": "link", "media": handle, "body": "b", "label": "l", "url": "https://example.org" },
                ] }),
            ),
        ),
    ]
}

#[test]
fn every_kind_shows_the_request_that_is_really_sent() {
    let bench = Bench::new();
    for (kind, content) in messages() {
        let message = message(content);
        let shown = bench.send(&message, &["--id", "order-17", "--dry-run"]).ended(0);
        assert!(bench.meta.journal().entries().is_empty(), "{kind}");
        assert!(shown.err.is_empty(), "{kind}: {shown:?}");
        let line = shown.line();
        assert_eq!(line.as_object().unwrap().keys().collect::<Vec<_>>(), ["body", "headers", "method", "url"]);
        assert_eq!(line["method"], "POST");
        assert_eq!(line["url"], format!("{}/v26.0/100200300/messages", bench.meta.base_url()), "{kind}");
        assert_eq!(
            (&line["headers"]["authorization"], &line["headers"]["content-type"]),
            (&json!("Bearer ***"), &json!("application/json"))
        );

        bench.send(&message, &["--id", "order-17"]);
        let sent = bench.meta.journal().entries().pop().unwrap();
        assert_eq!(line["body"], sent.body, "{kind}");
        bench.meta.journal().clear();
    }
}

#[test]
fn a_file_is_uploaded_first_and_its_bytes_are_counted() {
    let bench = Bench::new();
    let picture = message(json!({ "type": "media", "kind": "image", "mime": "image/png", "filename": "a.png",
        "source": { "type": "inline", "data": "iVBORw0KGgo=" } }));
    let lines = bench.send(&picture, &["--id", "order-17", "--dry-run"]).ended(0).lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0]["url"].as_str().unwrap().ends_with("/100200300/media"));
    let parts = lines[0]["body"]["multipart"].as_array().unwrap();
    let file = parts.iter().find(|part| part["name"] == "file").unwrap();
    assert_eq!((&file["bytes"], &file["content_type"], &file["filename"]), (&json!(8), &json!("image/png"), &json!("image.png")));
    assert_eq!(parts.iter().find(|part| part["name"] == "messaging_product").unwrap()["value"], "whatsapp");
    assert_eq!(bench.meta.journal().request_count(), 0);

    let sent = bench.send(&picture, &["--id", "order-17"]).ended(0);
    assert_eq!(sent.line()["outcome"], "delivered");
    let mut real = bench.meta.journal().accepted()[0].body.clone();
    assert!(real["image"]["id"].is_string());
    real["image"]["id"] = lines[1]["body"]["image"]["id"].clone();
    assert_eq!(lines[1]["body"], real);
}

#[test]
fn a_token_that_ends_is_asked_about_first_and_shows_none_of_its_secrets() {
    let files = crate::support::Files::new();
    for kind in ["renewable", "expiring"] {
        let mut content = file(NOBODY);
        content["config"]["app_secret"] = json!({ "secret": "app" });
        content["secrets"]["app"] = APP_SECRET.into();
        (content["config"]["token_kind"], content["config"]["app_id"]) = (kind.into(), "100".into());
        let path = files.write("file.json", &content);
        let run = zengine(&["send", WHATSAPP, "--config", &path, "--dry-run"], text().to_string()).ended(0);
        let lines = run.lines();
        let paths: Vec<_> = lines.iter().map(|line| line["url"].as_str().unwrap().split('?').next().unwrap()).collect();
        assert!(paths[0].ends_with("/debug_token") && paths[1].ends_with("/100200300/messages") && paths.len() == 2, "{lines:?}");
        assert!(!run.out.contains("canary-token") && !run.out.contains(APP_SECRET), "{lines:?}");
    }
}

#[test]
fn the_emulator_judges_what_would_be_sent() {
    let files = crate::support::Files::new();
    let path = files.write("file.json", &file("https://proxy.example/graph"));
    // The strategy leaves it to the provider what a native message may hold.
    let message = message(json!({ "type": "native", "value": { "type": "text", "text": { "body": "x".repeat(4_097) } } }));
    let run = zengine(&["send", WHATSAPP, "--config", &path, "--dry-run"], message.to_string()).ended(4);
    assert_eq!(run.line()["url"], "https://proxy.example/graph/v26.0/100200300/messages");
    let [error, note] = run.err.lines().collect::<Vec<_>>()[..] else { panic!("{run:?}") };
    assert!(error.contains("131009"), "{run:?}");
    assert_eq!(note, "note: the emulator says: text['body']: length is 4097, must be 1 to 4096");
}

#[test]
fn what_the_provider_does_not_limit_is_shown() {
    let files = crate::support::Files::new();
    let path = files.write("file.json", &file(NOBODY));
    let template = |component: Value| json!({ "type": "template", "name": "order_ready", "language": "en_US", "components": [component] });
    let payload = json!([{ "type": "payload", "payload": "p".repeat(1_024) }]);
    let native = |members: Value| json!({ "type": "native", "value": members });
    let text = json!({ "body": "x" });
    for content in [
        template(json!({ "type": "button", "sub_type": "quick_reply", "index": 0, "parameters": payload })),
        template(json!({ "type": "tap_target", "url": "https://e.example", "title": "T".repeat(61) })),
        json!({ "type": "media", "kind": "document", "filename": "a".repeat(245), "source": { "type": "handle", "id": "1" } }),
        json!({ "type": "interactive", "kind": "cta_url", "body": "b", "label": "l", "url": "HTTPS://E.EXAMPLE" }),
        native(json!({ "type": "text", "text": text, "category": "utility", "ttl_seconds": 43_200 })),
        native(json!({ "type": "text", "text": text, "category": "authentication" })),
        json!({ "type": "read_mark", "target": "ABGGFlA5Fpa" }),
        json!({ "type": "typing", "target": "ABGGFlA5Fpa" }),
        json!({ "type": "reaction", "target": "wamid.1", "emoji": "\u{1f44d}".repeat(32) }),
    ] {
        let run = zengine(&["send", WHATSAPP, "--config", &path, "--dry-run"], message(content).to_string()).ended(0);
        assert!(run.err.is_empty(), "{run:?}");
    }
    let short = json!({ "to": "+1", "content": { "type": "text", "body": "x" } });
    zengine(&["send", WHATSAPP, "--config", &path, "--dry-run"], short.to_string()).ended(0);
    for more in
        [json!({ "ttl_seconds": 600 }), json!({ "category": "authentication", "ttl_seconds": 901 }), json!({ "category": "marketing" })]
    {
        let mut members = json!({ "type": "text", "text": text });
        members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        zengine(&["send", WHATSAPP, "--config", &path, "--dry-run"], message(native(members)).to_string()).ended(4);
    }
}

#[test]
fn a_warning_is_told_beside_the_request() {
    let files = crate::support::Files::new();
    let path = files.write("file.json", &file(NOBODY));
    let form = json!({ "type": "interactive", "kind": "flow", "body": "b", "label": "A label of 24 characters", "flow_id": "1" });
    let run = zengine(&["send", WHATSAPP, "--config", &path, "--dry-run"], message(form).to_string()).ended(0);
    assert_eq!(run.line()["body"]["type"], "interactive");
    assert_eq!(run.err, "/content/label: warning: too long, in characters (limit 20, actual 24): use at most 20 characters\n");
}

#[test]
fn nothing_leaves_the_machine_not_even_a_question_for_a_name() {
    let files = crate::support::Files::new();
    let path = files.write("file.json", &file("https://no-such-host.invalid"));
    let line = zengine(&["send", WHATSAPP, "--config", &path, "--dry-run"], text().to_string()).ended(0).line();
    assert_eq!(line["url"], "https://no-such-host.invalid/v26.0/100200300/messages");
}

#[test]
fn a_secret_is_hidden_wherever_the_message_repeats_it() {
    let files = crate::support::Files::new();
    let mut content = file(NOBODY);
    content["config"]["app_secret"] = json!({ "secret": "app" });
    content["secrets"]["app"] = APP_SECRET.into();
    let path = files.write("file.json", &content);
    let body = format!("{TOKEN} Y2FuYXJ5LXRva2VuLTE= canary%2Dtoken%2D1 {APP_SECRET} 63616e6172792d746f6b656e2d31");
    let message = message(json!({ "type": "text", "body": body }));
    let run = zengine(&["send", WHATSAPP, "--config", &path, "--dry-run"], message.to_string()).ended(0);
    let line = run.line();
    assert_eq!(line["body"]["text"]["body"], "*** *** *** *** ***");
    assert!(line["url"].as_str().unwrap().ends_with("/messages?appsecret_proof=***"), "{line}");
    assert!(!run.out.contains("canary"), "{run:?}");
}

#[test]
fn secrets_of_the_environment_and_of_files_are_hidden_too() {
    let files = crate::support::Files::new();
    std::fs::write(files.path("secret"), "canary-from-a-file\n").unwrap();
    let mut content = file(NOBODY);
    content["config"]["access_token"] = json!({ "env": "ZENGINE_TEST_TOKEN" });
    content["instance"]["verify_token"] = json!({ "file": files.path("secret") });
    content["secrets"]["nested"] = json!({ "a": { "b": ["canary-nested"] } });
    let path = files.write("file.json", &content);
    let message = message(json!({ "type": "text", "body": "canary-from-env canary-from-a-file canary-nested" }));
    let mut child =
        command(&["send", WHATSAPP, "--config", &path, "--dry-run"]).env("ZENGINE_TEST_TOKEN", "canary-from-env").spawn().unwrap();
    child.stdin.take().unwrap().write_all(message.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&line["body"]["text"]["body"], &line["headers"]["authorization"]), (&json!("*** *** ***"), &json!("Bearer ***")));
    assert!(output.stderr.is_empty());
}

#[test]
fn what_would_be_refused_is_refused() {
    let bench = Bench::new();
    let run = bench.send(&message(json!({ "type": "text", "body": "" })), &["--dry-run"]).ended(2);
    assert!(run.out.is_empty() && run.err.contains("/content/body"), "{run:?}");
    let nobody =
        json!({ "to": { "ids": [{ "kind": "email", "value": "canary@example.org" }] }, "content": { "type": "text", "body": "x" } });
    let run = bench.send(&nobody, &["--dry-run"]).ended(2);
    assert!(run.out.is_empty() && run.err.starts_with("/to: ") && !run.err.contains("canary"), "{run:?}");
}
