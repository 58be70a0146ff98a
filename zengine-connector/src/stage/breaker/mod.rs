//! The breaker: stops calls to a provider that fails, and tries again later (rules 44 to 48 and 54).
//!
//! One [`Circuit`] per tenant and strategy decides locally and at once. Its transitions are appended to the shared log in
//! the background. Only the append that wins a probe is awaited, for 150 ms at most.

mod circuit;
mod log;
mod window;

pub(crate) use circuit::{Admission, Circuit, CircuitPorts, Permit, Verdict};
pub use log::State;
