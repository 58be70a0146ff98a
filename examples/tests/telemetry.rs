//! The example `telemetry`, as a person runs it.
#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected fails")]

#[path = "../examples/telemetry.rs"]
#[allow(dead_code, reason = "its main")]
mod telemetry;

use std::{
    io,
    sync::{Arc, Mutex},
};

/// The output of the example.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_example_writes_lines_records_counters_and_a_status() {
    let written = Written::default();
    telemetry::run(|| written.clone()).await.unwrap();
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let json: Vec<serde_json::Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let completed = json.iter().filter(|line| line["message"] == "send.completed");
    assert_eq!(completed.map(|line| line["level"].as_str().unwrap()).collect::<Vec<_>>(), ["INFO", "INFO", "WARN"], "{text}");
    assert_eq!(json.iter().filter(|line| line.get("_aws").is_some()).count(), 3, "one record for each send: {text}");
    assert!(text.contains("zengine_sends_total{strategy=\"recording\",outcome=\"delivered\"} 2"), "{text}");
    assert_eq!(json.last().unwrap()["last_error"]["kind"], "unauthorized", "{text}");
    assert!(!text.contains("15551230001") && !text.contains("parcel"), "{text}");
}
