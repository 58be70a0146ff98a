//! Binding tenants: configuration, secrets, routes, and what is remembered of them.

// Helpers of tests may end a test.
#![allow(clippy::unwrap_used)]

mod binding;
mod bound;
mod canaries;
mod contract;
mod elsewhere;
mod host;
#[path = "../common/log.rs"]
mod log;
mod names;
mod rotation;
mod routes;
mod schema;
mod secret_stores;
mod set_up;
