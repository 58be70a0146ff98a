//! The contract of every strategy, as a test suite.
//!
//! You supply a [`Fixture`]: how to build the strategy, sample tenants and messages, and the provider's responses.
//! [`contract_tests!`](crate::contract_tests) generates a `#[test]` for each case; a case with a need that the fixture does
//! not meet prints the reason and passes. Cases run over the erased handle on simulated time, without a network.
//!
//! See `guide/testing-a-strategy.md`. Not covered by semantic versioning: an upgrade may add cases.

// Cases are tests: a broken promise panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "cases are tests")]

mod attempt;
mod case;
mod cases;
mod conversations;
mod expected;
mod fault;
mod fixture;
mod host;
mod inbound;
mod inbox;
mod kit;
mod leaks;
mod list;
mod logs;
mod need;
mod outbound;
mod pairs;
mod response;
mod run;
mod sample;
mod sessions;
mod shape;
pub(crate) mod shown;
pub(crate) mod vary;
mod wire;

pub use conversations::ConversationScript;
pub use expected::Expected;
pub use fault::WireFault;
pub use fixture::Fixture;
pub use inbound::{Delivery, Handshake, Inbound};
pub use need::{Need, Skipped};
pub use outbound::Outbound;
pub use response::{ErrorRow, json, text};
pub use run::{Verdict, case_names, run, run_skips, verdict};
pub use sample::{Sample, SampleTenant};
pub use wire::{Call, Wire};
