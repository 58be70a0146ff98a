//! The command of this strategy, as a process.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::{
    fs,
    process::{Command, Output},
};

use serde_json::{Value, json};

/// Runs the command over a file of this instance, and a message.
fn run(name: &str, instance: &Value, arguments: &[&str]) -> (Output, String) {
    let path = format!("{}/{name}.json", env!("CARGO_TARGET_TMPDIR"));
    let to = json!({ "kind": "opaque", "ns": "acme-chat", "value": "visitor-1" });
    let message = json!({ "to": to, "content": { "type": "text", "body": "Hello" } });
    fs::write(&path, message.to_string()).unwrap();
    let input = fs::File::open(&path).unwrap();
    let config = json!({ "site": "shop", "api_key": { "secret": "key" }, "webhook_secret": { "secret": "hook" } });
    let file = json!({ "instance": instance, "config": config, "secrets": { "key": "example-key", "hook": "example-hook" } });
    let path = format!("{}/{name}.config.json", env!("CARGO_TARGET_TMPDIR"));
    fs::write(&path, file.to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_acme-chat"));
    let output = command.args(arguments).args(["--config", &path]).stdin(input).output().unwrap();
    let err = String::from_utf8(output.stderr.clone()).unwrap();
    (output, err)
}

#[test]
fn a_dry_run_shows_the_request_without_its_secrets() {
    let instance = json!({ "base_url": "https://api.example.com" });
    let (output, err) = run("fits", &instance, &["send", "acme-chat", "--dry-run"]);
    assert!(output.status.success(), "{err}");
    let out = String::from_utf8(output.stdout).unwrap();
    let request: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&request["url"], &request["body"]["text"]), (&json!("https://api.example.com/messages"), &json!("Hello")));
    assert!(!out.contains("example-key"), "{out}");
}

#[test]
fn a_file_without_an_address_is_refused_at_its_place() {
    let (output, err) = run("lacks", &json!({}), &["check", "acme-chat"]);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("/instance/base_url"), "{err}");
}
