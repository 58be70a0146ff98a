//! The contract kit, on strategies of its own: a good one keeps the contract through the derive's own line.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

mod acme;
mod recording;
