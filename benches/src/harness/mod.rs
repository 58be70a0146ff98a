//! The measuring and printing of rows.
//!
//! | part | what |
//! |---|---|
//! | [`Run`] | what was asked for on the command line |
//! | [`Case`], [`side_by_side`], [`measured`] | an operation, and the measuring of several in turns |
//! | [`Counted`] | an operation whose allocations and instructions are counted |
//! | [`Row`], [`Bound`] | a result, and what it is held to |
//! | [`median`] | of rounds |
//! | `alloc` | the counting allocator |

mod alloc;
mod case;
mod instructions;
mod row;
mod run;

use std::time::Duration;

pub(crate) use alloc::{Counting, allocated};
pub(crate) use case::{Case, Sample, measured, side_by_side};
pub(crate) use instructions::{Counted, REPEAT};
pub(crate) use row::{Bound, Row};
pub(crate) use run::Run;

/// The median of measurements; of an even number the upper one.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A monotonic clock of this process.
#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn now() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}
