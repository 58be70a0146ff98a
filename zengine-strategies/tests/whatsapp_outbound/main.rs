//! The requests of `whatsapp-meta-cloud`, its refusals, and its reading of answers.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "these are tests, helpers included")]

mod answers;
mod bodies;
mod files;
mod health;
mod limits;
mod manage;
mod onboarding;
mod property;
mod schema;
mod stored;
mod support;
mod token;
