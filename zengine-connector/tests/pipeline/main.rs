//! The outbound path end to end, by the numbered rules of `guide/semantics.md`: one owner per send, honest outcomes, and
//! what faults of stores, providers and callers must never lead to.
//!
//! Two orchestrators over the same stores stand for two processes: each has its own single-flight, caches and breakers. Every
//! rule is proved with its records in `memory` and in a `file`; those of claims also over `cas`, a store that compares and sets.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets the unexpected fails")]
#![allow(clippy::duplicate_mod, reason = "every rule is proved over several kinds of store")]
#![allow(clippy::unchecked_time_subtraction, reason = "simulated time only goes forward")]

mod canaries;
mod cas;
mod chaos;
mod crash;
mod cycle;
mod file;
mod files;
mod forget;
mod limits;
#[path = "../common/log.rs"]
mod log;
mod management;
mod memory;
mod send_all;
mod support;
mod trips;
