//! Templates without a network: rules, records, plans.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod definitions;
mod life;
mod plans;
mod property;
mod records;
mod support;
