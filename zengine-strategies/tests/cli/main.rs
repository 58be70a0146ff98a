//! The `zengine` command, run as a child process against the emulator on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

mod about;
mod check;
mod dry_run;
mod health;
mod keeping;
mod pipes;
mod receive;
mod sandbox;
mod secrecy;
mod send;
mod support;
mod sweep;
