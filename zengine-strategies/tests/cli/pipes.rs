//! Pipes that close early, and inputs that are large.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::Stdio,
};

use serde_json::{Value, json};
use zengine_strategies::sandbox::Fault;

use crate::support::{Bench, Files, NOBODY, WHATSAPP, command, file, signature, text, webhook, written, zengine};

fn many(count: usize) -> String {
    webhook(&Value::Array((0..count).map(|n| written(&format!("wamid.{n}"))).collect()))
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    let mut child = command(&["receive", WHATSAPP, "--no-verify"]).spawn().unwrap();
    child.stdin.take().unwrap().write_all(many(5_000).as_bytes()).unwrap();
    let mut first = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut first).unwrap();
    drop(out);
    assert_eq!(serde_json::from_str::<Value>(&first).unwrap()["type"], "message");
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap()), (Some(0), String::new()));
}

#[test]
fn a_closed_standard_error_harms_nobody() {
    let mut child = command(&["schema", "nothing", "config"]).stdin(Stdio::null()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(2));
}

#[test]
fn completions_and_schemas_survive_a_closed_pipe() {
    for arguments in [&["completions", "zsh"][..], &["schema", WHATSAPP, "message"], &["strategies"], &["strategies", "--json"]] {
        let mut child = command(arguments).spawn().unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap()), (Some(0), String::new()), "{arguments:?}");
    }
}

#[test]
fn a_large_stored_payload_is_read_whole() {
    let body = many(20_000);
    assert!(body.len() > 1 << 20);
    let run = zengine(&["receive", WHATSAPP, "--no-verify"], &body).ended(0);
    assert_eq!(run.out.lines().count(), 20_000);
}

#[test]
fn what_is_larger_than_a_host_takes_is_rejected() {
    let files = Files::new();
    let path = files.write("file.json", &file(NOBODY));
    let body = vec![b' '; (4 << 20) + 1];
    let run = zengine(&["receive", WHATSAPP, "--config", &path, "--header", &signature(&body)], &body).ended(3);
    assert!(run.out.is_empty() && run.err.contains("413"), "{run:?}");
    let body = vec![b' '; (64 << 20) + 1];
    let run = zengine(&["receive", WHATSAPP, "--no-verify"], &body).ended(3);
    assert!(run.err.contains("413"), "{run:?}");
}

#[test]
fn events_come_in_the_order_of_the_payload() {
    let lines = zengine(&["receive", WHATSAPP, "--no-verify"], many(300)).ended(0).lines();
    let ids: Vec<_> = lines.iter().map(|line| line["provider_ids"][0].clone()).collect();
    assert_eq!(ids, (0..300).map(|n| json!(format!("wamid.{n}"))).collect::<Vec<_>>());
}

#[test]
fn the_exit_code_tells_the_outcome_also_where_nobody_reads_it() {
    let bench = Bench::new();
    bench.meta.fail_always(Fault::code(131_047));
    let mut child = command(&["send", WHATSAPP, "--config", &bench.config]).spawn().unwrap();
    drop(child.stdout.take());
    child.stdin.take().unwrap().write_all(text().to_string().as_bytes()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(4));
}
