//! What `whatsapp-meta-cloud` sends, refuses to send, and makes of the answers.

#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected fails")]

mod answers;
mod bodies;
mod files;
mod health;
mod limits;
mod property;
mod schema;
mod support;
