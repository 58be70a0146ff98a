//! No public call waits for a port that never answers: each ends within a stated time of the simulated clock, loses nothing
//! and sends nothing twice.
//!
//! One call to a store ends within 5 s, one look-up in the directory or the secret store within 10 s, and a probe waits 150 ms
//! for the breaker's log. The times in these tests are sums of those and of the pauses between repeated calls.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets the unexpected fails")]

mod binding;
mod breaker;
mod claims;
mod deadline;
mod doubt;
mod effects;
mod events;
mod evidence;
mod guard;
mod host;
mod late;
#[path = "../common/log.rs"]
mod log;
mod panics;
mod redrive;
mod sessions;
mod strategies;
mod sweep;
mod synchronous;
mod verify;
