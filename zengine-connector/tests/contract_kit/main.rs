//! The contract kit, tried on strategies that are sound and on strategies that are wrong in one way each.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod broken;
mod fixture;
mod flaw;
mod pigeon;
mod sound;
