//! The ninth strategy in a host: both directions work, and the strategy stays small.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

#[path = "../examples/ninth_strategy.rs"]
#[allow(dead_code, reason = "its main")]
mod ninth_strategy;

use std::sync::mpsc;

use serde_json::Value;

const STRATEGY: &str = include_str!("../acme-chat/src/lib.rs");

/// The host's output.
fn output() -> Vec<String> {
    let (tell, told) = mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(ninth_strategy::host(move |line| tell.send(line).unwrap())).unwrap();
    told.iter().collect()
}

#[test]
fn a_ninth_strategy_sends_and_receives() {
    let lines = output();
    let with = |start: &str| lines.iter().filter_map(|line| line.strip_prefix(start)).collect::<Vec<_>>();

    assert_eq!(with("order-17: "), ["delivered", "delivered, replayed"]);
    assert_eq!(with("order-18: "), ["failed"]);

    // The call that did not arrive was followed by one under the same key, the replay by nothing.
    let keys: Vec<_> = with("provider got ").iter().map(|line| line.rsplit(' ').next().unwrap_or_default()).collect();
    assert_eq!(keys.len(), 3);
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[1], keys[2]);

    let events: Vec<Value> = with("received: ").iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["v"], &events[0]["type"], &events[0]["tenant"]), (&1.into(), &"message".into(), &"shop".into()));
    assert_eq!(events[0]["content"], serde_json::json!({ "type": "text", "body": "Merci, à bientôt 🎉" }));
    assert_eq!(with("webhook: "), ["200 OK", "401 Unauthorized"]);

    // The message that was refused and the element that could not be read.
    assert_eq!(with("dead letter: failed: ").len(), 1);
    let poison: Vec<Value> = with("dead letter: poison: ").iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(poison.len(), 1);
    assert_eq!((&poison[0]["type"], &poison[0]["path"]), (&"element_error".into(), &"/1".into()));
    assert_eq!(poison[0]["raw"], serde_json::json!({ "type": 7 }));
}

#[test]
fn a_strategy_in_both_directions_takes_at_most_120_lines() {
    let lines = STRATEGY.lines().filter(|line| !line.trim().is_empty()).count();
    assert!((1..=120).contains(&lines), "{lines} lines");
}
