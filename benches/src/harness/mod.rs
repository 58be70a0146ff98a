//! How rows are measured and printed.
//!
//! | part | what |
//! |---|---|
//! | [`Run`] | what was asked for on the command line |
//! | [`Case`], [`side_by_side`], [`measured`] | an operation, and the measuring of several in turns |
//! | [`Counted`] | an operation whose allocations and instructions are counted |
//! | [`Row`], [`Bound`] | a result, and what it is held to |
//! | `alloc` | the counting allocator |

mod alloc;
mod case;
mod instructions;
mod row;
mod run;

use std::time::Duration;

pub(crate) use alloc::{Counting, allocated};
pub(crate) use case::{Begun, Case, Sample, measured, measured_ns, side_by_side};
pub(crate) use instructions::{Counted, REPEAT};
pub(crate) use row::{Bound, Row};
pub(crate) use run::Run;

/// A monotonic clock of this process.
#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn now() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}
