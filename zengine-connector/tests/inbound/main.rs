//! The inbound path, driven by small strategies that need each part of it.

#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected fails")]

mod bounds;
mod canaries;
mod conflicts;
mod cursors;
mod ephemeral;
mod evidence;
mod faults;
mod finish;
mod forget;
mod host;
mod late;
mod load;
#[path = "../common/log.rs"]
mod log;
mod ordering;
mod poison;
mod preview;
mod property;
mod raised;
mod replay;
mod replies;
mod requests;
mod routes;
mod sessions;
mod strategies;
mod synchronous;
