//! The calls of `whatsapp-360dialog`: what leaves, and what an answer means.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "these are tests, helpers included")]

mod answers;
mod health;
mod media;
mod sends;
mod support;
mod webhooks;
