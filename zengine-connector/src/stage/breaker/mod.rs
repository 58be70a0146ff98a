//! The breaker: stops calls to a provider that fails, and tries again later (rules 44 to 48 and 54).
//!
//! One [`Circuit`] per tenant and strategy. It decides locally and at once; its transitions are appended to the shared log
//! behind it, and only the append that wins a probe is waited for, shortly.

mod circuit;
mod log;
mod window;

pub(crate) use circuit::{Admission, Circuit, CircuitPorts, Circuits, Permit, Verdict};
pub(crate) use log::State;
