//! The contract that every strategy keeps, as tests that its author gets for one line.
//!
//! A strategy's author supplies a [`Fixture`]: how to build the strategy, sample tenants and messages, and what the
//! provider answers. [`contract_tests!`](crate::contract_tests) makes a `#[test]` of each case; a case whose need the
//! fixture does not meet prints why and ends. Everything runs over the erased handle on simulated time, without a network.
//!
//! `docs/testing-a-strategy.md` explains it. Not covered by semantic versioning: an upgrade may bring new cases.

// Cases are tests: what is not as promised ends them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "cases are tests")]

mod answer;
mod arriving;
mod bare;
mod cases;
mod fault;
mod fixture;
mod inbound;
mod inbox;
mod judge;
mod kit;
mod list;
mod logs;
mod need;
mod outbound;
mod pairs;
mod run;
mod sample;
mod told;
pub(crate) mod vary;
mod wire;
mod world;

pub use answer::{Answer, json, text};
pub use fault::WireFault;
pub use fixture::Fixture;
pub use inbound::{Delivery, Handshake, Inbound};
pub use need::{Need, Skipped};
pub use outbound::Outbound;
pub use run::{Verdict, case_names, run, run_skips, verdict};
pub use sample::{Sample, SampleTenant};
pub use told::Told;
pub use wire::{Call, Wire};
