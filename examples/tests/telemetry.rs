//! The example `telemetry`, as a person runs it.

#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected fails")]

use std::process::Command;

/// Built beside this test.
fn example() -> Command {
    let folder = std::env::current_exe().unwrap();
    Command::new(folder.parent().unwrap().with_file_name("examples").join("telemetry"))
}

#[test]
fn the_example_prints_lines_records_counters_and_a_status() {
    let output = example().output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let json: Vec<serde_json::Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let completed: Vec<_> = json.iter().filter(|line| line["message"] == "send.completed").collect();
    assert_eq!(completed.iter().map(|line| line["level"].as_str().unwrap()).collect::<Vec<_>>(), ["INFO", "INFO", "WARN"], "{text}");
    assert_eq!(json.iter().filter(|line| line.get("_aws").is_some()).count(), 3, "one record for each send: {text}");
    assert!(text.contains("zengine_sends_total{strategy=\"recording\",outcome=\"delivered\"} 2"), "{text}");
    assert_eq!(json.last().unwrap()["last_error"]["kind"], "unauthorized", "{text}");
    assert!(!text.contains("15551230001") && !text.contains("parcel"), "{text}");
}
