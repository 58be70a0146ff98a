//! Conversations against a provider that is no kinder than a real one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod desk;
mod early;
mod ends;
mod forms;
mod left;
mod lost;
mod model;
mod opens;
mod waits;
