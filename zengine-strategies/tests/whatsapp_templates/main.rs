//! Templates without a network: rules and records.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod definitions;
mod life;
mod records;
mod support;
