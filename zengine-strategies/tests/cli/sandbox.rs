//! `zengine sandbox`.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command},
};

use serde_json::{Value, json};

use crate::support::{Files, WHATSAPP, command, text, zengine};

struct Sandbox {
    child: Child,
    line: Value,
}

impl Sandbox {
    fn start(more: &[&str]) -> Self {
        Self::start_in(more, [])
    }

    fn start_in<const N: usize>(more: &[&str], environment: [(&str, &str); N]) -> Self {
        let mut child = command(&[&["sandbox", "--json"], more].concat()).envs(environment).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, line: serde_json::from_str(&line).unwrap() }
    }

    /// Ends it by a signal; its exit code.
    fn stop(mut self, signal: &str) -> Option<i32> {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Ended already, where the test went well.
        let _ = self.child.kill();
    }
}

#[test]
fn the_other_commands_work_against_it_by_the_file_it_gives() {
    let files = Files::new();
    let written = files.path("written.json");
    let sandbox = Sandbox::start(&[WHATSAPP, "--write", written.to_str().unwrap()]);
    assert_eq!(sandbox.line["strategy"], WHATSAPP);
    assert!(sandbox.line["base_url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    let on_disk: Value = serde_json::from_slice(&std::fs::read(&written).unwrap()).unwrap();
    assert_eq!(on_disk, sandbox.line["file"]);
    let path = files.write("file.json", &sandbox.line["file"]);
    zengine(&["check", WHATSAPP, "--config", &path], "").ended(0);
    assert_eq!(zengine(&["health", WHATSAPP, "--config", &path], "").ended(0).line()["status"], "healthy");
    let sent = zengine(&["send", WHATSAPP, "--config", &path], text().to_string()).ended(0).line();
    assert_eq!(sent["outcome"], "delivered");
    assert_eq!(sandbox.stop("-TERM"), Some(0));
}

#[test]
fn the_emulator_of_360dialog_answers_the_other_commands_and_dry_runs() {
    let files = Files::new();
    let sandbox = Sandbox::start(&["whatsapp-360dialog", "--set", "api_key=canary-key", "--set", "platform_secret=canary-secret"]);
    let path = files.write("file.json", &sandbox.line["file"]);
    zengine(&["check", "whatsapp-360dialog", "--config", &path], "").ended(0);
    assert_eq!(zengine(&["health", "whatsapp-360dialog", "--config", &path], "").ended(0).line()["status"], "healthy");
    let sent = zengine(&["send", "whatsapp-360dialog", "--config", &path], text().to_string()).ended(0).line();
    assert_eq!(sent["outcome"], "delivered");
    assert_eq!(sandbox.stop("-TERM"), Some(0));
    // Nothing listens there any more: the emulator answers within the command.
    let run = zengine(&["send", "whatsapp-360dialog", "--config", &path, "--dry-run"], text().to_string()).ended(0);
    assert!(run.out.contains("/messages") && !run.out.contains("canary-key"), "{run:?}");
    let wrong = zengine(&["sandbox", "whatsapp-360dialog", "--set", "waba_id=12WA"], "").ended(2);
    assert!(wrong.err.contains("`waba_id`"), "{wrong:?}");
}

#[test]
fn credentials_come_from_the_environment_and_stay_in_private_files() {
    let files = Files::new();
    let (written, journal) = (files.path("written.json"), files.path("journal"));
    // A file of an earlier run that others may read.
    std::fs::write(&written, "{}").unwrap();
    let environment = [
        ("ZENGINE_SANDBOX_NUMBERS", "1550001:2550001:a-token,1550002"),
        ("ZENGINE_SANDBOX_APP_SECRET", "an app secret"),
        ("ZENGINE_SANDBOX_VERIFY_TOKEN", "a verify token"),
    ];
    let paths = [WHATSAPP, "--write", written.to_str().unwrap(), "--journal", journal.to_str().unwrap()];
    let sandbox = Sandbox::start_in(&paths, environment);
    let text = sandbox.line.to_string();
    for part in ["1550001", "2550001", "a-token", "1550002", "an app secret", "a verify token"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    #[cfg(unix)]
    for path in [&written, &journal] {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    let help = zengine(&["sandbox", "--help"], "").ended(0);
    assert!(help.out.contains("ZENGINE_SANDBOX_APP_SECRET"), "{help:?}");
    assert_eq!(sandbox.stop("-TERM"), Some(0));
}

#[test]
fn control_calls_are_where_it_says() {
    let sandbox = Sandbox::start(&[WHATSAPP]);
    let control = sandbox.line["control"].as_str().unwrap();
    let (host, path) = control.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("/_sandbox/faults"), "{answer}");
    assert_eq!(sandbox.stop("-INT"), Some(0));
}

#[test]
fn numbers_and_secrets_can_be_chosen_and_the_journal_is_a_file() {
    let files = Files::new();
    let journal = files.path("journal.jsonl");
    let sandbox = Sandbox::start(&[
        WHATSAPP,
        "--set",
        "numbers=7:8:token,9",
        "--set",
        "app_secret=s",
        "--set",
        "verify_token=v",
        "--seed",
        "1",
        "--journal",
        journal.to_str().unwrap(),
    ]);
    assert_eq!(sandbox.line["numbers"][0], json!({ "phone_number_id": "7", "waba_id": "8", "access_token": "token" }));
    assert_eq!(sandbox.line["numbers"].as_array().unwrap().len(), 2);
    assert_eq!((&sandbox.line["app_secret"], &sandbox.line["verify_token"]), (&json!("s"), &json!("v")));
    let path = files.write("file.json", &sandbox.line["file"]);
    zengine(&["send", WHATSAPP, "--config", &path], text().to_string()).ended(0);
    assert_eq!(std::fs::read_to_string(&journal).unwrap().lines().count(), 1);
    assert_eq!(sandbox.stop("-INT"), Some(0));
}

#[test]
fn a_taken_port_and_a_wrong_option_say_so() {
    let sandbox = Sandbox::start(&[WHATSAPP]);
    let port = sandbox.line["base_url"].as_str().unwrap().rsplit_once(':').unwrap().1.to_owned();
    let run = zengine(&["sandbox", WHATSAPP, "--port", &port], "").ended(1);
    assert!(run.err.contains("cannot start"), "{run:?}");
    for (wrong, why) in [
        ("numbers=:x", "ID:ACCOUNT:TOKEN"),
        ("nombers=1", "known: numbers, app_secret, verify_token; did you mean numbers?"),
        ("numbers", "NAME=VALUE"),
        ("numbers=abc", "1 to 32 digits"),
        ("numbers=155,155", "an ID is given twice"),
    ] {
        let run = zengine(&["sandbox", WHATSAPP, "--set", wrong], "").ended(2);
        assert!(run.err.contains(why), "{wrong}: {run:?}");
    }
    let twice = zengine(&["sandbox", WHATSAPP, "--set", "numbers=1", "--set", "numbers=2"], "").ended(2);
    assert!(twice.err.contains("--set numbers is given twice"), "{twice:?}");
    assert_eq!(sandbox.stop("-TERM"), Some(0));
}
