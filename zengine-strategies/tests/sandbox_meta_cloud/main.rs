//! The Cloud API emulator, seen through a plain HTTP client and a plain HTTP callback.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::needless_pass_by_value, reason = "these are tests, helpers included")]

mod anything;
mod control;
mod deliveries;
mod engine;
mod faults;
mod in_process;
mod journal;
mod limits;
mod media;
mod node;
mod oauth;
mod support;
mod templates;
mod webhooks;
