//! The program `queue-consumer`: what becomes of each message in the queue.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::process::Command;

#[test]
fn every_message_ends_once() {
    let output = Command::new(env!("CARGO_BIN_EXE_queue-consumer")).env_remove("WHATSAPP_ACCESS_TOKEN").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let count = |part: &str| text.lines().filter(|line| line.contains(part)).count();
    assert_eq!(count("delivered at delivery 1: deleted"), 2, "{text}"); // order-1, and its duplicate
    assert_eq!(count("throttled at delivery 1: comes back in"), 1, "{text}");
    assert_eq!(count("delivered at delivery 2: deleted"), 1, "{text}"); // order-2, when it came back
    assert_eq!(count("failed at delivery 1: deleted"), 1, "{text}"); // order-3
    assert_eq!(count("put aside: "), 2, "{text}"); // order-4, and what is no message
    assert!(text.contains("2 put aside, 1 dead letters") && text.ends_with("4 calls to the provider\n"), "{text}");
}
